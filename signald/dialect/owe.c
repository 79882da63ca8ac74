/* owe.c: acknowledgements that are given when what they are for has come. */
#include <stdlib.h>

#include "dialect/visitor.h"

/* One event's acknowledgement, and how many of those it went to are waited
 * for; the run of its rule counts as one of them. */
struct owed {
	struct waiter waiter; /* first: the waiter is the debt */
	struct events *events;
	char asker[SIO_ID_CAP];
	uint64_t asker_id;
	size_t left;
	bool is_void; /* somebody will not get it */
	struct buf content;
};

/* Who asked may have gone. */
static void answer(const struct owed *owed)
{
	const struct visitor *asker =
		map_get(owed->events->visitors, span_from(owed->asker));
	const struct span content = buf_span(&owed->content);

	if (asker)
		(void)sio_answer(asker->socket, owed->asker_id,
				 &(struct sio_content){.parts = &content,
						       .parts_count = 1});
}

static void pay(struct owed *owed)
{
	if (--owed->left)
		return;
	/* What did not come is not acknowledged: its sender tries again, or
	 * its time runs out. */
	if (!owed->is_void && owed->content.len && !owed->content.failed)
		answer(owed);
	buf_clear(&owed->content);
	free(owed);
}

static void settle(struct waiter *waiter, enum delivery outcome)
{
	struct owed *owed = (struct owed *)waiter;

	if (outcome != DELIVERED)
		owed->is_void = true;
	pay(owed);
}

struct owed *owed_new(const struct visitor *visitor, uint64_t asker_id)
{
	struct owed *owed = calloc(1, sizeof(*owed));

	if (!owed)
		return NULL;
	owed->waiter.settle = settle;
	owed->events = visitor->space->events;
	owed->asker_id = asker_id;
	owed->left = 1;
	(void)span_copy(span_from(sio_socket_id(visitor->socket)), owed->asker,
			sizeof(owed->asker));
	return owed;
}

struct waiter *owed_await(struct owed *owed)
{
	owed->left++;
	return &owed->waiter;
}

void owed_take_back(struct owed *owed)
{
	owed->left--;
}

void owed_promise(struct owed *owed, const struct sio_content *content)
{
	for (size_t i = 0; i < content->parts_count; i++)
		buf_append_span(&owed->content, content->parts[i]);
	pay(owed);
}
