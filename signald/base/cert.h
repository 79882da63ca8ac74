/* cert.h: says whether a server could serve TLS with a certificate and key. */
#ifndef SIGNALD_BASE_CERT_H
#define SIGNALD_BASE_CERT_H

#include "base/span.h"

#define CERT_MAX_ERROR 320

/*
 * Read both files and see that they fit.
 *
 * certificate  PEM; its first certificate is the server's
 * key          PEM
 * now_s        Unix time, against which the certificate's dates are held
 *
 * Returns 0, -EINVAL when no client could be served with them, or -EKEYEXPIRED
 * when only the date is outside of the certificate's; both with a sentence (no
 * full stop) in why.
 */
int cert_check(const char *certificate, const char *key, uint64_t now_s,
	       char why[CERT_MAX_ERROR]);

/*
 * When the file's first certificate ends.
 *
 * Returns 0 with Unix time, or -EINVAL when it cannot be read.
 */
int cert_read_end(const char *certificate, uint64_t *ends_at_s);

#endif
