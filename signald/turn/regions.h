/* regions.h: in which region a client's address is. */
#ifndef SIGNALD_TURN_REGIONS_H
#define SIGNALD_TURN_REGIONS_H

#include "net/addr.h"
#include "policy/config.h"
#include "turn/place.h"

struct regions;

/*
 * What a file says of addresses: a table of networks (region_table.h), or a
 * MaxMind database (maxmind.h) where its name ends in ".mmdb". Nothing is read
 * yet. Returns 0 or -ENOMEM.
 */
int regions_new(struct regions **regionsp, const char *path);
void regions_free(struct regions *regions); /* takes NULL */
const char *regions_path(const struct regions *regions);

/*
 * Read the file. What was read before stays where it is no good.
 *
 * Returns 0, -EINVAL with a sentence that names the file, -ENOMEM.
 */
int regions_read(struct regions *regions, struct config_error *error);

/*
 * The same when the file has changed since it was read; looked at once a
 * second.
 *
 * now_ms  monotonic
 *
 * Returns 1 when it was read, 0 when there was no need, or as above.
 */
int regions_follow(struct regions *regions, uint64_t now_ms,
		   struct config_error *error);

/*
 * Take what another one has read, which then knows nothing. Returns false, with
 * nothing done, where that is nothing, or is of a file of another name.
 */
bool regions_adopt(struct regions *regions, struct regions *from);

/* Add what is known of where the address is. */
void regions_find(const struct regions *regions, const struct net_addr *addr,
		  struct place *place);

#endif
