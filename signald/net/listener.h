/* listener.h: accepts connections, and waits when there is no room for more. */
#ifndef SIGNALD_NET_LISTENER_H
#define SIGNALD_NET_LISTENER_H

#include "net/conn.h"

struct listener;

/* A connection has come; the callee owns it from here. */
typedef void listener_accept_fn(struct conn *conn, void *arg);

/*
 * Listen on an address.
 *
 * set        where accepted connections belong
 * on_accept  gives each new connection its handlers with conn_set_ops()
 *
 * Returns 0 or a negative errno (-EADDRINUSE, -EACCES, ...).
 */
int listener_new(struct listener **listenerp, struct conn_set *set,
		 const struct net_addr *addr, listener_accept_fn *on_accept,
		 void *arg);

/*
 * The same on a socket that listens already, does not block, and is closed with
 * the listener, or here on failure. Returns 0 or -ENOMEM.
 */
int listener_new_inherited(struct listener **listenerp, struct conn_set *set,
			   int fd, listener_accept_fn *on_accept, void *arg);

/* The address in use, with the port the system chose for port 0. */
const struct net_addr *listener_addr(const struct listener *listener);

/* Take connections beyond listen.max_connections too: a full server must still
 * say how it is. */
void listener_serve_operators(struct listener *listener);

/* There may be room again: go on accepting. */
void listener_resume(struct listener *listener);

/* Takes NULL. */
void listener_free(struct listener *listener);

#endif
