/* rules_parse.c: from the lines of a rules file to rules. */
#include <errno.h>

#include "codec/sio.h"
#include "codec/utf8.h"
#include "policy/config_error.h"
#include "policy/config_ini.h"
#include "rules/rules_parser.h"

/* The section at hand is over: its steps become the rule's. */
static int finish_rule(struct rules_parser *parser)
{
	size_t size = parser->steps_count * sizeof(parser->steps[0]);
	struct rules_step *steps;
	int err = rules_check_last_step(parser);

	if (err || !size)
		return err;
	steps = ruleset_alloc(parser->rules, size);
	if (!steps)
		return config_refuse_memory(parser->error);
	memcpy(steps, parser->steps, size);
	parser->rule->steps = steps;
	parser->rule->steps_count = parser->steps_count;
	return 0;
}

static int check_event_name(const struct rules_parser *parser, struct span name)
{
	if (!name.len || name.len > RULES_MAX_EVENT_BYTES)
		return config_refuse(parser->error,
				     "an event's name has 1 to %d bytes",
				     RULES_MAX_EVENT_BYTES);
	if (span_trim(name).len != name.len)
		return config_refuse(parser->error,
				     "blanks around the event's name; write "
				     "[%.*s]",
				     rules_quoted_len(span_trim(name)),
				     span_trim(name).ptr);
	if (sio_is_reserved(name) && !span_equal(name, SPAN("connect")) &&
	    !span_equal(name, SPAN("disconnect")))
		return config_refuse(parser->error,
				     "Socket.IO keeps the name %.*s to itself; "
				     "there are [connect] and [disconnect]",
				     rules_quoted_len(name), name.ptr);
	return 0;
}

static unsigned line_of(const struct rules_parser *parser, struct span event)
{
	for (size_t i = 0; i < parser->rules->rules_count; i++) {
		if (span_equal(parser->rules->rules[i]->event, event))
			return parser->rule_lines[i];
	}
	return 0;
}

static int add_rule(struct rules_parser *parser, struct rules_rule *rule)
{
	int err = ruleset_add(parser->rules, rule);

	if (err == -EEXIST)
		return config_refuse(parser->error,
				     "[%.*s] stands there twice, first in line "
				     "%u",
				     rules_quoted_len(rule->event),
				     rule->event.ptr,
				     line_of(parser, rule->event));
	if (err == -ENOSPC)
		return config_refuse(parser->error, "more than %d events",
				     RULESET_MAX_RULES);
	if (err)
		return config_refuse_memory(parser->error);
	parser->rule_lines[parser->rules->rules_count - 1] = parser->line;
	parser->rule = rule;
	parser->rank = RANK_START;
	parser->seen = 0;
	parser->when = WHEN_ALWAYS;
	parser->steps_count = 0;
	return 0;
}

static int on_section(struct span name, unsigned line, void *arg)
{
	struct rules_parser *parser = arg;
	struct rules_rule *rule;
	int err = finish_rule(parser);

	parser->line = line;
	if (!err)
		err = check_event_name(parser, name);
	if (err)
		return err;
	rule = ruleset_alloc(parser->rules, sizeof(*rule));
	if (!rule || ruleset_copy(parser->rules, name, &rule->event))
		return config_refuse_memory(parser->error);
	return add_rule(parser, rule);
}

static int on_entry(const char *name, struct span value, unsigned line,
		    void *arg)
{
	struct rules_parser *parser = arg;

	parser->line = line;
	return rules_take_key(parser, name, value);
}

static int check_text(struct span text, struct config_error *error)
{
	if (text.len > RULES_MAX_FILE_BYTES)
		return config_refuse(error, "longer than %d bytes",
				     RULES_MAX_FILE_BYTES);
	if (!utf8_is_valid(text))
		return config_refuse(error, "is no UTF-8 text");
	return 0;
}

static int parse(struct rules_parser *parser, struct span text)
{
	static const struct config_ini_ops ops = {on_section, on_entry,
						  "[event]"};
	unsigned line = 0;
	int err = check_text(text, parser->error);

	if (!err)
		err = config_ini_parse(text, &ops, parser, &line,
				       parser->error);
	if (err && !parser->blamed)
		parser->blamed = line;
	if (!err)
		err = finish_rule(parser);
	if (!err && !parser->rule)
		err = config_refuse(parser->error,
				    "has no [event]; docs/events.md says how "
				    "one is written");
	return err;
}

static void place_error(const struct rules_parser *parser, const char *source)
{
	char where[300];

	if (parser->blamed)
		(void)snprintf(where, sizeof(where), "%.255s:%u", source,
			       parser->blamed);
	else
		(void)snprintf(where, sizeof(where), "%.255s", source);
	config_error_place(parser->error, where);
}

int rules_parse(struct ruleset **rulesp, struct span text, const char *source,
		struct config_error *error)
{
	struct rules_parser parser = {.rules = ruleset_new(), .error = error};
	int err = parser.rules ? parse(&parser, text)
			       : config_refuse_memory(error);

	if (err) {
		place_error(&parser, source);
		rules_free(parser.rules);
		return err;
	}
	*rulesp = parser.rules;
	return 0;
}
