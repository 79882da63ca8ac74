/* rotate_command.c: turnconf secrets and turnconf rotate. */
#include "rotate_command.h"

#include "rotate.h"

static int change_secrets(const struct arguments *arguments,
			  int (*change)(struct config *config,
					const struct arguments *arguments,
					char *error))
{
	char error[ROTATE_MAX_ERROR] = "out of memory";
	struct config *config = NULL;
	int code = command_load_config(arguments, &config);

	if (code)
		return code;
	if (!*config->turn.secret) {
		code = command_complain("turn.secret is not set (turnconf "
					"secret makes one)");
	} else if (change(config, arguments, error)) {
		(void)command_complain("%s", error);
		code = EXIT_FINDINGS;
	}
	config_free(config);
	return code;
}

static int sync_secrets(struct config *config,
			const struct arguments *arguments, char *error)
{
	(void)arguments;
	return rotate_sync(config, error);
}

static int replace_secret(struct config *config,
			  const struct arguments *arguments, char *error)
{
	return rotate(config, arguments->now, stdout, error);
}

int rotate_run_secrets(const struct arguments *arguments)
{
	return change_secrets(arguments, sync_secrets);
}

int rotate_run(const struct arguments *arguments)
{
	return change_secrets(arguments, replace_secret);
}
