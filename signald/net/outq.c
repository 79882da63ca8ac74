/* outq.c: what a connection still has to send. */
#include <errno.h>
#include <stdlib.h>

#include "net/outq.h"

/* Small enough that malloc serves it from its per-thread cache. */
#define CHUNK_BYTES 1000

/* A share behind other output is copied when it is no larger: that costs less
 * than a chunk and one more piece for the kernel. */
#define COPIED_BYTES 500

/* Either bytes of its own, [start, end) of the room behind it, or those of a
 * blob, which it has a reference to. */
struct outq_chunk {
	struct outq_chunk *next;
	struct blob *blob; /* NULL: bytes of its own */
	size_t start;
	size_t end;
	size_t cap; /* or how many bytes of the blob it stands for */
	char bytes[];
};

static size_t held_by(const struct outq_chunk *chunk)
{
	return sizeof(*chunk) + chunk->cap;
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
	size_t len = spans_len(parts, parts_count);

	if (!len)
		return 0;
	if (!chunk || chunk->blob || chunk->cap - chunk->end < len) {
		chunk = new_chunk(len > CHUNK_BYTES ? len : CHUNK_BYTES);
		if (!chunk)
			return -ENOMEM;
		push(outq, chunk);
	}
	spans_copy(chunk->bytes + chunk->end, parts, parts_count);
	chunk->end += len;
	outq->bytes += len;
	return 0;
}

/* What stands in a blob behind the last chunk's bytes is one piece with them.
 */
static bool extend_share(struct outq *outq, const struct share *share)
{
	struct outq_chunk *chunk = outq->last;

	if (!chunk || !chunk->blob || chunk->blob != share->blob ||
	    chunk->end != share->start)
		return false;
	chunk->end += share->len;
	chunk->cap += share->len;
	outq->held += share->len;
	return true;
}

static int push_share(struct outq *outq, const struct share *share)
{
	struct outq_chunk *chunk = new_chunk(0);

	if (!chunk)
		return -ENOMEM;
	chunk->blob = blob_ref(share->blob);
	chunk->start = share->start;
	chunk->end = share->start + share->len;
	chunk->cap = share->len;
	push(outq, chunk);
	return 0;
}

int outq_append_share(struct outq *outq, const struct share *share)
{
	struct span bytes = share_span(share);

	if (!bytes.len)
		return 0;
	if (!extend_share(outq, share)) {
		if (outq->last && bytes.len <= COPIED_BYTES)
			return outq_append(outq, &bytes, 1);
		if (push_share(outq, share))
			return -ENOMEM;
	}
	outq->bytes += bytes.len;
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
