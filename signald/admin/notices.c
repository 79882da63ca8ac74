/* notices.c: what happens to rooms and peers, told to webhooks.url. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/courier.h"
#include "admin/notices.h"
#include "admin/parts.h"
#include "base/log.h"
#include "base/member.h"
#include "policy/config_webhook.h"
#include "policy/metric.h"
#include "policy/state_file.h"

#define FOLDER "webhooks"
#define REFUSED_MS 1000
#define MOST_CODES 32

/* How often a code was given since it was told last. */
struct refusals {
	const char *code; /* static; NULL: the row is free */
	uint64_t count;
};

struct notices {
	struct loop *loop;
	unsigned events;     /* of enum config_webhook_event */
	struct spool *spool; /* NULL: nothing is told */
	struct courier *courier;
	struct loop_task flush;
	struct refusals refusals[MOST_CODES];
	uint64_t refused_ms; /* when they were told */
	uint64_t dropped;    /* which the metric has */
	uint64_t dropped_logged_ms;
	uint64_t dropped_logged;
	bool is_failing; /* the disk, which was logged */
};

/* --- one event --- */

static void begin(struct buf *out, const struct notices *notices,
		  const char *type)
{
	buf_append_format(out, "{\"seq\":%llu,\"type\":\"%s\",\"time\":",
			  (unsigned long long)spool_last(notices->spool) + 1,
			  type);
	admin_write_time(out, clock_wall_s(&notices->loop->clock));
}

static void end(struct buf *out, struct notices *notices)
{
	buf_append_str(out, "}");
	if (out->failed)
		spool_skip(notices->spool);
	else
		spool_put(notices->spool, buf_span(out));
	buf_clear(out);
	loop_defer(notices->loop, &notices->flush);
}

void notices_write_peer(struct buf *out, const struct peer *peer)
{
	const char *dialect = peer->ops->dialect;

	buf_append_str(out, "{\"id\":");
	buf_append_json(out, span_of(peer->id, peer->id_len));
	admin_write_text(out, "role", span_from(hub_role_name(peer->role)));
	admin_write_text(out, "name", peer->name);
	admin_write_text(out, "user", peer->user);
	admin_write_text(out, "dialect",
			 dialect ? span_from(dialect) : (struct span){NULL, 0});
	buf_append_str(out, "}");
}

static void on_news(const struct hub_news *news, void *arg)
{
	static const enum config_webhook_event events[] = {
		[HUB_ROOM_OPENED] = WEBHOOK_ROOM_OPENED,
		[HUB_ROOM_CLOSED] = WEBHOOK_ROOM_CLOSED,
		[HUB_PEER_JOINED] = WEBHOOK_PEER_JOINED,
		[HUB_PEER_LEFT] = WEBHOOK_PEER_LEFT,
		[HUB_PEER_ROLE] = WEBHOOK_PEER_ROLE,
	};
	enum config_webhook_event event = events[news->change];
	struct notices *notices = arg;
	struct buf out = {0};

	if (!notices->spool || !(notices->events & event))
		return;
	begin(&out, notices, config_webhook_event_name(event));
	admin_write_text(&out, "room", news->room);
	if (news->peer) {
		buf_append_str(&out, ",\"peer\":");
		notices_write_peer(&out, news->peer);
	}
	if (news->change == HUB_PEER_LEFT)
		admin_write_text(
			&out, "reason",
			span_from(hub_leave_reason_name(news->reason)));
	end(&out, notices);
}

static void tell_start(struct notices *notices)
{
	struct buf out = {0};

	begin(&out, notices, "server.started");
	admin_write_text(&out, "version", SPAN(SIGNALD_VERSION));
	end(&out, notices);
}

static void on_relay(const struct relay_news *news, void *arg)
{
	enum config_webhook_event event = news->now > news->before
						  ? WEBHOOK_RELAY_STARTED
						  : WEBHOOK_RELAY_ENDED;
	struct notices *notices = arg;
	struct buf out = {0};

	if (!notices->spool || !(notices->events & event))
		return;
	begin(&out, notices, config_webhook_event_name(event));
	admin_write_text(&out, "server", span_from(news->server));
	admin_write_text(&out, "user", news->user);
	buf_append_format(&out, ",\"allocations\":%llu",
			  (unsigned long long)news->now);
	end(&out, notices);
}

/* --- refusals, which strangers can make --- */

static void on_refused(const char *code, void *arg)
{
	struct notices *notices = arg;

	if (!notices->spool || !(notices->events & WEBHOOK_REFUSED_EVENT))
		return;
	for (size_t i = 0; i < MOST_CODES; i++) {
		struct refusals *row = &notices->refusals[i];

		if (row->code && strcmp(row->code, code) != 0)
			continue;
		row->code = code;
		row->count++;
		return;
	}
}

static void tell_refusals(struct notices *notices)
{
	for (size_t i = 0; i < MOST_CODES; i++) {
		struct refusals *row = &notices->refusals[i];
		struct buf out = {0};

		if (!row->count)
			continue;
		begin(&out, notices,
		      config_webhook_event_name(WEBHOOK_REFUSED_EVENT));
		admin_write_text(&out, "code", span_from(row->code));
		buf_append_format(&out, ",\"count\":%llu",
				  (unsigned long long)row->count);
		row->count = 0;
		end(&out, notices);
	}
}

/* --- the spool --- */

static void note_failure(struct notices *notices, int err)
{
	if (err && !notices->is_failing)
		log_error("state.fail", log_str("what", FOLDER),
			  log_str("dir", notices->loop->config->state.dir),
			  log_str("error", spool_strerror(err)),
			  log_str("means", "events are dropped"));
	notices->is_failing = err;
}

static void run_flush(struct loop_task *task)
{
	struct notices *notices = container_of(task, struct notices, flush);

	if (!notices->spool)
		return;
	note_failure(notices, spool_flush(notices->spool));
	courier_wake(notices->courier);
}

/* At most once a second. */
static void note_dropped(struct notices *notices, uint64_t dropped)
{
	uint64_t now_ms = notices->loop->clock.mono_ms;

	metric_add(METRIC_WEBHOOKS_DROPPED,
		   (int64_t)(dropped - notices->dropped));
	notices->dropped = dropped;
	if (dropped == notices->dropped_logged ||
	    now_ms - notices->dropped_logged_ms < REFUSED_MS)
		return;
	log_warn("webhooks.dropped",
		 log_int("events", dropped - notices->dropped_logged),
		 log_str("key", "webhooks.max_spool_bytes"));
	notices->dropped_logged = dropped;
	notices->dropped_logged_ms = now_ms;
}

static void measure(struct notices *notices)
{
	struct spool_facts facts;

	spool_facts(notices->spool, &facts);
	metric_set(METRIC_WEBHOOKS_QUEUED, (int64_t)facts.waiting);
	metric_set(METRIC_WEBHOOKS_QUEUED_BYTES, (int64_t)facts.bytes);
	note_dropped(notices, facts.dropped);
}

void notices_tick(struct notices *notices)
{
	uint64_t now_ms = notices->loop->clock.mono_ms;

	if (!notices->spool)
		return;
	if (now_ms - notices->refused_ms >= REFUSED_MS) {
		notices->refused_ms = now_ms;
		tell_refusals(notices);
	}
	measure(notices);
}

const char *notices_stream(const struct notices *notices, uint64_t *last)
{
	if (!notices->spool)
		return NULL;
	*last = spool_last(notices->spool);
	return spool_stream(notices->spool);
}

/* --- beginning and end --- */

static void stop(struct notices *notices)
{
	/* What was refused since the last second. */
	if (notices->spool)
		tell_refusals(notices);
	courier_free(notices->courier);
	spool_close(notices->spool);
	notices->courier = NULL;
	notices->spool = NULL;
	notices->dropped = 0;
	notices->dropped_logged = 0;
	metric_set(METRIC_WEBHOOKS_QUEUED, 0);
	metric_set(METRIC_WEBHOOKS_QUEUED_BYTES, 0);
}

static int start(struct notices *notices)
{
	const struct config *config = notices->loop->config;
	char path[STATE_FILE_PATH_CAP];
	int err = state_file_path(config->state.dir, FOLDER, path);

	if (!err)
		err = spool_open(&notices->spool, path,
				 config->webhooks.max_spool_bytes);
	if (!err)
		err = courier_new(&notices->courier, notices->loop,
				  notices->spool);
	if (err) {
		stop(notices);
		return err;
	}
	tell_start(notices);
	return 0;
}

/* Returns 0 or a negative errno. */
static int configure(struct notices *notices)
{
	const struct config *config = notices->loop->config;

	(void)config_webhook_events(config->webhooks.events, &notices->events);
	if (!*config->webhooks.url) {
		stop(notices);
		return 0;
	}
	if (!notices->spool)
		return start(notices);
	spool_set_max(notices->spool, config->webhooks.max_spool_bytes);
	courier_configure(notices->courier);
	return 0;
}

void notices_configure(struct notices *notices)
{
	note_failure(notices, configure(notices));
}

int notices_new(struct notices **noticesp, struct loop *loop,
		const struct notices_sources *sources)
{
	struct notices *notices = calloc(1, sizeof(*notices));
	int err;

	if (!notices)
		return -ENOMEM;
	notices->loop = loop;
	notices->flush.run = run_flush;
	err = configure(notices);
	if (err) {
		free(notices);
		return err;
	}
	hub_watch(sources->hub, on_news, notices);
	access_watch(sources->access, on_refused, notices);
	relay_admin_set_watcher(sources->relay_admin, on_relay, notices);
	*noticesp = notices;
	return 0;
}

void notices_free(struct notices *notices)
{
	if (!notices)
		return;
	stop(notices);
	loop_cancel(notices->loop, &notices->flush);
	free(notices);
}
