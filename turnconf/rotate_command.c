/* rotate_command.c: turnconf secrets and turnconf rotate. */
#include "rotate_command.h"

#include "rotate.h"

static int change_secrets(const struct arguments *arguments,
			  int (*with_users)(const struct config *config),
			  int (*change)(struct config *config,
					const struct arguments *arguments,
					char *error))
{
	char error[ROTATE_MAX_ERROR] = "out of memory";
	struct config *config = NULL;
	int code = command_load_config(arguments, &config);

	if (code)
		return code;
	if (config_keeps_users(config)) {
		code = with_users(config);
	} else if (!*config->turn.secret) {
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
	return arguments->now ? rotate_at_once(config, stdout, error)
			      : rotate(config, stdout, error);
}

/* Whoever starts coturn need not know how it knows its users. */
static int have_no_secrets(const struct config *config)
{
	(void)config;
	return EXIT_FINE;
}

static int have_nothing_to_rotate(const struct config *config)
{
	(void)command_complain(
		"with turn.credentials = redis there is no secret that could "
		"be replaced: each credential has a key of its own in Redis, "
		"%s, which ends by itself; signald ctl kick ends those of one "
		"peer",
		config->turn.redis);
	return EXIT_FINDINGS;
}

int rotate_run_secrets(const struct arguments *arguments)
{
	return change_secrets(arguments, have_no_secrets, sync_secrets);
}

int rotate_run(const struct arguments *arguments)
{
	return change_secrets(arguments, have_nothing_to_rotate,
			      replace_secret);
}
