/* rules_file.h: the lines of a rules file. */
#ifndef SIGNALD_RULES_RULES_FILE_H
#define SIGNALD_RULES_RULES_FILE_H

#include "policy/config.h"

#define RULES_MAX_FILE_BYTES 65536

/* Both return 0, or a negative errno, which ends the reading. line counts from
 * 1; what they are given lives as long as the call. */
struct rules_file_ops {
	int (*on_section)(struct span name, unsigned line, void *arg);
	int (*on_entry)(const char *key, struct span value, unsigned line,
			void *arg);
};

/*
 * Hand the lines of an INI text to ops, in order.
 *
 * A comment is a line that starts with # or ;. All behind "=" is the value,
 * less the blanks around it: # and ; inside are no comment.
 *
 * line  where it ended, on failure
 *
 * Returns 0, -EINVAL with the sentence, or what ops returned.
 */
int rules_file_parse(struct span text, const struct rules_file_ops *ops,
		     void *arg, unsigned *line, struct config_error *error);

/*
 * The content of a file of at most RULES_MAX_FILE_BYTES.
 *
 * Returns 0, and the caller frees *bytes; -EINVAL with the sentence, -ENOMEM.
 */
int rules_file_load(const char *path, char **bytes, size_t *len,
		    struct config_error *error);

#endif
