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
 * None starts at ::, which coturn takes for "no lower end". Before 4.16.0
 * coturn compares IPv6 byte by byte (see iprange.h), so all are single boxes
 * but those of ::/96, whose four lines make up for each other's holes: each
 * leaves out the addresses with a zero in one more byte, and all four only ::
 * itself, which every coturn refuses.
 */
extern const struct deny_range deny_ranges[];
extern const size_t deny_ranges_count;

#endif
