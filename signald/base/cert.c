/* cert.c: reads a certificate and its key as a TLS server would. */
#include "base/cert.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

__attribute__((format(printf, 2, 3))) static int fail(char why[CERT_MAX_ERROR],
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, CERT_MAX_ERROR, format, args);
	va_end(args);
	ERR_clear_error();
	return -EINVAL;
}

/* The same for a pair that was good, or will be. */
static int fail_date(char why[CERT_MAX_ERROR], const char *path,
		     const char *what)
{
	(void)snprintf(why, CERT_MAX_ERROR, "the certificate %.200s %s", path,
		       what);
	return -EKEYEXPIRED;
}

/* A password would be asked for on the terminal otherwise. */
static int no_password(char *buf, int size, int is_write, void *arg)
{
	(void)buf;
	(void)size;
	(void)is_write;
	(void)arg;
	return 0;
}

static int open_file(const char *what, const char *path, FILE **filep,
		     char why[CERT_MAX_ERROR])
{
	*filep = fopen(path, "re");
	if (*filep)
		return 0;
	return fail(why, "the %s %.200s cannot be read: %s", what, path,
		    strerror(errno));
}

static int read_certificate(const char *path, X509 **certificatep,
			    char why[CERT_MAX_ERROR])
{
	FILE *file;

	if (open_file("certificate", path, &file, why))
		return -EINVAL;
	*certificatep = PEM_read_X509(file, NULL, no_password, NULL);
	(void)fclose(file);
	if (!*certificatep)
		return fail(why, "%.200s holds no certificate in PEM", path);
	return 0;
}

static int read_key(const char *path, EVP_PKEY **keyp, char why[CERT_MAX_ERROR])
{
	FILE *file;

	if (open_file("private key", path, &file, why))
		return -EINVAL;
	*keyp = PEM_read_PrivateKey(file, NULL, no_password, NULL);
	(void)fclose(file);
	if (!*keyp)
		return fail(why,
			    "%.200s holds no private key in PEM without a "
			    "password",
			    path);
	return 0;
}

static int check_pair(X509 *certificate, EVP_PKEY *key, const char *path,
		      uint64_t now_s, char why[CERT_MAX_ERROR])
{
	time_t now = (time_t)now_s;

	if (X509_check_private_key(certificate, key) != 1)
		return fail(why, "the private key is not that of %.200s", path);
	if (X509_cmp_time(X509_get0_notAfter(certificate), &now) < 0)
		return fail_date(why, path, "has expired");
	if (X509_cmp_time(X509_get0_notBefore(certificate), &now) > 0)
		return fail_date(why, path, "is not valid yet");
	return 0;
}

int cert_check(const char *certificate, const char *key, uint64_t now_s,
	       char why[CERT_MAX_ERROR])
{
	EVP_PKEY *private_key = NULL;
	X509 *x509 = NULL;
	int err;

	err = read_certificate(certificate, &x509, why);
	if (!err)
		err = read_key(key, &private_key, why);
	if (!err)
		err = check_pair(x509, private_key, certificate, now_s, why);
	EVP_PKEY_free(private_key);
	X509_free(x509);
	return err;
}

int cert_read_end(const char *certificate, uint64_t *ends_at_s)
{
	char why[CERT_MAX_ERROR];
	X509 *x509 = NULL;
	struct tm end;
	int err = read_certificate(certificate, &x509, why);

	if (!err && ASN1_TIME_to_tm(X509_get0_notAfter(x509), &end) != 1)
		err = -EINVAL;
	if (!err)
		*ends_at_s = (uint64_t)timegm(&end);
	X509_free(x509);
	return err;
}
