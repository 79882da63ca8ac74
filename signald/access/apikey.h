/* apikey.h: keys of backends, of which the server keeps hashes alone. */
#ifndef SIGNALD_ACCESS_APIKEY_H
#define SIGNALD_ACCESS_APIKEY_H

#include "base/crypto.h"
#include "policy/config.h"

/* What every key begins with, so that it is known where it leaks. */
#define APIKEY_PREFIX "sk_"
/* 32 bytes in base64url, which has no padding. */
#define APIKEY_LEN (sizeof(APIKEY_PREFIX) - 1 + 43)

/* A new key, and its hash as access.keys has it behind the name. */
void apikey_new(char key[APIKEY_LEN + 1], char hash[CONFIG_KEY_HASH_LEN + 1]);

/*
 * The name of a key, as access.keys has it: NAME:HASH items.
 *
 * Returns 0, or -ENOENT when there is no such key; as fast for a wrong one that
 * is nearly right as for any other.
 */
int apikey_find(const char *keys, struct span key,
		char name[CONFIG_MAX_KEY_NAME + 1]);

#endif
