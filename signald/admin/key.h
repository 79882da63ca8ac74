/* key.h: who is an operator: whoever knows the key. */
#ifndef SIGNALD_ADMIN_KEY_H
#define SIGNALD_ADMIN_KEY_H

#include "base/clock.h"
#include "base/crypto.h"
#include "codec/http.h"
#include "policy/config.h"

#define ADMIN_KEY_FILE "admin-key"

/* Kept as a hash. Zero-initialised is none, that nobody knows. */
struct admin_key {
	bool is_there;
	bool is_made; /* that of state.dir */
	uint8_t hash[CRYPTO_SHA256_LEN];
	/* The one of before, good until then. */
	uint8_t earlier[CRYPTO_SHA256_LEN];
	uint64_t earlier_ends_s; /* as failed_at_s; 0: there is none */
	/* Wrong ones in this second, of the monotonic clock. */
	uint64_t failed_at_s;
	unsigned failures;
};

/* So many wrong keys are looked at in a second, and then none, be it right. */
#define ADMIN_KEY_FAILURES 10

/* admin.key, or the one of state.dir, which is made where there is none.
 * Returns 0, or as lasting_key(). */
int admin_key_read(struct admin_key *key, const struct config *config);

/*
 * Put a new one into the folder in place of the one that was made there.
 *
 * until_s  of the monotonic clock: the one of before is good until then
 *
 * Returns 0, or as lasting_key_renew(): nothing has changed then.
 */
int admin_key_renew(struct admin_key *key, const char *dir, uint64_t until_s);

enum admin_key_verdict {
	ADMIN_KEY_RIGHT,
	ADMIN_KEY_NONE, /* there is none to know */
	ADMIN_KEY_MISSING,
	ADMIN_KEY_WRONG,
	ADMIN_KEY_LATER, /* too many wrong ones: not looked at */
};

/* Judge the Authorization of a request (RFC 6750, 2.1). */
enum admin_key_verdict admin_key_judge(struct admin_key *key,
				       const struct clock *clock,
				       const struct http_request *head);

#endif
