/* tls_server.h: what all TLS connections share: certificate, key, settings. */
#ifndef SIGNALD_NET_TLS_SERVER_H
#define SIGNALD_NET_TLS_SERVER_H

#include "base/cert.h"
#include "policy/config.h"

/* A certificate that ends earlier is something to warn of. */
#define TLS_SERVER_SOON_DAYS 14

/* Its connections must be gone before it is freed. */
struct tls_server;

/*
 * Load tls.cert and tls.key. What can serve no client at all is refused; an
 * expired certificate is served with an error in the log, so that whoever
 * forgot it has a server that says so.
 *
 * Returns 0, -EINVAL with a sentence in why, or -ENOMEM.
 */
int tls_server_new(struct tls_server **serverp, const struct config *config,
		   uint64_t now_s, char why[CERT_MAX_ERROR]);

/* Takes NULL. */
void tls_server_free(struct tls_server *server);

/*
 * Load the files again, for connections to come; those that are open go on.
 * Files that are no better than none, expired ones too, are refused with a
 * line in the log, and what was loaded stays.
 */
void tls_server_reload(struct tls_server *server, const struct config *config,
		       uint64_t now_s);

/*
 * To be called about once a second: reloads when the files have changed, and
 * have been left alone since the last call, so that a certificate and a key
 * which are written one after the other are not taken for a pair too early. And
 * once a day whatever they are: tickets get a new key by it, and the log says
 * how long the certificate is good for.
 */
void tls_server_follow(struct tls_server *server, const struct config *config,
		       uint64_t now_s);

/* When the certificate ends that connections to come are shown: Unix time, 0
 * for one of our own, which stands in for it. */
uint64_t tls_server_ends_at_s(const struct tls_server *server);

#endif
