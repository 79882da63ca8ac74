/* tunnel.h: TURN connections that came over TLS, passed on to coturn. */
#ifndef SIGNALD_NET_TUNNEL_H
#define SIGNALD_NET_TUNNEL_H

#include "net/conn.h"

/* All the tunnels of one loop. */
struct tunnels;

/* Returns 0 or -ENOMEM. */
int tunnels_new(struct tunnels **tunnelsp, struct loop *loop);

/* Their connections must be gone; takes NULL. */
void tunnels_free(struct tunnels *tunnels);

/* How many there are now. */
size_t tunnels_left(const struct tunnels *tunnels);

/* Close all connections of the set that are no tunnels. */
void tunnels_close_others(struct conn_set *set);

/*
 * Take over a connection under TLS whose client speaks TURN: connect to
 * turn.tunnel, say there with a PROXY header whose it is, and carry bytes both
 * ways. Without turn.tunnel, or when it cannot be reached, the connection is
 * closed, with a line in the log.
 *
 * Of what one side does not take, at most one read of the other is kept (64 KB
 * up, 32 KB down); until it is gone the other one is not read. A side that
 * takes nothing for output.stall_timeout_s ends the tunnel.
 */
void tunnels_take(struct tunnels *tunnels, struct conn *conn);

#endif
