/* state_file.h: the files of state.dir, written so that a crash spoils none. */
#ifndef SIGNALD_POLICY_STATE_FILE_H
#define SIGNALD_POLICY_STATE_FILE_H

#include <sys/types.h>

#include "base/span.h"

#define STATE_FILE_PATH_CAP 4096

/* DIR/FILE. Returns 0 or -ENAMETOOLONG. */
int state_file_path(const char *dir, const char *file,
		    char path[STATE_FILE_PATH_CAP]);

/*
 * Make text the whole of a file, with mode 0600: beside it first, as PATH.new,
 * then renamed over it, so that whoever reads it after a crash finds the old
 * one or the new one; the new one, once this has returned 0.
 *
 * Returns 0 or a negative errno; the file is then as it was, or new in a folder
 * that could not be synced.
 */
int state_file_write(const char *path, struct span text);

/* Write text behind what is in a file, which is made if it is not there; after
 * a crash or an error some of it may be there. Returns 0 or a negative errno.
 */
int state_file_append(const char *path, struct span text);

/*
 * Read a whole file, which is to be wiped where it holds a secret.
 *
 * cap  more bytes than it may have
 *
 * Returns how many it has, -EINVAL when they are too many, or another negative
 * errno.
 */
ssize_t state_file_read(const char *path, char *out, size_t cap);

#endif
