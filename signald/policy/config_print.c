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

static void print_value(const struct config *config,
			const struct config_key *key, FILE *out)
{
	char scratch[CONFIG_MAX_NUMBER];
	const char *text = config_value_text(config, key, scratch);

	/* A comment, so that the mask is never read as the secret. */
	if (config_type_is_secret(key->type) && *text)
		(void)fprintf(out, "# %s = ******** (set)\n", key->name);
	else
		(void)fprintf(out, "%s =%s%s\n", key->name, *text ? " " : "",
			      text);
}

static void print_server(const struct config_server *server, FILE *out)
{
	(void)fprintf(out, "\n[turn %s]\n", server->name);
	for (const struct config_key *key = config_keys; key->section; key++)
		if (key->is_per_server)
			print_value(server->config, key, out);
}

void config_print(const struct config *config, FILE *out)
{
	for (const struct config_key *key = config_keys; key->section; key++) {
		print_section(key, out);
		print_value(config, key, out);
	}
	for (size_t i = 0; i < config->servers_count; i++)
		print_server(&config->servers[i], out);
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
