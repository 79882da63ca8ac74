/* relaying.h: who holds allocations at one TURN server, as it lists them now
 * and then. */
#ifndef SIGNALD_TURN_RELAYING_H
#define SIGNALD_TURN_RELAYING_H

#include "base/span.h"

struct relaying;

/* NULL when memory ran out; free takes NULL. */
struct relaying *relaying_new(void);
void relaying_free(struct relaying *relaying);

/* A list begins, whatever became of one before it. */
void relaying_begin(struct relaying *relaying);

/* A line of it: so many allocations of that user, who may have more lines.
 * Beyond 65,536 users, and without memory, the user is left out, and the
 * allocations are counted still. */
void relaying_note(struct relaying *relaying, struct span user,
		   uint64_t allocations);

/*
 * The list is whole.
 *
 * on_change  hears of every user who has another number than in the list
 *            before; of nobody at the first one
 */
void relaying_end(struct relaying *relaying,
		  void (*on_change)(struct span user, uint64_t before,
				    uint64_t now, void *arg),
		  void *arg);

/* Of the last whole list, which there may not have been. */
bool relaying_is_known(const struct relaying *relaying);
uint64_t relaying_allocations(const struct relaying *relaying);
uint64_t relaying_of(const struct relaying *relaying, struct span user);

/* Walk through its users, as map_next() does. Returns false at the end. */
bool relaying_next(const struct relaying *relaying, size_t *at,
		   struct span *user);

#endif
