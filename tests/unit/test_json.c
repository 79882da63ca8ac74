/* test_json.c: JSON checked and sliced without a tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "codec/json.h"
#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Check a copy that ends at an unreadable page. */
static int validate_guarded(struct span text)
{
	char *copy = guard_copy(text.ptr, text.len);
	int err = json_validate(span_of(copy, text.len));

	guard_free(copy, text.len);
	return err;
}

static const struct span good[] = {
	/* words */
	SPAN_INIT("null"),
	SPAN_INIT("true"),
	SPAN_INIT("false"),
	/* white space */
	SPAN_INIT(" 1"),
	SPAN_INIT("1 "),
	SPAN_INIT("\t\n\r 1 \r\n\t"),
	SPAN_INIT("\n[\t1\r,\n2 ]\t"),
	SPAN_INIT(" { \"a\" : 1 , \"b\" : { } } "),
	SPAN_INIT("{\r\n\t\"a\"\r\n\t:\r\n\t[\r\n\t]\r\n\t}\r\n\t"),
	/* numbers */
	SPAN_INIT("0"),
	SPAN_INIT("-0"),
	SPAN_INIT("7"),
	SPAN_INIT("-7"),
	SPAN_INIT("10"),
	SPAN_INIT("1234567890"),
	SPAN_INIT("0.0"),
	SPAN_INIT("0.000"),
	SPAN_INIT("-0.5"),
	SPAN_INIT("10.25"),
	SPAN_INIT("0e0"),
	SPAN_INIT("0E+0"),
	SPAN_INIT("1e5"),
	SPAN_INIT("1E5"),
	SPAN_INIT("1e+5"),
	SPAN_INIT("1e-05"),
	SPAN_INIT("1.5e300"),
	SPAN_INIT("1e999999999"),
	SPAN_INIT("-1.25E-12"),
	SPAN_INIT("99999999999999999999999999999999999999999"),
	SPAN_INIT("[0,-0,0.1,1e1]"),
	/* strings */
	SPAN_INIT("\"\""),
	SPAN_INIT("\" \""),
	SPAN_INIT("\"a\""),
	SPAN_INIT("\"'\""),
	SPAN_INIT("\"/\""),
	SPAN_INIT("\"{}[],:\""),
	SPAN_INIT("\"\x7f\""),
	SPAN_INIT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""),
	SPAN_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
	SPAN_INIT("\"\\u0000\""),
	SPAN_INIT("\"\\u00e9\\u00E9\\uabcd\\uABCD\\uFfFf\""),
	SPAN_INIT("\"\\ud83d\\ude00\""),
	SPAN_INIT("\"\\ud83d\""),
	SPAN_INIT("\"\\ude00\\ud83d\""),
	SPAN_INIT("\"\\\\u12\""),
	SPAN_INIT("\"\\\\\\\\\\\\\""),
	SPAN_INIT("\"0123456789abcde\""),
	SPAN_INIT("\"0123456789abcdef\""),
	SPAN_INIT("\"0123456789abcdef0123456789abcdef\""),
	/* arrays */
	SPAN_INIT("[]"),
	SPAN_INIT("[ ]"),
	SPAN_INIT("[null]"),
	SPAN_INIT("[1,2,3]"),
	SPAN_INIT("[[],[[]],[[],[]]]"),
	SPAN_INIT("[{},[{}],\"\",0,true,false,null]"),
	/* objects */
	SPAN_INIT("{}"),
	SPAN_INIT("{ }"),
	SPAN_INIT("{\"\":0}"),
	SPAN_INIT("{\"a\":null}"),
	SPAN_INIT("{\"a\":1,\"a\":2}"),
	SPAN_INIT("{\"a\":{\"b\":{\"c\":[{}]}}}"),
	SPAN_INIT("{\"\\u0061\\\"\":\"b\"}"),
	SPAN_INIT("{\"a\":[],\"b\":{},\"c\":\"\",\"d\":-1,\"e\":true}"),
};

static const struct span bad[] = {
	/* nothing, or too much */
	SPAN_INIT(""),
	SPAN_INIT(" "),
	SPAN_INIT("\r\n"),
	SPAN_INIT("1 2"),
	SPAN_INIT("{}{}"),
	SPAN_INIT("{},"),
	SPAN_INIT("[],[]"),
	SPAN_INIT("[]]"),
	SPAN_INIT("{}}"),
	SPAN_INIT("\"\"\""),
	SPAN_INIT("truetrue"),
	SPAN_INIT("1,"),
	SPAN_INIT("\0"),
	SPAN_INIT("1\0"),
	SPAN_INIT("\0001"),
	SPAN_INIT("[\0]"),
	/* what is no white space */
	SPAN_INIT("\v1"),
	SPAN_INIT("\f1"),
	SPAN_INIT("1\xa0"),
	SPAN_INIT("1\xc2\xa0"),
	SPAN_INIT("\xef\xbb\xbf{}"),
	SPAN_INIT("[\x7f]"),
	SPAN_INIT("[\x1f]"),
	/* words */
	SPAN_INIT("nul"),
	SPAN_INIT("nulll"),
	SPAN_INIT("Null"),
	SPAN_INIT("nuLl"),
	SPAN_INIT("tru"),
	SPAN_INIT("trUe"),
	SPAN_INIT("fals"),
	SPAN_INIT("falsE"),
	SPAN_INIT("undefined"),
	SPAN_INIT("NaN"),
	SPAN_INIT("Infinity"),
	SPAN_INIT("-Infinity"),
	SPAN_INIT("[truefalse]"),
	SPAN_INIT("a"),
	/* numbers */
	SPAN_INIT("-"),
	SPAN_INIT("+1"),
	SPAN_INIT("--1"),
	SPAN_INIT("- 1"),
	SPAN_INIT("00"),
	SPAN_INIT("01"),
	SPAN_INIT("-01"),
	SPAN_INIT("-00.5"),
	SPAN_INIT(".5"),
	SPAN_INIT("-.5"),
	SPAN_INIT("5."),
	SPAN_INIT("0."),
	SPAN_INIT("5.e1"),
	SPAN_INIT("1.2.3"),
	SPAN_INIT("1e"),
	SPAN_INIT("1e+"),
	SPAN_INIT("1E-"),
	SPAN_INIT("1e+-1"),
	SPAN_INIT("1e1.5"),
	SPAN_INIT("1e1e1"),
	SPAN_INIT("0x10"),
	SPAN_INIT("1_000"),
	SPAN_INIT("1a"),
	SPAN_INIT("[1 000]"),
	SPAN_INIT("[-]"),
	SPAN_INIT("[1.]"),
	SPAN_INIT("\xef\xbc\x91"),
	/* strings */
	SPAN_INIT("\""),
	SPAN_INIT("'a'"),
	SPAN_INIT("\"a"),
	SPAN_INIT("a\""),
	SPAN_INIT("\"\\\""),
	SPAN_INIT("\"\\"),
	SPAN_INIT("\"\\a\""),
	SPAN_INIT("\"\\'\""),
	SPAN_INIT("\"\\0\""),
	SPAN_INIT("\"\\x41\""),
	SPAN_INIT("\"\\N\""),
	SPAN_INIT("\"\\U0041\""),
	SPAN_INIT("\"\\\0\""),
	SPAN_INIT("\"\\\xc3\xa9\""),
	SPAN_INIT("\"\\ \""),
	SPAN_INIT("\"\\\n\""),
	SPAN_INIT("\"\\u\""),
	SPAN_INIT("\"\\u1\""),
	SPAN_INIT("\"\\u12\""),
	SPAN_INIT("\"\\u123\""),
	SPAN_INIT("\"\\u123"),
	SPAN_INIT("\"\\u123g\""),
	SPAN_INIT("\"\\ug123\""),
	SPAN_INIT("\"\\u+123\""),
	SPAN_INIT("\"\\u 123\""),
	SPAN_INIT("\"\\u12\\u34\""),
	SPAN_INIT("\"\\ud83d\\u\""),
	SPAN_INIT("\"\\u12:4\""),
	SPAN_INIT("\"\\u12@4\""),
	SPAN_INIT("\"\\u12`4\""),
	SPAN_INIT("\"\\u12/4\""),
	/* 0x10 is '0' to a reader that folds case before it looks */
	SPAN_INIT("\"\\u00\x10\x11\""),
	SPAN_INIT("\\u0061"),
	/* arrays */
	SPAN_INIT("["),
	SPAN_INIT("]"),
	SPAN_INIT("[1"),
	SPAN_INIT("[1,"),
	SPAN_INIT("[1,]"),
	SPAN_INIT("[,]"),
	SPAN_INIT("[,1]"),
	SPAN_INIT("[1,,2]"),
	SPAN_INIT("[1 2]"),
	SPAN_INIT("[\"a\" \"b\"]"),
	SPAN_INIT("[1}"),
	SPAN_INIT("[}"),
	SPAN_INIT("[[]"),
	SPAN_INIT("[[]}"),
	SPAN_INIT("[[}]"),
	SPAN_INIT("[1:2]"),
	SPAN_INIT("[\"a\":1]"),
	SPAN_INIT("[\"a\",1:2]"),
	SPAN_INIT("[1;2]"),
	SPAN_INIT("[(1)]"),
	/* objects */
	SPAN_INIT("{"),
	SPAN_INIT("}"),
	SPAN_INIT("{]"),
	SPAN_INIT("{,}"),
	SPAN_INIT("{\"a\"}"),
	SPAN_INIT("{\"a\":}"),
	SPAN_INIT("{\"a\":1"),
	SPAN_INIT("{\"a\":1]"),
	SPAN_INIT("{\"a\":1,}"),
	SPAN_INIT("{\"a\":1,,\"b\":2}"),
	SPAN_INIT("{,\"a\":1}"),
	SPAN_INIT("{\"a\" 1}"),
	SPAN_INIT("{\"a\",1}"),
	SPAN_INIT("{\"a\"::1}"),
	SPAN_INIT("{\"a\":1:2}"),
	SPAN_INIT("{\"a\":1 \"b\":2}"),
	SPAN_INIT("{:1}"),
	SPAN_INIT("{1:1}"),
	SPAN_INIT("{a:1}"),
	SPAN_INIT("{'a':1}"),
	SPAN_INIT("{null:1}"),
	SPAN_INIT("{[]:1}"),
	SPAN_INIT("{{}:1}"),
	SPAN_INIT("{\"a\":1,\"b\"}"),
	SPAN_INIT("{\"a\":1,2}"),
	SPAN_INIT("{\"a\":[}"),
	SPAN_INIT("{\"a\":{\"b\":1]}"),
	SPAN_INIT("{\"a:1}"),
	SPAN_INIT("{\"a\\\":1}"),
	SPAN_INIT("{\"\\a\":1}"),
	SPAN_INIT("{\"a\n\":1}"),
	/* comments */
	SPAN_INIT("/**/1"),
	SPAN_INIT("1//"),
	SPAN_INIT("[1/*2*/]"),
	SPAN_INIT("#\n1"),
};

static void every_good_text_passes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (validate_guarded(good[i]) != 0)
			fail_msg("refused: %s", good[i].ptr);
	}
}

static void every_bad_text_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (validate_guarded(bad[i]) != -EINVAL)
			fail_msg("not refused: %s", bad[i].ptr);
	}
}

/* At each place of an array, and as a member's value. */
static void texts_keep_their_verdict_inside_others(void **state)
{
	static const char *const frames[][2] = {
		{"[", "]"},
		{"[0,", "]"},
		{"[", ",0]"},
		{"{\"a\":", "}"},
		{"{\"a\":0,\"b\":", ",\"c\":0}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good) * COUNT(frames); i++) {
		struct span inner = good[i / COUNT(frames)];
		const char *const *frame = frames[i % COUNT(frames)];
		char text[256];
		int len = snprintf(text, sizeof(text), "%s%.*s%s", frame[0],
				   (int)inner.len, inner.ptr, frame[1]);

		assert_in_range(len, 1, sizeof(text) - 1);
		if (validate_guarded(span_of(text, (size_t)len)) != 0)
			fail_msg("refused: %s", text);
	}
}

static const char offer[] =
	"{\"type\" : \"offer\",\"to\":\"Zm9vYmFyYmF6cXV4MTIzNA\","
	"\"n\": 12e0, \"description\":{\"type\":\"offer\",\"sdp\":"
	"\"v=0\\r\\no=- 1 2 IN IP4 127.0.0.1\\r\\ns=-\\r\\nt=0 0\\r\\n"
	"a=msid-semantic: WMS \\u00e9\\ud83d\\ude00\\r\\n\"},"
	"\"data\":[true,false,null,-0.5,[],{},[[{\"a\":[\"\"]}]]]}";

static void every_prefix_of_a_document_is_refused(void **state)
{
	(void)state;
	assert_int_equal(validate_guarded(SPAN(offer)), 0);
	for (size_t len = 0; len < sizeof(offer) - 1; len++)
		assert_int_equal(validate_guarded(span_of(offer, len)),
				 -EINVAL);
}

/* Strings are read in blocks: every byte at every place of two of them. */
static void every_byte_is_judged_at_every_place_of_a_string(void **state)
{
	enum { LEN = 40 };

	(void)state;
	for (size_t at = 1; at < LEN - 1; at++) {
		char text[LEN];
		char *copy;

		memset(text, 'a', LEN);
		text[0] = text[LEN - 1] = '"';
		copy = guard_copy(text, LEN);
		for (int c = 0; c < 256; c++) {
			bool is_bad = c < 0x20 || c == '"' || c == '\\';

			copy[at] = (char)c;
			assert_int_equal(json_validate(span_of(copy, LEN)),
					 is_bad ? -EINVAL : 0);
		}
		guard_free(copy, LEN);
	}
}

static void every_letter_is_judged_behind_a_backslash(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		for (size_t fill = 0; fill < 40; fill++) {
			bool is_good = c && strchr("\"\\/bfnrt", c);
			char text[64];

			memset(text, 'a', sizeof(text));
			text[0] = '"';
			text[fill + 1] = '\\';
			text[fill + 2] = (char)c;
			text[fill + 3] = '"';
			assert_int_equal(
				validate_guarded(span_of(text, fill + 4)),
				is_good ? 0 : -EINVAL);
		}
	}
}

/* Escapes that begin in one block and end in the next. */
static void escapes_are_read_at_every_place_of_a_block(void **state)
{
	static const char *const runs[] = {
		"\\n",		"\\u00e9",	   "\\r\\n",
		"\\\\\\\\\\\\", "\\\"\\u0022\\\"", "\\ud83d\\ude00"};

	(void)state;
	for (size_t i = 0; i < COUNT(runs) * 40 * 20; i++) {
		char text[128];
		int len = snprintf(text, sizeof(text), "\"%.*s%s%.*s\"",
				   (int)(i % 40),
				   "0123456789012345678901234567890123456789",
				   runs[i / 40 / 20], (int)(i / 40 % 20),
				   "01234567890123456789");

		assert_int_equal(validate_guarded(span_of(text, (size_t)len)),
				 0);
		assert_int_equal(
			validate_guarded(span_of(text, (size_t)len - 1)),
			-EINVAL);
	}
}

/* depth levels of arrays, or of objects when is_object; open ones only when
 * is_open. */
static struct span nested(char *text, size_t depth, bool is_object,
			  bool is_open)
{
	struct span opening = is_object ? SPAN("{\"a\":") : SPAN("[");
	char *at = text;

	for (size_t i = 0; i < depth; i++) {
		memcpy(at, opening.ptr, opening.len);
		at += opening.len;
	}
	if (!is_open) {
		*at++ = '1';
		memset(at, is_object ? '}' : ']', depth);
		at += depth;
	}
	return span_of(text, (size_t)(at - text));
}

static void sixty_four_levels_pass_and_one_more_is_refused(void **state)
{
	const struct span names[] = {SPAN_INIT("b")};
	struct span value;
	char text[1024];

	(void)state;
	for (int is_object = 0; is_object < 2; is_object++) {
		assert_int_equal(validate_guarded(nested(text, JSON_MAX_DEPTH,
							 is_object, false)),
				 0);
		assert_int_equal(
			validate_guarded(nested(text, JSON_MAX_DEPTH + 1,
						is_object, false)),
			-E2BIG);
	}
	assert_int_equal(json_pick(nested(text, JSON_MAX_DEPTH, true, false),
				   names, 1, &value),
			 0);
	assert_int_equal(
		json_pick(nested(text, JSON_MAX_DEPTH + 1, true, false), names,
			  1, &value),
		-E2BIG);
}

static void a_level_that_was_closed_counts_no_more(void **state)
{
	char text[8192] = "[";
	size_t len = 1;

	(void)state;
	for (int i = 0; i < 20; i++) {
		len += nested(text + len, JSON_MAX_DEPTH - 1, i % 2, false).len;
		text[len++] = i < 19 ? ',' : ']';
	}
	assert_int_equal(validate_guarded(span_of(text, len)), 0);
}

static void brackets_close_what_they_opened_down_to_the_last_level(void **state)
{
	char text[256];

	(void)state;
	/* Mixed levels, then each closing bracket swapped for the other. */
	for (size_t swapped = 0; swapped <= JSON_MAX_DEPTH; swapped++) {
		size_t len = 0;

		for (size_t i = 0; i < JSON_MAX_DEPTH; i++)
			len += nested(text + len, 1, i * 7 % 3 == 1, true).len;
		text[len++] = '0';
		for (size_t i = JSON_MAX_DEPTH; i-- > 0;) {
			bool is_object = i * 7 % 3 == 1;

			text[len++] = is_object != (i == swapped) ? '}' : ']';
		}
		assert_int_equal(validate_guarded(span_of(text, len)),
				 swapped == JSON_MAX_DEPTH ? 0 : -EINVAL);
	}
}

static void a_hundred_thousand_levels_are_refused_at_once(void **state)
{
	enum { LEVELS = 100000 };
	char *text = malloc((size_t)LEVELS * 5);
	const struct span names[] = {SPAN_INIT("a")};
	struct span value;

	(void)state;
	assert_non_null(text);
	assert_int_equal(validate_guarded(nested(text, LEVELS, false, true)),
			 -E2BIG);
	assert_int_equal(validate_guarded(nested(text, LEVELS, true, true)),
			 -E2BIG);
	/* Even what stands behind the limit's level is not looked at. */
	memset(text + JSON_MAX_DEPTH + 1, 0, LEVELS);
	memset(text, '[', JSON_MAX_DEPTH + 1);
	assert_int_equal(validate_guarded(span_of(text, LEVELS)), -E2BIG);
	assert_int_equal(
		json_pick(nested(text, LEVELS, true, true), names, 1, &value),
		-E2BIG);
	free(text);
}

enum { TYPE, TO, DESCRIPTION, N, DATA, NAMES_COUNT };

static const struct span names[NAMES_COUNT] = {
	[TYPE] = SPAN_INIT("type"),
	[TO] = SPAN_INIT("to"),
	[DESCRIPTION] = SPAN_INIT("description"),
	[N] = SPAN_INIT("n"),
	[DATA] = SPAN_INIT("data"),
};

static int pick_guarded(struct span text, struct span values[NAMES_COUNT])
{
	char *copy = guard_copy(text.ptr, text.len);
	int err =
		json_pick(span_of(copy, text.len), names, NAMES_COUNT, values);

	/* The copy goes away: move what was found to the text itself. */
	for (size_t i = 0; i < NAMES_COUNT; i++) {
		if (values[i].ptr)
			values[i].ptr = text.ptr + (values[i].ptr - copy);
	}
	guard_free(copy, text.len);
	return err;
}

static void members_are_picked_raw(void **state)
{
	struct span values[NAMES_COUNT];

	(void)state;
	assert_int_equal(pick_guarded(SPAN(offer), values), 0);
	assert_true(span_equal(values[TYPE], SPAN("\"offer\"")));
	assert_true(span_equal(values[TO], SPAN("\"Zm9vYmFyYmF6cXV4MTIzNA\"")));
	assert_true(span_equal(values[N], SPAN("12e0")));
	assert_true(span_has_prefix(values[DESCRIPTION],
				    SPAN("{\"type\":\"offer\",\"sdp\":\"v=0")));
	assert_int_equal(values[DESCRIPTION].ptr[values[DESCRIPTION].len - 1],
			 '}');
	assert_true(span_equal(
		values[DATA],
		SPAN("[true,false,null,-0.5,[],{},[[{\"a\":[\"\"]}]]]")));
}

static void what_is_missing_is_an_empty_span(void **state)
{
	struct span values[NAMES_COUNT];

	(void)state;
	memset(values, 0x55, sizeof(values));
	assert_int_equal(pick_guarded(SPAN("{\"n\":0,\"x\":1}"), values), 0);
	assert_true(span_equal(values[N], SPAN("0")));
	assert_null(values[TYPE].ptr);
	assert_int_equal(values[TYPE].len, 0);
	assert_null(values[DATA].ptr);
	assert_int_equal(pick_guarded(SPAN(" { } "), values), 0);
	assert_null(values[N].ptr);
}

static void only_the_objects_own_members_count(void **state)
{
	struct span values[NAMES_COUNT];

	(void)state;
	assert_int_equal(
		pick_guarded(SPAN("{\"x\":{\"type\":1},\"to\":[{\"n\":2}],"
				  "\"data\":\"\\\"n\\\":3\",\"n\":4}"),
			     values),
		0);
	assert_null(values[TYPE].ptr);
	assert_true(span_equal(values[N], SPAN("4")));
	assert_true(span_equal(values[TO], SPAN("[{\"n\":2}]")));
}

static void a_name_must_match_as_a_whole(void **state)
{
	static const struct span texts[] = {
		SPAN_INIT("{\"typ\":1}"),
		SPAN_INIT("{\"types\":1}"),
		SPAN_INIT("{\"Type\":1}"),
		SPAN_INIT("{\" type\":1}"),
		SPAN_INIT("{\"type \":1}"),
		SPAN_INIT("{\"\":1}"),
		SPAN_INIT("{\"type\\n\":1}"),
		SPAN_INIT("{\"type\\\"\":1}"),
		SPAN_INIT("{\"\\ttype\":1}"),
		SPAN_INIT("{\"t\\u0000ype\":1}"),
		SPAN_INIT("{\"typ\\u0065x\":1}"),
		SPAN_INIT("{\"typ\\ud83d\":1}"),
		SPAN_INIT("{\"type\\ud83d\":1}"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct span values[NAMES_COUNT];

		assert_int_equal(pick_guarded(texts[i], values), 0);
		if (values[TYPE].ptr)
			fail_msg("matched: %s", texts[i].ptr);
	}
}

static void a_name_is_found_behind_its_escapes(void **state)
{
	static const struct span texts[] = {
		SPAN_INIT("{\"\\u0074ype\":1}"),
		SPAN_INIT("{\"typ\\u0065\":1}"),
		SPAN_INIT("{\"\\u0074\\u0079\\u0070\\u0065\":1}"),
		SPAN_INIT("{\"t\\u0079pe\" : 1 }"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct span values[NAMES_COUNT];

		assert_int_equal(pick_guarded(texts[i], values), 0);
		assert_true(span_equal(values[TYPE], SPAN("1")));
	}
}

static void names_beyond_ascii_are_found_in_every_spelling(void **state)
{
	const struct span wanted[] = {SPAN_INIT("\xc3\xa9\xe2\x82\xac"),
				      SPAN_INIT("\xf0\x9f\x98\x80/")};
	struct span values[2];

	(void)state;
	assert_int_equal(json_pick(SPAN("{\"\xc3\xa9\\u20ac\":1,"
					"\"\\uD83D\\ude00\\/\":2}"),
				   wanted, 2, values),
			 0);
	assert_true(span_equal(values[0], SPAN("1")));
	assert_true(span_equal(values[1], SPAN("2")));
}

static void a_wanted_name_twice_is_refused(void **state)
{
	static const struct span texts[] = {
		SPAN_INIT("{\"to\":1,\"to\":2}"),
		SPAN_INIT("{\"to\":1,\"x\":{},\"to\":1}"),
		SPAN_INIT("{\"to\":null,\"\\u0074o\":null}"),
		SPAN_INIT("{\"to\":1,\"to\":2,\"to\":3}"),
	};
	struct span values[NAMES_COUNT];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(pick_guarded(texts[i], values), -EEXIST);
	assert_int_equal(pick_guarded(SPAN("{\"x\":1,\"x\":2}"), values), 0);
	assert_int_equal(
		pick_guarded(SPAN("{\"to\":1,\"x\":{\"to\":2}}"), values), 0);
	/* The grammar comes first. */
	assert_int_equal(pick_guarded(SPAN("{\"to\":1,\"to\":2"), values),
			 -EINVAL);
}

static void picking_checks_all_of_the_text(void **state)
{
	struct span values[NAMES_COUNT];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		const char *first =
			good[i].ptr + strspn(good[i].ptr, " \t\r\n");
		int expected = *first == '{' ? 0 : -ENOTSUP;

		assert_int_equal(pick_guarded(good[i], values), expected);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (pick_guarded(bad[i], values) != -EINVAL)
			fail_msg("not refused: %s", bad[i].ptr);
	}
	for (size_t len = 0; len < sizeof(offer) - 1; len++)
		assert_int_equal(pick_guarded(span_of(offer, len), values),
				 -EINVAL);
	assert_int_equal(pick_guarded(SPAN("{\"n\":1}x"), values), -EINVAL);
	assert_int_equal(pick_guarded(SPAN("{\"n\":[1,{\"x\":tru}]}"), values),
			 -EINVAL);
}

enum { SLICES = 4 };

static int slice_guarded(struct span text, struct span elements[SLICES],
			 size_t *count)
{
	char *copy = guard_copy(text.ptr, text.len);
	int err = json_slice(span_of(copy, text.len), elements, SLICES, count);

	for (size_t i = 0; !err && i < *count && i < SLICES; i++)
		elements[i].ptr = text.ptr + (elements[i].ptr - copy);
	guard_free(copy, text.len);
	return err;
}

static void elements_are_sliced_raw(void **state)
{
	static const struct {
		struct span text;
		size_t count;
		struct span elements[SLICES];
	} cases[] = {
		{SPAN_INIT("[]"), 0, {{NULL, 0}}},
		{SPAN_INIT(" [ \n] "), 0, {{NULL, 0}}},
		{SPAN_INIT("[1]"), 1, {SPAN_INIT("1")}},
		{SPAN_INIT("[[]]"), 1, {SPAN_INIT("[]")}},
		{SPAN_INIT("\t[ \"a,]\" , {\"b\" : [1 , 2]} ]\n"),
		 2,
		 {SPAN_INIT("\"a,]\""), SPAN_INIT("{\"b\" : [1 , 2]}")}},
		{SPAN_INIT("[null,-1.5e3,true,[[],{}]]"),
		 4,
		 {SPAN_INIT("null"), SPAN_INIT("-1.5e3"), SPAN_INIT("true"),
		  SPAN_INIT("[[],{}]")}},
		{SPAN_INIT("[1,2,3,4,5,{\"a\":6}]"),
		 6,
		 {SPAN_INIT("1"), SPAN_INIT("2"), SPAN_INIT("3"),
		  SPAN_INIT("4")}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span elements[SLICES] = {{NULL, 0}};
		size_t count = 99;

		assert_int_equal(slice_guarded(cases[i].text, elements, &count),
				 0);
		assert_int_equal(count, cases[i].count);
		for (size_t n = 0; n < SLICES; n++)
			assert_true(
				span_equal(elements[n], cases[i].elements[n]));
	}
}

static void an_array_may_be_sliced_into_nothing(void **state)
{
	size_t count;

	(void)state;
	assert_int_equal(json_slice(SPAN("[1,[2],3]"), NULL, 0, &count), 0);
	assert_int_equal(count, 3);
}

static void slicing_checks_all_of_the_text(void **state)
{
	struct span elements[SLICES];
	size_t count = 99;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		const char *first =
			good[i].ptr + strspn(good[i].ptr, " \t\r\n");
		int expected = *first == '[' ? 0 : -ENOTSUP;

		assert_int_equal(slice_guarded(good[i], elements, &count),
				 expected);
	}
	count = 99;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (slice_guarded(bad[i], elements, &count) != -EINVAL)
			fail_msg("not refused: %s", bad[i].ptr);
	}
	assert_int_equal(
		slice_guarded(SPAN("[1,2,3,4,5,tru]"), elements, &count),
		-EINVAL);
	assert_int_equal(count, 99); /* written on success only */
}

static void slicing_keeps_the_limit_of_levels(void **state)
{
	struct span elements[SLICES];
	char text[1024];
	size_t count;

	(void)state;
	assert_int_equal(
		slice_guarded(nested(text, JSON_MAX_DEPTH, false, false),
			      elements, &count),
		0);
	assert_int_equal(elements[0].len, (JSON_MAX_DEPTH - 1) * 2 + 1);
	assert_int_equal(
		slice_guarded(nested(text, JSON_MAX_DEPTH + 1, false, false),
			      elements, &count),
		-E2BIG);
	assert_int_equal(
		slice_guarded(nested(text, JSON_MAX_DEPTH + 1, true, false),
			      elements, &count),
		-E2BIG);
}

static void every_prefix_of_an_array_is_refused(void **state)
{
	static const char text[] = "[\"offer\", {\"sdp\":\"v=0\\r\\n\"},"
				   "[1,[2]],null, -1e5,\"\\u00e9\" ]";
	struct span elements[SLICES];
	size_t count;

	(void)state;
	assert_int_equal(slice_guarded(SPAN(text), elements, &count), 0);
	assert_int_equal(count, 6);
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		assert_int_equal(
			slice_guarded(span_of(text, len), elements, &count),
			-EINVAL);
}

static void tokens_come_one_after_the_other(void **state)
{
	static const struct span text =
		SPAN_INIT(" {\"a\\\"\" : [ -1.5e3,true ,{}],\n\"b\":\"]\" } ");
	static const struct span tokens[] = {
		SPAN_INIT("{"),	    SPAN_INIT("\"a\\\"\""), SPAN_INIT(":"),
		SPAN_INIT("["),	    SPAN_INIT("-1.5e3"),    SPAN_INIT(","),
		SPAN_INIT("true"),  SPAN_INIT(","),	    SPAN_INIT("{"),
		SPAN_INIT("}"),	    SPAN_INIT("]"),	    SPAN_INIT(","),
		SPAN_INIT("\"b\""), SPAN_INIT(":"),	    SPAN_INIT("\"]\""),
		SPAN_INIT("}"),
	};
	char *copy = guard_copy(text.ptr, text.len);
	struct span rest = span_of(copy, text.len);

	(void)state;
	for (size_t i = 0; i < COUNT(tokens); i++)
		assert_true(span_equal(json_next_token(&rest), tokens[i]));
	for (int i = 0; i < 2; i++)
		assert_int_equal(json_next_token(&rest).len, 0);
	rest = span_of(NULL, 0);
	assert_int_equal(json_next_token(&rest).len, 0);
	guard_free(copy, text.len);
}

static void a_value_has_its_type(void **state)
{
	static const struct {
		struct span raw;
		enum json_type type;
	} cases[] = {
		{SPAN_INIT("null"), JSON_TYPE_NULL},
		{SPAN_INIT("true"), JSON_TYPE_BOOL},
		{SPAN_INIT("false"), JSON_TYPE_BOOL},
		{SPAN_INIT("0"), JSON_TYPE_NUMBER},
		{SPAN_INIT("-1"), JSON_TYPE_NUMBER},
		{SPAN_INIT("9e9"), JSON_TYPE_NUMBER},
		{SPAN_INIT("\"\""), JSON_TYPE_STRING},
		{SPAN_INIT("[]"), JSON_TYPE_ARRAY},
		{SPAN_INIT("{}"), JSON_TYPE_OBJECT},
		{{NULL, 0}, JSON_TYPE_NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(json_type_of(cases[i].raw), cases[i].type);
}

static void strings_are_decoded(void **state)
{
	static const struct {
		struct span raw, decoded;
	} cases[] = {
		{SPAN_INIT("\"\""), SPAN_INIT("")},
		{SPAN_INIT("\"a\""), SPAN_INIT("a")},
		{SPAN_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
		 SPAN_INIT("\"\\/\b\f\n\r\t")},
		{SPAN_INIT("\"\\u0001\\u007f\""), SPAN_INIT("\x01\x7f")},
		{SPAN_INIT("\"\\u0080\\u07ff\""),
		 SPAN_INIT("\xc2\x80\xdf\xbf")},
		{SPAN_INIT("\"\\u0800\\ud7ff\\ue000\\uFFFF\""),
		 SPAN_INIT("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf")},
		{SPAN_INIT("\"\\ud800\\udc00\\uDBFF\\uDFFF\""),
		 SPAN_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
		{SPAN_INIT("\"a long line without escapes, then\\r\\none more"
			   " of them, \xf0\x9f\x98\x80\""),
		 SPAN_INIT("a long line without escapes, then\r\none more"
			   " of them, \xf0\x9f\x98\x80")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span raw = cases[i].raw, decoded = cases[i].decoded;
		char *copy = guard_copy(raw.ptr, raw.len);
		char *out = guard_copy(raw.ptr, decoded.len + 1);
		size_t len;

		assert_int_equal(json_decode_string(span_of(copy, raw.len), out,
						    decoded.len + 1, &len),
				 0);
		assert_int_equal(len, decoded.len);
		assert_memory_equal(out, decoded.ptr, decoded.len + 1);
		/* One byte less has no room for the NUL, or for less. */
		for (size_t cap = 0; cap <= decoded.len; cap++)
			assert_int_equal(
				json_decode_string(span_of(copy, raw.len), out,
						   cap, &len),
				-ENOSPC);
		guard_free(copy, raw.len);
		guard_free(out, decoded.len + 1);
	}
}

static void what_is_no_text_is_not_decoded(void **state)
{
	static const struct span raws[] = {
		{NULL, 0},
		SPAN_INIT("null"),
		SPAN_INIT("1"),
		SPAN_INIT("[]"),
		SPAN_INIT("\"\\u0000\""),
		SPAN_INIT("\"a\\u0000b\""),
		SPAN_INIT("\"\\ud800\""),
		SPAN_INIT("\"\\udbff\""),
		SPAN_INIT("\"\\udc00\""),
		SPAN_INIT("\"\\udfff\""),
		SPAN_INIT("\"\\ud83da\""),
		SPAN_INIT("\"\\ud83d\\n12345\""),
		SPAN_INIT("\"\\ud83d\\u0041\""),
		SPAN_INIT("\"\\ud83d\\ud83d\""),
		SPAN_INIT("\"\\ud83d\\ue000\""),
		SPAN_INIT("\"\\ude00\\ud83d\""),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(raws); i++) {
		char *copy = guard_copy(raws[i].ptr, raws[i].len);
		char out[32];
		size_t len;

		assert_int_equal(json_decode_string(span_of(copy, raws[i].len),
						    out, sizeof(out), &len),
				 -EINVAL);
		guard_free(copy, raws[i].len);
	}
}

static void whole_numbers_are_read_up_to_their_limit(void **state)
{
	static const struct {
		struct span raw;
		uint64_t max;
		int err;
		uint64_t value;
	} cases[] = {
		{SPAN_INIT("0"), 0, 0, 0},
		{SPAN_INIT("7"), 7, 0, 7},
		{SPAN_INIT("8"), 7, -ERANGE, 0},
		{SPAN_INIT("18446744073709551615"), UINT64_MAX, 0, UINT64_MAX},
		{SPAN_INIT("18446744073709551616"), UINT64_MAX, -ERANGE, 0},
		{SPAN_INIT("99999999999999999999999"), UINT64_MAX, -ERANGE, 0},
		{SPAN_INIT("99999999999999999999999.5"), 9, -EINVAL, 0},
		{SPAN_INIT("-1"), 9, -EINVAL, 0},
		{SPAN_INIT("-0"), 9, -EINVAL, 0},
		{SPAN_INIT("1.0"), 9, -EINVAL, 0},
		{SPAN_INIT("1e0"), 9, -EINVAL, 0},
		{SPAN_INIT("\"1\""), 9, -EINVAL, 0},
		{SPAN_INIT("true"), 9, -EINVAL, 0},
		{SPAN_INIT("null"), 9, -EINVAL, 0},
		{SPAN_INIT("[1]"), 9, -EINVAL, 0},
		{{NULL, 0}, 9, -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t value = 0;

		assert_int_equal(
			json_to_u64(cases[i].raw, cases[i].max, &value),
			cases[i].err);
		assert_int_equal(value, cases[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_good_text_passes),
		cmocka_unit_test(every_bad_text_is_refused),
		cmocka_unit_test(texts_keep_their_verdict_inside_others),
		cmocka_unit_test(every_prefix_of_a_document_is_refused),
		cmocka_unit_test(
			every_byte_is_judged_at_every_place_of_a_string),
		cmocka_unit_test(every_letter_is_judged_behind_a_backslash),
		cmocka_unit_test(escapes_are_read_at_every_place_of_a_block),
		cmocka_unit_test(
			sixty_four_levels_pass_and_one_more_is_refused),
		cmocka_unit_test(a_level_that_was_closed_counts_no_more),
		cmocka_unit_test(
			brackets_close_what_they_opened_down_to_the_last_level),
		cmocka_unit_test(a_hundred_thousand_levels_are_refused_at_once),
		cmocka_unit_test(members_are_picked_raw),
		cmocka_unit_test(what_is_missing_is_an_empty_span),
		cmocka_unit_test(only_the_objects_own_members_count),
		cmocka_unit_test(a_name_must_match_as_a_whole),
		cmocka_unit_test(a_name_is_found_behind_its_escapes),
		cmocka_unit_test(
			names_beyond_ascii_are_found_in_every_spelling),
		cmocka_unit_test(a_wanted_name_twice_is_refused),
		cmocka_unit_test(picking_checks_all_of_the_text),
		cmocka_unit_test(elements_are_sliced_raw),
		cmocka_unit_test(an_array_may_be_sliced_into_nothing),
		cmocka_unit_test(slicing_checks_all_of_the_text),
		cmocka_unit_test(slicing_keeps_the_limit_of_levels),
		cmocka_unit_test(every_prefix_of_an_array_is_refused),
		cmocka_unit_test(tokens_come_one_after_the_other),
		cmocka_unit_test(a_value_has_its_type),
		cmocka_unit_test(strings_are_decoded),
		cmocka_unit_test(what_is_no_text_is_not_decoded),
		cmocka_unit_test(whole_numbers_are_read_up_to_their_limit),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
