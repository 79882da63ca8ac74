/* test_replay.c: what is kept for a recovery, and what is said of gaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "fail_alloc.h"
#include "socketio/replay.h"

#define ROOMY 65536

/* What a walk saw: packets and their attachments, parted by blanks. */
static char seen[1024];

static void see(struct span packet, struct blob *const *attachments,
		unsigned attachments_count, void *arg)
{
	size_t len = strlen(seen);

	(void)arg;
	(void)snprintf(seen + len, sizeof(seen) - len, " %.*s", (int)packet.len,
		       packet.ptr);
	for (unsigned i = 0; i < attachments_count; i++) {
		len = strlen(seen);
		(void)snprintf(seen + len, sizeof(seen) - len, "+%.*s",
			       (int)attachments[i]->len, attachments[i]->bytes);
	}
}

static const char *behind(const struct replay *replay, uint64_t number)
{
	*seen = '\0';
	replay_each(replay, number, see, NULL);
	return *seen ? seen + 1 : seen;
}

static void keep(struct replay *replay, const char *text, size_t max_bytes)
{
	struct span part = span_from(text);

	replay_keep(replay, &part, 1, NULL, 0, max_bytes);
}

static struct replay *kept(int count, size_t max_bytes)
{
	struct replay *replay = replay_new();
	char text[16];

	assert_non_null(replay);
	for (int i = 1; i <= count; i++) {
		(void)snprintf(text, sizeof(text), "m%d", i);
		keep(replay, text, max_bytes);
	}
	return replay;
}

static void what_lies_behind_a_number_comes_in_order(void **state)
{
	struct replay *replay = kept(4, ROOMY);

	(void)state;
	assert_int_equal(replay_next(replay), 5);
	assert_string_equal(behind(replay, 0), "m1 m2 m3 m4");
	assert_string_equal(behind(replay, 2), "m3 m4");
	assert_string_equal(behind(replay, 4), "");
	replay_free(replay);
}

static void every_number_that_was_given_is_reached(void **state)
{
	struct replay *replay = kept(3, ROOMY);

	(void)state;
	for (uint64_t number = 0; number <= 3; number++)
		assert_true(replay_reaches(replay, number));
	assert_false(replay_reaches(replay, 4));
	assert_false(replay_reaches(replay, UINT64_MAX));
	replay_free(replay);
}

static void nothing_sent_is_reached_from_the_start(void **state)
{
	struct replay *replay = replay_new();

	(void)state;
	assert_non_null(replay);
	assert_true(replay_reaches(replay, 0));
	assert_false(replay_reaches(replay, 1));
	assert_string_equal(behind(replay, 0), "");
	replay_free(replay);
}

static void what_has_come_is_forgotten_and_not_reached_from_before(void **state)
{
	struct replay *replay = kept(5, ROOMY);

	(void)state;
	replay_forget(replay, 3);
	assert_string_equal(behind(replay, 0), "m4 m5");
	assert_false(replay_reaches(replay, 2));
	assert_true(replay_reaches(replay, 3));
	replay_forget(replay, 3);
	replay_forget(replay, 5);
	assert_true(replay_reaches(replay, 5));
	assert_false(replay_reaches(replay, 4));
	keep(replay, "m6", ROOMY);
	assert_string_equal(behind(replay, 5), "m6");
	replay_free(replay);
}

static void the_oldest_make_way_and_leave_a_gap(void **state)
{
	struct replay *replay = kept(100, 400);
	uint64_t number = 0;

	(void)state;
	while (!replay_reaches(replay, number))
		number++;
	assert_in_range(number, 90, 99);
	assert_int_equal(behind(replay, 0)[0], 'm');
	assert_int_equal(atoi(behind(replay, 0) + 1), (int)number + 1);
	replay_free(replay);
}

static void one_that_is_too_big_is_a_gap_and_empties_the_rest(void **state)
{
	static const char big[1000];
	const struct span part = {big, sizeof(big)};
	struct replay *replay = kept(3, 600);

	(void)state;
	replay_keep(replay, &part, 1, NULL, 0, 600);
	assert_false(replay_reaches(replay, 3));
	assert_true(replay_reaches(replay, 4));
	assert_string_equal(behind(replay, 0), "");
	keep(replay, "m5", 600);
	assert_string_equal(behind(replay, 4), "m5");
	replay_free(replay);
}

static void attachments_stay_with_their_packet(void **state)
{
	const struct span parts[] = {SPAN("52-"), SPAN("[..]")};
	const struct span bytes[] = {SPAN("one"), SPAN("two")};
	struct replay *replay = kept(1, ROOMY);

	(void)state;
	replay_keep(replay, parts, 2, bytes, 2, ROOMY);
	assert_string_equal(behind(replay, 0), "m1 52-[..]+one+two");
	replay_free(replay);
}

static void what_memory_could_not_keep_is_a_gap(void **state)
{
	const struct span part = SPAN("52-"), bytes = SPAN("one");

	(void)state;
	for (int fails_at = 1; fails_at <= 3; fails_at++) {
		struct replay *replay = kept(2, ROOMY);

		fail_alloc_at(fails_at);
		replay_keep(replay, &part, 1, &bytes, 1, ROOMY);
		assert_true(fail_alloc_stop());
		assert_int_equal(replay_next(replay), 4);
		assert_false(replay_reaches(replay, 2));
		assert_true(replay_reaches(replay, 3));
		assert_string_equal(behind(replay, 0), "");
		replay_free(replay);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lies_behind_a_number_comes_in_order),
		cmocka_unit_test(every_number_that_was_given_is_reached),
		cmocka_unit_test(nothing_sent_is_reached_from_the_start),
		cmocka_unit_test(
			what_has_come_is_forgotten_and_not_reached_from_before),
		cmocka_unit_test(the_oldest_make_way_and_leave_a_gap),
		cmocka_unit_test(
			one_that_is_too_big_is_a_gap_and_empties_the_rest),
		cmocka_unit_test(attachments_stay_with_their_packet),
		cmocka_unit_test(what_memory_could_not_keep_is_a_gap),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
