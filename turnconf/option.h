/* option.h: every option of coturn, and which versions have it. */
#ifndef TURNCONF_OPTION_H
#define TURNCONF_OPTION_H

#include "base/span.h"

enum option_kind {
	OPTION_FLAG,	  /* a boolean; no value is yes */
	OPTION_SWITCH,	  /* on as soon as it is named: its value is not read */
	OPTION_NUMBER,	  /* what atoi() makes of it */
	OPTION_NUMBER_OR, /* the same; no value is coturn's default */
	OPTION_PORT,
	OPTION_TEXT,
	OPTION_SECRET, /* never shown */
	OPTION_FILE,
	OPTION_ADDRESS,
	OPTION_PEERS,	/* ADDRESS or FIRST-LAST */
	OPTION_NOTHING, /* taken and without effect */
};

/* Versions as in version.h; 0 for "ever" and "never". */
struct option {
	const char *name;
	enum option_kind kind;
	unsigned since;	  /* the first that has it */
	unsigned removed; /* the first that has it no more */
	unsigned noisy;	  /* the first that logs a complaint about it */
	const char *help; /* what it does, one sentence without its full stop */
};

extern const struct option options[];
extern const size_t options_count;

/* The option of that name, NULL for none; case counts, as it does in coturn. */
const struct option *option_find(struct span name);

/* coturn of that version has the option. */
bool option_is_known(const struct option *option, unsigned version);

/* It has it and takes it without a complaint in its log. */
bool option_is_quiet(const struct option *option, unsigned version);

/* The option of that version whose name is most like this one, NULL when none
 * is near enough to have been meant. */
const struct option *option_guess(struct span name, unsigned version);

#endif
