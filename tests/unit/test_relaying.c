/* test_relaying.c: who begins and ends to relay, from one list to the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "fail_alloc.h"
#include "turn/relaying.h"

static struct relaying *relaying;
static struct buf news;

static int setup(void **state)
{
	(void)state;
	relaying = relaying_new();
	return relaying ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	relaying_free(relaying);
	buf_clear(&news);
	return 0;
}

static void on_change(struct span user, uint64_t before, uint64_t now,
		      void *arg)
{
	(void)arg;
	buf_append_format(&news, "%.*s %d-%d;", (int)user.len, user.ptr,
			  (int)before, (int)now);
}

static void end(const char *expected)
{
	news.len = 0;
	relaying_end(relaying, on_change, NULL);
	buf_append(&news, "", 1);
	assert_string_equal(news.ptr, expected);
}

static void list(const char *user, uint64_t allocations, const char *expected)
{
	relaying_begin(relaying);
	if (*user)
		relaying_note(relaying, span_from(user), allocations);
	end(expected);
}

static void who_begins_and_ends_is_told_but_not_at_first(void **state)
{
	(void)state;
	assert_false(relaying_is_known(relaying));
	list("p-ada", 1, "");
	assert_true(relaying_is_known(relaying));
	list("p-ada", 1, "");
	list("p-bob", 2, "p-bob 0-2;p-ada 1-0;");
	list("p-bob", 3, "p-bob 2-3;");
	list("", 0, "p-bob 3-0;");
	list("", 0, "");
	list("p-ada", 1, "p-ada 0-1;");
}

static void several_lines_of_one_user_are_added(void **state)
{
	(void)state;
	relaying_begin(relaying);
	relaying_note(relaying, SPAN("p-ada"), 1);
	relaying_note(relaying, SPAN("p-bob"), 4);
	relaying_note(relaying, SPAN("p-ada"), 2);
	/* Not before it is whole. */
	assert_int_equal(relaying_of(relaying, SPAN("p-ada")), 0);
	end("");
	assert_int_equal(relaying_of(relaying, SPAN("p-ada")), 3);
	assert_int_equal(relaying_of(relaying, SPAN("p-eve")), 0);
	assert_int_equal(relaying_allocations(relaying), 7);
}

static void a_list_that_was_cut_off_counts_for_nothing(void **state)
{
	(void)state;
	list("p-ada", 1, "");
	relaying_begin(relaying);
	relaying_note(relaying, SPAN("p-bob"), 1);
	list("p-ada", 1, "");
	assert_int_equal(relaying_of(relaying, SPAN("p-bob")), 0);
	assert_int_equal(relaying_allocations(relaying), 1);
}

static void many_are_listed_each_once(void **state)
{
	enum { MANY = 3000 };
	struct span user;
	size_t at = 0, count = 0;
	char name[16];

	(void)state;
	relaying_begin(relaying);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "p-%d", i);
		relaying_note(relaying, span_from(name), 1);
	}
	end("");
	while (relaying_next(relaying, &at, &user))
		count++;
	assert_int_equal(count, MANY);
	relaying_begin(relaying);
	news.len = 0;
	relaying_end(relaying, on_change, NULL);
	assert_true(news.len >= MANY * (sizeof("p-0 1-0;") - 1));
	assert_int_equal(relaying_allocations(relaying), 0);
}

static void memory_that_runs_out_loses_users_but_no_allocation(void **state)
{
	int n = 0;

	(void)state;
	relaying_free(relaying);
	relaying = NULL;
	do {
		fail_alloc_at(++n);
		relaying = relaying_new();
		(void)fail_alloc_stop();
	} while (!relaying);
	assert_true(n > 1);
	relaying_begin(relaying);
	for (int i = 1; i < 10; i++) {
		fail_alloc_at(i);
		relaying_note(relaying, SPAN("p-ada"), 1);
		(void)fail_alloc_stop();
	}
	relaying_end(relaying, on_change, NULL);
	assert_true(relaying_of(relaying, SPAN("p-ada")) >= 1);
	assert_true(relaying_of(relaying, SPAN("p-ada")) < 9);
	assert_int_equal(relaying_allocations(relaying), 9);
}

static void allocations_of_more_users_than_fit_are_counted(void **state)
{
	enum { FIT = 65536, MORE = 10 };
	char name[16];

	(void)state;
	relaying_begin(relaying);
	for (int i = 0; i < FIT + MORE; i++) {
		(void)snprintf(name, sizeof(name), "p-%d", i);
		relaying_note(relaying, span_from(name), 2);
	}
	end("");
	assert_int_equal(relaying_of(relaying, SPAN("p-0")), 2);
	assert_int_equal(relaying_of(relaying, span_from(name)), 0);
	assert_int_equal(relaying_allocations(relaying), 2 * (FIT + MORE));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_begins_and_ends_is_told_but_not_at_first),
		TEST(several_lines_of_one_user_are_added),
		TEST(a_list_that_was_cut_off_counts_for_nothing),
		TEST(many_are_listed_each_once),
		TEST(allocations_of_more_users_than_fit_are_counted),
		TEST(memory_that_runs_out_loses_users_but_no_allocation),
	};

	return cmocka_run_group_tests_name("relaying", tests, NULL, NULL);
}
