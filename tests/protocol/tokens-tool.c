/*
 * tokens-tool.c: tokens checked by the daemon's own objects, with a clock that
 * can be moved.
 *
 * Its arguments are keys of the configuration (access.token_jwks=...), its
 * input is lines:
 *   check TOKEN   answered by what came of it, once that is known
 *   skip MS       the clock goes on; answered at once
 * Answers are lines of JSON; the first is of the configuration.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "access/tokens.h"
#include "base/buf.h"
#include "base/member.h"
#include "policy/metric.h"

#define TICK_MS 100 /* as the daemon's */

struct run {
	struct loop *loop;
	struct fetcher *fetcher;
	struct tokens *tokens;
	struct buf input;
};

struct check {
	struct run *run;
	struct tokens_wait wait;
	bool has_waited;
	size_t len;
	char token[];
};

static long skipped_ms;

/* In front of the C library's own, for libevent and libcurl too. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	long err = syscall(SYS_clock_gettime, clock, now);

	now->tv_sec += skipped_ms / 1000;
	return (int)err;
}

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "tokens-tool: %s\n", what);
	exit(EXIT_FAILURE);
}

static void tell(const struct check *check, enum jwt_fault fault,
		 const char *why, const char *subject)
{
	struct buf line = {0};

	buf_append_format(&line,
			  "{\"fault\":\"%s\",\"why\":", jwt_fault_name(fault));
	buf_append_json(&line, span_from(why));
	buf_append_format(&line,
			  ",\"sub\":\"%s\",\"waited\":%s,\"keys\":%d,\"ok\":%d,"
			  "\"failed\":%d}",
			  subject, check->has_waited ? "true" : "false",
			  (int)metric_values[METRIC_TOKEN_KEYS],
			  (int)metric_values[METRIC_JWKS_OK],
			  (int)metric_values[METRIC_JWKS_FAILED]);
	(void)printf("%.*s\n", (int)line.len, line.ptr);
	buf_clear(&line);
}

static void try(struct check *check)
{
	struct run *run = check->run;
	struct claims claims = {.rights = 0};
	const char *why = "";
	enum jwt_fault fault =
		tokens_check(run->tokens, span_of(check->token, check->len),
			     clock_wall_s(&run->loop->clock), &claims, &why);

	if (fault == JWT_PENDING) {
		tokens_wait(run->tokens, &check->wait);
		return;
	}
	tell(check, fault, why, claims.subject);
	claims_clear(&claims);
	free(check);
}

static void on_ready(struct tokens_wait *wait)
{
	struct check *check = container_of(wait, struct check, wait);

	check->has_waited = true;
	try(check);
}

static void begin(struct run *run, struct span token)
{
	struct check *check = calloc(1, sizeof(*check) + token.len);

	if (!check)
		die("out of memory");
	check->run = run;
	check->wait.on_ready = on_ready;
	check->len = token.len;
	memcpy(check->token, token.ptr, token.len);
	try(check);
}

static void take(struct run *run, struct span line)
{
	uint64_t ms;

	if (span_has_prefix(line, SPAN("check ")))
		begin(run, span_skip(line, 6));
	else if (span_has_prefix(line, SPAN("skip ")) &&
		 !span_to_u64(span_skip(line, 5), UINT32_MAX, &ms)) {
		skipped_ms += (long)ms;
		(void)printf("{\"skipped\":%d}\n", (int)ms);
	} else {
		die("no such command");
	}
}

static void input_cb(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;
	const char *end;
	ssize_t n;

	(void)what;
	loop_enter(run->loop);
	if (buf_reserve(&run->input, 65536))
		die("out of memory");
	n = read(fd, run->input.ptr + run->input.len, 65536);
	if (n <= 0)
		loop_stop(run->loop);
	else
		run->input.len += (size_t)n;
	while (run->input.len &&
	       (end = memchr(run->input.ptr, '\n', run->input.len))) {
		size_t len = (size_t)(end - run->input.ptr);

		take(run, span_of(run->input.ptr, len));
		buf_consume(&run->input, len + 1);
	}
}

int main(int argc, char **argv)
{
	const struct config_sources sources = {
		.sets = (const char *const *)argv + 1,
		.sets_count = (size_t)argc - 1,
	};
	char why[TOKENS_MAX_ERROR] = "";
	struct config_error error;
	struct config *config;
	struct run run = {.loop = NULL};
	struct event *input;

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (config_load(&config, &sources, &error))
		die(error.text);
	if (loop_new(&run.loop, config, TICK_MS) ||
	    fetcher_new(&run.fetcher, run.loop) ||
	    tokens_new(&run.tokens, run.loop, run.fetcher))
		die("out of memory");
	loop_enter(run.loop);
	if (tokens_judge(config, why) || tokens_configure(run.tokens, why))
		die(why);
	(void)printf("{\"isOn\":%s}\n",
		     tokens_are_on(run.tokens) ? "true" : "false");
	input = event_new(run.loop->base, STDIN_FILENO, EV_READ | EV_PERSIST,
			  input_cb, &run);
	if (!input || event_add(input, NULL))
		die("out of memory");
	(void)loop_run(run.loop);
	event_free(input);
	tokens_free(run.tokens);
	fetcher_free(run.fetcher);
	loop_free(run.loop);
	config_free(config);
	buf_clear(&run.input);
	return EXIT_SUCCESS;
}
