/* session.h: what of sessions the other modules of the hub need. */
#ifndef SIGNALD_HUB_SESSION_H
#define SIGNALD_HUB_SESSION_H

#include "hub/hub_peer.h"

/* Returns NULL when memory ran out. */
struct session *session_new(struct hub_peer *owner, uint64_t attempt);

/* What is in its log is said to be `why`; takes NULL. */
void session_free(struct session *session, enum delivery why);

/* Deliver a numbered envelope, or know it for a repetition; as hub_send(). */
int session_send(struct session *from, struct hub_peer *to,
		 struct envelope *envelope);

/* The peer is not away any more: it is back, or about to be freed. */
void away_end(struct hub *hub, struct hub_peer *away);

/* Those who were away too long leave; who acknowledges nothing is cut. */
void sessions_tick(struct hub *hub, uint64_t now_ms);

/* --- hub.c, for session.c --- */

/* Its name and metadata, copied. Returns 0 or -ENOMEM, nothing changed then. */
int peer_describe(struct hub_peer *made, struct span name,
		  struct span metadata);

#endif
