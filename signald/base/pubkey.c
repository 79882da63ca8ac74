/* pubkey.c: public keys of signatures, as their numbers. */
#include <errno.h>
#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/file.h"
#include "base/pubkey.h"

#define MAX_FILE_BYTES 65536

static struct span skip_zeros(struct span number)
{
	while (number.len && !number.ptr[0])
		number = span_skip(number, 1);
	return number;
}

static size_t count_bits(struct span number)
{
	size_t bits = number.len * 8;

	if (!number.len)
		return 0;
	for (unsigned top = (unsigned char)number.ptr[0]; !(top & 0x80);
	     top <<= 1)
		bits--;
	return bits;
}

static bool is_odd(struct span number)
{
	return number.len && number.ptr[number.len - 1] & 1;
}

int pubkey_set_rsa(struct pubkey *key, struct span n, struct span e)
{
	size_t bits;

	n = skip_zeros(n);
	e = skip_zeros(e);
	bits = count_bits(n);
	if (bits < PUBKEY_MIN_RSA_BITS || bits > PUBKEY_MAX_RSA_BITS ||
	    !is_odd(n) || e.len > PUBKEY_MAX_EXPONENT || !is_odd(e) ||
	    count_bits(e) < 2)
		return -EINVAL;
	key->kind = PUBKEY_RSA;
	memcpy(key->rsa.n, n.ptr, n.len);
	memcpy(key->rsa.e, e.ptr, e.len);
	key->rsa.n_len = n.len;
	key->rsa.e_len = e.len;
	return 0;
}

static int refuse(char why[PUBKEY_MAX_ERROR], const char *text)
{
	(void)snprintf(why, PUBKEY_MAX_ERROR, "%s", text);
	return -EINVAL;
}

/* Room for a number that is longer than any we take, so that it is told apart
 * from one that cannot be read. */
#define NUMBER_CAP 2048

static long get_number(const EVP_PKEY *pkey, const char *name, uint8_t *out,
		       size_t least)
{
	BIGNUM *number = NULL;
	long len = -EINVAL;

	if (EVP_PKEY_get_bn_param(pkey, name, &number) &&
	    BN_num_bytes(number) <= NUMBER_CAP) {
		len = BN_num_bytes(number) > (int)least ? BN_num_bytes(number)
							: (long)least;
		(void)BN_bn2binpad(number, out, (int)len);
	}
	BN_free(number);
	return len;
}

static int take_rsa(const EVP_PKEY *pkey, struct pubkey *key,
		    char why[PUBKEY_MAX_ERROR])
{
	uint8_t n[NUMBER_CAP], e[NUMBER_CAP];
	long n_len = get_number(pkey, OSSL_PKEY_PARAM_RSA_N, n, 1);
	long e_len = get_number(pkey, OSSL_PKEY_PARAM_RSA_E, e, 1);

	if (n_len < 0 || e_len < 0 ||
	    pubkey_set_rsa(key, span_of(n, (size_t)n_len),
			   span_of(e, (size_t)e_len))) {
		(void)snprintf(why, PUBKEY_MAX_ERROR,
			       "holds an RSA key of %d bits: it must have %d "
			       "to %d",
			       EVP_PKEY_get_bits(pkey), PUBKEY_MIN_RSA_BITS,
			       PUBKEY_MAX_RSA_BITS);
		return -EINVAL;
	}
	return 0;
}

static int take_ec(const EVP_PKEY *pkey, struct pubkey *key,
		   char why[PUBKEY_MAX_ERROR])
{
	uint8_t x[NUMBER_CAP], y[NUMBER_CAP];
	char curve[64] = "";

	if (!EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME,
					    curve, sizeof(curve), NULL) ||
	    strcmp(curve, "prime256v1") != 0 ||
	    get_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, x, PUBKEY_P256_BYTES) !=
		    PUBKEY_P256_BYTES ||
	    get_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, y, PUBKEY_P256_BYTES) !=
		    PUBKEY_P256_BYTES) {
		(void)snprintf(why, PUBKEY_MAX_ERROR,
			       "holds a key of the curve %s: it must be of "
			       "P-256 (prime256v1)",
			       curve);
		return -EINVAL;
	}
	key->kind = PUBKEY_P256;
	memcpy(key->p256.x, x, PUBKEY_P256_BYTES);
	memcpy(key->p256.y, y, PUBKEY_P256_BYTES);
	return 0;
}

static int take(const EVP_PKEY *pkey, struct pubkey *key,
		char why[PUBKEY_MAX_ERROR])
{
	if (EVP_PKEY_is_a(pkey, "RSA"))
		return take_rsa(pkey, key, why);
	if (EVP_PKEY_is_a(pkey, "EC"))
		return take_ec(pkey, key, why);
	return refuse(why, "holds a key that is neither RSA nor of the curve "
			   "P-256");
}

/* There is no passphrase to ask for: who has one has given a private key. */
static int no_passphrase(char *out, int cap, int is_writing, void *arg)
{
	(void)out;
	(void)cap;
	(void)is_writing;
	(void)arg;
	return -1;
}

static EVP_PKEY *parse(BIO *bio, bool is_certificate)
{
	EVP_PKEY *pkey;
	X509 *cert;

	if (!is_certificate)
		return PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	pkey = cert ? X509_get_pubkey(cert) : NULL;
	X509_free(cert);
	return pkey;
}

/* text ends with a NUL. */
static int read_text(const struct buf *text, struct pubkey *key,
		     char why[PUBKEY_MAX_ERROR])
{
	EVP_PKEY *pkey;
	BIO *bio;
	int err;

	if (strstr(text->ptr, "PRIVATE KEY-----"))
		return refuse(why, "holds a private key: give its public one, "
				   "as \"openssl pkey -pubout\" writes it");
	bio = BIO_new_mem_buf(text->ptr, (int)strlen(text->ptr));
	if (!bio)
		return -ENOMEM;
	pkey = parse(bio, strstr(text->ptr, "-----BEGIN CERTIFICATE-----"));
	if (pkey)
		err = take(pkey, key, why);
	else
		err = refuse(why, "holds no key: it must be a public key or a "
				  "certificate in PEM, with its -----BEGIN "
				  "line");
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	ERR_clear_error();
	return err;
}

int pubkey_read(const char *path, struct pubkey *key,
		char why[PUBKEY_MAX_ERROR])
{
	struct buf text = {0};
	int err = file_read_all(path, MAX_FILE_BYTES, &text);

	if (!err) {
		buf_append(&text, "", 1);
		err = text.failed ? -ENOMEM : read_text(&text, key, why);
	} else if (err != -ENOMEM) {
		(void)snprintf(why, PUBKEY_MAX_ERROR, "cannot be read: %s",
			       strerror(-err));
		err = -EINVAL;
	}
	buf_wipe(&text);
	return err;
}
