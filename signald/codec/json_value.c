/* json_value.c: what raw, validated values of JSON stand for. */
#include <errno.h>

#include "codec/chars.h"
#include "codec/json_scan.h"

static size_t encode_utf8(unsigned point, char out[4])
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xc0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (char)(0xe0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

/*
 * The code point of a \u escape, or of two that are a surrogate pair.
 *
 * at  at the backslash; moves behind the escape
 *
 * Returns it, or -1 for a surrogate that stands alone (RFC 8259, 8.2).
 */
static int decode_unicode(const char **at, const char *end)
{
	int high = json_read_hex4(*at + 2, end), low;

	*at += 6;
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || end - *at < 6 || (*at)[0] != '\\' ||
	    (*at)[1] != 'u')
		return -1;
	low = json_read_hex4(*at + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	*at += 6;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/*
 * Decode the next piece of a validated string's inside: a run of bytes that
 * stand for themselves, or one escape.
 *
 * at     moves behind it; must not be at end
 * space  holds what an escape stands for
 *
 * Returns the bytes, none (NULL) for a lone surrogate.
 */
static struct span decode_piece(const char **at, const char *end, char space[4])
{
	const char *start = *at;
	int point;

	if (*start != '\\') {
		*at = json_skip_plain(start, end);
		return span_of(start, (size_t)(*at - start));
	}
	space[0] = json_escapes[(unsigned char)start[1]];
	if (space[0]) {
		*at += 2;
		return span_of(space, 1);
	}
	point = decode_unicode(at, end);
	if (point < 0)
		return span_of(NULL, 0);
	return span_of(space, encode_utf8((unsigned)point, space));
}

bool json_decodes_to(struct span inside, struct span name)
{
	const char *at = inside.ptr, *end = at + inside.len;
	char space[4];

	while (at < end) {
		struct span piece = decode_piece(&at, end, space);

		if (!piece.len || !span_has_prefix(name, piece))
			return false;
		name = span_skip(name, piece.len);
	}
	return !name.len;
}

enum json_type json_type_of(struct span raw)
{
	switch (raw.len ? *raw.ptr : 'n') {
	case '{':
		return JSON_TYPE_OBJECT;
	case '[':
		return JSON_TYPE_ARRAY;
	case '"':
		return JSON_TYPE_STRING;
	case 't':
	case 'f':
		return JSON_TYPE_BOOL;
	case 'n':
		return JSON_TYPE_NULL;
	default:
		return JSON_TYPE_NUMBER;
	}
}

int json_decode_string(struct span raw, char *out, size_t cap, size_t *len)
{
	const char *at, *end;
	size_t used = 0;
	char space[4];

	if (json_type_of(raw) != JSON_TYPE_STRING)
		return -EINVAL;
	at = raw.ptr + 1;
	end = raw.ptr + raw.len - 1;
	while (at < end) {
		struct span piece = decode_piece(&at, end, space);

		if (!piece.len || !*piece.ptr)
			return -EINVAL; /* a lone surrogate, a NUL */
		if (cap - used < piece.len)
			return -ENOSPC;
		memcpy(out + used, piece.ptr, piece.len);
		used += piece.len;
	}
	if (used == cap)
		return -ENOSPC;
	out[used] = '\0';
	*len = used;
	return 0;
}

int json_read_string(struct span raw, char *space, size_t cap,
		     struct span *string)
{
	size_t len;
	int err;

	if (json_type_of(raw) != JSON_TYPE_STRING)
		return -EINVAL;
	if (!memchr(raw.ptr, '\\', raw.len)) {
		*string = span_of(raw.ptr + 1, raw.len - 2);
		return 0;
	}
	err = json_decode_string(raw, space, cap, &len);
	if (!err)
		*string = span_of(space, len);
	return err;
}

int json_to_u64(struct span raw, uint64_t max, uint64_t *value)
{
	int err = span_to_u64(raw, max, value);

	/* What is too large may be something else as well. */
	for (size_t i = 0; err == -ERANGE && i < raw.len; i++)
		if (!is_digit(raw.ptr[i]))
			err = -EINVAL;
	return err;
}
