/* file.h: files read and written whole. */
#ifndef SIGNALD_BASE_FILE_H
#define SIGNALD_BASE_FILE_H

#include "base/buf.h"

/* Write all of it, however often write() has to be called. Returns 0 or a
 * negative errno, some of it may be written then. */
int file_write_all(int fd, struct span bytes);

/*
 * Append a regular file's bytes; never waits, as it would for a pipe.
 *
 * Returns 0; -EFBIG for one of more than max_bytes, -EISDIR or -EINVAL for what
 * is no regular file, -ENOMEM, or the negative errno of open() or read().
 * After an error out may hold some of it.
 */
int file_read_all(const char *path, size_t max_bytes, struct buf *out);

#endif
