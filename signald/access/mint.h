/* mint.h: tokens of our own, for those who have nothing to make them with. */
#ifndef SIGNALD_ACCESS_MINT_H
#define SIGNALD_ACCESS_MINT_H

#include "access/claims.h"
#include "base/buf.h"
#include "policy/config.h"

/* Of a token whose claims have no exp. */
#define MINT_LIVES_S 3600

/*
 * Append a token (RFC 7519) with these claims, signed with access.token_secret
 * by HS256; iss and aud are those that access.token_issuer and token_audience
 * ask for.
 *
 * Returns 0; -ENOENT where mint_why_not() says why not, -ENOMEM.
 */
int mint_token(const struct config *config, const struct claims *claims,
	       uint64_t now_s, struct buf *out);

/* Returns NULL where tokens can be made here and are taken, else a sentence of
 * why not. */
const char *mint_why_not(const struct config *config);

#endif
