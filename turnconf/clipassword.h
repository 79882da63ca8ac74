/* clipassword.h: passwords as coturn keeps them in its configuration. */
#ifndef TURNCONF_CLIPASSWORD_H
#define TURNCONF_CLIPASSWORD_H

#include "base/crypto.h"

#define CLIPASSWORD_SALT_LEN 8
/* "$5$", the salt and SHA-256 in hexadecimal with a "$" between, a NUL. */
#define CLIPASSWORD_CAP \
	(3 + 2 * CLIPASSWORD_SALT_LEN + 1 + 2 * CRYPTO_SHA256_LEN + 1)

/*
 * The hash of a password, as turnadmin -P prints it: SHA-256 of the salt's
 * bytes and the password behind them. In spite of the "$5$" it is not what
 * crypt(3) makes, and is worth no more than the password is long.
 *
 * Returns 0 or -ENOMEM.
 */
int clipassword_hash(struct span password,
		     const uint8_t salt[CLIPASSWORD_SALT_LEN],
		     char hash[CLIPASSWORD_CAP]);

#endif
