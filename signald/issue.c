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

int issue_key(int argc, char **argv)
{
	char key[APIKEY_LEN + 1], hash[CONFIG_KEY_HASH_LEN + 1];
	struct span name = span_from(argc == 2 ? argv[1] : "");

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
	struct claims made;
	struct buf token = {0};
	struct clock clock;
	const char *why;
	int err;

	if (!mint_can(config))
		return fail(EX_CONFIG, "token",
			    "tokens are signed with access.token_secret, which "
			    "is empty");
	clock_update(&clock);
	err = claims_read(span_from(claims), clock_wall_s(&clock), &made, &why);
	if (err == -ETIME)
		claims_clear(&made);
	if (err)
		return fail(EX_USAGE, "token", why);
	err = mint_token(config, &made, clock_wall_s(&clock), &token);
	claims_clear(&made);
	if (!err)
		(void)printf("%.*s\n", (int)token.len, token.ptr);
	buf_clear(&token);
	return err ? fail(EXIT_FAILURE, "token", strerror(-err)) : EX_OK;
}
