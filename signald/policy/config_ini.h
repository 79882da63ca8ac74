/* config_ini.h: the lines of an INI text: of the configuration, of rules. */
#ifndef SIGNALD_POLICY_CONFIG_INI_H
#define SIGNALD_POLICY_CONFIG_INI_H

#include "policy/config.h"

/* Both return 0, or a negative errno with the sentence set, which ends the
 * reading. line counts from 1; what they are given lives as long as the call.
 */
struct config_ini_ops {
	int (*on_section)(struct span name, unsigned line, void *arg);
	/* value ends with a NUL behind its length */
	int (*on_entry)(const char *key, struct span value, unsigned line,
			void *arg);
	const char *section; /* how one is written, for errors: "[section]" */
};

/*
 * Hand the lines of an INI text to ops, in order.
 *
 * A comment is a line that starts with # or ;. All behind "=" is the value,
 * less the blanks around it: # and ; inside are no comment. A line that
 * continues the one before is no such thing and must have its own key.
 *
 * line  where it ended, on failure
 *
 * Returns 0, -EINVAL with the sentence, or what ops returned.
 */
int config_ini_parse(struct span text, const struct config_ini_ops *ops,
		     void *arg, unsigned *line, struct config_error *error);

#endif
