/* test_spool.c: numbered records on disk, over crashes, bounds and damage. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "policy/spool.h"
#include "policy/state_file.h"
#include "state_dir.h"

#define BOUND SPOOL_MIN_BYTES

static int setup(void **state)
{
	(void)state;
	return state_dir_make();
}

static int teardown(void **state)
{
	(void)state;
	return state_dir_remove();
}

static struct spool *open_good(size_t max_bytes)
{
	struct spool *spool;

	assert_int_equal(spool_open(&spool, state_dir, max_bytes), 0);
	return spool;
}

/* As after kill -9: what was flushed is there, and nothing was said of an end.
 * The memory is given up for it. */
static struct spool *crash(struct spool *spool, size_t max_bytes)
{
	char before[1024];

	(void)snprintf(before, sizeof(before), "%s", state_read("stream"));
	spool_close(spool);
	state_write("stream", before);
	return open_good(max_bytes);
}

static void put(struct spool *spool, const char *text)
{
	spool_put(spool, span_from(text));
	assert_int_equal(spool_flush(spool), 0);
}

static void assert_read(struct spool *spool, size_t max, uint64_t missing_from,
			uint64_t first, const char *texts)
{
	struct spool_batch batch;

	assert_int_equal(spool_read(spool, max, 100000, &batch), 0);
	buf_append(&batch.texts, "", 1);
	assert_string_equal(batch.texts.ptr, texts);
	if (batch.count)
		assert_int_equal(batch.first, first);
	assert_int_equal(batch.missing_from, missing_from);
	buf_clear(&batch.texts);
}

static void records_come_in_order_until_they_are_acknowledged(void **state)
{
	struct spool *spool = open_good(BOUND);

	(void)state;
	assert_int_equal(spool_last(spool), 0);
	assert_read(spool, 9, 0, 0, "");
	put(spool, "a");
	spool_put(spool, SPAN("b"));
	spool_put(spool, SPAN("c"));
	assert_read(spool, 9, 0, 1, "a"); /* the others are not there yet */
	assert_int_equal(spool_flush(spool), 0);
	assert_int_equal(spool_last(spool), 3);
	assert_read(spool, 2, 0, 1, "a,b");
	assert_read(spool, 9, 0, 1, "a,b,c");
	spool_ack(spool, 2);
	assert_read(spool, 9, 0, 3, "c");
	spool_ack(spool, 1); /* late: it changes nothing */
	spool_ack(spool, 99);
	assert_read(spool, 9, 0, 3, "c");
	spool_ack(spool, 3);
	assert_read(spool, 9, 0, 0, "");
	put(spool, "d");
	assert_read(spool, 9, 0, 4, "d");
	spool_close(spool);
}

static void all_of_it_outlives_a_crash(void **state)
{
	struct spool *spool = open_good(BOUND);
	char stream[CRYPTO_ID_LEN + 1];

	(void)state;
	(void)snprintf(stream, sizeof(stream), "%s", spool_stream(spool));
	put(spool, "a");
	put(spool, "b");
	spool_ack(spool, 1);
	spool = crash(spool, BOUND);
	assert_string_equal(spool_stream(spool), stream);
	assert_int_equal(spool_last(spool), 2);
	assert_read(spool, 9, 0, 2, "b");
	put(spool, "c");
	assert_read(spool, 9, 0, 2, "b,c");
	spool_ack(spool, 3);
	spool = crash(spool, BOUND);
	assert_read(spool, 9, 0, 0, "");
	put(spool, "d");
	assert_read(spool, 9, 0, 4, "d");
	spool_close(spool);
}

/* The path of the only file of records. */
static const char *records(void)
{
	return state_path("00000000000000000001.log");
}

static void half_a_line_at_the_end_is_cut_off(void **state)
{
	static const char *const halves[] = {"0", "01234567 3 x",
					     "01234567 3 x\n", "\n\n", "x"};
	struct spool *spool = open_good(BOUND);

	(void)state;
	put(spool, "a");
	put(spool, "b");
	for (size_t i = 0; i < sizeof(halves) / sizeof(*halves); i++) {
		assert_int_equal(
			state_file_append(records(), span_from(halves[i])), 0);
		spool = crash(spool, BOUND);
		assert_read(spool, 9, 0, 1, "a,b");
		assert_int_equal(spool_last(spool), 2);
	}
	put(spool, "c");
	assert_read(spool, 9, 0, 1, "a,b,c");
	spool_close(spool);
}

/* Change a byte of the file. */
static void spoil(const char *path, off_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	assert_int_equal(close(fd), 0);
}

static void a_damaged_record_is_a_gap_between_batches(void **state)
{
	struct spool *spool = open_good(BOUND);

	(void)state;
	put(spool, "a");
	put(spool, "b");
	put(spool, "c");
	spoil(records(), 24); /* lines are of 13 bytes */
	assert_read(spool, 9, 0, 1, "a");
	spool_ack(spool, 1);
	assert_read(spool, 9, 2, 3, "c");
	spool = crash(spool, BOUND);
	assert_read(spool, 9, 2, 3, "c");
	spool_close(spool);
}

static void without_knowing_what_was_acknowledged_all_comes_again(void **state)
{
	struct spool *spool = open_good(BOUND);

	(void)state;
	put(spool, "a");
	put(spool, "b");
	spool_ack(spool, 1);
	spoil(state_path("acked"), 20);
	spool = crash(spool, BOUND);
	assert_read(spool, 9, 0, 1, "a,b");
	spool_close(spool);
}

static void fill(struct spool *spool, unsigned count)
{
	char text[1001];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned i = 0; i < count; i++)
		put(spool, text);
}

static void beyond_the_bound_the_oldest_goes(void **state)
{
	struct spool *spool = open_good(BOUND);
	struct spool_facts facts;
	struct spool_batch batch;

	(void)state;
	fill(spool, 200);
	spool_facts(spool, &facts);
	assert_true(facts.bytes <= BOUND);
	assert_true(facts.bytes > BOUND / 2);
	assert_int_equal(facts.waiting + facts.dropped, 200);
	assert_int_equal(spool_read(spool, 9, 100000, &batch), 0);
	assert_int_equal(batch.missing_from, 1);
	assert_int_equal(batch.first, facts.dropped + 1);
	buf_clear(&batch.texts);
	spool = crash(spool, BOUND);
	assert_int_equal(spool_last(spool), 200);
	assert_int_equal(spool_read(spool, 999, 1000000, &batch), 0);
	assert_int_equal(batch.missing_from, 1);
	assert_int_equal(batch.last, 200);
	assert_int_equal(batch.count, 200 - facts.dropped);
	buf_clear(&batch.texts);
	spool_close(spool);
}

static void what_is_acknowledged_makes_room(void **state)
{
	struct spool *spool = open_good(BOUND);
	struct spool_facts facts;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		fill(spool, 40);
		spool_ack(spool, spool_last(spool));
	}
	spool_facts(spool, &facts);
	assert_int_equal(facts.dropped, 0);
	assert_int_equal(facts.waiting, 0);
	assert_true(facts.bytes <= BOUND / 8 + 2000);
	spool_close(spool);
}

static void however_many_are_put_at_once_none_is_lost(void **state)
{
	struct spool *spool = open_good(BOUND * 64);
	struct spool_facts facts;

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		spool_put(spool, SPAN("{\"a\":1}"));
	assert_int_equal(spool_flush(spool), 0);
	spool_facts(spool, &facts);
	assert_int_equal(facts.dropped, 0);
	assert_int_equal(facts.waiting, 100000);
	spool_close(spool);
}

static void batches_are_bounded_and_one_record_always_fits(void **state)
{
	struct spool *spool = open_good(BOUND);
	struct spool_batch batch;

	(void)state;
	fill(spool, 10);
	assert_int_equal(spool_read(spool, 99, 3500, &batch), 0);
	assert_int_equal(batch.count, 3);
	buf_clear(&batch.texts);
	assert_int_equal(spool_read(spool, 99, 1, &batch), 0);
	assert_int_equal(batch.count, 1);
	buf_clear(&batch.texts);
	spool_close(spool);
}

static void what_is_skipped_or_too_long_is_a_gap(void **state)
{
	struct spool *spool = open_good(BOUND);
	char *text = calloc(1, SPOOL_MAX_RECORD + 2);
	struct spool_facts facts;

	(void)state;
	memset(text, 'x', SPOOL_MAX_RECORD + 1);
	put(spool, "a");
	put(spool, text);
	spool_skip(spool);
	put(spool, "d");
	assert_read(spool, 9, 0, 1, "a");
	spool_ack(spool, 1);
	assert_read(spool, 9, 2, 4, "d");
	spool_facts(spool, &facts);
	assert_int_equal(facts.dropped, 2);
	free(text);
	spool_close(spool);
}

/* A limit on the size of files stands for a disk that is full. */
static void what_cannot_be_written_is_dropped_and_shows(void **state)
{
	struct spool *spool = open_good(BOUND * 100);
	struct spool_facts facts;

	(void)state;
	put(spool, "a");
	state_limit_files(20); /* half of the second */
	spool_put(spool, SPAN("b"));
	assert_int_equal(spool_flush(spool), -EFBIG);
	state_limit_files(RLIM_INFINITY);
	put(spool, "c");
	assert_read(spool, 9, 0, 1, "a");
	spool_ack(spool, 1);
	assert_read(spool, 9, 2, 3, "c");
	spool_facts(spool, &facts);
	assert_int_equal(facts.dropped, 1);
	spool_close(spool);
}

static void set_boot(const char *how)
{
	char text[1100];

	(void)snprintf(text, sizeof(text), "%.*s another-boot %s\n",
		       CRYPTO_ID_LEN, state_read("stream"), how);
	state_write("stream", text);
}

static void after_a_power_failure_no_number_is_given_twice(void **state)
{
	struct spool *spool = open_good(BOUND);

	(void)state;
	put(spool, "a");
	spool_close(spool);
	set_boot("open");
	spool = open_good(BOUND);
	put(spool, "b");
	assert_int_equal(spool_last(spool), SPOOL_JUMP + 2);
	assert_read(spool, 9, 0, 1, "a");
	spool_ack(spool, 1);
	assert_read(spool, 9, 2, SPOOL_JUMP + 2, "b");
	spool_close(spool);
}

static void after_a_good_end_a_boot_changes_nothing(void **state)
{
	struct spool *spool = open_good(BOUND);

	(void)state;
	put(spool, "a");
	spool_close(spool);
	set_boot("clean");
	spool = open_good(BOUND);
	put(spool, "b");
	assert_read(spool, 9, 0, 1, "a,b");
	spool_close(spool);
}

/* Memory runs out at each place; no record is there, as their sums need it. */
static void
what_was_not_opened_whole_is_not_said_to_have_ended_well(void **state)
{
	struct spool *spool = open_good(BOUND);
	char before[1024];

	(void)state;
	spool_close(spool);
	set_boot("open");
	spoil(state_path("acked"), 20);
	(void)snprintf(before, sizeof(before), "%s", state_read("stream"));
	for (long n = 1;; n++) {
		int err;

		fail_alloc_at(n);
		err = spool_open(&spool, state_dir, BOUND);
		if (!fail_alloc_stop())
			break;
		assert_int_equal(err, -ENOMEM);
		assert_string_equal(state_read("stream"), before);
		assert_int_not_equal(
			strcmp(state_read("acked"), "00000000000000000000\n"),
			0);
	}
	put(spool, "b");
	assert_int_equal(spool_last(spool), SPOOL_JUMP + 1);
	spool_close(spool);
}

static void a_folder_is_of_one_at_a_time(void **state)
{
	struct spool *spool = open_good(BOUND), *other;
	char before[1024];

	(void)state;
	put(spool, "a");
	(void)snprintf(before, sizeof(before), "%s", state_read("stream"));
	assert_int_equal(spool_open(&other, state_dir, BOUND), -EBUSY);
	assert_string_equal(state_read("stream"), before);
	put(spool, "b");
	assert_read(spool, 9, 0, 1, "a,b");
	spool_close(spool);
	other = open_good(BOUND);
	assert_read(other, 9, 0, 1, "a,b");
	spool_close(other);
}

static uint64_t waiting(const struct spool *spool)
{
	struct spool_facts facts;

	spool_facts(spool, &facts);
	return facts.waiting;
}

static void numbers_that_were_jumped_over_do_not_wait(void **state)
{
	struct spool *spool = open_good(BOUND);

	(void)state;
	put(spool, "a");
	put(spool, "b");
	for (unsigned i = 0; i < 3; i++) {
		spool_close(spool);
		set_boot("open");
		spool = open_good(BOUND);
		assert_int_equal(waiting(spool), 2 + i);
		spool_put(spool, SPAN("c"));
		assert_int_equal(waiting(spool), 3 + i);
		assert_int_equal(spool_flush(spool), 0);
		assert_int_equal(waiting(spool), 3 + i);
	}
	/* With a file in which there is none. */
	for (unsigned i = 0; i < 2; i++) {
		spool_close(spool);
		set_boot("open");
		spool = open_good(BOUND);
	}
	assert_int_equal(waiting(spool), 5);
	spool_ack(spool, 1);
	assert_int_equal(waiting(spool), 4);
	spool_ack(spool, SPOOL_JUMP + 3);
	assert_int_equal(waiting(spool), 2);
	assert_read(spool, 9, SPOOL_JUMP + 4, 2 * SPOOL_JUMP + 4, "c");
	spool_ack(spool, spool_last(spool));
	assert_int_equal(waiting(spool), 0);
	spool_close(spool);
}

/* Nor were they dropped, when what is in front of them goes. */
static void numbers_that_were_jumped_over_are_not_dropped(void **state)
{
	struct spool *spool = open_good(BOUND);
	struct spool_facts facts;

	(void)state;
	put(spool, "a");
	spool_close(spool);
	set_boot("open");
	spool = crash(open_good(BOUND), BOUND);
	fill(spool, 200);
	spool_facts(spool, &facts);
	assert_int_equal(facts.waiting + facts.dropped, 201);
	spool_close(spool);
}

/* A file with nothing whole at its end may have had any number. */
static void a_damaged_end_in_front_of_others_is_a_gap(void **state)
{
	struct spool *spool = open_good(BOUND);

	(void)state;
	put(spool, "a");
	spool_close(spool);
	set_boot("open");
	spool = open_good(BOUND);
	put(spool, "b");
	spoil(records(), 11);
	spool = crash(spool, BOUND);
	assert_read(spool, 9, 1, SPOOL_JUMP + 2, "b");
	spool_close(spool);
}

static void a_folder_that_is_not_ours_is_refused(void **state)
{
	struct spool *spool = open_good(BOUND);

	(void)state;
	spool_close(spool);
	state_write("stream", "hello\n");
	assert_int_equal(spool_open(&spool, state_dir, BOUND), -EINVAL);
	assert_int_equal(spool_open(&spool, "/proc/none/spool", BOUND),
			 -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_come_in_order_until_they_are_acknowledged),
		TEST(all_of_it_outlives_a_crash),
		TEST(half_a_line_at_the_end_is_cut_off),
		TEST(a_damaged_record_is_a_gap_between_batches),
		TEST(without_knowing_what_was_acknowledged_all_comes_again),
		TEST(beyond_the_bound_the_oldest_goes),
		TEST(what_is_acknowledged_makes_room),
		TEST(however_many_are_put_at_once_none_is_lost),
		TEST(batches_are_bounded_and_one_record_always_fits),
		TEST(what_is_skipped_or_too_long_is_a_gap),
		TEST(what_cannot_be_written_is_dropped_and_shows),
		TEST(after_a_power_failure_no_number_is_given_twice),
		TEST(after_a_good_end_a_boot_changes_nothing),
		TEST(what_was_not_opened_whole_is_not_said_to_have_ended_well),
		TEST(a_folder_is_of_one_at_a_time),
		TEST(numbers_that_were_jumped_over_do_not_wait),
		TEST(numbers_that_were_jumped_over_are_not_dropped),
		TEST(a_damaged_end_in_front_of_others_is_a_gap),
		TEST(a_folder_that_is_not_ours_is_refused),
	};

	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
