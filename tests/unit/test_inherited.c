/* test_inherited.c: which sockets of who started us are taken, for what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/inherited.h"

#define GIVEN 2

static char why[INHERITED_MAX_ERROR];

static void set_number(const char *variable, long number)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%ld", number);
	(void)setenv(variable, text, 1);
}

/* In a process of its own: descriptors 3 and up are this test's to set. */
static void run_apart(void (*test)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		for (int fd = INHERITED_FIRST_FD; fd < 64; fd++)
			(void)close(fd);
		(void)unsetenv("LISTEN_FDNAMES");
		set_number("LISTEN_PID", getpid());
		test();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("what failed stands above");
}

/* Asserting does not go with a forked process of cmocka. */
#define MUST(what)                                                         \
	do {                                                               \
		if (!(what)) {                                             \
			(void)fprintf(stderr, "# line %d: %s\n", __LINE__, \
				      #what);                              \
			_exit(1);                                          \
		}                                                          \
	} while (0)

static int open_tcp(const char *text, bool listens, struct net_addr *bound)
{
	struct sockaddr_storage at;
	struct net_addr addr;
	socklen_t len;
	int fd;

	MUST(!net_addr_parse(span_from(text), &addr));
	len = net_addr_to(&addr, &at);
	fd = socket(at.ss_family, SOCK_STREAM, 0);
	MUST(!bind(fd, (struct sockaddr *)&at, len));
	MUST(!listens || !listen(fd, 1));
	len = sizeof(at);
	MUST(!getsockname(fd, (struct sockaddr *)&at, &len));
	net_addr_from(bound, (struct sockaddr *)&at);
	return fd;
}

static void take_two(void)
{
	struct net_addr addrs[GIVEN], other;
	const struct inherited_socket *socket;
	struct inherited inherited;
	int fd = -1;

	MUST(open_tcp("127.0.0.1:0", true, &addrs[0]) == 3);
	MUST(open_tcp("127.0.0.1:0", true, &addrs[1]) == 4);
	set_number("LISTEN_FDS", GIVEN);
	(void)setenv("LISTEN_FDNAMES", "web:web-tls", 1);
	MUST(!inherited_init(&inherited, why));
	MUST(inherited.count == GIVEN);
	other = addrs[0];
	other.port = 1;
	MUST(!inherited_take(&inherited, &other, &fd) && fd == -1);
	socket = inherited_take(&inherited, &addrs[1], &fd);
	MUST(socket && fd == 4 && !strcmp(socket->name, "web-tls"));
	MUST(fcntl(4, F_GETFD) & FD_CLOEXEC);
	MUST(fcntl(4, F_GETFL) & O_NONBLOCK);
	MUST(!inherited_take(&inherited, &addrs[1], &fd));
	socket = inherited_left(&inherited);
	MUST(socket && !strcmp(socket->name, "web"));
	MUST(net_addr_is_same(&socket->addr, &addrs[0]));
	inherited_clear(&inherited);
	MUST(fcntl(3, F_GETFD) < 0 && fcntl(4, F_GETFD) >= 0);
	MUST(!inherited_left(&inherited));
}

static void leave_what_is_anothers(void)
{
	struct inherited inherited;
	struct net_addr addr;

	(void)open_tcp("127.0.0.1:0", true, &addr);
	set_number("LISTEN_FDS", 1);
	(void)setenv("LISTEN_PID", "1", 1);
	MUST(!inherited_init(&inherited, why) && !inherited.count);
	(void)unsetenv("LISTEN_PID");
	MUST(!inherited_init(&inherited, why) && !inherited.count);
	set_number("LISTEN_PID", getpid());
	(void)unsetenv("LISTEN_FDS");
	MUST(!inherited_init(&inherited, why) && !inherited.count);
	set_number("LISTEN_FDS", 0);
	MUST(!inherited_init(&inherited, why) && !inherited.count);
}

static void expect_refusal(const char *because)
{
	struct inherited inherited;

	set_number("LISTEN_FDS", 1);
	MUST(inherited_init(&inherited, why) == -EINVAL);
	if (!strstr(why, because))
		(void)fprintf(stderr, "# %s\n", why);
	MUST(strstr(why, because));
	inherited_clear(&inherited);
	(void)close(INHERITED_FIRST_FD);
}

static void refuse_others(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct inherited inherited;
	struct net_addr addr;

	expect_refusal("socket 3: it is not an open socket");
	MUST(open("/dev/null", O_RDONLY) == 3);
	expect_refusal("not an open socket");
	MUST(open_tcp("127.0.0.1:0", false, &addr) == 3);
	expect_refusal("does not listen");
	MUST(socket(AF_INET, SOCK_DGRAM, 0) == 3);
	expect_refusal("not of TCP");
	MUST(socket(AF_UNIX, SOCK_STREAM, 0) == 3);
	MUST(!bind(3, (struct sockaddr *)&at, sizeof(sa_family_t)));
	expect_refusal("not of IPv4 or IPv6");
	(void)setenv("LISTEN_FDNAMES", "x.socket", 1);
	MUST(open_tcp("[::]:0", true, &addr) == 3);
	expect_refusal("socket 3, x.socket: it is of [::] and takes IPv4");
	(void)setenv("LISTEN_FDS", "17", 1);
	MUST(inherited_init(&inherited, why) == -EINVAL);
	MUST(strstr(why, "no number from 0 to 16"));
	(void)setenv("LISTEN_FDS", "many", 1);
	MUST(inherited_init(&inherited, why) == -EINVAL);
}

static void take_one_of_ipv6_alone(void)
{
	const struct sockaddr_in6 at = {.sin6_family = AF_INET6};
	struct inherited inherited;
	const int on = 1;

	MUST(socket(AF_INET6, SOCK_STREAM, 0) == 3);
	MUST(!setsockopt(3, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)));
	MUST(!bind(3, (const struct sockaddr *)&at, sizeof(at)));
	MUST(!listen(3, 1));
	set_number("LISTEN_FDS", 1);
	MUST(!inherited_init(&inherited, why) && inherited.count == 1);
	MUST(inherited.sockets[0].addr.is_v6 && !*inherited.sockets[0].name);
	inherited_clear(&inherited);
}

static void each_socket_goes_to_its_address(void **state)
{
	(void)state;
	run_apart(take_two);
}

static void sockets_of_another_process_are_left_alone(void **state)
{
	(void)state;
	run_apart(leave_what_is_anothers);
}

static void what_cannot_be_served_is_refused_with_a_sentence(void **state)
{
	(void)state;
	run_apart(refuse_others);
}

static void one_of_all_addresses_is_of_ipv6_alone(void **state)
{
	(void)state;
	run_apart(take_one_of_ipv6_alone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_socket_goes_to_its_address),
		cmocka_unit_test(sockets_of_another_process_are_left_alone),
		cmocka_unit_test(
			what_cannot_be_served_is_refused_with_a_sentence),
		cmocka_unit_test(one_of_all_addresses_is_of_ipv6_alone),
	};

	return cmocka_run_group_tests_name("inherited", tests, NULL, NULL);
}
