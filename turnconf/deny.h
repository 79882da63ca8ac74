/* deny.h: the addresses that a relay on the internet has no business with. */
#ifndef TURNCONF_DENY_H
#define TURNCONF_DENY_H

#include <stdbool.h>
#include <stddef.h>

struct deny_range {
	const char *range; /* as coturn takes it */
	bool is_inside;	   /* leads into somebody's network, or could */
	unsigned built_in; /* coturn from this version on refuses it anyway; 0:
			      none does */
	const char *meaning; /* with the RFC that sets it apart */
};

/*
 * Every range is a single box (see iprange.h) and none starts at ::, so that
 * all versions of coturn compare it alike: that is why ::/96 takes four lines.
 * :: itself every coturn refuses.
 */
extern const struct deny_range deny_ranges[];
extern const size_t deny_ranges_count;

#endif
