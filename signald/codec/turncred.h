/* turncred.h: time-limited TURN credentials (draft-uberti-behave-turn-rest-00).
 */
#ifndef SIGNALD_CODEC_TURNCRED_H
#define SIGNALD_CODEC_TURNCRED_H

#include "base/crypto.h"

/* coturn compares the expiry as a signed 32-bit number. */
#define TURNCRED_MAX_EXPIRY_S 2147483647u

#define TURNCRED_MAX_USER 64
#define TURNCRED_MAX_TTL_S 604800u /* turn.max_ttl_s at its greatest */
#define TURNCRED_USERNAME_CAP (10 + 1 + TURNCRED_MAX_USER + 1)
#define TURNCRED_CREDENTIAL_CAP (CRYPTO_BASE64_LEN(CRYPTO_SHA1_LEN) + 1)

struct turncred {
	char username[TURNCRED_USERNAME_CAP];	  /* "<expiry>:<user>" */
	char credential[TURNCRED_CREDENTIAL_CAP]; /* base64 of the HMAC-SHA1 */
	uint64_t expires_at_s;			  /* Unix time */
};

/*
 * Mint a credential that a TURN server with the same secret accepts.
 *
 * hmac   HMAC-SHA1 keyed with the shared secret
 * user   1 to TURNCRED_MAX_USER characters of [A-Za-z0-9_.-] only: others can
 *        end the expiry early, split the quota or crash coturn 4.6.1
 * now_s  Unix time
 * ttl_s  seconds; the expiry is capped at TURNCRED_MAX_EXPIRY_S
 *
 * Returns 0, -EINVAL for such a user or a ttl of 0, -ENOMEM.
 */
int turncred_make(struct crypto_hmac *hmac, struct span user, uint64_t now_s,
		  uint64_t ttl_s, struct turncred *cred);

/*
 * Seconds from ttl_s to less than twice that, with which the expiry falls on a
 * multiple of the greatest power of two that is at most ttl_s.
 *
 * A TURN server that keeps users in a database counts quotas by the whole
 * username: so whoever asks again and again gets the same one for a while. And
 * which there may be of one user can be told from the time alone.
 */
uint64_t turncred_lengthen(uint64_t now_s, uint64_t ttl_s);

/* As many as turncred_list_alive() lists. */
#define TURNCRED_MAX_ALIVE 64

/*
 * The expiries, after now_s, of all credentials that may have been made so
 * until now_s, whatever their ttl up to TURNCRED_MAX_TTL_S was.
 *
 * Returns how many there are.
 */
size_t turncred_list_alive(uint64_t now_s,
			   uint64_t expiries_s[TURNCRED_MAX_ALIVE]);

/* "<expiry>:<user>", as turncred_make() writes it. Returns 0, or -EINVAL for a
 * user or an expiry that it does not make. */
int turncred_username(uint64_t expires_at_s, struct span user,
		      char username[TURNCRED_USERNAME_CAP]);

/*
 * Take a username apart: "<expiry>:<user>".
 *
 * Returns 0, or -EINVAL for one that turncred_make() does not make.
 */
int turncred_split(struct span username, uint64_t *expires_at_s,
		   struct span *user);

#endif
