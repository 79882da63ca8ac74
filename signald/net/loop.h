/* loop.h: one event loop, its clock and timers, and the end of each turn. */
#ifndef SIGNALD_NET_LOOP_H
#define SIGNALD_NET_LOOP_H

#include <event2/event.h>

#include "base/clock.h"
#include "base/wheel.h"
#include "policy/config.h"
#include "policy/limit.h"

#define LOOP_SCRATCH_BYTES 65536
#define LOOP_TICK_MS 100 /* what timers of the daemon are good for */

/*
 * A turn is what the loop does between two waits. Sockets are read in it,
 * messages land in outputs, and at its end every output with something new in
 * it is written once, and what was closed is freed. Everything a callback of
 * libevent does must begin with loop_enter(), which opens the turn.
 */
struct loop {
	struct event_base *base;
	struct clock clock;	     /* of this turn */
	const struct config *config; /* in effect; changes at a reload */
	struct limits *limits;	     /* borrowed; NULL: there are none */
	char *scratch;		     /* LOOP_SCRATCH_BYTES to read into */

	/* private */
	struct wheel wheel;
	struct event *turn_end;
	struct event *tick;
	struct loop_task *tasks;
	struct loop_task *chores; /* the first, and where the next one goes */
	struct loop_task **chores_end;
	struct event *chores_left;
	bool is_turn_open;
	void (*on_turn_end)(void *arg);
	void *on_turn_end_arg;
	void (*on_tick)(void *arg);
	void *on_tick_arg;
};

/*
 * config   borrowed; may be exchanged between turns
 * tick_ms  how finely timers are looked at
 *
 * Returns 0 or -ENOMEM.
 */
int loop_new(struct loop **loopp, const struct config *config,
	     unsigned tick_ms);

/* Everything on the loop must be gone; takes NULL. */
void loop_free(struct loop *loop);

/* Called for what is left to do when a turn's callbacks have run. */
void loop_set_turn_end(struct loop *loop, void (*on_turn_end)(void *arg),
		       void *arg);

/* Called at every tick. */
void loop_set_tick(struct loop *loop, void (*on_tick)(void *arg), void *arg);

/* Open the turn if it is not: read the clock, arrange for its end. */
void loop_enter(struct loop *loop);

/* Work for the end of this turn, before outputs are written, inside its owner;
 * zero-initialised. */
struct loop_task {
	struct loop_task *next;
	bool is_queued;
	void (*run)(struct loop_task *task);
};

/* Run the task once at the end of this turn, however often it is asked for. */
void loop_defer(struct loop *loop, struct loop_task *task);

/* Take it back; it may be freed then. */
void loop_cancel(struct loop *loop, struct loop_task *task);

/*
 * Work that may wait its turn: chores run in the order in which they came, when
 * all else of a turn is done and written, and get 250 µs of every turn.
 * So a heap of them does not delay what is not put off. One that has more to do
 * asks again when it runs.
 */
void loop_put_off(struct loop *loop, struct loop_task *chore);

/* Take it back; it may be freed then. */
void loop_forget(struct loop *loop, struct loop_task *chore);

/* In a process that was forked: have it wait for its events by itself. Returns
 * 0 or -EIO. */
int loop_reopen(struct loop *loop);

/* Run until loop_stop(). Returns 0 or -EIO. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* A coarse timer inside its owner. */
struct loop_timer {
	struct wheel_timer wheel;
	void (*fire)(struct loop_timer *timer);
};

static inline void loop_timer_start(struct loop *loop, struct loop_timer *timer,
				    uint64_t ends_at_ms)
{
	wheel_start(&loop->wheel, &timer->wheel, ends_at_ms);
}

static inline void loop_timer_stop(struct loop_timer *timer)
{
	wheel_stop(&timer->wheel);
}

#endif
