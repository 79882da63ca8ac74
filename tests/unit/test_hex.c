/* test_hex.c: bytes in lower-case hexadecimal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/hex.h"
#include "guard.h"

/* What is written lies before an unreadable page. */
static void each_byte_is_two_digits_and_there_is_an_end(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		const uint8_t bytes[2] = {(uint8_t)byte, (uint8_t)(255 - byte)};
		char want[5];
		char *out = guard_copy("xxxxx", 5);

		(void)snprintf(want, sizeof(want), "%02x%02x", byte,
			       255 - byte);
		hex_write(bytes, 2, out);
		assert_string_equal(out, want);
		guard_free(out, 5);
	}
}

static void of_none_there_is_the_end_alone(void **state)
{
	char out[2] = "x";

	(void)state;
	hex_write(NULL, 0, out);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_is_two_digits_and_there_is_an_end),
		cmocka_unit_test(of_none_there_is_the_end_alone),
	};

	return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
