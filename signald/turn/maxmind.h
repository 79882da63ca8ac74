/* maxmind.h: where an address is, by a MaxMind database. */
#ifndef SIGNALD_TURN_MAXMIND_H
#define SIGNALD_TURN_MAXMIND_H

#include "net/addr.h"
#include "policy/config.h"
#include "turn/place.h"

struct maxmind;

/*
 * Take a copy of a database of countries or cities into memory; the file may
 * change or go.
 *
 * Returns 0, -EINVAL with a sentence that begins with the path, -ENOMEM.
 */
int maxmind_new(struct maxmind **dbp, const char *path,
		struct config_error *error);
void maxmind_free(struct maxmind *db); /* takes NULL */

/* Add the codes of the address's subdivision with its country, of its country,
 * and of its continent: "US-CA" (ISO 3166-2), "US" (ISO 3166-1), "NA"; those
 * that the database has. */
void maxmind_find(const struct maxmind *db, const struct net_addr *addr,
		  struct place *place);

#endif
