/* early.c: candidates that would come before the description they belong to. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "dialect/visitor.h"

/* More candidates than that, or a longer wait, are no browser's. */
#define MAX_HELD 64
#define MAX_WAIT_MS 10000

struct held {
	struct held *next;
	struct receipt receipt;
	size_t len;
	char event[]; /* a JSON array */
};

/* One sender, as a visitor knows it. Its candidates wait until an offer or an
 * answer of its has passed; then they pass as they come. */
struct early {
	struct visitor *visitor;
	struct early *prev_waiting; /* those that hold some, the oldest first */
	struct early *next_waiting;
	uint64_t since_ms;
	struct held *first;
	struct held **end;
	unsigned count;
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

	early->since_ms = events->clock->mono_ms;
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

static void release_all(struct early *early)
{
	struct held *next;

	for (struct held *held = take_all(early); held; held = next) {
		const struct span event = span_of(held->event, held->len);

		next = held->next;
		if (sio_emit(early->visitor->socket,
			     &(struct sio_content){.parts = &event,
						   .parts_count = 1,
						   .receipt = &held->receipt}))
			receipt_settle(&held->receipt, GONE);
		free(held);
	}
}

bool early_is_described(const struct visitor *visitor, struct span from)
{
	const struct early *early = find(visitor, from);

	return early && early->is_described;
}

int early_hold(struct visitor *visitor, struct span from,
	       const struct sio_content *content)
{
	struct early *early = find_or_make(visitor, from);
	struct buf event = {0};
	struct held *held = NULL;

	if (early && early->count == MAX_HELD)
		return -ENOBUFS;
	for (size_t i = 0; i < content->parts_count; i++)
		buf_append_span(&event, content->parts[i]);
	if (early && !event.failed)
		held = calloc(1, sizeof(*held) + event.len);
	if (!held) {
		buf_clear(&event);
		return -ENOMEM;
	}
	memcpy(held->event, event.ptr, event.len);
	held->len = event.len;
	buf_clear(&event);
	if (content->receipt)
		held->receipt = *content->receipt;
	if (!early->first)
		link_waiting(early);
	*early->end = held;
	early->end = &held->next;
	early->count++;
	return 0;
}

void early_describe(struct visitor *visitor, struct span from)
{
	struct early *early = find_or_make(visitor, from);

	if (!early || early->is_described)
		return;
	early->is_described = true;
	release_all(early);
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

void events_tick(struct events *events)
{
	uint64_t now_ms = events->clock->mono_ms;

	while (events->first_early &&
	       now_ms - events->first_early->since_ms >= MAX_WAIT_MS) {
		struct early *early = events->first_early;

		log_debug("event.dropped",
			  log_str("id", sio_socket_id(early->visitor->socket)),
			  log_span("from", span_of(early->id, early->id_len)),
			  log_str("reason", "no description came before these "
					    "candidates"));
		drop_all(early, UNDESCRIBED);
	}
}
