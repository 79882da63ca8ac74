/* early.c: candidates that would come before the description they belong to. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "dialect/visitor.h"

/* More candidates than that, or a longer wait, are no browser's: each has some
 * 200 bytes. All that is held is sent at once, beside what else the page gets.
 */
#define MAX_HELD 64
#define MAX_HELD_BYTES 65536
#define MAX_WAIT_MS 10000

struct held {
	struct held *next;
	struct receipt receipt;
	bool is_candidate;
	size_t len;   /* 0: an end of candidates, which is not passed on */
	char event[]; /* a JSON array */
};

/* One sender, as a visitor knows it. Its candidates wait until an offer or an
 * answer of its has passed; then they pass as they come. What it numbers waits
 * behind them: its acknowledgements are cumulative. */
struct early {
	struct visitor *visitor;
	struct early *prev_waiting; /* those that hold some, the oldest first */
	struct early *next_waiting;
	uint64_t since_ms;
	struct held *first;
	struct held **end;
	unsigned count;
	size_t bytes;
	bool is_described;
	size_t id_len;
	char id[];
};

static struct early *find(const struct visitor *visitor, struct span id)
{
	return visitor->early ? map_get(visitor->early, id) : NULL;
}

static struct early *find_or_make(struct visitor *visitor, struct span id)
{
	struct early *early = find(visitor, id);

	if (early)
		return early;
	if (!visitor->early)
		visitor->early = map_new();
	early = visitor->early ? calloc(1, sizeof(*early) + id.len) : NULL;
	if (!early)
		return NULL;
	early->visitor = visitor;
	early->end = &early->first;
	early->id_len = id.len;
	memcpy(early->id, id.ptr, id.len);
	if (!map_put(visitor->early, span_of(early->id, id.len), early))
		return early;
	free(early);
	return NULL;
}

static void link_waiting(struct early *early)
{
	struct events *events = early->visitor->space->events;

	early->since_ms = events->loop->clock.mono_ms;
	early->prev_waiting = events->last_early;
	early->next_waiting = NULL;
	if (events->last_early)
		events->last_early->next_waiting = early;
	else
		events->first_early = early;
	events->last_early = early;
}

static void unlink_waiting(struct early *early)
{
	struct events *events = early->visitor->space->events;

	if (early->prev_waiting)
		early->prev_waiting->next_waiting = early->next_waiting;
	else
		events->first_early = early->next_waiting;
	if (early->next_waiting)
		early->next_waiting->prev_waiting = early->prev_waiting;
	else
		events->last_early = early->prev_waiting;
}

/* Take out everything it holds; it is not waiting any more. */
static struct held *take_all(struct early *early)
{
	struct held *all = early->first;

	if (all)
		unlink_waiting(early);
	early->first = NULL;
	early->end = &early->first;
	early->count = 0;
	early->bytes = 0;
	return all;
}

static void drop_all(struct early *early, enum delivery why)
{
	struct held *next;

	for (struct held *held = take_all(early); held; held = next) {
		next = held->next;
		receipt_settle(&held->receipt, why);
		free(held);
	}
}

/* --- descriptions --- */

static int emit_held(struct batch *batch, const struct visitor *visitor,
		     const struct held *held)
{
	const struct span event = span_of(held->event, held->len);

	return held->len ? batch_emit(batch, visitor,
				      &(struct sio_content){
					      .parts = &event,
					      .parts_count = 1,
					      .receipt = &held->receipt,
				      })
			 : 0;
}

/* It will not come, though the receiver may stay. */
static void refuse(const struct held *held, int err)
{
	receipt_settle(&held->receipt, err == -EPIPE ? GONE : UNDESCRIBED);
}

static void release_all(struct early *early, struct batch *batch)
{
	struct held *next;

	for (struct held *held = take_all(early); held; held = next) {
		int err = emit_held(batch, early->visitor, held);

		next = held->next;
		if (err)
			refuse(held, err);
		else
			batch_add(batch, &held->receipt);
		free(held);
	}
}

/* description  NULL: it has been sent */
static int describe_waiting(struct early *early,
			    const struct sio_content *description)
{
	struct batch *batch = batch_new(early->count + 1);
	int err = 0;

	if (!batch)
		return -ENOMEM;
	if (description)
		err = batch_emit(batch, early->visitor, description);
	if (!err) {
		early->is_described = true;
		release_all(early, batch);
		batch_add(batch, description ? description->receipt : NULL);
	}
	batch_close(batch);
	return err;
}

int early_describe(struct visitor *visitor, struct span from,
		   const struct sio_content *description)
{
	struct early *early = find_or_make(visitor, from);
	int err;

	if (early && early->first)
		return describe_waiting(early, description);
	err = sio_emit(visitor->socket, description);
	if (early && !err)
		early->is_described = true;
	return err;
}

int early_release(struct visitor *visitor, struct span from)
{
	struct early *early = find_or_make(visitor, from);

	if (early && early->first)
		return describe_waiting(early, NULL);
	if (early)
		early->is_described = true;
	return 0;
}

/* --- what waits --- */

bool early_is_described(const struct visitor *visitor, struct span from)
{
	const struct early *early = find(visitor, from);

	return early && early->is_described;
}

bool early_is_waiting(const struct visitor *visitor, struct span from)
{
	const struct early *early = find(visitor, from);

	return early && early->first;
}

static struct held *held_new(const struct sio_content *content, size_t len)
{
	struct held *held = calloc(1, sizeof(*held) + len);

	if (!held)
		return NULL;
	held->len = len;
	spans_copy(held->event, content->parts, content->parts_count);
	return held;
}

int early_hold(struct visitor *visitor, const struct envelope *envelope,
	       const struct sio_content *content)
{
	size_t len = spans_len(content->parts, content->parts_count);
	struct early *early =
		find_or_make(visitor, span_from(envelope->from->id));
	struct held *held;

	if (early &&
	    (early->count == MAX_HELD || len > MAX_HELD_BYTES - early->bytes))
		return -ENOBUFS;
	held = early ? held_new(content, len) : NULL;
	if (!held)
		return -ENOMEM;
	held->is_candidate = envelope->kind == ENVELOPE_CANDIDATE;
	held->receipt = envelope->receipt;
	if (!early->first)
		link_waiting(early);
	*early->end = held;
	early->end = &held->next;
	early->count++;
	early->bytes += len;
	return 0;
}

void early_forget(struct visitor *visitor, struct span from)
{
	struct early *early =
		visitor->early ? map_remove(visitor->early, from) : NULL;

	if (!early)
		return;
	drop_all(early, GONE);
	free(early);
}

void early_free(struct visitor *visitor)
{
	struct early *early;
	size_t at = 0;

	if (!visitor->early)
		return;
	while ((early = map_next(visitor->early, &at)) != NULL) {
		drop_all(early, GONE);
		free(early);
	}
	map_free(visitor->early);
	visitor->early = NULL;
}

/* --- time --- */

/* Candidates are given up; what waited behind them goes. */
static void expire_one(const struct visitor *visitor, const struct held *held)
{
	const struct span event = span_of(held->event, held->len);
	int err;

	if (held->is_candidate) {
		receipt_settle(&held->receipt, UNDESCRIBED);
		return;
	}
	err = sio_emit(visitor->socket, &(struct sio_content){
						.parts = &event,
						.parts_count = 1,
						.receipt = &held->receipt,
					});
	if (err)
		refuse(held, err);
}

static void expire(struct early *early)
{
	struct visitor *visitor = early->visitor;
	struct held *next;

	log_debug("event.dropped",
		  log_str("id", sio_socket_id(visitor->socket)),
		  log_span("from", span_of(early->id, early->id_len)),
		  log_str("reason",
			  "no description came before these candidates"));
	for (struct held *held = take_all(early); held; held = next) {
		next = held->next;
		expire_one(visitor, held);
		free(held);
	}
	(void)map_remove(visitor->early, span_of(early->id, early->id_len));
	free(early);
}

void events_tick(struct events *events)
{
	uint64_t now_ms = events->loop->clock.mono_ms;
	struct early *next;

	for (struct early *early = events->first_early;
	     early && now_ms - early->since_ms >= MAX_WAIT_MS; early = next) {
		next = early->next_waiting;
		expire(early);
	}
}
