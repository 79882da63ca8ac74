/* template.h: JSON with variables in it, compiled. */
#ifndef SIGNALD_RULES_TEMPLATE_H
#define SIGNALD_RULES_TEMPLATE_H

#include "rules/ruleset.h"

struct template_piece {
	bool is_var;
	struct span literal;
	struct rules_var var;
};

struct rules_template {
	bool has_args;	/* $N in any form */
	bool has_event; /* $event, where it is not known beforehand */
	size_t count;
	struct template_piece pieces[];
};

/* Where a template or variable stands, which says what it may name. */
struct template_place {
	struct span section;
	bool is_event;	/* no event and no arguments in [connect] */
	bool has_error; /* $error means something */
};

/*
 * Compile text, whose literals are copied. In the section of a named event
 * $event becomes part of the literals.
 *
 * Returns 0, -EINVAL with the sentence, -ENOMEM.
 */
int template_compile(const struct rules_template **templatep,
		     struct ruleset *rules, struct span text,
		     const struct template_place *place,
		     struct config_error *error);

/* The same for text that is one variable, "$1.to". */
int template_compile_var(struct rules_var *var, struct ruleset *rules,
			 struct span text, const struct template_place *place,
			 struct config_error *error);

/* The variable that the template is nothing but, $N or $N.field; else NULL. */
const struct rules_var *template_only_var(const struct rules_template *whole);

/* Behind the JSON string that begins at text; 0 when it has no end. */
size_t template_string_len(struct span text);

/* The same variable, as it was written. */
bool template_var_equal(const struct rules_var *a, const struct rules_var *b);

#endif
