/* icelist.c: the ICE list: servers with credentials minted for one user. */
#include <errno.h>
#include <stdlib.h>

#include "policy/metric.h"
#include "turn/icelist.h"

/* Of the keyed hash that stands for a user: 128 bits. */
#define USER_HASH_BYTES 16

struct icelist {
	const struct clock *clock;
	/* JSON up to where a credential goes: the stun entry, then the turn one
	 */
	struct buf stun;
	struct buf turn;
	struct crypto_hmac *credentials; /* keyed with the secret */
	struct crypto_hmac *users;	 /* keyed with a key derived from it */
	uint64_t ttl_s, min_ttl_s, max_ttl_s;
	bool is_alive;
};

static void append_url(struct buf *out, const char *before, const char *scheme,
		       const struct config *config, const char *query)
{
	bool is_v6 =
		strchr(config->turn.host, ':') && *config->turn.host != '[';
	unsigned port = strcmp(scheme, "turns") ? config->turn.port
						: config->turn.tls_port;

	buf_append_format(out,
			  is_v6 ? "%s\"%s:[%s]:%u%s\"" : "%s\"%s:%s:%u%s\"",
			  before, scheme, config->turn.host, port, query);
}

static void write_entries(struct icelist *list, const struct config *config)
{
	const char *before = "{\"urls\":[";

	if (!*config->turn.host)
		return;
	if (config->turn.stun) {
		append_url(&list->stun, before, "stun", config, "");
		buf_append_str(&list->stun, "]}");
	}
	if (config->turn.udp) {
		append_url(&list->turn, before, "turn", config,
			   "?transport=udp");
		before = ",";
	}
	if (config->turn.tcp) {
		append_url(&list->turn, before, "turn", config,
			   "?transport=tcp");
		before = ",";
	}
	if (config->turn.tls)
		append_url(&list->turn, before, "turns", config,
			   "?transport=tcp");
	if (config->turn.udp || config->turn.tcp || config->turn.tls)
		buf_append_str(&list->turn, "],\"username\":\"");
}

/* The hash of users has a key of its own: what a username shows must not help
 * against the secret, nor the other way round. */
static int derive_keys(struct icelist *list, struct span secret)
{
	uint8_t key[CRYPTO_SHA256_LEN];
	struct crypto_hmac *derive;
	int err;

	if (!secret.len)
		return 0;
	err = crypto_hmac_new(&list->credentials, CRYPTO_SHA1, secret);
	if (err)
		return err;
	err = crypto_hmac_new(&derive, CRYPTO_SHA256, secret);
	if (err)
		return err;
	err = crypto_hmac_sign(derive, SPAN("signald TURN users"), key);
	crypto_hmac_free(derive);
	if (!err)
		err = crypto_hmac_new(&list->users, CRYPTO_SHA256,
				      span_of(key, sizeof(key)));
	crypto_wipe(key, sizeof(key));
	return err;
}

int icelist_new(struct icelist **listp, const struct config *config,
		const struct clock *clock)
{
	struct icelist *list = calloc(1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list->clock = clock;
	list->ttl_s = config->turn.ttl_s;
	list->min_ttl_s = config->turn.min_ttl_s;
	list->max_ttl_s = config->turn.max_ttl_s;
	list->is_alive = true;
	write_entries(list, config);
	if (list->stun.failed || list->turn.failed ||
	    derive_keys(list, span_from(config->turn.secret))) {
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
	crypto_hmac_free(list->credentials);
	buf_clear(&list->turn);
	buf_clear(&list->stun);
	free(list);
}

void icelist_set_alive(struct icelist *list, bool is_alive)
{
	list->is_alive = is_alive;
}

uint64_t icelist_ttl_s(const struct icelist *list, uint64_t asked_s)
{
	uint64_t now_s = clock_wall_s(list->clock);
	uint64_t ttl_s = asked_s ? asked_s : list->ttl_s;

	if (ttl_s < list->min_ttl_s)
		ttl_s = list->min_ttl_s;
	if (ttl_s > list->max_ttl_s)
		ttl_s = list->max_ttl_s;
	if (now_s < TURNCRED_MAX_EXPIRY_S &&
	    ttl_s > TURNCRED_MAX_EXPIRY_S - now_s)
		ttl_s = TURNCRED_MAX_EXPIRY_S - now_s;
	return ttl_s;
}

/* "a-" or "p-" and a keyed hash in base64url: only characters that coturn
 * takes as they are. */
int icelist_user_of(struct icelist *list, enum icelist_user kind,
		    struct span subject, char user[TURNCRED_MAX_USER + 1])
{
	uint8_t hash[CRYPTO_SHA256_LEN];
	int err = list->users ? crypto_hmac_sign(list->users, subject, hash)
			      : -ENOENT;

	if (err)
		return err;
	user[0] = kind == ICELIST_ADDRESS ? 'a' : 'p';
	user[1] = '-';
	crypto_base64url(hash, USER_HASH_BYTES, user + 2);
	return 0;
}

bool icelist_is_peer(struct span user)
{
	return span_has_prefix(user, SPAN("p-"));
}

/* The turn entry, or nothing when it cannot be had. Returns whether it is
 * there. */
static bool write_turn(struct icelist *list, enum icelist_user kind,
		       struct span subject, uint64_t ttl_s, struct buf *out)
{
	char user[TURNCRED_MAX_USER + 1];
	struct turncred cred;

	if (!list->is_alive || !list->turn.len || !list->credentials ||
	    icelist_user_of(list, kind, subject, user) ||
	    turncred_make(list->credentials, span_from(user),
			  clock_wall_s(list->clock), ttl_s, &cred))
		return false;
	if (list->stun.len)
		buf_append_str(out, ",");
	buf_append_span(out, buf_span(&list->turn));
	buf_append_str(out, cred.username);
	buf_append_str(out, "\",\"credential\":\"");
	buf_append_str(out, cred.credential);
	buf_append_str(out, "\"}");
	metric_add(METRIC_CREDENTIALS, 1);
	return true;
}

void icelist_write(struct icelist *list, enum icelist_user kind,
		   struct span subject, uint64_t ttl_s, struct buf *out)
{
	uint64_t now_s = clock_wall_s(list->clock);
	char expires_at[CLOCK_ISO_LEN + 1];
	bool has_turn;

	ttl_s = icelist_ttl_s(list, ttl_s);
	clock_format_iso((now_s + ttl_s) * 1000, expires_at);
	buf_append_str(out, "\"iceServers\":[");
	buf_append_span(out, buf_span(&list->stun));
	has_turn = write_turn(list, kind, subject, ttl_s, out);
	buf_append_str(out, has_turn ? "],\"turn\":true,\"ttl\":"
				     : "],\"turn\":false,\"ttl\":");
	buf_append_u64(out, ttl_s);
	buf_append_str(out, ",\"expiresAt\":\"");
	buf_append(out, expires_at, sizeof("2026-11-22T10:00:00") - 1);
	buf_append_str(out, "Z\",\"refreshAfter\":");
	buf_append_u64(out, ttl_s * 3 / 4);
}
