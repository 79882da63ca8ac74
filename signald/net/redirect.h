/* redirect.h: plain HTTP beside TLS: what a certificate authority asks for, and
 * the way to https for everybody else. */
#ifndef SIGNALD_NET_REDIRECT_H
#define SIGNALD_NET_REDIRECT_H

#include "net/files.h"

/* Where an authority looks for what its client has put there (RFC 8555, 8.3).
 */
#define REDIRECT_CHALLENGES "/.well-known/acme-challenge/"

/* Zeroed, it can be cleared. */
struct redirect {
	struct loop *loop;
	struct files *challenges; /* NULL: there are none */
	struct web_route routes[2];
	struct web *web;
};

/*
 * Make what answers for listen.redirect, to be given to web_accept() as
 * redirect->web: files of http.challenges as REDIRECT_CHALLENGES names them,
 * 404 where there is none; 308 (RFC 9110, 15.4.9) to the same path of the same
 * host at the port of listen.tls for everything else.
 *
 * redirect  stays where it is until it is cleared
 *
 * Returns 0, -ENOMEM, or what http.challenges could not be opened for.
 */
int redirect_init(struct redirect *redirect, struct conn_set *conns,
		  struct loop *loop);

/* Its connections must be gone. It is zeroed then. */
void redirect_clear(struct redirect *redirect);

#endif
