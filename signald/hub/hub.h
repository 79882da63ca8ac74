/* hub.h: rooms, the peers in them, and who hears of what. */
#ifndef SIGNALD_HUB_HUB_H
#define SIGNALD_HUB_HUB_H

#include "base/clock.h"
#include "base/crypto.h"
#include "hub/peer.h"
#include "policy/config.h"

struct hub;

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
	struct span user;    /* see struct peer */
	unsigned max_ttl_s;  /* see struct peer */
	unsigned lacks;	     /* of enum right: what it may not do */
	bool is_vouched;     /* the metadata stays when it comes again */
	bool makes_no_rooms; /* it may only come into one that is there */
	uint64_t inst;	     /* see struct peer */
	bool has_session;    /* it may be cut off and resumed; needs inst */
	uint64_t attempt;    /* of its transport, counted by the client */
	const struct peer_ops *ops;
	void *arg;
};

/* config and clock are borrowed; config may be exchanged by hub_configure(). */
int hub_new(struct hub **hubp, const struct config *config,
	    const struct clock *clock);
void hub_configure(struct hub *hub, const struct config *config);

/* What becomes of rooms and peers. */
enum hub_change {
	HUB_ROOM_OPENED, /* its first peer comes */
	HUB_ROOM_CLOSED, /* its last has left */
	HUB_PEER_JOINED,
	HUB_PEER_LEFT, /* not: is away */
	HUB_PEER_ROLE, /* it has another */
};

struct hub_news {
	enum hub_change change;
	struct span room;
	const struct peer *peer;      /* NULL where it is of the room */
	enum hub_leave_reason reason; /* of who has left */
};

/* It is called while the hub is at work: it must not call the hub. */
typedef void hub_watcher(const struct hub_news *news, void *arg);

/* Have somebody hear of every change, in their order; NULL: nobody. */
void hub_watch(struct hub *hub, hub_watcher *watcher, void *arg);

/* Its peers must be gone, or away: these leave. Takes NULL. */
void hub_free(struct hub *hub);

/*
 * Put a new peer into a room, which is made when it does not exist, and tell
 * those who see it.
 *
 * Returns 0 with the peer, -EPERM when it lacks the right to its role, -ENOENT
 * when it may make no room and there is none, -EEXIST when the room has its
 * broadcaster, who does not make way for this one (rooms.takeover; one that is
 * away always does), -ENOSPC when the room is full, -EUSERS when it has as many
 * watchers as it may and this would be one more, -ENFILE when there are too
 * many rooms, -EINVAL when a peer has that id already, -ENOMEM.
 */
int hub_join(struct hub *hub, const struct hub_join *join, struct peer **peerp);

bool hub_has_room(const struct hub *hub, struct span name);

/* What hub_join() would return, were there memory: for one who would leave
 * another room for it. */
int hub_may_join(const struct hub *hub, const struct hub_join *join);

/* Take the peer out, tell those who saw it, and free it. */
void hub_leave(struct hub *hub, struct peer *peer,
	       enum hub_leave_reason reason);

/*
 * Give the peer another role; those who see it are told that it left and came
 * again. Its place in the order of joining is new.
 *
 * replaces  where the room has as many broadcasters as it may and none of them
 *           is away: the first to have come whose ops are this peer's becomes a
 *           plain peer. The hub does not tell it so itself.
 *
 * Returns 0, also when nothing changes; -EPERM when it lacks the right to that
 * role, -EEXIST when the room has its broadcaster, -EUSERS when it has as many
 * watchers as it may, -ENOMEM; nobody is told anything then.
 */
int hub_set_role(struct hub *hub, struct peer *peer, enum hub_role role,
		 bool replaces);

/*
 * Relay to one peer of the sender's room. envelope->from is set here, and of a
 * numbered envelope the receipt.
 *
 * Returns 0 when the peer took it, or had it before; -EPERM when the sender has
 * no right to send to one, -EHOSTUNREACH when it may not send to this one
 * (rooms.address_seen_only), -EACCES when it is muted; -ENOENT when no such
 * peer is in the room, -EAGAIN when there is none though it may still come back
 * after a restart of the server, -ESTALE when its memory is not ti, -ERANGE
 * when a message before it is missing (p), or what its deliver() returned.
 */
int hub_send(struct hub *hub, struct peer *from, struct span to,
	     struct envelope *envelope);

/* Relay to the others in the room who have that role, whether they see the
 * sender or not. Returns 0, also when nobody takes it, as of one who is muted;
 * -EPERM when the sender has no right to send to one, -EHOSTUNREACH when it may
 * not send to any of that role. */
int hub_send_role(struct peer *from, enum hub_role role,
		  struct envelope *envelope);

/* Relay to everybody in the room who sees the sender, unless that is muted.
 * Returns 0, or -EPERM when the sender has no right to send to all. */
int hub_broadcast(struct peer *from, struct envelope *envelope);

/*
 * How many seconds, rounded up, this peer may not send what is of that kind; 0
 * when it may. Who is muted still negotiates: offers, answers and candidates
 * pass, so that calls go on.
 */
unsigned hub_muted_s(const struct peer *from, enum envelope_kind kind);

/* Mute a peer for so many seconds; 0: it may speak again. Returns 0, or -ENOENT
 * when there is none. */
int hub_mute(struct hub *hub, struct span id, unsigned seconds);

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

/* The same of all peers in a room, for those who are in none. */
uint64_t hub_list_room(const struct room *room, uint64_t after,
		       bool (*each)(const struct peer *peer, void *arg),
		       void *arg);

/* Watchers in the room. */
size_t hub_viewers_count(const struct room *room);
struct span hub_room_name(const struct room *room);

/* Whether one peer may send away another: 0; -EPERM when it has no right to,
 * -ENOENT when no other of this id is in its room. */
int hub_may_kick(const struct hub *hub, const struct peer *by, struct span id);

/* Take a peer out for good. Returns 0, or -ENOENT when there is none. */
int hub_kick(struct hub *hub, struct span id, const char *reason);

/* Each of them once, those too who are away. */
void hub_each_peer(const struct hub *hub,
		   void (*each)(const struct peer *peer, void *arg), void *arg);

size_t hub_peers_count(const struct hub *hub);
size_t hub_rooms_count(const struct hub *hub);

/* Let those leave who were away too long, and say the number of viewers where
 * it has changed; called every 100 ms or so. */
void hub_tick(struct hub *hub);

#endif
