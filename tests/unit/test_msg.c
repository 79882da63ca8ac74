/* test_msg.c: the native protocol's messages, read and written. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/msg.h"

#define ID "Zk1aZk1aZk1aZk1aZk1aZk"

static void a_message_is_read_whatever_the_order_of_its_members(void **state)
{
	static const char *const texts[] = {
		"{\"type\":\"offer\",\"to\":\"" ID
		"\",\"description\":{\"sdp\":1},"
		"\"ref\":7,\"n\":12}",
		"{\"n\":12,\"description\":{\"sdp\":1},\"ref\":7,\"unknown\":[{"
		"}],"
		"\"to\":\"" ID "\",\"type\":\"offer\"}",
		" { \"n\" : 12 , \"ref\" : 7, \"\\u0074ype\" : \"offer\" , "
		"\"to\" : \"" ID "\" , \"description\" : {\"sdp\":1} } ",
	};
	struct msg_error error;
	struct msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_int_equal(msg_parse(span_from(texts[i]), &msg, &error),
				 0);
		assert_int_equal(msg.type, MSG_OFFER);
		assert_true(span_equal(msg.to, SPAN(ID)));
		assert_true(span_equal(msg.payload, SPAN("{\"sdp\":1}")));
		assert_true(span_equal(msg.ref, SPAN("7")));
		assert_true(span_equal(msg.n, SPAN("12")));
	}
}

static void every_fault_is_answered_with_its_own_code(void **state)
{
	static const struct {
		const char *text;
		enum msg_error_code code;
	} cases[] = {
		{"", MSG_BAD_JSON},
		{"{", MSG_BAD_JSON},
		{"{\"type\":\"ping\"}x", MSG_BAD_JSON},
		{"[]", MSG_BAD_MESSAGE},
		{"{}", MSG_BAD_MESSAGE},
		{"{\"type\":7}", MSG_BAD_MESSAGE},
		{"{\"type\":\"ping\",\"type\":\"ping\"}", MSG_BAD_MESSAGE},
		{"{\"type\":\"fly\"}", MSG_UNKNOWN_TYPE},
		{"{\"type\":\"ping\",\"ref\":{}}", MSG_BAD_MESSAGE},
		{"{\"type\":\"ping\",\"n\":-1}", MSG_BAD_MESSAGE},
		{"{\"type\":\"ping\",\"n\":9007199254740992}", MSG_BAD_MESSAGE},
		{"{\"type\":\"offer\",\"description\":{}}", MSG_BAD_MESSAGE},
		{"{\"type\":\"offer\",\"to\":1,\"description\":{}}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"offer\",\"to\":\"x\",\"description\":\"v=0\"}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"offer\",\"to\":\"x\"}", MSG_BAD_MESSAGE},
		{"{\"type\":\"candidate\",\"to\":\"x\",\"candidate\":\"c\"}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"signal\",\"to\":\"x\"}", MSG_BAD_MESSAGE},
		{"{\"type\":\"broadcast\"}", MSG_BAD_MESSAGE},
		{"{\"type\":\"join\"}", MSG_BAD_ROOM},
		{"{\"type\":\"join\",\"room\":1}", MSG_BAD_ROOM},
		{"{\"type\":\"join\",\"room\":\"r\",\"role\":1}", MSG_BAD_ROLE},
		{"{\"type\":\"join\",\"room\":\"r\",\"name\":1}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"join\",\"room\":\"r\",\"metadata\":[]}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"join\",\"room\":\"r\",\"ttl\":\"1\"}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"ice\",\"ttl\":1.5}", MSG_BAD_MESSAGE},
		{"{\"type\":\"peers\",\"after\":\"x\"}", MSG_BAD_MESSAGE},
	};
	struct msg_error error;
	struct msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(
			msg_parse(span_from(cases[i].text), &msg, &error),
			-EINVAL);
		if (error.code != cases[i].code)
			fail_msg("%s: %s", cases[i].text,
				 msg_error_name(error.code));
		assert_non_null(error.message);
	}
}

static void a_refusal_repeats_the_reference_of_its_message(void **state)
{
	struct span text =
		SPAN("{\"type\":\"fly\",\"ref\":\"a\\\"b\",\"n\":3}");
	struct buf out = {0};
	struct msg_error error;
	struct msg msg;

	(void)state;
	assert_int_equal(msg_parse(text, &msg, &error), -EINVAL);
	msg_write_error(&out, &msg, &error);
	assert_true(span_has_prefix(
		buf_span(&out),
		SPAN("{\"type\":\"error\",\"ref\":\"a\\\"b\",\"n\":3,"
		     "\"code\":\"unknown-type\",\"message\":\"")));
	buf_clear(&out);
}

static void a_reference_of_64_bytes_passes_and_one_of_65_does_not(void **state)
{
	char text[128];
	struct msg_error error;
	struct msg msg;

	(void)state;
	for (int quoted_len = 62; quoted_len <= 63; quoted_len++) {
		(void)snprintf(text, sizeof(text),
			       "{\"type\":\"ping\",\"ref\":\"%0*d\"}",
			       quoted_len, 0);
		assert_int_equal(msg_parse(span_from(text), &msg, &error),
				 quoted_len == 62 ? 0 : -EINVAL);
	}
}

static void the_null_candidate_ends_the_candidates(void **state)
{
	struct span text = SPAN(
		"{\"type\":\"candidate\",\"to\":\"x\",\"candidate\":null}");
	struct msg_error error;
	struct msg msg;

	(void)state;
	assert_int_equal(msg_parse(text, &msg, &error), 0);
	assert_true(span_equal(msg.payload, SPAN("null")));
}

static void
a_relayed_message_is_the_prefix_the_payload_and_a_brace(void **state)
{
	static const struct {
		enum msg_type type;
		const char *prefix;
	} cases[] = {
		{MSG_OFFER,
		 "{\"type\":\"offer\",\"from\":\"" ID "\",\"description\":"},
		{MSG_ANSWER,
		 "{\"type\":\"answer\",\"from\":\"" ID "\",\"description\":"},
		{MSG_CANDIDATE,
		 "{\"type\":\"candidate\",\"from\":\"" ID "\",\"candidate\":"},
		{MSG_SIGNAL,
		 "{\"type\":\"signal\",\"from\":\"" ID "\",\"data\":"},
		{MSG_BROADCAST,
		 "{\"type\":\"broadcast\",\"from\":\"" ID "\",\"data\":"},
	};
	char prefix[MSG_PREFIX_CAP];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t len = msg_write_prefix(cases[i].type, SPAN(ID), prefix);

		assert_true(span_equal(span_of(prefix, len),
				       span_from(cases[i].prefix)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_message_is_read_whatever_the_order_of_its_members),
		cmocka_unit_test(every_fault_is_answered_with_its_own_code),
		cmocka_unit_test(
			a_refusal_repeats_the_reference_of_its_message),
		cmocka_unit_test(
			a_reference_of_64_bytes_passes_and_one_of_65_does_not),
		cmocka_unit_test(the_null_candidate_ends_the_candidates),
		cmocka_unit_test(
			a_relayed_message_is_the_prefix_the_payload_and_a_brace),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
