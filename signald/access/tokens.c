/* tokens.c: tokens, and the keys that the configuration says they are of. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/jwks.h"
#include "access/tokens.h"
#include "base/file.h"
#include "base/log.h"
#include "base/member.h"
#include "policy/metric.h"

#define LOOK_EVERY_MS 1000
/* From one question to the next: out of turn, or as the last one failed. */
#define LEAST_WAIT_MS 10000

enum tokens_source {
	TOKENS_NONE,
	TOKENS_SECRET,
	TOKENS_KEY_FILE,
	TOKENS_SET_FILE,
	TOKENS_SET_URL,
};

struct tokens {
	struct loop *loop;
	struct fetcher *fetcher;
	enum tokens_source source;
	enum jwt_algorithm only; /* JWT_ALGORITHM_NONE: any */
	char *url;		 /* whose keys we have, NULL for none */
	struct jwt_keys keys;
	struct file_watch watch;
	struct loop_timer timer; /* runs while there is a file or a URL */
	struct fetch *fetch;	 /* NULL: none is under way */
	uint64_t fetched_ms;	 /* when the last one began; 0: never */
	uint64_t due_ms;	 /* when the next one begins */
	char trouble[TOKENS_MAX_ERROR]; /* what the log heard of last */
	struct tokens_wait *waits;	/* for the next answer */
	struct tokens_wait *woken;	/* as the last one has come */
	struct loop_task wake;
};

/* --- what the configuration says --- */

static enum tokens_source source_of(const struct config *config)
{
	const char *set = config->access.token_jwks;

	if (*config->access.token_secret)
		return TOKENS_SECRET;
	if (*config->access.token_key)
		return TOKENS_KEY_FILE;
	if (!*set)
		return TOKENS_NONE;
	return span_has_prefix(span_from(set), SPAN("https://"))
		       ? TOKENS_SET_URL
		       : TOKENS_SET_FILE;
}

static const char *file_of(const struct config *config)
{
	return source_of(config) == TOKENS_KEY_FILE ? config->access.token_key
						    : config->access.token_jwks;
}

static enum jwt_algorithm only_of(const struct config *config)
{
	return jwt_algorithm_parse(span_from(config->access.token_algorithm));
}

/* --- keys --- */

/* Puts others in the place of those before. */
static void take_keys(struct tokens *tokens, struct jwt_keys *keys)
{
	jwt_keys_clear(&tokens->keys);
	tokens->keys = *keys;
	tokens->trouble[0] = '\0';
	metric_set(METRIC_TOKEN_KEYS, (int64_t)keys->count);
}

static const char *name_of(enum jwt_algorithm algorithm)
{
	return algorithm == JWT_ES256 ? "ES256" : "RS256";
}

static int read_key_file(const struct config *config, struct jwt_keys *keys,
			 char why[TOKENS_MAX_ERROR])
{
	const char *path = config->access.token_key;
	enum jwt_algorithm only = only_of(config), algorithm;
	char fault[PUBKEY_MAX_ERROR];
	struct pubkey pubkey;
	int err = pubkey_read(path, &pubkey, fault);

	if (err == -EINVAL)
		(void)snprintf(why, TOKENS_MAX_ERROR, "access.token_key: %s %s",
			       path, fault);
	if (err)
		return err;
	algorithm = pubkey.kind == PUBKEY_RSA ? JWT_RS256 : JWT_ES256;
	if (!only || only == algorithm)
		return jwt_keys_add_public(keys, span_of(NULL, 0), &pubkey);
	(void)snprintf(why, TOKENS_MAX_ERROR,
		       "access.token_key: %s holds a key of %s, and "
		       "access.token_algorithm is %s",
		       path, name_of(algorithm), name_of(only));
	return -EINVAL;
}

static int read_set_file(const struct config *config, struct jwt_keys *keys,
			 char why[TOKENS_MAX_ERROR])
{
	const char *path = config->access.token_jwks;
	struct buf set = {0};
	const char *fault;
	int err = file_read_all(path, JWKS_MAX_BYTES, &set);

	if (err) {
		fault = strerror(-err);
		err = err == -ENOMEM ? err : -EINVAL;
	} else {
		err = jwks_read(buf_span(&set), only_of(config), keys, &fault);
	}
	buf_clear(&set);
	if (err)
		(void)snprintf(why, TOKENS_MAX_ERROR,
			       "access.token_jwks: %s: %s", path, fault);
	return err;
}

/* Of what lies here. */
static int read_keys(const struct config *config, struct jwt_keys *keys,
		     char why[TOKENS_MAX_ERROR])
{
	(void)snprintf(why, TOKENS_MAX_ERROR, "out of memory");
	switch (source_of(config)) {
	case TOKENS_SECRET:
		return jwt_keys_add_secret(
			keys, span_from(config->access.token_secret));
	case TOKENS_KEY_FILE:
		return read_key_file(config, keys, why);
	case TOKENS_SET_FILE:
		return read_set_file(config, keys, why);
	default:
		return 0;
	}
}

int tokens_judge(const struct config *config, char why[TOKENS_MAX_ERROR])
{
	struct jwt_keys keys = {.count = 0};
	int err = read_keys(config, &keys, why);

	jwt_keys_clear(&keys);
	return err;
}

/* The log hears of a trouble once. */
static void note_trouble(struct tokens *tokens, const char *why)
{
	if (!strcmp(tokens->trouble, why))
		return;
	(void)snprintf(tokens->trouble, sizeof(tokens->trouble), "%s", why);
	log_error("token.no_keys", log_str("why", why),
		  log_int("keys", tokens->keys.count),
		  log_str("means", tokens->keys.count
					   ? "the keys of before stay"
					   : "no token is taken"));
}

static void note_keys(const struct tokens *tokens, const char *from)
{
	log_info("token.keys", log_str("from", from),
		 log_int("keys", tokens->keys.count));
}

static void follow_file(struct tokens *tokens)
{
	const struct config *config = tokens->loop->config;
	struct jwt_keys keys = {.count = 0};
	char why[TOKENS_MAX_ERROR];

	if (!file_watch_changed(&tokens->watch, file_of(config),
				tokens->loop->clock.mono_ms))
		return;
	if (read_keys(config, &keys, why)) {
		note_trouble(tokens, why);
		return;
	}
	take_keys(tokens, &keys);
	note_keys(tokens, file_of(config));
}

/* --- the URL --- */

/* Who is woken may cancel others, and wait again. */
static void run_wake(struct loop_task *task)
{
	struct tokens *tokens = container_of(task, struct tokens, wake);

	tokens->woken = tokens->waits;
	tokens->waits = NULL;
	while (tokens->woken) {
		struct tokens_wait *wait = tokens->woken;

		tokens->woken = wait->next;
		wait->tokens = NULL;
		wait->on_ready(wait);
	}
}

static void take_answer(struct tokens *tokens,
			const struct fetch_answer *answer)
{
	char why[TOKENS_MAX_ERROR];
	struct jwt_keys keys = {.count = 0};
	const char *fault = answer->why;
	int err = answer->err;

	if (!err)
		err = jwks_read(answer->body, tokens->only, &keys, &fault);
	if (!err) {
		take_keys(tokens, &keys);
		metric_add(METRIC_JWKS_OK, 1);
		return;
	}
	tokens->due_ms = tokens->fetched_ms + LEAST_WAIT_MS;
	metric_add(METRIC_JWKS_FAILED, 1);
	(void)snprintf(why, sizeof(why), "access.token_jwks: %s: %s",
		       tokens->url, fault);
	note_trouble(tokens, why);
}

static void on_answer(const struct fetch_answer *answer, void *arg)
{
	struct tokens *tokens = arg;
	size_t before = tokens->keys.count;

	tokens->fetch = NULL;
	take_answer(tokens, answer);
	if (tokens->keys.count != before)
		note_keys(tokens, tokens->url);
	loop_defer(tokens->loop, &tokens->wake);
}

static void ask_url(struct tokens *tokens)
{
	const struct config *config = tokens->loop->config;
	const struct fetch_request request = {
		.url = tokens->url,
		.timeout_ms = TOKENS_PATIENCE_MS,
		.max_bytes = JWKS_MAX_BYTES,
		.ca_file = config->access.ca_file,
	};
	uint64_t now_ms = tokens->loop->clock.mono_ms;

	tokens->fetched_ms = now_ms;
	tokens->due_ms = now_ms + config->access.jwks_refresh_s * 1000ull;
	if (fetch_start(&tokens->fetch, tokens->fetcher, &request, on_answer,
			tokens)) {
		tokens->due_ms = now_ms + LEAST_WAIT_MS;
		note_trouble(tokens, "access.token_jwks: it cannot be asked: "
				     "no URL, or out of memory");
	}
}

static void follow_url(struct tokens *tokens)
{
	if (!tokens->fetch && tokens->loop->clock.mono_ms >= tokens->due_ms)
		ask_url(tokens);
}

static void timer_fire(struct loop_timer *timer)
{
	struct tokens *tokens = container_of(timer, struct tokens, timer);

	loop_timer_start(tokens->loop, timer,
			 tokens->loop->clock.mono_ms + LOOK_EVERY_MS);
	if (tokens->source == TOKENS_SET_URL)
		follow_url(tokens);
	else
		follow_file(tokens);
}

/* --- at the start, and at a reload --- */

/* Nothing more comes of what was there before. */
static void stop(struct tokens *tokens)
{
	loop_timer_stop(&tokens->timer);
	fetch_cancel(tokens->fetch);
	tokens->fetch = NULL;
}

/* The keys of another place are not ours any more. */
static int begin_url(struct tokens *tokens, enum jwt_algorithm only)
{
	const char *url = tokens->loop->config->access.token_jwks;
	bool is_same = tokens->url && !strcmp(tokens->url, url) &&
		       tokens->only == only;
	struct jwt_keys none = {.count = 0};
	char *copy;

	tokens->only = only;
	if (!is_same) {
		copy = strdup(url);
		take_keys(tokens, &none);
		free(tokens->url);
		tokens->url = copy;
		if (!copy)
			return -ENOMEM;
	}
	ask_url(tokens);
	return 0;
}

static int begin_local(struct tokens *tokens, enum jwt_algorithm only,
		       char why[TOKENS_MAX_ERROR])
{
	const struct config *config = tokens->loop->config;
	struct jwt_keys keys = {.count = 0};
	int err;

	free(tokens->url);
	tokens->url = NULL;
	tokens->only = only;
	tokens->watch = (struct file_watch){.due_ms = 0};
	if (tokens->source > TOKENS_SECRET)
		(void)file_watch_changed(&tokens->watch, file_of(config),
					 tokens->loop->clock.mono_ms);
	err = read_keys(config, &keys, why);
	take_keys(tokens, &keys); /* none after an error */
	return err;
}

int tokens_configure(struct tokens *tokens, char why[TOKENS_MAX_ERROR])
{
	const struct config *config = tokens->loop->config;
	int err;

	(void)snprintf(why, TOKENS_MAX_ERROR, "out of memory");
	stop(tokens);
	tokens->source = source_of(config);
	if (tokens->source == TOKENS_SET_URL)
		err = begin_url(tokens, only_of(config));
	else
		err = begin_local(tokens, only_of(config), why);
	if (tokens->source > TOKENS_SECRET)
		loop_timer_start(tokens->loop, &tokens->timer,
				 tokens->loop->clock.mono_ms + LOOK_EVERY_MS);
	/* They ask again, and are told what holds now. */
	loop_defer(tokens->loop, &tokens->wake);
	return err;
}

int tokens_new(struct tokens **tokensp, struct loop *loop,
	       struct fetcher *fetcher)
{
	struct tokens *tokens = calloc(1, sizeof(*tokens));

	if (!tokens)
		return -ENOMEM;
	tokens->loop = loop;
	tokens->fetcher = fetcher;
	tokens->timer.fire = timer_fire;
	tokens->wake.run = run_wake;
	*tokensp = tokens;
	return 0;
}

void tokens_free(struct tokens *tokens)
{
	if (!tokens)
		return;
	stop(tokens);
	loop_cancel(tokens->loop, &tokens->wake);
	while (tokens->waits)
		tokens_cancel(tokens->waits);
	jwt_keys_clear(&tokens->keys);
	free(tokens->url);
	free(tokens);
}

bool tokens_are_on(const struct tokens *tokens)
{
	return tokens->source != TOKENS_NONE;
}

/* --- tokens --- */

static enum jwt_fault refuse(enum jwt_fault fault, const char *text,
			     const char **why)
{
	*why = text;
	return fault;
}

/* A key that is not known may be one that has come since; strangers can ask for
 * such keys as well, and so it is not done often. */
static enum jwt_fault look_for_key(struct tokens *tokens, enum jwt_fault fault,
				   const char **why)
{
	uint64_t now_ms = tokens->loop->clock.mono_ms;

	if (tokens->source != TOKENS_SET_URL)
		return fault;
	if (!tokens->fetch && now_ms - tokens->fetched_ms >= LEAST_WAIT_MS)
		ask_url(tokens);
	if (tokens->fetch)
		return refuse(JWT_PENDING, "keys are being fetched", why);
	return fault;
}

enum jwt_fault tokens_check(struct tokens *tokens, struct span token,
			    uint64_t now_s, struct claims *claims,
			    const char **why)
{
	const struct config *config = tokens->loop->config;
	const struct jwt_rules rules = {
		.issuer = config->access.token_issuer,
		.audience = config->access.token_audience,
		.leeway_s = config->access.token_leeway_s,
	};
	enum jwt_fault fault =
		jwt_check(&tokens->keys, &rules, token, now_s, claims, why);

	/* Without any keys every algorithm is a wrong one. */
	if (fault == JWT_WRONG_ALGORITHM && !tokens->keys.count)
		fault = refuse(JWT_UNAVAILABLE,
			       "the keys of tokens are not known yet: try "
			       "again in ten seconds",
			       why);
	else if (fault != JWT_UNKNOWN_KEY)
		return fault;
	return look_for_key(tokens, fault, why);
}

void tokens_wait(struct tokens *tokens, struct tokens_wait *wait)
{
	if (wait->tokens)
		return;
	wait->tokens = tokens;
	wait->next = tokens->waits;
	tokens->waits = wait;
}

static void take_out(struct tokens_wait **list, const struct tokens_wait *wait)
{
	while (*list && *list != wait)
		list = &(*list)->next;
	if (*list)
		*list = wait->next;
}

void tokens_cancel(struct tokens_wait *wait)
{
	if (!wait->tokens)
		return;
	take_out(&wait->tokens->waits, wait);
	take_out(&wait->tokens->woken, wait);
	wait->tokens = NULL;
}
