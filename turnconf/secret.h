/* secret.h: makes secrets. */
#ifndef TURNCONF_SECRET_H
#define TURNCONF_SECRET_H

#include "base/crypto.h"

#define SECRET_BYTES 32
#define SECRET_CAP (CRYPTO_BASE64_LEN(SECRET_BYTES) + 1)

/* 256 random bits in A-Z a-z 0-9 _ -, none of these in front a dash. */
void secret_make(char text[SECRET_CAP]);

#endif
