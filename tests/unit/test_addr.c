/* test_addr.c: addresses from text and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/addr.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void an_address_comes_back_as_it_was_written(void **state)
{
	static const char *const texts[] = {
		"192.0.2.1",   "0.0.0.0", "255.255.255.255",
		"2001:db8::1", "::",	  "::ffff:10.0.0.1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct net_addr addr = {.port = 7};
		char text[NET_ADDR_CAP];

		assert_int_equal(net_addr_parse_ip(span_from(texts[i]), &addr),
				 0);
		assert_int_equal(addr.port, 0);
		assert_int_equal(addr.is_v6, strchr(texts[i], ':') != NULL);
		net_addr_format_ip(&addr, text);
		assert_string_equal(text, texts[i]);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"localhost",
		"192.0.2",
		"192.0.2.256",
		"[::1]",
		"::1%lo",
		"192.0.2.1:80",
		" 192.0.2.1",
		"12345::1",
		"::1::",
		"192.0.2.1/24",
		"2001:0db8:0000:0000:0000:0000:0000:0001:0000:0000:0000:0000",
	};
	struct net_addr addr = {.port = 7};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(net_addr_parse_ip(span_from(texts[i]), &addr),
				 -EINVAL);
	assert_int_equal(net_addr_parse_ip(span_of(NULL, 0), &addr), -EINVAL);
	assert_int_equal(addr.port, 7);
}

static void a_network_is_an_ipv4_address_or_64_bits_of_ipv6(void **state)
{
	static const struct {
		const char *ip, *network;
	} rows[] = {
		{"192.0.2.7", "192.0.2.7"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		 "ffff:ffff:ffff:ffff::/64"},
	};
	char network[NET_ADDR_CAP];
	struct net_addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(
			net_addr_parse_ip(span_from(rows[i].ip), &addr), 0);
		net_addr_format_network(&addr, network);
		assert_string_equal(network, rows[i].network);
	}
}

static void with_a_port_those_of_ipv6_have_brackets(void **state)
{
	static const char *const good[] = {"192.0.2.1:80", "[2001:db8::1]:80",
					   "[::]:0", "0.0.0.0:65535"};
	static const char *const bad[] = {"192.0.2.1",	 "[192.0.2.1]:80",
					  "2001:db8::1", "::1:80",
					  "[::1]",	 "[]:80",
					  "192.0.2.1:",	 "192.0.2.1:65536",
					  "[::1]80",	 ":80"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct net_addr addr;
		char text[NET_ADDR_CAP];

		assert_int_equal(net_addr_parse(span_from(good[i]), &addr), 0);
		net_addr_format(&addr, text);
		assert_string_equal(text, good[i]);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct net_addr addr;

		if (net_addr_parse(span_from(bad[i]), &addr) != -EINVAL)
			fail_msg("%s is taken", bad[i]);
	}
}

static void the_first_port_of_a_list_is_the_one_to_tell(void **state)
{
	(void)state;
	assert_int_equal(net_addr_first_port(SPAN("0.0.0.0:443,[::]:8443")),
			 443);
	assert_int_equal(net_addr_first_port(SPAN("[::]:8443")), 8443);
	assert_int_equal(net_addr_first_port(SPAN("")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_comes_back_as_it_was_written),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(
			a_network_is_an_ipv4_address_or_64_bits_of_ipv6),
		cmocka_unit_test(with_a_port_those_of_ipv6_have_brackets),
		cmocka_unit_test(the_first_port_of_a_list_is_the_one_to_tell),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
