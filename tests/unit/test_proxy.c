/* test_proxy.c: the PROXY header is the specification's, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "codec/proxy.h"
#include "guard.h"

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

/* --- reading --- */

static struct proxy_client client;

/* Every shorter piece wants more, and every longer one is read the same. */
static void must_read(const void *bytes, size_t len)
{
	char *with_more = malloc(len + 3);

	for (size_t i = 0; i < len; i++) {
		char *copy = guard_copy(bytes, i);

		assert_int_equal(proxy_read_header(span_of(copy, i), &client),
				 0);
		guard_free(copy, i);
	}
	memcpy(with_more, bytes, len);
	memcpy(with_more + len, "GET", 3);
	assert_int_equal(
		proxy_read_header(span_of(with_more, len + 3), &client), len);
	free(with_more);
}

static void must_refuse(const void *bytes, size_t len)
{
	char *copy = guard_copy(bytes, len);

	assert_int_equal(proxy_read_header(span_of(copy, len), &client),
			 -EPROTO);
	guard_free(copy, len);
}

static void what_is_written_is_read(void **state)
{
	struct sockaddr_storage from4 = v4("192.0.2.1", 0x1234);
	struct sockaddr_storage to4 = v4("203.0.113.7", 443);
	struct sockaddr_storage from6 = v6("2001:db8::1", 0x1234);
	struct sockaddr_storage to6 = v6("2001:db8::2:3", 443);
	char out[PROXY_MAX_LEN];

	(void)state;
	must_read(out, (size_t)proxy_write_header(out, &from4, &to4));
	assert_false(client.is_v6 || client.is_local);
	assert_memory_equal(client.ip, "\xc0\x00\x02\x01", 4);
	assert_int_equal(client.port, 0x1234);
	must_read(out, (size_t)proxy_write_header(out, &from6, &to6));
	assert_true(client.is_v6);
	assert_memory_equal(client.ip, "\x20\x01\x0d\xb8", 4);
	assert_int_equal(client.ip[15], 1);
	assert_int_equal(client.port, 0x1234);
}

static void version_2_may_have_more_behind(void **state)
{
	char bytes[16 + 12 + 7] = {0};

	(void)state;
	memcpy(bytes, signature, 12);
	memcpy(bytes + 12, "\x21\x11\x00\x13", 4);
	memcpy(bytes + 16, "\x0a\x00\x00\x01", 4);
	must_read(bytes, sizeof(bytes));
	assert_memory_equal(client.ip, "\x0a\x00\x00\x01", 4);
	memcpy(bytes + 12, "\x20\x00\x00\x13", 4);
	must_read(bytes, sizeof(bytes));
	assert_true(client.is_local);
	memcpy(bytes + 12, "\x21\x00\x00\x13", 4);
	must_read(bytes, sizeof(bytes));
	assert_true(client.is_local);
}

static void version_1_is_a_line(void **state)
{
#define LINE(text) text "\r\n", sizeof(text "\r\n") - 1
	(void)state;
	must_read(LINE("PROXY TCP4 192.0.2.1 203.0.113.7 4660 443"));
	assert_memory_equal(client.ip, "\xc0\x00\x02\x01", 4);
	assert_int_equal(client.port, 4660);
	must_read(LINE("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535"));
	assert_true(client.is_v6);
	assert_int_equal(client.port, 1);
	must_read(LINE("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"));
	must_read(LINE("PROXY UNKNOWN"));
	assert_true(client.is_local);
	must_read(LINE("PROXY UNKNOWN ffff:f...f:ffff whatever 65535"));
	assert_true(client.is_local);
}

static void what_is_no_header_is_refused(void **state)
{
	static const char *const lines[] = {
		"GET / HTTP/1.1\r\n",
		"P2",
		"proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
		"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n",
		"PROXY \r\n",
		"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
		"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
		"PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n",
		"PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n",
		"PROXY TCP4 ::1 2.2.2.2 1 2\r\n",
		"PROXY TCP6 1.1.1.1 ::1 1 2\r\n",
		"PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n",
		"\n",
	};
	char bytes[16 + 12] = {0};
	char endless[200];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		must_refuse(lines[i], strlen(lines[i]));
	memset(endless, 'a', sizeof(endless));
	memcpy(endless, "PROXY UNKNOWN ", 14);
	must_refuse(endless, sizeof(endless));
	must_refuse(endless, 107);
	assert_int_equal(proxy_read_header(span_of(endless, 106), &client), 0);
	memcpy(bytes, signature, 12);
	memcpy(bytes + 12, "\x31\x11\x00\x0c", 4); /* version 3 */
	must_refuse(bytes, sizeof(bytes));
	memcpy(bytes + 12, "\x21\x12\x00\x0c", 4); /* UDP */
	must_refuse(bytes, sizeof(bytes));
	memcpy(bytes + 12, "\x21\x11\x00\x0b", 4); /* too short for IPv4 */
	must_refuse(bytes, sizeof(bytes));
	memcpy(bytes + 12, "\x21\x11\x04\x00", 4); /* 1040 bytes in all */
	must_refuse(bytes, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(version_2_may_have_more_behind),
		cmocka_unit_test(version_1_is_a_line),
		cmocka_unit_test(what_is_no_header_is_refused),
		cmocka_unit_test(a_client_over_ipv4),
		cmocka_unit_test(a_client_over_ipv6),
		cmocka_unit_test(two_families_are_no_connection),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
