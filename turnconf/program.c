/* program.c: runs another program and takes down what it prints. */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SILENCE_TIMEOUT_MS 5000
#define REAP_EVERY_MS 5

/* With its output in *fdp. */
static int start(const char *const *argv, pid_t *pidp, int *fdp)
{
	posix_spawn_file_actions_t actions;
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
		err = -posix_spawnp(pidp, argv[0], &actions, NULL,
				    (char *const *)(uintptr_t)argv, environ);
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

/* What comes out of fd until its end, at most cap bytes of it. */
static ssize_t read_output(int fd, char *out, size_t cap)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	size_t len = 0;

	while (len < cap) {
		ssize_t n;

		if (poll(&poll_fd, 1, SILENCE_TIMEOUT_MS) <= 0)
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

/* Who has closed its output is about to end; others are ended. */
static void reap(pid_t pid, bool is_ending)
{
	const struct timespec pause = {.tv_nsec = REAP_EVERY_MS * 1000000L};

	for (int ms = 0; is_ending && ms < SILENCE_TIMEOUT_MS;
	     ms += REAP_EVERY_MS) {
		if (waitpid(pid, NULL, WNOHANG))
			return;
		(void)nanosleep(&pause, NULL);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

ssize_t program_run(const char *const *argv, char *out, size_t cap, pid_t *pidp)
{
	ssize_t len;
	pid_t pid = 0;
	int fd = -1;
	int err;

	err = start(argv, &pid, &fd);
	if (err)
		return err;

	len = read_output(fd, out, cap);
	(void)close(fd);
	reap(pid, len >= 0 && (size_t)len < cap);
	if (pidp)
		*pidp = pid;
	return len;
}
