/* test_span.c: what spans promise. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/span.h"
#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct span none = {NULL, 0};

static void spans_are_compared_by_their_bytes(void **state)
{
	(void)state;
	assert_true(span_equal(SPAN("a\0b"), span_of("a\0b", 3)));
	assert_false(span_equal(SPAN("a\0b"), SPAN("a\0c")));
	assert_false(span_equal(SPAN("ab"), SPAN("abc")));
	assert_false(span_equal(SPAN("ab"), SPAN("aB")));
	assert_true(span_equal(SPAN(""), none));
	assert_true(span_equal(none, none));
	assert_true(span_equal(span_from("abc"), SPAN("abc")));
}

static void letters_are_equal_in_any_case_and_nothing_else_is(void **state)
{
	(void)state;
	assert_true(
		span_equal_nocase(SPAN("Content-Type"), SPAN("cONTENT-tYPE")));
	assert_false(span_equal_nocase(SPAN("ab"), SPAN("abc")));
	assert_false(span_equal_nocase(SPAN("@"), SPAN("`")));
	assert_false(span_equal_nocase(SPAN("["), SPAN("{")));
	assert_true(span_equal_nocase(SPAN(""), none));
}

static void a_prefix_is_no_longer_than_its_span(void **state)
{
	(void)state;
	assert_true(span_has_prefix(SPAN("/v1/ws"), SPAN("/v1/")));
	assert_true(span_has_prefix(SPAN("/v1/"), SPAN("/v1/")));
	assert_true(span_has_prefix(SPAN("/"), SPAN("")));
	assert_true(span_has_prefix(none, none));
	assert_false(span_has_prefix(SPAN("/v1"), SPAN("/v1/")));
	assert_false(span_has_prefix(SPAN("/v2/ws"), SPAN("/v1/")));
}

static void blanks_and_tabs_are_cut_off_at_both_ends_only(void **state)
{
	static const struct {
		const char *text, *trimmed;
	} cases[] = {
		{"", ""},
		{" \t ", ""},
		{"a", "a"},
		{" \ta b\t ", "a b"},
		{"\n a \r", "\n a \r"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].text);
		char *copy = guard_copy(cases[i].text, len);

		assert_true(span_equal(span_trim(span_of(copy, len)),
				       span_from(cases[i].trimmed)));
		guard_free(copy, len);
	}
	assert_int_equal(span_trim(none).len, 0);
}

static void a_list_gives_every_item_even_empty_ones(void **state)
{
	static const struct {
		const char *list;
		const char *items[5];
	} cases[] = {
		{"a", {"a"}},
		{"a,b", {"a", "b"}},
		{" a , b\t", {"a", "b"}},
		{"a,,b", {"a", "", "b"}},
		{",a,", {"", "a", ""}},
		{"", {""}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].list);
		char *copy = guard_copy(cases[i].list, len);
		struct span rest = span_of(copy, len);
		const char *const *want = cases[i].items;
		struct span item;

		while (span_next_item(&rest, ',', &item)) {
			assert_non_null(*want);
			assert_true(span_equal(item, span_from(*want++)));
		}
		assert_null(*want);
		guard_free(copy, len);
	}
}

static void no_list_has_no_items(void **state)
{
	struct span rest = none;
	struct span item;

	(void)state;
	assert_false(span_next_item(&rest, ',', &item));
}

static void a_number_is_digits_within_its_bounds(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int err;
		uint64_t value;
	} cases[] = {
		{"0", 0, 0, 0},
		{"007", 7, 0, 7},
		{"8", 7, -ERANGE, 0},
		{"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, -ERANGE, 0},
		{"18446744073709551625", UINT64_MAX, -ERANGE, 0},
		{"99999999999999999999999", UINT64_MAX, -ERANGE, 0},
		{"", 9, -EINVAL, 0},
		{"-1", 9, -EINVAL, 0},
		{"+1", 9, -EINVAL, 0},
		{" 1", 9, -EINVAL, 0},
		{"1 ", 9, -EINVAL, 0},
		{"0x1", 9, -EINVAL, 0},
		{"1/", 99, -EINVAL, 0},
		{"1:", 99, -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].text);
		char *copy = guard_copy(cases[i].text, len);
		uint64_t value = 4711;

		assert_int_equal(
			span_to_u64(span_of(copy, len), cases[i].max, &value),
			cases[i].err);
		assert_int_equal(value, cases[i].err ? 4711 : cases[i].value);
		guard_free(copy, len);
	}
	assert_int_equal(span_to_u64(none, 9, &(uint64_t){0}), -EINVAL);
}

static void a_copy_fits_or_is_refused(void **state)
{
	char dst[4] = "xxx";

	(void)state;
	assert_int_equal(span_copy(SPAN("abcd"), dst, sizeof(dst)), -ENOSPC);
	assert_int_equal(span_copy(SPAN("a\0b"), dst, sizeof(dst)), -EINVAL);
	assert_string_equal(dst, "xxx");
	assert_int_equal(span_copy(SPAN(""), dst, 0), -ENOSPC);
	assert_int_equal(span_copy(SPAN("abc"), dst, sizeof(dst)), 0);
	assert_string_equal(dst, "abc");
	assert_int_equal(span_copy(none, dst, 1), 0);
	assert_string_equal(dst, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_are_compared_by_their_bytes),
		cmocka_unit_test(
			letters_are_equal_in_any_case_and_nothing_else_is),
		cmocka_unit_test(a_prefix_is_no_longer_than_its_span),
		cmocka_unit_test(blanks_and_tabs_are_cut_off_at_both_ends_only),
		cmocka_unit_test(a_list_gives_every_item_even_empty_ones),
		cmocka_unit_test(no_list_has_no_items),
		cmocka_unit_test(a_number_is_digits_within_its_bounds),
		cmocka_unit_test(a_copy_fits_or_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
