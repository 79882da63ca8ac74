/* test_buf.c: what buffers and shared bytes promise. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"

static void assert_content(const struct buf *buf, const char *text)
{
	assert_false(buf->failed);
	assert_int_equal(buf->len, strlen(text));
	assert_memory_equal(buf->ptr, text, buf->len);
}

static void what_is_appended_stands_in_order(void **state)
{
	struct buf buf = {0};

	(void)state;
	buf_append(&buf, "a", 1);
	buf_append(&buf, NULL, 0);
	buf_append_span(&buf, SPAN("bc"));
	buf_append_span(&buf, (struct span){NULL, 0});
	buf_append_str(&buf, "");
	buf_append_str(&buf, "de ");
	buf_append_u64(&buf, 0);
	buf_append_str(&buf, " ");
	buf_append_u64(&buf, UINT64_MAX);
	buf_append_format(&buf, " %s=%d", "x", -7);
	assert_content(&buf, "abcde 0 18446744073709551615 x=-7");
	assert_true(span_equal(buf_span(&buf), span_of(buf.ptr, buf.len)));
	buf_clear(&buf);
}

static void a_buffer_grows_without_losing_a_byte(void **state)
{
	struct buf buf = {0};

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		char c = (char)(i % 251);

		buf_append(&buf, &c, 1);
	}
	assert_int_equal(buf.len, 100000);
	assert_in_range(buf.cap, 100000, 200000);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal((unsigned char)buf.ptr[i], i % 251);
	buf_clear(&buf);
}

static void reserved_room_is_not_moved_again(void **state)
{
	struct buf buf = {0};
	const char *before;

	(void)state;
	assert_int_equal(buf_reserve(&buf, 5000), 0);
	assert_in_range(buf.cap, 5000, 10000);
	before = buf.ptr;
	for (unsigned i = 0; i < 5000; i++)
		buf_append(&buf, "x", 1);
	assert_ptr_equal(buf.ptr, before);
	assert_int_equal(buf_reserve(&buf, 0), 0);
	buf_clear(&buf);
}

static void a_long_format_is_written_whole(void **state)
{
	struct buf buf = {0};

	(void)state;
	buf_append_format(&buf, "%0*d", 3000, 7);
	assert_false(buf.failed);
	assert_int_equal(buf.len, 3000);
	assert_memory_equal(buf.ptr + 2998, "07", 2);
	buf_clear(&buf);
}

static void memory_that_runs_out_is_told_once_and_for_all(void **state)
{
	struct buf buf = {0};

	(void)state;
	buf_append_str(&buf, "whole");
	assert_int_equal(buf_reserve(&buf, SIZE_MAX / 2 - 1), -ENOMEM);
	assert_true(buf.failed);
	buf_append_str(&buf, "more");
	buf_append_format(&buf, "%d", 1);
	buf_append_json(&buf, SPAN("x"));
	assert_int_equal(buf_reserve(&buf, 1), -ENOMEM);
	assert_int_equal(buf.len, 5);
	buf_clear(&buf);
	assert_false(buf.failed);
	buf_append_str(&buf, "again");
	assert_content(&buf, "again");
	buf_clear(&buf);
}

static void a_size_that_overflows_is_refused(void **state)
{
	struct buf buf = {0};

	(void)state;
	assert_int_equal(buf_reserve(&buf, SIZE_MAX), -ENOMEM);
	assert_null(buf.ptr);
	buf_clear(&buf);

	buf_append_str(&buf, "x");
	assert_int_equal(buf_reserve(&buf, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf.len, 1);
	buf_clear(&buf);
}

static void bytes_are_consumed_from_the_front(void **state)
{
	struct buf buf = {0};

	(void)state;
	buf_append_str(&buf, "abcdef");
	buf_consume(&buf, 0);
	buf_consume(&buf, 2);
	assert_content(&buf, "cdef");
	buf_append_str(&buf, "g");
	buf_consume(&buf, 4);
	assert_content(&buf, "g");
	buf_consume(&buf, 1);
	assert_int_equal(buf.len, 0);
	buf_clear(&buf);
	buf_consume(&buf, 0);
}

static void a_wiped_buffer_is_empty_and_usable(void **state)
{
	struct buf buf = {0};

	(void)state;
	buf_wipe(&buf); /* of nothing */
	buf_append_str(&buf, "a secret");
	buf_wipe(&buf);
	assert_null(buf.ptr);
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf.cap, 0);
	buf_append_str(&buf, "another");
	assert_content(&buf, "another");
	buf_wipe(&buf);
}

static void a_json_string_is_escaped_as_it_must_be(void **state)
{
	static const struct {
		struct span text;
		const char *json;
	} cases[] = {
		{{NULL, 0}, "\"\""},
		{SPAN_INIT(""), "\"\""},
		{SPAN_INIT("plain"), "\"plain\""},
		{SPAN_INIT("\"\\/"), "\"\\\"\\\\/\""},
		{SPAN_INIT("a\nb"), "\"a\\nb\""},
		{SPAN_INIT("\0\x01\x1f\x7f"),
		 "\"\\u0000\\u0001\\u001f\\u007f\""},
		{SPAN_INIT("caf\xc3\xa9"), "\"caf\xc3\xa9\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf buf = {0};

		buf_append_json(&buf, cases[i].text);
		assert_content(&buf, cases[i].json);
		buf_clear(&buf);
	}
}

static void a_blob_joins_its_parts(void **state)
{
	const struct span parts[] = {SPAN("ab"), {NULL, 0}, SPAN("c\0d")};
	struct blob *blob = blob_new(parts, 3);

	(void)state;
	assert_non_null(blob);
	assert_int_equal(blob->len, 5);
	assert_memory_equal(blob->bytes, "abc\0d", 5);
	blob_unref(blob);

	blob = blob_new(NULL, 0);
	assert_non_null(blob);
	assert_int_equal(blob->len, 0);
	blob_unref(blob);
}

/* ASan sees a use behind the last reference, and one that is never given back.
 */
static void a_blob_lives_as_long_as_its_last_reference(void **state)
{
	const struct span part = SPAN("shared");
	struct blob *blob = blob_new(&part, 1);

	(void)state;
	assert_ptr_equal(blob_ref(blob), blob);
	assert_int_equal(blob->refs, 2);
	blob_unref(blob);
	assert_int_equal(blob->refs, 1);
	assert_memory_equal(blob->bytes, "shared", 6);
	blob_unref(blob);
	blob_unref(NULL);
}

static void a_blob_too_long_for_its_length_is_refused(void **state)
{
	const struct span parts[] = {span_of("", (size_t)UINT32_MAX + 1)};

	(void)state;
	assert_null(blob_new(parts, 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_appended_stands_in_order),
		cmocka_unit_test(a_buffer_grows_without_losing_a_byte),
		cmocka_unit_test(reserved_room_is_not_moved_again),
		cmocka_unit_test(a_long_format_is_written_whole),
		cmocka_unit_test(memory_that_runs_out_is_told_once_and_for_all),
		cmocka_unit_test(a_size_that_overflows_is_refused),
		cmocka_unit_test(bytes_are_consumed_from_the_front),
		cmocka_unit_test(a_wiped_buffer_is_empty_and_usable),
		cmocka_unit_test(a_json_string_is_escaped_as_it_must_be),
		cmocka_unit_test(a_blob_joins_its_parts),
		cmocka_unit_test(a_blob_lives_as_long_as_its_last_reference),
		cmocka_unit_test(a_blob_too_long_for_its_length_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
