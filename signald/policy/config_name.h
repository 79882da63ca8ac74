/* config_name.h: how keys are spelt, and which one a misspelt name meant. */
#ifndef SIGNALD_POLICY_CONFIG_NAME_H
#define SIGNALD_POLICY_CONFIG_NAME_H

#include "policy/config.h"

enum config_spelling {
	CONFIG_DOTTED,	/* turn.secret, turn.secret_file */
	CONFIG_ENVIRON, /* SIGNALD_TURN_SECRET, SIGNALD_TURN_SECRET_FILE */
};

#define CONFIG_MAX_NAME 80

struct config_name {
	char text[CONFIG_MAX_NAME];
};

/* names_file  the name under which a secret's file is given */
struct config_name config_spell(const struct config_key *key,
				enum config_spelling spelling, bool names_file);

/* The key of that name, NULL when there is none; *names_file is set for the
 * name of a secret's file. */
const struct config_key *
config_find(struct span name, enum config_spelling spelling, bool *names_file);

/* The known name that name was meant to be, of the section that it names where
 * there is such a section; false when none is near. */
bool config_guess(struct span name, enum config_spelling spelling,
		  struct config_name *nearest);

/* The section that was meant; NULL when none is near. */
const char *config_guess_section(struct span section);

bool config_has_section(struct span section);

/*
 * The NAME of a section [turn NAME], which describes a further server.
 *
 * Returns 0; -ENOENT for a section of another kind; -EINVAL for a name that is
 * not 1 to CONFIG_MAX_SERVER_NAME characters of A-Z a-z 0-9 _ -.
 */
int config_server_name(struct span section, struct span *name);

/* All sections: "listen, http, ..." */
void config_list_sections(char *out, size_t cap);

#endif
