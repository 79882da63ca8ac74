/* program.h: runs another program and takes down what it prints. */
#ifndef TURNCONF_PROGRAM_H
#define TURNCONF_PROGRAM_H

#include <sys/types.h>

#include "base/span.h"

/*
 * Run a program to its end, or until it has printed cap bytes; it is killed if
 * it is not through then. What it prints on standard error is dropped.
 *
 * argv  ended by NULL; argv[0] is looked up in PATH as the shell does
 * pidp  NULL, or gets its process id, which is free again
 *
 * Returns the bytes printed, -ENOENT when it cannot be run, -ETIMEDOUT after 5
 * seconds of silence, or another negative errno.
 */
ssize_t program_run(const char *const *argv, char *out, size_t cap,
		    pid_t *pidp);

#endif
