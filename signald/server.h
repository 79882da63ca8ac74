/* server.h: the daemon: every part built in order, run, and taken down. */
#ifndef SIGNALD_SERVER_H
#define SIGNALD_SERVER_H

#include "policy/config.h"

struct server;

/*
 * Build everything and begin to listen.
 *
 * config   taken over, also on failure
 * sources  borrowed; read again at SIGHUP
 *
 * Returns 0, or a negative errno after having logged what failed.
 */
int server_new(struct server **serverp, struct config *config,
	       const struct config_sources *sources);

/*
 * Serve until SIGTERM or SIGINT: the first one drains, a second one stops at
 * once. SIGHUP reads the configuration again.
 *
 * Returns 0 or -EIO.
 */
int server_run(struct server *server);

/* Takes NULL. */
void server_free(struct server *server);

#endif
