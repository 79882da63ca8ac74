/* output.c: writes a file beside its place and renames it there. */
#include "output.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* The group Debian's coturn runs in. */
#define COTURN_GROUP "turnserver"

/*
 * What root writes must be read by coturn, which is not root: without its
 * configuration coturn runs on as an open relay. Elsewhere the file stays its
 * owner's alone.
 */
static void let_coturn_read(int fd)
{
	const struct group *group;

	if (geteuid())
		return;
	group = getgrnam(COTURN_GROUP);
	if (group && !fchown(fd, 0, group->gr_gid))
		(void)fchmod(fd, S_IRUSR | S_IWUSR | S_IRGRP);
}

static int look_like(int fd, const char *path)
{
	struct stat st;

	if (stat(path, &st) || fchown(fd, st.st_uid, st.st_gid) ||
	    fchmod(fd, st.st_mode & 07777))
		return -errno;
	return 0;
}

static int let_read(int fd, const char *path)
{
	(void)path;
	let_coturn_read(fd);
	return 0;
}

static int write_beside(const char *path, struct span text,
			int (*dress)(int fd, const char *path))
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

	err = dress(fd, path);
	if (!err)
		err = file_write_all(fd, text);
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(beside, path))
		err = -errno;
	if (err)
		(void)unlink(beside);
	return err;
}

int output_write(const char *path, struct span text)
{
	return write_beside(path, text, let_read);
}

int output_replace(const char *path, struct span text)
{
	return write_beside(path, text, look_like);
}
