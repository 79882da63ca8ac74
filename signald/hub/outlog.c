/* outlog.c: what was sent to one receiver and is not acknowledged yet. */
#include <errno.h>
#include <stdlib.h>

#include "hub/outlog.h"

#define MIN_CAP 4
/* An empty log gives back a ring that has grown beyond this. */
#define KEPT_CAP 16

struct outlog_entry {
	uint64_t sn;
	struct share frame; /* with a reference; its blob may be NULL */
	size_t cost;	    /* of its bytes in memory */
	struct receipt receipt;
};

static struct outlog_entry *entry_at(const struct outlog *log, uint32_t i)
{
	return &log->entries[(log->first + i) & (log->cap - 1)];
}

static int grow(struct outlog *log)
{
	uint32_t cap = log->cap ? log->cap * 2 : MIN_CAP;
	struct outlog_entry *entries = calloc(cap, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	for (uint32_t i = 0; i < log->len; i++)
		entries[i] = *entry_at(log, i);
	free(log->entries);
	log->entries = entries;
	log->cap = cap;
	log->first = 0;
	return 0;
}

static bool is_full(const struct outlog *log,
		    const struct outlog_limits *limits, size_t cost)
{
	if (!log->len)
		return false;
	return log->len >= limits->max_messages ||
	       log->bytes > limits->max_bytes ||
	       limits->max_bytes - log->bytes < cost;
}

int outlog_reserve(struct outlog *log)
{
	return log->len == log->cap ? grow(log) : 0;
}

/* There is room for it, at the position log->sent. The log takes the frame's
 * reference over. */
static void append(struct outlog *log, const struct share *frame, size_t cost,
		   const struct receipt *receipt)
{
	struct outlog_entry *entry = entry_at(log, log->len++);

	entry->sn = log->sent;
	entry->frame = *frame;
	entry->cost = cost;
	entry->receipt = receipt ? *receipt : (struct receipt){0};
	log->bytes += cost;
}

static size_t cost_of(const struct blob *frame)
{
	return frame ? frame->len : 0;
}

static int add(struct outlog *log, struct blob *frame,
	       const struct receipt *receipt)
{
	struct share share = {0};

	if (outlog_reserve(log))
		return -ENOMEM;
	if (frame)
		share = share_of(blob_ref(frame));
	log->sent++;
	append(log, &share, share.len, receipt);
	return 0;
}

int outlog_add(struct outlog *log, const struct outlog_limits *limits,
	       struct blob *frame, const struct receipt *receipt)
{
	if (is_full(log, limits, cost_of(frame)))
		return -ENOBUFS;
	return add(log, frame, receipt);
}

int outlog_write(struct outlog *log, const struct outlog_limits *limits,
		 const struct span *parts, size_t parts_count,
		 const struct receipt *receipt, struct share *frame)
{
	size_t cost = shelf_cost(&log->shelf, spans_len(parts, parts_count));

	if (is_full(log, limits, cost))
		return -ENOBUFS;
	if (outlog_reserve(log) ||
	    shelf_put(&log->shelf, parts, parts_count, frame))
		return -ENOMEM;
	log->sent++;
	append(log, frame, cost, receipt);
	return 0;
}

/* Take the first entry out; its receipt is the caller's to settle. */
static struct receipt drop_first(struct outlog *log)
{
	struct outlog_entry *entry = entry_at(log, 0);

	log->bytes -= entry->cost;
	shelf_take(&log->shelf, &entry->frame);
	log->first++;
	log->len--;
	if (log->bare_count)
		log->bare_count--;
	return entry->receipt;
}

/* The oldest frame goes; its receipt stays. */
static void give_up_frame(struct outlog *log)
{
	struct outlog_entry *entry = entry_at(log, log->bare_count++);

	log->bytes -= entry->cost;
	shelf_take(&log->shelf, &entry->frame);
	entry->frame = (struct share){0};
	entry->cost = 0;
	if (entry->sn > log->begin)
		log->begin = entry->sn;
}

/* Entries at the beginning that nobody needs any more. */
static void drop_useless(struct outlog *log)
{
	while (log->bare_count && receipt_is_empty(&entry_at(log, 0)->receipt))
		(void)drop_first(log);
}

/* Returns 0, or -ENOBUFS where a receipt is in the way. */
static int make_room(struct outlog *log, const struct outlog_limits *limits,
		     size_t cost)
{
	while (is_full(log, limits, cost)) {
		if (log->len >= limits->max_messages &&
		    !receipt_is_empty(&entry_at(log, 0)->receipt))
			return -ENOBUFS;
		/* Receipts have no bytes: one message fits beside them. */
		if (log->bare_count == log->len)
			break;
		give_up_frame(log);
		drop_useless(log);
	}
	return 0;
}

int outlog_push(struct outlog *log, const struct outlog_limits *limits,
		struct blob *frame, const struct receipt *receipt)
{
	int err = make_room(log, limits, cost_of(frame));

	return err ? err : add(log, frame, receipt);
}

int outlog_await(struct outlog *log, const struct outlog_limits *limits,
		 const struct receipt *receipt)
{
	int err = make_room(log, limits, 0);

	if (!err)
		err = outlog_reserve(log);
	if (!err)
		append(log, &(struct share){0}, 0, receipt);
	return err;
}

void outlog_pass(struct outlog *log)
{
	log->begin = ++log->sent;
}

static void free_ring(struct outlog *log)
{
	free(log->entries);
	log->entries = NULL;
	log->cap = 0;
	log->first = 0;
}

void outlog_ack(struct outlog *log, uint64_t sn)
{
	if (sn > log->sent)
		sn = log->sent;
	while (log->len && entry_at(log, 0)->sn <= sn) {
		struct receipt receipt = drop_first(log);

		receipt_settle(&receipt, DELIVERED);
	}
	if (sn > log->begin)
		log->begin = sn;
	if (log->len)
		return;
	shelf_close(&log->shelf);
	if (log->cap > KEPT_CAP)
		free_ring(log);
}

bool outlog_reaches(const struct outlog *log, uint64_t sn)
{
	return log->begin <= sn && sn <= log->sent;
}

void outlog_each(const struct outlog *log,
		 void (*each)(const struct share *frame, void *arg), void *arg)
{
	for (uint32_t i = log->bare_count; i < log->len; i++)
		each(&entry_at(log, i)->frame, arg);
}

void outlog_clear(struct outlog *log, enum delivery why)
{
	while (log->len) {
		struct receipt receipt = drop_first(log);

		receipt_settle(&receipt, why);
	}
	free_ring(log);
	shelf_close(&log->shelf);
	*log = (struct outlog){.shelf.pool = log->shelf.pool};
}
