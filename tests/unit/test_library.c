/* test_library.c: libraries that need not be there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/library.h"

struct maths {
	double (*floor)(double);
	double (*ceil)(double);
};

static void its_functions_are_found(void **state)
{
	static const struct library_function functions[] = {
		{"ceil", offsetof(struct maths, ceil)},
		{"floor", offsetof(struct maths, floor)},
	};
	struct maths maths = {NULL, NULL};

	(void)state;
	assert_int_equal(library_load("libm.so.6", functions, 2, &maths), 0);
	assert_true(maths.floor(1.5) == 1);
	assert_true(maths.ceil(1.5) == 2);
}

static void without_one_of_them_it_is_of_no_use(void **state)
{
	static const struct library_function functions[] = {
		{"ceil", offsetof(struct maths, ceil)},
		{"no_such_function", offsetof(struct maths, floor)},
	};
	struct maths maths = {NULL, NULL};

	(void)state;
	assert_int_equal(library_load("libm.so.6", functions, 2, &maths),
			 -ENOENT);
	assert_int_equal(library_load("libno-such.so.6", functions, 1, &maths),
			 -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_functions_are_found),
		cmocka_unit_test(without_one_of_them_it_is_of_no_use),
	};

	return cmocka_run_group_tests_name("library", tests, NULL, NULL);
}
