/* key.c: who is an operator: whoever knows the key. */
#include "admin/key.h"
#include "policy/lasting.h"

static void set(struct admin_key *key, struct span text, bool is_made)
{
	key->is_there = true;
	key->is_made = is_made;
	crypto_sha256(text, key->hash);
}

static int read_made(struct admin_key *key, const char *dir)
{
	char text[CRYPTO_BASE64_LEN(LASTING_KEY_BYTES) + 1];
	uint8_t bytes[LASTING_KEY_BYTES];
	int err = lasting_key(dir, ADMIN_KEY_FILE, bytes);

	if (!err)
		set(key,
		    span_of(text, crypto_base64url(bytes, sizeof(bytes), text)),
		    true);
	crypto_wipe(bytes, sizeof(bytes));
	crypto_wipe(text, sizeof(text));
	return err;
}

int admin_key_read(struct admin_key *key, const struct config *config)
{
	if (*config->admin.key)
		set(key, span_from(config->admin.key), false);
	else if (*config->state.dir)
		return read_made(key, config->state.dir);
	else
		key->is_there = false;
	return 0;
}

/* Returns false when the header is not of that scheme. */
static bool read_bearer(const struct http_request *head, struct span *token)
{
	const struct http_header *header =
		http_find(head, SPAN("Authorization"));
	const struct span scheme = SPAN("Bearer ");

	if (!header || header->value.len < scheme.len ||
	    !span_equal_nocase(span_of(header->value.ptr, scheme.len), scheme))
		return false;
	*token = span_trim(span_skip(header->value, scheme.len));
	return true;
}

static enum admin_key_verdict compare(struct admin_key *key, struct span token,
				      uint64_t now_s)
{
	uint8_t hash[CRYPTO_SHA256_LEN];

	crypto_sha256(token, hash);
	if (crypto_equal(span_of(hash, sizeof(hash)),
			 span_of(key->hash, sizeof(key->hash))))
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
	struct span token;

	if (!key->is_there)
		return ADMIN_KEY_NONE;
	if (!read_bearer(head, &token))
		return ADMIN_KEY_MISSING;
	if (key->failed_at_s != now_s)
		key->failures = 0;
	if (key->failures >= ADMIN_KEY_FAILURES)
		return ADMIN_KEY_LATER;
	return compare(key, token, now_s);
}
