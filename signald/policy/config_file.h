/* config_file.h: the INI file and the files that hold secrets. */
#ifndef SIGNALD_POLICY_CONFIG_FILE_H
#define SIGNALD_POLICY_CONFIG_FILE_H

#include <sys/types.h>

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
 * Read an INI file (config_ini.h) and hand each "name = value" to on_line.
 *
 * Returns 0, -EINVAL, -ENOMEM or what on_line returned, *error set.
 */
int config_file_read(const char *path, config_line_cb *on_line, void *arg,
		     struct config_error *error);

/*
 * The content of a file.
 *
 * max      bytes; a longer one is refused
 * refused  mode bits the file must not have, or 0
 * bytesp   NUL-terminated; the caller frees them
 *
 * Returns the length, -EINVAL or -ENOMEM, *error set.
 */
ssize_t config_file_load(const char *path, size_t max, mode_t refused,
			 char **bytesp, struct config_error *error);

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
