/* attachments.h: a packet that waits for its binary attachments. */
#ifndef SIGNALD_SOCKETIO_ATTACHMENTS_H
#define SIGNALD_SOCKETIO_ATTACHMENTS_H

#include "base/buf.h"
#include "codec/sio.h"

struct attachments;

/* Copies text, a packet that announces `missing` of them. NULL when memory ran
 * out. */
struct attachments *attachments_new(struct span text, unsigned missing);

/* Takes NULL. */
void attachments_free(struct attachments *attachments);

/*
 * Take the next one.
 *
 * max_bytes  of the packet and all of them together
 *
 * Returns 1 when it was the last, 0 when more are missing, -EMSGSIZE, -ENOMEM.
 */
int attachments_add(struct attachments *attachments, struct span bytes,
		    size_t max_bytes);

struct span attachments_text(const struct attachments *attachments);

/* Those that have come, in order. */
void attachments_spans(const struct attachments *attachments,
		       struct span spans[SIO_MAX_ATTACHMENTS]);

#endif
