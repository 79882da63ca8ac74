/* fuzz_rules.c: a rules file is refused with a sentence, or all that it sends
 * is JSON. */
#include <errno.h>
#include <string.h>

#include "codec/json.h"
#include "fuzz.h"
#include "rules/rules.h"

static const char args_text[] =
	"{\"to\":\"b\",\"from\":\"x\"},[1,{}],{ },null,\"\\\"\",7";

static void write_others(struct buf *out, void *arg)
{
	buf_append_str(out, arg);
}

/* Six arguments, cut out of their text. */
static const struct span *make_args(struct span args[6])
{
	static const size_t lens[6] = {21, 6, 3, 4, 4, 1};
	size_t at = 0;

	for (size_t i = 0; i < 6; i++) {
		args[i] = span_of(args_text + at, lens[i]);
		MUST(!json_validate(args[i]));
		at += lens[i] + 1;
	}
	MUST(at == sizeof(args_text));
	return args;
}

static void check_render(const struct rules_template *template,
			 const struct rules_scope *scope)
{
	struct span parts[RULES_MAX_PARTS];
	struct buf scratch = {0}, whole = {0};
	int count;

	if (!template)
		return;
	count = rules_render(template, scope, parts, &scratch);
	MUST(count > 0 && count <= RULES_MAX_PARTS);
	for (int i = 0; i < count; i++)
		buf_append_span(&whole, parts[i]);
	MUST(!json_validate(buf_span(&whole)));
	buf_clear(&scratch);
	buf_clear(&whole);
}

static void render_rule(const struct rules_rule *rule,
			const struct rules_scope *scope)
{
	check_render(rule->refused, scope);
	check_render(rule->ack_template, scope);
	for (size_t i = 0; i < rule->steps_count; i++) {
		check_render(rule->steps[i].emit, scope);
		check_render(rule->steps[i].payload, scope);
	}
}

/* With an event's values, with none, and with a message of another dialect. */
static void render_in_all_scopes(const struct rules_rule *rule)
{
	static const struct rules_var bound = {.kind = VAR_ARG, .arg = 1};
	static char others[] = "\"a\",\"b\"";
	struct span args[6];
	struct rules_scope scope = {
		.event = SPAN("\"e\\n\""),
		.args = make_args(args),
		.args_count = 6,
		.rest = span_from(args_text),
		.from = SPAN("0123456789012345678901"),
		.name = SPAN("\"\n\\"),
		.room = SPAN("a\tb"),
		.error = "unknown-peer",
		.write_others = write_others,
		.arg = others,
	};

	render_rule(rule, &scope);
	scope = (struct rules_scope){.event = scope.event, .from = scope.from};
	render_rule(rule, &scope);
	scope.bound = &bound;
	scope.bound_value = SPAN("{\"type\":\"offer\"}");
	render_rule(rule, &scope);
}

/* Every section that a text may have begun: its rule, if it has one. */
static void render_all(const struct ruleset *rules, struct span text)
{
	struct span line;

	while (span_next_item(&text, '\n', &line)) {
		const struct rules_rule *rule;

		if (line.len < 2 || line.ptr[0] != '[')
			continue;
		rule = rules_find(rules, span_of(line.ptr + 1, line.len - 2));
		if (rule)
			render_in_all_scopes(rule);
	}
	if (rules_on_connect(rules))
		render_in_all_scopes(rules_on_connect(rules));
	if (rules_on_disconnect(rules))
		render_in_all_scopes(rules_on_disconnect(rules));
}

/* What stands in an event's place is made without one. */
static void check_found(const struct ruleset *rules)
{
	struct rules_scope scope = {.from = SPAN("me")};

	for (int kind = ENVELOPE_OFFER; kind <= ENVELOPE_BROADCAST; kind++) {
		const struct rules_step *step =
			rules_hearing(rules, (enum envelope_kind)kind);

		if (!step)
			continue;
		scope.bound = step->payload_var;
		scope.bound_value = SPAN("1");
		check_render(step->emit, &scope);
	}
	for (int role = ROLE_PEER; role <= ROLE_OPERATOR; role++)
		MUST(!rules_joining(rules, (enum hub_role)role) ||
		     rules_joining(rules, (enum hub_role)role)->joins);
}

static void check_sentence(const struct config_error *error)
{
	size_t len = strlen(error->text);

	MUST(!strncmp(error->text, "fuzz:", 5));
	MUST(len > 8 && len < CONFIG_MAX_ERROR);
	for (size_t i = 0; i < len; i++)
		MUST((unsigned char)error->text[i] >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_error error = {""};
	struct span text = span_of(data, size);
	struct ruleset *rules;
	int err = rules_parse(&rules, text, "fuzz", &error);

	MUST(!err || err == -EINVAL);
	if (err) {
		check_sentence(&error);
		return 0;
	}
	render_all(rules, text);
	check_found(rules);
	rules_free(rules);
	return 0;
}
