/*
 * fetch-tool.c: requests by the daemon's own objects, each told as one line of
 * JSON; then how long the loop stood still at most.
 *
 * FETCH_TOOL_NAMES_MS in the environment: a name takes so long to resolve, on
 * top of what it takes. slow.test is 127.0.0.1.
 */
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/fetch.h"

#define TICK_MS 100 /* as the daemon's */
#define BEAT_MS 5

struct run {
	struct loop *loop;
	struct fetcher *fetcher;
	struct fetch_request request;
	int at_once;
	bool is_inside; /* of fetch_start() */
	char **urls;	/* those to come */
	int unstarted;
	int left; /* answers to come */
	long cancel_ms;
	struct fetch *last;
	uint64_t beat_ns, stall_ns;
};

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "fetch-tool: %s\n", what);
	exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* In front of the C library's own, also for libcurl. */
int getaddrinfo(const char *name, const char *service,
		const struct addrinfo *hints, struct addrinfo **results)
{
	const char *wait_ms = getenv("FETCH_TOOL_NAMES_MS");
	int (*real)(const char *, const char *, const struct addrinfo *,
		    struct addrinfo **);

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (wait_ms)
		(void)usleep((useconds_t)atoi(wait_ms) * 1000);
	if (name && !strcmp(name, "slow.test"))
		name = "127.0.0.1";
	return real(name, service, hints, results);
}

static void start(struct run *run);

static void on_done(const struct fetch_answer *answer, void *arg)
{
	struct run *run = arg;
	struct buf line = {0};

	if (run->is_inside)
		die("an answer came inside of fetch_start()");
	run->last = NULL;
	buf_append_format(&line, "{\"err\":\"%s\",\"status\":%u,\"why\":",
			  answer->err ? strerrorname_np(-answer->err) : "",
			  answer->status);
	buf_append_json(&line, span_from(answer->why));
	buf_append_str(&line, ",\"body\":");
	buf_append_json(&line, answer->body);
	(void)printf("%.*s}\n", (int)line.len, line.ptr);
	buf_clear(&line);
	if (!--run->left)
		loop_stop(run->loop);
	else if (run->unstarted)
		start(run);
}

static void start(struct run *run)
{
	int err;

	run->request.url = *run->urls++;
	run->unstarted--;
	run->is_inside = true;
	err = fetch_start(&run->last, run->fetcher, &run->request, on_done,
			  run);
	run->is_inside = false;
	if (err == -EINVAL)
		die("no URL");
	if (err)
		die("out of memory");
}

/* How late each beat is. */
static void beat_cb(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;
	uint64_t now = now_ns();

	(void)fd;
	(void)what;
	loop_enter(run->loop);
	if (run->beat_ns && now - run->beat_ns > run->stall_ns)
		run->stall_ns = now - run->beat_ns;
	run->beat_ns = now;
}

static void cancel_cb(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	(void)fd;
	(void)what;
	loop_enter(run->loop);
	fetch_cancel(run->last);
	run->last = NULL;
	(void)printf("{\"cancelled\":true}\n");
	if (!--run->left)
		loop_stop(run->loop);
}

static void set_up(struct run *run, int argc, char **argv)
{
	static const char *headers[2];
	int option;

	while ((option = getopt(argc, argv, "a:t:m:b:h:c:n:")) != -1) {
		switch (option) {
		case 'a':
			run->request.ca_file = optarg;
			break;
		case 't':
			run->request.timeout_ms = (unsigned)atoi(optarg);
			break;
		case 'm':
			run->request.max_bytes = (size_t)atol(optarg);
			break;
		case 'b':
			run->request.body = span_from(optarg);
			run->request.content_type = "application/json";
			break;
		case 'h':
			headers[0] = optarg;
			run->request.headers = headers;
			break;
		case 'c':
			run->cancel_ms = atol(optarg);
			break;
		case 'n':
			run->at_once = atoi(optarg);
			break;
		default:
			die("usage: fetch-tool [-a CA] [-t MS] [-m BYTES] "
			    "[-b BODY] [-h HEADER] [-c CANCEL_MS] [-n AT_ONCE] "
			    "URL...");
		}
	}
	run->urls = argv + optind;
	run->left = argc - optind;
	run->unstarted = run->left;
}

int main(int argc, char **argv)
{
	struct run run = {
		.request = {.ca_file = "",
			    .timeout_ms = 5000,
			    .max_bytes = 65536},
	};
	const struct timeval every = {0, BEAT_MS * 1000};
	struct event *beat, *cancel;

	set_up(&run, argc, argv);
	if (run.left < 1 || loop_new(&run.loop, NULL, TICK_MS) ||
	    fetcher_new(&run.fetcher, run.loop))
		die("nothing to do, or out of memory");
	beat = event_new(run.loop->base, -1, EV_PERSIST, beat_cb, &run);
	cancel = event_new(run.loop->base, -1, 0, cancel_cb, &run);
	if (!beat || !cancel || event_add(beat, &every))
		die("out of memory");
	if (run.cancel_ms)
		(void)event_add(cancel,
				&(struct timeval){run.cancel_ms / 1000,
						  run.cancel_ms % 1000 * 1000});
	for (int i = 0; run.unstarted && (!run.at_once || i < run.at_once); i++)
		start(&run);
	(void)loop_run(run.loop);
	beat_cb(-1, 0, &run);
	(void)printf("{\"stallMs\":%llu}\n",
		     (unsigned long long)run.stall_ns / 1000000);
	event_free(beat);
	event_free(cancel);
	fetcher_free(run.fetcher);
	loop_free(run.loop);
	return EXIT_SUCCESS;
}
