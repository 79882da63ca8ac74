/* relaying.c: who holds allocations at one TURN server. */
#include <stdlib.h>

#include "base/map.h"
#include "turn/relaying.h"

#define MAX_HOLDERS 65536

struct holder {
	uint64_t allocations;
	struct span user; /* the bytes lie behind the struct */
};

struct listing {
	struct map *holders; /* user -> struct holder */
	uint64_t allocations;
};

struct relaying {
	struct listing last; /* the one that is whole */
	struct listing next; /* the one that is being read */
	bool is_known;
};

static void forget(struct listing *listing)
{
	struct holder *holder;
	size_t at = 0;

	listing->allocations = 0;
	if (!listing->holders)
		return;
	/* Where something is removed, others may be missed. */
	while (map_count(listing->holders)) {
		at = 0;
		while ((holder = map_next(listing->holders, &at)) != NULL) {
			(void)map_remove(listing->holders, holder->user);
			free(holder);
		}
	}
}

struct relaying *relaying_new(void)
{
	struct relaying *relaying = calloc(1, sizeof(*relaying));

	if (!relaying)
		return NULL;
	relaying->last.holders = map_new();
	relaying->next.holders = map_new();
	if (relaying->last.holders && relaying->next.holders)
		return relaying;
	relaying_free(relaying);
	return NULL;
}

void relaying_free(struct relaying *relaying)
{
	if (!relaying)
		return;
	forget(&relaying->last);
	forget(&relaying->next);
	map_free(relaying->last.holders);
	map_free(relaying->next.holders);
	free(relaying);
}

void relaying_begin(struct relaying *relaying)
{
	forget(&relaying->next);
}

static struct holder *find_or_make(struct listing *listing, struct span user)
{
	struct holder *holder = map_get(listing->holders, user);

	if (holder || map_count(listing->holders) >= MAX_HOLDERS)
		return holder;
	holder = calloc(1, sizeof(*holder) + user.len + 1);
	if (!holder)
		return NULL;
	memcpy(holder + 1, user.ptr, user.len);
	holder->user = span_of((const char *)(holder + 1), user.len);
	if (!map_put(listing->holders, holder->user, holder))
		return holder;
	free(holder);
	return NULL;
}

void relaying_note(struct relaying *relaying, struct span user,
		   uint64_t allocations)
{
	struct listing *next = &relaying->next;
	struct holder *holder = find_or_make(next, user);

	next->allocations += allocations;
	if (holder)
		holder->allocations += allocations;
}

static uint64_t count_of(const struct listing *listing, struct span user)
{
	const struct holder *holder = map_get(listing->holders, user);

	return holder ? holder->allocations : 0;
}

void relaying_end(struct relaying *relaying,
		  void (*on_change)(struct span user, uint64_t before,
				    uint64_t now, void *arg),
		  void *arg)
{
	struct listing last = relaying->last;
	bool was_known = relaying->is_known;
	const struct holder *holder;
	size_t at = 0;

	relaying->last = relaying->next;
	relaying->next = last;
	relaying->is_known = true;
	while (was_known &&
	       (holder = map_next(relaying->last.holders, &at)) != NULL) {
		uint64_t before = count_of(&last, holder->user);

		if (before != holder->allocations)
			on_change(holder->user, before, holder->allocations,
				  arg);
	}
	at = 0;
	while (was_known && (holder = map_next(last.holders, &at)) != NULL)
		if (!map_get(relaying->last.holders, holder->user))
			on_change(holder->user, holder->allocations, 0, arg);
	forget(&relaying->next);
}

bool relaying_is_known(const struct relaying *relaying)
{
	return relaying->is_known;
}

uint64_t relaying_allocations(const struct relaying *relaying)
{
	return relaying->last.allocations;
}

uint64_t relaying_of(const struct relaying *relaying, struct span user)
{
	return count_of(&relaying->last, user);
}

bool relaying_next(const struct relaying *relaying, size_t *at,
		   struct span *user)
{
	const struct holder *holder = map_next(relaying->last.holders, at);

	if (!holder)
		return false;
	*user = holder->user;
	return true;
}
