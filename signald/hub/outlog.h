/* outlog.h: what was sent to one receiver and is not acknowledged yet. */
#ifndef SIGNALD_HUB_OUTLOG_H
#define SIGNALD_HUB_OUTLOG_H

#include "base/shelf.h"

/* What became of a message that was taken. */
enum delivery {
	DELIVERED,   /* the receiver's client has it */
	RESTARTED,   /* the receiver's memory is another: it will not get it */
	GONE,	     /* the receiver has ended */
	UNDESCRIBED, /* a candidate, and no description came before it */
};

/* A sender's wish to hear of one message; belongs to whoever made it, and is
 * told once for each message it was given along with. */
struct waiter {
	void (*settle)(struct waiter *waiter, enum delivery outcome);
};

struct pair;

/* Who is to hear of a message: a pair, with its number, or a waiter; all zero
 * for nobody. */
struct receipt {
	struct pair *pair;
	uint64_t n;
	struct waiter *waiter;
};

struct outlog_limits {
	size_t max_bytes; /* of memory for frames */
	size_t max_messages;
};

struct outlog_entry;

/*
 * A receiver's numbered messages by position, from 1: both sides count, so that
 * positions do not travel. Zero-initialised is empty and owns nothing.
 *
 *   1 ... begin | begin+1 ... sent        kept: the frames behind begin
 *
 * begin moves on with what is acknowledged, and to whatever is not kept for
 * want of room: a receiver that lacks such a message cannot be given the rest.
 */
struct outlog {
	struct outlog_entry *entries; /* a ring */
	uint32_t cap;
	uint32_t first;
	uint32_t len;
	uint32_t bare_count; /* the oldest, whose frames were given up */
	uint64_t sent;
	uint64_t begin;
	size_t bytes;
	struct shelf shelf; /* of what outlog_write() makes */
};

/*
 * Keep the next message; it gets the position outlog->sent + 1.
 *
 * frame    as its dialect wrote it, a reference is taken; NULL for a receiver
 *          that is never sent it again: only the receipt is kept
 * receipt  the log's from now on, if the message was taken; or NULL
 *
 * Returns 0; -ENOBUFS when the log is full, though never when it is empty, or
 * -ENOMEM: nothing has changed then.
 */
int outlog_add(struct outlog *log, const struct outlog_limits *limits,
	       struct blob *frame, const struct receipt *receipt);

/*
 * The same for a frame that nobody has made yet.
 *
 * frame  becomes the log's copy of the parts, one after the other; to be used
 * at once
 */
int outlog_write(struct outlog *log, const struct outlog_limits *limits,
		 const struct span *parts, size_t parts_count,
		 const struct receipt *receipt, struct share *frame);

/*
 * As outlog_add() for a receiver that cannot acknowledge, but says what it has
 * when it comes back: where there is no room, the frames of the oldest are
 * given up. -ENOBUFS only where a receipt is the oldest of max_messages.
 */
int outlog_push(struct outlog *log, const struct outlog_limits *limits,
		struct blob *frame, const struct receipt *receipt);

/*
 * Tell somebody when all has come that was sent so far. It takes no position,
 * as its receiver is sent nothing; room is made as by outlog_push().
 *
 * Returns 0, -ENOBUFS or -ENOMEM.
 */
int outlog_await(struct outlog *log, const struct outlog_limits *limits,
		 const struct receipt *receipt);

/* Make sure that keeping one more without a frame needs no memory. Returns 0 or
 * -ENOMEM. */
int outlog_reserve(struct outlog *log);

/* The next message is not kept: it has a position and no more. */
void outlog_pass(struct outlog *log);

/* The receiver has everything up to this position: forget it, tell who waits.
 * A position beyond what was sent counts as all of it. */
void outlog_ack(struct outlog *log, uint64_t sn);

/* Everything behind this position is kept. */
bool outlog_reaches(const struct outlog *log, uint64_t sn);

/* Walk over the frames that are kept, in order; their blob is NULL where only
 * a receipt was. */
void outlog_each(const struct outlog *log,
		 void (*each)(const struct share *frame, void *arg), void *arg);

static inline bool outlog_is_empty(const struct outlog *log)
{
	return !log->len;
}

/* Drop everything and begin anew at position 1; who waits is told why. */
void outlog_clear(struct outlog *log, enum delivery why);

/* The message of this receipt has met its fate (pair.c). */
void receipt_settle(const struct receipt *receipt, enum delivery outcome);

static inline bool receipt_is_empty(const struct receipt *receipt)
{
	return !receipt->pair && !receipt->waiter;
}

#endif
