/* wheel.h: coarse timers for very many owners (a hashed timing wheel). */
#ifndef SIGNALD_BASE_WHEEL_H
#define SIGNALD_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_SLOTS 512

/*
 * A timer lives inside its owner. Moving its end to later costs one store: the
 * timer stays in its slot and is put into a later one when the wheel gets
 * there.
 */
struct wheel_timer {
	struct wheel_timer *prev;
	struct wheel_timer *next; /* NULL: not in the wheel */
	uint64_t ends_at_ms;	  /* monotonic */
	uint64_t slot_at_ms;	  /* when the wheel looks at it next */
};

struct wheel {
	struct wheel_timer slots[WHEEL_SLOTS]; /* list heads */
	uint64_t now_ms;
	unsigned tick_ms;
};

/* now_ms is monotonic time; tick_ms how finely the wheel looks at it. */
void wheel_init(struct wheel *wheel, uint64_t now_ms, unsigned tick_ms);

/* (Re)start a timer that fires at ends_at_ms or up to two ticks later. */
void wheel_start(struct wheel *wheel, struct wheel_timer *timer,
		 uint64_t ends_at_ms);

void wheel_stop(struct wheel_timer *timer);

static inline bool wheel_is_running(const struct wheel_timer *timer)
{
	return timer->next;
}

/*
 * Move on to now_ms and call fire() for every timer that has ended; it is out
 * of the wheel by then, and fire() may start and stop any timer.
 */
void wheel_advance(struct wheel *wheel, uint64_t now_ms,
		   void (*fire)(struct wheel_timer *timer, void *arg),
		   void *arg);

#endif
