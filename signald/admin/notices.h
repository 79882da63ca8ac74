/* notices.h: what happens to rooms and peers, told to webhooks.url. */
#ifndef SIGNALD_ADMIN_NOTICES_H
#define SIGNALD_ADMIN_NOTICES_H

#include "access/access.h"
#include "hub/hub.h"
#include "turn/relay_admin.h"

/*
 * Events are numbered and go to the spool in state.dir at the end of the turn
 * in which they happen, before anybody else can know of them; the courier
 * brings them from there. docs/webhooks.md tells their forms.
 */
struct notices;

/* Whom they hear from: these must end before the notices do, or be silent from
 * then on. */
struct notices_sources {
	struct hub *hub;
	struct access *access;
	struct relay_admin *relay_admin;
};

/* All borrowed. Returns 0, or a negative errno: the spool cannot be opened. */
int notices_new(struct notices **noticesp, struct loop *loop,
		const struct notices_sources *sources);

/* What was not told stays in the spool. Takes NULL. */
void notices_free(struct notices *notices);

/* The loop has another configuration. A spool that cannot be opened now is
 * logged, and nothing is told. */
void notices_configure(struct notices *notices);

/* Called every 100 ms or so. */
void notices_tick(struct notices *notices);

/* Which numbers are given, and the last of them; NULL where nothing is told. */
const char *notices_stream(const struct notices *notices, uint64_t *last);

/* A peer as webhooks and the snapshot show it. */
void notices_write_peer(struct buf *out, const struct peer *peer);

#endif
