/* http_path.c: paths and queries, decoded once and kept inside the root. */
#include <errno.h>

#include "codec/chars.h"
#include "codec/http.h"
#include "codec/utf8.h"

/* Cut the first character off, percent-decoded. */
static int take_char(struct span *rest, char *c)
{
	int high, low;

	*c = rest->ptr[0];
	if (*c != '%') {
		*rest = span_skip(*rest, 1);
		return 0;
	}
	if (rest->len < 3)
		return -EINVAL;
	high = hex_value(rest->ptr[1]);
	low = hex_value(rest->ptr[2]);
	if (high < 0 || low < 0)
		return -EINVAL;
	*c = (char)(high << 4 | low);
	*rest = span_skip(*rest, 3);
	return 0;
}

/* What stands before the first c, or all of s. */
static struct span span_before(struct span s, char c)
{
	const char *end = s.len ? memchr(s.ptr, c, s.len) : NULL;

	return span_of(s.ptr, end ? (size_t)(end - s.ptr) : s.len);
}

static int decode_segment(struct span segment, char *out, size_t cap,
			  size_t *len)
{
	size_t n = 0;

	while (segment.len) {
		char c;

		if (take_char(&segment, &c) || is_control(c) || c == '/' ||
		    c == '\\')
			return -EINVAL;
		if (n == cap)
			return -ENOSPC;
		out[n++] = c;
	}
	*len = n;
	return 0;
}

/* Cut the last segment off a path that ends with "/". */
static int leave_folder(const char *out, size_t *len)
{
	if (*len == 1)
		return -EINVAL;
	do
		(*len)--;
	while (out[*len - 1] != '/');
	return 0;
}

/* Put a segment behind the len bytes of out, which end with "/". */
static int add_segment(struct span encoded, char *out, size_t cap, size_t *len)
{
	struct span segment = {out + *len, 0};
	int err = decode_segment(encoded, out + *len, cap - *len, &segment.len);

	if (err)
		return err;
	if (span_equal(segment, SPAN(".")))
		return 0;
	if (span_equal(segment, SPAN("..")))
		return leave_folder(out, len);
	*len += segment.len;
	return 0;
}

int http_decode_path(struct span path, char *out, size_t cap)
{
	size_t len = 0;

	if (!path.len || path.ptr[0] != '/')
		return -EINVAL;
	while (path.len) { /* begins with "/" each time */
		struct span segment = span_before(span_skip(path, 1), '/');
		int err;

		path = span_skip(path, 1 + segment.len);
		if (len == cap)
			return -ENOSPC;
		if (!len || out[len - 1] != '/')
			out[len++] = '/';
		err = add_segment(segment, out, cap, &len);
		if (err)
			return err;
	}
	if (len == cap)
		return -ENOSPC;
	out[len] = '\0';
	return utf8_is_valid(span_of(out, len)) ? 0 : -EINVAL;
}

int http_decode_name(struct span part, char *out, size_t cap)
{
	size_t len = 0;

	while (part.len) {
		if (len + 1 >= cap)
			return -ENOSPC;
		if (take_char(&part, &out[len]) || is_control(out[len]))
			return -EINVAL;
		len++;
	}
	if (len == cap)
		return -ENOSPC;
	out[len] = '\0';
	return utf8_is_valid(span_of(out, len)) ? 0 : -EINVAL;
}

/* As take_char(), and "+" is a blank (WHATWG URL, urlencoded). */
static int take_query_char(struct span *rest, char *c)
{
	if (rest->ptr[0] != '+')
		return take_char(rest, c);
	*rest = span_skip(*rest, 1);
	*c = ' ';
	return 0;
}

static bool is_decoded_equal(struct span encoded, struct span plain)
{
	size_t at = 0;

	while (encoded.len) {
		char c;

		if (take_query_char(&encoded, &c) || at == plain.len ||
		    c != plain.ptr[at])
			return false;
		at++;
	}
	return at == plain.len;
}

static int decode_value(struct span encoded, char *out, size_t cap)
{
	size_t len = 0;

	while (encoded.len) {
		char c;

		if (take_query_char(&encoded, &c) || !c)
			return -EINVAL;
		if (len == cap)
			return -ENOSPC;
		out[len++] = c;
	}
	if (len == cap)
		return -ENOSPC;
	out[len] = '\0';
	return utf8_is_valid(span_of(out, len)) ? 0 : -EINVAL;
}

int http_query_get(struct span query, struct span name, char *out, size_t cap)
{
	while (query.len) {
		struct span pair = span_before(query, '&');
		struct span key = span_before(pair, '=');

		query = span_skip(query, pair.len + (pair.len < query.len));
		if (!is_decoded_equal(key, name))
			continue;
		pair = span_skip(pair, key.len + (key.len < pair.len));
		return decode_value(pair, out, cap);
	}
	return -ENOENT;
}
