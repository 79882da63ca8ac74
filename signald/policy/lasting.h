/* lasting.h: a key that is made once, and is the same after every restart. */
#ifndef SIGNALD_POLICY_LASTING_H
#define SIGNALD_POLICY_LASTING_H

#include <stdint.h>

#define LASTING_KEY_BYTES 32

/*
 * Read the key of DIR/FILE, which is made when it is not there.
 *
 * dir  "" for a key that is the process's alone
 *
 * Returns 0, -EINVAL for a file that is not ours, -ENAMETOOLONG, or what
 * reading or writing it gave.
 */
int lasting_key(const char *dir, const char *file,
		uint8_t key[LASTING_KEY_BYTES]);

/* Put a new key into DIR/FILE. Returns 0, and *key is written, -ENAMETOOLONG,
 * or what writing it gave: the key of before stays then. */
int lasting_key_renew(const char *dir, const char *file,
		      uint8_t key[LASTING_KEY_BYTES]);

#endif
