/* pubkey.h: public keys of signatures, as their numbers. */
#ifndef SIGNALD_BASE_PUBKEY_H
#define SIGNALD_BASE_PUBKEY_H

#include "base/span.h"

#define PUBKEY_MAX_ERROR 200

#define PUBKEY_MIN_RSA_BITS 2048 /* RFC 7518, 3.3 */
#define PUBKEY_MAX_RSA_BITS 4096 /* longer ones take too long to check */
#define PUBKEY_MAX_MODULUS (PUBKEY_MAX_RSA_BITS / 8)
#define PUBKEY_MAX_EXPONENT 4
#define PUBKEY_P256_BYTES 32

enum pubkey_kind { PUBKEY_RSA, PUBKEY_P256 };

/* Numbers are big-endian; of RSA without zeros in front. */
struct pubkey {
	enum pubkey_kind kind;
	union {
		struct {
			uint8_t n[PUBKEY_MAX_MODULUS], e[PUBKEY_MAX_EXPONENT];
			size_t n_len, e_len;
		} rsa;
		struct {
			uint8_t x[PUBKEY_P256_BYTES], y[PUBKEY_P256_BYTES];
		} p256;
	};
};

/*
 * Take an RSA key's numbers.
 *
 * Returns 0; -EINVAL when the modulus has not PUBKEY_MIN_RSA_BITS to
 * PUBKEY_MAX_RSA_BITS, or the exponent is even, 1, or of more than
 * PUBKEY_MAX_EXPONENT bytes.
 */
int pubkey_set_rsa(struct pubkey *key, struct span n, struct span e);

/*
 * Read the key of a PEM file: a public key (RFC 7468, 13) or a certificate.
 *
 * Returns 0, -EINVAL with a sentence (no full stop) in why that begins behind
 * the file's name, or -ENOMEM.
 */
int pubkey_read(const char *path, struct pubkey *key,
		char why[PUBKEY_MAX_ERROR]);

#endif
