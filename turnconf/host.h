/* host.h: what this machine can say about its own addresses and ports. */
#ifndef TURNCONF_HOST_H
#define TURNCONF_HOST_H

#include "iprange.h"

#define HOST_MAX_ADDRESSES 64
#define HOST_ADDRESS_CAP 46 /* an address in its longest form, and its NUL */

struct host_address {
	char text[HOST_ADDRESS_CAP];
	bool is_v6;
	bool is_loopback;
	bool is_link_local;
};

struct host {
	struct host_address addresses[HOST_MAX_ADDRESSES];
	size_t addresses_count;
	unsigned first_free_port; /* ports below need a capability */
};

/* Returns 0 or a negative errno. */
int host_read(struct host *host);

/* The host has the address, in whatever form it is written. */
bool host_has(const struct host *host, const struct iprange *address);

/*
 * The address from which this host talks to the internet; nothing is sent.
 *
 * Returns 0, or -ENETUNREACH when there is no route in that family.
 */
int host_default_address(bool is_v6, char out[HOST_ADDRESS_CAP]);

#endif
