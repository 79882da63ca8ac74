/* network.h: networks as configuration names them, and who is in them. */
#ifndef SIGNALD_POLICY_NETWORK_H
#define SIGNALD_POLICY_NETWORK_H

#include "base/span.h"

struct network {
	bool is_v6;
	unsigned bits;
	uint8_t ip[16]; /* the first four for IPv4 */
};

/*
 * Parse ADDRESS or ADDRESS/BITS. IPv4-mapped IPv6 is refused, as clients are
 * known by their IPv4 address; so are bits behind the network's, which would
 * be a mistake.
 *
 * Returns 0 or -EINVAL.
 */
int network_parse(struct span text, struct network *network);

/* ip  4 or 16 bytes in network order */
bool network_has(const struct network *network, bool is_v6, const uint8_t *ip);

/* Whether one of a list has the address; the list is comma-separated and was
 * checked when the configuration was read. */
bool network_list_has(const char *list, bool is_v6, const uint8_t *ip);

#endif
