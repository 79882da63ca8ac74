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

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int load(const char *text, struct regions **regions,
		struct config_error *error)
{
	write_file(text);
	assert_int_equal(regions_new(regions, path), 0);
	return regions_read(*regions, error);
}

static void assert_region(const struct regions *regions, const char *address,
			  const char *expected)
{
	struct place place = {.count = 0};
	struct net_addr addr;

	assert_int_equal(net_addr_parse(span_from(address), &addr), 0);
	regions_find(regions, &addr, &place);
	assert_int_equal(place.count, *expected != '\0');
	assert_string_equal(place.names[0], expected);
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
		assert_region(regions, "192.0.2.1:1", "");
		regions_free(regions);
	}
}

static void a_file_that_changes_is_read_again(void **state)
{
	struct config_error error;
	struct regions *regions;

	(void)state;
	assert_int_equal(load("192.0.2.0/24 eu\n", &regions, &error), 0);
	assert_int_equal(regions_follow(regions, 5000, &error), 0);
	write_file("192.0.2.0/24 as\n# longer\n");
	assert_int_equal(regions_follow(regions, 5500, &error), 0);
	assert_region(regions, "192.0.2.1:1", "eu");
	assert_int_equal(regions_follow(regions, 6500, &error), 1);
	assert_region(regions, "192.0.2.1:1", "as");
	write_file("nonsense\n");
	assert_int_equal(regions_follow(regions, 8000, &error), -22);
	assert_non_null(strstr(error.text, ":1: \"nonsense\" is no network"));
	assert_region(regions, "192.0.2.1:1", "as");
	regions_free(regions);
}

static void a_file_may_come_later(void **state)
{
	struct config_error error;
	struct regions *regions;

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(regions_new(&regions, path), 0);
	assert_int_equal(regions_read(regions, &error), -22);
	assert_region(regions, "192.0.2.1:1", "");
	assert_int_equal(regions_follow(regions, 5000, &error), 0);
	write_file("192.0.2.0/24 eu\n");
	assert_int_equal(regions_follow(regions, 7000, &error), 1);
	assert_region(regions, "192.0.2.1:1", "eu");
	regions_free(regions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_network_around_an_address_counts),
		cmocka_unit_test(a_line_that_cannot_be_is_told),
		cmocka_unit_test(a_file_that_changes_is_read_again),
		cmocka_unit_test(a_file_may_come_later),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
