/* fuzz_http.c: heads, chunked bodies, paths and queries keep their promises. */
#include <string.h>

#include "codec/http.h"
#include "fuzz.h"

#define MAX_INPUT 4096

static const struct http_limits limits = {.max_head_bytes = 1024,
					  .max_target_bytes = 256,
					  .max_body_bytes = 4096};

struct verdict {
	ssize_t n;
	struct http_request request;
	struct http_error error;
};

static bool is_inside(struct span part, struct span whole)
{
	return !part.len || (part.ptr >= whole.ptr &&
			     part.ptr + part.len <= whole.ptr + whole.len);
}

static bool is_same(struct span a, struct span b)
{
	return a.ptr == b.ptr && a.len == b.len;
}

static void parse_pieces(struct span bytes, size_t step,
			 struct verdict *verdict)
{
	size_t scanned = 0;
	size_t len = 0;

	do {
		len = bytes.len - len < step ? bytes.len : len + step;
		verdict->n = http_parse_head(span_of(bytes.ptr, len), &scanned,
					     &limits, &verdict->request,
					     &verdict->error);
		MUST(scanned <= len);
	} while (!verdict->n && len < bytes.len);
}

static void check_request(struct span head, const struct http_request *r)
{
	MUST(head.len <= limits.max_head_bytes);
	MUST(r->target.len && r->target.len <= limits.max_target_bytes);
	MUST(is_inside(r->target, head));
	MUST(is_inside(r->path, r->target) && is_inside(r->query, r->target));
	MUST(is_inside(r->host, head));
	MUST(r->path.len ? r->path.ptr[0] == '/' : r->method == HTTP_OPTIONS);
	MUST(r->host.len || !r->minor);
	MUST(!r->is_upgrade || r->minor == 1);
	MUST(r->content_length <= limits.max_body_bytes);
	MUST(r->headers_count <= HTTP_MAX_HEADERS);
	for (size_t i = 0; i < r->headers_count; i++) {
		struct span value = r->headers[i].value;

		MUST(r->headers[i].name.len);
		MUST(is_inside(r->headers[i].name, head));
		MUST(is_inside(value, head));
		MUST(!memchr(value.ptr, '\n', value.len));
		MUST(span_equal(span_trim(value), value));
	}
	/* What decides the framing stands there once, or not at all. */
	MUST(!!http_find(r, SPAN("transfer-encoding")) ==
	     (r->body_kind == HTTP_BODY_CHUNKED));
	MUST(!!http_find(r, SPAN("content-length")) ==
	     (r->body_kind == HTTP_BODY_LENGTH));
}

static void check_head(struct span bytes, size_t step)
{
	struct verdict whole, split;

	memset(&whole, 0, sizeof(whole));
	memset(&split, 0, sizeof(split));
	parse_pieces(bytes, bytes.len, &whole);
	parse_pieces(bytes, step, &split);
	MUST(whole.n == split.n);
	MUST(whole.error.status == split.error.status);
	MUST((whole.n < 0) == (whole.error.status >= 400));
	if (whole.n <= 0)
		return;
	MUST((size_t)whole.n <= bytes.len);
	check_request(span_of(bytes.ptr, (size_t)whole.n), &whole.request);
	MUST(is_same(whole.request.path, split.request.path));
	MUST(is_same(whole.request.host, split.request.host));
	MUST(whole.request.body_kind == split.request.body_kind);
	MUST(whole.request.headers_count == split.request.headers_count);

	/* A byte less is not yet a head, and nothing else is wrong with it. */
	parse_pieces(span_of(bytes.ptr, (size_t)whole.n - 1), (size_t)whole.n,
		     &split);
	MUST(split.n == 0);
}

struct body {
	int result;
	size_t len, consumed;
	char bytes[MAX_INPUT];
};

static void decode_pieces(struct span bytes, size_t step, struct body *body)
{
	struct http_chunked chunked = {0};

	memset(body, 0, sizeof(*body));
	while (!body->result && body->consumed < bytes.len) {
		size_t left = bytes.len - body->consumed;
		size_t piece = left < step ? left : step;
		size_t len = piece, used = 0;
		char *copy = malloc(piece);

		MUST(copy);
		memcpy(copy, bytes.ptr + body->consumed, piece);
		body->result = http_chunked_decode(&chunked, copy, &len, &used,
						   limits.max_body_bytes);
		if (body->result >= 0) {
			MUST(used <= piece && len <= used);
			MUST(body->result || used == piece);
			memcpy(body->bytes + body->len, copy, len);
			body->len += len;
			body->consumed += used;
		}
		free(copy);
	}
}

static void check_chunked(struct span bytes, size_t step)
{
	static struct body whole, split;

	decode_pieces(bytes, MAX_INPUT, &whole);
	decode_pieces(bytes, step, &split);
	MUST(whole.result == split.result);
	if (whole.result < 0)
		return;
	MUST(whole.consumed == split.consumed && whole.len == split.len);
	MUST(!memcmp(whole.bytes, split.bytes, whole.len));
}

static void check_path(struct span bytes)
{
	char out[MAX_INPUT + 1];
	size_t len;

	if (http_decode_path(bytes, out, sizeof(out)))
		return;
	len = strlen(out);
	MUST(out[0] == '/' && len <= bytes.len);
	MUST(!strstr(out, "//") && !strstr(out, "/../") && !strstr(out, "/./"));
	MUST(len < 3 || strcmp(out + len - 3, "/..") != 0);
	MUST(len < 2 || strcmp(out + len - 2, "/.") != 0);
	MUST(!strchr(out, '\\'));
}

static void check_query(struct span bytes)
{
	char out[MAX_INPUT + 1];

	if (!http_query_get(bytes, SPAN("a"), out, sizeof(out)))
		MUST(strlen(out) < bytes.len);
}

/* The first byte says how long the pieces are, the others are the input of all.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes;
	size_t step;

	if (size < 2 || size > MAX_INPUT)
		return 0;
	step = data[0] % 64 + 1;
	bytes = span_of(data + 1, size - 1);
	check_head(bytes, step);
	check_chunked(bytes, step);
	check_path(bytes);
	check_query(bytes);
	return 0;
}
