/* command.h: what turnconf's commands share: their arguments, and how they
 * begin and complain. */
#ifndef TURNCONF_COMMAND_H
#define TURNCONF_COMMAND_H

#include "base/buf.h"
#include "host.h"
#include "policy/config.h"

enum exit_code { EXIT_FINE = 0, EXIT_FINDINGS = 1, EXIT_USAGE = 2 };

#define COMMAND_MAX_SETS 256

/* What any command may be given; all borrowed from the command line. */
struct arguments {
	const char *config;
	const char *sets[COMMAND_MAX_SETS];
	size_t sets_count;
	const char *coturn_version;
	const char *output;
	const char *file;
	const char *user;
	const char *server;
	const char *stun;
	const char *turnserver;
	const char *tunnel_turnserver;
	bool tunnel;
	bool elsewhere;
	bool json;
	bool now;
	bool patched;
};

/* One line on standard error. Returns EXIT_USAGE. */
int command_complain(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/*
 * The functions below return 0, or the exit code after a complaint.
 */

/* The version that the arguments name, or else of the installed coturn. */
int command_find_version(const struct arguments *arguments, unsigned *version);

/* signald's configuration, freed with config_free(). */
int command_load_config(const struct arguments *arguments,
			struct config **configp);

int command_read_host(struct host *host);

/* A turnserver.conf, wiped with buf_wipe(). */
int command_read_file(const char *path, struct buf *text);

/* The same without a complaint. Returns 0, or -EINVAL with why in a few words,
 * which stand until the next call. */
int command_try_file(const char *path, struct buf *text, const char **why);

/* Unix time. */
uint64_t command_now_s(void);

#endif
