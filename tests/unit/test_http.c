/* test_http.c: what the HTTP parser promises. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "codec/http.h"
#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct http_limits limits = {.max_head_bytes = 8192,
					  .max_target_bytes = 2048,
					  .max_body_bytes = 65536};

static const char BROWSER[] =
	"GET /v1/ws?room=a%20b&x=1 HTTP/1.1\r\n"
	"Host: signal.example.org:8443\r\n"
	"Connection: keep-alive, Upgrade\r\n"
	"Upgrade: websocket\r\n"
	"User-Agent:\tMozilla/5.0 (X11; Linux x86_64)  \r\n"
	"Sec-WebSocket-Version: 13\r\n"
	"Accept-Language: caf\xc3\xa9\r\n"
	"X-Empty:\r\n"
	"\r\n";

static ssize_t parse(struct span bytes, struct http_request *request,
		     struct http_error *error)
{
	size_t scanned = 0;

	*error = (struct http_error){0};
	return http_parse_head(bytes, &scanned, &limits, request, error);
}

/* The same bytes with one more behind each other, as a slow client sends them.
 */
static ssize_t parse_dripping(struct span bytes, size_t step,
			      struct http_request *request,
			      struct http_error *error)
{
	size_t scanned = 0;
	ssize_t n = 0;

	*error = (struct http_error){0};
	for (size_t len = 0; !n && len <= bytes.len; len += step)
		n = http_parse_head(span_of(bytes.ptr, len), &scanned, &limits,
				    request, error);
	return n;
}

static void assert_span(struct span s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.ptr, text, s.len);
}

static void a_browsers_request_is_sliced(void **state)
{
	struct http_request r;
	struct http_error error;

	(void)state;
	assert_int_equal(parse(SPAN(BROWSER), &r, &error), sizeof(BROWSER) - 1);
	assert_int_equal(r.method, HTTP_GET);
	assert_int_equal(r.minor, 1);
	assert_span(r.target, "/v1/ws?room=a%20b&x=1");
	assert_span(r.path, "/v1/ws");
	assert_span(r.query, "room=a%20b&x=1");
	assert_span(r.host, "signal.example.org:8443");
	assert_int_equal(r.body_kind, HTTP_BODY_NONE);
	assert_true(r.is_keep_alive);
	assert_true(r.is_upgrade);
	assert_false(r.is_expecting_continue);
	assert_int_equal(r.headers_count, 7);
	assert_span(r.headers[3].name, "User-Agent");
	assert_span(r.headers[3].value, "Mozilla/5.0 (X11; Linux x86_64)");
	assert_span(r.headers[5].value, "caf\xc3\xa9");
	assert_span(r.headers[6].value, "");
}

static void assert_same(const struct http_request *a,
			const struct http_request *b)
{
	assert_int_equal(a->method, b->method);
	assert_true(span_equal(a->target, b->target));
	assert_true(span_equal(a->host, b->host));
	assert_int_equal(a->body_kind, b->body_kind);
	assert_int_equal(a->is_upgrade, b->is_upgrade);
	assert_int_equal(a->headers_count, b->headers_count);
	for (size_t i = 0; i < a->headers_count; i++) {
		assert_true(span_equal(a->headers[i].name, b->headers[i].name));
		assert_true(
			span_equal(a->headers[i].value, b->headers[i].value));
	}
}

static void a_head_split_anywhere_parses_the_same(void **state)
{
	size_t len = sizeof(BROWSER) - 1;
	struct http_request whole, split;
	struct http_error error;

	(void)state;
	assert_int_equal(parse(SPAN(BROWSER), &whole, &error), len);
	for (size_t at = 0; at < len; at++) {
		size_t scanned = 0;

		assert_int_equal(http_parse_head(span_of(BROWSER, at), &scanned,
						 &limits, &split, &error),
				 0);
		assert_in_range(scanned, at ? at - 1 : 0, at);
		assert_int_equal(http_parse_head(SPAN(BROWSER), &scanned,
						 &limits, &split, &error),
				 len);
		assert_int_equal(scanned, 0);
		assert_same(&whole, &split);
	}
}

static void a_dripping_head_parses_the_same(void **state)
{
	struct http_request whole, dripped;
	struct http_error error;

	(void)state;
	(void)parse(SPAN(BROWSER), &whole, &error);
	assert_int_equal(parse_dripping(SPAN(BROWSER), 1, &dripped, &error),
			 sizeof(BROWSER) - 1);
	assert_same(&whole, &dripped);
}

static void no_byte_behind_the_buffer_is_read(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(BROWSER); len++) {
		char *copy = guard_copy(BROWSER, len);
		bool is_whole = len == sizeof(BROWSER) - 1;
		struct http_request r;
		struct http_error error;

		assert_int_equal(parse(span_of(copy, len), &r, &error),
				 is_whole ? len : 0);
		guard_free(copy, len);
	}
}

static void a_pipelined_request_begins_behind_the_head(void **state)
{
	static const char two[] = "\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
				  "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
	struct http_request r;
	struct http_error error;
	ssize_t n = parse(SPAN(two), &r, &error);

	(void)state;
	assert_int_equal(n, 4 + 28);
	assert_span(r.path, "/1");
	n = parse(span_skip(SPAN(two), (size_t)n), &r, &error);
	assert_int_equal(n, 28);
	assert_span(r.path, "/2");
}

#define LINE "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

/* Everything that is refused, with the status of the answer. */
static const struct {
	const char *text;
	int status;
} refused[] = {
	/* line ends (RFC 9112, 2.2) */
	{"GET / HTTP/1.1\nHost: a\n\n", 400},
	{"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
	{"GET / HTTP/1.1\rHost: a\r\r", 400},
	{LINE "Host: a\rX: b\r\n\r\n", 400},
	{LINE "Host: a\r\r\n\r\n", 400},
	{LINE "Host: a\r\n\rX", 400},
	{LINE "Host: a\r\nX: b\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{"\r\n\r\n\r\n" LINE "Host: a\r\n\r\n", 400},
	{"\n" LINE "Host: a\r\n\r\n", 400},
	/* control characters */
	{LINE "Host: a\r\nX: b\x01\r\n\r\n", 400},
	{LINE "Host: a\r\nX: b\x7f\r\n\r\n", 400},
	{LINE "Host: a\r\nX: b\x0b\r\n\r\n", 400},
	{"GET /\x1b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"\x16\x03\x01\x02", 400},
	/* the request line */
	{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
	{" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET / b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET /\r\nHost: a\r\n\r\n", 400},
	{"GET\r\n\r\n", 400},
	{"GET / \r\n\r\n", 400},
	{"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
	{"GET / HTTP/1,1\r\nHost: a\r\n\r\n", 400},
	{"GET / HTTP/x.1\r\nHost: a\r\n\r\n", 400},
	{"GET / XTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
	{"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
	{"PRI * HTTP/2.0\r\n\r\n", 505},
	{"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
	{"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
	{"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
	/* the target */
	{"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET /\"<> HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	{"GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
	/* header lines */
	{LINE " Host: a\r\n\r\n", 400},
	{LINE "\tHost: a\r\n\r\n", 400},
	{LINE "Host: a\r\nX: b\r\n c\r\n\r\n", 400},
	{LINE "Host: a\r\nX: b\r\n\tc\r\n\r\n", 400},
	{LINE "Host : a\r\n\r\n", 400},
	{LINE "Host\t: a\r\n\r\n", 400},
	{LINE "Host\r\n\r\n", 400},
	{LINE "Host: a\r\n: b\r\n\r\n", 400},
	{LINE "Host: a\r\nX(Y): b\r\n\r\n", 400},
	{LINE "Host: a\r\nX\xc3\xa9: b\r\n\r\n", 400},
	{POST "Transfer-Encoding : chunked\r\n\r\n", 400},
	{POST "Content-Length : 3\r\n\r\n", 400},
	/* Host (RFC 9112, 3.2) */
	{LINE "\r\n", 400},
	{LINE "X: b\r\n\r\n", 400},
	{LINE "Host: a\r\nHost: a\r\n\r\n", 400},
	{LINE "Host: a\r\nhost: b\r\n\r\n", 400},
	{LINE "Host:\r\n\r\n", 400},
	{LINE "Host: a b\r\n\r\n", 400},
	{LINE "Host: a,b\r\n\r\n", 400},
	{LINE "Host: u@a\r\n\r\n", 400},
	{LINE "Host: a/b\r\n\r\n", 400},
	{LINE "Host: a:b\r\n\r\n", 400},
	{LINE "Host: a:1:2\r\n\r\n", 400},
	{LINE "Host: a:65536\r\n\r\n", 400},
	{LINE "Host: :80\r\n\r\n", 400},
	{LINE "Host: http://a\r\n\r\n", 400},
	{LINE "Host: [::1\r\n\r\n", 400},
	{LINE "Host: []\r\n\r\n", 400},
	{LINE "Host: [::1]a\r\n\r\n", 400},
	{LINE "Host: [::g]\r\n\r\n", 400},
	{"GET http://a/ HTTP/1.1\r\n\r\n", 400},
	{"GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
	/* Content-Length (RFC 9112, 6.3) */
	{POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
	{POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
	{POST "Content-Length: 3, 3\r\n\r\n", 400},
	{POST "Content-Length: +3\r\n\r\n", 400},
	{POST "Content-Length: -3\r\n\r\n", 400},
	{POST "Content-Length: 0x3\r\n\r\n", 400},
	{POST "Content-Length: 3a\r\n\r\n", 400},
	{POST "Content-Length: 3 3\r\n\r\n", 400},
	{POST "Content-Length: 3.0\r\n\r\n", 400},
	{POST "Content-Length:\r\n\r\n", 400},
	{POST "Content-Length: 65537\r\n\r\n", 413},
	{POST "Content-Length: 18446744073709551617\r\n\r\n", 413},
	{POST "Content-Length: 99999999999999999999999\r\n\r\n", 413},
	/* Transfer-Encoding (RFC 9112, 6.1) */
	{POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
	{POST "Transfer-Encoding: xchunked\r\n\r\n", 501},
	{POST "Transfer-Encoding: gzip\r\n\r\n", 501},
	{POST "Transfer-Encoding: identity\r\n\r\n", 501},
	{POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
	{POST "Transfer-Encoding: identity, chunked\r\n\r\n", 501},
	{POST "Transfer-Encoding: chunked, identity\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked,\r\n\r\n", 400},
	{POST "Transfer-Encoding: ,chunked\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked;q=1\r\n\r\n", 400},
	{POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked x\r\n\r\n", 400},
	{POST "Transfer-Encoding:\r\n\r\n", 400},
	{POST "Transfer-Encoding: chunked\r\n"
	      "Transfer-Encoding: chunked\r\n\r\n",
	 400},
	{POST "Transfer-Encoding: chunked\r\n"
	      "Transfer-Encoding: identity\r\n\r\n",
	 400},
	{POST "Transfer-Encoding: \x0b"
	      "chunked\r\n\r\n",
	 400},
	{POST "Transfer-Encoding:\r\n chunked\r\n\r\n", 400},
	{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	/* Expect (RFC 9110, 10.1.1) */
	{POST "Expect: tea\r\n\r\n", 417},
	{POST "Expect: 100-continue, tea\r\n\r\n", 417},
};

static void every_ambiguous_head_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct span text = span_from(refused[i].text);
		struct http_request r;
		struct http_error error;
		ssize_t n = parse(text, &r, &error);

		if (n != -EPROTO || error.status != refused[i].status)
			print_error("%s: %zd, %d\n", refused[i].text, n,
				    error.status);
		assert_int_equal(n, -EPROTO);
		assert_int_equal(error.status, refused[i].status);
		assert_true(strlen(error.detail) > 10);
	}
}

static void a_refusal_does_not_depend_on_the_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct span text = span_from(refused[i].text);
		char *copy = guard_copy(text.ptr, text.len);
		struct http_request r;
		struct http_error error;

		assert_int_equal(
			parse_dripping(span_of(copy, text.len), 1, &r, &error),
			-EPROTO);
		assert_int_equal(error.status, refused[i].status);
		guard_free(copy, text.len);
	}
}

static void a_control_character_is_refused_wherever_it_stands(void **state)
{
	static const char controls[] = {0, 1, 0x0b, 0x1f, 0x7f};
	char text[sizeof(BROWSER)];

	(void)state;
	for (size_t i = 0; i < COUNT(controls) * (sizeof(BROWSER) - 1); i++) {
		struct http_request r;
		struct http_error error;

		memcpy(text, BROWSER, sizeof(BROWSER));
		text[i / COUNT(controls)] = controls[i % COUNT(controls)];
		assert_int_equal(
			parse(span_of(text, sizeof(text) - 1), &r, &error),
			-EPROTO);
		assert_int_equal(error.status, 400);
	}
}

static void a_value_may_hold_every_other_character(void **state)
{
	char text[512] = LINE "Host: a\r\nX: x";
	size_t len = strlen(text);
	struct http_request r;
	struct http_error error;

	(void)state;
	for (unsigned c = ' '; c <= 0xff; c++)
		if (c != 0x7f)
			text[len++] = (char)c;
	text[len++] = '\t';
	memcpy(text + len, "x\r\n\r\n", 5);
	assert_int_equal(parse(span_of(text, len + 5), &r, &error), len + 5);
	assert_int_equal(r.headers[1].value.len, 2 + 224 - 1 + 1);
}

static void a_broken_line_is_refused_before_the_head_is_whole(void **state)
{
	struct http_request r;
	struct http_error error;

	(void)state;
	assert_int_equal(parse(SPAN("GET / HTTP/1.1\nHo"), &r, &error),
			 -EPROTO);
	assert_int_equal(parse(SPAN(LINE "Host: \x02"), &r, &error), -EPROTO);
}

/* What is odd, and right. */
static const struct {
	const char *text;
	const char *path, *query, *host;
} accepted[] = {
	{LINE "hOST:a\r\n\r\n", "/", "", "a"},
	{LINE "Host: [::ffff:1.2.3.4]:443\r\n\r\n", "/", "",
	 "[::ffff:1.2.3.4]:443"},
	{LINE "Host: [::1]\r\n\r\n", "/", "", "[::1]"},
	{LINE "Host: my_host-1.example.:\r\n\r\n", "/", "",
	 "my_host-1.example.:"},
	{LINE "Host:\t 1.2.3.4:65535 \t\r\n\r\n", "/", "", "1.2.3.4:65535"},
	{"GET //a?b?c HTTP/1.1\r\nHost: a\r\n\r\n", "//a", "b?c", "a"},
	{"GET /{|}^`\\[] HTTP/1.1\r\nHost: a\r\n\r\n", "/{|}^`\\[]", "", "a"},
	{"GET /? HTTP/1.1\r\nHost: a\r\n\r\n", "/", "", "a"},
	{"GET http://b:1/c?d HTTP/1.1\r\nHost: a\r\n\r\n", "/c", "d", "b:1"},
	{"GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", "/", "", "b"},
	{"GET http://b?c HTTP/1.1\r\nHost: a\r\n\r\n", "/", "c", "b"},
	{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "", "", "a"},
	{"GET / HTTP/1.0\r\n\r\n", "/", "", ""},
	{"\r\n\r\nGET / HTTP/1.0\r\n\r\n", "/", "", ""},
};

static void odd_but_right_heads_are_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct span text = span_from(accepted[i].text);
		struct http_request r;
		struct http_error error;

		assert_int_equal(parse(text, &r, &error), text.len);
		assert_span(r.path, accepted[i].path);
		assert_span(r.query, accepted[i].query);
		assert_span(r.host, accepted[i].host);
		assert_int_equal(parse_dripping(text, 1, &r, &error), text.len);
	}
}

static const struct {
	const char *text;
	enum http_body_kind kind;
	uint64_t length;
	bool is_expecting;
} bodies[] = {
	{POST "\r\n", HTTP_BODY_NONE, 0, false},
	{POST "Content-Length: 0\r\n\r\n", HTTP_BODY_LENGTH, 0, false},
	{POST "Content-Length: 065536\r\n\r\n", HTTP_BODY_LENGTH, 65536, false},
	{POST "content-length:7\r\nexpect: 100-Continue\r\n\r\n",
	 HTTP_BODY_LENGTH, 7, true},
	{POST "Transfer-Encoding: Chunked\r\n\r\n", HTTP_BODY_CHUNKED, 0,
	 false},
	{"POST / HTTP/1.0\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n",
	 HTTP_BODY_LENGTH, 7, false},
};

static void the_body_that_follows_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		struct span text = span_from(bodies[i].text);
		struct http_request r;
		struct http_error error;

		assert_int_equal(parse(text, &r, &error), text.len);
		assert_int_equal(r.body_kind, bodies[i].kind);
		assert_int_equal(r.content_length, bodies[i].length);
		assert_int_equal(r.is_expecting_continue,
				 bodies[i].is_expecting);
	}
}

static const struct {
	const char *version, *headers;
	bool is_keep_alive, is_upgrade;
} connections[] = {
	{"1.1", "", true, false},
	{"1.1", "Connection: close\r\n", false, false},
	{"1.1", "Connection: Keep-Alive , Close\r\n", false, false},
	{"1.1", "Connection: upgrade\r\nConnection: close\r\n", false, true},
	{"1.1", "Connection: disclose\r\n", true, false},
	{"1.1", "Upgrade: websocket\r\n", true, false},
	{"1.0", "", false, false},
	{"1.0", "Connection: keep-alive\r\n", true, false},
	{"1.0", "Connection: keep-alive, close\r\n", false, false},
	{"1.0", "Connection: upgrade\r\n", false, false},
};

static void a_connection_stays_open_as_both_versions_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(connections); i++) {
		struct http_request r;
		struct http_error error;
		char text[256];

		(void)snprintf(text, sizeof(text),
			       "GET / HTTP/%s\r\nHost: a\r\n%s\r\n",
			       connections[i].version, connections[i].headers);
		assert_true(parse(span_from(text), &r, &error) > 0);
		assert_int_equal(r.is_keep_alive, connections[i].is_keep_alive);
		assert_int_equal(r.is_upgrade, connections[i].is_upgrade);
	}
}

static void every_method_is_known_by_its_name(void **state)
{
	(void)state;
	for (unsigned method = HTTP_GET; method <= HTTP_OPTIONS; method <<= 1) {
		const char *name = http_method_name((enum http_method)method);
		struct http_request r;
		struct http_error error;
		char text[64];

		(void)snprintf(text, sizeof(text),
			       "%s / HTTP/1.1\r\nHost: a\r\n\r\n", name);
		assert_true(parse(span_from(text), &r, &error) > 0);
		assert_int_equal(r.method, method);
	}
}

/* A head of exactly len bytes whose target has target_len. */
static char *make_head(size_t len, size_t target_len)
{
	char *head = test_malloc(len + 1);
	size_t at = 0;

	at += (size_t)sprintf(head, "GET /");
	memset(head + at, 'a', target_len - 1);
	at += target_len - 1;
	at += (size_t)sprintf(head + at, " HTTP/1.1\r\nHost: a\r\nX: ");
	memset(head + at, 'b', len - at - 4);
	memcpy(head + len - 4, "\r\n\r\n", 5);
	return head;
}

static void a_head_may_reach_its_limits_and_not_pass_them(void **state)
{
	static const struct {
		size_t len, target_len;
		int status;
	} cases[] = {
		{8192, 100, 0},	    {8193, 100, 431},  {20000, 100, 431},
		{8192, 2048, 0},    {8192, 2049, 414}, {12000, 2049, 431},
		{20000, 9000, 414},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *head = make_head(cases[i].len, cases[i].target_len);
		struct span text = span_of(head, cases[i].len);
		ssize_t due = cases[i].status ? -EPROTO : (ssize_t)text.len;
		struct http_request r;
		struct http_error error;

		assert_int_equal(parse(text, &r, &error), due);
		assert_int_equal(error.status, cases[i].status);
		assert_int_equal(parse_dripping(text, 1, &r, &error), due);
		assert_int_equal(error.status, cases[i].status);
		test_free(head);
	}
}

static void one_header_too_many_is_refused(void **state)
{
	struct http_request r;
	struct http_error error;
	char text[2048] = LINE "Host: a\r\n";

	(void)state;
	for (unsigned i = 1; i < HTTP_MAX_HEADERS; i++)
		strcat(text, "X-Header: b\r\n");
	strcat(text, "\r\n");
	assert_int_equal(parse(span_from(text), &r, &error), strlen(text));
	assert_int_equal(r.headers_count, HTTP_MAX_HEADERS);

	strcpy(text + strlen(text) - 2, "X-Header: b\r\n\r\n");
	assert_int_equal(parse(span_from(text), &r, &error), -EPROTO);
	assert_int_equal(error.status, 431);
}

static void headers_are_found_in_any_case(void **state)
{
	struct http_request r;
	struct http_error error;

	(void)state;
	assert_true(parse(SPAN(LINE "Host: a\r\nX-One: 1\r\nx-one: 2\r\n\r\n"),
			  &r, &error) > 0);
	assert_span(http_find(&r, SPAN("x-ONE"))->value, "1");
	assert_null(http_find(&r, SPAN("X-On")));
	assert_true(http_has_token(SPAN("a, WebSocket ,b"), SPAN("websocket")));
	assert_false(http_has_token(SPAN("websockets"), SPAN("websocket")));
	assert_false(http_has_token(SPAN(""), SPAN("websocket")));
}

static void a_bearer_is_what_stands_behind_the_scheme(void **state)
{
	static const struct {
		const char *header, *bearer; /* NULL for none */
	} cases[] = {
		{"Authorization: Bearer sk_x", "sk_x"},
		{"authorization: bEARER  sk_x ", "sk_x"},
		{"Authorization: Bearer a b", "a b"},
		{"Authorization: Basic c2tfeA==", NULL},
		{"Authorization: Bearersk_x", NULL},
		{"Authorization: Bearer", NULL},
		{"Authorization: Bearer ", NULL},
		{"Authorization:", NULL},
		{"X-Authorization: Bearer sk_x", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[128];
		struct http_request r;
		struct http_error error;

		(void)snprintf(text, sizeof(text), LINE "Host: a\r\n%s\r\n\r\n",
			       cases[i].header);
		assert_true(parse(span_from(text), &r, &error) > 0);
		if (cases[i].bearer)
			assert_span(http_bearer(&r), cases[i].bearer);
		else
			assert_null(http_bearer(&r).ptr);
	}
}

struct chunked_result {
	int result;
	size_t body_len, consumed;
	char body[8192];
};

/* Decode text in pieces of step bytes, each at the end of readable memory. */
static void decode_chunked(struct span text, size_t step, uint64_t max,
			   struct chunked_result *out)
{
	struct http_chunked chunked = {0};

	*out = (struct chunked_result){0};
	while (!out->result && out->consumed < text.len) {
		size_t left = text.len - out->consumed;
		size_t piece = left < step ? left : step;
		size_t len = piece, used = 0;
		char *copy = guard_copy(text.ptr + out->consumed, piece);

		out->result =
			http_chunked_decode(&chunked, copy, &len, &used, max);
		if (out->result >= 0) {
			assert_in_range(len, 0, used);
			memcpy(out->body + out->body_len, copy, len);
			out->body_len += len;
			out->consumed += used;
		}
		guard_free(copy, piece);
	}
}

static const struct {
	const char *text;
	int result;
	const char *body;
	size_t rest; /* bytes behind the body */
} chunks[] = {
	{"4\r\nWiki\r\n7\r\npedia i\r\nB\r\nn \r\nchunks.\r\n0\r\n\r\n", 1,
	 "Wikipedia in \r\nchunks.", 0},
	{"0\r\n\r\nGET /", 1, "", 5},
	{"000\r\n\r\n", 1, "", 0},
	{"00000000000000a\r\n0123456789\r\n0\r\n\r\n", 1, "0123456789", 0},
	{"1;a=b;c=\"d e\"\r\nx\r\n0;last\r\n\r\n", 1, "x", 0},
	{"1\r\nx\r\n0\r\nTrailer: a\tb\r\nOther:\r\n\r\nrest", 1, "x", 4},
	{"1\r\nx\r\n", 0, "x", 0},
	{"5\r\nab", 0, "ab", 0},
	{"0\r\n\r", 0, "", 0},
	/* refused */
	{"\r\n", -EPROTO, "", 0},
	{"g\r\n", -EPROTO, "", 0},
	{"0x2\r\nab\r\n", -EPROTO, "", 0},
	{"+2\r\nab\r\n", -EPROTO, "", 0},
	{"-2\r\nab\r\n", -EPROTO, "", 0},
	{" 2\r\nab\r\n", -EPROTO, "", 0},
	{"2 \r\nab\r\n", -EPROTO, "", 0},
	{"2\nab\r\n", -EPROTO, "", 0},
	{"2\r\rab\r\n", -EPROTO, "", 0},
	{"2;a\nb\r\nab\r\n", -EPROTO, "", 0},
	{"2;a\rb\r\nab\r\n", -EPROTO, "", 0},
	{"2;\x01\r\nab\r\n", -EPROTO, "", 0},
	{"2\r\nabc\r\n", -EPROTO, "", 0},
	{"2\r\nab\n0\r\n\r\n", -EPROTO, "", 0},
	{"2\r\nab0\r\n\r\n", -EPROTO, "", 0},
	{"2\r\nab\rx", -EPROTO, "", 0},
	{"0\r\n\n", -EPROTO, "", 0},
	{"0\r\n\rx", -EPROTO, "", 0},
	{"0\r\n a: b\r\n\r\n", -EPROTO, "", 0},
	{"0\r\n: b\r\n\r\n", -EPROTO, "", 0},
	{"0\r\na: b\n\r\n", -EPROTO, "", 0},
	{"0\r\na: \x7f\r\n\r\n", -EPROTO, "", 0},
	{"0000000000000001\r\nx", -EPROTO, "", 0},
	{"fffffffffffffffff\r\nx", -EPROTO, "", 0},
	{"fffffffffffffff\r\nx", -EMSGSIZE, "", 0},
	{"21\r\nx", -EMSGSIZE, "", 0},
	{"1\r\nx\r\n20\r\nx", -EMSGSIZE, "", 0},
};

static void a_chunked_body_split_anywhere_decodes_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(chunks); i++) {
		struct span text = span_from(chunks[i].text);

		for (size_t step = 1; step <= text.len; step++) {
			struct chunked_result got;

			decode_chunked(text, step, 32, &got);
			assert_int_equal(got.result, chunks[i].result);
			if (got.result < 0)
				continue;
			assert_span(span_of(got.body, got.body_len),
				    chunks[i].body);
			assert_int_equal(got.consumed,
					 text.len - chunks[i].rest);
		}
	}
}

static void assert_chunk_filler(const char *before, size_t fill,
				const char *after, int result)
{
	struct chunked_result got;
	char text[8192];
	size_t at = (size_t)sprintf(text, "%s", before);

	memset(text + at, 'a', fill);
	at += fill;
	at += (size_t)sprintf(text + at, "%s", after);
	decode_chunked(span_of(text, at), at, 32, &got);
	assert_int_equal(got.result, result);
}

static void chunk_lines_and_trailers_are_bounded(void **state)
{
	(void)state;
	assert_chunk_filler("0;", 1023, "\r\n\r\n", 1);
	assert_chunk_filler("0;", 1024, "\r\n\r\n", -EPROTO);
	assert_chunk_filler("0\r\na:", 4094, "\r\n\r\n", 1);
	assert_chunk_filler("0\r\na:", 4095, "\r\n\r\n", -EPROTO);
	assert_chunk_filler("0\r\na:", 4000, "\r\nb:bbbbbbbbbbbb\r\n\r\n", 1);
	assert_chunk_filler("0\r\na:", 4090, "\r\nb:bbb\r\n\r\n", -EPROTO);
}

static const struct {
	const char *path;
	int err;
	const char *decoded;
} paths[] = {
	{"/", 0, "/"},
	{"/a/b", 0, "/a/b"},
	{"/a/", 0, "/a/"},
	{"/caf%C3%a9%20x", 0, "/caf\xc3\xa9 x"},
	{"/a+b", 0, "/a+b"},
	{"/.", 0, "/"},
	{"/a/.", 0, "/a/"},
	{"/a/./b", 0, "/a/b"},
	{"/a/..", 0, "/"},
	{"/a/../b", 0, "/b"},
	{"/a/b/..", 0, "/a/"},
	{"/a/b/../..", 0, "/"},
	{"/a/b/c/./../../g", 0, "/a/g"}, /* RFC 3986, 5.2.4 */
	{"/...", 0, "/..."},
	{"/..a/.b", 0, "/..a/.b"},
	{"//etc//passwd", 0, "/etc/passwd"},
	{"/a//../b", 0, "/b"},
	{"/a/%2e%2E/b", 0, "/b"},
	{"/a/.%2e/b", 0, "/b"},
	{"/%252e%252e/%252fetc", 0, "/%2e%2e/%2fetc"}, /* decoded once */
	{"/%3f%23", 0, "/?#"},
	/* refused */
	{"", -EINVAL, NULL},
	{"a", -EINVAL, NULL},
	{"*", -EINVAL, NULL},
	{"/..", -EINVAL, NULL},
	{"/../etc/passwd", -EINVAL, NULL},
	{"/a/../../etc/passwd", -EINVAL, NULL},
	{"/a//../../b", -EINVAL, NULL},
	{"/./../a", -EINVAL, NULL},
	{"/%2e%2e/etc/passwd", -EINVAL, NULL},
	{"/.%2e/a", -EINVAL, NULL},
	{"/..%2fetc", -EINVAL, NULL},
	{"/a%2Fb", -EINVAL, NULL},
	{"/..\\a", -EINVAL, NULL},
	{"/..%5ca", -EINVAL, NULL},
	{"/a%00.html", -EINVAL, NULL},
	{"/a%0a", -EINVAL, NULL},
	{"/a%7F", -EINVAL, NULL},
	{"/%c0%ae%c0%ae/a", -EINVAL, NULL}, /* over-long dots */
	{"/%e0%80%ae/a", -EINVAL, NULL},
	{"/%c0%af", -EINVAL, NULL},
	{"/%u002e", -EINVAL, NULL},
	{"/%ff", -EINVAL, NULL},
	{"/%", -EINVAL, NULL},
	{"/%2", -EINVAL, NULL},
	{"/%2g", -EINVAL, NULL},
	{"/%%", -EINVAL, NULL},
};

static void no_path_leaves_its_root_in_any_encoding(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		size_t len = strlen(paths[i].path);
		char *copy = guard_copy(paths[i].path, len);
		char out[64];
		int err =
			http_decode_path(span_of(copy, len), out, sizeof(out));

		if (err != paths[i].err)
			print_error("%s: %d\n", paths[i].path, err);
		assert_int_equal(err, paths[i].err);
		if (!err)
			assert_string_equal(out, paths[i].decoded);
		guard_free(copy, len);
	}
}

static void a_name_in_a_path_may_hold_anything_but_controls(void **state)
{
	static const struct {
		const char *part, *name;
		int err;
	} names[] = {
		{"a%2Fb/..//c", "a/b/..//c", 0}, {"%41+%5c", "A+\\", 0},
		{"%c3%bc", "\xc3\xbc", 0},	 {"", "", 0},
		{"%c3", NULL, -EINVAL},		 {"%00", NULL, -EINVAL},
		{"%0a", NULL, -EINVAL},		 {"%4", NULL, -EINVAL},
		{"%zz", NULL, -EINVAL},
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		size_t len = strlen(names[i].part);
		char *copy = guard_copy(names[i].part, len);

		assert_int_equal(
			http_decode_name(span_of(copy, len), out, sizeof(out)),
			names[i].err);
		if (names[i].name)
			assert_string_equal(out, names[i].name);
		guard_free(copy, len);
	}
	for (size_t cap = 0; cap < 4; cap++) {
		char *small = guard_copy("---", cap);

		assert_int_equal(http_decode_name(SPAN("%41b"), small, cap),
				 cap < sizeof("Ab") ? -ENOSPC : 0);
		guard_free(small, cap);
	}
}

static void a_path_never_passes_the_room_it_is_given(void **state)
{
	static const char path[] = "/abc/d%41/";

	(void)state;
	for (size_t cap = 0; cap <= sizeof(path); cap++) {
		char *out = guard_copy(path, cap);
		int err = http_decode_path(SPAN(path), out, cap);

		assert_int_equal(err, cap < sizeof("/abc/dA/") ? -ENOSPC : 0);
		guard_free(out, cap);
	}
}

static const struct {
	const char *query, *name;
	int err;
	const char *value;
} queries[] = {
	{"a=1&b=2", "a", 0, "1"},
	{"a=1&b=2", "b", 0, "2"},
	{"a=1&a=2", "a", 0, "1"},
	{"ab=1&a=2", "a", 0, "2"},
	{"a", "a", 0, ""},
	{"&&a=&", "a", 0, ""},
	{"a=b=c", "a", 0, "b=c"},
	{"a=x+y%2Bz%26", "a", 0, "x y+z&"},
	{"%61=1", "a", 0, "1"},
	{"a+b=1", "a b", 0, "1"},
	{"%zz=1&a=2", "a", 0, "2"},
	{"a=%C3%A9", "a", 0, "\xc3\xa9"},
	{"", "a", -ENOENT, NULL},
	{"b=a", "a", -ENOENT, NULL},
	{"A=1", "a", -ENOENT, NULL},
	{"a=%", "a", -EINVAL, NULL},
	{"a=%4", "a", -EINVAL, NULL},
	{"a=%00", "a", -EINVAL, NULL},
	{"a=%ff", "a", -EINVAL, NULL},
	{"a=12345678", "a", -ENOSPC, NULL},
};

static void a_query_gives_its_first_value_decoded(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(queries); i++) {
		size_t len = strlen(queries[i].query);
		char *copy = guard_copy(queries[i].query, len);
		char out[8];

		assert_int_equal(http_query_get(span_of(copy, len),
						span_from(queries[i].name), out,
						sizeof(out)),
				 queries[i].err);
		if (!queries[i].err)
			assert_string_equal(out, queries[i].value);
		guard_free(copy, len);
	}
}

static void a_status_has_its_text(void **state)
{
	(void)state;
	assert_string_equal(http_status_text(200), "OK");
	assert_string_equal(http_status_text(431),
			    "Request Header Fields Too Large");
	assert_string_equal(http_status_text(299), "Unknown");
	for (size_t i = 0; i < COUNT(refused); i++)
		assert_string_not_equal(http_status_text(refused[i].status),
					"Unknown");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_browsers_request_is_sliced),
		cmocka_unit_test(a_head_split_anywhere_parses_the_same),
		cmocka_unit_test(a_dripping_head_parses_the_same),
		cmocka_unit_test(no_byte_behind_the_buffer_is_read),
		cmocka_unit_test(a_pipelined_request_begins_behind_the_head),
		cmocka_unit_test(every_ambiguous_head_is_refused),
		cmocka_unit_test(a_refusal_does_not_depend_on_the_split),
		cmocka_unit_test(
			a_control_character_is_refused_wherever_it_stands),
		cmocka_unit_test(a_value_may_hold_every_other_character),
		cmocka_unit_test(
			a_broken_line_is_refused_before_the_head_is_whole),
		cmocka_unit_test(odd_but_right_heads_are_taken),
		cmocka_unit_test(the_body_that_follows_is_told),
		cmocka_unit_test(a_connection_stays_open_as_both_versions_say),
		cmocka_unit_test(every_method_is_known_by_its_name),
		cmocka_unit_test(a_head_may_reach_its_limits_and_not_pass_them),
		cmocka_unit_test(one_header_too_many_is_refused),
		cmocka_unit_test(headers_are_found_in_any_case),
		cmocka_unit_test(a_bearer_is_what_stands_behind_the_scheme),
		cmocka_unit_test(
			a_chunked_body_split_anywhere_decodes_the_same),
		cmocka_unit_test(chunk_lines_and_trailers_are_bounded),
		cmocka_unit_test(no_path_leaves_its_root_in_any_encoding),
		cmocka_unit_test(a_path_never_passes_the_room_it_is_given),
		cmocka_unit_test(
			a_name_in_a_path_may_hold_anything_but_controls),
		cmocka_unit_test(a_query_gives_its_first_value_decoded),
		cmocka_unit_test(a_status_has_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
