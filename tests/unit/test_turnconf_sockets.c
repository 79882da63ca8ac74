/* test_turnconf_sockets.c: the kernel's tables of sockets, line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "turnconf/address.h"
#include "turnconf/sockets.h"

/* As a little-endian machine writes them. */
static const char udp_own[] =
	"  437: 0A040808:0D96 00000000:0000 07 00000000:00000000 00:00000000 "
	"00000000     0        0 26019 2 0000000000000000 0";
static const char udp_all[] =
	" 1437: 00000000:0D96 00000000:0000 07 00000000:00000000 00:00000000";
static const char tcp_listening[] =
	"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000";
static const char tcp_connected[] =
	"   1: 0100007F:1F90 0100007F:8F02 01 00000000:00000000 00:00000000";
static const char udp6_own[] =
	"  12: 50140A2A000000000000000010000000:0D96 "
	"00000000000000000000000000000000:0000 07 00000000:00000000";
static const char tcp6_all[] =
	"   0: 00000000000000000000000000000000:1F90 "
	"00000000000000000000000000000000:0000 0A 00000000:00000000";

static const struct {
	const char *line;
	enum sockets_protocol protocol;
	const char *address;
	bool takes;
} cases[] = {
	{udp_own, SOCKETS_UDP, "8.8.4.10:3478", true},
	{udp_own, SOCKETS_UDP, "8.8.4.10:3479", false},
	{udp_own, SOCKETS_UDP, "8.8.4.11:3478", false},
	{udp_own, SOCKETS_UDP, "[2a0a:1450::10]:3478", false},
	{udp_own, SOCKETS_TCP, "8.8.4.10:3478", false},
	{udp_all, SOCKETS_UDP, "8.8.4.10:3478", true},
	{udp_all, SOCKETS_UDP, "[::1]:3478", false},
	{tcp_listening, SOCKETS_TCP, "127.0.0.1:8080", true},
	{tcp_listening, SOCKETS_TCP, "8.8.4.10:8080", false},
	{tcp_connected, SOCKETS_TCP, "127.0.0.1:8080", false},
	{udp6_own, SOCKETS_UDP, "[2a0a:1450::10]:3478", true},
	{udp6_own, SOCKETS_UDP, "[2a0a:1450::11]:3478", false},
	{tcp6_all, SOCKETS_TCP, "127.0.0.1:8080", true},
	{tcp6_all, SOCKETS_TCP, "[::1]:8080", true},
	{"  sl  local_address rem_address   st tx_queue", SOCKETS_UDP,
	 "8.8.4.10:3478", false},
	{"", SOCKETS_UDP, "8.8.4.10:3478", false},
	{"  437: 0A040808:0D", SOCKETS_UDP, "8.8.4.10:3478", false},
	{"  437: 0A04080", SOCKETS_UDP, "8.8.4.10:3478", false},
};

static void lines_say_who_takes_what(void **state)
{
	(void)state;
	if (htonl(1) == 1)
		skip(); /* the lines above are another machine's */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sockaddr_storage address;

		assert_int_equal(address_parse_port(span_from(cases[i].address),
						    &address),
				 0);
		if (sockets_line_takes(span_from(cases[i].line),
				       cases[i].protocol,
				       &address) != cases[i].takes)
			fail_msg("case %zu: %s", i, cases[i].address);
	}
}

static void a_port_is_open_as_long_as_its_socket(void **state)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(address_parse(SPAN("127.0.0.1"), 0, &address), 0);
	assert_int_equal(
		bind(fd, (struct sockaddr *)&address, address_length(&address)),
		0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(sockets_is_open(SOCKETS_UDP, &address), 1);
	assert_int_equal(close(fd), 0);
	assert_int_equal(sockets_is_open(SOCKETS_UDP, &address), 0);
}

static void addresses_come_back_as_they_went(void **state)
{
	static const char *const good[] = {"127.0.0.1:80", "[::1]:65535",
					   "[2001:db8::5]:1"};
	static const char *const bad[] = {"",
					  "127.0.0.1",
					  "127.0.0.1:",
					  "127.0.0.1:65536",
					  "127.0.1:80",
					  "[::1]",
					  "name:80",
					  ":80",
					  "127.0.0.1:-1"};
	struct sockaddr_storage address;
	char text[ADDRESS_CAP];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(
			address_parse_port(span_from(good[i]), &address), 0);
		address_format(&address, text);
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(
			address_parse_port(span_from(bad[i]), &address),
			-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_say_who_takes_what),
		cmocka_unit_test(a_port_is_open_as_long_as_its_socket),
		cmocka_unit_test(addresses_come_back_as_they_went),
	};

	return cmocka_run_group_tests_name("turnconf sockets", tests, NULL,
					   NULL);
}
