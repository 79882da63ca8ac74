/* icelist.c: the ICE list: servers with credentials minted for one user. */
#include <errno.h>
#include <stdlib.h>

#include "policy/metric.h"
#include "turn/icelist.h"

/* Of the keyed hash that stands for a user: 128 bits. */
#define USER_HASH_BYTES 16

struct icelist {
	const struct pool *pool;
	const struct regions *regions;
	const struct clock *clock;
	struct crypto_hmac *users; /* NULL: there is no server */
	uint64_t ttl_s, min_ttl_s, max_ttl_s;
};

static bool has_server(const struct config *config)
{
	return *config->turn.host || config->servers_count;
}

int icelist_new(struct icelist **listp, const struct config *config,
		const struct icelist_parts *parts, struct span user_key)
{
	struct icelist *list = calloc(1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list->pool = parts->pool;
	list->regions = parts->regions;
	list->clock = parts->clock;
	list->ttl_s = config->turn.ttl_s;
	list->min_ttl_s = config->turn.min_ttl_s;
	list->max_ttl_s = config->turn.max_ttl_s;
	if (has_server(config) &&
	    crypto_hmac_new(&list->users, CRYPTO_SHA256, user_key)) {
		icelist_free(list);
		return -ENOMEM;
	}
	*listp = list;
	return 0;
}

void icelist_free(struct icelist *list)
{
	if (!list)
		return;
	crypto_hmac_free(list->users);
	free(list);
}

uint64_t icelist_ttl_s(const struct icelist *list, uint64_t asked_s,
		       uint64_t most_s)
{
	uint64_t now_s = clock_wall_s(list->clock);
	uint64_t ttl_s = asked_s ? asked_s : list->ttl_s;

	if (ttl_s < list->min_ttl_s)
		ttl_s = list->min_ttl_s;
	if (ttl_s > list->max_ttl_s)
		ttl_s = list->max_ttl_s;
	if (most_s && ttl_s > most_s)
		ttl_s = most_s;
	if (now_s < TURNCRED_MAX_EXPIRY_S &&
	    ttl_s > TURNCRED_MAX_EXPIRY_S - now_s)
		ttl_s = TURNCRED_MAX_EXPIRY_S - now_s;
	return ttl_s;
}

/* "a-", "p-" or "u-" and a keyed hash in base64url: only characters that coturn
 * takes as they are. */
int icelist_user_of(struct icelist *list, enum icelist_user kind,
		    struct span subject, char user[TURNCRED_MAX_USER + 1])
{
	uint8_t hash[CRYPTO_SHA256_LEN];
	int err = list->users ? crypto_hmac_sign(list->users, subject, hash)
			      : -ENOENT;

	if (err)
		return err;
	user[0] = "apu"[kind];
	user[1] = '-';
	crypto_base64url(hash, USER_HASH_BYTES, user + 2);
	return 0;
}

bool icelist_is_peer(struct span user)
{
	return span_has_prefix(user, SPAN("p-"));
}

/* "stun:host:3478", an IPv6 address in brackets (RFC 7064, RFC 7065). */
static void write_url(const struct pool_server *server, const char *before,
		      const char *scheme, unsigned port, const char *query,
		      struct buf *out)
{
	bool is_v6 = strchr(server->host, ':');

	buf_append_format(out,
			  is_v6 ? "%s\"%s:[%s]:%u%s\"" : "%s\"%s:%s:%u%s\"",
			  before, scheme, server->host, port, query);
}

static const struct {
	const char *scheme, *query;
} urls[POOL_TRANSPORTS] = {
	[POOL_UDP] = {"turn", "?transport=udp"},
	[POOL_TCP] = {"turn", "?transport=tcp"},
	[POOL_TLS] = {"turns", "?transport=tcp"},
	[POOL_TUNNEL] = {"turns", "?transport=tcp"},
};

/* One entry with all the servers' stun: URLs. Returns whether there is one. */
static bool write_stun(const struct pool_server *const *servers, size_t count,
		       struct buf *out)
{
	const char *before = "{\"urls\":[";
	bool has_any = false;

	for (size_t i = 0; i < count; i++) {
		const struct pool_server *server = servers[i];

		if (!server->has_stun)
			continue;
		write_url(server, before, "stun", server->ports[POOL_UDP], "",
			  out);
		before = ",";
		has_any = true;
	}
	if (has_any)
		buf_append_str(out, "]}");
	return has_any;
}

/* What all entries of one list have. */
struct entry {
	const struct turncred *kept; /* in Redis; else each is made its own */
	const char *user;
	uint64_t ttl_s;
};

static int credential_for(const struct icelist *list,
			  const struct pool_server *server,
			  const struct entry *entry, struct turncred *cred)
{
	if (entry->kept) {
		*cred = *entry->kept;
		return 0;
	}
	if (!*entry->user)
		return -ENOENT;
	return turncred_make(server->credentials, span_from(entry->user),
			     clock_wall_s(list->clock), entry->ttl_s, cred);
}

/* The entry of a TURN server. Returns whether it could be written. */
static bool write_turn(struct icelist *list, const struct pool_server *server,
		       const struct entry *entry, const char *comma,
		       struct buf *out)
{
	const char *before = "{\"urls\":[";
	struct turncred cred;

	if (credential_for(list, server, entry, &cred))
		return false;
	buf_append_str(out, comma);
	for (int i = 0; i < POOL_TRANSPORTS; i++) {
		if (!pool_can_offer(list->pool, server, (enum pool_transport)i))
			continue;
		write_url(server, before, urls[i].scheme, server->ports[i],
			  urls[i].query, out);
		before = ",";
	}
	buf_append_str(out, "],\"username\":\"");
	buf_append_str(out, cred.username);
	buf_append_str(out, "\",\"credential\":\"");
	buf_append_str(out, cred.credential);
	buf_append_str(out, "\"}");
	crypto_wipe(&cred, sizeof(cred));
	metric_add(METRIC_CREDENTIALS, 1);
	return true;
}

static struct place place_of(const struct icelist *list,
			     const struct icelist_ask *ask)
{
	struct place place = {.count = 0};

	place_add(&place, ask->region);
	if (!ask->region.len && list->regions && ask->from)
		regions_find(list->regions, ask->from, &place);
	return place;
}

/* Returns whether there is a TURN server among them. */
static bool write_servers(struct icelist *list, const struct icelist_ask *ask,
			  uint64_t ttl_s, struct buf *out)
{
	const struct pool_server *servers[POOL_MAX_CHOSEN];
	struct place place = place_of(list, ask);
	char user[TURNCRED_MAX_USER + 1];
	const struct entry entry = {ask->cred, user, ttl_s};
	bool has_any, has_turn = false;
	size_t count = 0;

	if (icelist_user_of(list, ask->kind, ask->subject, user))
		user[0] = '\0';
	if (!ask->is_without_turn && (ask->cred || !list->pool->usercred))
		count = pool_choose(list->pool, span_from(user), &place, true,
				    servers);
	if (!count) {
		count = pool_choose(list->pool, span_from(user), &place, false,
				    servers);
		(void)write_stun(servers, count, out);
		return false;
	}
	has_any = write_stun(servers, count, out);
	for (size_t i = 0; i < count; i++) {
		bool is_there = write_turn(list, servers[i], &entry,
					   has_any ? "," : "", out);

		has_any |= is_there;
		has_turn |= is_there;
	}
	return has_turn;
}

bool icelist_wants_credential(const struct icelist *list)
{
	return list->pool->usercred && pool_is_alive(list->pool);
}

bool icelist_begin(struct icelist *list, const struct icelist_ask *ask,
		   struct usercred_grant *grant)
{
	char user[TURNCRED_MAX_USER + 1];

	if (ask->is_without_turn || !icelist_wants_credential(list) ||
	    icelist_user_of(list, ask->kind, ask->subject, user))
		return false;
	return !usercred_begin(
		list->pool->usercred, grant, span_from(user),
		icelist_ttl_s(list, ask->ttl_s, ask->most_ttl_s));
}

static uint64_t left_of(const struct turncred *cred, uint64_t now_s)
{
	return cred->expires_at_s > now_s ? cred->expires_at_s - now_s : 0;
}

void icelist_write(struct icelist *list, const struct icelist_ask *ask,
		   struct buf *out)
{
	uint64_t now_s = clock_wall_s(list->clock);
	uint64_t ttl_s =
		ask->cred ? left_of(ask->cred, now_s)
			  : icelist_ttl_s(list, ask->ttl_s, ask->most_ttl_s);
	char expires_at[CLOCK_ISO_LEN + 1];
	bool has_turn;

	clock_format_iso((now_s + ttl_s) * 1000, expires_at);
	buf_append_str(out, "\"iceServers\":[");
	has_turn = write_servers(list, ask, ttl_s, out);
	buf_append_str(out, has_turn ? "],\"turn\":true,\"ttl\":"
				     : "],\"turn\":false,\"ttl\":");
	buf_append_u64(out, ttl_s);
	buf_append_str(out, ",\"expiresAt\":\"");
	buf_append(out, expires_at, sizeof("2026-11-22T10:00:00") - 1);
	buf_append_str(out, "Z\",\"refreshAfter\":");
	buf_append_u64(out, ttl_s * 3 / 4);
}
