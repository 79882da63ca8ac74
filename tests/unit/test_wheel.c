/* test_wheel.c: coarse timers fire once, in time, and never early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/wheel.h"

#define START_MS 1234567
#define TICK_MS 100
#define TIMERS 500

struct probe {
	struct wheel_timer timer;
	uint64_t due_ms;
	uint64_t fired_ms; /* 0: not yet */
	int times;
};

static struct wheel wheel;

static void fire(struct wheel_timer *timer, void *arg)
{
	struct probe *probe = (struct probe *)timer;

	(void)arg;
	probe->fired_ms = wheel.now_ms;
	probe->times++;
}

static void advance(uint64_t until_ms)
{
	wheel_advance(&wheel, until_ms, fire, NULL);
}

static int setup(void **state)
{
	(void)state;
	wheel_init(&wheel, START_MS, TICK_MS);
	return 0;
}

static void a_timer_fires_once_and_at_most_two_ticks_late(void **state)
{
	struct probe *probes = calloc(TIMERS, sizeof(*probes));
	uint64_t now_ms = START_MS;

	(void)state;
	srand(3);
	for (int i = 0; i < TIMERS; i++) {
		/* up to four times round the wheel */
		probes[i].due_ms =
			START_MS +
			(uint64_t)rand() % (4 * WHEEL_SLOTS * TICK_MS);
		wheel_start(&wheel, &probes[i].timer, probes[i].due_ms);
	}
	while (now_ms < START_MS + 5 * WHEEL_SLOTS * TICK_MS) {
		now_ms += (uint64_t)rand() % 300;
		advance(now_ms);
	}
	for (int i = 0; i < TIMERS; i++) {
		assert_int_equal(probes[i].times, 1);
		assert_true(probes[i].fired_ms >= probes[i].due_ms);
		assert_true(probes[i].fired_ms <=
			    probes[i].due_ms + 2 * TICK_MS);
		assert_false(wheel_is_running(&probes[i].timer));
	}
	free(probes);
}

static void a_stopped_timer_does_not_fire(void **state)
{
	struct probe probe = {0};

	(void)state;
	wheel_start(&wheel, &probe.timer, START_MS + 500);
	assert_true(wheel_is_running(&probe.timer));
	wheel_stop(&probe.timer);
	wheel_stop(&probe.timer);
	advance(START_MS + 5000);
	assert_int_equal(probe.times, 0);
}

static void a_timer_can_be_moved_later_and_earlier(void **state)
{
	struct probe later = {0}, earlier = {0};

	(void)state;
	wheel_start(&wheel, &later.timer, START_MS + 500);
	wheel_start(&wheel, &later.timer, START_MS + 3000);
	wheel_start(&wheel, &earlier.timer, START_MS + 3000);
	wheel_start(&wheel, &earlier.timer, START_MS + 500);
	advance(START_MS + 1000);
	assert_int_equal(later.times, 0);
	assert_int_equal(earlier.times, 1);
	advance(START_MS + 4000);
	assert_int_equal(later.times, 1);
	assert_int_equal(earlier.times, 1);
}

static void a_timer_in_the_past_fires_at_the_next_tick(void **state)
{
	struct probe probe = {0};

	(void)state;
	wheel_start(&wheel, &probe.timer, 0);
	advance(START_MS + TICK_MS);
	assert_int_equal(probe.times, 1);
}

static struct probe victim;

static void stop_victim_and_start_again(struct wheel_timer *timer, void *arg)
{
	fire(timer, arg);
	wheel_stop(&victim.timer);
	wheel_start(&wheel, timer, wheel.now_ms + 1);
}

static void firing_may_stop_and_start_timers_of_the_same_slot(void **state)
{
	struct probe first = {0};

	(void)state;
	victim = (struct probe){0};
	wheel_start(&wheel, &first.timer, START_MS + 250);
	wheel_start(&wheel, &victim.timer, START_MS + 250);
	wheel_advance(&wheel, START_MS + 400, stop_victim_and_start_again,
		      NULL);
	assert_int_equal(victim.times, 0);
	assert_true(first.times >= 1);
	assert_true(wheel_is_running(&first.timer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			a_timer_fires_once_and_at_most_two_ticks_late, setup),
		cmocka_unit_test_setup(a_stopped_timer_does_not_fire, setup),
		cmocka_unit_test_setup(a_timer_can_be_moved_later_and_earlier,
				       setup),
		cmocka_unit_test_setup(
			a_timer_in_the_past_fires_at_the_next_tick, setup),
		cmocka_unit_test_setup(
			firing_may_stop_and_start_timers_of_the_same_slot,
			setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
