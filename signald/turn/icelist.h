/* icelist.h: the ICE list: servers with credentials minted for one user. */
#ifndef SIGNALD_TURN_ICELIST_H
#define SIGNALD_TURN_ICELIST_H

#include "base/buf.h"
#include "base/clock.h"
#include "codec/turncred.h"
#include "net/addr.h"
#include "turn/pool.h"
#include "turn/regions.h"

struct icelist;

/* In state.dir: the key of the names of users (policy/lasting.h). */
#define ICELIST_KEY_FILE "user-key"

/* Whom a credential is for; coturn's quota counts by it. */
enum icelist_user {
	ICELIST_ADDRESS, /* a caller without an id: its network's bytes */
	ICELIST_PEER,	 /* a peer: its id */
	ICELIST_SUBJECT, /* whom a key, ticket or token names */
};

struct icelist_ask {
	enum icelist_user kind;
	struct span subject;  /* bytes that name the user; they do not show */
	uint64_t ttl_s;	      /* asked for by the client, 0: the configured */
	uint64_t most_ttl_s;  /* allowed to it, 0: as configured */
	bool is_without_turn; /* it has no right to relay */
	struct span region;   /* asked for, "" for that of `from` */
	const struct net_addr *from; /* the client's, NULL where unknown */
	/* Where credentials are kept in Redis: one that icelist_begin() had
	 * made, or NULL: no TURN server is given then. */
	const struct turncred *cred;
};

struct icelist_parts {
	const struct pool *pool;
	const struct regions *regions; /* NULL for none */
	const struct clock *clock;
};

/*
 * The parts are borrowed, what is needed of config copied.
 *
 * user_key  of the names of users: as long as it stays, so do they
 *
 * Returns 0 or -ENOMEM.
 */
int icelist_new(struct icelist **listp, const struct config *config,
		const struct icelist_parts *parts, struct span user_key);

/* Takes NULL. */
void icelist_free(struct icelist *list);

/* Seconds that a credential lives for a client that asked for asked_s and may
 * have most_s; 0 for neither. */
uint64_t icelist_ttl_s(const struct icelist *list, uint64_t asked_s,
		       uint64_t most_s);

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

/* Lists with TURN servers want a credential of icelist_begin() now. */
bool icelist_wants_credential(const struct icelist *list);

/*
 * Where credentials are kept in Redis, have one made that the list can be
 * written with.
 *
 * grant  its on_done is set
 *
 * Returns whether on_done is going to be called, and the list is to be written
 * then, with ask->cred set when err is 0. Else it can be written at once.
 */
bool icelist_begin(struct icelist *list, const struct icelist_ask *ask,
		   struct usercred_grant *grant);

/*
 * Append the members of an ICE answer, without braces:
 * "iceServers":[...],"turn":true,"ttl":600,"expiresAt":"...","refreshAfter":450
 *
 * Each TURN server is an entry of its own, with the ways to it that live; when
 * none does, there are STUN servers alone and "turn" is false.
 */
void icelist_write(struct icelist *list, const struct icelist_ask *ask,
		   struct buf *out);

#endif
