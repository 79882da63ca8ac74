/* test_loop.c: what is put off runs in order, and delays nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <time.h>
#include <unistd.h>

#include "base/member.h"
#include "net/loop.h"

#define CHORES 8
#define SLOW_US 200 /* two of them are more than a turn has for chores */

struct chore {
	struct loop_task task;
	int number;
	int times_left; /* it asks for another run so often */
};

static struct config config;
static struct loop *loop;
static struct chore chores[CHORES];
static int order[64], runs;    /* the chores' numbers as they ran */
static int turns, turn_of[64]; /* and in which turn */
static int in_turn, most_in_turn;
static unsigned busy_us;

static void be_busy(void)
{
	struct timespec from, now;

	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	do
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - from.tv_sec) * 1000000 +
		       (now.tv_nsec - from.tv_nsec) / 1000 <
	       (long)busy_us);
}

static void run(struct loop_task *task)
{
	struct chore *chore = container_of(task, struct chore, task);

	be_busy();
	turn_of[runs] = turns;
	order[runs++] = chore->number;
	if (++in_turn > most_in_turn)
		most_in_turn = in_turn;
	if (chore->times_left-- > 0)
		loop_put_off(loop, task);
	else if (!loop->chores)
		loop_stop(loop);
}

static void on_turn_end(void *arg)
{
	(void)arg;
	turns++;
	in_turn = 0;
}

static int setup(void **state)
{
	(void)state;
	runs = turns = in_turn = most_in_turn = 0;
	busy_us = 0;
	for (int i = 0; i < CHORES; i++)
		chores[i] = (struct chore){.task.run = run, .number = i};
	if (loop_new(&loop, &config, 10))
		return -1;
	loop_set_turn_end(loop, on_turn_end, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void put_all_off(void)
{
	for (int i = 0; i < CHORES; i++)
		loop_put_off(loop, &chores[i].task);
}

static void chores_run_in_the_order_they_came(void **state)
{
	(void)state;
	put_all_off();
	loop_put_off(loop, &chores[3].task); /* is there already */
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(runs, CHORES);
	for (int i = 0; i < CHORES; i++)
		assert_int_equal(order[i], i);
}

static void one_that_asks_again_goes_behind_the_others(void **state)
{
	(void)state;
	chores[0].times_left = 2;
	loop_put_off(loop, &chores[0].task);
	loop_put_off(loop, &chores[1].task);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(runs, 4);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[2], 0);
	assert_int_equal(order[3], 0);
}

/* Outputs are written between them, and sockets are looked at. */
static void a_heap_of_slow_chores_is_spread_over_turns(void **state)
{
	(void)state;
	busy_us = SLOW_US;
	put_all_off();
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(runs, CHORES);
	assert_true(most_in_turn <= 2);
	assert_true(turn_of[CHORES - 1] - turn_of[0] >= CHORES / 2 - 1);
}

static void one_that_is_forgotten_does_not_run(void **state)
{
	(void)state;
	put_all_off();
	loop_forget(loop, &chores[0].task);
	loop_forget(loop, &chores[4].task);
	loop_forget(loop, &chores[CHORES - 1].task);
	loop_forget(loop, &chores[CHORES - 1].task);
	loop_put_off(loop, &chores[4].task);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(runs, CHORES - 2);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[CHORES - 3], 4);
	loop_put_off(loop, &chores[0].task);
	loop_forget(loop, &chores[0].task);
	assert_null(loop->chores);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			chores_run_in_the_order_they_came, setup, teardown),
		cmocka_unit_test_setup_teardown(
			one_that_asks_again_goes_behind_the_others, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_heap_of_slow_chores_is_spread_over_turns, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			one_that_is_forgotten_does_not_run, setup, teardown),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
