/* kicked.h: peers who must not come back, also after a restart. */
#ifndef SIGNALD_POLICY_KICKED_H
#define SIGNALD_POLICY_KICKED_H

#include "base/span.h"

#define KICKED_FILE "kicked"
#define KICKED_MAX_ID 96

struct kicked;

/*
 * Read DIR/FILE, leaving out what has expired.
 *
 * dir  "" for a list that lives as long as the process
 *
 * Returns 0, -ENOMEM, or what reading or writing the file gave.
 */
int kicked_new(struct kicked **kickedp, const char *dir, const char *file,
	       uint64_t now_s);
void kicked_free(struct kicked *kicked); /* takes NULL */

/*
 * Add an id of at most KICKED_MAX_ID bytes, none of them white space, until
 * then.
 *
 * Returns 0; -ENOMEM; -EINVAL for another id; or what writing gave: the id is
 * on the list then, though a restart would forgive it.
 */
int kicked_add(struct kicked *kicked, struct span id, uint64_t expires_at_s);

/*
 * Take out who has expired, of the file too: once the list has doubled since
 * the last time, so that calling it before every kicked_add() costs little.
 *
 * Returns 0, or what writing the file gave: it has those who expired too then.
 */
int kicked_sweep(struct kicked *kicked, uint64_t now_s);

bool kicked_has(const struct kicked *kicked, struct span id, uint64_t now_s);

/* Is it an id that kicked_add() takes? */
bool kicked_is_id(struct span id);

size_t kicked_count(const struct kicked *kicked);

/*
 * Walk through all, the expired ones too, in no particular order: start with
 * *at = 0. Nothing may be added meanwhile; where one is forgotten, others may
 * be missed.
 *
 * Returns false at the end.
 */
bool kicked_next(const struct kicked *kicked, size_t *at, struct span *id,
		 uint64_t *expires_at_s);

/* Take an id off the list, though not out of the file: a restart finds it there
 * until it has expired. */
void kicked_forget(struct kicked *kicked, struct span id);

#endif
