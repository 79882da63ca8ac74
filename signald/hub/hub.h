/* hub.h: rooms, the peers in them, and who hears of what. */
#ifndef SIGNALD_HUB_HUB_H
#define SIGNALD_HUB_HUB_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/crypto.h"
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
};

enum envelope_kind {
	ENVELOPE_OFFER,
	ENVELOPE_ANSWER,
	ENVELOPE_CANDIDATE,
	ENVELOPE_SIGNAL,
	ENVELOPE_BROADCAST,
	ENVELOPE_EVENT, /* of Socket.IO alone: nothing for other dialects */
	ENVELOPE_PEER_JOINED,
	ENVELOPE_PEER_LEFT,
	ENVELOPE_VIEWERS,
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
	const struct peer *from;	    /* whom it is from, or about */
	struct span payload;		    /* raw JSON of a relayed message */
	const struct events_message *event; /* NULL from other dialects */
	size_t event_bytes; /* of ENVELOPE_EVENT, to be counted */
	enum hub_leave_reason reason;
	size_t viewers_count;
	bool is_for_many; /* worth encoding once */
	struct blob *frames[FORMS_COUNT];
	const void *frame_of; /* whose FORM_SOCKETIO is: a namespace */
};

/* How a dialect hears of what happens to its peer. */
struct peer_ops {
	/* Returns 0 when the peer takes it, -ENOBUFS when its output is full,
	 * -EPIPE when its connection is ending or the message says nothing in
	 * its dialect. Must not call the hub. */
	int (*deliver)(struct envelope *envelope, void *arg);
};

/* A participant; it belongs to the hub and lives from hub_join() to
 * hub_leave(). */
struct peer {
	const char *id;
	size_t id_len;
	enum hub_role role;
	struct room *room;
	uint64_t seq;	      /* order of joining, in the room's lists */
	struct span name;     /* {NULL, 0} without one */
	struct span metadata; /* raw JSON object, {NULL, 0} without one */
	const struct peer_ops *ops;
	void *arg;
	bool is_held; /* its page is going away: hub_hold() */
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
	const struct peer_ops *ops;
	void *arg;
};

/* config and clock are borrowed; config may be exchanged by hub_configure(). */
int hub_new(struct hub **hubp, const struct config *config,
	    const struct clock *clock);
void hub_configure(struct hub *hub, const struct config *config);

/* All peers must have left or be held; takes NULL. */
void hub_free(struct hub *hub);

/*
 * Put a new peer into a room, which is made when it does not exist, and tell
 * those who see it.
 *
 * Returns 0 with the peer, -EEXIST when the room has its broadcaster (a held
 * one makes way), -ENOSPC when the room is full, -ENFILE when there are too
 * many rooms, -EINVAL when a peer has that id already, -ENOMEM.
 */
int hub_join(struct hub *hub, const struct hub_join *join, struct peer **peerp);

/* What hub_join() would return, were there memory: for one who would leave
 * another room for it. */
int hub_may_join(const struct hub *hub, const struct hub_join *join);

/* Take the peer out, tell those who saw it, and free it. */
void hub_leave(struct hub *hub, struct peer *peer,
	       enum hub_leave_reason reason);

/*
 * The peer's page is going away: it has no dialect any more (its ops and arg
 * are not used again, what is sent to it comes back with -EPIPE) and leaves by
 * itself in HUB_HOLD_MS, or at once when another wants to be broadcaster in its
 * place. Until then it is in its room as before, but does not
 * count against its limits.
 */
#define HUB_HOLD_MS 2000
void hub_hold(struct hub *hub, struct peer *peer);

/*
 * Give the peer another role; those who see it are told that it left and came
 * again. Its place in the order of joining is new.
 *
 * replaces  where the room has as many broadcasters as it may and none of them
 *           is held: the first to have come whose ops are this peer's becomes a
 *           plain peer. The hub does not tell it so itself.
 *
 * Returns 0, also when nothing changes; -EEXIST when the room has its
 * broadcaster, -ENOMEM; nobody is told anything then.
 */
int hub_set_role(struct hub *hub, struct peer *peer, enum hub_role role,
		 bool replaces);

/*
 * Relay to one peer of the sender's room. envelope->from is set here.
 *
 * Returns 0 when the peer took it, -ENOENT when no such peer is in the room, or
 * what its deliver() returned.
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

size_t hub_peers_count(const struct hub *hub);
size_t hub_rooms_count(const struct hub *hub);

/* Let held peers leave, and say the number of viewers where it has changed;
 * called every 100 ms or so. */
void hub_tick(struct hub *hub);

const char *hub_role_name(enum hub_role role);

/* Returns 0, or -EINVAL for a name that is none. */
int hub_role_parse(struct span name, enum hub_role *role);
const char *hub_leave_reason_name(enum hub_leave_reason reason);

#endif
