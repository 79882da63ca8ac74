/* native_write.h: the messages of the native dialect, from the hub's to JSON.
 */
#ifndef SIGNALD_DIALECT_NATIVE_WRITE_H
#define SIGNALD_DIALECT_NATIVE_WRITE_H

#include "codec/msg.h"
#include "hub/session.h"
#include "turn/icelist.h"

/* Flags of a resume token. */
#define NATIVE_VOUCHED 1
#define NATIVE_MAKES_NO_ROOMS 2

/* What a whole answer is made from besides the request. */
struct native_sources {
	const struct peer *peer; /* who asked */
	const struct hub *hub;
	const struct config *config;
	const struct keyring *keyring;
	struct icelist *icelist;
	const struct net_addr *from; /* the client's address */
	const struct turncred *cred; /* see struct icelist_ask */
	uint64_t now_s;
};

/* Each appends one whole message; out->failed says when memory ran out. */
void native_write_joined(struct buf *out, const struct msg *msg,
			 const struct native_sources *sources);
void native_write_resumed(struct buf *out, const struct msg *msg,
			  const struct native_sources *sources);
void native_write_peers(struct buf *out, const struct msg *msg,
			const struct native_sources *sources);
void native_write_ice(struct buf *out, const struct msg *msg,
		      const struct native_sources *sources);

/* A fresh token. */
void native_write_session(struct buf *out, const struct msg *msg,
			  const struct native_sources *sources);
void native_write_not_resumed(struct buf *out, const struct msg *msg,
			      const char *reason, const char *message);
void native_write_acked(struct buf *out, const struct peer *by, uint64_t n);
void native_write_kicked(struct buf *out, const char *reason);
void native_write_go_away(struct buf *out, uint64_t reconnect_after_ms);

/* Where a message is relayed, the type of client message and the kind of
 * envelope are one number. */
_Static_assert((int)MSG_OFFER == ENVELOPE_OFFER &&
		       (int)MSG_BROADCAST == ENVELOPE_BROADCAST,
	       "relayed types and envelopes are in one order");

/*
 * A relayed message in three pieces around its payload, which is not touched.
 *
 * prefix  room for the first piece
 */
void native_write_relayed(const struct envelope *envelope,
			  char prefix[MSG_PREFIX_CAP], struct span parts[3]);

/* An event of the hub: who comes and goes, how many watch, settled. */
void native_write_event(struct buf *out, const struct envelope *envelope);

#endif
