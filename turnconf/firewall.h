/* firewall.h: the rules that keep relayed datagrams from this host's services.
 */
#ifndef TURNCONF_FIREWALL_H
#define TURNCONF_FIREWALL_H

#include "base/buf.h"
#include "policy/config.h"

/*
 * Write rules for "nft -f -".
 *
 * A relay sends from a port of its range to whatever peer its client names, and
 * coturn can deny addresses but no ports: the host's own public address has to
 * stay allowed, since two relayed clients meet there. So whatever coturn's user
 * sends from a relay port to this host is dropped, unless it goes to a relay
 * port.
 *
 * user  coturn's, a name or a number; others' packets from the same ports pass
 *
 * Returns 0 or -ENOMEM.
 */
int firewall_write(const struct config *config, const char *user,
		   struct buf *out);

/* turnconf firewall; returns the exit code. */
struct arguments;
int firewall_run(const struct arguments *arguments);

#endif
