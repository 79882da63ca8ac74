/* test_spool_line.c: lines that are whole are records, and no others. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "guard.h"
#include "policy/spool_line.h"

/* The bytes lie before an unreadable page. */
static void only_whole_lines_with_their_sum_are_records(void **state)
{
	struct buf good = {0};

	(void)state;
	spool_line_write(&good, 42, SPAN("{\"a\": 1}"));
	for (size_t len = 0; len <= good.len; len++) {
		char *copy = guard_copy(good.ptr, len);
		struct span rest = span_of(copy, len), text;
		uint64_t number;
		int found = spool_line_take(&rest, &number, &text);

		assert_int_equal(found, len == good.len);
		if (found) {
			assert_int_equal(number, 42);
			assert_int_equal(rest.len, 0);
			assert_true(span_equal(text, SPAN("{\"a\": 1}")));
		}
		guard_free(copy, len);
	}
	for (size_t i = 0; i < good.len - 1; i++) {
		struct span rest = buf_span(&good), text;
		uint64_t number;

		good.ptr[i] ^= 1;
		assert_int_equal(spool_line_take(&rest, &number, &text),
				 -EINVAL);
		good.ptr[i] ^= 1;
	}
	buf_clear(&good);
}

/* The form is that of files that others have written. */
static void a_line_is_sum_number_and_text(void **state)
{
	struct buf line = {0};

	(void)state;
	spool_line_write(&line, 1, SPAN("a"));
	assert_true(span_equal(buf_span(&line), SPAN("2735d082 1 a\n")));
	buf_clear(&line);
}

static void numbers_beyond_the_most_are_damage(void **state)
{
	const uint64_t numbers[] = {SPOOL_MOST_NUMBER, SPOOL_MOST_NUMBER + 1};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buf line = {0};
		struct span rest, text;
		uint64_t number;

		spool_line_write(&line, numbers[i], SPAN("a"));
		rest = buf_span(&line);
		assert_int_equal(spool_line_take(&rest, &number, &text),
				 i ? -EINVAL : 1);
		buf_clear(&line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_whole_lines_with_their_sum_are_records),
		cmocka_unit_test(a_line_is_sum_number_and_text),
		cmocka_unit_test(numbers_beyond_the_most_are_damage),
	};

	return cmocka_run_group_tests_name("spool_line", tests, NULL, NULL);
}
