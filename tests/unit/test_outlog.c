/* test_outlog.c: what is kept for a receiver, and who hears what became of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "hub/outlog.h"

#define MAX_WAITERS 64

/* One who waits, and what it was told. */
struct witness {
	struct waiter waiter; /* first: the waiter is the witness */
	unsigned told;
	enum delivery outcome;
	unsigned order; /* among all that were told */
};

static struct witness witnesses[MAX_WAITERS];
static unsigned told_count;

static void settle(struct waiter *waiter, enum delivery outcome)
{
	struct witness *witness = (struct witness *)waiter;

	witness->told++;
	witness->outcome = outcome;
	witness->order = ++told_count;
}

static struct outlog kept;
static struct outlog_limits limits;

static int setup(void **state)
{
	(void)state;
	memset(witnesses, 0, sizeof(witnesses));
	told_count = 0;
	kept = (struct outlog){0};
	limits = (struct outlog_limits){.max_bytes = 1000, .max_messages = 10};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	outlog_clear(&kept, GONE);
	return 0;
}

/* A receipt of the witness of that number. */
static struct receipt receipt_of(unsigned i)
{
	witnesses[i].waiter.settle = settle;
	return (struct receipt){.waiter = &witnesses[i].waiter};
}

typedef int keeper(struct outlog *log, const struct outlog_limits *limits,
		   struct blob *frame, const struct receipt *receipt);

/* A frame that says its number, padded to so many bytes. */
static int keep(keeper *by, unsigned number, size_t len,
		const struct receipt *receipt)
{
	char text[2048];
	struct blob *frame;
	int err;

	assert_true(len < sizeof(text));
	(void)snprintf(text, sizeof(text), "%-*u", (int)len, number);
	frame = blob_new(&(struct span){text, len}, 1);
	assert_non_null(frame);
	err = by(&kept, &limits, frame, receipt);
	assert_int_equal(frame->refs, err ? 1 : 2);
	blob_unref(frame);
	return err;
}

static int add(unsigned number, size_t len)
{
	return keep(outlog_add, number, len, NULL);
}

static int add_for(unsigned number, unsigned witness)
{
	struct receipt receipt = receipt_of(witness);

	return keep(outlog_add, number, 8, &receipt);
}

static int push(unsigned number, size_t len)
{
	return keep(outlog_push, number, len, NULL);
}

static int push_for(unsigned number, size_t len, unsigned witness)
{
	struct receipt receipt = receipt_of(witness);

	return keep(outlog_push, number, len, &receipt);
}

struct walk {
	unsigned next;
	unsigned count;
};

static void see(const struct share *frame, void *arg)
{
	struct walk *walk = arg;

	assert_int_equal(strtoul(share_span(frame).ptr, NULL, 10), walk->next);
	walk->next++;
	walk->count++;
}

/* The frames that are kept are those of these numbers, in order. */
static void assert_kept(unsigned first, unsigned count)
{
	struct walk walk = {.next = first};

	outlog_each(&kept, see, &walk);
	assert_int_equal(walk.count, count);
}

static void assert_told(unsigned witness, enum delivery outcome)
{
	assert_int_equal(witnesses[witness].told, 1);
	assert_int_equal(witnesses[witness].outcome, outcome);
}

static void assert_waiting(unsigned witness)
{
	assert_int_equal(witnesses[witness].told, 0);
}

static void what_is_kept_comes_back_in_order_until_acknowledged(void **state)
{
	(void)state;
	assert_true(outlog_is_empty(&kept));
	for (unsigned i = 1; i <= 5; i++)
		assert_int_equal(add(i, 10), 0);
	assert_int_equal(kept.sent, 5);
	assert_int_equal(kept.bytes, 50);
	assert_kept(1, 5);
	outlog_ack(&kept, 2);
	assert_kept(3, 3);
	assert_int_equal(kept.bytes, 30);
	outlog_ack(&kept, 5);
	assert_kept(6, 0);
	assert_true(outlog_is_empty(&kept));
	assert_int_equal(kept.bytes, 0);
	assert_int_equal(add(6, 10), 0);
	assert_int_equal(kept.sent, 6);
	assert_kept(6, 1);
}

/* The ring grows while its beginning lies anywhere in it. */
static void order_survives_growth_and_wrapping_around(void **state)
{
	(void)state;
	limits.max_messages = 100;
	limits.max_bytes = 100000;
	for (unsigned lead = 0; lead <= 20; lead++) {
		unsigned first = 1, next = 1;

		while (next <= lead) {
			assert_int_equal(add(next, 9), 0);
			outlog_ack(&kept, next++);
		}
		first = next;
		for (unsigned round = 0; round < 3; round++) {
			for (unsigned i = 0; i < 30; i++) {
				assert_int_equal(add(next++, 9), 0);
				assert_kept(first, next - first);
			}
			first += 10 + lead;
			outlog_ack(&kept, first - 1);
			assert_kept(first, next - first);
		}
		assert_int_equal(kept.bytes, (next - first) * 9);
		outlog_clear(&kept, GONE);
	}
}

static void
an_empty_log_gives_a_large_ring_back_and_keeps_a_small_one(void **state)
{
	(void)state;
	limits.max_messages = 100;
	limits.max_bytes = 100000;
	for (unsigned i = 1; i <= 16; i++)
		assert_int_equal(add(i, 9), 0);
	outlog_ack(&kept, 16);
	assert_int_equal(kept.cap, 16);
	for (unsigned i = 17; i <= 33; i++)
		assert_int_equal(add(i, 9), 0);
	assert_int_equal(kept.cap, 32);
	outlog_ack(&kept, 32);
	assert_int_equal(kept.cap, 32);
	outlog_ack(&kept, 33);
	assert_int_equal(kept.cap, 0);
	assert_null(kept.entries);
	assert_int_equal(add(34, 9), 0);
	assert_kept(34, 1);
}

static void a_full_log_refuses_and_is_as_before(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 10; i++)
		assert_int_equal(add(i, 10), 0);
	assert_int_equal(add(11, 10), -ENOBUFS);
	assert_int_equal(kept.sent, 10);
	assert_int_equal(kept.bytes, 100);
	assert_kept(1, 10);
	outlog_ack(&kept, 1);
	assert_int_equal(add(11, 10), 0);
	assert_kept(2, 10);
}

static void bytes_are_limited_to_the_last_one(void **state)
{
	(void)state;
	assert_int_equal(add(1, 400), 0);
	assert_int_equal(add(2, 601), -ENOBUFS);
	assert_int_equal(add(2, 600), 0);
	assert_int_equal(add(3, 1), -ENOBUFS);
	assert_int_equal(add(3, 0), 0);
	outlog_ack(&kept, 1);
	assert_int_equal(add(4, 401), -ENOBUFS);
	assert_int_equal(add(4, 400), 0);
}

/* Also when a reload has made the limits smaller than what is kept. */
static void limits_may_shrink_below_what_is_kept(void **state)
{
	(void)state;
	assert_int_equal(add(1, 400), 0);
	assert_int_equal(add(2, 400), 0);
	limits.max_bytes = 100;
	assert_int_equal(add(3, 0), -ENOBUFS);
	outlog_ack(&kept, 2);
	assert_int_equal(add(3, 50), 0);
}

static void one_message_always_fits_an_empty_log(void **state)
{
	(void)state;
	assert_int_equal(add(1, 1500), 0);
	assert_int_equal(add(2, 1), -ENOBUFS);
	outlog_ack(&kept, 1);
	assert_int_equal(add(2, 1500), 0);
	assert_kept(2, 1);
}

static void the_beginning_moves_with_what_is_acknowledged(void **state)
{
	(void)state;
	assert_true(outlog_reaches(&kept, 0));
	assert_false(outlog_reaches(&kept, 1));
	for (unsigned i = 1; i <= 5; i++)
		assert_int_equal(add(i, 10), 0);
	for (uint64_t sn = 0; sn <= 5; sn++)
		assert_true(outlog_reaches(&kept, sn));
	assert_false(outlog_reaches(&kept, 6));
	outlog_ack(&kept, 3);
	for (uint64_t sn = 0; sn <= 6; sn++)
		assert_int_equal(outlog_reaches(&kept, sn), sn >= 3 && sn <= 5);
	outlog_ack(&kept, 2); /* an old one changes nothing */
	assert_true(outlog_reaches(&kept, 3));
	assert_kept(4, 2);
}

static void an_acknowledgement_beyond_what_was_sent_is_one_of_all(void **state)
{
	(void)state;
	assert_int_equal(add_for(1, 1), 0);
	outlog_ack(&kept, UINT64_MAX);
	assert_told(1, DELIVERED);
	assert_true(outlog_reaches(&kept, 1));
	assert_false(outlog_reaches(&kept, 2));
	/* and is none of what comes later */
	assert_int_equal(add_for(2, 2), 0);
	assert_waiting(2);
	assert_kept(2, 1);
}

static void who_waits_is_told_once_in_order(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(add_for(i, i), 0);
	outlog_ack(&kept, 2);
	assert_told(1, DELIVERED);
	assert_told(2, DELIVERED);
	assert_waiting(3);
	outlog_ack(&kept, 2);
	outlog_ack(&kept, 3);
	assert_told(3, DELIVERED);
	outlog_clear(&kept, RESTARTED);
	assert_told(4, RESTARTED);
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(witnesses[i].order, i);
}

static void a_cleared_log_begins_anew(void **state)
{
	struct blob *frame = blob_new(&SPAN("frame"), 1);

	(void)state;
	assert_int_equal(outlog_add(&kept, &limits, frame, NULL), 0);
	assert_int_equal(add_for(2, 2), 0);
	outlog_ack(&kept, 1);
	outlog_clear(&kept, GONE);
	assert_int_equal(frame->refs, 1);
	blob_unref(frame);
	assert_told(2, GONE);
	assert_null(kept.entries);
	assert_int_equal(kept.sent, 0);
	assert_int_equal(kept.bytes, 0);
	assert_true(outlog_reaches(&kept, 0));
	assert_int_equal(add(1, 10), 0);
	assert_int_equal(kept.sent, 1);
	outlog_clear(&kept, GONE);
	outlog_clear(&kept, GONE);
}

static void
what_is_passed_over_has_a_position_and_ends_what_can_be_resumed(void **state)
{
	(void)state;
	assert_int_equal(add_for(1, 1), 0);
	outlog_pass(&kept);
	assert_int_equal(add_for(3, 3), 0);
	assert_int_equal(kept.sent, 3);
	assert_false(outlog_reaches(&kept, 0));
	assert_false(outlog_reaches(&kept, 1));
	assert_true(outlog_reaches(&kept, 2));
	assert_waiting(1);
	/* Who has what was passed over has what was before it. */
	outlog_ack(&kept, 2);
	assert_told(1, DELIVERED);
	assert_waiting(3);
	assert_kept(3, 1);
	outlog_ack(&kept, 3);
	assert_told(3, DELIVERED);
}

static void a_log_may_begin_with_what_is_passed_over(void **state)
{
	(void)state;
	outlog_pass(&kept);
	assert_false(outlog_reaches(&kept, 0));
	assert_true(outlog_reaches(&kept, 1));
	assert_int_equal(add(2, 10), 0);
	outlog_ack(&kept, 1);
	assert_kept(2, 1);
}

static void a_receipt_without_a_frame_takes_a_place_and_no_bytes(void **state)
{
	struct receipt receipt;

	(void)state;
	limits.max_bytes = 0;
	for (unsigned i = 1; i <= 10; i++) {
		receipt = receipt_of(i);
		assert_int_equal(outlog_add(&kept, &limits, NULL, &receipt), 0);
	}
	receipt = receipt_of(11);
	assert_int_equal(outlog_add(&kept, &limits, NULL, &receipt), -ENOBUFS);
	assert_waiting(11);
	outlog_ack(&kept, 4);
	assert_told(4, DELIVERED);
	assert_waiting(5);
}

/* --- outlog_push() --- */

static void a_push_gives_up_the_oldest_frames_of_a_full_log(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 12; i++)
		assert_int_equal(push(i, 10), 0);
	assert_int_equal(kept.len, 10);
	assert_kept(3, 10);
	assert_false(outlog_reaches(&kept, 1));
	assert_true(outlog_reaches(&kept, 2));
	assert_int_equal(push(13, 950), 0);
	assert_int_equal(kept.bytes, 1000);
	assert_kept(8, 6);
	assert_false(outlog_reaches(&kept, 6));
	assert_true(outlog_reaches(&kept, 7));
	assert_int_equal(push(14, 1500), 0);
	assert_kept(14, 1);
	assert_true(outlog_reaches(&kept, 13));
	assert_false(outlog_reaches(&kept, 12));
}

static void a_push_keeps_the_receipts_of_the_frames_it_gives_up(void **state)
{
	(void)state;
	assert_int_equal(push_for(1, 400, 1), 0);
	assert_int_equal(push(2, 400), 0);
	assert_int_equal(push_for(3, 400, 3), 0);
	assert_kept(2, 2);
	assert_int_equal(push_for(4, 900, 4), 0);
	assert_kept(4, 1);
	assert_int_equal(kept.bytes, 900);
	for (unsigned i = 1; i <= 4; i++)
		assert_waiting(i);
	outlog_ack(&kept, 1);
	assert_told(1, DELIVERED);
	assert_waiting(3);
	outlog_clear(&kept, GONE);
	assert_told(3, GONE);
	assert_told(4, GONE);
}

static void
a_push_is_refused_where_the_oldest_of_too_many_is_waited_for(void **state)
{
	(void)state;
	assert_int_equal(push_for(1, 10, 1), 0);
	for (unsigned i = 2; i <= 10; i++)
		assert_int_equal(push(i, 10), 0);
	assert_int_equal(push_for(11, 10, 11), -ENOBUFS);
	assert_waiting(11);
	assert_kept(1, 10);
	assert_int_equal(kept.sent, 10);
	assert_true(outlog_reaches(&kept, 0));
	outlog_ack(&kept, 1);
	assert_int_equal(push_for(11, 10, 11), 0);
	assert_kept(2, 10);
}

/* However large it is: nothing that is connected is disturbed by its log. */
static void
a_push_fits_beside_receipts_that_have_no_frame_any_more(void **state)
{
	(void)state;
	assert_int_equal(push_for(1, 600, 1), 0);
	assert_int_equal(push_for(2, 1500, 2), 0);
	assert_kept(2, 1);
	assert_int_equal(push(3, 1500), 0);
	assert_kept(3, 1);
	assert_int_equal(kept.bytes, 1500);
	assert_waiting(1);
	outlog_ack(&kept, 3);
	assert_told(1, DELIVERED);
	assert_told(2, DELIVERED);
	assert_int_equal(kept.bytes, 0);
}

static void what_an_acknowledgement_reaches_may_be_bare_in_part(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(push_for(i, 300, i), 0);
	assert_kept(2, 3);
	outlog_ack(&kept, 2);
	assert_kept(3, 2);
	assert_int_equal(kept.bytes, 600);
	assert_int_equal(push(5, 300), 0);
	assert_int_equal(push(6, 300), 0);
	assert_kept(4, 3);
	outlog_ack(&kept, 6);
	for (unsigned i = 1; i <= 4; i++)
		assert_told(i, DELIVERED);
}

/* --- memory --- */

static void without_memory_nothing_is_kept_and_nothing_changes(keeper *by)
{
	struct receipt receipt = receipt_of(5);
	struct blob *frame = blob_new(&SPAN("5"), 1);

	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(add(i, 9), 0);
	fail_alloc_at(1);
	assert_int_equal(by(&kept, &limits, frame, &receipt), -ENOMEM);
	assert_true(fail_alloc_stop());
	assert_int_equal(frame->refs, 1);
	assert_int_equal(kept.sent, 4);
	assert_int_equal(kept.bytes, 36);
	assert_kept(1, 4);
	assert_waiting(5);
	assert_int_equal(by(&kept, &limits, frame, &receipt), 0);
	assert_kept(1, 5);
	blob_unref(frame);
	outlog_clear(&kept, GONE);
	assert_told(5, GONE);
}

static void an_addition_without_memory_changes_nothing(void **state)
{
	(void)state;
	without_memory_nothing_is_kept_and_nothing_changes(outlog_add);
}

static void a_push_without_memory_changes_nothing(void **state)
{
	(void)state;
	without_memory_nothing_is_kept_and_nothing_changes(outlog_push);
}

/* A frame that says its number, written by the log itself. */
static int write_padded(unsigned number, size_t len,
			const struct receipt *receipt)
{
	char text[4096];
	struct span parts[] = {{text, 4}, {text + 4, len - 4}};
	struct share frame;
	int err;

	assert_true(len < sizeof(text));
	(void)snprintf(text, sizeof(text), "%-*u", (int)len, number);
	err = outlog_write(&kept, &limits, parts, 2, receipt, &frame);
	if (!err)
		assert_memory_equal(share_span(&frame).ptr, text, len);
	return err;
}

static void what_the_log_writes_is_kept_beside_what_it_was_given(void **state)
{
	struct receipt receipt = receipt_of(0);

	(void)state;
	limits.max_bytes = SIZE_MAX;
	assert_int_equal(write_padded(1, 300, &receipt), 0);
	assert_int_equal(add(2, 300), 0);
	assert_int_equal(write_padded(3, 300, NULL), 0);
	assert_kept(1, 3);
	outlog_ack(&kept, 1);
	assert_told(0, DELIVERED);
	assert_kept(2, 2);
	outlog_ack(&kept, 3);
	assert_int_equal(kept.bytes, 0);
	assert_null(kept.shelf.blob);
	assert_int_equal(write_padded(4, 300, NULL), 0);
	assert_kept(4, 1);
}

/* Frames that leave much of the memory empty are fewer. */
static void what_is_left_empty_counts_as_kept(void **state)
{
	unsigned count = 0;

	(void)state;
	limits = (struct outlog_limits){.max_bytes = 80000, .max_messages = 99};
	while (!write_padded(count + 1, 900, NULL))
		count++;
	/* Eight to a blob, and 800 bytes more than their own for the next. */
	assert_int_equal(count, 80000 / (8 * 900 + 800) * 8);
	assert_in_range(kept.bytes, count * 900, 80000);
	outlog_ack(&kept, count);
	assert_int_equal(kept.bytes, 0);
}

/* Its receiver is sent nothing, and could not name its position. */
static void who_awaits_what_is_kept_takes_no_position(void **state)
{
	struct receipt receipt = receipt_of(0);

	(void)state;
	assert_int_equal(add(1, 8), 0);
	assert_int_equal(outlog_await(&kept, &limits, &receipt), 0);
	assert_int_equal(kept.sent, 1);
	assert_int_equal(kept.bytes, 8);
	assert_int_equal(add(2, 8), 0);
	assert_int_equal(kept.sent, 2);
	outlog_ack(&kept, 1);
	assert_told(0, DELIVERED);
	assert_true(outlog_reaches(&kept, 1));
	assert_kept(2, 1);
}

static void only_so_many_may_await(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct receipt receipt = receipt_of(i);

		assert_int_equal(outlog_await(&kept, &limits, &receipt), 0);
	}
	assert_int_equal(outlog_await(&kept, &limits, NULL), -ENOBUFS);
}

/* As for a client that is connected: it is not disturbed. */
static void where_there_is_no_room_to_await_the_oldest_goes(void **state)
{
	struct receipt receipt = receipt_of(0);

	(void)state;
	for (unsigned i = 1; i <= 10; i++)
		assert_int_equal(push(i, 8), 0);
	assert_int_equal(outlog_await(&kept, &limits, &receipt), 0);
	assert_false(outlog_reaches(&kept, 0));
	assert_true(outlog_reaches(&kept, 1));
	assert_waiting(0);
	outlog_ack(&kept, 10);
	assert_told(0, DELIVERED);
}

static void what_was_reserved_needs_no_memory(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		struct receipt receipt = receipt_of(i);
		int err;

		assert_int_equal(outlog_reserve(&kept), 0);
		fail_alloc_at(1);
		err = outlog_add(&kept, &limits, NULL, &receipt);
		assert_false(fail_alloc_stop());
		assert_int_equal(err, 0);
	}
}

static void writing_without_memory_changes_nothing(void **state)
{
	struct receipt receipt = receipt_of(5);

	(void)state;
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(write_padded(i, 9, NULL), 0);
	for (long n = 1;; n++) {
		int err;

		fail_alloc_at(n);
		err = write_padded(5, 600, &receipt);
		if (!fail_alloc_stop())
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(kept.sent, 4);
		assert_int_equal(kept.bytes, 36);
		assert_kept(1, 4);
		assert_waiting(5);
	}
	assert_kept(1, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_kept_comes_back_in_order_until_acknowledged),
		TEST(order_survives_growth_and_wrapping_around),
		TEST(an_empty_log_gives_a_large_ring_back_and_keeps_a_small_one),
		TEST(a_full_log_refuses_and_is_as_before),
		TEST(bytes_are_limited_to_the_last_one),
		TEST(limits_may_shrink_below_what_is_kept),
		TEST(one_message_always_fits_an_empty_log),
		TEST(the_beginning_moves_with_what_is_acknowledged),
		TEST(an_acknowledgement_beyond_what_was_sent_is_one_of_all),
		TEST(who_waits_is_told_once_in_order),
		TEST(a_cleared_log_begins_anew),
		TEST(what_is_passed_over_has_a_position_and_ends_what_can_be_resumed),
		TEST(a_log_may_begin_with_what_is_passed_over),
		TEST(a_receipt_without_a_frame_takes_a_place_and_no_bytes),
		TEST(a_push_gives_up_the_oldest_frames_of_a_full_log),
		TEST(a_push_keeps_the_receipts_of_the_frames_it_gives_up),
		TEST(a_push_is_refused_where_the_oldest_of_too_many_is_waited_for),
		TEST(a_push_fits_beside_receipts_that_have_no_frame_any_more),
		TEST(what_an_acknowledgement_reaches_may_be_bare_in_part),
		TEST(an_addition_without_memory_changes_nothing),
		TEST(a_push_without_memory_changes_nothing),
		TEST(what_the_log_writes_is_kept_beside_what_it_was_given),
		TEST(what_is_left_empty_counts_as_kept),
		TEST(who_awaits_what_is_kept_takes_no_position),
		TEST(only_so_many_may_await),
		TEST(where_there_is_no_room_to_await_the_oldest_goes),
		TEST(what_was_reserved_needs_no_memory),
		TEST(writing_without_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
