/* tls_temporary.c: a certificate of our own, until there is a real one. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "base/crypto.h"
#include "net/tls_temporary.h"

#define NAME "signald, until its certificate is there"
#define LASTS_S (30L * 86400)
#define VERSION_3 2 /* as X.509 counts */

/* One that is there and may not be read is a mistake that is to be told. */
static bool is_missing(const char *path)
{
	return access(path, F_OK) && errno == ENOENT;
}

bool tls_temporary_is_wanted(const struct config *config)
{
	return config->tls.temporary &&
	       (is_missing(config->tls.cert) || is_missing(config->tls.key));
}

/* Browsers refuse for good two certificates of one issuer and serial. */
static int set_serial(X509 *cert)
{
	uint64_t serial;

	crypto_random(&serial, sizeof(serial));
	return ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial);
}

/* Returns 1, or 0 as OpenSSL's functions do. */
static int fill_in(X509 *cert, EVP_PKEY *key)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_set_version(cert, VERSION_3) && set_serial(cert) &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), -86400) &&
	       X509_gmtime_adj(X509_getm_notAfter(cert), LASTS_S) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					  (const unsigned char *)NAME, -1, -1,
					  0) &&
	       X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key) &&
	       X509_sign(cert, key, EVP_sha256());
}

int tls_temporary_use(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int err = -ENOMEM;

	if (key && cert && fill_in(cert, key) &&
	    SSL_CTX_use_certificate(ctx, cert) == 1 &&
	    SSL_CTX_use_PrivateKey(ctx, key) == 1)
		err = 0;
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return err;
}
