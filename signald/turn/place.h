/* place.h: where a client is, by the names that regions may have. */
#ifndef SIGNALD_TURN_PLACE_H
#define SIGNALD_TURN_PLACE_H

#include "base/span.h"

#define PLACE_MAX_NAME 32
#define PLACE_MAX_NAMES 3

/* Zero-initialised: nobody knows. */
struct place {
	char names[PLACE_MAX_NAMES][PLACE_MAX_NAME + 1];
	size_t count;
};

/* One more name, of a wider region than those before. An empty one or one that
 * is too long is no region's, and left out. */
void place_add(struct place *place, struct span name);

/* How many narrower names stand before that of the region, whatever the case of
 * its letters; PLACE_MAX_NAMES when it is none of them. */
size_t place_distance(const struct place *place, const char *region);

#endif
