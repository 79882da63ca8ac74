/* cert.h: says whether coturn could serve TLS with a certificate and key. */
#ifndef TURNCONF_CERT_H
#define TURNCONF_CERT_H

#include "base/span.h"

#define CERT_MAX_ERROR 320

/*
 * Read both files and see that they fit.
 *
 * certificate  PEM; its first certificate is the server's
 * key          PEM
 * now_s        Unix time, against which the certificate's dates are held
 *
 * Returns 0, or -EINVAL with a sentence (no full stop) in why.
 */
int cert_check(const char *certificate, const char *key, uint64_t now_s,
	       char why[CERT_MAX_ERROR]);

#endif
