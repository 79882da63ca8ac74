/* version.c: reads coturn's version from text or from the program itself. */
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define DETECT_TIMEOUT_MS 5000

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One to three digits at the start of *rest. */
static int parse_part(struct span *rest, unsigned *part)
{
	unsigned value = 0;
	size_t len = 0;

	while (len < rest->len && is_digit(rest->ptr[len])) {
		if (len == 3)
			return -EINVAL;
		value = value * 10 + (unsigned)(rest->ptr[len] - '0');
		len++;
	}
	if (!len)
		return -EINVAL;

	*rest = span_skip(*rest, len);
	*part = value;
	return 0;
}

static int skip_point(struct span *rest)
{
	if (!rest->len || rest->ptr[0] != '.')
		return -EINVAL;

	*rest = span_skip(*rest, 1);
	return 0;
}

int version_parse(struct span text, unsigned *version)
{
	unsigned major, minor, patch;

	if (parse_part(&text, &major) || skip_point(&text) ||
	    parse_part(&text, &minor) || skip_point(&text) ||
	    parse_part(&text, &patch))
		return -EINVAL;
	if (text.len && text.ptr[0] == '.')
		return -EINVAL;

	*version = VERSION(major, minor, patch);
	return 0;
}

void version_format(unsigned version, char out[VERSION_TEXT_CAP])
{
	(void)snprintf(out, VERSION_TEXT_CAP, "%u.%u.%u",
		       version / 1000000u % 1000u, version / 1000u % 1000u,
		       version % 1000u);
}

/* Run "program --version" with its output in *fdp. */
static int start(const char *program, pid_t *pidp, int *fdp)
{
	posix_spawn_file_actions_t actions;
	char *argv[] = {(char *)(uintptr_t)program,
			(char *)(uintptr_t) "--version", NULL};
	int fds[2];
	int err;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	err = -posix_spawn_file_actions_init(&actions);
	if (err)
		goto fail;

	err = -posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	if (!err)
		err = -posix_spawn_file_actions_addopen(
			&actions, 2, "/dev/null", O_WRONLY, 0);
	if (!err)
		err = -posix_spawn_file_actions_addopen(
			&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!err)
		err = -posix_spawnp(pidp, program, &actions, NULL, argv,
				    environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (err)
		goto fail;

	(void)close(fds[1]);
	*fdp = fds[0];
	return 0;

fail:
	(void)close(fds[0]);
	(void)close(fds[1]);
	return err;
}

/* What comes out of fd until its end, at most cap bytes of it; a coturn that
 * takes --version for a reason to serve would never end. */
static ssize_t read_answer(int fd, char *out, size_t cap)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	size_t len = 0;

	while (len < cap) {
		ssize_t n;

		if (poll(&poll_fd, 1, DETECT_TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		n = read(fd, out + len, cap - len);
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* The version is the first line that is one, alone. */
static int find_version(struct span text, unsigned *version)
{
	struct span line;

	while (span_next_item(&text, '\n', &line)) {
		if (!version_parse(line, version))
			return 0;
	}
	return -EPROTO;
}

int version_detect(const char *program, unsigned *version)
{
	char answer[4096];
	ssize_t len;
	pid_t pid = 0;
	int fd = -1;
	int err;

	err = start(program, &pid, &fd);
	if (err)
		return err;

	len = read_answer(fd, answer, sizeof(answer));
	(void)close(fd);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	if (len < 0)
		return (int)len;
	return find_version(span_of(answer, (size_t)len), version);
}
