/* rules_parser.h: a rules file half read: what sections and keys share. */
#ifndef SIGNALD_RULES_RULES_PARSER_H
#define SIGNALD_RULES_RULES_PARSER_H

#include "rules/ruleset.h"

#define RULES_MAX_EVENT_BYTES 128

/* Keys come in this order: who comes and goes, what is sent, the answer. */
enum rules_rank { RANK_START, RANK_ENTRY, RANK_STEPS, RANK_ACK };

struct rules_parser {
	struct ruleset *rules;
	struct config_error *error;
	unsigned line;
	unsigned blamed; /* the line at fault, when it is another one; else 0 */
	unsigned rule_lines[RULESET_MAX_RULES];

	/* The section at hand; steps go into the rule at its end. */
	struct rules_rule *rule;
	enum rules_rank rank;
	unsigned seen; /* keys, a bit for each row of the table */
	enum rules_when when;
	struct rules_step steps[RULESET_MAX_STEPS];
	size_t steps_count;
	unsigned step_line;
};

/* Take one key of the section at hand. Returns 0, -EINVAL with the sentence,
 * -ENOMEM. */
int rules_take_key(struct rules_parser *parser, const char *name,
		   struct span value);

/* The last step is whole. Returns 0, or -EINVAL with the sentence. */
int rules_check_last_step(struct rules_parser *parser);

/* How much of a stranger's text a sentence quotes. */
static inline int rules_quoted_len(struct span value)
{
	return (int)(value.len < 60 ? value.len : 60);
}

#endif
