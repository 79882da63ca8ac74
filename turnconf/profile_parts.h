/* profile_parts.h: what profile.c is made of. Each returns as
 * profile_generate() does. */
#ifndef TURNCONF_PROFILE_PARTS_H
#define TURNCONF_PROFILE_PARTS_H

#include "writer.h"

/* Where coturn listens, relays and is administered, in this order:
 * profile_address.c. */
int profile_read_addresses(struct writer *writer);
int profile_read_external(struct writer *writer);
int profile_check_relays(struct writer *writer);
int profile_read_cli(struct writer *writer);

/* The key that says where this coturn is administered, "" for nowhere. */
const char *profile_cli(const struct writer *writer);

/* Whom clients may not be relayed to: profile_peers.c. */
int profile_put_peers(struct writer *writer);

#endif
