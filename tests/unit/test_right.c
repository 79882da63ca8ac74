/* test_right.c: what somebody may do, and what it is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "policy/right.h"

static void each_right_has_a_name_of_its_own(void **state)
{
	unsigned all = 0;

	(void)state;
	for (unsigned right = 1; right & RIGHTS_ALL; right <<= 1) {
		unsigned parsed =
			right_parse(span_from(right_name((enum right)right)));

		assert_int_equal(parsed, right);
		all |= parsed;
	}
	assert_int_equal(all, RIGHTS_ALL);
}

static void other_names_are_none(void **state)
{
	static const char *const none[] = {"", "Join", "join ", "kic", "all"};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_int_equal(right_parse(span_from(none[i])), 0);
}

static void only_operators_send_others_away(void **state)
{
	(void)state;
	assert_int_equal(RIGHTS_ALL & ~RIGHTS_USUAL, RIGHT_KICK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_right_has_a_name_of_its_own),
		cmocka_unit_test(other_names_are_none),
		cmocka_unit_test(only_operators_send_others_away),
	};

	return cmocka_run_group_tests_name("right", tests, NULL, NULL);
}
