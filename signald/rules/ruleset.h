/* ruleset.h: what a compiled rules file is made of. */
#ifndef SIGNALD_RULES_RULESET_H
#define SIGNALD_RULES_RULESET_H

#include "rules/rules.h"

#define RULESET_MAX_RULES 64
#define RULESET_MAX_STEPS 16

/* Everything hangs on one list of blocks, which ruleset_alloc() makes longer;
 * nothing in it is freed alone. */
struct ruleset_block;

struct ruleset {
	const struct rules_rule *any;
	const struct rules_rule *on_connect;
	const struct rules_rule *on_disconnect;
	const struct rules_rule *rules[RULESET_MAX_RULES]; /* as written */
	size_t rules_count;
	struct ruleset_block *blocks;
};

/* Empty; NULL when memory ran out. */
struct ruleset *ruleset_new(void);

/* Zeroed memory that lives as long as the ruleset; NULL when there is none. */
void *ruleset_alloc(struct ruleset *rules, size_t size);

/* A copy that lives as long as the ruleset. Returns 0 or -ENOMEM. */
int ruleset_copy(struct ruleset *rules, struct span s, struct span *copy);

/* Returns 0, -EEXIST when the event has its rule, -ENOSPC when there are
 * RULESET_MAX_RULES, -ENOMEM. */
int ruleset_add(struct ruleset *rules, struct rules_rule *rule);

#endif
