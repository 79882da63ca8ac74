/* version.h: which coturn a configuration is for. */
#ifndef TURNCONF_VERSION_H
#define TURNCONF_VERSION_H

#include "base/span.h"

/* One number that compares as the version does. */
#define VERSION(major, minor, patch)                            \
	((unsigned)(major)*1000000u + (unsigned)(minor)*1000u + \
	 (unsigned)(patch))

/* The oldest that turnconf writes for: 0.0.0.0 was a way in before it
 * (CVE-2020-26262). */
#define VERSION_OLDEST VERSION(4, 5, 2)

/* The newest whose options the table was compared with. */
#define VERSION_NEWEST VERSION(4, 17, 1)

#define VERSION_TEXT_CAP 16

/*
 * X.Y.Z, each below 1000, with anything but a digit or a point behind it (a
 * distribution's suffix) left out of account.
 *
 * Returns 0 or -EINVAL.
 */
int version_parse(struct span text, unsigned *version);

void version_format(unsigned version, char out[VERSION_TEXT_CAP]);

/*
 * Ask a turnserver program for its version.
 *
 * program  looked up in PATH as the shell does
 *
 * Returns 0, -ENOENT when it cannot be run, -EPROTO when it answers with no
 * version (coturn before 4.6 knows no --version), -ETIMEDOUT after 5 seconds,
 * or another negative errno.
 */
int version_detect(const char *program, unsigned *version);

#endif
