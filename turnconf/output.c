/* output.c: writes a file beside its place and renames it there. */
#include "output.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int write_all(int fd, struct span text)
{
	while (text.len) {
		ssize_t n = write(fd, text.ptr, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text = span_skip(text, (size_t)n);
	}
	return fsync(fd) ? -errno : 0;
}

int output_write(const char *path, struct span text)
{
	char beside[PATH_MAX];
	int fd;
	int err;

	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >=
	    (int)sizeof(beside))
		return -ENAMETOOLONG;
	fd = mkstemp(beside); /* with mode 0600 */
	if (fd < 0)
		return -errno;

	err = write_all(fd, text);
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(beside, path))
		err = -errno;
	if (err)
		(void)unlink(beside);
	return err;
}
