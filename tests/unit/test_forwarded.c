/* test_forwarded.c: whom chains of proxies name, and who cannot be believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "guard.h"
#include "net/forwarded.h"

static const char trusted[] = "10.0.0.0/8, 2001:db8:ff::/48";

typedef void reader(struct forwarded_chain *chain, struct span value,
		    const char *trusted);

/* NULL: nobody. A second value is of a second header of that name. */
static void must_be(reader *read, const char *value, const char *second,
		    const char *wanted)
{
	struct forwarded_chain chain = {0};
	char *copy = guard_copy(value, strlen(value));
	char client[NET_ADDR_CAP] = "nobody";

	if (second)
		read(&chain, span_from(second), trusted);
	read(&chain, span_of(copy, strlen(value)), trusted);
	if (chain.has_client)
		net_addr_format_ip(&chain.client, client);
	if (strcmp(client, wanted ? wanted : "nobody") != 0)
		fail_msg("%s: %s, not %s", value, client, wanted);
	guard_free(copy, strlen(value));
}

static void the_last_who_is_not_trusted_is_the_client(void **state)
{
	static const char *const chains[][2] = {
		{"192.0.2.1", "192.0.2.1"},
		{"198.51.100.9, 192.0.2.1", "192.0.2.1"},
		{"198.51.100.9,192.0.2.1 , 10.0.0.1,10.2.0.1", "192.0.2.1"},
		{"10.0.0.9, 192.0.2.1, 10.0.0.1", "192.0.2.1"},
		{"10.0.0.9, 10.0.0.8", "10.0.0.9"},
		{"2001:db8::1", "2001:db8::1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"[2001:db8::1]:4711", "2001:db8::1"},
		{"192.0.2.1:4711", "192.0.2.1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"192.0.2.1, ::ffff:10.0.0.1", "192.0.2.1"},
		{"192.0.2.1, 2001:db8:ff:1::1", "192.0.2.1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++)
		must_be(forwarded_read_list, chains[i][0], NULL, chains[i][1]);
	must_be(forwarded_read_list, "198.51.100.9, 192.0.2.1", "10.0.0.1",
		"192.0.2.1");
	must_be(forwarded_read_list, "198.51.100.9", "192.0.2.1", "192.0.2.1");
}

static void what_cannot_be_read_ends_the_chain(void **state)
{
	static const char *const nobody[] = {
		"",
		"unknown",
		",",
		"192.0.2.1,",
		"192.0.2.300",
		"a, b",
		"[::1",
		"192.0.2.1:70000",
		"[192.0.2.1]x",
		"192.0.2",
		"192.0.2.1 10.0.0.1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(nobody) / sizeof(*nobody); i++)
		must_be(forwarded_read_list, nobody[i], NULL, NULL);
	/* Who said it is known. */
	must_be(forwarded_read_list, "192.0.2.1, unknown, 10.0.0.1", NULL,
		"10.0.0.1");
	must_be(forwarded_read_list, "unknown, 192.0.2.1", NULL, "192.0.2.1");
}

static void forwarded_is_read_as_rfc_7239_has_it(void **state)
{
	static const char *const chains[][2] = {
		{"for=192.0.2.1", "192.0.2.1"},
		{"For=192.0.2.1;proto=https;by=10.0.0.1", "192.0.2.1"},
		{"by=10.0.0.1;FOR=192.0.2.1", "192.0.2.1"},
		{"for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"},
		{"for=\"192.0.2.43:47011\", for=10.0.0.1", "192.0.2.43"},
		{"for=198.51.100.9, for=192.0.2.1;host=\"a,b;c\"", "192.0.2.1"},
		{"host=\"a\\\"b\";for=192.0.2.1", "192.0.2.1"},
		{"for=\"192\\.0.2.1\"", "192.0.2.1"},
		{"for=192.0.2.1, for=unknown", NULL},
		{"for=192.0.2.1, for=_hidden, for=10.0.0.3", "10.0.0.3"},
		{"for=192.0.2.1, proto=https", NULL},
		{"for=192.0.2.1, for=\"10.0.0.1", NULL},
		{"for=192.0.2.1 for=10.0.0.1", NULL},
		{"for=192.0.2.1;", NULL},
		{"for=192.0.2.1,", NULL},
		{"for", NULL},
		{"for=", NULL},
		{"=192.0.2.1", NULL},
		{"", NULL},
		{"for=\"\"", NULL},
		{"for=\"\\", NULL},
		{"for=192.0.2.1\"x\"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(*chains); i++)
		must_be(forwarded_read_elements, chains[i][0], NULL,
			chains[i][1]);
	must_be(forwarded_read_elements, "for=\"broken", "for=192.0.2.1",
		"192.0.2.1");
}

/* Some proxies put down theirs behind what came, in one value. */
static void an_open_quote_hides_nothing_that_stands_behind_it(void **state)
{
	static const char *const said[] = {
		"for=\"x",
		"for=\"",
		"for=6.6.6.6;host=\"",
		"for=6.6.6.6, for=\"[2001:db8::6",
		"\"",
		"\\",
		"for=\"\\",
		"for=\"a\\\"",
		"x\"y\"z\"",
		"for=\"6.6.6.6\", host=\"",
	};
	static const char *const added[] = {
		"for=192.0.2.1",
		"for=\"192.0.2.1:80\"",
		"for=192.0.2.1;host=\"a,b\"",
		"for=\"192.0.2.1:80\";host=\"a\\\",b\", for=10.0.0.1",
		"for=192.0.2.1, for=\"10.0.0.2:1\", for=10.0.0.1",
	};
	char value[256];

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++) {
		for (size_t j = 0; j < sizeof(added) / sizeof(*added); j++) {
			(void)snprintf(value, sizeof(value), "%s, %s", said[i],
				       added[j]);
			must_be(forwarded_read_elements, value, NULL,
				"192.0.2.1");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_who_is_not_trusted_is_the_client),
		cmocka_unit_test(what_cannot_be_read_ends_the_chain),
		cmocka_unit_test(forwarded_is_read_as_rfc_7239_has_it),
		cmocka_unit_test(
			an_open_quote_hides_nothing_that_stands_behind_it),
	};

	return cmocka_run_group_tests_name("forwarded", tests, NULL, NULL);
}
