/* outq.h: what a connection still has to send. */
#ifndef SIGNALD_NET_OUTQ_H
#define SIGNALD_NET_OUTQ_H

#include <sys/uio.h>

#include "base/buf.h"

struct outq_chunk;

/* Zero-initialised is empty and holds no memory. */
struct outq {
	struct outq_chunk *first;
	struct outq_chunk *last;
	size_t bytes; /* all that waits */
	size_t held;  /* of memory, shared bytes counted as if they were not */
};

/* Copy bytes to the end. Returns 0 or -ENOMEM, then nothing was added. */
int outq_append(struct outq *outq, const struct span *parts,
		size_t parts_count);

/* Put shared bytes at the end; takes a reference, or copies few of them behind
 * others. Returns 0 or -ENOMEM. */
int outq_append_share(struct outq *outq, const struct share *share);

/* Point iov at what comes first; returns how many of cap were filled. */
int outq_peek(const struct outq *outq, struct iovec *iov, int cap);

/* Forget the first n bytes, which have been sent; n must not be above bytes. */
void outq_consume(struct outq *outq, size_t n);

void outq_clear(struct outq *outq);

#endif
