/* jwt.h: JSON Web Tokens: who signed this, and is it for us, and now? */
#ifndef SIGNALD_ACCESS_JWT_H
#define SIGNALD_ACCESS_JWT_H

#include "access/claims.h"
#include "access/jwt_key.h"

#define JWT_MAX_BYTES 8192

/* In the order in which they are looked for: nothing is read of claims whose
 * signature is not ours. */
enum jwt_fault {
	JWT_OK,
	JWT_PENDING,	 /* keys are on their way: see tokens.h */
	JWT_UNAVAILABLE, /* not the token's fault: no keys, or no memory */
	JWT_MALFORMED,
	JWT_WRONG_ALGORITHM,
	JWT_UNKNOWN_KEY,
	JWT_BAD_SIGNATURE,
	JWT_EXPIRED,
	JWT_NOT_YET,
	JWT_WRONG_ISSUER,
	JWT_WRONG_AUDIENCE,
	JWT_BAD_CLAIMS,
	JWT_FAULTS_COUNT,
};

/* As answers and logs have it: "bad-signature". */
const char *jwt_fault_name(enum jwt_fault fault);

/* What a token must say beside a good signature; borrowed. */
struct jwt_rules {
	const char *issuer;   /* "" for any */
	const char *audience; /* "": a token that names one is not for us */
	unsigned leeway_s;    /* that clocks may differ */
};

/*
 * Check a token: a JWS in compact form (RFC 7515, 7.1) whose payload is a set
 * of claims (RFC 7519). The algorithm is the key's, whatever the token says: a
 * token that names another one is refused. exp must be there.
 *
 * token   any bytes
 * now_s   Unix time
 * claims  set only for JWT_OK, to be cleared then; their end is exp and the
 *         leeway
 * why     a sentence, without a full stop, for any fault; holds nothing of the
 *         token
 */
enum jwt_fault jwt_check(const struct jwt_keys *keys,
			 const struct jwt_rules *rules, struct span token,
			 uint64_t now_s, struct claims *claims,
			 const char **why);

#endif
