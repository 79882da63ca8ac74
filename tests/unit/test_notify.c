/* test_notify.c: what the service manager is told, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/notify.h"

static int manager = -1;
static char name[64]; /* of its socket, as NOTIFY_SOCKET has it */
static char heard[2048];

static void clear_environment(void)
{
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

static void listen_at(const char *format)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t len;

	clear_environment();
	(void)snprintf(name, sizeof(name), format, (int)getpid());
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			  strlen(name));
	memcpy(at.sun_path, name, strlen(name));
	if (*name == '@')
		at.sun_path[0] = '\0';
	else
		len++;
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&at, len), 0);
	(void)setenv("NOTIFY_SOCKET", name, 1);
}

static void stop_listening(void)
{
	(void)close(manager);
	if (*name == '/')
		(void)unlink(name);
	clear_environment();
}

/* The next message; "" when there is none. */
static const char *hear(void)
{
	ssize_t len = recv(manager, heard, sizeof(heard) - 1, 0);

	heard[len < 0 ? 0 : len] = '\0';
	return heard;
}

static void hears_a_message(void)
{
	struct notify notify;

	assert_int_equal(notify_init(&notify), 0);
	assert_true(notify.is_on);
	assert_int_equal(notify_tell(&notify, "READY=1\n", "all is well"), 0);
	assert_string_equal(hear(), "READY=1\nSTATUS=all is well\n");
	assert_int_equal(notify_tell(&notify, "STOPPING=1\n", NULL), 0);
	assert_string_equal(hear(), "STOPPING=1\n");
	notify_clear(&notify);
	assert_int_equal(notify_tell(&notify, "READY=1\n", NULL), 0);
	assert_string_equal(hear(), "");
}

static void a_manager_hears_by_a_path_and_by_an_abstract_name(void **state)
{
	(void)state;
	listen_at("/tmp/notify-test-%d");
	hears_a_message();
	stop_listening();
	listen_at("@notify-test-%d");
	hears_a_message();
	stop_listening();
}

static void without_a_manager_nothing_is_told(void **state)
{
	struct notify notify;

	(void)state;
	clear_environment();
	/* Which is none of ours: it goes with NOTIFY_SOCKET. */
	(void)setenv("WATCHDOG_USEC", "1000000", 1);
	assert_int_equal(notify_init(&notify), 0);
	assert_false(notify.is_on);
	assert_int_equal(notify.keep_alive_ms, 0);
	assert_int_equal(notify_tell(&notify, "READY=1\n", "x"), 0);
	assert_int_equal(notify_tell_reloading(&notify), 0);
	notify_keep_alive(&notify, 1000);
	notify_clear(&notify);
	clear_environment();
}

static void what_is_no_socket_is_refused(void **state)
{
	static const char *const bad[] = {"", "/", "@", "relative",
					  "vsock:2:1234"};
	char long_name[200];
	struct notify notify;

	(void)state;
	clear_environment();
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		(void)setenv("NOTIFY_SOCKET", bad[i], 1);
		assert_int_equal(notify_init(&notify), -EINVAL);
		assert_false(notify.is_on);
	}
	memset(long_name, 'x', sizeof(long_name));
	long_name[0] = '/';
	long_name[sizeof(long_name) - 1] = '\0';
	(void)setenv("NOTIFY_SOCKET", long_name, 1);
	assert_int_equal(notify_init(&notify), -EINVAL);
	/* Nobody there: the rest goes on, and can say so. */
	(void)setenv("NOTIFY_SOCKET", "/tmp/there-is-nobody-here", 1);
	assert_int_equal(notify_init(&notify), 0);
	assert_int_equal(notify_tell(&notify, "READY=1\n", NULL), -ENOENT);
	notify_clear(&notify);
	clear_environment();
}

static void a_status_stays_one_line_and_is_cut(void **state)
{
	char text[2 * NOTIFY_MAX_STATUS];
	struct notify notify;

	(void)state;
	listen_at("@notify-test-%d");
	assert_int_equal(notify_init(&notify), 0);
	assert_int_equal(notify_tell(&notify, "", "one\nWATCHDOG=trigger\t."),
			 0);
	assert_string_equal(hear(), "STATUS=one WATCHDOG=trigger .\n");
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(notify_tell(&notify, "READY=1\n", text), 0);
	assert_int_equal(strlen(hear()),
			 strlen("READY=1\nSTATUS=\n") + NOTIFY_MAX_STATUS);
	notify_clear(&notify);
	stop_listening();
}

static void a_reload_says_when_it_began(void **state)
{
	unsigned long long usec;
	struct notify notify;

	(void)state;
	listen_at("@notify-test-%d");
	assert_int_equal(notify_init(&notify), 0);
	assert_int_equal(notify_tell_reloading(&notify), 0);
	assert_int_equal(
		sscanf(hear(), "RELOADING=1\nMONOTONIC_USEC=%llu\n", &usec), 1);
	assert_true(usec > 0);
	notify_clear(&notify);
	stop_listening();
}

static void the_watchdog_is_answered_twice_in_its_time(void **state)
{
	struct notify notify;

	(void)state;
	listen_at("@notify-test-%d");
	(void)setenv("WATCHDOG_USEC", "3000000", 1);
	assert_int_equal(notify_init(&notify), 0);
	assert_int_equal(notify.keep_alive_ms, 1500);
	notify_keep_alive(&notify, 10000);
	assert_string_equal(hear(), "WATCHDOG=1\n");
	notify_keep_alive(&notify, 11499);
	assert_string_equal(hear(), "");
	notify_keep_alive(&notify, 11500);
	assert_string_equal(hear(), "WATCHDOG=1\n");
	notify_clear(&notify);
	stop_listening();
}

static void a_sign_of_life_that_found_no_room_is_given_again(void **state)
{
	struct notify notify;

	(void)state;
	listen_at("@notify-test-%d");
	(void)setenv("WATCHDOG_USEC", "2000000", 1);
	assert_int_equal(notify_init(&notify), 0);
	while (sendto(notify.fd, "x", 1, MSG_DONTWAIT,
		      (struct sockaddr *)&notify.to, notify.to_len) == 1)
		;
	assert_int_equal(notify_mention(&notify, "", "serving"), -EAGAIN);
	notify_keep_alive(&notify, 5000);
	while (*hear())
		assert_string_equal(heard, "x");
	notify_keep_alive(&notify, 5100);
	assert_string_equal(hear(), "WATCHDOG=1\n");
	notify_clear(&notify);
	stop_listening();
}

static void a_watchdog_of_another_process_is_left_alone(void **state)
{
	struct notify notify;
	char pid[32];

	(void)state;
	listen_at("@notify-test-%d");
	(void)setenv("WATCHDOG_USEC", "2000000", 1);
	(void)setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_init(&notify), 0);
	assert_int_equal(notify.keep_alive_ms, 0);
	notify_clear(&notify);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_init(&notify), 0);
	assert_int_equal(notify.keep_alive_ms, 1000);
	notify_clear(&notify);
	(void)setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(notify_init(&notify), -EINVAL);
	stop_listening();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_manager_hears_by_a_path_and_by_an_abstract_name),
		cmocka_unit_test(without_a_manager_nothing_is_told),
		cmocka_unit_test(what_is_no_socket_is_refused),
		cmocka_unit_test(a_status_stays_one_line_and_is_cut),
		cmocka_unit_test(a_reload_says_when_it_began),
		cmocka_unit_test(the_watchdog_is_answered_twice_in_its_time),
		cmocka_unit_test(
			a_sign_of_life_that_found_no_room_is_given_again),
		cmocka_unit_test(a_watchdog_of_another_process_is_left_alone),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
