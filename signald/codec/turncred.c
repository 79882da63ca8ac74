/* turncred.c: time-limited TURN credentials (draft-uberti-behave-turn-rest-00).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "codec/turncred.h"

static bool is_user_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

static bool is_user(struct span user)
{
	if (!user.len || user.len > TURNCRED_MAX_USER)
		return false;
	for (size_t i = 0; i < user.len; i++) {
		if (!is_user_char(user.ptr[i]))
			return false;
	}
	return true;
}

static uint64_t expiry(uint64_t now_s, uint64_t ttl_s)
{
	if (now_s >= TURNCRED_MAX_EXPIRY_S ||
	    ttl_s > TURNCRED_MAX_EXPIRY_S - now_s)
		return TURNCRED_MAX_EXPIRY_S;
	return now_s + ttl_s;
}

int turncred_make(struct crypto_hmac *hmac, struct span user, uint64_t now_s,
		  uint64_t ttl_s, struct turncred *cred)
{
	struct turncred made = {.expires_at_s = expiry(now_s, ttl_s)};
	uint8_t mac[CRYPTO_SHA1_LEN];
	int len, err;

	if (!ttl_s || !is_user(user))
		return -EINVAL;
	len = snprintf(made.username, sizeof(made.username), "%" PRIu64 ":%.*s",
		       made.expires_at_s, (int)user.len, user.ptr);
	err = crypto_hmac_sign(hmac, span_of(made.username, (size_t)len), mac);
	if (err)
		return err;
	crypto_base64(mac, sizeof(mac), made.credential);
	*cred = made;
	return 0;
}

int turncred_split(struct span username, uint64_t *expires_at_s,
		   struct span *user)
{
	const char *colon =
		username.len ? memchr(username.ptr, ':', username.len) : NULL;
	uint64_t expiry_s;
	struct span rest;

	if (!colon)
		return -EINVAL;
	rest = span_skip(username, (size_t)(colon - username.ptr) + 1);
	username.len = (size_t)(colon - username.ptr);
	if (!is_user(rest) ||
	    span_to_u64(username, TURNCRED_MAX_EXPIRY_S, &expiry_s))
		return -EINVAL;
	*expires_at_s = expiry_s;
	*user = rest;
	return 0;
}
