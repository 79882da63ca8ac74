/* events.c: what happens, as server-sent events (HTML, 9.2): the log's lines.
 */
#include <errno.h>
#include <stdlib.h>

#include "admin/parts.h"
#include "base/log.h"
#include "base/member.h"
#include "codec/utf8.h"
#include "policy/metric.h"

#define MOST_EVENTS 1024
#define MOST_BYTES ((size_t)1 << 20)
#define MOST_READERS 16
#define MOST_QUEUED_BYTES 262144
#define MOST_VALUE 256
#define HEARTBEAT_MS 15000
#define COUNTING_MS 1000
#define ID_CAP 48

/* What is counted and not logged one by one. */
static const struct {
	enum metric metric;
	const char *name;
} refusals[] = {
	{METRIC_REFUSED_MESSAGES, "messages"},
	{METRIC_REFUSED_ORIGIN, "origins"},
	{METRIC_RESUMES_REFUSED, "resumes"},
	{METRIC_RECOVERIES_REFUSED, "recoveries"},
	{METRIC_CLOSED_SLOW, "slow"},
	{METRIC_CLOSED_SILENT, "silent"},
	{METRIC_CLOSED_PROTOCOL, "protocol"},
	{METRIC_CLOSED_TIMEOUT, "timeout"},
	{METRIC_TLS_HANDSHAKES_FAILED, "tlsHandshakes"},
};
#define REFUSALS (sizeof(refusals) / sizeof(*refusals))

struct reader {
	struct admin_events *events;
	struct conn *conn;
	struct reader *prev, *next;
	uint64_t sent; /* number of the last event that it was given */
};

/*
 * The last events, by their numbers from 1; readers are given theirs at the end
 * of the turn in which they happened, since nothing may be written, and nobody
 * closed, wherever something is logged.
 */
struct admin_events {
	struct loop *loop;
	struct loop_task flush;
	struct blob *ring[MOST_EVENTS];
	uint64_t first; /* number of the oldest that is kept */
	uint64_t last;	/* of the newest; below first: none is kept */
	size_t bytes;
	struct reader *readers;
	size_t readers_count;
	uint64_t life; /* tells numbers of this process from others' */
	uint64_t beat_at_ms;
	uint64_t counted_at_ms;
	int64_t counted[REFUSALS];
};

static struct blob **place_of(struct admin_events *events, uint64_t number)
{
	return &events->ring[number % MOST_EVENTS];
}

static void drop_oldest(struct admin_events *events)
{
	struct blob **place = place_of(events, events->first++);

	events->bytes -= (*place)->len;
	blob_unref(*place);
	*place = NULL;
}

static void keep(struct admin_events *events, struct blob *blob)
{
	while (events->last >= events->first &&
	       (events->last - events->first + 1 == MOST_EVENTS ||
		events->bytes + blob->len > MOST_BYTES))
		drop_oldest(events);
	*place_of(events, ++events->last) = blob;
	events->bytes += blob->len;
	loop_defer(events->loop, &events->flush);
}

/* --- an event --- */

static void write_id(struct buf *out, const struct admin_events *events,
		     uint64_t number)
{
	buf_append_format(out, "id: %llx-%llu\n",
			  (unsigned long long)events->life,
			  (unsigned long long)number);
}

/* What is no UTF-8 says at least that it was there. */
static void write_value(struct buf *out, struct span value)
{
	if (value.len > MOST_VALUE) {
		value.len = MOST_VALUE;
		while (value.len && (value.ptr[value.len] & 0xc0) == 0x80)
			value.len--;
	}
	buf_append_json(out,
			utf8_is_valid(value) ? value : SPAN("\xef\xbf\xbd"));
}

static void begin_event(struct buf *out, const struct admin_events *events,
			const char *name)
{
	write_id(out, events, events->last + 1);
	buf_append_str(out, "data: {\"event\":");
	buf_append_json(out, span_from(name));
	buf_append_str(out, ",\"time\":");
	admin_write_time(out, clock_wall_s(&events->loop->clock));
}

static void end_event(struct buf *out, struct admin_events *events)
{
	struct blob *blob;

	buf_append_str(out, "}\n\n");
	blob = out->failed ? NULL : blob_new((struct span[]){buf_span(out)}, 1);
	if (blob)
		keep(events, blob);
	buf_clear(out);
}

static void on_line(enum log_level level, const char *event,
		    const struct log_field *fields, void *arg)
{
	static const char *const names[] = {[LOG_ERROR] = "error",
					    [LOG_WARN] = "warn",
					    [LOG_INFO] = "info"};
	struct admin_events *events = arg;
	struct buf out = {0};

	begin_event(&out, events, event);
	buf_append_format(&out, ",\"level\":\"%s\"", names[level]);
	for (; fields->kind != LOG_FIELD_END; fields++) {
		buf_append_format(&out, ",\"%s\":", fields->key);
		if (fields->kind == LOG_FIELD_INT)
			buf_append_format(&out, "%lld",
					  (long long)fields->number);
		else
			write_value(&out, fields->span);
	}
	end_event(&out, events);
}

/* How many of each kind were refused since it was counted last. */
static void count_refusals(struct admin_events *events)
{
	struct buf out = {0};
	bool is_new = false;

	begin_event(&out, events, "refused");
	buf_append_str(&out, ",\"level\":\"info\"");
	for (size_t i = 0; i < REFUSALS; i++) {
		int64_t now = metric_values[refusals[i].metric];

		if (now == events->counted[i])
			continue;
		buf_append_format(&out, ",\"%s\":%lld", refusals[i].name,
				  (long long)(now - events->counted[i]));
		events->counted[i] = now;
		is_new = true;
	}
	if (is_new)
		end_event(&out, events);
	else
		buf_clear(&out);
}

/* --- its readers --- */

static void write_gap(struct conn *conn)
{
	(void)conn_write(conn,
			 &SPAN("data: {\"event\":\"stream.gap\","
			       "\"level\":\"warn\"}\n\n"),
			 1);
}

/* One turn may bring more than is kept. */
static void pass_lost(struct reader *reader)
{
	if (reader->sent + 1 >= reader->events->first)
		return;
	write_gap(reader->conn);
	reader->sent = reader->events->first - 1;
}

static void give_next(struct reader *reader)
{
	const struct share share =
		share_of(*place_of(reader->events, ++reader->sent));

	if (conn_queued_bytes(reader->conn) > MOST_QUEUED_BYTES)
		conn_close(reader->conn, "reads too slowly");
	else
		(void)conn_write_share(reader->conn, &share);
}

static void give(struct reader *reader)
{
	while (reader->sent < reader->events->last &&
	       conn_is_open(reader->conn)) {
		pass_lost(reader);
		give_next(reader);
	}
}

static void run_flush(struct loop_task *task)
{
	struct admin_events *events =
		container_of(task, struct admin_events, flush);

	for (struct reader *reader = events->readers; reader;
	     reader = reader->next)
		give(reader);
}

static size_t on_bytes(struct conn *conn, char *bytes, size_t len, void *arg)
{
	(void)conn;
	(void)bytes;
	(void)arg;
	return len;
}

static void on_close(struct conn *conn, const char *reason, void *arg)
{
	struct reader *reader = arg;
	struct admin_events *events = reader->events;

	(void)conn;
	log_debug("admin.events_end", log_str("reason", reason));
	if (reader->prev)
		reader->prev->next = reader->next;
	else
		events->readers = reader->next;
	if (reader->next)
		reader->next->prev = reader->prev;
	events->readers_count--;
	free(reader);
}

static const struct conn_ops reader_ops = {.on_bytes = on_bytes,
					   .on_close = on_close};

/* The number of the last event that a reader says it has. Returns false where
 * what came behind it is not kept any more, or was another process's. */
static bool read_last(const struct admin_events *events, struct span text,
		      uint64_t *number)
{
	char life[ID_CAP];
	struct span part;

	(void)snprintf(life, sizeof(life), "%llx",
		       (unsigned long long)events->life);
	return span_next_item(&text, '-', &part) &&
	       span_equal(part, span_from(life)) &&
	       !span_to_u64(text, events->last, number) &&
	       *number + 1 >= events->first;
}

/* Where a reader begins: behind what it has, with the last that it wants, or
 * with what comes. */
static bool find_start(const struct admin_ask *ask, uint64_t last,
		       uint64_t *start)
{
	const struct admin_events *events = ask->admin->events;
	const struct http_header *header =
		http_find(ask->request->head, SPAN("Last-Event-ID"));
	uint64_t kept = events->last + 1 - events->first;

	*start = events->last - (last < kept ? last : kept);
	if (!header)
		return true;
	if (read_last(events, header->value, start))
		return true;
	*start = events->first - 1;
	return false;
}

static void greet(struct reader *reader, bool has_gap)
{
	(void)conn_write(reader->conn, &SPAN("retry: 2000\n\n"), 1);
	if (has_gap)
		write_gap(reader->conn);
}

void admin_stream_events(const struct admin_ask *ask)
{
	struct admin_events *events = ask->admin->events;
	uint64_t last = 0, start;
	struct reader *reader;
	bool is_whole;

	if (!admin_read_number(ask, "last", 0, MOST_EVENTS, &last))
		return;
	if (ask->request->head->method == HTTP_HEAD) {
		web_reply(ask->exchange,
			  &(struct web_response){.status = 200,
						 .content_type =
							 "text/event-stream"});
		return;
	}
	if (events->readers_count >= MOST_READERS) {
		admin_refuse(ask, 503, "16 others read the events already");
		return;
	}
	reader = calloc(1, sizeof(*reader));
	if (!reader) {
		admin_refuse(ask, 503, "out of memory");
		return;
	}
	is_whole = find_start(ask, last, &start);
	reader->events = events;
	reader->sent = start;
	reader->conn = web_stream(ask->exchange, "text/event-stream");
	reader->next = events->readers;
	if (reader->next)
		reader->next->prev = reader;
	events->readers = reader;
	events->readers_count++;
	conn_set_ops(reader->conn, &reader_ops, reader);
	greet(reader, !is_whole);
	give(reader);
}

static void beat(struct admin_events *events)
{
	for (struct reader *reader = events->readers; reader;
	     reader = reader->next)
		(void)conn_write(reader->conn, &SPAN(":\n\n"), 1);
}

void admin_events_tick(struct admin_events *events)
{
	uint64_t now_ms = events->loop->clock.mono_ms;

	if (now_ms - events->counted_at_ms >= COUNTING_MS) {
		events->counted_at_ms = now_ms;
		count_refusals(events);
	}
	if (now_ms - events->beat_at_ms >= HEARTBEAT_MS) {
		events->beat_at_ms = now_ms;
		beat(events);
	}
}

/* --- beginning and end --- */

int admin_events_new(struct admin_events **eventsp, struct loop *loop)
{
	struct admin_events *events = calloc(1, sizeof(*events));

	if (!events)
		return -ENOMEM;
	events->loop = loop;
	events->flush.run = run_flush;
	events->first = 1;
	events->life = loop->clock.wall_ms;
	log_listen(on_line, events);
	*eventsp = events;
	return 0;
}

void admin_events_free(struct admin_events *events)
{
	if (!events)
		return;
	log_listen(NULL, NULL);
	loop_cancel(events->loop, &events->flush);
	while (events->first <= events->last)
		drop_oldest(events);
	free(events);
}
