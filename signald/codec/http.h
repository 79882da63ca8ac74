/* http.h: HTTP/1.1 requests as pure functions, strict (RFC 9110, RFC 9112). */
#ifndef SIGNALD_CODEC_HTTP_H
#define SIGNALD_CODEC_HTTP_H

#include <sys/types.h>

#include "base/span.h"

#define HTTP_MAX_HEADERS 64

enum http_method {
	HTTP_GET = 1 << 0,
	HTTP_HEAD = 1 << 1,
	HTTP_POST = 1 << 2,
	HTTP_PUT = 1 << 3,
	HTTP_PATCH = 1 << 4,
	HTTP_DELETE = 1 << 5,
	HTTP_OPTIONS = 1 << 6,
};

enum http_body_kind {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,  /* content_length bytes follow */
	HTTP_BODY_CHUNKED, /* feed http_chunked_decode() */
};

struct http_header {
	struct span name;
	struct span value; /* blanks at both ends cut off */
};

/* Every span points into the parsed bytes. */
struct http_request {
	enum http_method method;
	unsigned minor;	    /* 0 or 1: HTTP/1.0 or HTTP/1.1 */
	struct span target; /* as sent */
	struct span path; /* still percent-encoded, begins "/"; empty for "*" */
	struct span query; /* behind "?", empty without one */
	struct span
		host; /* the target's, else Host's; empty only in HTTP/1.0 */
	enum http_body_kind body_kind;
	uint64_t content_length;
	bool is_keep_alive; /* the client allows another request */
	bool is_expecting_continue;
	bool is_upgrade; /* Connection: upgrade, HTTP/1.1 */
	size_t headers_count;
	struct http_header headers[HTTP_MAX_HEADERS];
};

struct http_limits {
	size_t max_head_bytes;	 /* request line and headers: else 431 */
	size_t max_target_bytes; /* else 414 */
	uint64_t max_body_bytes; /* a larger Content-Length: 413 */
};

/* Why a request is refused: what the answer says before the close. */
struct http_error {
	int status; /* 400, 413, 414, 417, 431, 501 or 505 */
	const char
		*detail; /* one sentence: what was wrong, what would be right */
};

/*
 * Parse a request's head.
 *
 * scanned  bytes of buf that an earlier call already saw when it returned 0;
 *          kept by the caller, 0 for a new request and again after success,
 *          so that a head arriving byte by byte costs linear time
 * request  undefined unless the head's length is returned
 *
 * Refused, because two parsers could read it differently (RFC 9112, 2.2, 5.1,
 * 5.2, 6.1, 6.3, 11.2): a bare CR or LF anywhere, NUL or another control
 * character, white space before the first header or before a colon, obs-fold,
 * an empty or non-token name, no Host, two Hosts, a Host that is no authority,
 * malformed or repeated Content-Length values (equal ones too),
 * Content-Length together with Transfer-Encoding, Transfer-Encoding in
 * HTTP/1.0, any coding but a single final "chunked" (501 for unknown ones),
 * a request target that is neither origin-form nor "*" (OPTIONS) nor
 * absolute-form http(s). Up to two empty lines before the request line are
 * skipped. A major version other than 1, or a minor one above 1: 505. A method
 * that is a token but none of enum http_method: 501. An expectation other than
 * 100-continue: 417. The verdict does not depend on where the bytes were split.
 *
 * Returns the head's length in bytes (body begins there), 0 when more bytes are
 * needed, -EPROTO with *error set; the connection must then be closed.
 */
ssize_t http_parse_head(struct span buf, size_t *scanned,
			const struct http_limits *limits,
			struct http_request *request, struct http_error *error);

/* The first header of that name (any case), NULL without one. */
const struct http_header *http_find(const struct http_request *request,
				    struct span name);

/* The credential of "Authorization: Bearer …" (RFC 6750, 2.1; the scheme's name
 * in any case: RFC 9110, 11.1); {NULL, 0} without one. */
struct span http_bearer(const struct http_request *request);

/* A header's value has token as an item of its comma-separated list, in any
 * case. */
bool http_has_token(struct span value, struct span token);

/* The decoder of a chunked body (RFC 9112, 7.1); zero-initialised. */
struct http_chunked {
	int state;
	uint64_t left;	   /* bytes of the current chunk still to come */
	uint64_t total;	   /* body bytes so far */
	size_t line_bytes; /* of the current line, which is bounded */
	size_t trailer_bytes;
};

/*
 * Decode the next bytes of a chunked body in place: the body's bytes are moved
 * to the front of buf.
 *
 * len       in: bytes in buf; out: body bytes now at its front
 * consumed  bytes of the input that belong to this body
 *
 * Chunk extensions are read over, at most 1 KiB a line; trailers are read over
 * and dropped, at most 4 KiB. Chunk sizes are 1 to 15 hex digits.
 *
 * Returns 1 when the body is whole, 0 when more bytes are needed, -EPROTO for
 * broken framing (400), -EMSGSIZE above max_body_bytes (413).
 */
int http_chunked_decode(struct http_chunked *chunked, char *buf, size_t *len,
			size_t *consumed, uint64_t max_body_bytes);

/*
 * Decode a path: percent-encodings once, "." and ".." segments (RFC
 * 3986, 5.2.4), runs of "/" become one. The result begins with one "/" and
 * stays in its root.
 *
 * out  cap bytes, NUL-terminated on success
 *
 * Returns 0, -EINVAL for a broken encoding, an encoded "/", a "\", a control
 * character, what is not UTF-8, or one that leaves the root; -ENOSPC when out
 * is too small.
 */
int http_decode_path(struct span path, char *out, size_t cap);

/*
 * Decode a part of a path that names something, an encoded "/" included.
 *
 * Returns as http_decode_path(), for which that is an error.
 */
int http_decode_name(struct span part, char *out, size_t cap);

/*
 * The value of a query's parameter, percent- and plus-decoded into out.
 *
 * Returns 0, -ENOENT without that name, -EINVAL for a broken encoding, a NUL or
 * what is not UTF-8, -ENOSPC. The first one counts.
 */
int http_query_get(struct span query, struct span name, char *out, size_t cap);

/* "Not Found" for 404; "Unknown" for a status we never send. */
const char *http_status_text(int status);

/* "GET" for HTTP_GET. */
const char *http_method_name(enum http_method method);

#endif
