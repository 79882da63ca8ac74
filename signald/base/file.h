/* file.h: what files are written with. */
#ifndef SIGNALD_BASE_FILE_H
#define SIGNALD_BASE_FILE_H

#include "base/span.h"

/* Write all of it, however often write() has to be called. Returns 0 or a
 * negative errno, some of it may be written then. */
int file_write_all(int fd, struct span bytes);

#endif
