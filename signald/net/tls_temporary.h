/* tls_temporary.h: a certificate of our own, until there is a real one. */
#ifndef SIGNALD_NET_TLS_TEMPORARY_H
#define SIGNALD_NET_TLS_TEMPORARY_H

#include <openssl/ssl.h>

#include "policy/config.h"

/* tls.temporary = yes, and tls.cert or tls.key is not there yet. */
bool tls_temporary_is_wanted(const struct config *config);

/*
 * Use a key and a certificate that are made for it, in memory alone, good for
 * 30 days: clients find TLS, and are told that nobody vouches for it.
 *
 * Returns 0, or -ENOMEM.
 */
int tls_temporary_use(SSL_CTX *ctx);

#endif
