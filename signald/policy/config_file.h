/* config_file.h: the INI file and the files that hold secrets. */
#ifndef SIGNALD_POLICY_CONFIG_FILE_H
#define SIGNALD_POLICY_CONFIG_FILE_H

#include "policy/config.h"

struct config_line {
	unsigned number;
	const char *section;
	const char *name;
	const char *value;
};

/* Returns 0, or a negative errno with the sentence set, which ends the reading;
 * config_file_read() says file and line in front. */
typedef int config_line_cb(const struct config_line *line, void *arg);

/*
 * Read an INI file and hand each "name = value" to on_line.
 *
 * A comment is a line that starts with # or ;. Anything behind "=" is the
 * value, less the blanks around it. A line that continues the one before is no
 * such thing and must have its own name.
 *
 * Returns 0, -EINVAL, -ENOMEM or what on_line returned, *error set.
 */
int config_file_read(const char *path, config_line_cb *on_line, void *arg,
		     struct config_error *error);

/*
 * The content of a secret's file, less one newline at its end. Refused when
 * others may write the file: the secret would be theirs.
 *
 * secretp  NUL-terminated; the caller wipes and frees it
 *
 * Returns 0, -EINVAL or -ENOMEM, *error set.
 */
int config_file_read_secret(const char *path, char **secretp,
			    struct config_error *error);

#endif
