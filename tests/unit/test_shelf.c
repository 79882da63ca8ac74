/* test_shelf.c: small pieces side by side: their bytes, their memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/shelf.h"
#include "fail_alloc.h"

static char bytes[20000];

static struct share put(struct shelf *shelf, size_t len)
{
	struct span parts[] = {{bytes, len / 3},
			       {bytes + len / 3, len - len / 3}};
	struct share share;

	assert_int_equal(shelf_put(shelf, parts, 2, &share), 0);
	assert_int_equal(share.len, len);
	assert_memory_equal(share_span(&share).ptr, bytes, len);
	return share;
}

static void pieces_lie_side_by_side_as_long_as_they_fit(void **state)
{
	struct shelf shelf = {0};
	struct share first = put(&shelf, 4000), second = put(&shelf, 3500),
		     third = put(&shelf, 600);

	(void)state;
	assert_ptr_equal(first.blob, second.blob);
	assert_int_equal(second.start, first.start + first.len);
	assert_ptr_not_equal(second.blob, third.blob);
	assert_memory_equal(share_span(&first).ptr, bytes, 4000);
	shelf_take(&shelf, &first);
	shelf_take(&shelf, &second);
	shelf_close(&shelf);
	assert_memory_equal(share_span(&third).ptr, bytes, 600);
	shelf_take(&shelf, &third);
}

static void a_piece_that_would_leave_much_empty_stands_alone(void **state)
{
	struct shelf shelf = {0};
	struct share first = put(&shelf, 4000), second = put(&shelf, 2500),
		     third = put(&shelf, 2500), fourth = put(&shelf, 1500);

	(void)state;
	assert_ptr_equal(first.blob, second.blob);
	assert_ptr_not_equal(third.blob, first.blob);
	assert_int_equal(third.blob->refs, 1);
	assert_ptr_equal(fourth.blob, first.blob);
	shelf_take(&shelf, &first);
	shelf_take(&shelf, &second);
	shelf_take(&shelf, &third);
	shelf_take(&shelf, &fourth);
	shelf_close(&shelf);
}

static void a_large_piece_stands_alone_and_closes_nothing(void **state)
{
	struct shelf shelf = {0};
	struct share small = put(&shelf, 10), large = put(&shelf, 15000),
		     next = put(&shelf, 10);

	(void)state;
	assert_ptr_not_equal(large.blob, small.blob);
	assert_int_equal(large.blob->refs, 1);
	assert_ptr_equal(next.blob, small.blob);
	shelf_take(&shelf, &small);
	shelf_take(&shelf, &large);
	shelf_take(&shelf, &next);
	shelf_close(&shelf);
}

/* Whatever is put there, all that malloc gave is in the costs but for the end
 * of the blob in use. */
static void the_cost_counts_what_is_left_empty(void **state)
{
	struct shelf shelf = {0};
	struct share first = put(&shelf, 4000), second = put(&shelf, 3200);

	(void)state;
	assert_int_equal(shelf_cost(&shelf, 0), 0);
	assert_int_equal(shelf_cost(&shelf, 800), 800);
	assert_int_equal(shelf_cost(&shelf, 801), 801 + 800);
	assert_int_equal(shelf_cost(&shelf, 4001), 4001);
	shelf_take(&shelf, &first);
	shelf_take(&shelf, &second);
	shelf_close(&shelf);
	assert_int_equal(shelf_cost(&shelf, 3000), 3000);
}

static void memory_goes_to_the_pool_with_its_last_piece(void **state)
{
	struct shelf_pool pool = {0};
	struct shelf a = {.pool = &pool}, b = {.pool = &pool};
	struct share first = put(&a, 100), large = put(&a, 15000), second;
	struct blob *memory = first.blob;

	(void)state;
	shelf_take(&a, &first);
	assert_int_equal(pool.len, 0);
	shelf_close(&a);
	shelf_take(&a, &large);
	assert_int_equal(pool.len, 1);
	second = put(&b, 200);
	assert_ptr_equal(second.blob, memory);
	assert_int_equal(second.start, 0);
	assert_int_equal(pool.len, 0);
	/* Somebody else has the last reference: it is freed there. */
	(void)blob_ref(memory);
	shelf_take(&b, &second);
	shelf_close(&b);
	assert_int_equal(pool.len, 0);
	blob_unref(memory);
	shelf_pool_clear(&pool);
}

static void a_pool_is_bounded(void **state)
{
	struct shelf_pool pool = {0};
	struct shelf shelves[100];
	struct share shares[100];

	(void)state;
	for (int i = 0; i < 100; i++) {
		shelves[i] = (struct shelf){.pool = &pool};
		shares[i] = put(&shelves[i], 10);
	}
	for (int i = 0; i < 100; i++) {
		shelf_take(&shelves[i], &shares[i]);
		shelf_close(&shelves[i]);
	}
	assert_int_equal(pool.len, SHELF_POOL_CAP);
	shelf_pool_clear(&pool);
	assert_int_equal(pool.len, 0);
}

static void without_memory_nothing_is_put_and_what_was_stays(void **state)
{
	static const size_t lens[] = {900, 15000};
	struct shelf shelf = {0};
	struct share first = put(&shelf, 4000), second = put(&shelf, 3200);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct span span = {bytes, lens[i]};
		struct share share;
		int err;

		fail_alloc_at(1);
		err = shelf_put(&shelf, &span, 1, &share);
		assert_true(fail_alloc_stop());
		assert_int_equal(err, -ENOMEM);
	}
	assert_int_equal(shelf_cost(&shelf, 801), 801 + 800);
	assert_ptr_equal(first.blob, second.blob);
	shelf_take(&shelf, &first);
	shelf_take(&shelf, &second);
	shelf_close(&shelf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_lie_side_by_side_as_long_as_they_fit),
		cmocka_unit_test(
			a_piece_that_would_leave_much_empty_stands_alone),
		cmocka_unit_test(a_large_piece_stands_alone_and_closes_nothing),
		cmocka_unit_test(the_cost_counts_what_is_left_empty),
		cmocka_unit_test(memory_goes_to_the_pool_with_its_last_piece),
		cmocka_unit_test(a_pool_is_bounded),
		cmocka_unit_test(
			without_memory_nothing_is_put_and_what_was_stays),
	};

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 256);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
