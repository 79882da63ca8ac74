/* profile.h: the turnserver.conf that goes with a signald configuration. */
#ifndef TURNCONF_PROFILE_H
#define TURNCONF_PROFILE_H

#include "base/buf.h"
#include "host.h"
#include "policy/config.h"

#define PROFILE_MAX_ERROR 512

struct profile_target {
	unsigned version;	 /* of the coturn that will read it */
	const struct host *host; /* where it will run */
	uint64_t now_s;
	/* Not the coturn that clients reach themselves, but the second one, to
	 * which signald passes TURN that came to listen.tls. */
	bool is_tunnel;
	/* The secrets stand in it, also those of turn.secret_file: as they do
	 * for a coturn that has no database of turnconf's. */
	bool has_secrets;
	/* It has the patch of GHSA-4g7c-p5wg-j4hp, whatever its version. */
	bool is_patched;
};

/*
 * Write the configuration that coturn of that version takes without a word:
 * every option it has and that is needed, none that it has not.
 *
 * out    gets the text; it holds the secret
 * error  one sentence that says which key to change
 *
 * Returns 0, -EINVAL with *error set, or -ENOMEM.
 */
int profile_generate(const struct config *config,
		     const struct profile_target *target, struct buf *out,
		     char error[PROFILE_MAX_ERROR]);

#endif
