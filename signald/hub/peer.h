/* peer.h: peers, and what is said to them: envelopes. */
#ifndef SIGNALD_HUB_PEER_H
#define SIGNALD_HUB_PEER_H

#include "base/buf.h"
#include "hub/outlog.h"
#include "policy/right.h"

struct room;

enum hub_role { ROLE_PEER, ROLE_BROADCASTER, ROLE_WATCHER, ROLE_OPERATOR };

enum hub_leave_reason {
	LEAVE_LEFT,
	LEAVE_LOST,
	LEAVE_SLOW,
	LEAVE_ERROR,
	LEAVE_SHUTDOWN,
	LEAVE_KICKED,
};

enum envelope_kind {
	ENVELOPE_OFFER,
	ENVELOPE_ANSWER,
	ENVELOPE_CANDIDATE,
	ENVELOPE_SIGNAL,
	ENVELOPE_BROADCAST,
	ENVELOPE_EVENT, /* of Socket.IO alone: nothing for other dialects */
	ENVELOPE_PEER_JOINED, /* also of one whose memory is new */
	ENVELOPE_PEER_LEFT,
	ENVELOPE_PEER_AWAY,   /* cut off, and may come back */
	ENVELOPE_PEER_ABSENT, /* still away after socketio.away_s */
	ENVELOPE_PEER_BACK,   /* it has come, with the memory it had */
	ENVELOPE_VIEWERS,
	ENVELOPE_SETTLED, /* who is absent now is gone */
};

/* Dialects that keep a frame for all receivers, each with its own index. */
enum hub_form { FORM_NATIVE, FORM_SOCKETIO, FORMS_COUNT };

/* How a message looks to Socket.IO peers under the sender's own rules; made and
 * read by that dialect alone. */
struct events_message;

/*
 * One message on its way. A dialect writes its own framing around the payload;
 * what goes to many it encodes once and keeps in frames[] for the next
 * receiver.
 */
struct envelope {
	enum envelope_kind kind;
	const struct peer *from; /* whom it is from, or about */
	struct span payload;	 /* raw JSON of a relayed message */
	/* The sender's numbers, where is_numbered; docs/delivery.md */
	bool is_numbered;
	uint64_t n;
	uint64_t p;
	/* The receiver's memory it is meant for, where has_ti. */
	bool has_ti;
	uint64_t ti;
	/* Rides: how far the receiver's own messages to the sender came; 0 for
	 * nothing new. */
	uint64_t acked;
	/* Who waits for it: the receiver's log's once deliver() returns 0. */
	struct receipt receipt;
	const struct events_message *event; /* NULL from other dialects */
	size_t event_bytes; /* of ENVELOPE_EVENT, to be counted */
	enum hub_leave_reason reason;
	bool was_absent; /* the peer that left, is back or begins anew */
	bool is_restart; /* it joined before, with another memory */
	size_t viewers_count;
	bool is_for_many; /* worth encoding once */
	struct blob *frames[FORMS_COUNT];
	const void *frame_of; /* whose FORM_SOCKETIO is: a namespace */
};

enum hub_detach {
	DETACH_TAKEN_OVER, /* another transport has the session */
	DETACH_STUCK,	   /* its client acknowledges nothing */
};

/*
 * How a dialect hears of what happens to its peer. None of these may call the
 * hub for another peer's coming or going.
 */
struct peer_ops {
	/*
	 * Returns 0 when the peer takes it, or has it kept while it is away;
	 * -ENOBUFS when there is no room, -EPIPE when its connection is ending
	 * or the message says nothing in its dialect. With 0 the envelope's
	 * receipt, if it has one, is in a log and will be settled.
	 */
	int (*deliver)(const struct peer *to, struct envelope *envelope);

	/* The rest is for peers with a session; not called while arg is NULL.
	 */

	/* Its transport is of no use any more: close it, and forget the peer
	 * where another has taken it over. */
	void (*detach)(struct peer *peer, enum hub_detach why);
	/* What this peer sent to another came, up to number n. */
	void (*acked)(const struct peer *peer, const struct peer *by,
		      uint64_t n);
	/* What this peer sent to another, up to number n, may not have come:
	 * RESTARTED or GONE; or the one with number n: UNDESCRIBED. */
	void (*undelivered)(const struct peer *peer, const struct peer *to,
			    uint64_t n, enum delivery why);
	/* It has to go, at once and for good; the hub takes it out. Also for
	 * peers without a session; NULL where the dialect cannot. */
	void (*expel)(struct peer *peer, const char *reason);

	/* For operators: what the dialect is called, and the network that the
	 * peer's client is in, appended; nothing where it has no connection.
	 * Both for all peers whose arg is not NULL. */
	const char *dialect;
	void (*write_network)(const struct peer *peer, struct buf *out);
};

/* A participant; it belongs to the hub and lives from hub_join() to
 * hub_leave(). */
struct peer {
	const char *id;
	unsigned id_len;
	enum hub_role role;
	struct room *room;
	uint64_t seq;	      /* order of joining, in the room's lists */
	uint64_t inst;	      /* which memory of its client this is; 0: it has
				 but one */
	struct span name;     /* {NULL, 0} without one */
	struct span metadata; /* raw JSON object, {NULL, 0} without one */
	struct span user;     /* whom it acts for, {NULL, 0} for a guest */
	unsigned lacks;	      /* of enum right: what it may not do */
	unsigned max_ttl_s;   /* of TURN credentials; 0: as configured */
	bool is_vouched;      /* its metadata is not its own word */
	bool makes_no_rooms;  /* see struct hub_join */
	bool is_away;	      /* cut off, or its page is going away */
	bool is_leaving;      /* away, and not expected back: its page went */
	bool is_absent; /* away so long that ENVELOPE_PEER_ABSENT was told */
	const struct peer_ops *ops;
	void *arg; /* the dialect's; of one that is away it may be NULL */
};

const char *hub_role_name(enum hub_role role);

/* Returns 0, or -EINVAL for a name that is none. */
int hub_role_parse(struct span name, enum hub_role *role);
const char *hub_leave_reason_name(enum hub_leave_reason reason);

#endif
