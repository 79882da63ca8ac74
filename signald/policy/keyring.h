/* keyring.h: the keys that sign what must be good across a restart. */
#ifndef SIGNALD_POLICY_KEYRING_H
#define SIGNALD_POLICY_KEYRING_H

#include "base/clock.h"
#include "base/crypto.h"

#define KEYRING_FILE "resume-keys"
/* A key signs for a day; what it signed is good for a day more. */
#define KEYRING_SIGNS_S 86400
#define KEYRING_LIVES_S (2 * KEYRING_SIGNS_S)

struct keyring;

/*
 * Read the keys of DIR/resume-keys, and make what is missing.
 *
 * dir  "" for keys that live as long as the process
 *
 * Returns 0, -ENOMEM, -EINVAL for a file that is not ours, or what reading or
 * writing it gave.
 */
int keyring_new(struct keyring **ringp, const char *dir, uint64_t now_s);
void keyring_free(struct keyring *ring); /* takes NULL */

/* Change keys when it is time; called now and then. Returns 0 or as
 * keyring_new(): the keys stay as they were then. */
int keyring_rotate(struct keyring *ring, uint64_t now_s);

enum keyring_earlier {
	KEYRING_KEEP_EARLIER, /* what they signed stays good, as ever */
	KEYRING_VOID_EARLIER, /* and is good no more, nor are they */
};

/*
 * Change keys now.
 *
 * Returns 0, -EBUSY when so many earlier ones are good that one would have to
 * go before its time, or as keyring_new(): the keys stay as they were then.
 */
int keyring_renew(struct keyring *ring, uint64_t now_s,
		  enum keyring_earlier earlier);

/* For so many seconds more the key before the newest is good; 0 without one. */
uint64_t keyring_grace_s(const struct keyring *ring, uint64_t now_s);

#define KEYRING_MAC_BYTES 16

/* Sign with the newest key, whose number is returned in *key. 0 or -ENOMEM. */
int keyring_sign(const struct keyring *ring, struct span message, uint8_t *key,
		 uint8_t mac[KEYRING_MAC_BYTES]);

/* Was it signed with that key? */
bool keyring_verify(const struct keyring *ring, struct span message,
		    uint8_t key, const uint8_t mac[KEYRING_MAC_BYTES]);

#endif
