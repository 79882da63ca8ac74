/* batch.c: receipts that are settled together: a description's, and those of
 * what waited for it. */
#include <stdlib.h>

#include "dialect/visitor.h"

/*
 * The receipts of a description, and of what waited for it: that was sent
 * before, and goes behind. They are settled in the order of sending, once the
 * last has come: nobody may conclude from the description that a candidate has.
 */
struct batch {
	struct waiter waiter; /* first: the waiter is the batch */
	size_t left;	      /* events on their way; filling it is one more */
	enum delivery outcome;
	size_t count;
	struct receipt receipts[];
};

void batch_close(struct batch *batch)
{
	if (--batch->left)
		return;
	for (size_t i = 0; i < batch->count; i++)
		receipt_settle(&batch->receipts[i], batch->outcome);
	free(batch);
}

static void settle(struct waiter *waiter, enum delivery outcome)
{
	struct batch *batch = (struct batch *)waiter;

	if (outcome != DELIVERED)
		batch->outcome = outcome;
	batch_close(batch);
}

struct batch *batch_new(size_t most)
{
	struct batch *batch =
		calloc(1, sizeof(*batch) + most * sizeof(*batch->receipts));

	if (!batch)
		return NULL;
	batch->waiter.settle = settle;
	batch->left = 1;
	return batch;
}

void batch_add(struct batch *batch, const struct receipt *receipt)
{
	if (receipt && !receipt_is_empty(receipt))
		batch->receipts[batch->count++] = *receipt;
}

/* Send an event that the batch waits for, if anybody does. */
int batch_emit(struct batch *batch, const struct visitor *visitor,
	       const struct sio_content *content)
{
	const struct receipt receipt = {.waiter = &batch->waiter};
	struct sio_content awaited = *content;
	int err;

	if (!content->receipt || receipt_is_empty(content->receipt))
		return sio_emit(visitor->socket, content);
	awaited.receipt = &receipt;
	batch->left++;
	err = sio_emit(visitor->socket, &awaited);
	if (err)
		batch->left--;
	return err;
}
