/* proc.c: what another process has used: CPU time, instructions, memory. */
#include "proc.h"

#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#define SETTLE_STEP_MS 50
#define SETTLE_STEPS_MAX 100
#define SETTLE_QUIET_STEPS 4
#define SETTLE_QUIET_NS 500000

typedef uint64_t(thread_fn)(pid_t pid, pid_t thread, void *arg);

/* Read a small file of /proc as text. Returns 0 or a negative errno. */
static int read_text(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
	return 0;
}

/* Add up fn over the threads of pid. */
static uint64_t sum_threads(pid_t pid, thread_fn *fn, void *arg)
{
	char path[64];
	struct dirent *entry;
	uint64_t sum = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		die("%s: %s (has the server died?)", path, strerror(errno));

	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			sum += fn(pid, (pid_t)strtol(entry->d_name, NULL, 10),
				  arg);
	closedir(dir);
	return sum;
}

/* The first number of schedstat. */
static uint64_t thread_cpu_ns(pid_t pid, pid_t thread, void *arg)
{
	char path[64];
	char text[128];

	(void)arg;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)pid,
		 (int)thread);
	if (read_text(path, text, sizeof(text)) < 0)
		return 0; /* the thread has just ended */
	return strtoull(text, NULL, 10);
}

uint64_t proc_cpu_ns(pid_t pid)
{
	return sum_threads(pid, thread_cpu_ns, NULL);
}

/* cpu  user nice system idle iowait irq softirq steal ... */
uint64_t proc_machine_ns(void)
{
	char text[256];
	char *at = text + strlen("cpu");
	uint64_t ticks = 0;

	if (read_text("/proc/stat", text, sizeof(text)) < 0)
		die("/proc/stat: %s", strerror(errno));
	for (int i = 0; i < 8; i++) {
		uint64_t number = strtoull(at, &at, 10);

		if (i != 3 && i != 4)
			ticks += number;
	}
	return ticks * (1000000000U / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* The number behind a name, in kB. */
static uint64_t find_kb(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	if (!at)
		die("smaps_rollup has no %s", name);
	return strtoull(at + strlen(name), NULL, 10);
}

uint64_t proc_anonymous_bytes(pid_t pid)
{
	char path[64];
	char text[4096];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	err = read_text(path, text, sizeof(text));
	if (err)
		die("%s: %s", path, strerror(-err));
	return find_kb(text, "\nAnonymous:") * 1024;
}

/* Does the process, its first thread, want nothing? */
static int is_sleeping(pid_t pid)
{
	char path[64];
	char text[512];
	const char *after_name;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_text(path, text, sizeof(text)) < 0)
		die("%s: has the server died?", path);
	after_name = strrchr(text, ')');
	return after_name && strncmp(after_name, ") S", 3) == 0;
}

void proc_settle(pid_t pid)
{
	const struct timespec step = {0, SETTLE_STEP_MS * 1000000L};
	uint64_t before = proc_cpu_ns(pid);
	int quiet = 0;

	for (int i = 0; i < SETTLE_STEPS_MAX; i++) {
		uint64_t now;

		nanosleep(&step, NULL);
		now = proc_cpu_ns(pid);
		quiet = now - before < SETTLE_QUIET_NS && is_sleeping(pid)
				? quiet + 1
				: 0;
		if (quiet == SETTLE_QUIET_STEPS)
			return;
		before = now;
	}
}

static uint64_t thread_counter_open(pid_t pid, pid_t thread, void *arg)
{
	struct proc_counter *counter = arg;
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	long fd;

	(void)pid;
	if (counter->fds_count == sizeof(counter->fds) / sizeof(int))
		die("the server has too many threads to count them all");

	fd = syscall(SYS_perf_event_open, &attr, thread, -1, -1, 0);
	if (fd < 0)
		return 1;
	counter->fds[counter->fds_count++] = (int)fd;
	return 0;
}

int proc_counter_open(struct proc_counter *counter, pid_t pid)
{
	memset(counter, 0, sizeof(*counter));
	if (sum_threads(pid, thread_counter_open, counter) == 0)
		return 0;

	for (unsigned i = 0; i < counter->fds_count; i++)
		close(counter->fds[i]);
	counter->fds_count = 0;
	return -ENOTSUP;
}

uint64_t proc_counter_read(const struct proc_counter *counter)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < counter->fds_count; i++) {
		uint64_t value;

		if (read(counter->fds[i], &value, sizeof(value)) !=
		    sizeof(value))
			die("reading a counter: %s", strerror(errno));
		sum += value;
	}
	return sum;
}
