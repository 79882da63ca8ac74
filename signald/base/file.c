/* file.c: files read and written whole. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

int file_write_all(int fd, struct span bytes)
{
	while (bytes.len) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes = span_skip(bytes, (size_t)n);
	}
	return 0;
}

/* Returns 0 when it is one, with its length in *len. */
static int measure(int fd, size_t *len)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) || st.st_size < 0)
		return -EINVAL;
	*len = (size_t)st.st_size;
	return 0;
}

/* It may grow meanwhile: the length is a guess. */
static int read_fd(int fd, size_t max_bytes, struct buf *out)
{
	size_t begin = out->len, len = 0;
	int err = measure(fd, &len);

	while (!err) {
		ssize_t n;

		if (len > max_bytes)
			return -EFBIG;
		if (buf_reserve(out, len - (out->len - begin) + 1))
			return -ENOMEM;
		n = read(fd, out->ptr + out->len, out->cap - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : 0;
		out->len += (size_t)n;
		if (out->len - begin > len)
			len = out->len - begin;
	}
	return err;
}

int file_read_all(const char *path, size_t max_bytes, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int err;

	if (fd < 0)
		return -errno;
	err = read_fd(fd, max_bytes, out);
	(void)close(fd);
	return err;
}
