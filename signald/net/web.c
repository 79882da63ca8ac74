/* web.c: an HTTP/1.1 server: requests in, each to its handler, in order. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "net/web_exchange.h"
#include "policy/metric.h"

/* What a page of another origin may send, and for how many seconds the browser
 * may keep that in mind. */
#define PREFLIGHT_HEADERS                                               \
	"Access-Control-Allow-Methods: GET, POST\r\n"                   \
	"Access-Control-Allow-Headers: Authorization, Content-Type\r\n" \
	"Access-Control-Max-Age: 600\r\n"
#define PATH_CAP 4096
/* With so much still to be written, the next request waits. */
#define HOLD_BYTES 65536

struct web {
	struct conn_set *set;
	const struct web_route *routes;
	bool is_draining;
	struct web_writer writer;
};

/*
 * A connection that speaks HTTP. Without a body, or with one that has come
 * along, a request is parsed and answered where it lies in the read buffer, and
 * nothing is kept. Otherwise its head is copied to `head` and its body gathers
 * in `body` until it is whole.
 */
struct web_conn {
	struct web *web;
	struct conn *conn;
	size_t scanned;	  /* of an incomplete head */
	bool has_request; /* a head has begun: its deadline is running */
	enum http_body_kind awaited; /* HTTP_BODY_NONE: no body is */
	struct buf head;
	struct buf body;
	uint64_t body_left; /* HTTP_BODY_LENGTH */
	struct http_chunked chunked;
};

static size_t on_bytes(struct conn *conn, char *bytes, size_t len, void *arg);
static void on_deadline(struct conn *conn, void *arg);
static void on_close(struct conn *conn, const char *reason, void *arg);

static const struct conn_ops conn_handlers = {on_bytes, on_deadline, on_close};

int web_new(struct web **webp, struct conn_set *set,
	    const struct web_route *routes)
{
	struct web *web = calloc(1, sizeof(*web));

	if (!web)
		return -ENOMEM;
	web->set = set;
	web->routes = routes;
	*webp = web;
	return 0;
}

void web_free(struct web *web)
{
	if (!web)
		return;
	web_writer_clear(&web->writer);
	free(web);
}

void web_drain(struct web *web)
{
	web->is_draining = true;
}

static const struct loop *loop_of(const struct web_conn *wc)
{
	return conn_set_loop(wc->web->set);
}

/* The time a request may take from its first byte on, or the wait for one. */
static void restart_deadline(struct web_conn *wc)
{
	const struct config *config = loop_of(wc)->config;
	unsigned seconds = config->http.keep_alive_timeout_s;

	if (wc->awaited != HTTP_BODY_NONE)
		seconds = config->http.body_timeout_s;
	else if (wc->has_request)
		seconds = config->http.head_timeout_s;
	conn_set_deadline(wc->conn,
			  loop_of(wc)->clock.mono_ms + seconds * 1000ull);
}

void web_accept(struct conn *conn, void *arg)
{
	struct web_conn *wc = calloc(1, sizeof(*wc));

	if (!wc) {
		conn_close(conn, "out of memory");
		return;
	}
	wc->web = arg;
	wc->conn = conn;
	/* A connection that says nothing at first is as slow as a slow head. */
	wc->has_request = true;
	conn_set_ops(conn, &conn_handlers, wc);
	restart_deadline(wc);
}

static void free_web_conn(struct web_conn *wc)
{
	buf_clear(&wc->head);
	buf_clear(&wc->body);
	free(wc);
}

static void on_close(struct conn *conn, const char *reason, void *arg)
{
	(void)conn;
	log_debug("http.close", log_str("reason", reason));
	free_web_conn(arg);
}

/* "Allow: GET, HEAD, OPTIONS" */
static void write_allow(struct buf *headers, unsigned methods)
{
	const char *separator = "Allow: ";

	if (methods & HTTP_GET)
		methods |= HTTP_HEAD;
	methods |= HTTP_OPTIONS;
	for (unsigned bit = HTTP_GET; bit <= HTTP_OPTIONS; bit <<= 1) {
		if (!(methods & bit))
			continue;
		buf_append_str(headers, separator);
		buf_append_str(headers,
			       http_method_name((enum http_method)bit));
		separator = ", ";
	}
	buf_append_str(headers, "\r\n");
}

/* OPTIONS: what this path takes, and to a preflight what a page may send. */
static void reply_options(struct web_exchange *exchange, unsigned methods)
{
	struct buf headers = {0};

	write_allow(&headers, methods);
	if (exchange->cors == WEB_CORS &&
	    http_find(exchange->request->head,
		      SPAN("Access-Control-Request-Method")))
		buf_append_str(&headers, PREFLIGHT_HEADERS);
	buf_append(&headers, "", 1);
	web_reply(exchange, &(struct web_response){.status = 204,
						   .headers = headers.ptr});
	buf_clear(&headers);
}

static void refuse_method(struct web_exchange *exchange, unsigned methods)
{
	struct buf headers = {0};

	write_allow(&headers, methods);
	buf_append(&headers, "", 1);
	web_reply_problem(exchange, 405,
			  "this path does not take this method; Allow names "
			  "those it takes",
			  headers.ptr);
	buf_clear(&headers);
}

static const struct web_route *find_route(const struct web *web,
					  const char *path)
{
	const struct web_route *route = web->routes;

	while (route->path && strcmp(route->path, path) != 0)
		route++;
	return route;
}

static bool takes_method(const struct web_route *route, enum http_method method)
{
	return route->methods & (method == HTTP_HEAD ? HTTP_GET : method);
}

/* Send the request where it belongs; everything it needs is there. */
static void dispatch(struct web_exchange *exchange,
		     const struct web_route *route)
{
	const struct web_request *request = exchange->request;

	exchange->cors = route->cors;
	if (!route->handler) {
		web_reply_problem(exchange, 404, "there is nothing here", NULL);
	} else if (request->head->method == HTTP_OPTIONS) {
		reply_options(exchange, route->methods);
	} else if (!takes_method(route, request->head->method)) {
		refuse_method(exchange, route->methods);
	} else {
		route->handler(exchange, request, route->arg);
		if (!exchange->is_answered)
			web_reply_problem(exchange, 500,
					  "the handler gave no answer", NULL);
	}
}

/* Refuse what could not be parsed or will not be read: answer and close. */
static void refuse(struct web_conn *wc, int status, const char *detail)
{
	struct web_exchange exchange = {
		.conn = wc->conn,
		.writer = &wc->web->writer,
		.must_close = true,
	};

	metric_add(METRIC_CLOSED_PROTOCOL, 1);
	web_reply_problem(&exchange, status, detail, NULL);
	conn_finish(wc->conn, "bad request");
}

/* The request is whole: answer it. Returns false when the connection is no
 * longer ours. */
static bool answer(struct web_conn *wc, const struct http_request *head,
		   struct span body)
{
	const struct http_header *origin = http_find(head, SPAN("Origin"));
	char path[PATH_CAP];
	struct web_request request = {
		.head = head,
		.path = path,
		.body = body,
		.origin = origin ? origin->value : (struct span){NULL, 0},
		.peer = conn_peer(wc->conn),
	};
	struct web_exchange exchange = {
		.conn = wc->conn,
		.writer = &wc->web->writer,
		.request = &request,
		.must_close = !head->is_keep_alive || wc->web->is_draining,
	};

	request.origin_verdict =
		origin_judge(span_from(loop_of(wc)->config->http.origins),
			     request.origin, head->host);
	if (!head->path.len)
		reply_options(&exchange, HTTP_GET | HTTP_POST); /* OPTIONS * */
	else if (http_decode_path(head->path, path, sizeof(path)))
		web_reply_problem(&exchange, 400,
				  "the path is too long or not well encoded",
				  NULL);
	else
		dispatch(&exchange, find_route(wc->web, path));
	if (exchange.is_switched) {
		free_web_conn(wc);
		return false;
	}
	if (exchange.must_close)
		conn_finish(wc->conn, "answered the last request");
	return conn_is_open(wc->conn);
}

/* Ready for the next request on this connection. */
static void begin_next(struct web_conn *wc)
{
	wc->scanned = 0;
	wc->has_request = false;
	wc->awaited = HTTP_BODY_NONE;
	buf_clear(&wc->head);
	buf_clear(&wc->body);
	restart_deadline(wc);
}

static struct http_limits limits_of(const struct web_conn *wc)
{
	const struct config *config = loop_of(wc)->config;

	return (struct http_limits){
		.max_head_bytes = config->http.max_head_bytes,
		.max_target_bytes = config->http.max_target_bytes,
		.max_body_bytes = config->http.max_body_bytes,
	};
}

/* A body is awaited: keep the head, since the read buffer will be reused. */
static void begin_body(struct web_conn *wc, const struct http_request *head,
		       struct span bytes)
{
	wc->awaited = head->body_kind;
	wc->chunked = (struct http_chunked){0};
	wc->body_left = head->content_length;
	buf_append_span(&wc->head, bytes);
	if (wc->head.failed)
		conn_close(wc->conn, "out of memory");
	else if (head->is_expecting_continue)
		(void)conn_write(wc->conn,
				 &SPAN("HTTP/1.1 100 Continue\r\n\r\n"), 1);
	restart_deadline(wc);
}

/* The body is whole: parse the kept head again, its spans now lie in wc->head.
 */
static bool end_body(struct web_conn *wc)
{
	struct http_limits limits = limits_of(wc);
	struct http_request head;
	struct http_error error;
	size_t scanned = 0;

	limits.max_body_bytes = UINT64_MAX;
	if (http_parse_head(buf_span(&wc->head), &scanned, &limits, &head,
			    &error) <= 0) {
		/* A reload has lowered a limit meanwhile. */
		refuse(wc, 413, "the request is over the limits in force now");
		return false;
	}
	return answer(wc, &head, buf_span(&wc->body));
}

/* Bytes of a body; *is_whole when it is complete. Returns how many were used.
 */
static size_t take_body(struct web_conn *wc, char *bytes, size_t len,
			bool *is_whole)
{
	uint64_t max = loop_of(wc)->config->http.max_body_bytes;
	size_t used = len;
	int err;

	if (wc->awaited == HTTP_BODY_LENGTH) {
		if (used > wc->body_left)
			used = len = (size_t)wc->body_left;
		wc->body_left -= used;
		*is_whole = !wc->body_left;
	} else {
		err = http_chunked_decode(&wc->chunked, bytes, &len, &used,
					  max);
		if (err < 0) {
			refuse(wc, err == -EMSGSIZE ? 413 : 400,
			       err == -EMSGSIZE
				       ? "the body is larger than this server "
					 "takes"
				       : "the chunked body is broken");
			return used;
		}
		*is_whole = err;
	}
	buf_append(&wc->body, bytes, len);
	if (wc->body.failed)
		conn_close(wc->conn, "out of memory");
	return used;
}

static bool lacks_length(const struct http_request *head)
{
	return head->body_kind == HTTP_BODY_NONE &&
	       (head->method == HTTP_POST || head->method == HTTP_PUT ||
		head->method == HTTP_PATCH);
}

/* One request's head, and its body as far as it has come. Returns the bytes
 * used; 0 when more are needed or the connection is over. */
static size_t take_request(struct web_conn *wc, char *bytes, size_t len,
			   bool *is_ours)
{
	struct http_limits limits = limits_of(wc);
	struct http_request head;
	struct http_error error;
	ssize_t head_len = http_parse_head(span_of(bytes, len), &wc->scanned,
					   &limits, &head, &error);

	if (head_len < 0)
		refuse(wc, error.status, error.detail);
	if (head_len <= 0)
		return 0;
	if (lacks_length(&head)) {
		refuse(wc, 411,
		       "a request with this method needs a Content-Length or "
		       "a chunked body");
		return 0;
	}
	if (head.body_kind == HTTP_BODY_NONE ||
	    (head.body_kind == HTTP_BODY_LENGTH &&
	     len - (size_t)head_len >= head.content_length)) {
		size_t body_len_here = (size_t)head.content_length;

		*is_ours = answer(wc, &head,
				  span_of(bytes + head_len, body_len_here));
		if (*is_ours)
			begin_next(wc);
		return (size_t)head_len + body_len_here;
	}
	begin_body(wc, &head, span_of(bytes, (size_t)head_len));
	return (size_t)head_len;
}

/* Bytes of a body whose head is kept. */
static size_t continue_body(struct web_conn *wc, char *bytes, size_t len,
			    bool *is_ours)
{
	bool is_whole = false;
	size_t used = take_body(wc, bytes, len, &is_whole);

	if (is_whole && conn_is_open(wc->conn)) {
		*is_ours = end_body(wc);
		if (*is_ours)
			begin_next(wc);
	}
	return used;
}

static size_t on_bytes(struct conn *conn, char *bytes, size_t len, void *arg)
{
	struct web_conn *wc = arg;
	bool is_ours = true;
	size_t used = 0;

	while (used < len && is_ours && conn_is_open(conn)) {
		size_t n;

		if (conn_queued_bytes(conn) >= HOLD_BYTES) {
			conn_hold_input(conn);
			break;
		}
		if (!wc->has_request) {
			wc->has_request = true;
			restart_deadline(wc);
		}
		n = wc->awaited != HTTP_BODY_NONE
			    ? continue_body(wc, bytes + used, len - used,
					    &is_ours)
			    : take_request(wc, bytes + used, len - used,
					   &is_ours);
		if (!n)
			break;
		used += n;
	}
	return used;
}

static void on_deadline(struct conn *conn, void *arg)
{
	struct web_conn *wc = arg;

	if (conn_queued_bytes(conn)) {
		/* Still busy with an answer; output.stall_timeout_s watches. */
		restart_deadline(wc);
		return;
	}
	metric_add(METRIC_CLOSED_TIMEOUT, 1);
	if (wc->awaited != HTTP_BODY_NONE)
		refuse(wc, 408, "the request's body did not come in time");
	else if (wc->has_request && wc->scanned)
		refuse(wc, 408, "the request's head did not come in time");
	else
		conn_close(conn, "no request");
}
