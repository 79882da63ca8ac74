/* test_near.c: a misspelt word is found, and another word is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "base/near.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void typing_errors_are_counted(void **state)
{
	static const struct {
		const char *given, *known;
		unsigned edits;
	} cases[] = {
		{"key", "key", 0},	     {"kye", "key", 1},
		{"keys", "key", 1},	     {"ke", "key", 1},
		{"kez", "key", 1},	     {"htpp", "http", 1},
		{"tunr", "turn", 1},	     {"secert", "secret", 1},
		{"verbose", "verbosely", 2}, {"frequency", "frequenzzz", 3},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(near_edits(span_from(cases[i].given),
					    span_from(cases[i].known)),
				 cases[i].edits);
}

static void another_word_is_far(void **state)
{
	static const char *const cases[][2] = {
		{"foo", "root"},
		{"port", "tls"},
		{"", "key"},
		{"abc", "cab"},
		{"x", "root"},
		{"verbosity", "level"},
		{"a much longer word than any", "key"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(near_edits(span_from(cases[i][0]),
					    span_from(cases[i][1])),
				 NEAR_FAR);
}

/* Strangers' words are of any length; under sanitizers this shows what is read
 * beyond them. */
static void words_of_every_length_are_taken(void **state)
{
	char given[2 * NEAR_MAX_LEN], known[NEAR_MAX_LEN];

	(void)state;
	memset(given, 'a', sizeof(given));
	memset(known, 'a', sizeof(known));
	for (size_t i = 0; i <= sizeof(given); i++) {
		for (size_t j = 0; j <= sizeof(known); j++) {
			size_t apart = i < j ? j - i : i - j;
			bool is_near = apart < NEAR_FAR && apart <= (i + 2) / 3;

			assert_int_equal(near_edits(span_of(given, i),
						    span_of(known, j)),
					 is_near ? apart : NEAR_FAR);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(typing_errors_are_counted),
		cmocka_unit_test(another_word_is_far),
		cmocka_unit_test(words_of_every_length_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
