/* loop.c: one event loop, its clock and timers, and the end of each turn. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/member.h"
#include "net/loop.h"

#define CHORES_NS 250000 /* of one turn */

static void fire_timer(struct wheel_timer *wheel_timer, void *arg)
{
	struct loop_timer *timer =
		container_of(wheel_timer, struct loop_timer, wheel);

	(void)arg;
	timer->fire(timer);
}

static void run_tasks(struct loop *loop)
{
	while (loop->tasks) {
		struct loop_task *task = loop->tasks;

		loop->tasks = task->next;
		task->is_queued = false;
		task->run(task);
	}
}

static void finish(struct loop *loop)
{
	/* What closes at the end of the turn may make more work. */
	do {
		run_tasks(loop);
		if (loop->on_turn_end)
			loop->on_turn_end(loop->on_turn_end_arg);
	} while (loop->tasks);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static struct loop_task *take_chore(struct loop *loop)
{
	struct loop_task *chore = loop->chores;

	loop->chores = chore->next;
	if (!loop->chores)
		loop->chores_end = &loop->chores;
	chore->is_queued = false;
	return chore;
}

static void run_chores(struct loop *loop)
{
	const struct timeval at_once = {0};
	uint64_t ends_ns = now_ns() + CHORES_NS;

	do {
		struct loop_task *chore = take_chore(loop);

		chore->run(chore);
	} while (loop->chores && now_ns() < ends_ns);
	/* A timer, as an event activated now would come before the sockets. */
	if (loop->chores)
		(void)event_add(loop->chores_left, &at_once);
}

static void turn_end_cb(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	finish(loop);
	if (loop->chores) {
		run_chores(loop);
		finish(loop);
	}
	loop->is_turn_open = false;
}

static void chores_left_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	loop_enter(arg);
}

static void tick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	loop_enter(loop);
	wheel_advance(&loop->wheel, loop->clock.mono_ms, fire_timer, NULL);
	if (loop->on_tick)
		loop->on_tick(loop->on_tick_arg);
}

static struct event_base *new_base(void)
{
	struct event_config *options = event_config_new();
	struct event_base *base = NULL;

	if (!options)
		return NULL;
	/* No threads share the base; the changelist saves epoll_ctl() calls. */
	if (!event_config_set_flag(
		    options, EVENT_BASE_FLAG_NOLOCK |
				     EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST))
		base = event_base_new_with_config(options);
	event_config_free(options);
	return base;
}

int loop_new(struct loop **loopp, const struct config *config, unsigned tick_ms)
{
	const struct timeval tick = {tick_ms / 1000, tick_ms % 1000 * 1000};
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->config = config;
	loop->chores_end = &loop->chores;
	clock_update(&loop->clock);
	wheel_init(&loop->wheel, loop->clock.mono_ms, tick_ms);
	loop->scratch = malloc(LOOP_SCRATCH_BYTES);
	loop->base = new_base();
	if (!loop->scratch || !loop->base)
		goto fail;
	loop->turn_end = event_new(loop->base, -1, 0, turn_end_cb, loop);
	loop->tick = event_new(loop->base, -1, EV_PERSIST, tick_cb, loop);
	loop->chores_left = event_new(loop->base, -1, 0, chores_left_cb, loop);
	if (!loop->turn_end || !loop->tick || !loop->chores_left ||
	    event_add(loop->tick, &tick))
		goto fail;
	*loopp = loop;
	return 0;

fail:
	loop_free(loop);
	return -ENOMEM;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->tick)
		event_free(loop->tick);
	if (loop->chores_left)
		event_free(loop->chores_left);
	if (loop->turn_end)
		event_free(loop->turn_end);
	if (loop->base)
		event_base_free(loop->base);
	free(loop->scratch);
	free(loop);
}

void loop_set_turn_end(struct loop *loop, void (*on_turn_end)(void *arg),
		       void *arg)
{
	loop->on_turn_end = on_turn_end;
	loop->on_turn_end_arg = arg;
}

void loop_set_tick(struct loop *loop, void (*on_tick)(void *arg), void *arg)
{
	loop->on_tick = on_tick;
	loop->on_tick_arg = arg;
}

void loop_enter(struct loop *loop)
{
	if (loop->is_turn_open)
		return;
	loop->is_turn_open = true;
	clock_update(&loop->clock);
	/* Goes behind the callbacks that this turn has yet to run. */
	event_active(loop->turn_end, EV_TIMEOUT, 0);
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
	if (task->is_queued)
		return;
	loop_enter(loop);
	task->is_queued = true;
	task->next = loop->tasks;
	loop->tasks = task;
}

void loop_cancel(struct loop *loop, struct loop_task *task)
{
	struct loop_task **at = &loop->tasks;

	if (!task->is_queued)
		return;
	while (*at != task)
		at = &(*at)->next;
	*at = task->next;
	task->is_queued = false;
}

void loop_put_off(struct loop *loop, struct loop_task *chore)
{
	if (chore->is_queued)
		return;
	loop_enter(loop);
	chore->is_queued = true;
	chore->next = NULL;
	*loop->chores_end = chore;
	loop->chores_end = &chore->next;
}

void loop_forget(struct loop *loop, struct loop_task *chore)
{
	struct loop_task **at = &loop->chores;

	if (!chore->is_queued)
		return;
	while (*at != chore)
		at = &(*at)->next;
	*at = chore->next;
	if (!*at)
		loop->chores_end = at;
	chore->is_queued = false;
}

int loop_reopen(struct loop *loop)
{
	return event_reinit(loop->base) ? -EIO : 0;
}

int loop_run(struct loop *loop)
{
	return event_base_dispatch(loop->base) < 0 ? -EIO : 0;
}

void loop_stop(struct loop *loop)
{
	(void)event_base_loopbreak(loop->base);
}
