/* output.h: puts a file with a secret in its place, whole or not at all. */
#ifndef TURNCONF_OUTPUT_H
#define TURNCONF_OUTPUT_H

#include "base/span.h"

/*
 * Write text to path with mode 0600, or as root with 0640 and coturn's group
 * where that exists: beside it first, then renamed over it, so that nobody ever
 * reads half a file.
 *
 * Returns 0 or a negative errno; path is then untouched.
 */
int output_write(const char *path, struct span text);

/* The same in the place of a file that is there, whose owner, group and mode it
 * gets: -EPERM where this user cannot give it those. */
int output_replace(const char *path, struct span text);

#endif
