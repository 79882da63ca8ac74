/* test_turnconf_clipassword.c: passwords as coturn keeps them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "turnconf/clipassword.h"

/* As turnadmin -P -p PASSWORD of coturn 4.6.1 printed them. */
static const struct {
	const char *password;
	uint8_t salt[CLIPASSWORD_SALT_LEN];
	const char *hash;
} cases[] = {
	{"hunter2-hunter2-hunter2",
	 {0x40, 0xe7, 0xb6, 0x56, 0xd2, 0x14, 0xa6, 0xff},
	 "$5$40e7b656d214a6ff$"
	 "50138b694ae461df7ec130a1eeb6a590c03c69b354bdcdfc9c27cc8fea3346ef"},
	{"a",
	 {0xa6, 0x4b, 0x70, 0x65, 0x47, 0x14, 0x2a, 0xf7},
	 "$5$a64b706547142af7$"
	 "fbbb6da612b896b4808ba5e88797175687b6ed320cdebc730bd3ecf304b11cb2"},
	{"Zk1mW0vQ3rC8yB2nT5sXaQ_-9",
	 {0x78, 0xb5, 0x19, 0x2b, 0xfc, 0x3d, 0xde, 0xcd},
	 "$5$78b5192bfc3ddecd$"
	 "52bd6d0437a9542bfb953d922e4947e4b5f0290b0599ed90525e6dd7286bde51"},
};

static void a_hash_is_the_one_that_turnadmin_prints(void **state)
{
	char hash[CLIPASSWORD_CAP];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(clipassword_hash(span_from(cases[i].password),
						  cases[i].salt, hash),
				 0);
		assert_string_equal(hash, cases[i].hash);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_the_one_that_turnadmin_prints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
