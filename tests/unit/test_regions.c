/* test_regions.c: in which region a client's address is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <unistd.h>

#include "turn/regions.h"

static char path[] = "/tmp/signald-regions-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static int load(const char *text, struct regions **regions,
		struct config_error *error)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return regions_new(regions, path, error);
}

static void assert_region(const struct regions *regions, const char *address,
			  const char *expected)
{
	struct net_addr addr;
	struct span found;

	assert_int_equal(net_addr_parse(span_from(address), &addr), 0);
	found = regions_find(regions, &addr);
	assert_true(span_equal(found, span_from(expected)));
}

static void the_smallest_network_around_an_address_counts(void **state)
{
	struct config_error error;
	struct regions *regions;

	(void)state;
	assert_int_equal(load("# comment\n\n"
			      "192.0.0.0/16\teu\n"
			      "192.0.2.0/24 us\r\n"
			      "  192.0.2.7  as\n"
			      "198.51.100.0/23 odd\n"
			      "2001:db8::/32 v6\n"
			      "2001:db8:1::/47 half",
			      &regions, &error),
			 0);
	assert_region(regions, "192.0.9.1:1", "eu");
	assert_region(regions, "192.0.2.1:1", "us");
	assert_region(regions, "192.0.2.7:1", "as");
	assert_region(regions, "192.1.2.7:1", "");
	assert_region(regions, "198.51.101.9:1", "odd");
	assert_region(regions, "198.51.102.9:1", "");
	assert_region(regions, "[2001:db8:5::1]:1", "v6");
	assert_region(regions, "[2001:db8:1::1]:1", "half");
	assert_region(regions, "[2001:db9::1]:1", "");
	regions_free(regions);
	assert_int_equal(load("0.0.0.0/0 all\n", &regions, &error), 0);
	assert_region(regions, "203.0.113.1:1", "all");
	assert_region(regions, "[2001:db8::1]:1", "");
	regions_free(regions);
}

static void a_line_that_cannot_be_is_told(void **state)
{
	static const struct {
		const char *text, *sentence;
	} each[] = {
		{"x\n192.0.2.0/24\n", ":1: \"x\" is no network"},
		{"192.0.2.0/24 eu\n192.0.2.0/33 eu\n",
		 ":2: \"192.0.2.0/33\" is no network"},
		{"192.0.2.0/ eu", ":1: \"192.0.2.0/\" is no network"},
		{"192.0.2.0/24", ":1: one region of at most 32 characters"},
		{"192.0.2.0/24 a b", ":1: one region"},
		{"192.0.2.0/24 a\n192.0.2.1/24 b\n",
		 ":2: the network 192.0.2.1/24 stands there twice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(each) / sizeof(*each); i++) {
		struct config_error error;
		struct regions *regions;

		assert_int_equal(load(each[i].text, &regions, &error), -22);
		assert_non_null(strstr(error.text, each[i].sentence));
		assert_int_equal(strncmp(error.text, path, strlen(path)), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_network_around_an_address_counts),
		cmocka_unit_test(a_line_that_cannot_be_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
