/* config_name.c: how keys are spelt, and which one a misspelt name meant. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>

#include "policy/config_name.h"

/* Further off is another word, not a misspelt one. */
#define MAX_DISTANCE 3

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

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/*
 * How many letters to put in, take out or change to make b of a (Levenshtein),
 * row by row: costs[j] is what it takes for the first j letters of b.
 */
static unsigned edits_between(struct span a, struct span b)
{
	unsigned costs[CONFIG_MAX_NAME + 1];

	assert(b.len <= CONFIG_MAX_NAME);
	for (size_t j = 0; j <= b.len; j++)
		costs[j] = (unsigned)j;
	for (size_t i = 0; i < a.len; i++) {
		unsigned diagonal = costs[0]++;

		for (size_t j = 0; j < b.len; j++) {
			unsigned swap = diagonal + (a.ptr[i] != b.ptr[j]);

			diagonal = costs[j + 1];
			costs[j + 1] =
				least(swap, least(diagonal, costs[j]) + 1);
		}
	}
	return costs[b.len];
}

/* "ttl_s" of "turn.ttl_s"; all of a name without a dot. */
static struct span last_word(struct span name)
{
	const char *dot = name.len ? memchr(name.ptr, '.', name.len) : NULL;

	return dot ? span_skip(name, (size_t)(dot - name.ptr) + 1) : name;
}

static unsigned distance(struct span name, struct span known)
{
	/* The right key in the wrong section, or without its unit, is as good
	 * as one typing error. */
	if (span_equal(last_word(name), last_word(known)) ||
	    (last_word(name).len > 2 && span_has_prefix(known, name)))
		return 1;
	return edits_between(name, known);
}

struct guess {
	unsigned distance;
	struct config_name name;
};

static void try_guess(struct guess *best, struct span name,
		      struct config_name known)
{
	unsigned d = distance(name, span_from(known.text));

	if (d < best->distance)
		*best = (struct guess){d, known};
}

bool config_guess(struct span name, enum config_spelling spelling,
		  struct config_name *guess)
{
	struct guess best = {MAX_DISTANCE + 1, {""}};

	if (name.len > CONFIG_MAX_NAME)
		return false;
	for (const struct config_key *key = config_keys; key->section; key++) {
		try_guess(&best, name, config_spell(key, spelling, false));
		if (config_type_is_secret(key->type))
			try_guess(&best, name,
				  config_spell(key, spelling, true));
	}
	if (best.distance > MAX_DISTANCE)
		return false;
	*guess = best.name;
	return true;
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
