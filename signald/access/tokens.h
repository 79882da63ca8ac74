/* tokens.h: tokens, and the keys that the configuration says they are of. */
#ifndef SIGNALD_ACCESS_TOKENS_H
#define SIGNALD_ACCESS_TOKENS_H

#include "access/jwt.h"
#include "net/fetch.h"

#define TOKENS_MAX_ERROR 512

/*
 * Keys come from one place: access.token_secret, token_key (a file), or
 * token_jwks (a file or a URL). A file is read again when it changes. A URL is
 * asked at the start, every access.jwks_refresh_s, and when a token is of a key
 * that is not known, at most once in ten seconds. What is no better than the
 * keys of before leaves them, and a line in the log.
 */
struct tokens;

/*
 * loop, fetcher  must outlive it
 *
 * Returns 0 or -ENOMEM. There are no keys before tokens_configure().
 */
int tokens_new(struct tokens **tokensp, struct loop *loop,
	       struct fetcher *fetcher);

/* Whoever waits hears nothing any more. Takes NULL. */
void tokens_free(struct tokens *tokens);

/*
 * Whether a configuration's keys can be read, as far as they lie here: for
 * --check-config, and before a reload. Returns as tokens_configure().
 */
int tokens_judge(const struct config *config, char why[TOKENS_MAX_ERROR]);

/*
 * Do as the configuration says that is in effect (loop->config), at the start
 * and whenever it is another. Keys of the same URL stay until it has answered.
 *
 * why  a sentence, without a full stop, with -EINVAL
 *
 * Returns 0; -EINVAL for a file that has no key to take, or -ENOMEM: no token
 * is taken then.
 */
int tokens_configure(struct tokens *tokens, char why[TOKENS_MAX_ERROR]);

/* The configuration names keys: there are tokens. */
bool tokens_are_on(const struct tokens *tokens);

/*
 * Check a token as jwt_check() does.
 *
 * JWT_PENDING: keys are being fetched, and the token may be good: ask again
 * when tokens_wait() says so. It ends within TOKENS_PATIENCE_MS, and then says
 * another thing. JWT_UNAVAILABLE: no key is known yet, and none is on its way.
 */
enum jwt_fault tokens_check(struct tokens *tokens, struct span token,
			    uint64_t now_s, struct claims *claims,
			    const char **why);

#define TOKENS_PATIENCE_MS 5000

/* Who waits for keys; zero-initialised but for on_ready. */
struct tokens_wait {
	struct tokens_wait *next;
	struct tokens *tokens; /* NULL: it does not wait */
	void (*on_ready)(struct tokens_wait *wait);
};

/*
 * Have on_ready() called once when the keys that are being fetched are there,
 * or could not be had: at the end of a turn. To be called after JWT_PENDING, in
 * the same turn.
 */
void tokens_wait(struct tokens *tokens, struct tokens_wait *wait);

/* on_ready is not called any more; also for one that does not wait. */
void tokens_cancel(struct tokens_wait *wait);

#endif
