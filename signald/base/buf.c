/* buf.c: a growing byte buffer, and bytes shared by reference. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/crypto.h"

#define BUF_MIN_CAP 256

int buf_reserve(struct buf *buf, size_t extra)
{
	size_t cap = buf->cap ? buf->cap : BUF_MIN_CAP;
	char *grown;

	if (buf->failed)
		return -ENOMEM;
	if (buf->cap - buf->len >= extra)
		return 0;
	while (cap - buf->len < extra && cap <= SIZE_MAX / 2)
		cap *= 2;
	grown = cap - buf->len < extra ? NULL : realloc(buf->ptr, cap);
	if (!grown) {
		buf->failed = true;
		return -ENOMEM;
	}
	buf->ptr = grown;
	buf->cap = cap;
	return 0;
}

void buf_append(struct buf *buf, const void *bytes, size_t len)
{
	if (!len || buf_reserve(buf, len))
		return;
	memcpy(buf->ptr + buf->len, bytes, len);
	buf->len += len;
}

void buf_append_span(struct buf *buf, struct span s)
{
	buf_append(buf, s.ptr, s.len);
}

void buf_append_str(struct buf *buf, const char *str)
{
	buf_append(buf, str, strlen(str));
}

void buf_append_u64(struct buf *buf, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	buf_append(buf, digits + at, sizeof(digits) - at);
}

void buf_append_format(struct buf *buf, const char *format, ...)
{
	size_t room = buf->cap - buf->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(room ? buf->ptr + buf->len : NULL, room, format, args);
	va_end(args);
	if (len < 0 || buf_reserve(buf, (size_t)len + 1)) {
		buf->failed = true;
		return;
	}
	if ((size_t)len >= room) {
		va_start(args, format);
		(void)vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format,
				args);
		va_end(args);
	}
	buf->len += (size_t)len;
}

static void append_json_escape(struct buf *buf, unsigned char c)
{
	switch (c) {
	case '"':
		buf_append_str(buf, "\\\"");
		break;
	case '\\':
		buf_append_str(buf, "\\\\");
		break;
	case '\n':
		buf_append_str(buf, "\\n");
		break;
	default:
		buf_append_format(buf, "\\u%04x", c);
	}
}

void buf_append_json(struct buf *buf, struct span s)
{
	size_t plain = 0;

	buf_append(buf, "\"", 1);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		buf_append(buf, s.ptr + plain, i - plain);
		append_json_escape(buf, c);
		plain = i + 1;
	}
	if (plain < s.len) /* an empty span may have no pointer */
		buf_append(buf, s.ptr + plain, s.len - plain);
	buf_append(buf, "\"", 1);
}

void buf_consume(struct buf *buf, size_t n)
{
	buf->len -= n;
	if (n && buf->len)
		memmove(buf->ptr, buf->ptr + n, buf->len);
}

void buf_clear(struct buf *buf)
{
	free(buf->ptr);
	*buf = (struct buf){0};
}

void buf_wipe(struct buf *buf)
{
	if (buf->ptr)
		crypto_wipe(buf->ptr, buf->cap);
	buf_clear(buf);
}

struct blob *blob_new_empty(size_t cap)
{
	struct blob *blob =
		cap <= UINT32_MAX ? malloc(sizeof(*blob) + cap) : NULL;

	if (blob)
		*blob = (struct blob){.refs = 1};
	return blob;
}

void blob_append(struct blob *blob, const struct span *parts,
		 size_t parts_count)
{
	spans_copy(blob->bytes + blob->len, parts, parts_count);
	blob->len += (uint32_t)spans_len(parts, parts_count);
}

struct blob *blob_new(const struct span *parts, size_t parts_count)
{
	struct blob *blob = blob_new_empty(spans_len(parts, parts_count));

	if (blob)
		blob_append(blob, parts, parts_count);
	return blob;
}

void blob_unref(struct blob *blob)
{
	if (blob && !--blob->refs)
		free(blob);
}
