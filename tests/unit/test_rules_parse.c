/* test_rules_parse.c: rules files, what they mean and why they are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "fail_alloc.h"
#include "rules/rules.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct ruleset *parse(const char *text)
{
	struct config_error error;
	struct ruleset *rules;

	if (rules_parse(&rules, span_from(text), "test", &error))
		fail_msg("refused: %s", error.text);
	return rules;
}

static const struct rules_rule *find(const struct ruleset *rules,
				     const char *event)
{
	const struct rules_rule *rule = rules_find(rules, span_from(event));

	assert_non_null(rule);
	return rule;
}

/* The sentence is "test:" and begin; what follows is not looked at. */
static void assert_refused(struct span text, const char *begin)
{
	struct config_error error;
	struct ruleset *rules = NULL;
	char expected[CONFIG_MAX_ERROR];

	(void)snprintf(expected, sizeof(expected), "test:%s", begin);
	if (rules_parse(&rules, text, "test", &error) != -EINVAL)
		fail_msg("not refused: %s", expected);
	assert_null(rules);
	if (strncmp(error.text, expected, strlen(expected)) != 0)
		fail_msg("said: %s\nnot: %s", error.text, expected);
}

static bool spans(struct span s, const char *text)
{
	return span_equal(s, span_from(text));
}

static void every_key_says_what_it_means(void **state)
{
	struct ruleset *rules = parse("\xef\xbb\xbf# a comment\r\n"
				      "; another\n"
				      "[create or join]\r\n"
				      "  join = broadcaster replacing \n"
				      "room = $1.room\n"
				      "name: $2\n"
				      "most = 2\n"
				      "refused = [\"full\", $1, $error]\n"
				      "when = alone\n"
				      "to = self\n"
				      "emit = [\"created\"]\n"
				      "when = others\n"
				      "to = $3.id in $1.room\n"
				      "emit = [$event]\n"
				      "native = offer $2\n"
				      "else = others\n"
				      "native = signal {\"a\": $2.b}\n"
				      "ack = [$error]\n"
				      "[bye]\n"
				      "leave = yes\n"
				      "to = self\n"
				      "emit = [\"bye\"]\n");
	const struct rules_rule *rule = find(rules, "create or join");

	(void)state;
	assert_true(spans(rule->event, "create or join"));
	assert_true(rule->joins && rule->replaces && !rule->leaves);
	assert_int_equal(rule->role, ROLE_BROADCASTER);
	assert_true(rule->has_room && rule->room.kind == VAR_FIELD);
	assert_true(!rule->room.arg && spans(rule->room.field, "room"));
	assert_true(rule->has_name && rule->name.kind == VAR_ARG);
	assert_int_equal(rule->name.arg, 1);
	assert_int_equal(rule->most, 2);
	assert_non_null(rule->refused);
	assert_int_equal(rule->steps_count, 3);
	assert_int_equal(rule->ack, ACK_TEMPLATE);
	assert_non_null(rule->ack_template);

	assert_int_equal(rule->steps[0].when, WHEN_ALONE);
	assert_int_equal(rule->steps[0].whom, WHOM_SELF);
	assert_false(rule->steps[0].is_else || rule->steps[0].has_in);
	assert_null(rule->steps[0].payload);

	assert_int_equal(rule->steps[1].when, WHEN_OTHERS);
	assert_int_equal(rule->steps[1].whom, WHOM_PEER);
	assert_int_equal(rule->steps[1].peer.arg, 2);
	assert_true(spans(rule->steps[1].peer.field, "id"));
	assert_true(rule->steps[1].has_in);
	assert_true(spans(rule->steps[1].in.field, "room"));
	assert_int_equal(rule->steps[1].kind, ENVELOPE_OFFER);
	assert_int_equal(rule->steps[1].payload_var->arg, 1);

	assert_true(rule->steps[2].is_else);
	assert_null(rule->steps[2].emit);
	assert_non_null(rule->steps[2].payload);
	assert_null(rule->steps[2].payload_var);

	assert_true(find(rules, "bye")->leaves);
	assert_int_equal(find(rules, "bye")->ack, ACK_NONE);
	assert_int_equal(find(rules, "bye")->steps[0].when, WHEN_ALWAYS);
	rules_free(rules);
}

static void words_have_their_values(void **state)
{
	static const struct {
		const char *whom;
		enum rules_whom value;
	} whoms[] = {
		{"self", WHOM_SELF}, {"others", WHOM_OTHERS},
		{"all", WHOM_ALL},   {"broadcaster", WHOM_BROADCASTER},
		{"$1", WHOM_PEER},   {"$8.a_Z9", WHOM_PEER},
	};
	static const struct {
		const char *kind;
		enum envelope_kind value;
	} kinds[] = {
		{"offer", ENVELOPE_OFFER},	   {"answer", ENVELOPE_ANSWER},
		{"candidate", ENVELOPE_CANDIDATE}, {"signal", ENVELOPE_SIGNAL},
		{"broadcast", ENVELOPE_BROADCAST},
	};
	static const char *const roles[] = {"peer", "broadcaster", "watcher",
					    "operator"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < COUNT(whoms); i++) {
		struct ruleset *rules;

		(void)snprintf(text, sizeof(text), "[a]\nto=%s\nemit=[\"b\"]",
			       whoms[i].whom);
		rules = parse(text);
		assert_int_equal(find(rules, "a")->steps[0].whom,
				 whoms[i].value);
		rules_free(rules);
	}
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct ruleset *rules;

		(void)snprintf(text, sizeof(text), "[a]\nto=all\nnative=%s $1",
			       kinds[i].kind);
		rules = parse(text);
		assert_int_equal(find(rules, "a")->steps[0].kind,
				 kinds[i].value);
		rules_free(rules);
	}
	for (size_t i = 0; i < COUNT(roles); i++) {
		struct ruleset *rules;

		(void)snprintf(text, sizeof(text), "[a]\njoin = %s", roles[i]);
		rules = parse(text);
		assert_int_equal(find(rules, "a")->role, i);
		rules_free(rules);
	}
}

static void an_event_meets_its_own_rule_or_that_for_any_other(void **state)
{
	struct ruleset *rules = parse("[connect]\njoin = peer\n"
				      "[disconnect]\n"
				      "to = others\nemit = [\"gone\"]\n"
				      "[a b]\n[*]\n[\xc3\xa9]\n");
	struct ruleset *strict = parse("[connect]\n[a]\n");

	(void)state;
	assert_true(spans(find(rules, "a b")->event, "a b"));
	assert_true(spans(find(rules, "\xc3\xa9")->event, "\xc3\xa9"));
	assert_true(spans(find(rules, "A B")->event, "*"));
	assert_true(spans(find(rules, "")->event, "*"));
	assert_true(spans(find(rules, "connect")->event, "*"));
	assert_true(spans(rules_on_connect(rules)->event, "connect"));
	assert_true(spans(rules_on_disconnect(rules)->event, "disconnect"));
	assert_null(rules_find(strict, SPAN("b")));
	assert_null(rules_find(strict, SPAN("connect")));
	assert_null(rules_on_disconnect(strict));
	rules_free(rules);
	rules_free(strict);
}

#define STEP "to = others\nemit = [\"x\"]\n"

static void every_fault_is_named_with_its_line(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		/* the form */
		{"", " has no [event]"},
		{"# only this\n\n", " has no [event]"},
		{"to = all\n", "1: to stands before any [event]"},
		{"[a]\nwhat is this\n", "2: neither [event] nor name = value"},
		{"[a] ; of mine\n", "1: write [event]"},
		{"[a\n", "1: write [event]"},
		{"[a]b]\n", "1: write [event]"},
		{"[\n", "1: write [event]"},
		{"\n[]\n", "2: an event's name has 1 to 128 bytes"},
		{"[ a]\n", "1: blanks around the event's name; write [a]"},
		{"[a]\n\x01\n", "2: holds the control character 0x01"},
		{"[a]\n[b]\n[a]\n", "3: [a] stands there twice, first in line "
				    "1"},
		{"[*]\n\n[*]\n", "3: [*] stands there twice, first in line 1"},
		{"[connect]\n[connect]\n", "2: [connect] stands there twice"},
		{"[disconnecting]\n", "1: Socket.IO keeps the name"},
		{"[connect_error]\n", "1: Socket.IO keeps the name"},
		{"[newListener]\n", "1: Socket.IO keeps the name"},
		{"[removeListener]\n", "1: Socket.IO keeps the name"},

		/* keys */
		{"[a]\n\njoins = peer\n", "3: unknown key joins; there are"},
		{"[a]\nJOIN = peer\n", "2: unknown key JOIN"},
		{"[a]\njoin = guest\n", "2: join = guest; write peer, "},
		{"[a]\njoin =\n", "2: join = ; write peer, "},
		{"[a]\njoin = peer replacing\n", "2: join = peer replacing"},
		{"[a]\njoin = broadcaster now\n", "2: join = broadcaster now"},
		{"[a]\njoin = peer\njoin = peer\n", "3: join is given twice"},
		{"[a]\njoin = peer\nleave = yes\n", "3: an event joins or"},
		{"[a]\nleave = yes\njoin = peer\n", "3: an event joins or"},
		{"[a]\nleave = no\n", "2: leave = no; write yes"},
		{"[a]\nleave = yes\n" STEP, "3: who leaves reaches itself"},
		{"[a]\nroom = $1\n", "2: room means nothing without join"},
		{"[a]\nname = $1\njoin = peer\n", "2: name means nothing"},
		{"[a]\nmost = 2\n", "2: most means nothing without join"},
		{"[a]\nrefused = [\"b\"]\n", "2: refused means nothing"},
		{"[a]\njoin = peer\nroom = main\n", "3: 'main' is no variable"},
		{"[a]\njoin = peer\nroom =\n", "3: '' is no variable"},
		{"[a]\njoin = peer\nroom = $2...\n", "3: $2... names no"},
		{"[a]\njoin = peer\nname = $from\n", "3: $from names no"},
		{"[a]\njoin = peer\nroom = $1 x\n", "3: unknown variable $1 x"},
		{"[a]\njoin=peer\nmost = 0\n", "3: most = 0; write a whole"},
		{"[a]\njoin=peer\nmost = 1000001\n", "3: most = 1000001; "},
		{"[a]\njoin=peer\nmost = two\n", "3: most = two; write a"},
		{"[a]\nwhen = never\n", "2: when = never; write alone, "},
		{"[a]\n" STEP "join = peer\n", "4: join belongs before the "},
		{"[a]\nwhen = alone\nleave = yes\n", "3: leave belongs before"},
		{"[a]\n" STEP "ack = [1]\nto = self\n", "5: to belongs before "
							"ack"},

		/* steps */
		{"[a]\nemit = [\"b\"]\n", "2: emit stands before any to"},
		{"[a]\nnative = offer $1\n", "2: native stands before any to"},
		{"[a]\nelse = others\n", "2: else stands before any to"},
		{"[a]\nto = friends\n", "2: to = friends; write self, others"},
		{"[a]\nto =\n", "2: to = ; write self, others"},
		{"[a]\nto = all at $1\n", "2: to = all at $1; write nothing"},
		{"[a]\nto = all in\n", "2: '' is no variable"},
		{"[a]\nto = all in room\n", "2: 'room' is no variable"},
		{"[a]\nto = $from\n", "2: $from names no argument"},
		{"[a]\n\nto = all\n\n" STEP, "3: a step that sends nothing"},
		{"[a]\nto = all\n[b]\n", "2: a step that sends nothing"},
		{"[a]\nto = all\n", "2: a step that sends nothing"},
		{"[a]\n" STEP "emit = [\"y\"]\n", "4: a second emit in one"},
		{"[a]\nto=all\nnative=offer $1\nnative=offer $1\n",
		 "4: a second native in one step"},
		{"[a]\nto=all\nnative = hello $1\n", "3: native = hello $1; "},
		{"[a]\nto=all\nnative = offer\n", "3: native = offer; write "},
		{"[a]\nto=all\nnative = offer $1 $2\n", "3: no JSON once"},
		{"[a]\nack = relay\n", "2: ack = relay asks one receiver"},
		{"[a]\n" STEP "ack = relay\n", "4: ack = relay asks one"},
		{"[a]\nack = yes\n", "2: ack = yes; write relay, or an array"},
		{"[a]\nack = {}\n", "2: ack = {}; write relay, or an array"},
		{"[a]\nack = [1]\nack = [2]\n", "3: ack is given twice"},

		/* what is sent */
		{"[a]\nto=all\nemit = \"b\"\n", "3: what is sent is an array"},
		{"[a]\nto=all\nemit = []\n", "3: what is sent is an array"},
		{"[a]\nto=all\nemit = [1]\n", "3: what is sent is an array"},
		{"[a]\nto=all\nemit = [$1]\n", "3: what is sent is an array"},
		{"[a]\nto=all\nemit = $event\n", "3: what is sent is an array"},
		{"[a]\nto=all\nemit = [\"connect\"]\n", "3: Socket.IO keeps"},
		{"[a]\nto=all\nemit = [\"c\\u006fnnect\"]\n", "3: Socket.IO"},
		{"[a]\nto=all\nemit = [ \"disconnect\"]\n", "3: Socket.IO"},
		{"[a]\nto=all\nemit = [\"\\ud800\"]\n", "3: the event's name"},
		{"[a]\njoin=peer\nrefused = [\"connect_error\"]\n",
		 "3: Socket"},
		{"[a]\njoin=peer\nrefused = \"full\"\n", "3: what is sent is"},
		{"[a]\nto=all\nemit =\n", "3: no JSON once"},
		{"[a]\nto=all\nemit = [\"b\", $1\n", "3: no JSON once"},
		{"[a]\nto=all\nemit = [\"b, $1]\n", "3: no JSON once"},
		{"[a]\nto=all\nemit = [\"b\" $1]\n", "3: no JSON once"},
		{"[a]\nto=all\nemit = [\"b\", 1 2]\n", "3: no JSON once"},
		{"[a]\nto=all\nemit = ['b']\n", "3: no JSON once"},
		{"[a]\nto=all\nemit = [\"b\", $1$2]\n", "3: no JSON once"},
		{"[a]\nto=all\nemit = [\"b\", {$1: 1}]\n", "3: no JSON once"},
		{"[a]\nto=all\nemit = [\"b\", {\"c\": $1...}]\n",
		 "3: no JSON once"},
		{"[a]\nto=all\nnative = signal $1...\n", "3: no JSON once"},
		{"[a]\nto=all\nemit = [\"b\", 5$1...]\n", "3: no JSON once"},
		{"[a]\nto=all\nemit = [\"b\", $1...5]\n", "3: unknown var"},
		{"[a]\nto=all\nemit = [\"b\"] # c\n", "3: no JSON once"},

		/* variables */
		{"[a]\nto=all\nemit = [\"b\", $form]\n", "3: unknown variable "
							 "$form; there are"},
		{"[a]\nto=all\nemit = [\"b\", $0]\n", "3: unknown variable $0"},
		{"[a]\nto=all\nemit = [\"b\", $9]\n", "3: unknown variable $9"},
		{"[a]\nto=all\nemit = [\"b\", $10]\n", "3: unknown variable "
						       "$10"},
		{"[a]\nto=all\nemit = [\"b\", $]\n", "3: unknown variable $;"},
		{"[a]\nto=all\nemit = [\"b\", $1.]\n", "3: unknown variable "
						       "$1.;"},
		{"[a]\nto=all\nemit = [\"b\", $1.a.b]\n", "3: unknown "
							  "variable $1.a.b;"},
		{"[a]\nto=all\nemit = [\"b\", $1..]\n", "3: unknown variable"},
		{"[a]\nto=all\nemit = [\"b\", $1+to]\n", "3: unknown variable"},
		{"[a]\nto=all\nemit = [\"b\", $error]\n", "3: $error means "
							  "something in"},

		/* where there is no event */
		{"[connect]\njoin = peer\nroom = $1\n", "3: $1 has no value in "
							"[connect]"},
		{"[connect]\nto=self\nemit = [\"a\", $1.b]\n", "3: $1.b has "
							       "no value"},
		{"[connect]\nto=self\nemit = [$event]\n", "3: $event has no "},
		{"[connect]\nto = $1\n", "2: $1 has no value in [connect]"},
		{"[connect]\nack = [1]\n", "2: ack means nothing in [connect]"},
		{"[connect]\nleave = yes\n", "2: leave means nothing in [con"},
		{"[disconnect]\njoin = peer\n", "2: join means nothing in "},
		{"[disconnect]\nleave = yes\n", "2: leave means nothing in "},
		{"[disconnect]\nroom = $1\n", "2: room means nothing without"},
		{"[disconnect]\nack = [1]\n", "2: ack means nothing in [disc"},
		{"[disconnect]\nto = self\n", "2: who has left hears nothing"},
		{"[disconnect]\nwhen = alone\n",
		 "2: when means nothing in [disconnect]"},
		{"[disconnect]\nto=others\nemit=[\"a\"]\nelse=broadcaster\n",
		 "4: else means nothing in [disconnect]"},
		{"[connect]\njoin = peer\nrefused = [\"a\"]\n",
		 "3: refused means nothing in [connect]"},
		{"[disconnect]\nto = all\n", "2: who has left hears nothing"},
		{"[disconnect]\nto = $1\n", "2: $1 has no value in [disc"},
		{"[disconnect]\nto=others\nnative=signal 1\n",
		 "3: native means nothing in [disconnect]"},
		{"[disconnect]\nto=others\nemit = [\"a\", $1]\n", "3: $1 has "},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_refused(span_from(cases[i].text), cases[i].says);
}

/* Text behind "[a]\n...", repeated so often. */
static char *repeat(const char *head, const char *text, size_t times,
		    const char *tail)
{
	size_t cap = strlen(head) + strlen(text) * times + strlen(tail) + 1;
	char *whole = malloc(cap);
	char *at;

	assert_non_null(whole);
	at = stpcpy(whole, head);
	for (size_t i = 0; i < times; i++)
		at = stpcpy(at, text);
	(void)stpcpy(at, tail);
	return whole;
}

static void assert_limit(const char *head, const char *text, size_t most,
			 const char *tail, const char *says)
{
	char *good = repeat(head, text, most, tail);
	char *bad = repeat(head, text, most + 1, tail);

	rules_free(parse(good));
	assert_refused(span_from(bad), says);
	free(good);
	free(bad);
}

static void limits_are_kept(void **state)
{
	(void)state;
	/* "[", then a variable and a comma each. */
	assert_limit("[a]\nto=all\nemit=[\"b\"", ",$1", 11, "]\n",
		     "3: has more than 24 pieces");
	assert_limit("[a]\nto=all\nemit=[\"b\"", ",$1+from", 4, "]\n",
		     "3: has more than 24 pieces");
	assert_limit("[a]\n", STEP, 16, "", "34: more than 16 steps");
	assert_limit("[", "n", 128, "]\n", "1: an event's name has 1 to 128");
	assert_limit("[a]\nto=all\nemit=[\"", "n", 128, "\"]\n",
		     "3: the event's name is longer than 128 bytes");
	assert_limit("#", "x", 4092, "\n[a]", "1: longer than 4093 bytes");
	assert_limit("[a]\n", "#2345678\n", 7281, "#2",
		     " longer than 65536 "
		     "bytes");
}

static void templates_nest_as_deep_as_messages(void **state)
{
	char *deep = repeat("[a]\nto=all\nemit=[\"b\",", "[", 64, "");
	char *whole = repeat(deep, "]", 65, "\n");

	(void)state;
	assert_refused(span_from(whole), "3: nested deeper than 64 levels");
	free(deep);
	free(whole);
}

static void a_file_has_64_events_at_most(void **state)
{
	char text[65 * 8], *at = text;

	(void)state;
	for (int i = 0; i < 64; i++)
		at += sprintf(at, "[e%d]\n", i);
	rules_free(parse(text));
	(void)sprintf(at, "[*]\n");
	assert_refused(span_from(text), "65: more than 64 events");
}

static void a_long_event_is_not_cut(void **state)
{
	struct ruleset *rules =
		parse("[an event that is called by more than fifty bytes, one]"
		      "\nleave = yes\n"
		      "[an event that is called by more than fifty bytes, two]"
		      "\njoin = peer\n");

	(void)state;
	assert_true(find(rules, "an event that is called by more than fifty "
				"bytes, one")
			    ->leaves);
	assert_true(find(rules, "an event that is called by more than fifty "
				"bytes, two")
			    ->joins);
	rules_free(rules);
}

static void text_that_is_none_is_refused(void **state)
{
	(void)state;
	assert_refused(SPAN("[a]\n\0\n"), "2: holds the control character");
	assert_refused(SPAN("[\xff]\n"), " is no UTF-8 text");
}

static void the_first_rule_that_tells_of_a_role_is_found(void **state)
{
	struct ruleset *rules = parse("[a]\njoin=peer\nto=self\nemit=[\"x\"]\n"
				      "[b]\njoin=peer\nto=all\n"
				      "emit=[\"x\",$1]\n"
				      "[c]\njoin=peer\nto=all in $1\n"
				      "emit=[\"x\"]\n"
				      "[*]\njoin=peer\nto=all\nemit=[$event]\n"
				      "[d]\njoin=peer\nto=all\n"
				      "emit=[\"y\",$1]\nto=broadcaster\n"
				      "emit=[$event, $from]\n"
				      "[e]\njoin=watcher\nto=others\n"
				      "native=broadcast 1\n");
	const struct rules_rule *rule = rules_joining(rules, ROLE_PEER);

	(void)state;
	assert_true(spans(rule->event, "d"));
	assert_false(rules_tells_joining(&rule->steps[0]));
	assert_true(rules_tells_joining(&rule->steps[1]));
	assert_null(rules_joining(rules, ROLE_WATCHER));
	assert_null(rules_joining(rules, ROLE_OPERATOR));
	rules_free(rules);
}

static void the_first_step_that_hears_a_kind_is_found(void **state)
{
	struct ruleset *rules = parse("[*]\nto=$1\nemit=[$event,$2]\n"
				      "native=offer $2\n"
				      "[a]\nto=$1\nnative=offer $2\n"
				      "[b]\nto=$1\nemit=[\"x\"]\n"
				      "native=offer [$2]\n"
				      "[c]\nto=$1\nemit=[\"y\",$1.sdp]\n"
				      "native=offer $1.sdp\n");
	const struct rules_step *step = rules_hearing(rules, ENVELOPE_OFFER);

	(void)state;
	assert_ptr_equal(step, find(rules, "c")->steps);
	assert_null(rules_hearing(rules, ENVELOPE_ANSWER));
	rules_free(rules);
}

static const char *write_file(struct span bytes)
{
	static char path[] = "/tmp/signald-rules-XXXXXX";
	int fd;

	(void)strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
	assert_int_equal(close(fd), 0);
	return path;
}

static void assert_load_refused(const char *name, const char *says)
{
	struct config_error error;
	struct ruleset *rules = NULL;

	assert_int_equal(rules_load(&rules, name, &error), -EINVAL);
	assert_null(rules);
	assert_string_equal(error.text, says);
}

static void rules_come_from_a_file(void **state)
{
	const char *path = write_file(SPAN("[a]\nleave = yes\n"));
	struct config_error error;
	struct ruleset *rules;

	(void)state;
	assert_int_equal(rules_load(&rules, path, &error), 0);
	assert_true(find(rules, "a")->leaves);
	rules_free(rules);
	assert_int_equal(unlink(path), 0);
}

static void a_file_that_does_not_load_says_why(void **state)
{
	char *big = repeat("", "\n", 65537, "");
	const char *path = write_file(span_from(big));
	char says[128];

	(void)state;
	(void)snprintf(says, sizeof(says), "%s: longer than 65536 bytes", path);
	assert_load_refused(path, says);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(says, sizeof(says), "%s: No such file or directory",
		       path);
	assert_load_refused(path, says);
	assert_load_refused("/", "/: Is a directory");
	assert_load_refused(
		"tutorail",
		"no preset 'tutorail'; there are tutorial, codelab, all-users, "
		"callUser, join-room, generic, or a file's path with a / in "
		"it");
	free(big);
}

static void memory_that_runs_out_is_told(void **state)
{
	struct config_error error;
	long n = 1;

	(void)state;
	for (;; n++) {
		struct ruleset *rules = NULL;
		int err;

		fail_alloc_at(n);
		err = rules_load(&rules, "generic", &error);
		if (!fail_alloc_stop()) {
			assert_int_equal(err, 0);
			rules_free(rules);
			break;
		}
		assert_int_equal(err, -ENOMEM);
		assert_null(rules);
	}
	assert_true(n > 50);
	rules_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_says_what_it_means),
		cmocka_unit_test(words_have_their_values),
		cmocka_unit_test(
			an_event_meets_its_own_rule_or_that_for_any_other),
		cmocka_unit_test(every_fault_is_named_with_its_line),
		cmocka_unit_test(limits_are_kept),
		cmocka_unit_test(templates_nest_as_deep_as_messages),
		cmocka_unit_test(a_file_has_64_events_at_most),
		cmocka_unit_test(a_long_event_is_not_cut),
		cmocka_unit_test(text_that_is_none_is_refused),
		cmocka_unit_test(the_first_rule_that_tells_of_a_role_is_found),
		cmocka_unit_test(the_first_step_that_hears_a_kind_is_found),
		cmocka_unit_test(rules_come_from_a_file),
		cmocka_unit_test(a_file_that_does_not_load_says_why),
		cmocka_unit_test(memory_that_runs_out_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
