/* test_msg.c: the native protocol's messages, read and written. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/msg.h"
#include "codec/msg_usual.h"

#define ID "Zk1aZk1aZk1aZk1aZk1aZk"
#define SIGNAL(to, members) \
	"{\"type\":\"signal\",\"to\":" to "," members ",\"data\":true}"

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
		{"{\"type\":\"join\",\"room\":\"r\",\"inst\":0}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"join\",\"room\":\"r\",\"inst\":\"1\"}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"join\",\"room\":\"r\",\"inst\":1,\"try\":0}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"ice\",\"ttl\":1.5}", MSG_BAD_MESSAGE},
		{"{\"type\":\"peers\",\"after\":\"x\"}", MSG_BAD_MESSAGE},
		{"{\"type\":\"resume\",\"inst\":1}", MSG_BAD_MESSAGE},
		{"{\"type\":\"resume\",\"inst\":1,\"token\":7}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"resume\",\"token\":\"t\"}", MSG_BAD_MESSAGE},
		{"{\"type\":\"resume\",\"token\":\"t\",\"inst\":0}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"resume\",\"token\":\"t\",\"inst\":1,"
		 "\"epoch\":-1}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"resume\",\"token\":\"t\",\"inst\":1,"
		 "\"last\":9007199254740992}",
		 MSG_BAD_MESSAGE},
		{"{\"type\":\"ack\"}", MSG_BAD_MESSAGE},
		{"{\"type\":\"ack\",\"sn\":null}", MSG_BAD_MESSAGE},
		{"{\"type\":\"ping\",\"sn\":1e3}", MSG_BAD_MESSAGE},
		{SIGNAL("\"x\"", "\"ti\":-1"), MSG_BAD_MESSAGE},
		{SIGNAL("\"x\"", "\"ti\":[1]"), MSG_BAD_MESSAGE},
		{SIGNAL("\"x\"", "\"p\":\"1\""), MSG_BAD_MESSAGE},
		{SIGNAL("[]", "\"n\":1"), MSG_BAD_MESSAGE},
		{SIGNAL("[\"x\",7]", "\"n\":1"), MSG_BAD_MESSAGE},
		{SIGNAL("[\"x\",[\"y\"]]", "\"n\":1"), MSG_BAD_MESSAGE},
		{SIGNAL("[\"x\"]", "\"ti\":1"), MSG_BAD_MESSAGE},
		{SIGNAL("[\"x\"]", "\"ti\":[1,2]"), MSG_BAD_MESSAGE},
		{SIGNAL("[\"x\",\"y\"]", "\"p\":[1]"), MSG_BAD_MESSAGE},
		{SIGNAL("[\"x\"]", "\"p\":[-1]"), MSG_BAD_MESSAGE},
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
	msg_write_error(&out, &msg, (struct span){NULL, 0}, &error);
	assert_true(span_has_prefix(
		buf_span(&out),
		SPAN("{\"type\":\"error\",\"ref\":\"a\\\"b\",\"n\":3,"
		     "\"code\":\"unknown-type\",\"message\":\"")));
	buf_clear(&out);
}

static void a_refusal_names_the_receiver_it_is_about(void **state)
{
	struct buf out = {0};
	const struct msg_error error = {.code = MSG_GAP, .message = "go back"};
	const struct msg msg = {.n = SPAN("12")};

	(void)state;
	msg_write_error(&out, &msg, SPAN(ID), &error);
	assert_true(span_equal(buf_span(&out),
			       SPAN("{\"type\":\"error\",\"n\":12,\"to\":\"" ID
				    "\",\"code\":\"gap\",\"message\":"
				    "\"go back\"}")));
	buf_clear(&out);
}

static void parse(const char *text, struct msg *msg)
{
	struct msg_error error = {0};

	if (msg_parse(span_from(text), msg, &error))
		fail_msg("%s: %s", text, error.message);
}

static void a_join_with_inst_begins_a_session_and_one_without_none(void **state)
{
	struct msg msg;

	(void)state;
	parse("{\"type\":\"join\",\"room\":\"r\"}", &msg);
	assert_int_equal(msg.inst, 0);
	assert_int_equal(msg.attempt, 1);
	parse("{\"type\":\"join\",\"room\":\"r\",\"inst\":4294967297,"
	      "\"auth\":{\"any\":[1]}}",
	      &msg);
	assert_int_equal(msg.inst, 4294967297);
	assert_int_equal(msg.attempt, 1);
	parse("{\"type\":\"join\",\"room\":\"r\",\"try\":3,"
	      "\"inst\":9007199254740991}",
	      &msg);
	assert_int_equal(msg.inst, MSG_MAX_NUMBER - 1);
	assert_int_equal(msg.attempt, 3);
}

static void a_resume_says_what_its_client_has(void **state)
{
	struct msg msg;

	(void)state;
	parse("{\"type\":\"resume\",\"ref\":1,\"token\":\"to-ken\","
	      "\"inst\":2,\"try\":3,\"epoch\":4,\"last\":5,\"name\":\"Ada\","
	      "\"metadata\":{},\"ttl\":60}",
	      &msg);
	assert_int_equal(msg.type, MSG_RESUME);
	assert_true(span_equal(msg.token, SPAN("to-ken")));
	assert_true(span_equal(msg.name, SPAN("\"Ada\"")));
	assert_true(span_equal(msg.metadata, SPAN("{}")));
	assert_int_equal(msg.inst, 2);
	assert_int_equal(msg.attempt, 3);
	assert_int_equal(msg.epoch, 4);
	assert_int_equal(msg.last, 5);
	assert_int_equal(msg.ttl_s, 60);
	parse("{\"type\":\"resume\",\"token\":\"t\",\"inst\":1}", &msg);
	assert_int_equal(msg.attempt, 1);
	assert_int_equal(msg.epoch, 0);
	assert_int_equal(msg.last, 0);
}

static void a_token_is_no_longer_than_any_we_made(void **state)
{
	char text[600];
	struct msg_error error;
	struct msg msg;

	(void)state;
	for (int len = 510; len <= 511; len++) {
		(void)snprintf(text, sizeof(text),
			       "{\"type\":\"resume\",\"inst\":1,"
			       "\"token\":\"%0*d\"}",
			       len, 0);
		assert_int_equal(msg_parse(span_from(text), &msg, &error),
				 len == 510 ? 0 : -EINVAL);
	}
}

static void an_acknowledgement_rides_on_any_message(void **state)
{
	static const char *const texts[] = {
		"{\"type\":\"ack\",\"sn\":57}",
		"{\"type\":\"ping\",\"sn\":57}",
		"{\"type\":\"leave\",\"sn\":57}",
		"{\"type\":\"broadcast\",\"data\":1,\"sn\":57}",
		SIGNAL("\"x\"", "\"sn\":57"),
	};
	struct msg msg;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		parse(texts[i], &msg);
		assert_true(msg.has_sn);
		assert_int_equal(msg.sn, 57);
	}
	parse("{\"type\":\"ping\"}", &msg);
	assert_false(msg.has_sn);
}

static void assert_target(const struct msg_target *target, struct span to,
			  bool has_ti, uint64_t ti, uint64_t p)
{
	assert_true(span_equal(target->to, to));
	assert_int_equal(target->has_ti, has_ti);
	assert_int_equal(target->ti, ti);
	assert_int_equal(target->p, p);
}

static void a_message_for_one_has_one_target(void **state)
{
	struct msg_target targets[MSG_MAX_TARGETS];
	struct msg msg;

	(void)state;
	parse(SIGNAL("\"x\"", "\"n\":12,\"p\":11,\"ti\":0"), &msg);
	assert_int_equal(msg.number, 12);
	assert_int_equal(msg_targets(&msg, targets), 1);
	assert_target(&targets[0], SPAN("x"), true, 0, 11);
	parse(SIGNAL("\"x\"", "\"n\":12"), &msg);
	assert_int_equal(msg_targets(&msg, targets), 1);
	assert_target(&targets[0], SPAN("x"), false, 0, 0);
}

static void a_message_for_many_has_the_numbers_of_each(void **state)
{
	struct msg_target targets[MSG_MAX_TARGETS];
	struct msg msg;

	(void)state;
	parse(SIGNAL("[ \"x\", \"y\" ]",
		     "\"n\":12,\"ti\":[ 7, 8 ],\"p\":[0,11]"),
	      &msg);
	assert_int_equal(msg_targets(&msg, targets), 2);
	assert_target(&targets[0], SPAN("x"), true, 7, 0);
	assert_target(&targets[1], SPAN("y"), true, 8, 11);
	parse(SIGNAL("[\"x\",\"y\"]", "\"n\":12"), &msg);
	assert_int_equal(msg_targets(&msg, targets), 2);
	assert_target(&targets[1], SPAN("y"), false, 0, 0);
}

static void a_message_goes_to_64_and_no_more(void **state)
{
	struct msg_target targets[MSG_MAX_TARGETS];
	struct msg_error error;
	struct msg msg;

	(void)state;
	for (int count = 64; count <= 65; count++) {
		struct buf text = {0};

		buf_append_str(&text, "{\"type\":\"signal\",\"data\":1,"
				      "\"to\":[\"0\"");
		for (int i = 1; i < count; i++)
			buf_append_format(&text, ",\"%d\"", i);
		buf_append_str(&text, "]}");
		assert_int_equal(msg_parse(buf_span(&text), &msg, &error),
				 count == 64 ? 0 : -EINVAL);
		if (count == 64) {
			assert_int_equal(msg_targets(&msg, targets), 64);
			assert_true(span_equal(targets[63].to, SPAN("63")));
		}
		buf_clear(&text);
	}
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
		const struct msg_head head = {.type = cases[i].type,
					      .from = SPAN(ID)};
		size_t len = msg_write_prefix(&head, prefix);

		assert_true(span_equal(span_of(prefix, len),
				       span_from(cases[i].prefix)));
	}
}

static void a_prefix_holds_the_numbers_there_are(void **state)
{
	struct msg_head head = {.type = MSG_SIGNAL, .from = SPAN("x")};
	char prefix[MSG_PREFIX_CAP];
	size_t len;

	(void)state;
	head.fi = 4294967297;
	head.is_numbered = true;
	head.n = 12;
	head.p = 10;
	head.acked = 9;
	len = msg_write_prefix(&head, prefix);
	assert_true(span_equal(
		span_of(prefix, len),
		SPAN("{\"type\":\"signal\",\"from\":\"x\",\"fi\":4294967297,"
		     "\"n\":12,\"p\":10,\"acked\":9,\"data\":")));
	head.p = 0;
	head.acked = 0;
	len = msg_write_prefix(&head, prefix);
	assert_true(span_equal(span_of(prefix, len),
			       SPAN("{\"type\":\"signal\",\"from\":\"x\","
				    "\"fi\":4294967297,\"n\":12,"
				    "\"data\":")));
}

static void every_number_is_written_whole(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (int zeros = 0; zeros <= 19; zeros++, power *= 10)
		for (uint64_t n = power - 1; n <= power + 1; n++) {
			const struct msg_head head = {
				.type = MSG_SIGNAL,
				.from = SPAN("x"),
				.is_numbered = true,
				.n = n,
			};
			char prefix[MSG_PREFIX_CAP], want[MSG_PREFIX_CAP];
			size_t len = msg_write_prefix(&head, prefix);

			snprintf(want, sizeof(want),
				 "{\"type\":\"signal\",\"from\":\"x\",\"n\":%"
				 "llu,"
				 "\"data\":",
				 (unsigned long long)n);
			assert_true(span_equal(span_of(prefix, len),
					       span_from(want)));
		}
}

#define TO "\"to\":\"" ID "\""

static const char *const usual_texts[] = {
	"{\"type\":\"offer\"," TO ",\"description\":{}}",
	"{\"type\":\"answer\"," TO ",\"n\":0,\"description\":{\"a\":[{}]}}",
	"{\"type\":\"candidate\"," TO ",\"ti\":4294967297,\"n\":12,\"p\":11,"
	"\"sn\":7,\"candidate\":{\"candidate\":\"\\u00e4\"}}",
	"{\"type\":\"signal\"," TO ",\"sn\":999999999999999,\"data\":null}",
	"{\"type\":\"signal\",\"to\":\"\",\"p\":1,\"data\":[\"}\"]}",
};

/* A blank before it sends a text the long way. */
static void the_usual_form_is_read_as_any_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(usual_texts) / sizeof(*usual_texts);
	     i++) {
		struct msg usual = {0}, msg;
		struct msg_error error;
		char spaced[256] = " ";

		assert_true(msg_read_usual(span_from(usual_texts[i]), &usual));
		strcat(spaced, usual_texts[i]);
		assert_int_equal(msg_parse(span_from(spaced), &msg, &error), 0);
		assert_int_equal(usual.type, msg.type);
		assert_true(span_equal(usual.to, msg.to));
		assert_true(span_equal(usual.payload, msg.payload));
		assert_true(span_equal(usual.n, msg.n));
		assert_int_equal(!usual.n.ptr, !msg.n.ptr);
		assert_int_equal(usual.number, msg.number);
		assert_int_equal(usual.has_ti, msg.has_ti);
		assert_int_equal(usual.ti, msg.ti);
		assert_int_equal(usual.p, msg.p);
		assert_int_equal(usual.has_sn, msg.has_sn);
		assert_int_equal(usual.sn, msg.sn);
	}
}

static void no_beginning_of_a_usual_text_is_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(usual_texts) / sizeof(*usual_texts); i++)
		for (size_t len = 0; len < strlen(usual_texts[i]); len++) {
			struct msg msg = {0};

			assert_false(msg_read_usual(
				span_of(usual_texts[i], len), &msg));
		}
}

static void what_differs_from_the_usual_form_goes_the_long_way(void **state)
{
	static const char *const texts[] = {
		SIGNAL("\"" ID "\"", "\"n\":1 "),
		SIGNAL("\"" ID "\"", "\"n\":01"),
		SIGNAL("\"" ID "\"", "\"n\":-1"),
		SIGNAL("\"" ID "\"", "\"n\":1e2"),
		SIGNAL("\"" ID "\"", "\"n\":"),
		SIGNAL("\"" ID "\"", "\"n\":9007199254740991"),
		SIGNAL("\"" ID "\"", "\"n\":1,\"n\":1"),
		SIGNAL("\"" ID "\"", "\"n\":1,\"ti\":1"),
		SIGNAL("\"" ID "\"", "\"n\":1,\"ref\":1"),
		SIGNAL("[\"" ID "\"]", "\"n\":1"),
		SIGNAL("\"" ID "\\x\"", "\"n\":1"),
		SIGNAL("\"" ID ID ID ID ID "\"", "\"n\":1"),
		"{\"type\":\"signal\"," TO ",\"data\":1}x",
		"{\"type\":\"signal\"," TO ",\"data\":1,\"more\":1}",
		"{\"type\":\"signal\"," TO ",\"data\":}",
		"{\"type\":\"signal\"," TO ",\"description\":{}}",
		"{\"type\":\"offer\"," TO ",\"description\":1}",
		"{\"type\":\"candidate\"," TO ",\"candidate\":null}",
		"{\"type\":\"broadcast\",\"data\":1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct msg msg = {0};

		assert_false(msg_read_usual(span_from(texts[i]), &msg));
	}
}

/* Every type's, with the longest id and numbers no client could send. */
static void the_longest_prefix_has_room(void **state)
{
	char id[96], prefix[MSG_PREFIX_CAP];

	(void)state;
	memset(id, 'i', sizeof(id));
	for (int type = MSG_OFFER; type <= MSG_BROADCAST; type++) {
		const struct msg_head head = {
			.type = (enum msg_type)type,
			.from = span_of(id, sizeof(id)),
			.fi = UINT64_MAX,
			.is_numbered = true,
			.n = UINT64_MAX,
			.p = UINT64_MAX,
			.acked = UINT64_MAX,
		};

		assert_true(msg_write_prefix(&head, prefix) <= sizeof(prefix));
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
		cmocka_unit_test(a_refusal_names_the_receiver_it_is_about),
		cmocka_unit_test(
			a_join_with_inst_begins_a_session_and_one_without_none),
		cmocka_unit_test(a_resume_says_what_its_client_has),
		cmocka_unit_test(a_token_is_no_longer_than_any_we_made),
		cmocka_unit_test(an_acknowledgement_rides_on_any_message),
		cmocka_unit_test(a_message_for_one_has_one_target),
		cmocka_unit_test(a_message_for_many_has_the_numbers_of_each),
		cmocka_unit_test(a_message_goes_to_64_and_no_more),
		cmocka_unit_test(the_null_candidate_ends_the_candidates),
		cmocka_unit_test(
			a_relayed_message_is_the_prefix_the_payload_and_a_brace),
		cmocka_unit_test(every_number_is_written_whole),
		cmocka_unit_test(the_usual_form_is_read_as_any_other),
		cmocka_unit_test(no_beginning_of_a_usual_text_is_one),
		cmocka_unit_test(
			what_differs_from_the_usual_form_goes_the_long_way),
		cmocka_unit_test(a_prefix_holds_the_numbers_there_are),
		cmocka_unit_test(the_longest_prefix_has_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
