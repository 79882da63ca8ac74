/* test_bucket.c: buckets let pass what they say, and forget the right ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policy/bucket.h"

#define ODD_START_MS 98765432109

static struct buckets *table;
static const struct bucket_rate slow = {1000000000, 5}; /* 5, one a second */

static int begin(void **state)
{
	(void)state;
	return bucket_table_new(&table, 4);
}

static int end(void **state)
{
	(void)state;
	bucket_table_free(table);
	return 0;
}

static uint64_t take(const char *key, uint64_t now_ms)
{
	return bucket_take(table, &slow, span_from(key), now_ms);
}

static unsigned passes(const char *key, uint64_t now_ms)
{
	unsigned count = 0;

	while (count < 1000 && !take(key, now_ms))
		count++;
	return count;
}

static void a_burst_passes_and_the_next_hears_when(void **state)
{
	(void)state;
	assert_int_equal(passes("a", ODD_START_MS), 5);
	assert_int_equal(take("a", ODD_START_MS), 1000);
	assert_int_equal(take("a", ODD_START_MS + 400), 600);
	assert_int_equal(take("a", ODD_START_MS + 999), 1);
	assert_int_equal(take("a", ODD_START_MS + 1000), 0);
	assert_int_equal(take("a", ODD_START_MS + 1000), 1000);
}

static void who_waits_as_told_passes(void **state)
{
	uint64_t now_ms = ODD_START_MS;

	(void)state;
	(void)passes("a", now_ms);
	for (int i = 0; i < 1000; i++) {
		uint64_t wait_ms = take("a", now_ms);

		assert_true(wait_ms > 0);
		now_ms += wait_ms;
		assert_int_equal(take("a", now_ms), 0);
	}
	assert_int_equal(now_ms, ODD_START_MS + 1000 * 1000);
}

static void keys_are_apart(void **state)
{
	(void)state;
	(void)passes("a", ODD_START_MS);
	assert_int_equal(passes("b", ODD_START_MS), 5);
	assert_int_equal(bucket_take(table, &slow, SPAN("a\0"), ODD_START_MS),
			 0);
}

static void a_bucket_never_holds_more_than_its_burst(void **state)
{
	(void)state;
	(void)passes("a", ODD_START_MS);
	assert_int_equal(passes("a", ODD_START_MS + 3600000), 5);
	assert_int_equal(passes("a", UINT64_MAX / 4000000), 5);
}

static void a_clock_that_stands_or_goes_back_stops_nobody_for_ever(void **state)
{
	(void)state;
	assert_int_equal(passes("a", ODD_START_MS), 5);
	assert_int_equal(passes("a", ODD_START_MS), 0);
	/* An hour back: as empty as can be, and one token later not. */
	assert_int_equal(take("a", ODD_START_MS - 3600000), 1000);
	assert_int_equal(take("a", ODD_START_MS - 3600000 + 4000), 1000);
	(void)bucket_table_set_most(table, 4);
	assert_int_equal(passes("b", 0), 5);
	assert_int_equal(take("b", 0), 1000);
}

static void a_rate_of_nothing_is_no_limit(void **state)
{
	const struct bucket_rate none = bucket_rate(0, 1000, 5);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(bucket_take(table, &none, SPAN("a"), 1), 0);
	assert_int_equal(bucket_table_count(table), 0);
	assert_int_equal(bucket_rate(20, 60000, 5).token_ns, 3000000000);
}

static void a_new_rate_holds_at_once(void **state)
{
	const struct bucket_rate quick = bucket_rate(100, 1000, 5);

	(void)state;
	(void)passes("a", ODD_START_MS);
	assert_int_equal(bucket_take(table, &quick, SPAN("a"), ODD_START_MS),
			 10);
}

static void what_is_given_back_can_be_taken_again(void **state)
{
	(void)state;
	(void)passes("a", ODD_START_MS);
	bucket_give(table, &slow, SPAN("a"));
	bucket_give(table, &slow, SPAN("nobody"));
	assert_int_equal(passes("a", ODD_START_MS), 1);
	for (int i = 0; i < 100; i++)
		bucket_give(table, &slow, SPAN("a"));
	assert_int_equal(passes("a", ODD_START_MS), 5);
}

static void asking_takes_nothing(void **state)
{
	(void)state;
	assert_int_equal(bucket_wait_ms(table, &slow, SPAN("a"), 7), 0);
	assert_int_equal(bucket_table_count(table), 0);
	(void)passes("a", 7);
	assert_int_equal(bucket_wait_ms(table, &slow, SPAN("a"), 7), 1000);
}

static void a_full_table_forgets_the_fullest(void **state)
{
	(void)state;
	(void)passes("limited", ODD_START_MS);
	(void)take("two", ODD_START_MS);
	(void)take("two", ODD_START_MS);
	(void)take("idle", ODD_START_MS - 60000);
	(void)take("one", ODD_START_MS);
	assert_int_equal(bucket_table_count(table), 4);
	/* idle's is full again, so nothing is lost with it; then one's. */
	(void)take("new", ODD_START_MS);
	(void)take("new", ODD_START_MS);
	(void)take("new", ODD_START_MS);
	assert_int_equal(
		bucket_wait_ms(table, &slow, SPAN("two"), ODD_START_MS), 0);
	for (int i = 0; i < 100; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "x%d", i);
		(void)take(key, ODD_START_MS);
	}
	assert_int_equal(bucket_table_count(table), 4);
	assert_int_equal(take("limited", ODD_START_MS), 1000);
	assert_int_equal(passes("two", ODD_START_MS), 3);
	assert_int_equal(passes("new", ODD_START_MS), 2);
}

static void fewer_are_kept_after_a_change(void **state)
{
	(void)state;
	(void)passes("limited", ODD_START_MS);
	(void)take("a", ODD_START_MS);
	(void)take("b", ODD_START_MS);
	bucket_table_set_most(table, 1);
	assert_int_equal(bucket_table_count(table), 1);
	assert_int_equal(take("limited", ODD_START_MS), 1000);
}

/* Many networks, each known by its first eight bytes, as a /64 is. */
static void a_flood_of_networks_stays_within_memory(void **state)
{
	const size_t most = 65536;
	const uint64_t victim = UINT64_MAX;
	struct span limited = span_of(&victim, sizeof(victim));
	struct buckets *large;
	uint64_t refused = 0;

	(void)state;
	assert_int_equal(bucket_table_new(&large, most), 0);
	while (!bucket_take(large, &slow, limited, ODD_START_MS))
		;
	for (uint64_t i = 0; i < 200000; i++) {
		struct span key = span_of(&i, sizeof(i));

		refused += bucket_take(large, &slow, key, ODD_START_MS);
		assert_true(bucket_table_count(large) <= most);
	}
	assert_int_equal(refused, 0);
	assert_int_equal(bucket_table_count(large), most);
	assert_true(bucket_table_bytes(large) <= most * BUCKET_BYTES + 256);
	assert_int_equal(bucket_take(large, &slow, limited, ODD_START_MS),
			 1000);
	bucket_table_free(large);
}

/* Against a model that is an array. */
static void anything_goes_as_in_a_simple_model(void **state)
{
	enum { KEYS = 50 };
	uint64_t full_ms[KEYS] = {0}, now_ms = ODD_START_MS;
	struct buckets *all;

	(void)state;
	srand(5);
	assert_int_equal(bucket_table_new(&all, KEYS), 0);
	for (int i = 0; i < 200000; i++) {
		int k = rand() % KEYS;
		uint64_t from_ms = full_ms[k] > now_ms ? full_ms[k] : now_ms;
		bool passes_here = from_ms + 1000 <= now_ms + 5000;

		assert_int_equal(!bucket_take(all, &slow,
					      span_of(&k, sizeof(k)), now_ms),
				 passes_here);
		if (passes_here)
			full_ms[k] = from_ms + 1000;
		now_ms += (uint64_t)(rand() % 40);
	}
	bucket_table_free(all);
}

static void a_single_bucket_goes_into_debt_and_pays(void **state)
{
	const struct bucket_rate rate = bucket_rate(10, 1000, 20);
	const struct bucket_rate none = {0, 0};
	uint64_t full_ns = 0;

	(void)state;
	assert_int_equal(bucket_charge(&full_ns, &rate, 20, ODD_START_MS), 0);
	assert_int_equal(bucket_charge(&full_ns, &rate, 5, ODD_START_MS), 501);
	assert_int_equal(bucket_charge(&full_ns, &rate, 0, ODD_START_MS + 500),
			 0);
	assert_int_equal(bucket_charge(&full_ns, &rate, 1, ODD_START_MS + 501),
			 100);
	assert_int_equal(
		bucket_charge(&full_ns, &rate, 20, ODD_START_MS + 3600000), 0);
	full_ns = 0;
	assert_int_equal(bucket_charge(&full_ns, &none, 1u << 30, 1), 0);
}

int main(void)
{
#define HERE(test) cmocka_unit_test_setup_teardown(test, begin, end)
	const struct CMUnitTest tests[] = {
		HERE(a_burst_passes_and_the_next_hears_when),
		HERE(who_waits_as_told_passes),
		HERE(keys_are_apart),
		HERE(a_bucket_never_holds_more_than_its_burst),
		HERE(a_clock_that_stands_or_goes_back_stops_nobody_for_ever),
		HERE(a_rate_of_nothing_is_no_limit),
		HERE(a_new_rate_holds_at_once),
		HERE(what_is_given_back_can_be_taken_again),
		HERE(asking_takes_nothing),
		HERE(a_full_table_forgets_the_fullest),
		HERE(fewer_are_kept_after_a_change),
		HERE(a_flood_of_networks_stays_within_memory),
		HERE(anything_goes_as_in_a_simple_model),
		HERE(a_single_bucket_goes_into_debt_and_pays),
	};

	return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
