/* jwks.h: keys of tokens from a JSON Web Key Set (RFC 7517). */
#ifndef SIGNALD_ACCESS_JWKS_H
#define SIGNALD_ACCESS_JWKS_H

#include "access/jwt_key.h"

#define JWKS_MAX_BYTES 262144
#define JWKS_MAX_LISTED 64 /* keys in a set, of whatever kind */

/*
 * Read the keys that sign tokens. Keys of another kind than RSA and P-256, or
 * of another use or algorithm, are passed over, and those that are not well
 * made: a set may hold keys for others.
 *
 * set   any bytes
 * only  the one algorithm to take keys of, JWT_ALGORITHM_NONE for RS256 and
 *       ES256. A secret is never taken from a set: who publishes one has lost
 *       it.
 * keys  empty; to be cleared when this returns 0
 * why   a sentence, without a full stop, with any error
 *
 * Returns 0, -EINVAL when there is no key to take or there are too many, or
 * -ENOMEM.
 */
int jwks_read(struct span set, enum jwt_algorithm only, struct jwt_keys *keys,
	      const char **why);

#endif
