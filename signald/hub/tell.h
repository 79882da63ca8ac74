/* tell.h: who in a room hears of what. */
#ifndef SIGNALD_HUB_TELL_H
#define SIGNALD_HUB_TELL_H

#include "hub/hub.h"

struct hub_peer;
struct session;

/* To everybody who sees the peer, itself left out. It has been added to its
 * room, or removed from it, before. */
void tell_about(const struct peer *peer, struct envelope *envelope);
void tell_joined(const struct peer *peer);
void tell_left(const struct peer *peer, enum hub_leave_reason reason);

/* To everybody on the server. */
void tell_settled(const struct hub *hub);

/* To everybody in the room. */
void tell_viewers(const struct room *room);

/* Whether it may send to peers of that role (rooms.address_seen_only). */
bool tell_may_address(const struct peer *from, enum hub_role role);

/* Returns what the receiver's deliver() did. */
int tell_peer(const struct peer *from, const struct peer *to,
	      struct envelope *envelope);

/* Deliver a numbered envelope, or know it for a repetition; as hub_send(). */
int tell_numbered(struct session *from, struct hub_peer *to,
		  struct envelope *envelope);

#endif
