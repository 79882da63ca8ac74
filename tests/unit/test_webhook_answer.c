/* test_webhook_answer.c: what the operator's own server says, read. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "access/webhook_answer.h"
#include "fail_alloc.h"
#include "guard.h"

#define NOW_S 1700000000

static const char *why;

/* The text lies before an unreadable page. */
static int read_text(struct span text, struct webhook_answer *answer)
{
	char *copy = guard_copy(text.ptr, text.len);
	int err;

	why = NULL;
	err = webhook_answer_read(span_of(copy, text.len), NOW_S, answer, &why);
	guard_free(copy, text.len);
	assert_int_equal(!err, !why);
	return err;
}

static struct webhook_answer read_good(const char *text)
{
	struct webhook_answer answer;

	if (read_text(span_from(text), &answer))
		fail_msg("refused: %s: %s", text, why);
	return answer;
}

static void a_yes_carries_every_claim(void **state)
{
	struct webhook_answer answer = read_good(
		"{\"allowed\": true, \"subject\": \"ada\", \"room\": \"kit*\", "
		"\"role\": \"watcher\", \"rights\": [\"join\"], \"ttl\": 60, "
		"\"metadata\": {\"a\": 1}, \"exp\": 1700000001, \"cache\": "
		"3600, \"sub\": 7, \"more\": [null]}");

	(void)state;
	assert_true(answer.is_allowed);
	assert_string_equal(answer.claims.subject, "ada");
	assert_string_equal(answer.claims.room, "kit*");
	assert_string_equal(answer.claims.role, "watcher");
	assert_int_equal(answer.claims.rights, RIGHT_JOIN);
	assert_int_equal(answer.claims.ttl_s, 60);
	assert_string_equal(answer.claims.metadata, "{\"a\": 1}");
	assert_int_equal(answer.claims.expires_at_s, 1700000001);
	assert_int_equal(answer.cache_s, 3600);
	claims_clear(&answer.claims);
}

static void a_bare_yes_gives_the_usual_rights_once(void **state)
{
	struct webhook_answer answer = read_good(" {\"allowed\":true}\r\n");

	(void)state;
	assert_int_equal(answer.claims.rights, RIGHTS_USUAL);
	assert_string_equal(answer.claims.subject, "");
	assert_int_equal(answer.cache_s, 0);
	claims_clear(&answer.claims);
}

static void a_no_says_why_and_claims_nothing(void **state)
{
	struct webhook_answer answer = read_good(
		"{\"allowed\": false, \"reason\": \"no \\\"seat\\\"\", "
		"\"subject\": \"a:b\", \"rights\": 7, \"cache\": 5}");

	(void)state;
	assert_false(answer.is_allowed);
	assert_string_equal(answer.reason, "no \"seat\"");
	assert_int_equal(answer.claims.rights, 0);
	assert_string_equal(answer.claims.subject, "");
	assert_int_equal(answer.cache_s, 5);
	answer = read_good("{\"allowed\": false, \"reason\": null}");
	assert_string_equal(answer.reason, "");
}

#define LONG_50 "01234567890123456789012345678901234567890123456789"

static void anything_else_is_no_answer(void **state)
{
	static const struct {
		const char *text, *begin;
	} cases[] = {
		{"", "the answer must be one JSON object"},
		{"true", "the answer must be one JSON object"},
		{"[]", "the answer must be one JSON object"},
		{"{\"allowed\": true", "the answer must be one JSON object"},
		{"{\"allowed\": true} x", "the answer must be one JSON object"},
		{"{\"allowed\": true, \"x\": \"\xff\"}",
		 "the answer must be UTF-8"},
		{"{}", "allowed must be there"},
		{"{\"allowed\": null}", "allowed must be there"},
		{"{\"allowed\": 1}", "allowed must be there"},
		{"{\"allowed\": \"true\"}", "allowed must be there"},
		{"{\"allowed\": true, \"allow\\u0065d\": true}",
		 "a member stands there twice"},
		{"{\"allowed\": true, \"subject\": \"a\", \"subject\": \"b\"}",
		 "a claim stands there twice"},
		{"{\"allowed\": true, \"cache\": -1}", "cache must be"},
		{"{\"allowed\": true, \"cache\": 3601}", "cache must be"},
		{"{\"allowed\": true, \"cache\": 1.5}", "cache must be"},
		{"{\"allowed\": true, \"cache\": null}", "cache must be"},
		{"{\"allowed\": false, \"reason\": 7}", "reason must be"},
		{"{\"allowed\": false, \"reason\": \"" LONG_50 LONG_50 LONG_50
			 LONG_50 "x\"}",
		 "reason must be"},
		{"{\"allowed\": true, \"subject\": \"a:b\"}",
		 "sub must be a string"},
		{"{\"allowed\": true, \"rights\": [\"fly\"]}",
		 "rights must be"},
		{"{\"allowed\": true, \"metadata\": 7}", "metadata must be"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct webhook_answer answer;

		if (read_text(span_from(cases[i].text), &answer) != -EINVAL)
			fail_msg("not refused: %s", cases[i].text);
		if (strncmp(why, cases[i].begin, strlen(cases[i].begin)) != 0)
			fail_msg("%s: said: %s", cases[i].text, why);
	}
}

static void what_has_ended_is_no_answer(void **state)
{
	struct webhook_answer answer;

	(void)state;
	assert_int_equal(
		read_text(SPAN("{\"allowed\": true, \"exp\": 1700000000}"),
			  &answer),
		-ETIME);
}

static void without_memory_nothing_is_kept(void **state)
{
	const struct span text = SPAN("{\"allowed\": true, \"metadata\": {}}");
	struct webhook_answer answer;
	int err;

	(void)state;
	why = NULL;
	fail_alloc_at(1);
	err = webhook_answer_read(text, NOW_S, &answer, &why);
	assert_true(fail_alloc_stop());
	assert_int_equal(err, -ENOMEM);
	assert_string_equal(why, "out of memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_yes_carries_every_claim),
		cmocka_unit_test(a_bare_yes_gives_the_usual_rights_once),
		cmocka_unit_test(a_no_says_why_and_claims_nothing),
		cmocka_unit_test(anything_else_is_no_answer),
		cmocka_unit_test(what_has_ended_is_no_answer),
		cmocka_unit_test(without_memory_nothing_is_kept),
	};

	return cmocka_run_group_tests_name("webhook_answer", tests, NULL, NULL);
}
