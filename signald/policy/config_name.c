/* config_name.c: how keys are spelt, and which one a misspelt name meant. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>

#include "base/near.h"
#include "policy/config_name.h"

static char to_environ(char c)
{
	if (c == '.')
		return '_';
	return (char)toupper((unsigned char)c);
}

struct config_name config_spell(const struct config_key *key,
				enum config_spelling spelling, bool names_file)
{
	struct config_name name;
	int len = snprintf(name.text, sizeof(name.text), "%s%s.%s%s",
			   spelling == CONFIG_ENVIRON ? "signald." : "",
			   key->section, key->name, names_file ? "_file" : "");

	assert(len > 0 && (size_t)len < sizeof(name.text));
	if (spelling == CONFIG_ENVIRON) {
		for (char *c = name.text; *c; c++)
			*c = to_environ(*c);
	}
	return name;
}

static bool is_spelt(const struct config_key *key, struct span name,
		     enum config_spelling spelling, bool names_file)
{
	struct config_name known = config_spell(key, spelling, names_file);

	return span_equal(name, span_from(known.text));
}

const struct config_key *
config_find(struct span name, enum config_spelling spelling, bool *names_file)
{
	for (const struct config_key *key = config_keys; key->section; key++) {
		*names_file = false;
		if (is_spelt(key, name, spelling, false))
			return key;
		*names_file = true;
		if (config_type_is_secret(key->type) &&
		    is_spelt(key, name, spelling, true))
			return key;
	}
	return NULL;
}

/* What stands in front of a key's own name: "turn.", "SIGNALD_TURN_". */
static size_t prefix_len(const struct config_key *key,
			 enum config_spelling spelling)
{
	return strlen(config_spell(key, spelling, false).text) -
	       strlen(key->name);
}

static bool is_in_section(struct span name, const struct config_key *key,
			  enum config_spelling spelling)
{
	struct config_name known = config_spell(key, spelling, false);

	return span_has_prefix(name,
			       span_of(known.text, prefix_len(key, spelling)));
}

static bool names_section(struct span name, enum config_spelling spelling)
{
	for (const struct config_key *key = config_keys; key->section; key++)
		if (is_in_section(name, key, spelling))
			return true;
	return false;
}

struct guess {
	struct span name;
	enum config_spelling spelling;
	bool names_section;
	unsigned edits; /* to the nearest known name, and that */
	struct config_name nearest;
};

/* Of the names of one section only what stands behind it is compared. */
static unsigned edits_to(const struct guess *guess, struct span known,
			 size_t prefix)
{
	struct span own = span_skip(known, prefix);
	struct span given = guess->names_section
				    ? span_skip(guess->name, prefix)
				    : guess->name;

	/* The right key without its section, or without its unit, is as good
	 * as one typing error. */
	if (!guess->names_section && span_equal(given, own))
		return 1;
	if (guess->names_section && given.len > 2 &&
	    span_has_prefix(own, given))
		return 1;
	return near_edits(given, guess->names_section ? own : known);
}

static void try_guess(struct guess *guess, const struct config_key *key,
		      bool names_file)
{
	struct config_name known =
		config_spell(key, guess->spelling, names_file);
	unsigned edits = edits_to(guess, span_from(known.text),
				  prefix_len(key, guess->spelling));

	if (edits >= guess->edits)
		return;
	guess->edits = edits;
	guess->nearest = known;
}

bool config_guess(struct span name, enum config_spelling spelling,
		  struct config_name *nearest)
{
	struct guess guess = {
		name, spelling, names_section(name, spelling), NEAR_FAR, {""}};

	for (const struct config_key *key = config_keys; key->section; key++) {
		if (guess.names_section && !is_in_section(name, key, spelling))
			continue;
		try_guess(&guess, key, false);
		if (config_type_is_secret(key->type))
			try_guess(&guess, key, true);
	}
	if (guess.edits == NEAR_FAR)
		return false;
	*nearest = guess.nearest;
	return true;
}

const char *config_guess_section(struct span section)
{
	unsigned least = NEAR_FAR;
	const char *nearest = NULL;

	for (const struct config_key *key = config_keys; key->section; key++) {
		unsigned edits = near_edits(section, span_from(key->section));

		if (edits >= least)
			continue;
		least = edits;
		nearest = key->section;
	}
	return nearest;
}

bool config_has_section(struct span section)
{
	for (const struct config_key *key = config_keys; key->section; key++) {
		if (span_equal(section, span_from(key->section)))
			return true;
	}
	return false;
}

int config_server_name(struct span section, struct span *name)
{
	const struct span before = SPAN("turn ");

	if (!span_has_prefix(section, before))
		return -ENOENT;
	*name = span_trim(span_skip(section, before.len));
	if (!name->len || name->len > CONFIG_MAX_SERVER_NAME)
		return -EINVAL;
	for (size_t i = 0; i < name->len; i++) {
		char c = name->ptr[i];

		if (!isalnum((unsigned char)c) && c != '-' && c != '_')
			return -EINVAL;
	}
	return 0;
}

void config_list_sections(char *out, size_t cap)
{
	const char *last = "";
	size_t len = 0;

	out[0] = '\0';
	for (const struct config_key *key = config_keys; key->section; key++) {
		if (!strcmp(key->section, last))
			continue;
		len += (size_t)snprintf(out + len, cap - len, "%s%s",
					len ? ", " : "", key->section);
		assert(len < cap);
		last = key->section;
	}
}
