/* clipassword.c: passwords as coturn keeps them in its configuration. */
#include "clipassword.h"

#include <errno.h>

#include "base/buf.h"
#include "base/hex.h"

int clipassword_hash(struct span password,
		     const uint8_t salt[CLIPASSWORD_SALT_LEN],
		     char hash[CLIPASSWORD_CAP])
{
	uint8_t digest[CRYPTO_SHA256_LEN];
	struct buf salted = {0};
	char *const of_digest = hash + 3 + HEX_LEN(CLIPASSWORD_SALT_LEN);
	bool is_whole;

	buf_append(&salted, salt, CLIPASSWORD_SALT_LEN);
	buf_append_span(&salted, password);
	if (!salted.failed)
		crypto_sha256(buf_span(&salted), digest);
	is_whole = !salted.failed;
	buf_wipe(&salted);
	if (!is_whole)
		return -ENOMEM;

	memcpy(hash, "$5$", 3);
	hex_write(salt, CLIPASSWORD_SALT_LEN, hash + 3);
	*of_digest = '$';
	hex_write(digest, sizeof(digest), of_digest + 1);
	return 0;
}
