/* kept.h: an event as it is kept for a recovery: packet and attachments. */
#ifndef SIGNALD_SOCKETIO_KEPT_H
#define SIGNALD_SOCKETIO_KEPT_H

#include "base/buf.h"
#include "codec/sio.h"

#define KEPT_MAX_PARTS 32

/* The packet's parts and its attachments in one piece; NULL when memory ran
 * out. */
struct blob *kept_new(const struct span *parts, size_t parts_count,
		      const struct span *attachments,
		      unsigned attachments_count);

/* Returns the packet, with its attachments in the other two. */
struct span kept_read(struct span kept,
		      struct span attachments[SIO_MAX_ATTACHMENTS],
		      unsigned *attachments_count);

#endif
