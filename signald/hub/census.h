/* census.h: who is where, for operators: pages of rooms and of peers. */
#ifndef SIGNALD_HUB_CENSUS_H
#define SIGNALD_HUB_CENSUS_H

#include "hub/room.h"

#define CENSUS_MAX_PAGE 1000

/* Which of them, in bytewise order of names or ids. */
struct census_page {
	struct span after;	/* behind this one; empty: from the first */
	struct span containing; /* these bytes; empty: any */
	size_t most;		/* 1 to CENSUS_MAX_PAGE */
};

/*
 * A page of all rooms, or of all peers. Nothing is kept in order for it: each
 * page looks at all there are, some 100 ns for each.
 *
 * found     room for page->most of them
 * has_more  set to whether there are others behind
 *
 * Returns how many there are in found.
 */
size_t census_rooms(const struct hub *hub, const struct census_page *page,
		    const struct room **found, bool *has_more);
size_t census_peers(const struct hub *hub, const struct census_page *page,
		    const struct peer **found, bool *has_more);

/* NULL when there is none. */
const struct room *census_room(const struct hub *hub, struct span name);
const struct peer *census_peer(const struct hub *hub, struct span id);

/* What of a peer the hub alone knows. */
struct census_facts {
	uint64_t since_s; /* Unix time of its joining */
	unsigned muted_s; /* for so long still; 0: it is not */
	bool has_session;
	size_t kept_messages; /* sent to it and not acknowledged */
	size_t kept_bytes;
};

void census_facts(const struct peer *peer, struct census_facts *facts);

/* Who comes from now on is not meant by census_next(); who comes back is. */
uint64_t census_mark(const struct hub *hub);

/* One of the peers of this room who were there at the mark; NULL: all of them
 * have gone. */
const struct peer *census_next(const struct hub *hub, struct span room,
			       uint64_t mark);

#endif
