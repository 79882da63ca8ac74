/* place.c: where a client is, by the names that regions may have. */
#include "turn/place.h"

void place_add(struct place *place, struct span name)
{
	if (!name.len || place->count == PLACE_MAX_NAMES ||
	    span_copy(name, place->names[place->count], PLACE_MAX_NAME + 1))
		return;
	place->count++;
}

size_t place_distance(const struct place *place, const char *region)
{
	for (size_t i = 0; i < place->count; i++) {
		if (span_equal_nocase(span_from(place->names[i]),
				      span_from(region)))
			return i;
	}
	return PLACE_MAX_NAMES;
}
