/* config_print.c: the configuration and its keys, written for people. */
#include <string.h>

#include "policy/config.h"
#include "policy/config_name.h"
#include "policy/config_value.h"

/* "[section]" where a new one begins in the table. */
static bool starts_section(const struct config_key *key)
{
	return key == config_keys || strcmp(key[-1].section, key->section) != 0;
}

static void print_section(const struct config_key *key, FILE *out)
{
	if (starts_section(key))
		(void)fprintf(out, "%s[%s]\n", key == config_keys ? "" : "\n",
			      key->section);
}

void config_print(const struct config *config, FILE *out)
{
	for (const struct config_key *key = config_keys; key->section; key++) {
		char scratch[CONFIG_MAX_NUMBER];
		const char *text = config_value_text(config, key, scratch);

		print_section(key, out);
		/* A comment, so that the mask is never read as the secret. */
		if (key->type == CONFIG_SECRET && *text)
			(void)fprintf(out, "# %s = ******** (set)\n",
				      key->name);
		else
			(void)fprintf(out, "%s =%s%s\n", key->name,
				      *text ? " " : "", text);
	}
}

void config_print_help(FILE *out)
{
	for (const struct config_key *key = config_keys; key->section; key++) {
		char rule[160];

		config_value_rule(key, rule, sizeof(rule));
		print_section(key, out);
		(void)fprintf(out, "  %s%s%s%s\n", key->name,
			      *key->initial ? " = " : "", key->initial,
			      key->reload == CONFIG_RESTART ? "   (restart)"
							    : "");
		(void)fprintf(out, "      %s\n", key->help);
		(void)fprintf(out, "      %s\n", rule);
	}
}
