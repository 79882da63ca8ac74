/* front.h: one TLS port for HTTP and TURN: whose connection is this? */
#ifndef SIGNALD_NET_FRONT_H
#define SIGNALD_NET_FRONT_H

#include "net/tunnel.h"
#include "net/web.h"

/* Where connections go; all borrowed. */
struct front {
	struct tls_server *tls;
	struct web *web;
	struct tunnels *tunnels;
};

/* A listener_accept_fn; arg is the front. The handshake and the first bytes
 * have http.head_timeout_s together. */
void front_accept(struct conn *conn, void *arg);

#endif
