/* buf.h: a growing byte buffer, and bytes shared by reference. */
#ifndef SIGNALD_BASE_BUF_H
#define SIGNALD_BASE_BUF_H

#include "base/span.h"

/*
 * Zero-initialised is empty and owns nothing. A failed append sets failed and
 * every later append is ignored, so that a writer checks once, at its end.
 */
struct buf {
	char *ptr;
	size_t len;
	size_t cap;
	bool failed; /* memory ran out: the content is not whole */
};

/* Room for extra more bytes; 0 or -ENOMEM (then failed is set). */
int buf_reserve(struct buf *buf, size_t extra);

void buf_append(struct buf *buf, const void *bytes, size_t len);
void buf_append_span(struct buf *buf, struct span s);
void buf_append_str(struct buf *buf, const char *str);
void buf_append_u64(struct buf *buf, uint64_t value);
void buf_append_format(struct buf *buf, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* s as a JSON string, quotes included (RFC 8259, 7); s must be UTF-8. */
void buf_append_json(struct buf *buf, struct span s);

/* Cut the first n bytes off; n must not be above len. */
void buf_consume(struct buf *buf, size_t n);

/* Free the memory; the buffer is empty and usable again. */
void buf_clear(struct buf *buf);

/* The same for what held a secret, which is overwritten first; what the buffer
 * held before it grew is not. */
void buf_wipe(struct buf *buf);

static inline struct span buf_span(const struct buf *buf)
{
	return span_of(buf->ptr, buf->len);
}

/*
 * Bytes that several outputs hold at once: a broadcast's frame is encoded one
 * time and queued to every receiver. Immutable once shared.
 */
struct blob {
	unsigned refs;
	uint32_t len;
	bool is_shelved; /* of shelf.c, which writes behind what is shared */
	char bytes[];
};

/* A copy of the spans' bytes, one after the other, with one reference; NULL
 * when memory ran out. */
struct blob *blob_new(const struct span *parts, size_t parts_count);

/* One without bytes yet, that has room for so many, and bytes for its end:
 * there must be room for them. */
struct blob *blob_new_empty(size_t cap);
void blob_append(struct blob *blob, const struct span *parts,
		 size_t parts_count);

static inline struct blob *blob_ref(struct blob *blob)
{
	blob->refs++;
	return blob;
}

/* Give one reference back; takes NULL. */
void blob_unref(struct blob *blob);

/* Some of a blob's bytes. It holds no reference by itself. */
struct share {
	struct blob *blob;
	uint32_t start;
	uint32_t len;
};

static inline struct share share_of(struct blob *blob)
{
	return (struct share){.blob = blob, .len = blob->len};
}

static inline struct span share_span(const struct share *share)
{
	return span_of(share->blob->bytes + share->start, share->len);
}

#endif
