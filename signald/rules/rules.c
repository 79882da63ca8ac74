/* rules.c: compiled rules: who owns them, and which one an event meets. */
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>

#include "rules/ruleset.h"
#include "rules/template.h"

struct ruleset_block {
	struct ruleset_block *next;
	alignas(max_align_t) char bytes[];
};

struct ruleset *ruleset_new(void)
{
	return calloc(1, sizeof(struct ruleset));
}

void rules_free(struct ruleset *rules)
{
	if (!rules)
		return;
	while (rules->blocks) {
		struct ruleset_block *next = rules->blocks->next;

		free(rules->blocks);
		rules->blocks = next;
	}
	free(rules);
}

void *ruleset_alloc(struct ruleset *rules, size_t size)
{
	struct ruleset_block *block = calloc(1, sizeof(*block) + size);

	if (!block)
		return NULL;
	block->next = rules->blocks;
	rules->blocks = block;
	return block->bytes;
}

int ruleset_copy(struct ruleset *rules, struct span s, struct span *copy)
{
	char *bytes = ruleset_alloc(rules, s.len);

	if (!bytes)
		return -ENOMEM;
	if (s.len)
		memcpy(bytes, s.ptr, s.len);
	*copy = span_of(bytes, s.len);
	return 0;
}

/* Where the rule of a section that is no event's name is kept; else NULL. */
static const struct rules_rule **find_place(struct ruleset *rules,
					    struct span event)
{
	if (span_equal(event, SPAN("*")))
		return &rules->any;
	if (span_equal(event, SPAN("connect")))
		return &rules->on_connect;
	if (span_equal(event, SPAN("disconnect")))
		return &rules->on_disconnect;
	return NULL;
}

/* Events are few, and compared faster than a key is hashed. */
static const struct rules_rule *find_section(const struct ruleset *rules,
					     struct span event)
{
	for (size_t i = 0; i < rules->rules_count; i++)
		if (span_equal(rules->rules[i]->event, event))
			return rules->rules[i];
	return NULL;
}

int ruleset_add(struct ruleset *rules, struct rules_rule *rule)
{
	const struct rules_rule **place = find_place(rules, rule->event);

	if (rules->rules_count == RULESET_MAX_RULES)
		return -ENOSPC;
	if (find_section(rules, rule->event))
		return -EEXIST;
	if (place)
		*place = rule;
	rules->rules[rules->rules_count++] = rule;
	return 0;
}

const struct rules_rule *rules_find(const struct ruleset *rules,
				    struct span event)
{
	const struct rules_rule *rule = find_section(rules, event);

	/* [connect] and [disconnect] are no events' sections. */
	if (!rule || rule == rules->on_connect || rule == rules->on_disconnect)
		return rules->any;
	return rule;
}

const struct rules_rule *rules_on_connect(const struct ruleset *rules)
{
	return rules->on_connect;
}

const struct rules_rule *rules_on_disconnect(const struct ruleset *rules)
{
	return rules->on_disconnect;
}

bool rules_tells_joining(const struct rules_step *step)
{
	return step->emit && !step->has_in && !step->emit->has_args &&
	       !step->emit->has_event &&
	       (step->whom == WHOM_OTHERS || step->whom == WHOM_ALL ||
		step->whom == WHOM_BROADCASTER || step->whom == WHOM_WATCHERS);
}

static bool tells_joining(const struct rules_rule *rule)
{
	for (size_t i = 0; i < rule->steps_count; i++) {
		if (rules_tells_joining(&rule->steps[i]))
			return true;
	}
	return false;
}

const struct rules_rule *rules_joining(const struct ruleset *rules,
				       enum hub_role role)
{
	for (size_t i = 0; i < rules->rules_count; i++) {
		const struct rules_rule *rule = rules->rules[i];

		if (rule->joins && rule->role == role && tells_joining(rule))
			return rule;
	}
	return NULL;
}

/* Its event can be made of a payload alone: the name is written there. */
static bool hears(const struct rules_step *step, enum envelope_kind kind)
{
	return step->emit && !step->emit->has_event && step->payload_var &&
	       step->kind == kind;
}

const struct rules_step *rules_hearing(const struct ruleset *rules,
				       enum envelope_kind kind)
{
	for (size_t i = 0; i < rules->rules_count; i++) {
		const struct rules_rule *rule = rules->rules[i];

		for (size_t at = 0; at < rule->steps_count; at++) {
			if (hears(&rule->steps[at], kind))
				return &rule->steps[at];
		}
	}
	return NULL;
}

static bool names_argument(const struct rules_template *template, unsigned arg)
{
	for (size_t i = 0; i < template->count; i++) {
		const struct template_piece *piece = &template->pieces[i];

		if (piece->is_var && piece->var.arg == arg &&
		    (piece->var.kind == VAR_ARG || piece->var.kind == VAR_REST))
			return true;
	}
	return false;
}

const struct rules_step *rules_hearing_any(const struct ruleset *rules)
{
	const struct rules_rule *any = rules->any;

	for (size_t i = 0; any && i < any->steps_count; i++) {
		const struct rules_template *emit = any->steps[i].emit;

		if (emit && emit->has_event && names_argument(emit, 1))
			return &any->steps[i];
	}
	return NULL;
}
