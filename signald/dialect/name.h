/* name.h: names that strangers give: of rooms, of peers. */
#ifndef SIGNALD_DIALECT_NAME_H
#define SIGNALD_DIALECT_NAME_H

#include "base/span.h"

#define NAME_MAX_BYTES 128

/* UTF-8 of at most NAME_MAX_BYTES without control characters, so that it can be
 * shown and logged; it may be empty. */
bool name_is_good(struct span name);

/*
 * Decode a raw JSON string that is such a name.
 *
 * Returns 0, or -EINVAL.
 */
int name_decode(struct span raw, char out[NAME_MAX_BYTES + 1], size_t *len);

#endif
