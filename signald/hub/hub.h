/* hub.h: rooms, the peers in them, and who hears of what. */
#ifndef SIGNALD_HUB_HUB_H
#define SIGNALD_HUB_HUB_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "hub/outlog.h"
#include "policy/config.h"

struct hub;
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
};

/* A participant; it belongs to the hub and lives from hub_join() to
 * hub_leave(). */
struct peer {
	const char *id;
	size_t id_len;
	enum hub_role role;
	struct room *room;
	uint64_t seq;	      /* order of joining, in the room's lists */
	uint64_t inst;	      /* which memory of its client this is; 0: it has
				 but one */
	struct span name;     /* {NULL, 0} without one */
	struct span metadata; /* raw JSON object, {NULL, 0} without one */
	const struct peer_ops *ops;
	void *arg;	 /* the dialect's; of one that is away it may be NULL */
	bool is_away;	 /* cut off, or its page is going away */
	bool is_leaving; /* away, and not expected back: its page went */
	bool is_absent;	 /* away so long that ENVELOPE_PEER_ABSENT was told */
};

#define HUB_MAX_ID 96

struct hub_join {
	struct span room; /* 1 to 128 bytes, checked by the dialect */
	/* unguessable, at most HUB_MAX_ID bytes that need no escape in JSON,
	 * copied; NULL: the hub makes one */
	const char *id;
	enum hub_role role;
	bool replaces; /* see hub_set_role() */
	unsigned most; /* peers in the room, if fewer than configured; or 0 */
	struct span name;
	struct span metadata;
	uint64_t inst;	  /* see struct peer */
	bool has_session; /* it may be cut off and resumed; needs inst */
	uint64_t attempt; /* of its transport, counted by the client */
	const struct peer_ops *ops;
	void *arg;
};

/* config and clock are borrowed; config may be exchanged by hub_configure(). */
int hub_new(struct hub **hubp, const struct config *config,
	    const struct clock *clock);
void hub_configure(struct hub *hub, const struct config *config);

/* At the end: everybody who is away leaves. Who waits for what was sent to them
 * is told, so its owner must be there. */
void hub_end_away(struct hub *hub);

/* All peers must have left; takes NULL. */
void hub_free(struct hub *hub);

/*
 * Put a new peer into a room, which is made when it does not exist, and tell
 * those who see it.
 *
 * Returns 0 with the peer, -EEXIST when the room has its broadcaster (one
 * that is away makes way), -ENOSPC when the room is full, -ENFILE when there
 * are too many rooms, -EINVAL when a peer has that id already, -ENOMEM.
 */
int hub_join(struct hub *hub, const struct hub_join *join, struct peer **peerp);

/* What hub_join() would return, were there memory: for one who would leave
 * another room for it. */
int hub_may_join(const struct hub *hub, const struct hub_join *join);

/* Take the peer out, tell those who saw it, and free it. */
void hub_leave(struct hub *hub, struct peer *peer,
	       enum hub_leave_reason reason);

/* So long a peer whose page is going away may come back, being loaded anew. */
#define HUB_HOLD_MS 2000

/*
 * The page of a peer without a session is going away: it has no dialect any
 * more (its ops and arg are not used again, what is sent to it comes back with
 * -EPIPE) and leaves by itself in HUB_HOLD_MS, or at once when another wants to
 * be broadcaster in its place. Until then it is in its room as before, but does
 * not count against its limits.
 */
void hub_hold(struct hub *hub, struct peer *peer);

/*
 * Give the peer another role; those who see it are told that it left and came
 * again. Its place in the order of joining is new.
 *
 * replaces  where the room has as many broadcasters as it may and none of them
 *           is away: the first to have come whose ops are this peer's becomes a
 *           plain peer. The hub does not tell it so itself.
 *
 * Returns 0, also when nothing changes; -EEXIST when the room has its
 * broadcaster, -ENOMEM; nobody is told anything then.
 */
int hub_set_role(struct hub *hub, struct peer *peer, enum hub_role role,
		 bool replaces);

/*
 * Relay to one peer of the sender's room. envelope->from is set here, and of a
 * numbered envelope the receipt.
 *
 * Returns 0 when the peer took it, or had it before; -ENOENT when no such peer
 * is in the room, -EAGAIN when there is none though it may still come back
 * after a restart of the server, -ESTALE when its memory is not ti, -ERANGE
 * when a message before it is missing (p), or what its deliver() returned.
 */
int hub_send(struct hub *hub, struct peer *from, struct span to,
	     struct envelope *envelope);

/* Relay to the others in the room who have that role, whether they see the
 * sender or not. Returns how many took it. */
size_t hub_send_role(struct peer *from, enum hub_role role,
		     struct envelope *envelope);

/* Relay to everybody in the room who sees the sender. */
void hub_broadcast(struct peer *from, struct envelope *envelope);

/*
 * A page of the peers that viewer sees, itself left out, in order of joining.
 *
 * after  the seq behind which to begin, 0 for the first page
 * each   takes one peer; false when it did not because the page is full
 *
 * Returns the seq to go on behind, 0 when there are no more.
 */
uint64_t hub_list(const struct peer *viewer, uint64_t after,
		  bool (*each)(const struct peer *peer, void *arg), void *arg);

/* Watchers in the room. */
size_t hub_viewers_count(const struct room *room);
struct span hub_room_name(const struct room *room);

/* All that is kept for a peer must fit its output when it comes back. */
static inline struct outlog_limits hub_log_limits(const struct config *config)
{
	size_t most = config->output.max_queued_bytes / 2;
	size_t bytes = config->session.max_bytes;

	return (struct outlog_limits){
		.max_bytes = bytes < most ? bytes : most,
		.max_messages = config->session.max_messages,
	};
}

/* --- sessions (session.c); docs/delivery.md has the rules --- */

struct hub_resume {
	struct hub_join join; /* id, and all to make the peer anew; inst */
	uint32_t generation;  /* of the token */
	uint64_t epoch;	      /* of the log the client knows, 0 for none */
	uint64_t last;	      /* position in it */
};

enum hub_resumed {
	RESUMED,
	RESUME_STALE,	 /* a later attempt has been made: touch nothing */
	RESUME_TAKEN,	 /* a later memory or token has it */
	RESUME_EXPIRED,	 /* its log is gone */
	RESUME_OVERFLOW, /* not all of its log was kept */
	RESUME_REFUSED,	 /* *err as hub_join() */
};

/*
 * Carry a session on over a new transport: detach() of the old one, then the
 * peer has the ops and arg of `join`. What is kept for it is the caller's to
 * send (hub_replay()) behind its answer. Without a session the peer joins anew
 * under its id.
 */
enum hub_resumed hub_resume(struct hub *hub, const struct hub_resume *resume,
			    struct peer **peerp, int *err);

/* Walk over the frames that the peer has not acknowledged, in order. */
void hub_replay(const struct peer *peer,
		void (*each)(struct blob *frame, void *arg), void *arg);

/*
 * The transport of a peer with a session was cut: those who see it are told,
 * and until it is resumed it has no arg. It leaves by itself, for that reason,
 * when the window is over; with LEAVE_LEFT, as its page went, in HUB_HOLD_MS.
 * Where too many are away already it leaves at once.
 */
void hub_away(struct hub *hub, struct peer *peer, enum hub_leave_reason reason);

/* The same for a peer whose dialect keeps what it is sent, and ends its being
 * away itself: by hub_back() or hub_leave(). Its arg stays. */
void hub_await(struct hub *hub, struct peer *peer);
void hub_back(struct hub *hub, struct peer *peer);

/* From now on nobody is told who is away: the server goes. */
void hub_drain(struct hub *hub);

bool hub_has_session(const struct peer *peer);

/* Of the log of a peer with a session. */
uint64_t hub_epoch(const struct peer *peer);

/* The number of the next token for this peer. */
uint32_t hub_next_generation(const struct peer *peer);

/*
 * Number a frame for a peer with a session, and keep it.
 *
 * Returns 0, -ENOBUFS when its log is full, -ENOMEM: it must not be sent then.
 */
int hub_keep(const struct peer *to, struct blob *frame,
	     const struct envelope *envelope);

/* The peer's client has everything up to this position. */
void hub_ack(const struct peer *peer, uint64_t sn);

/* on_due is called once when acknowledgements are to be told: hub_tell_due()
 * does it, at the end of the turn. */
void hub_set_on_due(struct hub *hub, void (*on_due)(void *arg), void *arg);
void hub_tell_due(struct hub *hub);

/* At the start: peers of the server's life before may come back. Nobody is
 * called unknown for one window, and then ENVELOPE_SETTLED is told. */
void hub_expect_returns(struct hub *hub);
bool hub_is_settled(const struct hub *hub);

/* Take a peer out for good. Returns 0, or -ENOENT when there is none. */
int hub_kick(struct hub *hub, struct span id, const char *reason);

size_t hub_peers_count(const struct hub *hub);
size_t hub_rooms_count(const struct hub *hub);

/* Let those leave who were away too long, and say the number of viewers where
 * it has changed; called every 100 ms or so. */
void hub_tick(struct hub *hub);

const char *hub_role_name(enum hub_role role);

/* Returns 0, or -EINVAL for a name that is none. */
int hub_role_parse(struct span name, enum hub_role *role);
const char *hub_leave_reason_name(enum hub_leave_reason reason);

#endif
