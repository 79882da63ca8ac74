/* events.h: Socket.IO's events as rules say them, against the hub. */
#ifndef SIGNALD_DIALECT_EVENTS_H
#define SIGNALD_DIALECT_EVENTS_H

#include "access/access.h"
#include "hub/session.h"
#include "policy/kicked.h"
#include "rules/rules.h"
#include "socketio/socket.h"

/* What all namespaces share. */
struct events;

/* A namespace that speaks by rules. */
struct events_space {
	struct events *events;
	const char *name; /* borrowed */
	struct ruleset *rules;
	struct peer_ops ops; /* of its peers, who know each other by it */
};

/* Complete a zero-initialised space whose name and rules are set. */
void events_space_init(struct events_space *space, struct events *events);

/* How a namespace treats its sockets; its arg is the struct events_space. */
extern const struct sio_app events_app;

/* What it works with, all borrowed. */
struct events_parts {
	struct hub *hub;
	const struct kicked *kicked;
	struct access *access;
	struct loop *loop;
};

/* Returns 0 or -ENOMEM. */
int events_new(struct events **eventsp, const struct events_parts *parts);

/* All sockets must be gone; takes NULL. */
void events_free(struct events *events);

/* Candidates that waited too long are dropped; called every 100 ms or so. */
void events_tick(struct events *events);

/* From now on peers leave because the server does. */
void events_drain(struct events *events);

#endif
