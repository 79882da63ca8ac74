/* test_clock.c: the system's clocks, and times as logs show them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

static void a_time_is_shown_in_utc_with_milliseconds(void **state)
{
	static const struct {
		uint64_t wall_ms;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{1, "1970-01-01T00:00:00.001Z"},
		{1709251199999, "2024-02-29T23:59:59.999Z"},
		{1795341600000, "2026-11-22T10:00:00.000Z"},
		{2147483648050, "2038-01-19T03:14:08.050Z"},
		{253402300799999, "9999-12-31T23:59:59.999Z"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[CLOCK_ISO_LEN + 1];

		clock_format_iso(cases[i].wall_ms, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void the_time_zone_does_not_matter(void **state)
{
	char text[CLOCK_ISO_LEN + 1];

	(void)state;
	assert_int_equal(setenv("TZ", "Asia/Kolkata", 1), 0);
	tzset();
	clock_format_iso(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	assert_int_equal(unsetenv("TZ"), 0);
	tzset();
}

static uint64_t to_ms(struct timespec ts)
{
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void an_update_reads_both_clocks(void **state)
{
	struct timespec mono[2], wall[2];
	struct clock clock = {0};

	(void)state;
	(void)clock_gettime(CLOCK_MONOTONIC, &mono[0]);
	(void)clock_gettime(CLOCK_REALTIME, &wall[0]);
	clock_update(&clock);
	(void)clock_gettime(CLOCK_MONOTONIC, &mono[1]);
	(void)clock_gettime(CLOCK_REALTIME, &wall[1]);
	assert_in_range(clock.mono_ms, to_ms(mono[0]), to_ms(mono[1]));
	assert_in_range(clock.wall_ms, to_ms(wall[0]), to_ms(wall[1]));
}

static void wall_seconds_are_rounded_down(void **state)
{
	struct clock clock = {.wall_ms = 1795341600999};

	(void)state;
	assert_int_equal(clock_wall_s(&clock), 1795341600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_shown_in_utc_with_milliseconds),
		cmocka_unit_test(the_time_zone_does_not_matter),
		cmocka_unit_test(an_update_reads_both_clocks),
		cmocka_unit_test(wall_seconds_are_rounded_down),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
