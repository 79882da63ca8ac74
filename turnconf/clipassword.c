/* clipassword.c: passwords as coturn keeps them in its configuration. */
#include "clipassword.h"

#include <errno.h>

#include "base/buf.h"

static char *put_hex(char *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return out;
}

int clipassword_hash(struct span password,
		     const uint8_t salt[CLIPASSWORD_SALT_LEN],
		     char hash[CLIPASSWORD_CAP])
{
	uint8_t digest[CRYPTO_SHA256_LEN];
	struct buf salted = {0};
	char *at = hash;
	bool is_whole;

	buf_append(&salted, salt, CLIPASSWORD_SALT_LEN);
	buf_append_span(&salted, password);
	if (!salted.failed)
		crypto_sha256(buf_span(&salted), digest);
	is_whole = !salted.failed;
	buf_wipe(&salted);
	if (!is_whole)
		return -ENOMEM;

	memcpy(at, "$5$", 3);
	at = put_hex(at + 3, salt, CLIPASSWORD_SALT_LEN);
	*at++ = '$';
	at = put_hex(at, digest, sizeof(digest));
	*at = '\0';
	return 0;
}
