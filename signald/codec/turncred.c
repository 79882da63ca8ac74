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

int turncred_username(uint64_t expires_at_s, struct span user,
		      char username[TURNCRED_USERNAME_CAP])
{
	if (!is_user(user) || expires_at_s > TURNCRED_MAX_EXPIRY_S)
		return -EINVAL;
	(void)snprintf(username, TURNCRED_USERNAME_CAP, "%" PRIu64 ":%.*s",
		       expires_at_s, (int)user.len, user.ptr);
	return 0;
}

int turncred_make(struct crypto_hmac *hmac, struct span user, uint64_t now_s,
		  uint64_t ttl_s, struct turncred *cred)
{
	struct turncred made = {.expires_at_s = expiry(now_s, ttl_s)};
	uint8_t mac[CRYPTO_SHA1_LEN];
	int err = ttl_s ? turncred_username(made.expires_at_s, user,
					    made.username)
			: -EINVAL;

	if (err)
		return err;
	err = crypto_hmac_sign(hmac, span_from(made.username), mac);
	if (err)
		return err;
	crypto_base64(mac, sizeof(mac), made.credential);
	*cred = made;
	return 0;
}

uint64_t turncred_lengthen(uint64_t now_s, uint64_t ttl_s)
{
	uint64_t step_s = 1;
	uint64_t end_s = now_s + ttl_s;

	while (step_s * 2 <= ttl_s)
		step_s *= 2;
	return (end_s + step_s - 1) / step_s * step_s - now_s;
}

/* Those on multiples of step_s end before now_s + 3 * step_s: a ttl below
 * 2 * step_s, made longer by less than step_s. Even multiples are listed with
 * the next greater step. */
static size_t list_step(uint64_t now_s, uint64_t step_s, bool is_last,
			uint64_t *expiries_s)
{
	uint64_t at_s = now_s / step_s * step_s + step_s;
	size_t count = 0;

	for (; at_s < now_s + 3 * step_s; at_s += step_s)
		if (is_last || at_s / step_s % 2)
			expiries_s[count++] = at_s;
	return count;
}

size_t turncred_list_alive(uint64_t now_s,
			   uint64_t expiries_s[TURNCRED_MAX_ALIVE])
{
	uint64_t step_s = 1;
	size_t count = 0;

	for (; step_s * 2 <= TURNCRED_MAX_TTL_S; step_s *= 2)
		count += list_step(now_s, step_s, false, expiries_s + count);
	return count + list_step(now_s, step_s, true, expiries_s + count);
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
