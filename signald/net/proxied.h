/* proxied.h: connections that begin with a PROXY header (proxy.protocol). */
#ifndef SIGNALD_NET_PROXIED_H
#define SIGNALD_NET_PROXIED_H

#include "net/listener.h"

/* Whose the connection is when its header has been read; borrowed. */
struct proxied {
	listener_accept_fn *on_accept;
	void *arg;
};

/* A listener_accept_fn; arg is the struct proxied. With proxy.protocol = no the
 * connection is handed on as it is; else those of trusted proxies are, as their
 * client's, once the header is there, and all others are closed. */
void proxied_accept(struct conn *conn, void *arg);

#endif
