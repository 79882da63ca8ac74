/* socketio.h: the Socket.IO dialect as configured: namespaces, client, route.
 */
#ifndef SIGNALD_DIALECT_SOCKETIO_H
#define SIGNALD_DIALECT_SOCKETIO_H

#include "access/access.h"
#include "hub/session.h"
#include "net/web.h"
#include "policy/keyring.h"
#include "policy/kicked.h"

struct socketio;

/* What it works with, all borrowed. */
struct socketio_parts {
	struct loop *loop;
	struct hub *hub;
	const struct keyring *keyring; /* signs recovery ids */
	const struct kicked *kicked;
	struct access *access;
};

/* Load every namespace's rules and forget them. Returns 0, -EINVAL or -ENOMEM
 * with *error set. */
int socketio_check(const struct config *config, struct config_error *error);

/*
 * Everything that socketio.* says; *socketiop is NULL where it names no
 * namespace.
 *
 * Returns 0, -EINVAL or -ENOMEM with *error set.
 */
int socketio_new(struct socketio **socketiop,
		 const struct socketio_parts *parts,
		 struct config_error *error);

/* Its connections must be gone; takes NULL, as all of these do. */
void socketio_free(struct socketio *socketio);

/* The loop has another configuration. */
void socketio_configure(struct socketio *socketio);

/* Called every 100 ms or so. */
void socketio_tick(struct socketio *socketio);

/* Where it is served, for the table of routes. */
struct web_route socketio_route(struct socketio *socketio);

size_t socketio_sessions_count(const struct socketio *socketio);

/* Close every session within spread_s seconds, and take nobody new. */
void socketio_drain(struct socketio *socketio, unsigned spread_s);

#endif
