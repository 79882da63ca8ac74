/* rules_load.c: rules by a preset's name or from a file. */
#include <errno.h>
#include <stdlib.h>

#include "policy/config_error.h"
#include "policy/config_file.h"
#include "rules/rules.h"

/* Every preset's name, for a sentence. */
static void list_presets(struct buf *list)
{
	for (size_t i = 0; rules_preset_name(i); i++)
		buf_append_format(list, "%s%s", i ? ", " : "",
				  rules_preset_name(i));
	buf_append(list, "", 1);
}

static int refuse_preset(const char *name, struct config_error *error)
{
	struct buf list = {0};
	int err;

	list_presets(&list);
	err = list.failed ? config_refuse_memory(error)
			  : config_refuse(error,
					  "no preset '%.60s'; there are %s, or "
					  "a file's path with a / in it",
					  name, list.ptr);
	buf_clear(&list);
	return err;
}

static int load_file(struct ruleset **rulesp, const char *path,
		     struct config_error *error)
{
	char *bytes;
	ssize_t len =
		config_file_load(path, RULES_MAX_FILE_BYTES, 0, &bytes, error);
	int err;

	if (len < 0) {
		config_error_place(error, path);
		return (int)len;
	}
	err = rules_parse(rulesp, span_of(bytes, (size_t)len), path, error);
	free(bytes);
	return err;
}

int rules_load(struct ruleset **rulesp, const char *name,
	       struct config_error *error)
{
	const char *text = rules_preset(name);

	if (strchr(name, '/'))
		return load_file(rulesp, name, error);
	if (!text)
		return refuse_preset(name, error);
	return rules_parse(rulesp, span_from(text), name, error);
}
