/* test_utf8.c: what the UTF-8 checker promises. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "codec/utf8.h"
#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Texts, and the byte at which no valid text goes on; -1 for valid ones. */
static const struct {
	struct span text;
	int broken_at;
} texts[] = {
	{{NULL, 0}, -1},
	{SPAN_INIT(""), -1},
	{SPAN_INIT("plain"), -1},
	{SPAN_INIT("nul \0 inside"), -1},
	{SPAN_INIT("\x7f"), -1},
	/* RFC 3629, 7 */
	{SPAN_INIT("A\xe2\x89\xa2\xce\x91."), -1},
	{SPAN_INIT("\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4"), -1},
	{SPAN_INIT("\xef\xbb\xbf\xf0\xa3\x8e\xb4"), -1},
	/* the first and the last of each length */
	{SPAN_INIT("\xc2\x80\xdf\xbf"), -1},
	{SPAN_INIT("\xe0\xa0\x80\xef\xbf\xbf"), -1},
	{SPAN_INIT("\xed\x9f\xbf\xee\x80\x80"), -1},
	{SPAN_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), -1},
	/* over-long forms */
	{SPAN_INIT("\xc0\xaf"), 0},
	{SPAN_INIT("\xc1\xbf"), 0},
	{SPAN_INIT("\xe0\x80\xaf"), 1},
	{SPAN_INIT("\xe0\x9f\xbf"), 1},
	{SPAN_INIT("\xf0\x80\x80\xaf"), 1},
	{SPAN_INIT("\xf0\x8f\xbf\xbf"), 1},
	/* surrogates, and what is above U+10FFFF */
	{SPAN_INIT("\xed\xa0\x80"), 1},
	{SPAN_INIT("\xed\xbf\xbf"), 1},
	{SPAN_INIT("\xf4\x90\x80\x80"), 1},
	{SPAN_INIT("\xf5\x80\x80\x80"), 0},
	{SPAN_INIT("\xf8\x88\x80\x80\x80"), 0},
	{SPAN_INIT("\xfe"), 0},
	{SPAN_INIT("\xff"), 0},
	/* continuations too many or too few */
	{SPAN_INIT("\x80"), 0},
	{SPAN_INIT("\xbf"), 0},
	{SPAN_INIT("\xc3\xa9\xa9"), 2},
	{SPAN_INIT("\xc3"
		   "a"),
	 1},
	{SPAN_INIT("\xc3\xc3"), 1},
	{SPAN_INIT("\xe2\x82"
		   "a"),
	 2},
	{SPAN_INIT("\xe2\x82\xe2"), 2},
	{SPAN_INIT("\xf0\x9f\x98"
		   "a"),
	 3},
	/* behind the fast path for ASCII */
	{SPAN_INIT("0123456789abcdef\xff"), 16},
	{SPAN_INIT("0123456789abcde\xff"), 15},
	{SPAN_INIT("0123456\x80"
		   "89abcdef"),
	 7},
	{SPAN_INIT("0123456789abcdef01234567\x80"
		   "9abcdef"),
	 24},
	{SPAN_INIT("0123456789abcdef0123456789abcd\xc3\xa9"), -1},
};

static void only_valid_texts_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct span text = texts[i].text;
		char *copy = guard_copy(text.ptr, text.len);
		bool is_valid = texts[i].broken_at < 0;

		assert_int_equal(utf8_is_valid(text), is_valid);
		assert_int_equal(utf8_is_valid(span_of(copy, text.len)),
				 is_valid);
		guard_free(copy, text.len);
	}
}

static void a_text_fails_at_its_first_impossible_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct span text = texts[i].text;
		struct utf8_state utf8 = {0};

		for (size_t at = 0; at < text.len; at++) {
			bool is_broken = (int)at == texts[i].broken_at;
			struct span byte = span_of(text.ptr + at, 1);

			assert_int_equal(utf8_check(&utf8, byte),
					 is_broken ? -EILSEQ : 0);
			if (is_broken)
				break;
		}
	}
}

static void a_text_split_anywhere_is_judged_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct span text = texts[i].text;

		for (size_t at = 0; at < text.len; at++) {
			struct utf8_state utf8 = {0};
			int err = utf8_check(&utf8, span_of(text.ptr, at));

			if (!err)
				err = utf8_check(&utf8, span_skip(text, at));
			assert_int_equal(err,
					 texts[i].broken_at < 0 ? 0 : -EILSEQ);
			assert_true(err || utf8_is_whole(&utf8));
		}
	}
}

static void a_text_that_ends_inside_a_character_is_not_whole(void **state)
{
	static const char smile[] = "\xf0\x9f\x98\x80";
	struct utf8_state utf8 = {0};

	(void)state;
	for (size_t at = 0; at < sizeof(smile) - 1; at++) {
		assert_true(at == 0 || !utf8_is_valid(span_of(smile, at)));
		assert_int_equal(utf8_is_whole(&utf8), at == 0);
		assert_int_equal(utf8_check(&utf8, span_of(smile + at, 1)), 0);
	}
	assert_true(utf8_is_whole(&utf8));
}

static size_t encode(uint32_t code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

static void every_code_point_but_surrogates_is_valid(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < 0x120000; code++) {
		bool is_valid =
			code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
		char bytes[4];
		size_t len = encode(code, bytes);

		if (utf8_is_valid(span_of(bytes, len)) != is_valid)
			fail_msg("U+%04X", code);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_valid_texts_pass),
		cmocka_unit_test(a_text_fails_at_its_first_impossible_byte),
		cmocka_unit_test(a_text_split_anywhere_is_judged_the_same),
		cmocka_unit_test(
			a_text_that_ends_inside_a_character_is_not_whole),
		cmocka_unit_test(every_code_point_but_surrogates_is_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
