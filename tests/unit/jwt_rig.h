/* jwt_rig.h: keys, and tokens and key sets of theirs, made without the library
 * that verifies them. */
#ifndef SIGNALD_TESTS_JWT_RIG_H
#define SIGNALD_TESTS_JWT_RIG_H

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/crypto.h"

#define RIG_SECRET "0123456789abcdef0123456789abcdef"
#define RIG_NUMBER_CAP 600

struct jwt_rig {
	EVP_PKEY *rsa, *other_rsa, *p256, *other_p256;
};

static inline void jwt_rig_make(struct jwt_rig *rig)
{
	rig->rsa = EVP_RSA_gen(2048);
	rig->other_rsa = EVP_RSA_gen(2048);
	rig->p256 = EVP_EC_gen("P-256");
	rig->other_p256 = EVP_EC_gen("P-256");
}

static inline void jwt_rig_clear(struct jwt_rig *rig)
{
	EVP_PKEY_free(rig->rsa);
	EVP_PKEY_free(rig->other_rsa);
	EVP_PKEY_free(rig->p256);
	EVP_PKEY_free(rig->other_p256);
}

static inline void rig_append_base64url(struct buf *out, const void *bytes,
					size_t len)
{
	char *text = malloc(CRYPTO_BASE64_LEN(len) + 1);

	buf_append(out, text, crypto_base64url(bytes, len, text));
	free(text);
}

/* ECDSA's two numbers side by side, as a JWS has them (RFC 7518, 3.4). */
static inline size_t rig_flatten(uint8_t *signature, size_t len)
{
	const uint8_t *at = signature;
	ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &at, (long)len);

	(void)BN_bn2binpad(ECDSA_SIG_get0_r(numbers), signature, 32);
	(void)BN_bn2binpad(ECDSA_SIG_get0_s(numbers), signature + 32, 32);
	ECDSA_SIG_free(numbers);
	return 64;
}

/* key  NULL: an HMAC of RIG_SECRET. Returns the bytes, of ECDSA as DER. */
static inline size_t rig_sign(EVP_PKEY *key, struct span text, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = RIG_NUMBER_CAP;
	unsigned mac_len;

	if (!key) {
		(void)HMAC(EVP_sha256(), RIG_SECRET, (int)strlen(RIG_SECRET),
			   (const uint8_t *)text.ptr, text.len, out, &mac_len);
		len = mac_len;
	} else if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) !=
			   1 ||
		   EVP_DigestSign(ctx, out, &len, (const uint8_t *)text.ptr,
				  text.len) != 1) {
		abort();
	}
	EVP_MD_CTX_free(ctx);
	return len;
}

/* A token in compact form, NUL-terminated; is_der keeps ECDSA's as it came. */
static inline struct buf rig_token_as(EVP_PKEY *key, const char *header,
				      const char *claims, bool is_der)
{
	uint8_t signature[RIG_NUMBER_CAP];
	struct buf token = {0};
	size_t len;

	rig_append_base64url(&token, header, strlen(header));
	buf_append_str(&token, ".");
	rig_append_base64url(&token, claims, strlen(claims));
	len = rig_sign(key, buf_span(&token), signature);
	if (key && EVP_PKEY_is_a(key, "EC") && !is_der)
		len = rig_flatten(signature, len);
	buf_append_str(&token, ".");
	rig_append_base64url(&token, signature, len);
	(void)buf_reserve(&token, 1);
	token.ptr[token.len] = '\0';
	return token;
}

static inline struct buf rig_token(EVP_PKEY *key, const char *header,
				   const char *claims)
{
	return rig_token_as(key, header, claims, false);
}

static inline void rig_append_number(struct buf *out, const char *member,
				     const EVP_PKEY *key, const char *name,
				     int least)
{
	uint8_t bytes[RIG_NUMBER_CAP];
	BIGNUM *number = NULL;
	int len;

	(void)EVP_PKEY_get_bn_param(key, name, &number);
	len = BN_num_bytes(number) > least ? BN_num_bytes(number) : least;
	(void)BN_bn2binpad(number, bytes, len);
	buf_append_format(out, ",\"%s\":\"", member);
	rig_append_base64url(out, bytes, (size_t)len);
	buf_append_str(out, "\"");
	BN_free(number);
}

/* The key as a JWK; more  further members, each with a comma in front. */
static inline void rig_append_jwk(struct buf *out, const EVP_PKEY *key,
				  const char *more)
{
	if (EVP_PKEY_is_a(key, "RSA")) {
		buf_append_str(out, "{\"kty\":\"RSA\"");
		rig_append_number(out, "n", key, OSSL_PKEY_PARAM_RSA_N, 1);
		rig_append_number(out, "e", key, OSSL_PKEY_PARAM_RSA_E, 1);
	} else {
		buf_append_str(out, "{\"kty\":\"EC\",\"crv\":\"P-256\"");
		rig_append_number(out, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, 32);
		rig_append_number(out, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
	}
	buf_append_format(out, "%s}", more);
}

static inline void rig_write_public(const EVP_PKEY *key, const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file || PEM_write_PUBKEY(file, key) != 1 || fclose(file))
		abort();
}

#endif
