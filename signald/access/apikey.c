/* apikey.c: keys of backends, of which the server keeps hashes alone. */
#include <errno.h>

#include "access/apikey.h"
#include "base/hex.h"

/* A key has 256 random bits: nobody finds one by trying, so the hash need not
 * be a slow one. */
#define KEY_BYTES 32

static void write_hash(struct span key, char hash[CONFIG_KEY_HASH_LEN + 1])
{
	uint8_t bytes[CRYPTO_SHA256_LEN];

	crypto_sha256(key, bytes);
	hex_write(bytes, sizeof(bytes), hash);
}

void apikey_new(char key[APIKEY_LEN + 1], char hash[CONFIG_KEY_HASH_LEN + 1])
{
	const size_t at = sizeof(APIKEY_PREFIX) - 1;
	char text[CRYPTO_BASE64_LEN(KEY_BYTES) + 1];
	uint8_t bytes[KEY_BYTES];

	crypto_random(bytes, sizeof(bytes));
	(void)crypto_base64url(bytes, sizeof(bytes), text);
	memcpy(key, APIKEY_PREFIX, at);
	memcpy(key + at, text, APIKEY_LEN - at + 1);
	crypto_wipe(bytes, sizeof(bytes));
	crypto_wipe(text, sizeof(text));
	write_hash(span_from(key), hash);
}

int apikey_find(const char *keys, struct span key,
		char name[CONFIG_MAX_KEY_NAME + 1])
{
	char hash[CONFIG_KEY_HASH_LEN + 1];
	struct span rest = span_from(keys);
	struct span item;
	int err = -ENOENT;

	write_hash(key, hash);
	while (rest.len && span_next_item(&rest, ',', &item)) {
		size_t name_len = item.len - CONFIG_KEY_HASH_LEN - 1;

		if (crypto_equal(span_skip(item, name_len + 1),
				 span_from(hash)))
			err = span_copy(span_of(item.ptr, name_len), name,
					CONFIG_MAX_KEY_NAME + 1);
	}
	return err;
}
