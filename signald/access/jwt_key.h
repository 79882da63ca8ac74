/* jwt_key.h: keys that tokens are verified with, each for one algorithm. */
#ifndef SIGNALD_ACCESS_JWT_KEY_H
#define SIGNALD_ACCESS_JWT_KEY_H

#include "base/pubkey.h"

#define JWT_MAX_KEYS 32
#define JWT_MAX_KID 128
#define JWT_MIN_SECRET 32 /* bytes: RFC 7518, 3.2 */

/* As RFC 7518, 3.1 calls them. */
enum jwt_algorithm {
	JWT_ALGORITHM_NONE, /* what a token may ask for, and no key has */
	JWT_HS256,
	JWT_RS256,
	JWT_ES256,
};

/* The algorithm of that name, JWT_ALGORITHM_NONE for any other. */
enum jwt_algorithm jwt_algorithm_parse(struct span name);

struct jwt_key;

/* Zero-initialised: none. */
struct jwt_keys {
	struct jwt_key *keys[JWT_MAX_KEYS];
	size_t count;
};

/*
 * Put in a secret of HS256, copied, or the key of RS256 or ES256, whichever it
 * is for.
 *
 * kid  at most JWT_MAX_KID bytes, copied; of no bytes: it has none
 *
 * Returns 0; -EINVAL for a secret of less than JWT_MIN_SECRET bytes, a P-256
 * key that is no point of the curve, or a kid that is too long; -ENOSPC when
 * there are JWT_MAX_KEYS already; -ENOMEM.
 */
int jwt_keys_add_secret(struct jwt_keys *keys, struct span secret);
int jwt_keys_add_public(struct jwt_keys *keys, struct span kid,
			const struct pubkey *pubkey);

/* Wipes and frees them. */
void jwt_keys_clear(struct jwt_keys *keys);

/* The first key of that algorithm; or, with JWT_ALGORITHM_NONE, of any. */
bool jwt_keys_have(const struct jwt_keys *keys, enum jwt_algorithm algorithm);

/*
 * The key that a token is to be verified with.
 *
 * kid  as its header has it; of no bytes: none. Then the only key of that
 *      algorithm counts; and a key that is the only one of its keys and has no
 *      kid counts for any.
 *
 * Returns NULL when there is none, or more than one could be meant.
 */
const struct jwt_key *jwt_keys_find(const struct jwt_keys *keys,
				    enum jwt_algorithm algorithm,
				    struct span kid);

/*
 * Verify a JWS in compact form (RFC 7515, 7.1).
 *
 * token      three parts of base64url without padding, of which the first
 *            stands for JSON that names the key's algorithm: the caller has
 *            checked
 * signature  the third part, decoded
 *
 * Returns 0, -EBADMSG when it is not of this key, -EINVAL for a header that the
 * library cannot read, -ENOMEM.
 */
int jwt_key_verify(const struct jwt_key *key, struct span token,
		   struct span signature);

#endif
