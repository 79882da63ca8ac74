/* crypto.c: random ids, keyed hashes, base64 and secrets, over OpenSSL. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/crypto.h"

static const char BASE64[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char BASE64URL[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void crypto_random(void *out, size_t len)
{
	if (RAND_bytes(out, (int)len) == 1)
		return;
	(void)fputs("signald: the system's random generator failed\n", stderr);
	abort();
}

static size_t encode(const char *alphabet, bool is_padded, const void *bytes,
		     size_t len, char *out)
{
	const uint8_t *in = bytes;
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t three = (uint32_t)in[i] << 16;

		if (left > 1)
			three |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			three |= in[i + 2];
		out[n++] = alphabet[three >> 18];
		out[n++] = alphabet[three >> 12 & 63];
		if (left > 1)
			out[n++] = alphabet[three >> 6 & 63];
		else if (is_padded)
			out[n++] = '=';
		if (left > 2)
			out[n++] = alphabet[three & 63];
		else if (is_padded)
			out[n++] = '=';
	}
	out[n] = '\0';
	return n;
}

size_t crypto_base64(const void *bytes, size_t len, char *out)
{
	return encode(BASE64, true, bytes, len, out);
}

size_t crypto_base64url(const void *bytes, size_t len, char *out)
{
	return encode(BASE64URL, false, bytes, len, out);
}

static int decode_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four characters; returns its bytes (1 to 3), -1 when not
 * canonical. */
static int decode_group(const char *in, bool is_last, uint8_t out[3])
{
	int pad = is_last && in[3] == '=' ? (in[2] == '=' ? 2 : 1) : 0;
	uint32_t three = 0;

	for (int i = 0; i < 4; i++) {
		int digit = i >= 4 - pad ? 0 : decode_digit(in[i]);

		if (digit < 0)
			return -1;
		three = three << 6 | (uint32_t)digit;
	}
	if ((pad == 1 && three & 0xff) || (pad == 2 && three & 0xffff))
		return -1;
	out[0] = (uint8_t)(three >> 16);
	out[1] = (uint8_t)(three >> 8);
	out[2] = (uint8_t)three;
	return 3 - pad;
}

long crypto_base64_decode(struct span text, void *out, size_t cap)
{
	uint8_t *dst = out;
	size_t n = 0;

	if (text.len % 4)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i += 4) {
		uint8_t group[3];
		int len = decode_group(text.ptr + i, i + 4 == text.len, group);

		if (len < 0)
			return -EINVAL;
		if (cap - n < (size_t)len)
			return -ENOSPC;
		memcpy(dst + n, group, (size_t)len);
		n += (size_t)len;
	}
	return (long)n;
}

/* The next characters as a group of the padded form. Returns 0 or -EINVAL. */
static int read_url_group(struct span text, char group[4])
{
	if (text.len == 1)
		return -EINVAL;
	for (size_t i = 0; i < 4; i++) {
		char c = i < text.len ? text.ptr[i] : '=';

		if (c == '+' || c == '/' || (c == '=' && i < text.len))
			return -EINVAL;
		group[i] = (char)(c == '-' ? '+' : c == '_' ? '/' : c);
	}
	return 0;
}

long crypto_base64url_decode(struct span text, void *out, size_t cap)
{
	uint8_t *dst = out;
	size_t n = 0;

	while (text.len) {
		size_t taken = text.len < 4 ? text.len : 4;
		uint8_t bytes[3];
		char group[4];
		int len;

		if (read_url_group(text, group))
			return -EINVAL;
		len = decode_group(group, true, bytes);
		if (len < 0)
			return -EINVAL;
		if (cap - n < (size_t)len)
			return -ENOSPC;
		memcpy(dst + n, bytes, (size_t)len);
		n += (size_t)len;
		text = span_skip(text, taken);
	}
	return (long)n;
}

void crypto_new_id(char out[CRYPTO_ID_LEN + 1])
{
	uint8_t bits[16];

	crypto_random(bits, sizeof(bits));
	crypto_base64url(bits, sizeof(bits), out);
}

static void digest(const EVP_MD *md, struct span bytes, uint8_t *out)
{
	if (EVP_Digest(bytes.ptr, bytes.len, out, NULL, md, NULL) == 1)
		return;
	(void)fputs("signald: out of memory while hashing\n", stderr);
	abort();
}

void crypto_sha1(struct span bytes, uint8_t out[CRYPTO_SHA1_LEN])
{
	digest(EVP_sha1(), bytes, out);
}

void crypto_sha256(struct span bytes, uint8_t out[CRYPTO_SHA256_LEN])
{
	digest(EVP_sha256(), bytes, out);
}

int crypto_md5(const struct span *parts, size_t count,
	       uint8_t out[CRYPTO_MD5_LEN])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool is_done = md && EVP_DigestInit_ex(md, EVP_md5(), NULL) == 1;

	for (size_t i = 0; is_done && i < count; i++)
		is_done = EVP_DigestUpdate(md, parts[i].ptr, parts[i].len) == 1;
	is_done = is_done && EVP_DigestFinal_ex(md, out, NULL) == 1;
	EVP_MD_CTX_free(md);
	return is_done ? 0 : -ENOTSUP;
}

struct crypto_hmac {
	EVP_MAC_CTX *keyed;
	size_t len;
};

int crypto_hmac_new(struct crypto_hmac **hmacp, enum crypto_hash hash,
		    struct span key)
{
	char sha1[] = "SHA1", sha256[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(
			OSSL_MAC_PARAM_DIGEST,
			hash == CRYPTO_SHA1 ? sha1 : sha256, 0),
		OSSL_PARAM_construct_end(),
	};
	struct crypto_hmac *hmac;
	EVP_MAC *mac;

	if (!key.len)
		return -EINVAL;
	hmac = calloc(1, sizeof(*hmac));
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!hmac || !mac)
		goto fail;
	hmac->len = hash == CRYPTO_SHA1 ? CRYPTO_SHA1_LEN : CRYPTO_SHA256_LEN;
	hmac->keyed = EVP_MAC_CTX_new(mac);
	if (!hmac->keyed || EVP_MAC_init(hmac->keyed, (const uint8_t *)key.ptr,
					 key.len, params) != 1)
		goto fail;
	EVP_MAC_free(mac);
	*hmacp = hmac;
	return 0;

fail:
	EVP_MAC_free(mac);
	crypto_hmac_free(hmac);
	return -ENOMEM;
}

int crypto_hmac_sign(struct crypto_hmac *hmac, struct span message,
		     uint8_t *out)
{
	return crypto_hmac_sign_parts(hmac, &message, 1, out);
}

int crypto_hmac_sign_parts(struct crypto_hmac *hmac, const struct span *parts,
			   size_t count, uint8_t *out)
{
	size_t len;

	/* A new start without a key uses the schedule of the last one. */
	if (EVP_MAC_init(hmac->keyed, NULL, 0, NULL) != 1)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (EVP_MAC_update(hmac->keyed, (const uint8_t *)parts[i].ptr,
				   parts[i].len) != 1)
			return -ENOMEM;
	}
	if (EVP_MAC_final(hmac->keyed, out, &len, hmac->len) != 1)
		return -ENOMEM;
	return 0;
}

void crypto_hmac_free(struct crypto_hmac *hmac)
{
	if (!hmac)
		return;
	EVP_MAC_CTX_free(hmac->keyed);
	free(hmac);
}

bool crypto_equal(struct span a, struct span b)
{
	return a.len == b.len && !CRYPTO_memcmp(a.ptr, b.ptr, a.len);
}

void crypto_wipe(void *ptr, size_t len)
{
	OPENSSL_cleanse(ptr, len);
}
