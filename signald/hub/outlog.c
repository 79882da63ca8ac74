/* outlog.c: what was sent to one receiver and is not acknowledged yet. */
#include <errno.h>
#include <stdlib.h>

#include "hub/outlog.h"

#define MIN_CAP 4
/* An empty log gives back a ring that has grown beyond this. */
#define KEPT_CAP 16

struct outlog_entry {
	uint64_t sn;
	struct blob *frame;
	size_t bytes; /* the frame's: it has left the cache meanwhile */
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
		    const struct outlog_limits *limits, size_t bytes)
{
	if (!log->len)
		return false;
	return log->len >= limits->max_messages ||
	       log->bytes > limits->max_bytes ||
	       limits->max_bytes - log->bytes < bytes;
}

static size_t bytes_of(const struct blob *frame)
{
	return frame ? frame->len : 0;
}

static int append(struct outlog *log, struct blob *frame,
		  const struct receipt *receipt)
{
	struct outlog_entry *entry;

	if (log->len == log->cap && grow(log))
		return -ENOMEM;
	entry = entry_at(log, log->len++);
	entry->sn = ++log->sent;
	entry->frame = frame ? blob_ref(frame) : NULL;
	entry->bytes = bytes_of(frame);
	entry->receipt = receipt ? *receipt : (struct receipt){0};
	log->bytes += bytes_of(frame);
	return 0;
}

int outlog_add(struct outlog *log, const struct outlog_limits *limits,
	       struct blob *frame, const struct receipt *receipt)
{
	if (is_full(log, limits, bytes_of(frame)))
		return -ENOBUFS;
	return append(log, frame, receipt);
}

/* Take the first entry out; its receipt is the caller's to settle. */
static struct receipt drop_first(struct outlog *log)
{
	struct outlog_entry *entry = entry_at(log, 0);

	log->bytes -= entry->bytes;
	blob_unref(entry->frame);
	log->first++;
	log->len--;
	/* Where one message is acknowledged the next is soon. */
	if (log->len)
		__builtin_prefetch(entry_at(log, 0)->frame, 1);
	if (log->bare_count)
		log->bare_count--;
	return entry->receipt;
}

/* The oldest frame goes; its receipt stays. */
static void give_up_frame(struct outlog *log)
{
	struct outlog_entry *entry = entry_at(log, log->bare_count++);

	log->bytes -= entry->bytes;
	blob_unref(entry->frame);
	entry->frame = NULL;
	entry->bytes = 0;
	if (entry->sn > log->begin)
		log->begin = entry->sn;
}

/* Entries at the beginning that nobody needs any more. */
static void drop_useless(struct outlog *log)
{
	while (log->bare_count && receipt_is_empty(&entry_at(log, 0)->receipt))
		(void)drop_first(log);
}

int outlog_push(struct outlog *log, const struct outlog_limits *limits,
		struct blob *frame, const struct receipt *receipt)
{
	while (is_full(log, limits, bytes_of(frame))) {
		if (log->len >= limits->max_messages &&
		    !receipt_is_empty(&entry_at(log, 0)->receipt))
			return -ENOBUFS;
		/* Receipts have no bytes: one message fits beside them. */
		if (log->bare_count == log->len)
			break;
		give_up_frame(log);
		drop_useless(log);
	}
	return append(log, frame, receipt);
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
	if (!log->len && log->cap > KEPT_CAP)
		free_ring(log);
}

bool outlog_reaches(const struct outlog *log, uint64_t sn)
{
	return log->begin <= sn && sn <= log->sent;
}

void outlog_each(const struct outlog *log,
		 void (*each)(struct blob *frame, void *arg), void *arg)
{
	for (uint32_t i = log->bare_count; i < log->len; i++)
		each(entry_at(log, i)->frame, arg);
}

void outlog_clear(struct outlog *log, enum delivery why)
{
	while (log->len) {
		struct receipt receipt = drop_first(log);

		receipt_settle(&receipt, why);
	}
	free_ring(log);
	*log = (struct outlog){0};
}
