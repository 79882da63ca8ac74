/* test_proxy.c: the PROXY header is the specification's, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "codec/proxy.h"

static const char signature[] = "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54"
				"\x0a";

static struct sockaddr_storage v4(const char *ip, uint16_t port)
{
	struct sockaddr_storage addr = {0};
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET, ip, &in.sin_addr), 1);
	memcpy(&addr, &in, sizeof(in));
	return addr;
}

static struct sockaddr_storage v6(const char *ip, uint16_t port)
{
	struct sockaddr_storage addr = {0};
	struct sockaddr_in6 in = {.sin6_family = AF_INET6,
				  .sin6_port = htons(port)};

	assert_int_equal(inet_pton(AF_INET6, ip, &in.sin6_addr), 1);
	memcpy(&addr, &in, sizeof(in));
	return addr;
}

static void a_client_over_ipv4(void **state)
{
	struct sockaddr_storage client = v4("192.0.2.1", 0x1234);
	struct sockaddr_storage server = v4("203.0.113.7", 443);
	char out[PROXY_MAX_LEN];

	(void)state;
	assert_int_equal(proxy_write_header(out, &client, &server), 28);
	assert_memory_equal(out, signature, 12);
	assert_memory_equal(out + 12, "\x21\x11\x00\x0c", 4);
	assert_memory_equal(out + 16, "\xc0\x00\x02\x01\xcb\x00\x71\x07", 8);
	assert_memory_equal(out + 24, "\x12\x34\x01\xbb", 4);
}

static void a_client_over_ipv6(void **state)
{
	struct sockaddr_storage client = v6("2001:db8::1", 0x1234);
	struct sockaddr_storage server = v6("2001:db8::2:3", 443);
	char out[PROXY_MAX_LEN];

	(void)state;
	assert_int_equal(proxy_write_header(out, &client, &server), 52);
	assert_memory_equal(out, signature, 12);
	assert_memory_equal(out + 12, "\x21\x21\x00\x24", 4);
	assert_memory_equal(out + 16,
			    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	assert_memory_equal(out + 32,
			    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\2\0\3", 16);
	assert_memory_equal(out + 48, "\x12\x34\x01\xbb", 4);
}

static void two_families_are_no_connection(void **state)
{
	struct sockaddr_storage client = v4("192.0.2.1", 1);
	struct sockaddr_storage server = v6("2001:db8::1", 2);
	struct sockaddr_storage other = {.ss_family = AF_UNIX};
	char out[PROXY_MAX_LEN];

	(void)state;
	assert_int_equal(proxy_write_header(out, &client, &server),
			 -EAFNOSUPPORT);
	assert_int_equal(proxy_write_header(out, &other, &other),
			 -EAFNOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_over_ipv4),
		cmocka_unit_test(a_client_over_ipv6),
		cmocka_unit_test(two_families_are_no_connection),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
