/* state_file.c: the files of state.dir, written so that a crash spoils none. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "policy/state_file.h"

#define FRESH ".new"

int state_file_path(const char *dir, const char *file,
		    char path[STATE_FILE_PATH_CAP])
{
	const int cap = STATE_FILE_PATH_CAP - (int)sizeof(FRESH) + 1;
	int len = snprintf(path, (size_t)cap, "%s/%s", dir, file);

	return len < cap ? 0 : -ENAMETOOLONG;
}

static int write_file(const char *path, int flags, struct span text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	int err;

	if (fd < 0)
		return -errno;
	err = file_write_all(fd, text);
	if (!err && fdatasync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

/* A rename is in the folder, which has to reach the disk on its own. */
static int sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[STATE_FILE_PATH_CAP] = ".";
	int err = 0, fd;

	if (slash)
		(void)snprintf(folder, sizeof(folder), "%.*s",
			       (int)(slash - path) + 1, path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* There are file systems that have no such thing. */
	if (fsync(fd) && errno != EINVAL)
		err = -errno;
	(void)close(fd);
	return err;
}

int state_file_write(const char *path, struct span text)
{
	char fresh[STATE_FILE_PATH_CAP];
	int err;

	if (snprintf(fresh, sizeof(fresh), "%s" FRESH, path) >=
	    (int)sizeof(fresh))
		return -ENAMETOOLONG;
	err = write_file(fresh, O_TRUNC, text);
	if (!err && rename(fresh, path))
		err = -errno;
	return err ? err : sync_folder_of(path);
}

int state_file_append(const char *path, struct span text)
{
	return write_file(path, O_APPEND, text);
}

ssize_t state_file_read(const char *path, char *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, out, cap);
	if (len < 0)
		len = -errno;
	(void)close(fd);
	return len == (ssize_t)cap ? -EINVAL : len;
}
