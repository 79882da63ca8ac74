/* test_rules_render.c: templates filled in, and what the presets send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "codec/json.h"
#include "fail_alloc.h"
#include "rules/rules.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The arguments of one event, as they stood in its packet. */
#define ARGS "{ \"to\" : \"p\", \"n\":[1, 2] } , \"two\",[3],null"

static struct ruleset *parse(const char *text)
{
	struct config_error error;
	struct ruleset *rules;

	if (rules_parse(&rules, span_from(text), "test", &error))
		fail_msg("refused: %s", error.text);
	return rules;
}

static void write_others(struct buf *out, void *arg)
{
	buf_append_str(out, arg);
}

static struct rules_scope full_scope(void)
{
	static const char text[] = ARGS;
	static struct span args[4];
	static char others[] = "\"a\",\"b\"";

	args[0] = span_of(text, strcspn(text, "}") + 1);
	args[1] = span_of(strstr(text, "\"two\""), 5);
	args[2] = span_of(strstr(text, "[3]"), 3);
	args[3] = span_of(strstr(text, "null"), 4);
	return (struct rules_scope){
		.event = SPAN("\"ev\\u0065nt\""),
		.args = args,
		.args_count = COUNT(args),
		.rest = span_from(text),
		.from = SPAN("ME"),
		.name = SPAN("\"Ada\"\n"),
		.room = SPAN("k\xc3\xbc"
			     "che"),
		.error = "unknown-peer",
		.write_others = write_others,
		.arg = others,
	};
}

static struct rules_scope empty_scope(void)
{
	return (struct rules_scope){.event = SPAN("\"e\""), .from = SPAN("ME")};
}

/* The parts, side by side. */
static char *join(const struct span *parts, int count)
{
	struct buf whole = {0};

	for (int i = 0; i < count; i++)
		buf_append_span(&whole, parts[i]);
	buf_append(&whole, "", 1);
	assert_false(whole.failed);
	return whole.ptr;
}

static char *render(const struct rules_template *template,
		    const struct rules_scope *scope)
{
	struct span parts[RULES_MAX_PARTS];
	struct buf scratch = {0};
	int count = rules_render(template, scope, parts, &scratch);
	char *text;

	assert_in_range(count, 1, RULES_MAX_PARTS);
	text = join(parts, count);
	assert_int_equal(json_validate(span_from(text)), 0);
	buf_clear(&scratch);
	return text;
}

static void assert_renders(const struct rules_template *template,
			   const struct rules_scope *scope,
			   const char *expected)
{
	char *text;

	assert_non_null(template);
	text = render(template, scope);
	assert_string_equal(text, expected);
	free(text);
}

/* $error is for answers alone, so that is what all of these are. */
static void assert_answer(const char *section, const char *template,
			  const struct rules_scope *scope, const char *expected)
{
	char text[256];
	struct ruleset *rules;

	(void)snprintf(text, sizeof(text), "[%s]\nack = %s\n", section,
		       template);
	rules = parse(text);
	assert_renders(rules_find(rules, SPAN("x"))->ack_template, scope,
		       expected);
	rules_free(rules);
}

static void every_variable_has_its_value(void **state)
{
	static const struct {
		const char *template, *full, *empty;
	} cases[] = {
		{"[$from]", "[\"ME\"]", "[\"ME\"]"},
		{"[ $from , $from ]", "[\"ME\",\"ME\"]", "[\"ME\",\"ME\"]"},
		{"[$name]", "[\"\\\"Ada\\\"\\n\"]", "[null]"},
		{"[$room]",
		 "[\"k\xc3\xbc"
		 "che\"]",
		 "[null]"},
		{"[$name,$room,$others]",
		 "[\"\\\"Ada\\\"\\n\",\"k\xc3\xbc"
		 "che\",[\"a\",\"b\"]]",
		 "[null,null,[]]"},
		{"[$event]", "[\"ev\\u0065nt\"]", "[\"e\"]"},
		{"[$others]", "[[\"a\",\"b\"]]", "[[]]"},
		{"[$error]", "[\"unknown-peer\"]", "[null]"},
		{"[$1]", "[{ \"to\" : \"p\", \"n\":[1, 2] }]", "[null]"},
		{"[$2]", "[\"two\"]", "[null]"},
		{"[$4]", "[null]", "[null]"},
		{"[$5]", "[null]", "[null]"},
		{"[$8]", "[null]", "[null]"},
		{"[$1.to]", "[\"p\"]", "[null]"},
		{"[$1.n]", "[[1, 2]]", "[null]"},
		{"[$1.no]", "[null]", "[null]"},
		{"[$2.to]", "[null]", "[null]"},
		{"[$3.to]", "[null]", "[null]"},
	};
	struct rules_scope full = full_scope(), empty = empty_scope();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_answer("*", cases[i].template, &full, cases[i].full);
		assert_answer("*", cases[i].template, &empty, cases[i].empty);
	}
}

static void arguments_are_spliced_or_leave_no_comma(void **state)
{
	static const struct {
		const char *template, *full, *empty;
	} cases[] = {
		{"[$1...]", "[" ARGS "]", "[]"},
		{"[$3...]", "[[3],null]", "[]"},
		{"[$5...]", "[]", "[]"},
		{"[\"a\", $3...]", "[\"a\",[3],null]", "[\"a\"]"},
		{"[\"a\", $5...]", "[\"a\"]", "[\"a\"]"},
		{"[$5..., \"a\"]", "[\"a\"]", "[\"a\"]"},
		{"[$3..., \"a\"]", "[[3],null,\"a\"]", "[\"a\"]"},
		{"[1, $5..., 2]", "[1,2]", "[1,2]"},
		{"[1, $4..., 2]", "[1,null,2]", "[1,2]"},
		{"[$4..., $5...]", "[null]", "[]"},
		{"[$5..., $4...]", "[null]", "[]"},
		{"[$5..., $from]", "[\"ME\"]", "[\"ME\"]"},
		{"[$name, $5...]", "[\"\\\"Ada\\\"\\n\"]", "[null]"},
		{"[{\"a\":[$3...]},$5...]", "[{\"a\":[[3],null]}]",
		 "[{\"a\":[]}]"},
	};
	struct rules_scope full = full_scope(), empty = empty_scope();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_answer("*", cases[i].template, &full, cases[i].full);
		assert_answer("*", cases[i].template, &empty, cases[i].empty);
	}
}

static void an_object_is_signed_by_its_last_member(void **state)
{
	static const struct {
		const char *arg, *expected;
	} cases[] = {
		{"{}", "[{\"from\":\"ME\"}]"},
		{"{ \r\n\t}", "[{\"from\":\"ME\"}]"},
		{"{\"a\":1}", "[{\"a\":1,\"from\":\"ME\"}]"},
		{"{\"a\":{} }", "[{\"a\":{},\"from\":\"ME\"}]"},
		{"{\"from\":\"YOU\"}", "[{\"from\":\"YOU\",\"from\":\"ME\"}]"},
		{"[1]", "[null]"},
		{"\"{}\"", "[null]"},
		{"null", "[null]"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rules_scope scope = empty_scope();
		struct span arg = span_from(cases[i].arg);

		scope.args = &arg;
		scope.args_count = 1;
		scope.rest = arg;
		assert_answer("*", "[$1+from]", &scope, cases[i].expected);
	}
}

static void strings_are_plain_text_and_blanks_outside_go(void **state)
{
	static const struct {
		const char *template, *expected;
	} cases[] = {
		{"[ \"$from  $1\" ,\t1 , { \"a b\" : [ ] } ]",
		 "[\"$from  $1\",1,{\"a b\":[]}]"},
		{"[\"\\\"$1\", $2]", "[\"\\\"$1\",\"two\"]"},
		{"[\"\\\\\", $2]", "[\"\\\\\",\"two\"]"},
		{"[\"a;b #c\", 1]", "[\"a;b #c\",1]"},
		{"[\"k = v : w\"]", "[\"k = v : w\"]"},
		{"[{\"$1\": $2, \"b\": true}]",
		 "[{\"$1\":\"two\",\"b\":true}]"},
	};
	struct rules_scope scope = full_scope();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_answer("*", cases[i].template, &scope,
			      cases[i].expected);
}

static void the_name_of_a_known_event_needs_no_scope(void **state)
{
	struct rules_scope scope = {.from = SPAN("ME")};
	struct ruleset *rules = parse("[x \"y\"]\nto=all\nemit=[$event,$from]");

	(void)state;
	assert_renders(rules_find(rules, SPAN("x \"y\""))->steps[0].emit,
		       &scope, "[\"x \\\"y\\\"\",\"ME\"]");
	rules_free(rules);
}

static void a_member_that_stands_twice_counts_by_its_last(void **state)
{
	struct rules_scope scope = empty_scope();
	struct span arg = SPAN("{\"a\":1,\"\\u0061\":2}");

	(void)state;
	scope.args = &arg;
	scope.args_count = 1;
	assert_answer("*", "[$1.a]", &scope, "[2]");
}

static void a_variable_names_raw_json(void **state)
{
	struct rules_scope full = full_scope(), empty = empty_scope();
	struct rules_var arg = {.kind = VAR_ARG, .arg = 1};
	struct rules_var field = {.kind = VAR_FIELD, .field = SPAN("to")};

	(void)state;
	assert_true(span_equal(rules_resolve(&arg, &full), SPAN("\"two\"")));
	assert_true(span_equal(rules_resolve(&field, &full), SPAN("\"p\"")));
	assert_null(rules_resolve(&arg, &empty).ptr);
	assert_null(rules_resolve(&field, &empty).ptr);
	field.arg = 1;
	assert_null(rules_resolve(&field, &full).ptr);
}

static void a_bound_variable_has_its_value_whatever_came(void **state)
{
	static const struct rules_var arg = {.kind = VAR_ARG, .arg = 1};
	static const struct rules_var field = {.kind = VAR_FIELD,
					       .field = SPAN_INIT("to")};
	struct rules_scope scope = empty_scope();

	(void)state;
	scope.bound = &arg;
	scope.bound_value = SPAN("{\"to\":7}");
	assert_answer("*", "[$1, $2]", &scope, "[null,{\"to\":7}]");
	assert_answer("*", "[$from, $2...]", &scope, "[\"ME\",{\"to\":7}]");
	assert_answer("*", "[$from, $3...]", &scope, "[\"ME\"]");
	assert_answer("*", "[$2.to]", &scope, "[7]");
	assert_answer("*", "[$2+from]", &scope, "[{\"to\":7,\"from\":\"ME\"}]");
	scope.bound = &field;
	assert_answer("*", "[$1.to, $2.to, $1.x]", &scope,
		      "[{\"to\":7},null,null]");
}

static void scratch_may_move_while_it_grows(void **state)
{
	char name[300], expected[1024];
	struct rules_scope scope = empty_scope();

	(void)state;
	memset(name, 'n', sizeof(name));
	scope.name = scope.room = span_of(name, sizeof(name));
	(void)snprintf(expected, sizeof(expected),
		       "[\"%.300s\",1,\"%.300s\",[],\"%.300s\"]", name, name,
		       name);
	assert_answer("*", "[$name, 1, $room, $others, $name]", &scope,
		      expected);
}

static void memory_that_runs_out_is_told_once(void **state)
{
	struct ruleset *rules = parse("[*]\nack = [$name]");
	const struct rules_template *template =
		rules_find(rules, SPAN("x"))->ack_template;
	struct rules_scope scope = full_scope();
	struct span parts[RULES_MAX_PARTS];
	struct buf scratch = {0};

	(void)state;
	fail_alloc_at(1);
	assert_int_equal(rules_render(template, &scope, parts, &scratch),
			 -ENOMEM);
	assert_true(fail_alloc_stop());
	assert_int_equal(rules_render(template, &scope, parts, &scratch), 3);
	buf_clear(&scratch);
	rules_free(rules);
}

static struct ruleset *load(const char *name)
{
	struct config_error error;
	struct ruleset *rules;

	if (rules_load(&rules, name, &error))
		fail_msg("refused: %s", error.text);
	return rules;
}

static void every_preset_loads_and_says_what_it_is_for(void **state)
{
	size_t count = 0;

	(void)state;
	for (; rules_preset_name(count); count++) {
		const char *name = rules_preset_name(count);

		assert_int_equal(strncmp(rules_preset(name), "# ", 2), 0);
		rules_free(load(name));
	}
	assert_int_equal(count, 6);
	assert_null(rules_preset("nothing"));
	assert_null(rules_preset_name(count + 1));
}

/* An event of a preset with two arguments, and what one of its steps sends. */
struct exchange {
	const char *preset, *event;
	size_t step;
	enum rules_whom whom;
	const char *arg, *emit, *payload;
};

static const struct rules_rule *find_rule(const struct ruleset *rules,
					  const char *event)
{
	if (!strcmp(event, "connect"))
		return rules_on_connect(rules);
	if (!strcmp(event, "disconnect"))
		return rules_on_disconnect(rules);
	return rules_find(rules, span_from(event));
}

static void check_exchange(const struct exchange *exchange)
{
	static char others[] = "\"P\"";
	struct ruleset *rules = load(exchange->preset);
	const struct rules_rule *rule = find_rule(rules, exchange->event);
	struct span args[2] = {span_from(exchange->arg), {NULL, 0}};
	struct rules_scope scope = {
		.event = SPAN("\"any\""),
		.args = args,
		.args_count = 2,
		.from = SPAN("ME"),
		.name = SPAN("Ada"),
		.room = SPAN("main"),
		.write_others = write_others,
		.arg = others,
	};
	char rest[256];
	const struct rules_step *step;

	(void)snprintf(rest, sizeof(rest), "%s,\"B\"", exchange->arg);
	scope.rest = span_from(rest);
	args[0].ptr = rest;
	args[1] = span_skip(scope.rest, args[0].len + 1);
	assert_non_null(rule);
	assert_true(rule->steps_count > exchange->step);
	step = &rule->steps[exchange->step];
	assert_int_equal(step->whom, exchange->whom);
	assert_renders(step->emit, &scope, exchange->emit);
	if (exchange->payload)
		assert_renders(step->payload, &scope, exchange->payload);
	else
		assert_null(step->payload);
	rules_free(rules);
}

static void presets_send_what_their_pages_expect(void **state)
{
	static const struct exchange exchanges[] = {
		{"tutorial", "broadcaster", 0, WHOM_OTHERS, "1",
		 "[\"broadcaster\"]", NULL},
		{"tutorial", "watcher", 0, WHOM_BROADCASTER, "1",
		 "[\"watcher\",\"ME\"]", NULL},
		{"tutorial", "offer", 0, WHOM_PEER, "\"P\"",
		 "[\"offer\",\"ME\",\"B\"]", "\"B\""},
		{"tutorial", "answer", 0, WHOM_PEER, "\"P\"",
		 "[\"answer\",\"ME\",\"B\"]", "\"B\""},
		{"tutorial", "candidate", 0, WHOM_PEER, "\"P\"",
		 "[\"candidate\",\"ME\",\"B\"]", "\"B\""},
		{"tutorial", "disconnect", 0, WHOM_BROADCASTER, "1",
		 "[\"disconnectPeer\",\"ME\"]", NULL},
		{"tutorial", "disconnect", 1, WHOM_WATCHERS, "1",
		 "[\"disconnectPeer\",\"ME\"]", NULL},
		{"codelab", "create or join", 0, WHOM_SELF, "\"main\"",
		 "[\"created\",\"main\",\"ME\"]", NULL},
		{"codelab", "create or join", 1, WHOM_OTHERS, "\"main\"",
		 "[\"join\",\"main\"]", NULL},
		{"codelab", "create or join", 2, WHOM_SELF, "\"main\"",
		 "[\"joined\",\"main\",\"ME\"]", NULL},
		{"codelab", "create or join", 3, WHOM_ALL, "\"main\"",
		 "[\"ready\",\"main\"]", NULL},
		{"codelab", "message", 0, WHOM_OTHERS,
		 "{\"channel\":\"main\",\"message\":{\"type\":\"offer\"}}",
		 "[\"message\",{\"type\":\"offer\"}]", "{\"type\":\"offer\"}"},
		{"codelab", "message", 1, WHOM_OTHERS, "\"got user media\"",
		 "[\"message\",\"got user media\"]", "\"got user media\""},
		{"all-users", "join room", 0, WHOM_SELF, "\"main\"",
		 "[\"all users\",[\"P\"]]", NULL},
		{"all-users", "sending signal", 0, WHOM_PEER,
		 "{\"userToSignal\":\"P\",\"callerID\":\"X\",\"signal\":1}",
		 "[\"user joined\",{\"signal\":1,\"callerID\":\"ME\"}]", "1"},
		{"all-users", "returning signal", 0, WHOM_PEER,
		 "{\"callerID\":\"P\",\"signal\":1}",
		 "[\"receiving returned signal\",{\"signal\":1,\"id\":\"ME\"}]",
		 "1"},
		{"all-users", "disconnect", 0, WHOM_OTHERS, "1",
		 "[\"user left\",\"ME\"]", NULL},
		{"callUser", "connect", 0, WHOM_SELF, "1", "[\"me\",\"ME\"]",
		 NULL},
		{"callUser", "callUser", 0, WHOM_PEER,
		 "{\"userToCall\":\"P\",\"signalData\":1,\"from\":\"X\","
		 "\"name\":\"A\"}",
		 "[\"callUser\",{\"signal\":1,\"from\":\"ME\",\"name\":\"A\"}]",
		 "1"},
		{"callUser", "answerCall", 0, WHOM_PEER,
		 "{\"to\":\"P\",\"signal\":1}", "[\"callAccepted\",1]", "1"},
		{"callUser", "disconnect", 0, WHOM_OTHERS, "1",
		 "[\"callEnded\"]", NULL},
		{"join-room", "join-room", 0, WHOM_OTHERS, "\"main\"",
		 "[\"user-connected\",\"Ada\"]", NULL},
		{"join-room", "message", 0, WHOM_ALL, "\"hi\"",
		 "[\"createMessage\",\"hi\",\"Ada\"]", "\"hi\""},
		{"join-room", "disconnect", 0, WHOM_OTHERS, "1",
		 "[\"user-disconnected\",\"Ada\"]", NULL},
		{"generic", "offer", 0, WHOM_PEER, "\"P\"",
		 "[\"offer\",\"ME\",\"B\"]", "\"B\""},
		{"generic", "candidate", 2, WHOM_PEER, "{\"target\":\"P\"}",
		 "[\"candidate\",{\"target\":\"P\",\"from\":\"ME\"},\"B\"]",
		 "{\"event\":\"candidate\",\"args\":[{\"target\":\"P\"},"
		 "\"B\"]}"},
		{"generic", "my own", 0, WHOM_PEER, "\"P\"",
		 "[\"any\",\"ME\",\"B\"]",
		 "{\"event\":\"any\",\"args\":[\"P\",\"B\"]}"},
		{"generic", "my own", 1, WHOM_PEER, "{\"to\":\"P\"}",
		 "[\"any\",{\"to\":\"P\",\"from\":\"ME\"},\"B\"]",
		 "{\"event\":\"any\",\"args\":[{\"to\":\"P\"},\"B\"]}"},
		{"generic", "my own", 3, WHOM_OTHERS, "{\"room\":\"main\"}",
		 "[\"any\",{\"room\":\"main\",\"from\":\"ME\"},\"B\"]",
		 "{\"event\":\"any\",\"args\":[{\"room\":\"main\"},\"B\"]}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(exchanges); i++)
		check_exchange(&exchanges[i]);
}

static void presets_let_peers_in(void **state)
{
	static const struct {
		const char *preset, *event;
		enum hub_role role;
		unsigned most;
		const char *refused;
	} cases[] = {
		{"tutorial", "broadcaster", ROLE_BROADCASTER, 0, NULL},
		{"tutorial", "watcher", ROLE_WATCHER, 0, NULL},
		{"codelab", "create or join", ROLE_PEER, 2,
		 "[\"full\",\"main\"]"},
		{"all-users", "join room", ROLE_PEER, 4, "[\"room full\"]"},
		{"callUser", "connect", ROLE_PEER, 0, NULL},
		{"join-room", "join-room", ROLE_PEER, 0, NULL},
		{"generic", "connect", ROLE_PEER, 0, NULL},
		{"generic", "join", ROLE_PEER, 0, NULL},
	};
	struct span arg = SPAN("\"main\"");
	struct rules_scope scope = {.args = &arg, .args_count = 1};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ruleset *rules = load(cases[i].preset);
		const struct rules_rule *rule =
			find_rule(rules, cases[i].event);

		assert_true(rule->joins);
		assert_int_equal(rule->role, cases[i].role);
		assert_int_equal(rule->most, cases[i].most);
		if (cases[i].refused)
			assert_renders(rule->refused, &scope, cases[i].refused);
		else
			assert_null(rule->refused);
		rules_free(rules);
	}
}

/* What another dialect's message looks like under each preset. */
static void presets_hear_other_dialects(void **state)
{
	static const struct {
		const char *preset;
		enum envelope_kind kind;
		const char *emit;
	} cases[] = {
		{"tutorial", ENVELOPE_OFFER, "[\"offer\",\"ME\",{}]"},
		{"tutorial", ENVELOPE_ANSWER, "[\"answer\",\"ME\",{}]"},
		{"tutorial", ENVELOPE_CANDIDATE, "[\"candidate\",\"ME\",{}]"},
		{"tutorial", ENVELOPE_SIGNAL, NULL},
		{"codelab", ENVELOPE_SIGNAL, "[\"message\",{}]"},
		{"codelab", ENVELOPE_OFFER, NULL},
		{"all-users", ENVELOPE_OFFER,
		 "[\"user joined\",{\"signal\":{},\"callerID\":\"ME\"}]"},
		{"all-users", ENVELOPE_ANSWER,
		 "[\"receiving returned signal\",{\"signal\":{},"
		 "\"id\":\"ME\"}]"},
		{"callUser", ENVELOPE_OFFER,
		 "[\"callUser\",{\"signal\":{},\"from\":\"ME\","
		 "\"name\":null}]"},
		{"callUser", ENVELOPE_ANSWER, "[\"callAccepted\",{}]"},
		{"join-room", ENVELOPE_BROADCAST,
		 "[\"createMessage\",{},null]"},
		{"generic", ENVELOPE_OFFER, "[\"offer\",\"ME\",{}]"},
		{"generic", ENVELOPE_CANDIDATE, "[\"candidate\",\"ME\",{}]"},
		{"generic", ENVELOPE_SIGNAL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ruleset *rules = load(cases[i].preset);
		const struct rules_step *step =
			rules_hearing(rules, cases[i].kind);
		struct rules_scope scope = {.from = SPAN("ME")};

		if (cases[i].emit) {
			assert_non_null(step);
			scope.bound = step->payload_var;
			scope.bound_value = SPAN("{}");
			assert_renders(step->emit, &scope, cases[i].emit);
		} else {
			assert_null(step);
		}
		rules_free(rules);
	}
}

static void presets_tell_of_who_comes_by_another_dialect(void **state)
{
	static const struct {
		const char *preset;
		enum hub_role role;
		const char *event;
	} cases[] = {
		{"tutorial", ROLE_BROADCASTER, "broadcaster"},
		{"tutorial", ROLE_WATCHER, "watcher"},
		{"tutorial", ROLE_PEER, NULL},
		{"codelab", ROLE_PEER, "create or join"},
		{"all-users", ROLE_PEER, NULL},
		{"join-room", ROLE_PEER, "join-room"},
		{"generic", ROLE_PEER, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ruleset *rules = load(cases[i].preset);
		const struct rules_rule *rule =
			rules_joining(rules, cases[i].role);

		if (cases[i].event)
			assert_true(span_equal(rule->event,
					       span_from(cases[i].event)));
		else
			assert_null(rule);
		rules_free(rules);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_variable_has_its_value),
		cmocka_unit_test(arguments_are_spliced_or_leave_no_comma),
		cmocka_unit_test(an_object_is_signed_by_its_last_member),
		cmocka_unit_test(strings_are_plain_text_and_blanks_outside_go),
		cmocka_unit_test(the_name_of_a_known_event_needs_no_scope),
		cmocka_unit_test(a_member_that_stands_twice_counts_by_its_last),
		cmocka_unit_test(a_variable_names_raw_json),
		cmocka_unit_test(a_bound_variable_has_its_value_whatever_came),
		cmocka_unit_test(scratch_may_move_while_it_grows),
		cmocka_unit_test(memory_that_runs_out_is_told_once),
		cmocka_unit_test(every_preset_loads_and_says_what_it_is_for),
		cmocka_unit_test(presets_send_what_their_pages_expect),
		cmocka_unit_test(presets_let_peers_in),
		cmocka_unit_test(presets_hear_other_dialects),
		cmocka_unit_test(presets_tell_of_who_comes_by_another_dialect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
