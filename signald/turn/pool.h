/* pool.h: the TURN servers there are, which of them live, and who gets which.
 */
#ifndef SIGNALD_TURN_POOL_H
#define SIGNALD_TURN_POOL_H

#include "base/crypto.h"
#include "policy/config.h"
#include "turn/place.h"
#include "turn/usercred.h"

/* The ways to one server that clients are told of. */
enum pool_transport {
	POOL_UDP,
	POOL_TCP,
	POOL_TLS,
	POOL_TUNNEL, /* TLS to signald's own listen.tls, and on from there */
	POOL_TRANSPORTS,
};

/* A server's coturns, each with a configuration of its own. */
enum pool_process {
	POOL_FRONT,  /* that clients reach themselves */
	POOL_BEHIND, /* behind the tunnel */
	POOL_PROCESSES,
};

static inline enum pool_process pool_process_of(enum pool_transport transport)
{
	return transport == POOL_TUNNEL ? POOL_BEHIND : POOL_FRONT;
}

/* What a test of where it relays to has shown. */
enum pool_safety { POOL_UNTRIED, POOL_SAFE, POOL_UNSAFE };

struct pool_server {
	char *name;
	char *host; /* as clients know it */
	char *addresses;
	char *region;
	unsigned weight;
	bool is_drained;
	bool has_stun;
	bool offers[POOL_TRANSPORTS];
	uint16_t ports[POOL_TRANSPORTS];
	/* HMAC-SHA1 keyed with its secret; NULL where it has none */
	struct crypto_hmac *credentials;
	struct usercred *usercred; /* as the pool's */

	/* Set by who proves it. */
	bool is_live[POOL_TRANSPORTS];
	enum pool_safety safety[POOL_PROCESSES];

	/* Of what makes it the same server after a reload. */
	uint8_t identity[CRYPTO_SHA256_LEN];
};

struct pool {
	struct pool_server *servers;
	size_t count;
	bool trusts_all; /* turn.probe is off */
	bool withholds_unsafe;
	unsigned per_client;
	/* Where credentials are kept for the servers; NULL: nowhere, they are
	 * made with the servers' secrets. */
	struct usercred *usercred;
};

/*
 * The servers of a configuration; nothing is known of any yet. What is needed
 * of config is copied. Returns 0 or -ENOMEM.
 */
int pool_new(struct pool **poolp, const struct config *config);
void pool_free(struct pool *pool); /* takes NULL */

/*
 * The secrets of a configuration that has changed in nothing else: credentials
 * are made with them from now on, and what is known of the servers stays.
 *
 * Returns 0, or -ENOMEM with some of them changed.
 */
int pool_renew_secrets(struct pool *pool, const struct config *config);

/* Credentials are kept in Redis; borrowed. While it cannot be reached, no
 * server can be offered. */
void pool_use_redis(struct pool *pool, struct usercred *usercred);

/*
 * A credential for one of our own that uses this server.
 *
 * Returns 0 when it is in the grant at once; -EINPROGRESS when the grant's
 * on_done is told later; or as usercred_begin() does.
 */
int pool_grant(const struct pool_server *server, const struct clock *clock,
	       struct usercred_grant *grant, struct span user, uint64_t ttl_s);

/* Nothing is known to live. */
void pool_forget_liveness(struct pool *pool);

/* What is known of servers that are the same in both. */
void pool_adopt(struct pool *pool, const struct pool *before);

/* Clients may be told of this way to it. */
bool pool_can_offer(const struct pool *pool, const struct pool_server *server,
		    enum pool_transport transport);

/* The same for any way. */
bool pool_can_serve(const struct pool *pool, const struct pool_server *server);

/* Some server is to relay at all, and not only to answer STUN. */
bool pool_has_relays(const struct pool *pool);

/* Some server can serve and is not drained. */
bool pool_is_alive(const struct pool *pool);

#define POOL_MAX_CHOSEN 10 /* turn.servers_per_client's greatest */

/*
 * The servers for one user, the best first: those of the narrowest region that
 * the user is in, then of the wider ones, then all others; among those of a
 * kind spread over the users by weight. The same user gets the same ones for as
 * long as they live.
 *
 * user     bytes that tell users apart
 * is_live  those that can serve; else all, for what needs no relay
 *
 * Returns how many, at most turn.servers_per_client.
 */
size_t pool_choose(const struct pool *pool, struct span user,
		   const struct place *place, bool is_live,
		   const struct pool_server *chosen[POOL_MAX_CHOSEN]);

#endif
