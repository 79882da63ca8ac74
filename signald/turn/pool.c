/* pool.c: the TURN servers there are, which of them live, and who gets which.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/addr.h"
#include "turn/pool.h"

/* A change of any of these makes another server of it. */
static int make_identity(struct pool_server *server, struct span secret)
{
	struct crypto_hmac *hmac;
	char ports[64];
	int len =
		snprintf(ports, sizeof(ports), "|%u|%u|%u|%u|%u%u%u%u",
			 server->ports[POOL_UDP], server->ports[POOL_TCP],
			 server->ports[POOL_TLS], server->ports[POOL_TUNNEL],
			 server->offers[POOL_UDP], server->offers[POOL_TCP],
			 server->offers[POOL_TLS], server->offers[POOL_TUNNEL]);
	const struct span parts[] = {
		span_from(server->name),      SPAN("|"),
		span_from(server->host),      SPAN("|"),
		span_from(server->addresses), span_of(ports, (size_t)len),
	};
	int err = crypto_hmac_new(&hmac, CRYPTO_SHA256, secret);

	if (err)
		return err;
	err = crypto_hmac_sign_parts(
		hmac, parts, sizeof(parts) / sizeof(*parts), server->identity);
	crypto_hmac_free(hmac);
	return err;
}

/* Where TURN over TLS is served by the same port as pages are. */
static void add_tunnel(struct pool_server *server, const struct config *config)
{
	uint16_t port = net_addr_first_port(span_from(config->listen.tls));

	server->ports[POOL_TUNNEL] = port;
	server->offers[POOL_TUNNEL] =
		port && *config->turn.tunnel &&
		!(config->turn.tls && config->turn.tls_port == port);
}

static int key_server(struct pool_server *server, const struct config *config)
{
	struct span secret = config_signing_secret(config->turn.secret);
	struct crypto_hmac *credentials;
	int err;

	if (!secret.len) /* credentials are kept in Redis */
		return make_identity(server, span_from(config->turn.realm));
	err = crypto_hmac_new(&credentials, CRYPTO_SHA1, secret);
	if (err)
		return err;
	crypto_hmac_free(server->credentials);
	server->credentials = credentials;
	return make_identity(server, secret);
}

static int fill_server(struct pool_server *server, const char *name,
		       const struct config *config)
{
	server->name = strdup(name);
	server->host = strdup(config->turn.host);
	server->addresses = strdup(config->turn.addresses);
	server->region = strdup(config->turn.region);
	server->weight = config->turn.weight;
	server->is_drained = config->turn.drained;
	server->has_stun = config->turn.stun;
	server->offers[POOL_UDP] = config->turn.udp;
	server->offers[POOL_TCP] = config->turn.tcp;
	server->offers[POOL_TLS] = config->turn.tls;
	server->ports[POOL_UDP] = (uint16_t)config->turn.port;
	server->ports[POOL_TCP] = (uint16_t)config->turn.port;
	server->ports[POOL_TLS] = (uint16_t)config->turn.tls_port;
	if (!strcmp(name, CONFIG_OWN_SERVER))
		add_tunnel(server, config);
	if (!server->name || !server->host || !server->addresses ||
	    !server->region)
		return -ENOMEM;
	return key_server(server, config);
}

static int fill(struct pool *pool, const struct config *config)
{
	bool has_own = *config->turn.host;
	size_t count = config->servers_count + has_own;
	int err = 0;

	if (!count)
		return 0;
	pool->servers = calloc(count, sizeof(*pool->servers));
	if (!pool->servers)
		return -ENOMEM;
	pool->count = count;
	if (has_own)
		err = fill_server(pool->servers, CONFIG_OWN_SERVER, config);
	for (size_t i = 0; i < config->servers_count && !err; i++)
		err = fill_server(&pool->servers[i + has_own],
				  config->servers[i].name,
				  config->servers[i].config);
	return err;
}

int pool_new(struct pool **poolp, const struct config *config)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pool->trusts_all = !config->turn.probe;
	pool->withholds_unsafe = config->turn.withhold_unsafe;
	pool->per_client = config->turn.servers_per_client;
	if (fill(pool, config)) {
		pool_free(pool);
		return -ENOMEM;
	}
	*poolp = pool;
	return 0;
}

static void clear_server(struct pool_server *server)
{
	free(server->name);
	free(server->host);
	free(server->addresses);
	free(server->region);
	crypto_hmac_free(server->credentials);
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->count; i++)
		clear_server(&pool->servers[i]);
	free(pool->servers);
	free(pool);
}

int pool_renew_secrets(struct pool *pool, const struct config *config)
{
	bool has_own = *config->turn.host;
	int err = 0;

	for (size_t i = 0; i < pool->count && !err; i++)
		err = key_server(&pool->servers[i],
				 has_own && !i
					 ? config
					 : config->servers[i - has_own].config);
	return err;
}

void pool_use_redis(struct pool *pool, struct usercred *usercred)
{
	pool->usercred = usercred;
	for (size_t i = 0; i < pool->count; i++)
		pool->servers[i].usercred = usercred;
}

int pool_grant(const struct pool_server *server, const struct clock *clock,
	       struct usercred_grant *grant, struct span user, uint64_t ttl_s)
{
	int err;

	if (!server->usercred)
		return turncred_make(server->credentials, user,
				     clock_wall_s(clock), ttl_s, &grant->cred);
	err = usercred_begin_own(server->usercred, grant, user, ttl_s);
	return err ? err : -EINPROGRESS;
}

static const struct pool_server *find_same(const struct pool *pool,
					   const struct pool_server *server)
{
	for (size_t i = 0; i < pool->count; i++) {
		if (!memcmp(pool->servers[i].identity, server->identity,
			    sizeof(server->identity)))
			return &pool->servers[i];
	}
	return NULL;
}

void pool_adopt(struct pool *pool, const struct pool *before)
{
	for (size_t i = 0; i < pool->count; i++) {
		struct pool_server *server = &pool->servers[i];
		const struct pool_server *same = find_same(before, server);

		if (!same)
			continue;
		memcpy(server->is_live, same->is_live, sizeof(same->is_live));
		memcpy(server->safety, same->safety, sizeof(same->safety));
	}
}

void pool_forget_liveness(struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		memset(pool->servers[i].is_live, 0,
		       sizeof(pool->servers[i].is_live));
}

static bool is_withheld(const struct pool *pool,
			const struct pool_server *server,
			enum pool_transport transport)
{
	return pool->withholds_unsafe &&
	       server->safety[pool_process_of(transport)] != POOL_SAFE;
}

bool pool_can_offer(const struct pool *pool, const struct pool_server *server,
		    enum pool_transport transport)
{
	if (!server->offers[transport])
		return false;
	if (pool->usercred && !usercred_is_up(pool->usercred))
		return false;
	return pool->trusts_all || (server->is_live[transport] &&
				    !is_withheld(pool, server, transport));
}

bool pool_can_serve(const struct pool *pool, const struct pool_server *server)
{
	for (int i = 0; i < POOL_TRANSPORTS; i++) {
		if (pool_can_offer(pool, server, (enum pool_transport)i))
			return true;
	}
	return false;
}

bool pool_has_relays(const struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++) {
		const bool *offers = pool->servers[i].offers;

		for (int t = 0; t < POOL_TRANSPORTS; t++)
			if (offers[t])
				return true;
	}
	return false;
}

bool pool_is_alive(const struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++) {
		if (!pool->servers[i].is_drained &&
		    pool_can_serve(pool, &pool->servers[i]))
			return true;
	}
	return false;
}

/*
 * Weighted rendezvous: every user draws a number for every server, and the
 * highest ones win. A server that goes or comes moves its own users only, and
 * each gets users in proportion to its weight: -weight / ln(u), with u even
 * between 0 and 1, is the greatest of all with that probability.
 */
static double score(const struct pool_server *server, struct span user)
{
	uint8_t hash[CRYPTO_SHA256_LEN];
	char joined[2 * CRYPTO_SHA256_LEN];
	uint64_t number;

	/* By name: a new secret or port moves nobody. */
	crypto_sha256(user, (uint8_t *)joined);
	crypto_sha256(span_from(server->name),
		      (uint8_t *)joined + CRYPTO_SHA256_LEN);
	crypto_sha256(span_of(joined, sizeof(joined)), hash);
	memcpy(&number, hash, sizeof(number));
	return -(double)server->weight /
	       log(((double)(number >> 11) + 0.5) / (double)(1ull << 53));
}

struct candidate {
	const struct pool_server *server;
	size_t distance;
	double score;
};

static bool is_better(const struct candidate *a, const struct candidate *b)
{
	if (a->distance != b->distance)
		return a->distance < b->distance;
	return a->score > b->score;
}

/* Keep the best ones, the best first. Returns how many there are now. */
static size_t insert(struct candidate *best, size_t count, size_t max,
		     struct candidate one)
{
	size_t at = count < max ? count : max - 1;

	if (count == max && !is_better(&one, &best[at]))
		return count;
	for (; at && is_better(&one, &best[at - 1]); at--)
		best[at] = best[at - 1];
	best[at] = one;
	return count < max ? count + 1 : max;
}

size_t pool_choose(const struct pool *pool, struct span user,
		   const struct place *place, bool is_live,
		   const struct pool_server *chosen[POOL_MAX_CHOSEN])
{
	struct candidate best[POOL_MAX_CHOSEN] = {{.server = NULL}};
	size_t count = 0;

	for (size_t i = 0; i < pool->count; i++) {
		const struct pool_server *server = &pool->servers[i];
		struct candidate one = {
			.server = server,
			.distance = place_distance(place, server->region),
			/* One alone needs no draw. */
			.score = pool->count > 1 ? score(server, user) : 0,
		};

		if (server->is_drained ||
		    (is_live && !pool_can_serve(pool, server)))
			continue;
		count = insert(best, count, pool->per_client, one);
	}
	for (size_t i = 0; i < count; i++)
		chosen[i] = best[i].server;
	return count;
}
