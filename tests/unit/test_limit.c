/* test_limit.c: who is limited by what, and what is counted of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "policy/limit.h"
#include "policy/metric.h"

static const struct span here = SPAN_INIT("\300\0\2\1"); /* 192.0.2.1 */
static const struct span there = SPAN_INIT("\300\0\2\2");
static struct clock now = {.mono_ms = 5000};
static struct config *config;
static struct limits *limits;

static int begin(void **state)
{
	static const char *const sets[] = {"limits.joins_per_s=2",
					   "limits.joins_burst=3",
					   "limits.auth_failures_per_minute=60",
					   "limits.auth_failures_burst=2",
					   "limits.connections=2",
					   "limits.user_joins_burst=2"};
	const struct config_sources sources = {.sets = sets, .sets_count = 6};
	struct config_error error;

	(void)state;
	if (config_load(&config, &sources, &error))
		fail_msg("%s", error.text);
	return limits_new(&limits, config, &now);
}

static int end(void **state)
{
	(void)state;
	limits_free(limits);
	config_free(config);
	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	return 0;
}

static void each_address_has_its_own(void **state)
{
	int64_t counted = metric_values[METRIC_LIMITED_JOINS];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(limit_take(limits, LIMIT_JOINS, here), 0);
	assert_int_equal(limit_take(limits, LIMIT_JOINS, here), 500);
	assert_int_equal(limit_retry_s(500), 1);
	assert_int_equal(limit_take(limits, LIMIT_JOINS, there), 0);
	assert_int_equal(limit_take(limits, LIMIT_HANDSHAKES, here), 0);
	assert_int_equal(metric_values[METRIC_LIMITED_JOINS], counted + 1);
	limit_give(limits, LIMIT_JOINS, here);
	assert_int_equal(limit_take(limits, LIMIT_JOINS, here), 0);
}

static void nobody_in_particular_has_no_limit(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(limit_take(limits, LIMIT_USER, SPAN("")), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(limit_take(NULL, LIMIT_JOINS, here), 0);
}

/* Its id is no secret, and a token's subject may be anything. */
static void a_user_called_as_a_peer_takes_nothing_of_it(void **state)
{
	const struct span id = SPAN("Zk1mW0vQ3rC8yB2nT5sXaQ");

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(limit_take(limits, LIMIT_USER, id), 0);
	assert_int_not_equal(limit_take(limits, LIMIT_USER, id), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(limit_take(limits, LIMIT_PEER, id), 0);
	assert_int_not_equal(limit_take(limits, LIMIT_PEER, id), 0);
}

static void failures_slow_down_and_looking_does_not(void **state)
{
	(void)state;
	for (int i = 0; i < 9; i++)
		assert_int_equal(limit_auth_wait_ms(limits, here), 0);
	limit_auth_failed(limits, here);
	limit_auth_failed(limits, here);
	assert_int_equal(limit_auth_wait_ms(limits, here), 1000);
	assert_int_equal(limit_auth_wait_ms(limits, there), 0);
	now.mono_ms += 1000;
	assert_int_equal(limit_auth_wait_ms(limits, here), 0);
}

static void seats_are_counted_and_given_back(void **state)
{
	size_t before = limits_bytes(limits);

	(void)state;
	assert_int_equal(limit_enter(limits, here), 0);
	assert_int_equal(limit_enter(limits, here), 0);
	assert_int_equal(limit_enter(limits, here), -EBUSY);
	assert_int_equal(limit_enter(limits, there), 0);
	limit_leave(limits, here);
	assert_int_equal(limit_enter(limits, here), 0);
	limit_leave(limits, here);
	limit_leave(limits, here);
	limit_leave(limits, there);
	assert_int_equal(limits_bytes(limits), before);
}

static void the_log_hears_once_a_second_how_often(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	log_configure(LOG_WARN, LOG_TEXT, out);
	for (int i = 0; i < 10; i++)
		(void)limit_take(limits, LIMIT_JOINS, here);
	now.mono_ms += 1000;
	for (int i = 0; i < 5; i++)
		(void)limit_take(limits, LIMIT_JOINS, here);
	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "kind=joins by=192.0.2.1 times=1 "));
	assert_non_null(strstr(text, "times=7 "));
	assert_ptr_equal(strstr(strstr(text, "times=7 "), "times=1 "), NULL);
	free(text);
}

static void a_reload_changes_the_limits(void **state)
{
	(void)state;
	config->limits.joins_per_s = 0;
	config->limits.connections = 0;
	limits_configure(limits, config);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(limit_take(limits, LIMIT_JOINS, here), 0);
		assert_int_equal(limit_enter(limits, here), 0);
	}
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		HERE(each_address_has_its_own),
		HERE(nobody_in_particular_has_no_limit),
		HERE(a_user_called_as_a_peer_takes_nothing_of_it),
		HERE(failures_slow_down_and_looking_does_not),
		HERE(seats_are_counted_and_given_back),
		HERE(the_log_hears_once_a_second_how_often),
		HERE(a_reload_changes_the_limits),
	};

	return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
