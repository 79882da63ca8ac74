/* close.c: a room is closed: everybody in it is sent away. */
#include <stdlib.h>

#include "admin/parts.h"
#include "base/log.h"
#include "base/member.h"

/* Each kick is written to the disk, so that thousands of them are chores. */
struct admin_closing {
	struct loop_task chore;
	struct admin *admin;
	struct admin_closing *prev, *next;
	struct web_held *held; /* NULL: who asked has gone */
	uint64_t mark;
	uint64_t count;
	bool has_failed;  /* some may come back after a restart */
	struct span room; /* the bytes lie behind the struct */
};

static void free_closing(struct admin_closing *closing)
{
	loop_forget(closing->admin->parts.loop, &closing->chore);
	if (closing->prev)
		closing->prev->next = closing->next;
	else
		closing->admin->closings = closing->next;
	if (closing->next)
		closing->next->prev = closing->prev;
	free(closing);
}

static void answer(struct admin_closing *closing)
{
	struct buf body = {0};

	buf_append_format(&body, "{\"kicked\":%llu,\"kept\":%s}\n",
			  (unsigned long long)closing->count,
			  closing->has_failed ? "false" : "true");
	if (!body.failed)
		(void)web_held_reply(
			closing->held,
			&(struct web_response){
				.status = 200,
				.content_type = "application/json",
				.body = buf_span(&body),
				.headers = "Cache-Control: no-store\r\n",
			});
	else
		(void)web_held_reply(closing->held,
				     &(struct web_response){.status = 503});
	buf_clear(&body);
}

static void run_closing(struct loop_task *chore)
{
	struct admin_closing *closing =
		container_of(chore, struct admin_closing, chore);
	struct admin *admin = closing->admin;
	const struct peer *peer =
		census_next(admin->parts.hub, closing->room, closing->mark);
	char id[HUB_MAX_ID + 1];

	if (peer) {
		(void)span_copy(span_of(peer->id, peer->id_len), id,
				sizeof(id));
		closing->has_failed |= admin_kick(admin, span_from(id)) != 0;
		closing->count++;
		loop_put_off(admin->parts.loop, chore);
		return;
	}
	log_info("room.close", log_span("room", closing->room),
		 log_int("peers", closing->count));
	if (closing->held)
		answer(closing);
	free_closing(closing);
}

static void on_gone(void *arg)
{
	struct admin_closing *closing = arg;

	closing->held = NULL;
}

static struct admin_closing *new_closing(const struct admin_ask *ask)
{
	struct admin *admin = ask->admin;
	struct admin_closing *closing =
		calloc(1, sizeof(*closing) + ask->name.len);

	if (!closing)
		return NULL;
	memcpy(closing + 1, ask->name.ptr, ask->name.len);
	closing->room = span_of(closing + 1, ask->name.len);
	closing->admin = admin;
	closing->chore.run = run_closing;
	closing->mark = census_mark(admin->parts.hub);
	closing->next = admin->closings;
	if (closing->next)
		closing->next->prev = closing;
	admin->closings = closing;
	return closing;
}

void admin_close_room(const struct admin_ask *ask)
{
	struct admin *admin = ask->admin;
	struct admin_closing *closing;

	if (!census_room(admin->parts.hub, ask->name)) {
		admin_refuse(ask, 404, "there is no room of this name");
		return;
	}
	closing = new_closing(ask);
	if (!closing) {
		admin_refuse(ask, 503, "out of memory");
		return;
	}
	closing->held = web_hold(ask->exchange, on_gone, closing);
	loop_put_off(admin->parts.loop, &closing->chore);
}

void admin_forget_closings(struct admin *admin)
{
	struct admin_closing *next;

	for (struct admin_closing *at = admin->closings; at; at = next) {
		next = at->next;
		loop_forget(admin->parts.loop, &at->chore);
		free(at);
	}
	admin->closings = NULL;
}
