/*
 * session_rig.h: a hub on a clock that a test moves, and transports that write
 * down what came over them.
 *
 * A line is one transport, as a dialect has it: what is numbered is kept by the
 * hub before it is written, and a line whose peer was taken over or expelled
 * must never hear of it again. A line without a session keeps the receipts of
 * what it was sent, and prove() is the pong that settles them.
 */
#ifndef SIGNALD_TESTS_SESSION_RIG_H
#define SIGNALD_TESTS_SESSION_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "fail_alloc.h"
#include "hub/hub_peer.h"
#include "hub/session.h"
#include "policy/metric.h"

#define MAX_HEARD 64
#define WINDOW_MS 30000
#define ABSENT_MS 5000
#define MAX_KEPT 8 /* messages in one log */

/* A message or an event, as its receiver reads it. */
struct heard {
	enum envelope_kind kind;
	char from[16]; /* or about */
	uint64_t fi;
	uint64_t n;
	uint64_t p;
	uint64_t acked;
	enum hub_leave_reason reason;
	bool was_absent;
	bool is_restart;
	char payload[16];
};

/* What a sender was told of its messages to another. */
struct told {
	char about[16];
	uint64_t n;
	enum delivery outcome;
};

struct line {
	struct peer *peer;
	struct heard messages[MAX_HEARD];
	size_t messages_count;
	struct heard events[MAX_HEARD];
	size_t events_count;
	struct told acks[MAX_HEARD];
	size_t acks_count;
	struct told losses[MAX_HEARD];
	size_t losses_count;
	struct outlog unproved;
	bool is_detached;
	enum hub_detach why;
	char expelled_for[16];
};

static struct hub *hub;
static char refuse[] = "refuse";
static struct config config;
static struct clock now;
static size_t due_count; /* calls of the hub's on_due */
static int64_t away_before;

/* The transports of a test, the second ones for who comes back. */
static struct line ada, bob, eve, ada_again, bob_again, ada_third;
static struct line *const lines[] = {&ada,	 &bob,	     &eve,
				     &ada_again, &bob_again, &ada_third};

/* --- the dialect of these lines --- */

static void copy_id(const struct peer *peer, char out[16])
{
	out[0] = '\0';
	if (peer)
		(void)snprintf(out, 16, "%s", peer->id);
}

static struct heard hear(const struct envelope *envelope)
{
	struct heard heard = {
		.kind = envelope->kind,
		.fi = envelope->from ? envelope->from->inst : 0,
		.n = envelope->is_numbered ? envelope->n : 0,
		.p = envelope->p,
		.acked = envelope->acked,
		.reason = envelope->reason,
		.was_absent = envelope->was_absent,
		.is_restart = envelope->is_restart,
	};

	copy_id(envelope->from, heard.from);
	(void)span_copy(envelope->payload, heard.payload,
			sizeof(heard.payload));
	return heard;
}

static void write_message(struct line *line, const struct heard *heard)
{
	assert_false(line->is_detached);
	assert_true(line->messages_count < MAX_HEARD);
	line->messages[line->messages_count++] = *heard;
}

static int deliver_plain(struct line *line, const struct envelope *envelope)
{
	const struct outlog_limits most = {SIZE_MAX, MAX_KEPT};

	if (receipt_is_empty(&envelope->receipt))
		return 0;
	return outlog_add(&line->unproved, &most, NULL, &envelope->receipt);
}

static int deliver_kept(const struct peer *to, const struct envelope *envelope)
{
	struct heard heard = hear(envelope);
	const struct span bytes = {(char *)&heard, sizeof(heard)};
	struct share frame;
	struct blob *shared;

	if (!envelope->is_for_many)
		return hub_keep(to, &bytes, 1, envelope, &frame);
	shared = blob_new(&bytes, 1);
	if (!shared) {
		hub_miss(to);
		return -ENOMEM;
	}
	hub_keep_shared(to, shared);
	blob_unref(shared);
	return 0;
}

static int deliver_message(const struct peer *to, struct envelope *envelope)
{
	struct heard heard = hear(envelope);
	int err = hub_has_session(to) ? deliver_kept(to, envelope)
				      : deliver_plain(to->arg, envelope);

	if (!err && to->arg)
		write_message(to->arg, &heard);
	return err;
}

static int deliver(const struct peer *to, struct envelope *envelope)
{
	struct line *line = to->arg;

	if (envelope->kind < ENVELOPE_PEER_JOINED)
		return deliver_message(to, envelope);
	if (!line)
		return -EPIPE;
	assert_false(line->is_detached);
	assert_true(line->events_count < MAX_HEARD);
	line->events[line->events_count++] = hear(envelope);
	return 0;
}

static void detach(struct peer *peer, enum hub_detach why)
{
	struct line *line = peer->arg;

	assert_false(line->is_detached);
	line->is_detached = why == DETACH_TAKEN_OVER;
	line->why = why;
}

static void note(struct told *list, size_t *count, const struct peer *about,
		 uint64_t n, enum delivery outcome)
{
	assert_true(*count < MAX_HEARD);
	list[*count] = (struct told){.n = n, .outcome = outcome};
	copy_id(about, list[*count].about);
	(*count)++;
}

static void acked(const struct peer *peer, const struct peer *by, uint64_t n)
{
	struct line *line = peer->arg;

	assert_false(line->is_detached);
	note(line->acks, &line->acks_count, by, n, DELIVERED);
}

static void undelivered(const struct peer *peer, const struct peer *to,
			uint64_t n, enum delivery why)
{
	struct line *line = peer->arg;

	assert_false(line->is_detached);
	note(line->losses, &line->losses_count, to, n, why);
}

static void expel(struct peer *peer, const char *reason)
{
	struct line *line = peer->arg;

	(void)snprintf(line->expelled_for, sizeof(line->expelled_for), "%s",
		       reason);
	line->is_detached = true;
}

static const struct peer_ops ops = {
	.deliver = deliver,
	.detach = detach,
	.acked = acked,
	.undelivered = undelivered,
	.expel = expel,
};

/* --- beginning and end --- */

static void on_due(void *arg)
{
	(*(size_t *)arg)++;
}

static int setup(void **state)
{
	(void)state;
	memset(&config, 0, sizeof(config));
	config.rooms.max_rooms = 10;
	config.rooms.takeover = refuse;
	config.rooms.max_peers_per_room = 10;
	config.rooms.max_broadcasters_per_room = 1;
	config.listen.max_connections = 10;
	config.output.max_queued_bytes = 1048576;
	config.session.window_s = WINDOW_MS / 1000;
	config.session.max_bytes = 100000;
	config.session.max_messages = MAX_KEPT;
	config.socketio.away_s = ABSENT_MS / 1000;
	now.mono_ms = 100000;
	due_count = 0;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		*lines[i] = (struct line){0};
	away_before = metric_values[METRIC_PEERS_AWAY];
	if (hub_new(&hub, &config, &now))
		return -1;
	hub_set_on_due(hub, on_due, &due_count);
	return 0;
}

/* Whatever a test did, nothing of it may be left. */
static int teardown(void **state)
{
	struct peer *peer;
	size_t at = 0;
	int result;

	(void)state;
	while ((peer = map_next(hub->peers, &at)) != NULL) {
		hub_leave(hub, peer, LEAVE_LEFT);
		at = 0; /* the map has changed */
	}
	result = map_count(hub->pairs) || hub_rooms_count(hub) ||
		 hub->away_count || hub->due ||
		 metric_values[METRIC_PEERS_AWAY] != away_before;
	hub_free(hub);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		outlog_clear(&lines[i]->unproved, GONE);
	return result;
}

/* --- what clients do --- */

/* All to come, and to come back, with; a test changes what it is about. */
static inline struct hub_resume claim_of(struct line *line, const char *id,
					 uint64_t inst, uint64_t attempt)
{
	return (struct hub_resume){
		.join =
			{
				.room = SPAN("r"),
				.id = id,
				.inst = inst,
				.has_session = inst,
				.attempt = attempt,
				.ops = &ops,
				.arg = line,
			},
		.generation = 1,
	};
}

static inline void join_as(struct line *line, const char *id, uint64_t inst,
			   enum hub_role role)
{
	struct hub_resume claim = claim_of(line, id, inst, 1);

	claim.join.role = role;
	assert_int_equal(hub_join(hub, &claim.join, &line->peer), 0);
}

static inline void join(struct line *line, const char *id, uint64_t inst)
{
	join_as(line, id, inst, ROLE_PEER);
}

static inline void see_again(const struct share *frame, void *arg)
{
	struct heard heard;

	assert_int_equal(frame->len, sizeof(heard));
	memcpy(&heard, share_span(frame).ptr, sizeof(heard));
	write_message(arg, &heard);
}

/* Over a new line; with RESUMED it gets what is kept for it. */
static inline enum hub_resumed resume(struct line *line,
				      const struct hub_resume *claim)
{
	int err = 0;
	enum hub_resumed verdict = hub_resume(hub, claim, &line->peer, &err);

	if (verdict == RESUMED)
		hub_replay(line->peer, see_again, line);
	assert_int_equal(verdict == RESUME_REFUSED, err != 0);
	return verdict;
}

/* As a client does whose socket was cut: same memory, one attempt more. */
static inline void come_back(struct line *line, const char *id, uint64_t last)
{
	const struct peer *peer = map_get(hub->peers, span_from(id));
	struct hub_resume claim;

	assert_non_null(peer);
	claim = claim_of(line, id, peer->inst,
			 hub_peer_of(peer)->session->attempt + 1);
	claim.epoch = hub_epoch(peer);
	claim.last = last;
	claim.generation = hub_peer_of(peer)->session->generation;
	assert_int_equal(resume(line, &claim), RESUMED);
}

static inline void cut(struct line *line)
{
	hub_away(hub, line->peer, LEAVE_LOST);
}

/* The pong of one without a session. */
static inline void prove(struct line *line)
{
	outlog_ack(&line->unproved, line->unproved.sent);
}

static inline struct envelope signal_of(uint64_t n, uint64_t p)
{
	return (struct envelope){
		.kind = ENVELOPE_SIGNAL,
		.payload = SPAN("\"hi\""),
		.is_numbered = n,
		.n = n,
		.p = p,
	};
}

static inline int send_to(struct line *from, const char *to, uint64_t n,
			  uint64_t p)
{
	struct envelope envelope = signal_of(n, p);

	return hub_send(hub, from->peer, span_from(to), &envelope);
}

static inline void send_all(struct line *from, const char *to, uint64_t first,
			    uint64_t last)
{
	for (uint64_t n = first; n <= last; n++)
		assert_int_equal(send_to(from, to, n, n > first ? n - 1 : 0),
				 0);
}

static inline void broadcast(struct line *from, const char *payload)
{
	hub_broadcast(from->peer,
		      &(struct envelope){.kind = ENVELOPE_BROADCAST,
					 .payload = span_from(payload)});
}

/* --- what is expected --- */

static inline void pass(uint64_t ms)
{
	now.mono_ms += ms;
	hub_tick(hub);
}

/* A timer fires at most two ticks late. */
static inline void pass_whole(uint64_t ms)
{
	pass(ms + 2 * HUB_TICK_MS);
}

static inline void forget(struct line *line)
{
	line->messages_count = 0;
	line->events_count = 0;
	line->acks_count = 0;
	line->losses_count = 0;
}

/* The messages it had are just those of these numbers. */
static inline void assert_messages(const struct line *line, uint64_t first,
				   uint64_t last)
{
	assert_int_equal(line->messages_count, last + 1 - first);
	for (size_t i = 0; i < line->messages_count; i++)
		assert_int_equal(line->messages[i].n, first + i);
}

static inline void assert_event(const struct line *line, size_t i,
				enum envelope_kind kind, const char *about)
{
	assert_true(i < line->events_count);
	assert_int_equal(line->events[i].kind, kind);
	assert_string_equal(line->events[i].from, about);
}

/* It was told of just one event. */
static inline void assert_only_event(const struct line *line,
				     enum envelope_kind kind, const char *about)
{
	assert_int_equal(line->events_count, 1);
	assert_event(line, 0, kind, about);
}

/* This turn it is told of just one acknowledgement. */
static inline void assert_acked(struct line *line, const char *by, uint64_t n)
{
	line->acks_count = 0;
	hub_tell_due(hub);
	assert_int_equal(line->acks_count, 1);
	assert_string_equal(line->acks[0].about, by);
	assert_int_equal(line->acks[0].n, n);
}

static inline void assert_not_acked(struct line *line)
{
	line->acks_count = 0;
	hub_tell_due(hub);
	assert_int_equal(line->acks_count, 0);
}

static inline void assert_only_loss(const struct line *line, const char *to,
				    uint64_t n, enum delivery why)
{
	assert_int_equal(line->losses_count, 1);
	assert_string_equal(line->losses[0].about, to);
	assert_int_equal(line->losses[0].n, n);
	assert_int_equal(line->losses[0].outcome, why);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
