/* test_outq.c: what goes into an output comes out, whatever the pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "net/outq.h"

#define MAX_BYTES 200000

/* Take n bytes from the front, as a socket that accepts just so much. */
static size_t take(struct outq *outq, size_t n, char *into)
{
	struct iovec iov[3];
	int count = outq_peek(outq, iov, 3);
	size_t taken = 0;

	for (int i = 0; i < count && taken < n; i++) {
		size_t part =
			iov[i].iov_len < n - taken ? iov[i].iov_len : n - taken;

		memcpy(into + taken, iov[i].iov_base, part);
		taken += part;
	}
	outq_consume(outq, taken);
	return taken;
}

static int append_blob(struct outq *outq, struct blob *blob)
{
	const struct share whole = share_of(blob);

	return outq_append_share(outq, &whole);
}

static void bytes_come_out_in_order_whatever_the_sizes(void **state)
{
	char *in = malloc(MAX_BYTES), *out = malloc(MAX_BYTES);
	struct outq outq = {0};
	size_t put = 0, got = 0;

	(void)state;
	srand(5);
	for (size_t i = 0; i < MAX_BYTES; i++)
		in[i] = (char)rand();
	while (put < MAX_BYTES - 6000) {
		size_t a = (size_t)rand() % 3000, b = (size_t)rand() % 2900;
		struct span parts[] = {{in + put, a}, {in + put + a, b}};

		if (rand() % 3) {
			assert_int_equal(outq_append(&outq, parts, 2), 0);
		} else {
			struct blob *blob = blob_new(parts, 2);

			assert_int_equal(append_blob(&outq, blob), 0);
			blob_unref(blob);
		}
		put += a + b;
		assert_int_equal(outq.bytes, put - got);
		got += take(&outq, (size_t)rand() % 5000, out + got);
	}
	while (outq.bytes)
		got += take(&outq, 777, out + got);
	assert_int_equal(got, put);
	assert_memory_equal(in, out, put);
	assert_null(outq.first);
	free(in);
	free(out);
}

static void a_shared_frame_lives_until_its_last_reader_is_done(void **state)
{
	struct blob *blob = blob_new(&SPAN("frame"), 1);
	struct outq a = {0}, b = {0};

	(void)state;
	assert_int_equal(append_blob(&a, blob), 0);
	assert_int_equal(append_blob(&b, blob), 0);
	assert_int_equal(blob->refs, 3);
	outq_consume(&a, 5);
	assert_int_equal(blob->refs, 2);
	outq_clear(&b);
	assert_int_equal(blob->refs, 1);
	blob_unref(blob);
}

static void small_shares_behind_the_first_are_one_piece(void **state)
{
	char large[2000] = {0};
	struct blob *small = blob_new(&SPAN("frame"), 1);
	struct blob *big = blob_new(&(struct span){large, sizeof(large)}, 1);
	struct outq outq = {0};
	struct iovec iov[5];

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(append_blob(&outq, small), 0);
	assert_int_equal(append_blob(&outq, big), 0);
	assert_int_equal(outq_peek(&outq, iov, 5), 3);
	assert_ptr_equal(iov[0].iov_base, small->bytes);
	assert_int_equal(iov[1].iov_len, 9 * small->len);
	assert_ptr_equal(iov[2].iov_base, big->bytes);
	assert_int_equal(small->refs, 2);
	outq_clear(&outq);
	blob_unref(small);
	blob_unref(big);
}

static void shares_side_by_side_in_a_blob_are_one_piece(void **state)
{
	struct blob *blob = blob_new(&SPAN("abcdefghij"), 1);
	const struct share two = {blob, 0, 2}, three = {blob, 2, 3},
			   last = {blob, 9, 1};
	struct outq outq = {0};
	struct iovec iov[3];

	(void)state;
	assert_int_equal(outq_append_share(&outq, &two), 0);
	outq_consume(&outq, 1);
	assert_int_equal(outq_append_share(&outq, &three), 0);
	assert_int_equal(outq_append_share(&outq, &last), 0);
	assert_int_equal(outq_peek(&outq, iov, 3), 2);
	assert_int_equal(iov[0].iov_len, 4);
	assert_memory_equal(iov[0].iov_base, "bcde", 4);
	assert_memory_equal(iov[1].iov_base, "j", 1);
	assert_int_equal(outq.bytes, 5);
	assert_int_equal(blob->refs, 2);
	outq_consume(&outq, 4);
	assert_int_equal(blob->refs, 1);
	outq_clear(&outq);
	assert_int_equal(outq.held, 0);
	blob_unref(blob);
}

static void an_empty_output_holds_no_memory(void **state)
{
	struct outq outq = {0};
	struct blob *empty = blob_new(NULL, 0);

	(void)state;
	assert_int_equal(outq_append(&outq, &SPAN(""), 1), 0);
	assert_int_equal(append_blob(&outq, empty), 0);
	blob_unref(empty);
	assert_null(outq.first);
	assert_int_equal(outq_append(&outq, &SPAN("x"), 1), 0);
	outq_consume(&outq, 1);
	assert_null(outq.first);
	assert_null(outq.last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_in_order_whatever_the_sizes),
		cmocka_unit_test(
			a_shared_frame_lives_until_its_last_reader_is_done),
		cmocka_unit_test(small_shares_behind_the_first_are_one_piece),
		cmocka_unit_test(shares_side_by_side_in_a_blob_are_one_piece),
		cmocka_unit_test(an_empty_output_holds_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
