/* iprange.h: ranges of addresses as coturn compares them. */
#ifndef TURNCONF_IPRANGE_H
#define TURNCONF_IPRANGE_H

#include "base/span.h"

struct iprange {
	bool is_v6;
	uint8_t first[16]; /* of an IPv4 range the first four count */
	uint8_t last[16];
};

/*
 * A box holds the addresses each of whose bytes lies between low's and high's.
 * That is how coturn before 4.16.0 compares IPv6, and any range in the usual
 * order is made of a few of them, so one subtraction serves all versions.
 */
struct iprange_box {
	bool is_v6;
	uint8_t low[16];
	uint8_t high[16];
};

/* Boxes that one range comes apart into, at most. */
#define IPRANGE_MAX_BOXES 31

/* "FIRST-LAST" in its longest form. */
#define IPRANGE_TEXT_CAP 96

/*
 * ADDRESS or FIRST-LAST, blanks allowed around each.
 *
 * Returns 0, -EINVAL when either is not an address (an empty one too), -EXDEV
 * for two families, -ERANGE for a last below the first (*range is written
 * then).
 */
int iprange_parse(struct span text, struct iprange *range);

/* ADDRESS/BITS; 0 or -EINVAL. */
int iprange_parse_cidr(struct span text, struct iprange *range);

/* A range of a table of ours, known to be well formed. */
struct iprange iprange_of(const char *text);

void iprange_format(const struct iprange *range, char out[IPRANGE_TEXT_CAP]);

bool iprange_is_single(const struct iprange *range);

/* first is 0.0.0.0 or ::, which coturn takes for "no lower end". */
bool iprange_starts_at_zero(const struct iprange *range);

/* last is 0.0.0.0 or ::, which coturn takes for "no upper end". */
bool iprange_ends_at_zero(const struct iprange *range);

bool iprange_overlaps(const struct iprange *a, const struct iprange *b);

/* All of inner lies in outer. */
bool iprange_contains(const struct iprange *outer, const struct iprange *inner);

/* Take the range apart; returns how many boxes. One box is compared alike by
 * every coturn. */
size_t iprange_to_boxes(const struct iprange *range,
			struct iprange_box boxes[IPRANGE_MAX_BOXES]);

/* The box that coturn before 4.16.0 makes of an IPv6 range; false when no
 * address is in it. */
bool iprange_to_byte_box(const struct iprange *range, struct iprange_box *box);

/* Every address of the range lies in one of the boxes. */
bool iprange_is_covered(const struct iprange *range,
			const struct iprange_box *boxes, size_t boxes_count);

#endif
