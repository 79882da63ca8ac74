/* web_reply.c: the answers of the HTTP server. */
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "net/web_exchange.h"
#include "policy/metric.h"

/* What every response says. */
#define COMMON_HEADERS                        \
	"X-Content-Type-Options: nosniff\r\n" \
	"Referrer-Policy: same-origin\r\n"

void web_writer_clear(struct web_writer *writer)
{
	buf_clear(&writer->head);
}

static struct span date_header(const struct web_exchange *exchange)
{
	struct web_writer *writer = exchange->writer;
	uint64_t now_s = clock_wall_s(&conn_loop(exchange->conn)->clock);
	time_t seconds = (time_t)now_s;
	struct tm tm;

	if (writer->date_s != now_s) {
		writer->date_s = now_s;
		(void)gmtime_r(&seconds, &tm);
		(void)strftime(writer->date, sizeof(writer->date),
			       "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
	}
	return span_from(writer->date);
}

static void write_cors(struct buf *head, const struct web_exchange *exchange)
{
	if (exchange->cors == WEB_NO_CORS)
		return;
	buf_append_str(head, "Vary: Origin\r\n");
	if (!exchange->origin.ptr)
		return;
	buf_append_str(head, "Access-Control-Allow-Origin: ");
	buf_append_span(head, exchange->origin);
	buf_append_str(head, "\r\n");
	if (exchange->cors == WEB_CORS_CREDENTIALS)
		buf_append_str(head,
			       "Access-Control-Allow-Credentials: true\r\n");
}

static void count_status(int status)
{
	if (status < 300)
		metric_add(METRIC_HTTP_REQUESTS_2XX, 1);
	else if (status < 400)
		metric_add(METRIC_HTTP_REQUESTS_3XX, 1);
	else if (status < 500)
		metric_add(METRIC_HTTP_REQUESTS_4XX, 1);
	else
		metric_add(METRIC_HTTP_REQUESTS_5XX, 1);
}

static void write_status_line(struct buf *head, int status)
{
	buf_append_str(head, "HTTP/1.1 ");
	buf_append_u64(head, (uint64_t)status);
	buf_append_str(head, " ");
	buf_append_str(head, http_status_text(status));
	buf_append_str(head, "\r\n");
}

/* 1xx, 204 and 304 have no body and no Content-Length (RFC 9110, 8.6). */
static bool has_no_body(int status)
{
	return status < 200 || status == 204 || status == 304;
}

static size_t body_len(const struct web_response *response)
{
	return response->file ? response->file->len : response->body.len;
}

static void write_head(struct buf *head, const struct web_exchange *exchange,
		       const struct web_response *response)
{
	head->len = 0;
	write_status_line(head, response->status);
	buf_append_span(head, date_header(exchange));
	buf_append_str(head, COMMON_HEADERS);
	if (response->content_type) {
		buf_append_str(head, "Content-Type: ");
		buf_append_str(head, response->content_type);
		buf_append_str(head, "\r\n");
	}
	if (!has_no_body(response->status)) {
		buf_append_str(head, "Content-Length: ");
		buf_append_u64(head, body_len(response));
		buf_append_str(head, "\r\n");
	}
	write_cors(head, exchange);
	if (response->headers)
		buf_append_str(head, response->headers);
	if (exchange->must_close)
		buf_append_str(head, "Connection: close\r\n");
	buf_append_str(head, "\r\n");
}

void web_note_foreign(const struct web_exchange *exchange,
		      const struct web_request *request)
{
	uint64_t now_s = clock_wall_s(&conn_loop(exchange->conn)->clock);

	metric_add(METRIC_REFUSED_ORIGIN, 1);
	if (exchange->writer->foreign_s == now_s)
		return;
	exchange->writer->foreign_s = now_s;
	log_warn("http.origin_refused", log_span("origin", request->origin),
		 log_str("path", request->path),
		 log_str("key", "http.origins"));
}

void web_reply(struct web_exchange *exchange,
	       const struct web_response *response)
{
	struct conn *conn = exchange->conn;
	struct buf *head = &exchange->writer->head;
	struct span parts[2] = {{NULL, 0}, {NULL, 0}};

	exchange->is_answered = true;
	count_status(response->status);
	write_head(head, exchange, response);
	if (head->failed) {
		conn_close(conn, "out of memory");
		buf_clear(head);
		return;
	}
	parts[0] = buf_span(head);
	if (!exchange->is_head && !response->file)
		parts[1] = response->body;
	if (!conn_write(conn, parts, 2) && !exchange->is_head &&
	    response->file) {
		const struct share whole = share_of(response->file);

		(void)conn_write_exempt(conn, &whole);
	}
}

void web_reply_problem(struct web_exchange *exchange, int status,
		       const char *detail, const char *headers)
{
	web_reply_problem_code(exchange, status, NULL, detail, headers);
}

void web_write_problem(struct buf *body, int status, const char *code,
		       const char *detail)
{
	buf_append_str(body, "{\"title\": ");
	buf_append_json(body, span_from(http_status_text(status)));
	buf_append_format(body, ", \"status\": %d", status);
	if (code) {
		buf_append_str(body, ", \"code\": ");
		buf_append_json(body, span_from(code));
	}
	buf_append_str(body, ", \"detail\": ");
	buf_append_json(body, span_from(detail));
	buf_append_str(body, "}\n");
}

void web_reply_problem_code(struct web_exchange *exchange, int status,
			    const char *code, const char *detail,
			    const char *headers)
{
	struct buf body = {0};

	web_write_problem(&body, status, code, detail);
	web_reply(exchange, &(struct web_response){
				    .status = status,
				    .content_type = "application/problem+json",
				    .body = buf_span(&body),
				    .headers = headers,
			    });
	buf_clear(&body);
}

void web_reply_limited(struct web_exchange *exchange, uint64_t wait_ms)
{
	char headers[128];

	(void)snprintf(headers, sizeof(headers),
		       "Retry-After: %llu\r\n"
		       "Access-Control-Expose-Headers: Retry-After\r\n",
		       (unsigned long long)limit_retry_s(wait_ms));
	exchange->must_close = true;
	web_reply_problem(exchange, 429,
			  "this address asks too often; Retry-After says in "
			  "how many seconds it may again (docs/limits.md)",
			  headers);
}

bool web_may(struct web_exchange *exchange, const struct web_request *request,
	     enum limit_kind kind)
{
	uint64_t wait_ms = limit_take(conn_loop(exchange->conn)->limits, kind,
				      net_addr_network(request->peer));

	if (wait_ms)
		web_reply_limited(exchange, wait_ms);
	return !wait_ms;
}

/* Until the next owner has come, and if none can, the connection is nobody's.
 */
static struct conn *give_up(struct web_exchange *exchange,
			    const struct buf *head)
{
	struct conn *conn = exchange->conn;

	exchange->is_answered = true;
	exchange->is_switched = true;
	(void)conn_write(conn, (struct span[]){buf_span(head)}, 1);
	conn_set_deadline(conn, 0);
	conn_set_ops(conn, &conn_nobody, NULL);
	return conn;
}

struct conn *web_stream(struct web_exchange *exchange, const char *content_type)
{
	struct buf *head = &exchange->writer->head;

	count_status(200);
	head->len = 0;
	write_status_line(head, 200);
	buf_append_span(head, date_header(exchange));
	buf_append_str(head, COMMON_HEADERS "Cache-Control: no-store\r\n"
					    "Connection: close\r\n"
					    "Content-Type: ");
	buf_append_str(head, content_type);
	buf_append_str(head, "\r\n\r\n");
	return give_up(exchange, head);
}

struct conn *web_switch_protocols(struct web_exchange *exchange,
				  const char *headers)
{
	struct buf *head = &exchange->writer->head;

	head->len = 0;
	buf_append_str(head, "HTTP/1.1 101 Switching Protocols\r\n");
	buf_append_str(head, headers);
	buf_append_str(head, "\r\n");
	return give_up(exchange, head);
}
