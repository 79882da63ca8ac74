/* region_table.h: networks and their regions, from a file of lines. */
#ifndef SIGNALD_TURN_REGION_TABLE_H
#define SIGNALD_TURN_REGION_TABLE_H

#include "net/addr.h"
#include "policy/config.h"

struct region_table;

/*
 * Read a file of lines NETWORK REGION: "192.0.2.0/24 eu", "2001:db8::/32 us";
 * empty lines and those that start with # are none. Of several networks that
 * hold an address the smallest one counts.
 *
 * Returns 0, -EINVAL with a sentence that names the line, -ENOMEM.
 */
int region_table_new(struct region_table **tablep, const char *path,
		     struct config_error *error);
void region_table_free(struct region_table *table); /* takes NULL */

/* The region's name, which lives as long as the table; "" for none. */
struct span region_table_find(const struct region_table *table,
			      const struct net_addr *addr);

#endif
