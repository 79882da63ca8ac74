/* crypto.h: random ids, keyed hashes, base64 and secrets, over OpenSSL. */
#ifndef SIGNALD_BASE_CRYPTO_H
#define SIGNALD_BASE_CRYPTO_H

#include "base/span.h"

#define CRYPTO_MD5_LEN 16
#define CRYPTO_SHA1_LEN 20
#define CRYPTO_SHA256_LEN 32

/* 128 random bits in base64url without padding (RFC 4648, 5). */
#define CRYPTO_ID_LEN 22

/* Characters of n bytes in padded base64. */
#define CRYPTO_BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Fill with bytes from the system's random generator; ends the process when it
 * has none, as nothing safe could be done without. */
void crypto_random(void *out, size_t len);

/* A fresh unguessable id, NUL-terminated. */
void crypto_new_id(char out[CRYPTO_ID_LEN + 1]);

/* Padded base64 (RFC 4648, 4), NUL-terminated; out holds
 * CRYPTO_BASE64_LEN(len) + 1 bytes. Returns the characters written. */
size_t crypto_base64(const void *bytes, size_t len, char *out);

/* base64url without padding, NUL-terminated; out as for crypto_base64(). */
size_t crypto_base64url(const void *bytes, size_t len, char *out);

/*
 * Decode padded base64.
 *
 * Returns the number of bytes, or -EINVAL for anything not in its one canonical
 * form, -ENOSPC when out is too small.
 */
long crypto_base64_decode(struct span text, void *out, size_t cap);

/* The same for base64url without padding. */
long crypto_base64url_decode(struct span text, void *out, size_t cap);

void crypto_sha1(struct span bytes, uint8_t out[CRYPTO_SHA1_LEN]);

/* SHA-256 of bytes. */
void crypto_sha256(struct span bytes, uint8_t out[CRYPTO_SHA256_LEN]);

/*
 * MD5 of the parts as if they were one text. It is broken as a hash; the only
 * use of it is the key of STUN's long-term credentials, for which RFC 8489,
 * 9.2.2 demands it and coturn knows no other.
 *
 * Returns 0, or -ENOTSUP where libcrypto does not offer it, as in FIPS mode.
 */
int crypto_md5(const struct span *parts, size_t count,
	       uint8_t out[CRYPTO_MD5_LEN]);

enum crypto_hash { CRYPTO_SHA1, CRYPTO_SHA256 };

/* A keyed HMAC (RFC 2104), its key schedule kept for many messages. */
struct crypto_hmac;

/* key is copied. Returns 0, -ENOMEM, or -EINVAL for an empty key. */
int crypto_hmac_new(struct crypto_hmac **hmacp, enum crypto_hash hash,
		    struct span key);

/*
 * The HMAC of message.
 *
 * out  CRYPTO_SHA1_LEN or CRYPTO_SHA256_LEN bytes, as the hash says
 *
 * Returns 0 or -ENOMEM.
 */
int crypto_hmac_sign(struct crypto_hmac *hmac, struct span message,
		     uint8_t *out);

/* The same for a message that lies in parts. */
int crypto_hmac_sign_parts(struct crypto_hmac *hmac, const struct span *parts,
			   size_t count, uint8_t *out);

/* Wipes the key; takes NULL. */
void crypto_hmac_free(struct crypto_hmac *hmac);

/* Compare secrets in time that depends on the length only. */
bool crypto_equal(struct span a, struct span b);

/* Overwrite a secret. */
void crypto_wipe(void *ptr, size_t len);

#endif
