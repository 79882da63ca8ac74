/* web.c: an HTTP/1.1 server: requests in, each to its handler, in order. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "net/forwarded.h"
#include "net/web_exchange.h"
#include "policy/metric.h"

/* What a page of another origin may send, and for how many seconds the browser
 * may keep that in mind. */
#define PREFLIGHT_METHODS "Access-Control-Allow-Methods: GET, POST\r\n"
#define PREFLIGHT_HEADERS "Access-Control-Allow-Headers: "
#define PREFLIGHT_OUR_HEADERS "Authorization, Content-Type"
#define PREFLIGHT_MAX_AGE "\r\nAccess-Control-Max-Age: 600\r\n"
#define PATH_CAP 4096
/* With so much still to be written, the next request waits. */
#define HOLD_BYTES 65536
/* What a client may send while the answer to its last request is held. */
#define HELD_INPUT_BYTES 16384

struct web {
	struct conn_set *set;
	const struct web_route *routes;
	bool is_draining;
	bool is_operators;
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
	uint64_t max_body_bytes;
	struct http_chunked chunked;
	struct web_held *held;
};

/* A request that is answered later. */
struct web_held {
	struct web_exchange exchange; /* its origin points behind this struct */
	void (*on_gone)(void *arg);
	void *arg;
};

static size_t on_bytes(struct conn *conn, char *bytes, size_t len, void *arg);
static void on_deadline(struct conn *conn, void *arg);
static void on_close(struct conn *conn, const char *reason, void *arg);

static const struct conn_ops conn_handlers = {
	.on_bytes = on_bytes, .on_deadline = on_deadline, .on_close = on_close};

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

void web_serve_operators(struct web *web)
{
	web->is_operators = true;
}

void web_drain(struct web *web)
{
	web->is_draining = true;
}

/* Between two requests. */
static bool is_idle(const struct web_conn *wc)
{
	return !wc->has_request && !wc->held && wc->awaited == HTTP_BODY_NONE &&
	       !conn_has_input(wc->conn) && !conn_queued_bytes(wc->conn);
}

static void end_idle(struct conn *conn, void *owner)
{
	const struct web_conn *wc = owner;

	if (wc->web->is_draining && is_idle(wc))
		conn_finish(conn, "going down");
}

void web_end_idle(struct web *web)
{
	conn_set_visit(web->set, &conn_handlers, end_idle);
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
	free(wc->held);
	free(wc);
}

static void on_close(struct conn *conn, const char *reason, void *arg)
{
	struct web_conn *wc = arg;

	(void)conn;
	log_debug("http.close", log_str("reason", reason));
	if (wc->held)
		wc->held->on_gone(wc->held->arg);
	free_web_conn(wc);
}

void web_write_allow(struct buf *headers, unsigned methods)
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

/* What a page of another origin may ask (Fetch, 4.8). */
static void write_preflight(struct buf *headers, enum web_cors cors,
			    const struct http_request *head)
{
	const struct http_header *wanted =
		http_find(head, SPAN("Access-Control-Request-Headers"));

	buf_append_str(headers, PREFLIGHT_METHODS PREFLIGHT_HEADERS);
	if (cors == WEB_CORS_CREDENTIALS && wanted)
		buf_append_span(headers, wanted->value);
	else
		buf_append_str(headers, PREFLIGHT_OUR_HEADERS);
	buf_append_str(headers, PREFLIGHT_MAX_AGE);
}

/* OPTIONS: what this path takes, and to a preflight what a page may send. */
static void reply_options(struct web_exchange *exchange,
			  const struct http_request *head, unsigned methods)
{
	struct buf headers = {0};

	web_write_allow(&headers, methods);
	if (exchange->cors != WEB_NO_CORS &&
	    http_find(head, SPAN("Access-Control-Request-Method")))
		write_preflight(&headers, exchange->cors, head);
	buf_append(&headers, "", 1);
	web_reply(exchange, &(struct web_response){.status = 204,
						   .headers = headers.ptr});
	buf_clear(&headers);
}

static void refuse_method(struct web_exchange *exchange, unsigned methods)
{
	struct buf headers = {0};

	web_write_allow(&headers, methods);
	buf_append(&headers, "", 1);
	web_reply_problem(exchange, 405,
			  "this path does not take this method; Allow names "
			  "those it takes",
			  headers.ptr);
	buf_clear(&headers);
}

static bool is_of_route(const struct web_route *route, const char *path)
{
	return route->is_prefix
		       ? !strncmp(route->path, path, strlen(route->path))
		       : !strcmp(route->path, path);
}

static const struct web_route *find_route(const struct web *web,
					  const char *path)
{
	const struct web_route *route = web->routes;

	while (route->path && (route->is_raw || !is_of_route(route, path)))
		route++;
	return route;
}

/* One for which the path need not be well encoded; NULL when there is none. */
static const struct web_route *find_raw_route(const struct web *web,
					      struct span path)
{
	for (const struct web_route *route = web->routes; route->path; route++)
		if (route->is_raw &&
		    span_has_prefix(path, span_from(route->path)))
			return route;
	return NULL;
}

static bool takes_method(const struct web_route *route, enum http_method method)
{
	return route->methods & (method == HTTP_HEAD ? HTTP_GET : method);
}

/* A request on its way to its handler. */
struct call {
	struct web_request request;
	struct web_exchange exchange;
	const struct web_route *route; /* NULL: of a path that is none */
	struct net_addr client;
	char path[PATH_CAP];
};

static void begin_call(struct call *call, struct web_conn *wc,
		       const struct http_request *head)
{
	const struct http_header *origin = http_find(head, SPAN("Origin"));
	struct web_request *request = &call->request;

	call->client = *conn_peer(wc->conn);
	if (conn_is_proxy(wc->conn))
		forwarded_client(head, loop_of(wc)->config, &call->client);
	*request = (struct web_request){
		.head = head,
		.path = call->path,
		.origin = origin ? origin->value : (struct span){NULL, 0},
		.peer = &call->client,
		.conn = wc->conn,
	};
	request->origin_verdict =
		origin_judge(span_from(loop_of(wc)->config->http.origins),
			     request->origin, head->host);
	call->path[0] = '\0';
	call->route = find_raw_route(wc->web, head->path);
	if (!call->route && head->path.len &&
	    !http_decode_path(head->path, call->path, sizeof(call->path)))
		call->route = find_route(wc->web, call->path);
	call->exchange = (struct web_exchange){
		.web_conn = wc,
		.conn = wc->conn,
		.writer = &wc->web->writer,
		.cors = call->route ? call->route->cors : WEB_NO_CORS,
		.is_head = head->method == HTTP_HEAD,
		.must_close = !head->is_keep_alive || wc->web->is_draining,
	};
	if (request->origin_verdict == ORIGIN_ALLOWED ||
	    request->origin_verdict == ORIGIN_OWN)
		call->exchange.origin = request->origin;
}

/* SCHEME://HOST of a page's address. */
static struct span origin_of(struct span address)
{
	const char *host, *end;

	host = memmem(address.ptr, address.len, "://", 3);
	if (!host)
		return address;
	host += 3;
	end = memchr(host, '/', address.len - (size_t)(host - address.ptr));
	return end ? span_of(address.ptr, (size_t)(end - address.ptr))
		   : address;
}

enum origin_verdict web_judge_page(const struct web_request *request)
{
	const struct http_request *head = request->head;
	const struct http_header *site, *referer;
	const struct config *config;

	if (request->origin_verdict != ORIGIN_ABSENT)
		return request->origin_verdict;
	site = http_find(head, SPAN("Sec-Fetch-Site"));
	if (site && span_equal(site->value, SPAN("same-origin")))
		return ORIGIN_OWN;
	referer = http_find(head, SPAN("Referer"));
	if (!referer)
		return ORIGIN_ABSENT;
	config = conn_loop(request->conn)->config;
	return origin_judge(span_from(config->http.origins),
			    origin_of(referer->value), head->host);
}

/* Send the request where it belongs; everything it needs is there. */
static void dispatch(struct call *call)
{
	const struct web_route *route = call->route;
	const struct http_request *head = call->request.head;
	struct web_exchange *exchange = &call->exchange;

	if (!head->path.len) {
		reply_options(exchange, head, HTTP_GET | HTTP_POST);
	} else if (!route) {
		web_reply_problem(exchange, 400,
				  "the path is too long or not well encoded",
				  NULL);
	} else if (!route->handler) {
		web_reply_problem(exchange, 404, "there is nothing here", NULL);
	} else if (head->method == HTTP_OPTIONS) {
		reply_options(exchange, head, route->methods);
	} else if (!takes_method(route, head->method)) {
		refuse_method(exchange, route->methods);
	} else {
		route->handler(exchange, &call->request, route->arg);
		if (!exchange->is_answered && !exchange->is_held)
			web_reply_problem(exchange, 500,
					  "the handler gave no answer", NULL);
	}
}

/* Refuse what will not be read to its end: answer and close. */
static void refuse_exchange(struct web_exchange *exchange, int status,
			    const char *detail, bool is_bare)
{
	metric_add(METRIC_CLOSED_PROTOCOL, 1);
	exchange->must_close = true;
	if (is_bare)
		web_reply(exchange, &(struct web_response){.status = status});
	else
		web_reply_problem(exchange, status, detail, NULL);
	conn_finish(exchange->conn, "bad request");
}

/* The same for what could not even be parsed. */
static void refuse(struct web_conn *wc, int status, const char *detail)
{
	struct web_exchange exchange = {
		.web_conn = wc,
		.conn = wc->conn,
		.writer = &wc->web->writer,
	};

	refuse_exchange(&exchange, status, detail, false);
}

static void refuse_call(struct call *call, int status, const char *detail)
{
	refuse_exchange(&call->exchange, status, detail,
			call->route && call->route->has_bare_errors);
}

/* Returns whether this address may ask for one more; else the answer is that
 * it may not, and the last one. */
static bool may_ask(struct call *call)
{
	struct web_conn *wc = call->exchange.web_conn;
	uint64_t wait_ms =
		limit_take(wc->web->is_operators ? NULL : loop_of(wc)->limits,
			   LIMIT_REQUESTS, net_addr_network(&call->client));

	if (!wait_ms)
		return true;
	web_reply_limited(&call->exchange, wait_ms);
	conn_finish(wc->conn, "requests of one address too fast");
	return false;
}

/* The request is whole: answer it. Returns false when the connection is no
 * longer ours. */
static bool answer(struct call *call, char *body, size_t body_len)
{
	struct web_conn *wc = call->exchange.web_conn;

	call->request.body = span_of(body, body_len);
	call->request.body_bytes = body;
	dispatch(call);
	if (call->exchange.is_switched) {
		free_web_conn(wc);
		return false;
	}
	if (call->exchange.must_close && !wc->held)
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

struct web_held *web_hold(struct web_exchange *exchange,
			  void (*on_gone)(void *arg), void *arg)
{
	struct web_held *held = malloc(sizeof(*held) + exchange->origin.len);

	exchange->is_held = true;
	if (!held) {
		conn_close(exchange->conn, "out of memory");
		return NULL;
	}
	held->exchange = *exchange;
	held->on_gone = on_gone;
	held->arg = arg;
	if (exchange->origin.ptr) {
		memcpy(held + 1, exchange->origin.ptr, exchange->origin.len);
		held->exchange.origin = span_of(held + 1, exchange->origin.len);
	}
	exchange->web_conn->held = held;
	conn_set_deadline(exchange->conn, 0);
	return held;
}

int web_held_reply(struct web_held *held, const struct web_response *response)
{
	struct web_conn *wc = held->exchange.web_conn;

	if (!conn_is_open(wc->conn)) {
		wc->held = NULL;
		free(held);
		return -EPIPE;
	}
	held->exchange.must_close |= wc->web->is_draining;
	wc->held = NULL;
	web_reply(&held->exchange, response);
	if (held->exchange.must_close)
		conn_finish(wc->conn, "answered the last request");
	else
		begin_next(wc);
	/* What it sent meanwhile is its next request, and is read when this
	 * answer is out. */
	if (conn_has_input(wc->conn))
		conn_hold_input(wc->conn);
	free(held);
	return 0;
}

static struct http_limits limits_of(const struct web_conn *wc)
{
	const struct config *config = loop_of(wc)->config;

	return (struct http_limits){
		.max_head_bytes = config->http.max_head_bytes,
		.max_target_bytes = config->http.max_target_bytes,
		.max_body_bytes = UINT64_MAX, /* the route says */
	};
}

static uint64_t max_body_bytes(const struct web_conn *wc,
			       const struct web_route *route)
{
	const struct config *config = loop_of(wc)->config;

	return route && route->max_body_bytes ? route->max_body_bytes(config)
					      : config->http.max_body_bytes;
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

/* Parse the kept head again; its spans now lie in wc->head. Returns false when
 * a reload has lowered a limit meanwhile; the connection is being closed then.
 */
static bool recall(struct web_conn *wc, struct call *call,
		   struct http_request *head)
{
	struct http_limits limits = limits_of(wc);
	struct http_error error;
	size_t scanned = 0;

	if (http_parse_head(buf_span(&wc->head), &scanned, &limits, head,
			    &error) <= 0) {
		refuse(wc, 413, "the request is over the limits in force now");
		return false;
	}
	begin_call(call, wc, head);
	return true;
}

static bool end_body(struct web_conn *wc)
{
	struct http_request head;
	struct call call;

	return recall(wc, &call, &head) &&
	       answer(&call, wc->body.ptr, wc->body.len);
}

/* The body of the request whose head is kept did not come well. */
static void refuse_body(struct web_conn *wc, int status, const char *detail)
{
	struct http_request head;
	struct call call;

	if (!recall(wc, &call, &head))
		return;
	if (call.route && call.route->on_body_failed)
		call.route->on_body_failed(&call.request, call.route->arg);
	refuse_call(&call, status, detail);
}

/* Bytes of a body; *is_whole when it is complete. Returns how many were used.
 */
static size_t take_body(struct web_conn *wc, char *bytes, size_t len,
			bool *is_whole)
{
	size_t used = len;
	int err;

	if (wc->awaited == HTTP_BODY_LENGTH) {
		if (used > wc->body_left)
			used = len = (size_t)wc->body_left;
		wc->body_left -= used;
		*is_whole = !wc->body_left;
	} else {
		err = http_chunked_decode(&wc->chunked, bytes, &len, &used,
					  wc->max_body_bytes);
		if (err < 0) {
			refuse_body(wc, err == -EMSGSIZE ? 413 : 400,
				    err == -EMSGSIZE
					    ? "the body is larger than this "
					      "path takes"
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

/* What the head promises must be what this path takes. */
static bool may_have_body(struct web_conn *wc, struct call *call)
{
	const struct http_request *head = call->request.head;

	wc->max_body_bytes = max_body_bytes(wc, call->route);
	if (lacks_length(head) &&
	    !(call->route && call->route->may_lack_length))
		refuse_call(call, 411,
			    "a request with this method needs a Content-Length "
			    "or a chunked body");
	else if (head->content_length > wc->max_body_bytes)
		refuse_call(call, 413,
			    "the body is larger than this path takes");
	else
		return true;
	return false;
}

/* One request's head, and its body as far as it has come. Returns the bytes
 * used; 0 when more are needed or the connection is over. */
static size_t take_request(struct web_conn *wc, char *bytes, size_t len,
			   bool *is_ours)
{
	struct http_limits limits = limits_of(wc);
	struct http_request head;
	struct http_error error;
	struct call call;
	ssize_t head_len = http_parse_head(span_of(bytes, len), &wc->scanned,
					   &limits, &head, &error);

	if (head_len < 0)
		refuse(wc, error.status, error.detail);
	if (head_len <= 0)
		return 0;
	begin_call(&call, wc, &head);
	if (!may_ask(&call) || !may_have_body(wc, &call))
		return 0;
	if (head.body_kind == HTTP_BODY_NONE ||
	    (head.body_kind == HTTP_BODY_LENGTH &&
	     len - (size_t)head_len >= head.content_length)) {
		size_t body_len_here = (size_t)head.content_length;

		*is_ours = answer(&call, bytes + head_len, body_len_here);
		if (*is_ours && !wc->held)
			begin_next(wc);
		return (size_t)head_len + body_len_here;
	}
	begin_body(wc, &head, span_of(bytes, (size_t)head_len));
	if (call.route && call.route->on_body)
		call.route->on_body(&call.request, call.route->arg);
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
		if (*is_ours && !wc->held)
			begin_next(wc);
	}
	return used;
}

/* The next request must wait: for a held answer, or for answers to be read. */
static bool must_wait(struct web_conn *wc, size_t len)
{
	if (wc->held) {
		if (len > HELD_INPUT_BYTES)
			conn_close(wc->conn, "talks on before its answer");
		return true;
	}
	if (conn_queued_bytes(wc->conn) < HOLD_BYTES)
		return false;
	conn_hold_input(wc->conn);
	return true;
}

static size_t on_bytes(struct conn *conn, char *bytes, size_t len, void *arg)
{
	struct web_conn *wc = arg;
	bool is_ours = true;
	size_t used = 0;

	while (used < len && is_ours && conn_is_open(conn) &&
	       !must_wait(wc, len - used)) {
		size_t n;

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
		refuse_body(wc, 408, "the request's body did not come in time");
	else if (wc->has_request && wc->scanned)
		refuse(wc, 408, "the request's head did not come in time");
	else
		conn_close(conn, "no request");
}
