/* pair.h: who numbers messages to whom: how far they were sent, and came. */
#ifndef SIGNALD_HUB_PAIR_H
#define SIGNALD_HUB_PAIR_H

#include "hub/hub_peer.h"

/*
 * From one sender's memory to one receiver's. One to a receiver that counts,
 * because it has an inst, can be forgotten whenever everything sent has been
 * acknowledged: the sender's next number is then as good as a first one, and a
 * repetition is dropped by the receiver.
 *
 * An end that is gone is NULL; the pair then waits for the receipts that name
 * it.
 */
struct pair {
	/* What each message needs comes first: one line of the cache. */
	struct session *from;
	struct hub_peer *to;
	uint64_t sent; /* number of the last message taken */
	uint64_t sent_before;
	uint64_t acked; /* everything up to this number has come */
	size_t receipts_count;
	struct pair *next_due;
	bool is_due;
	struct pair *prev_outgoing, *next_outgoing;
	struct pair *prev_incoming, *next_incoming;
	uint64_t key[2];	   /* serials: from, to */
	uint64_t undescribed;	   /* the last that was given up */
	uint64_t undescribed_bits; /* and which of the 63 before it, from bit 1
				    */
};

/* It was taken before: its sender has been told what became of it. */
#define PAIR_REPEATED 1

/*
 * Take an envelope's number; it gets the receipt that its delivery passes on.
 * pair_take_back() where it could not be delivered.
 *
 * Returns 0, PAIR_REPEATED, -ERANGE when one before it is missing, or -ENOMEM.
 */
int pair_take(struct session *from, struct hub_peer *to,
	      struct envelope *envelope);
void pair_take_back(const struct envelope *envelope);

/* Its due acknowledgement rides on a message the other way: it is not due any
 * more. Returns the number, 0 where none is due. */
uint64_t pair_take_due(struct session *from, const struct peer *to);

/* That message was not taken: it is due again. */
void pair_put_due_back(struct session *from, const struct hub_peer *to);

/* Forget those of this sender that can be. */
void pair_forget_idle(struct session *from);

/* The sender's memory is gone. */
void pair_end_outgoing(struct session *from);

/* The receiver is gone, or its memory is: senders are told of what is under
 * way. */
void pair_end_incoming(struct hub_peer *to, enum delivery why);

#endif
