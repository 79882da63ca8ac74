/* courier.c: brings what is in the spool to webhooks.url, once at least. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/courier.h"
#include "base/log.h"
#include "base/member.h"
#include "codec/signature.h"
#include "net/fetch.h"
#include "policy/metric.h"

#define MOST_EVENTS 500
#define MOST_BYTES 262144
#define MOST_ANSWER 16384 /* which nobody reads */
#define COLLECT_MS 100	  /* events of one moment go together */
#define FIRST_WAIT_MS 1000
#define MOST_WAIT_MS 60000

struct courier {
	struct loop *loop;
	struct spool *spool;
	struct fetcher *fetcher;
	struct fetch *fetch; /* NULL: none is under way */
	struct loop_timer timer;
	bool is_waiting; /* for the timer */
	uint64_t sent;	 /* the last number of what is under way */
	size_t sent_count;
	unsigned failures; /* since something was taken */
};

static void start_timer(struct courier *courier, uint64_t wait_ms)
{
	courier->is_waiting = true;
	loop_timer_start(courier->loop, &courier->timer,
			 courier->loop->clock.mono_ms + wait_ms);
}

/* Not all who failed at once come again at once. */
static uint64_t wait_ms(const struct courier *courier)
{
	uint64_t wait = FIRST_WAIT_MS;
	uint8_t random;

	for (unsigned i = 1; i < courier->failures && wait < MOST_WAIT_MS; i++)
		wait *= 2;
	if (wait > MOST_WAIT_MS)
		wait = MOST_WAIT_MS;
	crypto_random(&random, sizeof(random));
	return wait * 3 / 4 + wait / 4 * random / UINT8_MAX;
}

static void try_later(struct courier *courier, const char *why)
{
	uint64_t wait;

	courier->failures++;
	wait = wait_ms(courier);
	metric_add(METRIC_WEBHOOKS_FAILED, 1);
	log_warn("webhooks.failed", log_str("why", why),
		 log_int("times", courier->failures),
		 log_int("again_ms", wait));
	start_timer(courier, wait);
}

/* --- a request --- */

static void write_body(struct buf *body, const struct courier *courier,
		       const struct spool_batch *batch)
{
	buf_append_str(body, "{\"type\":\"events\",\"stream\":");
	buf_append_json(body, span_from(spool_stream(courier->spool)));
	buf_append_format(body, ",\"first\":%llu,\"last\":%llu,\"dropped\":",
			  (unsigned long long)batch->first,
			  (unsigned long long)batch->last);
	if (batch->missing_from)
		buf_append_format(body, "{\"from\":%llu,\"to\":%llu}",
				  (unsigned long long)batch->missing_from,
				  (unsigned long long)batch->first - 1);
	else
		buf_append_str(body, "null");
	buf_append_str(body, ",\"events\":[");
	buf_append_span(body, buf_span(&batch->texts));
	buf_append_str(body, "]}");
}

static void on_answer(const struct fetch_answer *answer, void *arg);

/* Returns 0 or a negative errno. */
static int post(struct courier *courier, struct span body)
{
	const struct config *config = courier->loop->config;
	struct signature signature;
	const char *const headers[] = {signature.timestamp, signature.signature,
				       NULL};
	const struct fetch_request request = {
		.url = config->webhooks.url,
		.body = body,
		.content_type = "application/json",
		.headers = headers,
		.timeout_ms = config->webhooks.timeout_ms,
		.max_bytes = MOST_ANSWER,
		.ca_file = config->access.ca_file,
	};
	int err = signature_make(span_from(config->webhooks.secret),
				 clock_wall_s(&courier->loop->clock), body,
				 &signature);

	return err ? err
		   : fetch_start(&courier->fetch, courier->fetcher, &request,
				 on_answer, courier);
}

static void send_batch(struct courier *courier, const struct spool_batch *batch)
{
	struct buf body = {0};
	int err;

	write_body(&body, courier, batch);
	err = body.failed ? -ENOMEM : post(courier, buf_span(&body));
	buf_clear(&body);
	if (err) {
		try_later(courier, strerror(-err));
		return;
	}
	courier->sent = batch->last;
	courier->sent_count = batch->count;
}

static void read_later(struct courier *courier, int err)
{
	char why[128];

	(void)snprintf(why, sizeof(why), "the spool cannot be read: %s",
		       strerror(-err));
	try_later(courier, why);
}

static void send_next(struct courier *courier)
{
	struct spool_batch batch;
	int err = spool_read(courier->spool, MOST_EVENTS, MOST_BYTES, &batch);

	if (err)
		read_later(courier, err);
	else if (batch.count)
		send_batch(courier, &batch);
	buf_clear(&batch.texts);
}

static void on_answer(const struct fetch_answer *answer, void *arg)
{
	struct courier *courier = arg;

	courier->fetch = NULL;
	if (answer->err) {
		try_later(courier, answer->why);
		return;
	}
	if (courier->failures)
		log_info("webhooks.works_again",
			 log_int("failures", courier->failures));
	courier->failures = 0;
	metric_add(METRIC_WEBHOOKS_DELIVERED, (int64_t)courier->sent_count);
	spool_ack(courier->spool, courier->sent);
	send_next(courier);
}

static void on_time(struct loop_timer *timer)
{
	struct courier *courier = container_of(timer, struct courier, timer);

	courier->is_waiting = false;
	send_next(courier);
}

void courier_wake(struct courier *courier)
{
	if (!courier->fetch && !courier->is_waiting)
		start_timer(courier, COLLECT_MS);
}

void courier_configure(struct courier *courier)
{
	courier->failures = 0;
	if (!courier->fetch)
		start_timer(courier, COLLECT_MS);
}

/* --- beginning and end --- */

int courier_new(struct courier **courierp, struct loop *loop,
		struct spool *spool)
{
	struct courier *courier = calloc(1, sizeof(*courier));

	if (!courier)
		return -ENOMEM;
	courier->loop = loop;
	courier->spool = spool;
	courier->timer.fire = on_time;
	if (fetcher_new(&courier->fetcher, loop)) {
		free(courier);
		return -ENOMEM;
	}
	courier_wake(courier);
	*courierp = courier;
	return 0;
}

void courier_free(struct courier *courier)
{
	if (!courier)
		return;
	loop_timer_stop(&courier->timer);
	fetch_cancel(courier->fetch);
	fetcher_free(courier->fetcher);
	free(courier);
}
