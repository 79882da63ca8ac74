/* http_chunked.c: chunked bodies, decoded as they arrive (RFC 9112, 7.1). */
#include <errno.h>

#include "codec/chars.h"
#include "codec/http.h"

#define MAX_SIZE_DIGITS 15 /* 60 bits, so that no shift loses any */
#define MAX_LINE_BYTES 1024
#define MAX_TRAILER_BYTES 4096

/*
 *   SIZE -> EXTENSION -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *                           |
 *                           +-> TRAILER_START -> TRAILER -> TRAILER_LF ...
 *   (a chunk of 0 bytes)             |              ^           |
 *                                    |              +-----------+
 *                                    +-> LAST_LF -> DONE
 */
enum chunk_state {
	SIZE, /* the state of a zeroed decoder */
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_START,
	TRAILER,
	TRAILER_LF,
	LAST_LF,
	DONE,
};

static int go_to(struct http_chunked *chunked, enum chunk_state state)
{
	chunked->state = state;
	return 0;
}

static int on_size(struct http_chunked *chunked, char c)
{
	int digit = hex_value(c);

	if (digit >= 0) {
		if (chunked->line_bytes++ == MAX_SIZE_DIGITS)
			return -EPROTO;
		chunked->left = chunked->left << 4 | (unsigned)digit;
		return 0;
	}
	if (!chunked->line_bytes)
		return -EPROTO;
	if (c == ';')
		return go_to(chunked, EXTENSION);
	return c == '\r' ? go_to(chunked, SIZE_LF) : -EPROTO;
}

static int on_extension(struct http_chunked *chunked, char c)
{
	if (c == '\r')
		return go_to(chunked, SIZE_LF);
	if (is_control(c) && c != '\t')
		return -EPROTO;
	return ++chunked->line_bytes > MAX_LINE_BYTES ? -EPROTO : 0;
}

static int on_size_lf(struct http_chunked *chunked, char c,
		      uint64_t max_body_bytes)
{
	if (c != '\n')
		return -EPROTO;
	/* A reload may have lowered the limit below what is here already. */
	if (chunked->total > max_body_bytes ||
	    chunked->left > max_body_bytes - chunked->total)
		return -EMSGSIZE;
	chunked->line_bytes = 0;
	return go_to(chunked, chunked->left ? DATA : TRAILER_START);
}

static int on_trailer(struct http_chunked *chunked, char c)
{
	if (c == '\r')
		return go_to(chunked, TRAILER_LF);
	if (is_control(c) && c != '\t')
		return -EPROTO;
	return ++chunked->trailer_bytes > MAX_TRAILER_BYTES ? -EPROTO : 0;
}

static int on_trailer_start(struct http_chunked *chunked, char c)
{
	if (c == '\r')
		return go_to(chunked, LAST_LF);
	if (c == ' ' || c == '\t' || c == ':')
		return -EPROTO;
	chunked->state = TRAILER;
	return on_trailer(chunked, c);
}

/* One byte of the framing around the chunks' data. */
static int on_framing(struct http_chunked *chunked, char c,
		      uint64_t max_body_bytes)
{
	switch (chunked->state) {
	case SIZE:
		return on_size(chunked, c);
	case EXTENSION:
		return on_extension(chunked, c);
	case SIZE_LF:
		return on_size_lf(chunked, c, max_body_bytes);
	case DATA_CR:
		return c == '\r' ? go_to(chunked, DATA_LF) : -EPROTO;
	case DATA_LF:
		return c == '\n' ? go_to(chunked, SIZE) : -EPROTO;
	case TRAILER_START:
		return on_trailer_start(chunked, c);
	case TRAILER:
		return on_trailer(chunked, c);
	case TRAILER_LF:
		return c == '\n' ? go_to(chunked, TRAILER_START) : -EPROTO;
	default:
		return c == '\n' ? go_to(chunked, DONE) : -EPROTO;
	}
}

/* Move what is there of the current chunk to out; returns how much it is. */
static size_t take_data(struct http_chunked *chunked, char *out, const char *in,
			size_t len)
{
	size_t n = chunked->left < len ? (size_t)chunked->left : len;

	memmove(out, in, n);
	chunked->left -= n;
	chunked->total += n;
	if (!chunked->left)
		chunked->state = DATA_CR;
	return n;
}

int http_chunked_decode(struct http_chunked *chunked, char *buf, size_t *len,
			size_t *consumed, uint64_t max_body_bytes)
{
	size_t at = 0, body_len = 0;

	while (at < *len && chunked->state != DONE) {
		int err;

		if (chunked->state == DATA) {
			size_t n = take_data(chunked, buf + body_len, buf + at,
					     *len - at);

			at += n;
			body_len += n;
			continue;
		}
		err = on_framing(chunked, buf[at++], max_body_bytes);
		if (err)
			return err;
	}
	*len = body_len;
	*consumed = at;
	return chunked->state == DONE;
}
