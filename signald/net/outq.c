/* outq.c: what a connection still has to send. */
#include <errno.h>
#include <stdlib.h>

#include "net/outq.h"

/* Small enough that malloc serves it from its per-thread cache. */
#define CHUNK_BYTES 1000

/* A share behind other output is copied when it is no larger: that costs less
 * than a chunk and one more piece for the kernel. */
#define COPIED_BYTES 500

/* Either bytes of its own, [start, end) of the room behind it, or a share. */
struct outq_chunk {
	struct outq_chunk *next;
	struct blob *blob; /* NULL: bytes of its own */
	size_t start;
	size_t end;
	size_t cap;
	char bytes[];
};

static size_t held_by(const struct outq_chunk *chunk)
{
	return sizeof(*chunk) + chunk->cap +
	       (chunk->blob ? chunk->blob->len : 0);
}

static void push(struct outq *outq, struct outq_chunk *chunk)
{
	outq->held += held_by(chunk);
	if (outq->last)
		outq->last->next = chunk;
	else
		outq->first = chunk;
	outq->last = chunk;
}

static struct outq_chunk *new_chunk(size_t cap)
{
	struct outq_chunk *chunk = malloc(sizeof(*chunk) + cap);

	if (chunk)
		*chunk = (struct outq_chunk){.cap = cap};
	return chunk;
}

int outq_append(struct outq *outq, const struct span *parts, size_t parts_count)
{
	struct outq_chunk *chunk = outq->last;
	size_t len = 0;

	for (size_t i = 0; i < parts_count; i++)
		len += parts[i].len;
	if (!len)
		return 0;
	if (!chunk || chunk->blob || chunk->cap - chunk->end < len) {
		chunk = new_chunk(len > CHUNK_BYTES ? len : CHUNK_BYTES);
		if (!chunk)
			return -ENOMEM;
		push(outq, chunk);
	}
	for (size_t i = 0; i < parts_count; i++) {
		if (parts[i].len)
			memcpy(chunk->bytes + chunk->end, parts[i].ptr,
			       parts[i].len);
		chunk->end += parts[i].len;
	}
	outq->bytes += len;
	return 0;
}

int outq_append_blob(struct outq *outq, struct blob *blob)
{
	struct outq_chunk *chunk;

	if (!blob->len)
		return 0;
	if (outq->last && blob->len <= COPIED_BYTES)
		return outq_append(outq, &(struct span){blob->bytes, blob->len},
				   1);
	chunk = new_chunk(0);
	if (!chunk)
		return -ENOMEM;
	chunk->blob = blob_ref(blob);
	chunk->end = blob->len;
	push(outq, chunk);
	outq->bytes += blob->len;
	return 0;
}

int outq_peek(const struct outq *outq, struct iovec *iov, int cap)
{
	int n = 0;

	for (struct outq_chunk *chunk = outq->first; chunk && n < cap;
	     chunk = chunk->next) {
		char *bytes = chunk->blob ? chunk->blob->bytes : chunk->bytes;

		iov[n++] = (struct iovec){bytes + chunk->start,
					  chunk->end - chunk->start};
	}
	return n;
}

static void drop_first(struct outq *outq)
{
	struct outq_chunk *chunk = outq->first;

	outq->held -= held_by(chunk);
	outq->first = chunk->next;
	if (!outq->first)
		outq->last = NULL;
	blob_unref(chunk->blob);
	free(chunk);
}

void outq_consume(struct outq *outq, size_t n)
{
	outq->bytes -= n;
	while (n) {
		struct outq_chunk *chunk = outq->first;
		size_t len = chunk->end - chunk->start;

		if (n < len) {
			chunk->start += n;
			return;
		}
		n -= len;
		drop_first(outq);
	}
}

void outq_clear(struct outq *outq)
{
	while (outq->first)
		drop_first(outq);
	outq->bytes = 0;
}
