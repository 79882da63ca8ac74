/* replay.c: the events kept for a socket that may be cut off (state recovery).
 */
#include <stdlib.h>

#include "socketio/replay.h"

struct entry {
	struct entry *next;
	uint64_t number;
	size_t bytes;
	struct blob *packet;
	unsigned attachments_count;
	struct blob *attachments[];
};

struct replay {
	struct entry *first;
	struct entry *last;
	uint64_t next;	/* number of the next event */
	uint64_t begin; /* everything from this number on is kept */
	size_t bytes;
};

struct replay *replay_new(void)
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (!replay)
		return NULL;
	replay->next = 1;
	replay->begin = 1;
	return replay;
}

static void free_entry(struct entry *entry)
{
	for (unsigned i = 0; i < entry->attachments_count; i++)
		blob_unref(entry->attachments[i]);
	blob_unref(entry->packet);
	free(entry);
}

static void drop_first(struct replay *replay)
{
	struct entry *entry = replay->first;

	replay->first = entry->next;
	if (!replay->first)
		replay->last = NULL;
	replay->begin = entry->number + 1;
	replay->bytes -= entry->bytes;
	free_entry(entry);
}

void replay_free(struct replay *replay)
{
	if (!replay)
		return;
	while (replay->first)
		drop_first(replay);
	free(replay);
}

uint64_t replay_next(const struct replay *replay)
{
	return replay->next;
}

/* Returns NULL when memory ran out. */
static struct entry *new_entry(const struct span *parts, size_t parts_count,
			       const struct span *attachments,
			       unsigned attachments_count)
{
	struct entry *entry = calloc(
		1, sizeof(*entry) + attachments_count * sizeof(struct blob *));

	if (!entry)
		return NULL;
	entry->attachments_count = attachments_count;
	entry->packet = blob_new(parts, parts_count);
	entry->bytes =
		sizeof(*entry) + (entry->packet ? entry->packet->len : 0);
	for (unsigned i = 0; i < attachments_count; i++) {
		entry->attachments[i] = blob_new(&attachments[i], 1);
		entry->bytes += attachments[i].len;
		if (!entry->attachments[i])
			goto fail;
	}
	if (entry->packet)
		return entry;

fail:
	free_entry(entry);
	return NULL;
}

void replay_keep(struct replay *replay, const struct span *parts,
		 size_t parts_count, const struct span *attachments,
		 unsigned attachments_count, size_t max_bytes)
{
	struct entry *entry =
		new_entry(parts, parts_count, attachments, attachments_count);

	if (!entry) {
		while (replay->first)
			drop_first(replay);
		replay->begin = ++replay->next;
		return;
	}
	entry->number = replay->next++;
	if (replay->last)
		replay->last->next = entry;
	else
		replay->first = entry;
	replay->last = entry;
	replay->bytes += entry->bytes;
	while (replay->first && replay->bytes > max_bytes)
		drop_first(replay);
}

void replay_forget(struct replay *replay, uint64_t number)
{
	while (replay->first && replay->first->number <= number)
		drop_first(replay);
}

bool replay_reaches(const struct replay *replay, uint64_t number)
{
	return number < replay->next && number + 1 >= replay->begin;
}

void replay_each(const struct replay *replay, uint64_t after,
		 void (*each)(struct span packet,
			      struct blob *const *attachments,
			      unsigned attachments_count, void *arg),
		 void *arg)
{
	for (const struct entry *entry = replay->first; entry;
	     entry = entry->next)
		if (entry->number > after)
			each(span_of(entry->packet->bytes, entry->packet->len),
			     entry->attachments, entry->attachments_count, arg);
}
