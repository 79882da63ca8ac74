/* regions.h: in which region a client's address is. */
#ifndef SIGNALD_TURN_REGIONS_H
#define SIGNALD_TURN_REGIONS_H

#include "net/addr.h"
#include "policy/config.h"

struct regions;

/*
 * Read a file of lines NETWORK REGION: "192.0.2.0/24 eu", "2001:db8::/32 us";
 * empty lines and those that start with # are none. Of several networks that
 * hold an address the smallest one counts.
 *
 * Returns 0, -EINVAL with a sentence that names the line, -ENOMEM.
 */
int regions_new(struct regions **regionsp, const char *path,
		struct config_error *error);
void regions_free(struct regions *regions); /* takes NULL */

/* The region's name, which lives as long as regions; "" for none. */
struct span regions_find(const struct regions *regions,
			 const struct net_addr *addr);

#endif
