/* pair.c: who numbers messages to whom: how far they were sent, and came. */
#include <errno.h>
#include <stdlib.h>

#include "hub/pair.h"

static struct span key_of(const struct pair *pair)
{
	return span_of(pair->key, sizeof(pair->key));
}

static struct pair *find(struct session *from, const struct hub_peer *to)
{
	const uint64_t key[2] = {from->owner->serial, to->serial};

	if (!from->last || from->last->to != to) {
		struct pair *pair =
			map_get(to->hub->pairs, span_of(key, sizeof(key)));

		if (!pair)
			return NULL;
		from->last = pair;
	}
	return from->last;
}

static void link_pair(struct pair *pair)
{
	struct session *from = pair->from;
	struct hub_peer *to = pair->to;

	pair->next_outgoing = from->outgoing;
	if (from->outgoing)
		from->outgoing->prev_outgoing = pair;
	from->outgoing = pair;
	pair->next_incoming = to->incoming;
	if (to->incoming)
		to->incoming->prev_incoming = pair;
	to->incoming = pair;
}

static struct pair *make(struct session *from, struct hub_peer *to)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return NULL;
	pair->key[0] = from->owner->serial;
	pair->key[1] = to->serial;
	pair->from = from;
	pair->to = to;
	if (map_put(to->hub->pairs, key_of(pair), pair)) {
		free(pair);
		return NULL;
	}
	link_pair(pair);
	from->last = pair;
	return pair;
}

static void unlink_due(struct pair *pair)
{
	struct pair **at = &pair->from->due;

	if (!pair->is_due)
		return;
	while (*at != pair)
		at = &(*at)->next_due;
	*at = pair->next_due;
	pair->is_due = false;
}

/* One end is gone: nobody finds it any more. */
static void detach(struct pair *pair)
{
	if (!pair->from || !pair->to)
		return;
	(void)map_remove(pair->to->hub->pairs, key_of(pair));
	unlink_due(pair);
	if (pair->from->last == pair)
		pair->from->last = NULL;
	if (pair->prev_outgoing)
		pair->prev_outgoing->next_outgoing = pair->next_outgoing;
	else
		pair->from->outgoing = pair->next_outgoing;
	if (pair->next_outgoing)
		pair->next_outgoing->prev_outgoing = pair->prev_outgoing;
	if (pair->prev_incoming)
		pair->prev_incoming->next_incoming = pair->next_incoming;
	else
		pair->to->incoming = pair->next_incoming;
	if (pair->next_incoming)
		pair->next_incoming->prev_incoming = pair->prev_incoming;
	pair->from = NULL;
	pair->to = NULL;
}

static void detach_or_free(struct pair *pair)
{
	detach(pair);
	if (!pair->receipts_count)
		free(pair);
}

void pair_forget_idle(struct session *from)
{
	struct pair *next;

	for (struct pair *pair = from->outgoing; pair; pair = next) {
		next = pair->next_outgoing;
		if (!pair->receipts_count && pair->to->session)
			detach_or_free(pair);
	}
}

void pair_end_outgoing(struct session *from)
{
	struct pair *next;

	for (struct pair *pair = from->outgoing; pair; pair = next) {
		next = pair->next_outgoing;
		detach_or_free(pair);
	}
}

/* One that is away sends it again when it is back, and hears of it then. */
static void tell_undelivered(const struct pair *pair, uint64_t n,
			     enum delivery why)
{
	const struct peer *from = &pair->from->owner->peer;

	if (from->arg)
		from->ops->undelivered(from, &pair->to->peer, n, why);
}

void pair_end_incoming(struct hub_peer *to, enum delivery why)
{
	struct pair *next;

	for (struct pair *pair = to->incoming; pair; pair = next) {
		next = pair->next_incoming;
		if (pair->sent > pair->acked)
			tell_undelivered(pair, pair->sent, why);
		detach_or_free(pair);
	}
}

/* --- acknowledgements --- */

static void set_due(struct pair *pair)
{
	struct session *from = pair->from;
	struct hub *hub = from->owner->hub;

	if (pair->is_due)
		return;
	pair->is_due = true;
	pair->next_due = from->due;
	from->due = pair;
	if (from->is_due)
		return;
	from->is_due = true;
	from->next_due = hub->due;
	if (!hub->due && hub->on_due)
		hub->on_due(hub->on_due_arg);
	hub->due = from;
}

/* Candidates without a description are given up by the dozen at most, one after
 * the other. */
#define REMEMBERED 64

static void note_undescribed(struct pair *pair, uint64_t n)
{
	uint64_t by = n - pair->undescribed;

	pair->undescribed_bits =
		by < REMEMBERED ? pair->undescribed_bits << by | 1 : 1;
	pair->undescribed = n;
}

static bool is_undescribed(const struct pair *pair, uint64_t n)
{
	uint64_t before = pair->undescribed - n;

	return n <= pair->undescribed && before < REMEMBERED &&
	       pair->undescribed_bits >> before & 1;
}

static void tell_again(struct pair *pair, uint64_t n)
{
	if (is_undescribed(pair, n))
		tell_undelivered(pair, n, UNDESCRIBED);
	else if (n <= pair->acked)
		set_due(pair);
}

int pair_take(struct session *from, struct hub_peer *to,
	      struct envelope *envelope)
{
	struct pair *pair = find(from, to);
	uint64_t sent = pair ? pair->sent : 0;

	if (pair && envelope->n <= sent) {
		tell_again(pair, envelope->n);
		return PAIR_REPEATED;
	}
	if (envelope->p > sent)
		return -ERANGE;
	if (!pair)
		pair = make(from, to);
	if (!pair)
		return -ENOMEM;
	envelope->receipt = (struct receipt){.pair = pair, .n = envelope->n};
	pair->receipts_count++;
	pair->sent_before = sent;
	pair->sent = envelope->n;
	return 0;
}

void pair_take_back(const struct envelope *envelope)
{
	struct pair *pair = envelope->receipt.pair;

	pair->receipts_count--;
	pair->sent = pair->sent_before;
}

/* Few are due at once: the list is looked through from its newest. */
#define MAX_LOOKED_THROUGH 4

uint64_t pair_take_due(struct session *from, const struct peer *to)
{
	struct pair *pair = from->due;

	for (int i = 0; pair && i < MAX_LOOKED_THROUGH;
	     i++, pair = pair->next_due) {
		if (&pair->to->peer != to)
			continue;
		unlink_due(pair);
		return pair->acked;
	}
	return 0;
}

void pair_put_due_back(struct session *from, const struct hub_peer *to)
{
	set_due(find(from, to));
}

void receipt_settle(const struct receipt *receipt, enum delivery outcome)
{
	struct pair *pair = receipt->pair;

	if (receipt->waiter)
		receipt->waiter->settle(receipt->waiter, outcome);
	if (!pair)
		return;
	pair->receipts_count--;
	if (!pair->from) {
		if (!pair->receipts_count)
			free(pair);
		return;
	}
	if (outcome == DELIVERED && receipt->n > pair->acked) {
		pair->acked = receipt->n;
		set_due(pair);
	}
	/* Of the others a sender hears when its receiver ends. */
	if (outcome == UNDESCRIBED) {
		note_undescribed(pair, receipt->n);
		tell_undelivered(pair, receipt->n, outcome);
	}
}
