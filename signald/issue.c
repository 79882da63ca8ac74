/* issue.c: the commands that make keys and tokens. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "access/apikey.h"
#include "access/mint.h"
#include "base/clock.h"
#include "issue.h"

#define NAME_CHARS \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

static int fail(int code, const char *command, const char *why)
{
	(void)fprintf(stderr, "signald: %s: %s; see signald --help\n", command,
		      why);
	return code;
}

static const char key_usage[] =
	"usage: signald key NAME\n"
	"\n"
	"Make an API key for a backend, and print it with its line for "
	"access.keys of the\n"
	"configuration. NAME says whose it is in the log: at most 32 "
	"characters of\n"
	"A-Z a-z 0-9 _ -. Example: signald key shop\n";

static const char token_usage[] =
	"usage: signald token CLAIMS [--config FILE] [--set "
	"SECTION.KEY=VALUE]...\n"
	"\n"
	"Make a token, signed with access.token_secret of the configuration, "
	"and print it.\n"
	"CLAIMS is a JSON object; all of its members may be missing: sub, "
	"room, role,\n"
	"rights, ttl, metadata, and exp (Unix time in seconds; else in an "
	"hour).\n"
	"Example: signald token '{\"sub\": \"ada\", \"room\": \"kitchen\"}' "
	"--config /etc/signald/signald.conf\n"
	"\n"
	"exit: 0 printed, 64 usage, 78 configuration\n";

bool issue_is_help(const char *argument)
{
	return !strcmp(argument, "--help") || !strcmp(argument, "-h");
}

void issue_token_help(void)
{
	(void)fputs(token_usage, stdout);
}

int issue_key(int argc, char **argv)
{
	char key[APIKEY_LEN + 1], hash[CONFIG_KEY_HASH_LEN + 1];
	struct span name = span_from(argc == 2 ? argv[1] : "");

	if (argc == 2 && issue_is_help(argv[1])) {
		(void)fputs(key_usage, stdout);
		return EX_OK;
	}
	if (!name.len || name.len > CONFIG_MAX_KEY_NAME ||
	    strspn(name.ptr, NAME_CHARS) != name.len)
		return fail(EX_USAGE, "key",
			    "it takes one name, of at most 32 characters of "
			    "A-Z a-z 0-9 _ -");
	apikey_new(key, hash);
	(void)printf("key:          %s\naccess.keys:  %s:%s\n", key, name.ptr,
		     hash);
	crypto_wipe(key, sizeof(key));
	return EX_OK;
}

int issue_token(const struct config *config, const char *claims)
{
	char unknown[CLAIMS_MAX_WHY];
	const char *why = unknown;
	struct buf token = {0};
	struct claims made;
	struct clock clock;
	int err;

	if (mint_why_not(config))
		return fail(EX_CONFIG, "token", mint_why_not(config));
	clock_update(&clock);
	err = claims_read(span_from(claims), clock_wall_s(&clock), &made, &why);
	if (!err && claims_refuse_unknown(span_from(claims), span_of(NULL, 0),
					  unknown)) {
		claims_clear(&made);
		err = -EINVAL;
	}
	if (err)
		return fail(EX_USAGE, "token", why);
	err = mint_token(config, &made, clock_wall_s(&clock), &token);
	claims_clear(&made);
	if (!err)
		(void)printf("%.*s\n", (int)token.len, token.ptr);
	buf_clear(&token);
	return err ? fail(EXIT_FAILURE, "token", strerror(-err)) : EX_OK;
}
