/* test_network.c: which addresses a configured network has. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "policy/network.h"

static bool has(const char *list, const char *text)
{
	uint8_t ip[16] = {0};
	bool is_v6 = strchr(text, ':');

	assert_int_equal(inet_pton(is_v6 ? AF_INET6 : AF_INET, text, ip), 1);
	return network_list_has(list, is_v6, ip);
}

static void a_network_has_what_its_bits_say(void **state)
{
	(void)state;
	assert_true(has("192.0.2.7", "192.0.2.7"));
	assert_false(has("192.0.2.7", "192.0.2.6"));
	assert_true(has("10.0.0.0/8", "10.255.0.1"));
	assert_false(has("10.0.0.0/8", "11.0.0.1"));
	assert_true(has("172.16.0.0/12", "172.31.255.255"));
	assert_false(has("172.16.0.0/12", "172.32.0.0"));
	assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(has("::1", "::1"));
	assert_false(has("::1", "::2"));
	assert_true(has("0.0.0.0/0", "203.0.113.9"));
}

static void families_are_apart(void **state)
{
	(void)state;
	assert_false(has("::/0", "192.0.2.1"));
	assert_false(has("0.0.0.0/0", "2001:db8::1"));
	assert_true(has("0.0.0.0/0, ::/0", "2001:db8::1"));
}

static void an_empty_list_has_nobody(void **state)
{
	(void)state;
	assert_false(has("", "192.0.2.1"));
}

static void what_is_no_network_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"a",
		"10.0.0.0/33",
		"10.0.0.0/",
		"10.0.0.1/8",
		"10.0.0/8",
		"/8",
		"::/129",
		"2001:db8::1/64",
		"10.0.0.0/-1",
		"10.0.0.0/8 ",
		"::ffff:10.0.0.0/104",
		"1.2.3.4:80",
		"[::1]",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	};
	struct network network;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!network_parse(span_from(bad[i]), &network))
			fail_msg("taken: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_has_what_its_bits_say),
		cmocka_unit_test(families_are_apart),
		cmocka_unit_test(an_empty_list_has_nobody),
		cmocka_unit_test(what_is_no_network_is_refused),
	};

	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
