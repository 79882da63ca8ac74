/* test_confine.c: what is refused behind the filter of system calls, and what
 * must go on working there. Each case runs in a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/library.h"
#include "confine.h"

#define NO_FILTER 200 /* exit code of a build whose sanitizers forbid it */

struct attempt {
	const char *what;
	int (*run)(void); /* 0, or the errno it failed with */
};

static int said(long result)
{
	return result < 0 ? errno : 0;
}

/* --- refused --- */

static int start_program(void)
{
	char program[] = "/bin/true";
	char *const argv[] = {program, NULL};

	return said(execv(argv[0], argv));
}

static int start_process(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return said(pid);
}

static int be_traced(void)
{
	return said(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int trace_another(void)
{
	return said(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int signal_another(void)
{
	return said(kill(getppid(), 0));
}

static int signal_thread_of_another(void)
{
	return said(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int open_firewall(void)
{
	return said(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
}

static int open_packets(void)
{
	return said(socket(AF_PACKET, SOCK_RAW, 0));
}

static int open_raw(void)
{
	return said(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static int listen_anew(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1 : said(listen(fd, 1));
}

static int map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		       ? errno
		       : 0;
}

static int write_code(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE,
		    fd, 0) == MAP_FAILED
		       ? errno
		       : 0;
}

static int turn_data_to_code(void)
{
	static char page[8192];
	size_t at = (size_t)page;

	return said(mprotect((char *)((at + 4095) / 4096 * 4096), 4096,
			     PROT_READ | PROT_EXEC));
}

static int allow_core(void)
{
	const struct rlimit some = {1, 1};

	return said(setrlimit(RLIMIT_CORE, &some));
}

static int be_dumpable(void)
{
	return said(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int become_root(void)
{
	return said(setuid(0));
}

static int make_room(void)
{
	return said(chroot("/"));
}

static const struct attempt refused[] = {
	{"execve", start_program},
	{"fork", start_process},
	{"ptrace of itself", be_traced},
	{"ptrace of another", trace_another},
	{"kill", signal_another},
	{"tgkill of another", signal_thread_of_another},
	{"a netfilter socket", open_firewall},
	{"a packet socket", open_packets},
	{"a raw socket", open_raw},
	{"listen", listen_anew},
	{"anonymous executable memory", map_code},
	{"writable executable memory", write_code},
	{"mprotect to executable", turn_data_to_code},
	{"a core limit", allow_core},
	{"being dumpable", be_dumpable},
	{"setuid", become_root},
	{"chroot", make_room},
};

/* --- allowed --- */

static void *say_yes(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

static int start_thread(void)
{
	pthread_t thread;
	int yes = 0;
	int err = pthread_create(&thread, NULL, say_yes, &yes);

	if (!err)
		err = pthread_join(thread, NULL);
	return err ? err : !yes;
}

static int look_up(void)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found;
	int err = getaddrinfo("localhost", "80", &hints, &found);

	if (!err)
		freeaddrinfo(found);
	return err;
}

static int write_state(void)
{
	char name[] = "/tmp/signald-confine-XXXXXX", other[64];
	int fd = mkstemp(name);
	int err;

	(void)snprintf(other, sizeof(other), "%s.new", name);
	err = fd < 0 ? errno : said(write(fd, "x", 1));
	if (!err)
		err = said(fsync(fd)) || said(rename(name, other));
	(void)unlink(other);
	return err;
}

static int load_library(void)
{
	double (*cosine)(double);
	const struct library_function functions[] = {{"cos", 0}};

	return -library_load("libm.so.6", functions, 1, &cosine);
}

/* As abort() does. */
static int signal_itself(void)
{
	return said(syscall(SYS_tgkill, getpid(), gettid(), 0));
}

static int open_sockets(void)
{
	return said(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) ||
	       said(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) ||
	       said(socket(AF_UNIX, SOCK_STREAM, 0)) ||
	       said(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
}

static int take_memory(void)
{
	char *bytes = malloc(64 << 20);

	if (!bytes)
		return ENOMEM;
	memset(bytes, 1, 64 << 20);
	free(bytes);
	return 0;
}

static const struct attempt allowed[] = {
	{"a thread", start_thread},
	{"looking names up", look_up},
	{"files of state", write_state},
	{"a library", load_library},
	{"sockets", open_sockets},
	{"memory", take_memory},
	{"signals to itself", signal_itself},
};

/* --- */

/* Run in a process that has given up what signald gives up. */
static int run_as(enum confine_processes processes, int (*run)(void))
{
	pid_t pid = fork();
	int status, err;

	assert_true(pid >= 0);
	if (!pid) {
		confine_memory();
		err = confine_drop_rights();
		if (!err)
			err = confine_calls(processes);
		if (err == -ENOTSUP)
			_exit(NO_FILTER);
		_exit(err ? 255 : run());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int run_confined(int (*run)(void))
{
	return run_as(CONFINE_TO_ONE, run);
}

static void check(const struct attempt *attempts, size_t count, int expected)
{
	for (size_t i = 0; i < count; i++) {
		int err = run_confined(attempts[i].run);

		if (err == NO_FILTER)
			return; /* of the sanitizers */
		if (err != expected)
			fail_msg("%s: %s", attempts[i].what, strerror(err));
	}
}

static void what_signald_does_not_need_is_refused(void **state)
{
	(void)state;
	check(refused, sizeof(refused) / sizeof(*refused), EPERM);
}

/* They would succeed without the filter: it is what refuses them. */
static void without_the_filter_it_would_be_done(void **state)
{
	static int (*const harmless[])(void) = {
		start_process,	listen_anew,
		map_code,	turn_data_to_code,
		be_traced,	open_firewall,
		signal_another, signal_thread_of_another};

	(void)state;
	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (!pid)
			_exit(harmless[i]());
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void a_process_is_started_where_that_is_needed(void **state)
{
	int err = run_as(CONFINE_MAY_FORK, start_process);

	(void)state;
	assert_true(err == 0 || err == NO_FILTER);
	err = run_as(CONFINE_MAY_FORK, start_program);
	assert_true(err == EPERM || err == NO_FILTER);
}

static void what_signald_needs_goes_on(void **state)
{
	(void)state;
	check(allowed, sizeof(allowed) / sizeof(*allowed), 0);
}

static int show_limits(void)
{
	struct rlimit core;

	if (getrlimit(RLIMIT_CORE, &core) || core.rlim_cur || core.rlim_max)
		return 1;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 2 : 0;
}

static int show_limits_confined(void)
{
	confine_memory();
	return show_limits();
}

static void there_is_no_core_dump(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(show_limits_confined());
	assert_int_equal(waitpid(pid, &status, 0), pid);
#ifdef __SANITIZE_ADDRESS__
	/* Its leak check must be able to look. */
	assert_int_equal(WEXITSTATUS(status), 2);
#else
	assert_int_equal(WEXITSTATUS(status), 0);
#endif
}

static void nobody_unknown_can_be_become(void **state)
{
	char why[CONFINE_MAX_ERROR];

	(void)state;
	assert_int_equal(confine_become("no-such-user", why), -ENOENT);
	assert_non_null(strstr(why, "no user of this name"));
	assert_int_equal(confine_become("", why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_signald_does_not_need_is_refused),
		cmocka_unit_test(without_the_filter_it_would_be_done),
		cmocka_unit_test(a_process_is_started_where_that_is_needed),
		cmocka_unit_test(what_signald_needs_goes_on),
		cmocka_unit_test(there_is_no_core_dump),
		cmocka_unit_test(nobody_unknown_can_be_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
