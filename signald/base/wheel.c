/* wheel.c: coarse timers for very many owners (a hashed timing wheel). */
#include <stddef.h>

#include "base/wheel.h"

/* Further away than this a timer is looked at again on the way. */
static uint64_t horizon_ms(const struct wheel *wheel)
{
	return (uint64_t)(WHEEL_SLOTS - 1) * wheel->tick_ms;
}

void wheel_init(struct wheel *wheel, uint64_t now_ms, unsigned tick_ms)
{
	for (int i = 0; i < WHEEL_SLOTS; i++) {
		struct wheel_timer *head = &wheel->slots[i];

		*head = (struct wheel_timer){.prev = head, .next = head};
	}
	wheel->tick_ms = tick_ms;
	wheel->now_ms = now_ms - now_ms % tick_ms;
}

void wheel_stop(struct wheel_timer *timer)
{
	if (!timer->next)
		return;
	timer->prev->next = timer->next;
	timer->next->prev = timer->prev;
	timer->prev = NULL;
	timer->next = NULL;
}

static void insert(struct wheel_timer *head, struct wheel_timer *timer)
{
	timer->prev = head->prev;
	timer->next = head;
	head->prev->next = timer;
	head->prev = timer;
}

static void place(struct wheel *wheel, struct wheel_timer *timer)
{
	uint64_t at = timer->ends_at_ms;

	if (at <= wheel->now_ms)
		at = wheel->now_ms + 1;
	if (at - wheel->now_ms > horizon_ms(wheel))
		at = wheel->now_ms + horizon_ms(wheel);
	/* The slot whose turn comes when that whole tick has passed. */
	at = (at + wheel->tick_ms - 1) / wheel->tick_ms;
	timer->slot_at_ms = at * wheel->tick_ms;
	insert(&wheel->slots[at % WHEEL_SLOTS], timer);
}

void wheel_start(struct wheel *wheel, struct wheel_timer *timer,
		 uint64_t ends_at_ms)
{
	timer->ends_at_ms = ends_at_ms;
	if (timer->next && timer->slot_at_ms <= ends_at_ms)
		return;
	wheel_stop(timer);
	place(wheel, timer);
}

/*
 * Empty one slot. Its timers are moved to a list of their own first, so that
 * fire() may put timers into this very slot.
 */
static void run_slot(struct wheel *wheel, struct wheel_timer *head,
		     void (*fire)(struct wheel_timer *timer, void *arg),
		     void *arg)
{
	struct wheel_timer due = {.prev = &due, .next = &due};

	while (head->next != head) {
		struct wheel_timer *timer = head->next;

		wheel_stop(timer);
		insert(&due, timer);
	}
	while (due.next != &due) {
		struct wheel_timer *timer = due.next;

		wheel_stop(timer);
		if (timer->ends_at_ms > wheel->now_ms)
			place(wheel, timer);
		else
			fire(timer, arg);
	}
}

void wheel_advance(struct wheel *wheel, uint64_t now_ms,
		   void (*fire)(struct wheel_timer *timer, void *arg),
		   void *arg)
{
	while (wheel->now_ms + wheel->tick_ms <= now_ms) {
		wheel->now_ms += wheel->tick_ms;
		run_slot(wheel,
			 &wheel->slots[wheel->now_ms / wheel->tick_ms %
				       WHEEL_SLOTS],
			 fire, arg);
	}
}
