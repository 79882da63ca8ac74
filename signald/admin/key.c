/* key.c: who is an operator: whoever knows the key. */
#include "admin/key.h"
#include "policy/lasting.h"

static void set(struct admin_key *key, struct span text, bool is_made)
{
	key->is_there = true;
	key->is_made = is_made;
	crypto_sha256(text, key->hash);
}

/* As the file has it, in base64url. */
static void set_made(struct admin_key *key,
		     const uint8_t bytes[LASTING_KEY_BYTES])
{
	char text[CRYPTO_BASE64_LEN(LASTING_KEY_BYTES) + 1];

	set(key,
	    span_of(text, crypto_base64url(bytes, LASTING_KEY_BYTES, text)),
	    true);
	crypto_wipe(text, sizeof(text));
}

static int read_made(struct admin_key *key, const char *dir)
{
	uint8_t bytes[LASTING_KEY_BYTES];
	int err = lasting_key(dir, ADMIN_KEY_FILE, bytes);

	if (!err)
		set_made(key, bytes);
	crypto_wipe(bytes, sizeof(bytes));
	return err;
}

int admin_key_renew(struct admin_key *key, const char *dir, uint64_t until_s)
{
	uint8_t bytes[LASTING_KEY_BYTES];
	int err = lasting_key_renew(dir, ADMIN_KEY_FILE, bytes);

	if (!err) {
		memcpy(key->earlier, key->hash, sizeof(key->earlier));
		key->earlier_ends_s = until_s;
		set_made(key, bytes);
	}
	crypto_wipe(bytes, sizeof(bytes));
	return err;
}

int admin_key_read(struct admin_key *key, const struct config *config)
{
	/* What was set by hand is the only one. */
	if (*config->admin.key || !*config->state.dir)
		key->earlier_ends_s = 0;
	if (*config->admin.key)
		set(key, span_from(config->admin.key), false);
	else if (*config->state.dir)
		return read_made(key, config->state.dir);
	else
		key->is_there = false;
	return 0;
}

static bool is_hash(const uint8_t hash[CRYPTO_SHA256_LEN],
		    const uint8_t known[CRYPTO_SHA256_LEN])
{
	return crypto_equal(span_of(hash, CRYPTO_SHA256_LEN),
			    span_of(known, CRYPTO_SHA256_LEN));
}

static enum admin_key_verdict compare(struct admin_key *key, struct span token,
				      uint64_t now_s)
{
	uint8_t hash[CRYPTO_SHA256_LEN];

	crypto_sha256(token, hash);
	if (is_hash(hash, key->hash) ||
	    (now_s < key->earlier_ends_s && is_hash(hash, key->earlier)))
		return ADMIN_KEY_RIGHT;
	key->failed_at_s = now_s;
	key->failures++;
	return ADMIN_KEY_WRONG;
}

enum admin_key_verdict admin_key_judge(struct admin_key *key,
				       const struct clock *clock,
				       const struct http_request *head)
{
	uint64_t now_s = clock->mono_ms / 1000;
	struct span token = http_bearer(head);

	if (!key->is_there)
		return ADMIN_KEY_NONE;
	if (!token.ptr)
		return ADMIN_KEY_MISSING;
	if (key->failed_at_s != now_s)
		key->failures = 0;
	if (key->failures >= ADMIN_KEY_FAILURES)
		return ADMIN_KEY_LATER;
	return compare(key, token, now_s);
}
