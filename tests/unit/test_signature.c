/* test_signature.c: how others can tell that a request is ours. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "codec/signature.h"

#define MAC                                \
	"92b13579098c940eab31d7c4ad6c855a" \
	"98bf2ed6a22a43b8ef0c5ec43048770f"

/* By hmac of Python's library: the time, a dot, the body. */
static void it_is_an_hmac_of_the_time_and_the_body(void **state)
{
	struct signature made;

	(void)state;
	assert_int_equal(
		signature_make(SPAN("0123456789abcdef0123456789abcdef"),
			       1700000000, SPAN("{\"type\": \"access\"}"),
			       &made),
		0);
	assert_string_equal(made.timestamp, "Signald-Timestamp: 1700000000");
	assert_string_equal(made.signature, "Signald-Signature: sha256=" MAC);
}

static void another_time_body_or_secret_gives_another_one(void **state)
{
	static const struct {
		struct span secret;
		uint64_t now_s;
		struct span body;
	} cases[] = {
		{SPAN_INIT("a"), 1, SPAN_INIT("b")},
		{SPAN_INIT("c"), 1, SPAN_INIT("b")},
		{SPAN_INIT("a"), 2, SPAN_INIT("b")},
		{SPAN_INIT("a"), 1, SPAN_INIT("")},
		{SPAN_INIT("a"), 18446744073709551615u, SPAN_INIT("b")},
	};
	const size_t count = sizeof(cases) / sizeof(*cases);
	struct signature made[sizeof(cases) / sizeof(*cases)];

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(signature_make(cases[i].secret, cases[i].now_s,
						cases[i].body, &made[i]),
				 0);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(made[i].signature,
						made[j].signature);
}

static void there_is_none_without_a_secret(void **state)
{
	struct signature made;

	(void)state;
	assert_int_equal(signature_make(SPAN(""), 1, SPAN("b"), &made),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_an_hmac_of_the_time_and_the_body),
		cmocka_unit_test(another_time_body_or_secret_gives_another_one),
		cmocka_unit_test(there_is_none_without_a_secret),
	};

	return cmocka_run_group_tests_name("signature", tests, NULL, NULL);
}
