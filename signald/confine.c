/* confine.c: what the process gives up before it speaks to strangers. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "confine.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SANITIZERS true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SANITIZERS true
#endif
#endif
#ifndef HAS_SANITIZERS
#define HAS_SANITIZERS false
#endif

#define SOCKET_TYPE_BITS 0xf /* beside SOCK_NONBLOCK and SOCK_CLOEXEC */

void confine_memory(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	if (!HAS_SANITIZERS)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* --- the user --- */

/* Keep these rights of root, where they are there, and no others: a container
 * may have been left without some. */
static int keep_rights(unsigned rights)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	memset(data, 0, sizeof(data));
	if (rights && syscall(SYS_capget, &header, data))
		return -errno;
	rights &= data[0].permitted;
	memset(data, 0, sizeof(data));
	data[0].effective = data[0].permitted = rights;
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static int switch_to(const struct passwd *user)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) ||
	    initgroups(user->pw_name, user->pw_gid) ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid))
		return -errno;
	return keep_rights(1u << CAP_NET_BIND_SERVICE);
}

int confine_check_user(const char *name, char error[CONFINE_MAX_ERROR])
{
	if (getpwnam(name))
		return 0;
	(void)snprintf(error, CONFINE_MAX_ERROR,
		       "there is no user of this name on this host");
	return -ENOENT;
}

int confine_become(const char *name, char error[CONFINE_MAX_ERROR])
{
	const struct passwd *user;
	int err = *name ? confine_check_user(name, error) : 0;

	if (err || !*name)
		return err;
	user = getpwnam(name);
	if (!user)
		return -ENOENT;
	if (geteuid() == user->pw_uid)
		return 0;
	if (geteuid()) {
		(void)snprintf(error, CONFINE_MAX_ERROR,
			       "only root can become another user; start "
			       "signald as root or as that user");
		return -EPERM;
	}
	err = switch_to(user);
	if (err == -EPERM)
		(void)snprintf(error, CONFINE_MAX_ERROR,
			       "%s: root needs the capabilities SETUID and "
			       "SETGID for it, which a container may lack",
			       strerror(-err));
	else if (err)
		(void)snprintf(error, CONFINE_MAX_ERROR, "%s", strerror(-err));
	/* It forbids it again where it was forbidden before. */
	confine_memory();
	return err;
}

int confine_drop_rights(void)
{
	/* Who was root and has become nobody else stays it. */
	int err = geteuid() ? keep_rights(0) : 0;

	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	return err;
}

/* --- system calls --- */

/* Whatever their arguments. Those of libc, libevent, OpenSSL, hiredis and
 * libmaxminddb, and of looking names up in libc's ways. */
static const int allowed[] = {
	/* sockets that there are, and new ones of the kinds below */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(close),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(sendfile),
	/* waiting */
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(restart_syscall),
	/* files: configuration, certificates, state, pages */
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(fstatfs),
	SCMP_SYS(statfs),
	SCMP_SYS(lseek),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(fchmod),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(memfd_create),
	SCMP_SYS(flock),
	SCMP_SYS(fadvise64),
	SCMP_SYS(umask),
	/* memory; mmap and mprotect are below */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	/* threads; clone is below */
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(gettid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* signals; to itself alone, by tgkill below */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	/* who, when, how much */
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit),
	SCMP_SYS(times),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
};

/* With these arguments alone; rules of one call add to each other. */
struct rule {
	int call;
	unsigned args_count;
	struct scmp_arg_cmp args[2];
};

#define ARG(number, mask, value)                           \
	{                                                  \
		.arg = (number), .op = SCMP_CMP_MASKED_EQ, \
		.datum_a = (scmp_datum_t)(mask),           \
		.datum_b = (scmp_datum_t)(value)           \
	}
#define WHOLE 0xffffffffu
#define SOCKET(domain, type)                                                  \
	{                                                                     \
		SCMP_SYS(socket), 2,                                          \
		{                                                             \
			ARG(0, WHOLE, domain), ARG(1, SOCKET_TYPE_BITS, type) \
		}                                                             \
	}
#define ONE(call, number, mask, value)           \
	{                                        \
		SCMP_SYS(call), 1,               \
		{                                \
			ARG(number, mask, value) \
		}                                \
	}

static const struct rule rules[] = {
	SOCKET(AF_INET, SOCK_STREAM),
	SOCKET(AF_INET, SOCK_DGRAM),
	SOCKET(AF_INET6, SOCK_STREAM),
	SOCKET(AF_INET6, SOCK_DGRAM),
	SOCKET(AF_UNIX, SOCK_STREAM),
	SOCKET(AF_UNIX, SOCK_DGRAM),
	/* getifaddrs() and getaddrinfo() ask for this host's addresses. */
	{SCMP_SYS(socket),
	 2,
	 {ARG(0, WHOLE, AF_NETLINK), ARG(2, WHOLE, NETLINK_ROUTE)}},
	ONE(socketpair, 0, WHOLE, AF_UNIX),
	/* Memory is writable or executable, and stays what it was mapped as.
	 * Libraries may be loaded, such as those of libc for names: so a file
	 * that was written, or made in memory, can still be mapped as code. */
	ONE(mmap, 2, PROT_EXEC, 0),
	{SCMP_SYS(mmap),
	 2,
	 {ARG(2, PROT_WRITE | PROT_EXEC, PROT_EXEC), ARG(3, MAP_ANONYMOUS, 0)}},
	ONE(mprotect, 2, PROT_EXEC, 0),
	/* Threads, no processes. */
	ONE(clone, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM),
	ONE(ioctl, 1, WHOLE, FIONBIO),
	ONE(ioctl, 1, WHOLE, FIONREAD),
	ONE(ioctl, 1, WHOLE, TCGETS),
	ONE(prctl, 0, WHOLE, PR_SET_NAME),
	/* To read limits, not to set them. */
	{SCMP_SYS(prlimit64), 1, {{.arg = 2, .op = SCMP_CMP_EQ, .datum_a = 0}}},
};

static int add_rules(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp to_itself = ARG(0, WHOLE, getpid());
	int err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW,
					 SCMP_SYS(tgkill), 1, &to_itself);

	for (size_t i = 0; !err && i < sizeof(allowed) / sizeof(*allowed); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; !err && i < sizeof(rules) / sizeof(*rules); i++)
		err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW,
					     rules[i].call, rules[i].args_count,
					     rules[i].args);
	/* Its flags lie in memory, which a filter cannot read. libc makes its
	 * threads by clone() then. */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
				       SCMP_SYS(clone3), 0);
	return err;
}

/* As libc's fork() does it. What is forked keeps the filter. */
static int allow_fork(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp plain = ARG(
		0, WHOLE, CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD);

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone),
				      1, &plain);
}

int confine_calls(enum confine_processes processes)
{
	scmp_filter_ctx filter;
	int err;

	if (HAS_SANITIZERS)
		return -ENOTSUP;
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	err = add_rules(filter);
	if (!err && processes == CONFINE_MAY_FORK)
		err = allow_fork(filter);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}
