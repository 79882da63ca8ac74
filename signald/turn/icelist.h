/* icelist.h: the ICE list: servers with credentials minted for one user. */
#ifndef SIGNALD_TURN_ICELIST_H
#define SIGNALD_TURN_ICELIST_H

#include "base/buf.h"
#include "base/clock.h"
#include "codec/turncred.h"
#include "policy/config.h"

struct icelist;

/* Whom a credential is for; coturn's quota counts by it. */
enum icelist_user {
	ICELIST_ADDRESS, /* a caller without an id: its network's bytes */
	ICELIST_PEER,	 /* a peer: its id */
};

/* clock is borrowed, what is needed of config copied. Returns 0 or -ENOMEM. */
int icelist_new(struct icelist **listp, const struct config *config,
		const struct clock *clock);

/* Takes NULL. */
void icelist_free(struct icelist *list);

/* The TURN server answers or not; while it does not, lists hold STUN only.
 * Starts as answering. */
void icelist_set_alive(struct icelist *list, bool is_alive);

/* Seconds that a credential lives for a client that asked for asked_s, or for
 * none with 0. */
uint64_t icelist_ttl_s(const struct icelist *list, uint64_t asked_s);

/*
 * The name by which coturn knows a user: behind the expiry in the username of
 * every credential minted for that subject.
 *
 * Returns 0 or -ENOMEM; -ENOENT where no TURN server is configured.
 */
int icelist_user_of(struct icelist *list, enum icelist_user kind,
		    struct span subject, char user[TURNCRED_MAX_USER + 1]);

/* A name of that form is of a peer, and not of an address. */
bool icelist_is_peer(struct span user);

/*
 * Append the members of an ICE answer, without braces:
 * "iceServers":[...],"turn":true,"ttl":600,"expiresAt":"...","refreshAfter":450
 *
 * subject  bytes that name the user; they enter a keyed hash and do not show
 * ttl_s    asked for by the client, 0 for the configured one
 */
void icelist_write(struct icelist *list, enum icelist_user kind,
		   struct span subject, uint64_t ttl_s, struct buf *out);

#endif
