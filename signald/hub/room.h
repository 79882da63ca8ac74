/* room.h: the peers of one room, in the order in which they came. */
#ifndef SIGNALD_HUB_ROOM_H
#define SIGNALD_HUB_ROOM_H

#include "hub/hub.h"

/*
 * Peers by rising seq. One that leaves becomes a hole (peer NULL), and holes
 * are closed when they are half of the list: leaving costs a binary search, and
 * a page can begin behind any seq, also that of a peer who has gone.
 */
struct room_member {
	uint64_t seq;
	struct peer *peer;
};

struct room_list {
	struct room_member *members;
	size_t len; /* holes included */
	size_t cap;
	size_t count; /* peers */
	size_t away;  /* of these, who are cut off */
};

/*
 * Watchers are kept apart from the cast (everybody else), since what goes to
 * the cast must not cost a walk over an audience of thousands.
 */
struct room {
	struct span name; /* the bytes lie behind the struct */
	struct room_list cast;
	struct room_list audience;
	unsigned broadcasters_count;
	uint64_t since_s; /* Unix time of the first peer's joining */
	uint64_t last_seq;

	/* When the number of viewers was last told. */
	uint64_t viewers_told_ms;
	struct room
		*prev_stale; /* in the hub's list of rooms with a new number */
	struct room *next_stale;
	bool is_stale;
	bool is_open; /* somebody has been in it */
};

/* Returns NULL when memory ran out. */
struct room *room_new(struct span name);
void room_free(struct room *room);

/* The list the peer's role belongs in. */
struct room_list *room_list_of(struct room *room, enum hub_role role);

/* Make sure that so many peers of this role can be added. Places do not get
 * lost by removing. Returns 0 or -ENOMEM. */
int room_reserve(struct room *room, enum hub_role role, size_t places);

/* Into a place that was reserved. Gives the peer its seq. */
void room_add(struct room *room, struct peer *peer);
void room_remove(struct room *room, struct peer *peer);

static inline size_t room_count(const struct room *room)
{
	return room->cast.count + room->audience.count;
}

static inline size_t room_away_count(const struct room *room)
{
	return room->cast.away + room->audience.away;
}

/* Those who are there, and not away. */
static inline size_t room_present_count(const struct room *room)
{
	return room_count(room) - room_away_count(room);
}

/* The index of the first member behind seq. */
size_t room_list_after(const struct room_list *list, uint64_t seq);

/* A peer with role `viewer` sees one with role `other`. */
static inline bool room_sees(enum hub_role viewer, enum hub_role other)
{
	return viewer != ROLE_WATCHER || other == ROLE_BROADCASTER ||
	       other == ROLE_OPERATOR;
}

#endif
