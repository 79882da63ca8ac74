/* profile_parts.h: what profile.c is made of. Each returns as
 * profile_generate() does. */
#ifndef TURNCONF_PROFILE_PARTS_H
#define TURNCONF_PROFILE_PARTS_H

#include "writer.h"

/* Where coturn listens and relays, in this order: profile_address.c. */
int profile_read_addresses(struct writer *writer);
int profile_read_external(struct writer *writer);
int profile_check_relays(struct writer *writer);

/* Whom clients may not be relayed to: profile_peers.c. */
int profile_put_peers(struct writer *writer);

#endif
