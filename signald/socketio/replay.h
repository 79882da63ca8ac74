/* replay.h: the events kept for a socket that may be cut off (state recovery).
 */
#ifndef SIGNALD_SOCKETIO_REPLAY_H
#define SIGNALD_SOCKETIO_REPLAY_H

#include "base/buf.h"
#include "codec/sio.h"

/* Events by rising number; the oldest go when there is no room. */
struct replay;

struct replay *replay_new(void);
void replay_free(struct replay *replay);

/* The number the next kept event will have; from 1. */
uint64_t replay_next(const struct replay *replay);

/*
 * Keep a packet and its attachments, under replay_next(). What cannot be kept
 * makes a gap, and no offset before it can be recovered from.
 */
void replay_keep(struct replay *replay, const struct span *parts,
		 size_t parts_count, const struct span *attachments,
		 unsigned attachments_count, size_t max_bytes);

/* The client has everything up to this number. */
void replay_forget(struct replay *replay, uint64_t number);

/* Everything behind this number is still there. */
bool replay_reaches(const struct replay *replay, uint64_t number);

/* Walk over what is kept behind `after`, in order. */
void replay_each(const struct replay *replay, uint64_t after,
		 void (*each)(struct span packet,
			      struct blob *const *attachments,
			      unsigned attachments_count, void *arg),
		 void *arg);

#endif
