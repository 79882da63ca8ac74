/* visitor.h: what events.c and its neighbours share: a socket, and the peer it
 * is while it is in a room. */
#ifndef SIGNALD_DIALECT_VISITOR_H
#define SIGNALD_DIALECT_VISITOR_H

#include "base/map.h"
#include "dialect/events.h"

_Static_assert(RULES_MAX_PARTS <= SIO_MAX_PARTS,
	       "every template fits an event");

struct events {
	struct hub *hub;
	const struct kicked *kicked;
	struct access *access;
	const struct loop *loop;
	struct map *visitors;	   /* by socket id */
	struct buf said;	   /* what an event makes for Socket.IO peers */
	struct buf payload;	   /* and for others */
	struct buf heard;	   /* what a receiver makes of other dialects */
	struct early *first_early; /* senders whose candidates wait, in order */
	struct early *last_early;
	bool is_draining;
};

/* A question that was passed on to this visitor: whose it is. */
struct ask {
	struct ask *next;
	uint64_t id; /* with the visitor */
	uint64_t asker_id;
	char asker[SIO_ID_CAP];
};

struct visitor {
	const struct events_space *space;
	struct sio_socket *socket;
	struct peer *peer;     /* NULL outside a room */
	struct claims *claims; /* NULL for a guest */
	unsigned lacks;	       /* of enum right */
	struct map *early; /* senders of descriptions, by id; NULL: none yet */
	struct ask *asks;  /* the newest first */
	unsigned asks_count;
	uint64_t last_ask;
	size_t home_len;
	char home[]; /* the room of ?room= or auth */
};

/* An event on its way, as those with the sender's rules hear it. */
struct events_message {
	const struct ruleset *rules;
	struct sio_content content;
	/* A question whose answer goes back: NULL, or who asks. */
	const struct visitor *asker;
	uint64_t asker_id;
	bool *is_asked; /* set when somebody was */
	/* The step is for offers or answers, whatever form this one has. */
	bool is_description;
};

/* --- run.c --- */

/* Carry an event out. */
void visitor_run(struct visitor *visitor, const struct rules_rule *rule,
		 const struct sio_message *message);

/* Let it into its room, where [connect] says so. Returns NULL, or the code of
 * why it may not. */
const char *visitor_let_in(struct visitor *visitor);

/* It has been told that it is connected: [connect]'s steps. */
void visitor_arrive(struct visitor *visitor);

/* It leaves its room, if it is in one. */
void visitor_part(struct visitor *visitor, enum hub_leave_reason reason);

/* --- hear.c --- */

/* How a peer_ops delivers to a visitor, its arg. */
int visitor_hear(const struct peer *to, struct envelope *envelope);

/* The peer speaks by the same rules, and tells its coming by itself. */
bool visitor_is_kin(const struct visitor *visitor, const struct peer *peer);

/* Tell a newcomer of those in the room who speak other dialects. */
void visitor_greet(struct visitor *visitor);

/* --- ask.c --- */

/* Pass a question on to this visitor. Returns 0 or what sending it did. */
int visitor_ask(struct visitor *visitor, const struct events_message *message);

/* It has answered. */
void visitor_take_answer(struct visitor *visitor,
			 const struct sio_message *message);
void visitor_forget_asks(struct visitor *visitor);

/* --- batch.c --- */

/* Receipts for at most so many events; NULL when memory ran out. */
struct batch *batch_new(size_t most);

/* Send an event that the batch waits for, if anybody does. Returns as
 * sio_emit(). */
int batch_emit(struct batch *batch, const struct visitor *visitor,
	       const struct sio_content *content);

/* Settle this one with the others, behind those added before; takes NULL. */
void batch_add(struct batch *batch, const struct receipt *receipt);

/* All has been sent: the batch ends with the last that comes. */
void batch_close(struct batch *batch);

/* --- early.c --- */

/*
 * Pages that know no better add a candidate at once, which fails before its
 * description. Those of a sender are held for this visitor until one has
 * passed.
 */
bool early_is_described(const struct visitor *visitor, struct span from);
bool early_is_waiting(const struct visitor *visitor, struct span from);

/*
 * Hold an envelope's event; without parts, only its place in the order.
 *
 * Returns 0, with its receipt taken; -ENOBUFS for more than any browser sends,
 * -ENOMEM.
 */
int early_hold(struct visitor *visitor, const struct envelope *envelope,
	       const struct sio_content *content);

/* Send a description of this sender, and behind it what was held. Returns 0, or
 * as sio_emit(). */
int early_describe(struct visitor *visitor, struct span from,
		   const struct sio_content *description);

/* The same when the description has been sent. Returns 0 or -ENOMEM. */
int early_release(struct visitor *visitor, struct span from);

/* The sender has left, or begins anew. */
void early_forget(struct visitor *visitor, struct span from);
void early_free(struct visitor *visitor);

/* --- owe.c --- */

/*
 * The acknowledgement of an event, owed to this visitor: given once all have
 * what the event sent them, and not at all when one of them will not get it.
 * NULL when memory ran out.
 */
struct owed;
struct owed *owed_new(const struct visitor *visitor, uint64_t asker_id);

/* One more is waited for; and not, as it could not be sent. */
struct waiter *owed_await(struct owed *owed);
void owed_take_back(struct owed *owed);

/* Everything is sent, and this is the acknowledgement; owed is not the caller's
 * any more. */
void owed_promise(struct owed *owed, const struct sio_content *content);

#endif
