/* native_push.c: the servers have changed, or what tokens are signed with, and
 * every client hears of it. */
#include "base/member.h"
#include "dialect/native_client.h"

/* What changes together is told at once: of a server that dies each transport
 * is found out by itself. */
#define GATHER_MS 100

/* One client: chores are many, and small. */
static void push_run(struct loop_task *chore)
{
	struct native *native = container_of(chore, struct native, push_chore);
	struct native_client *client = native->push_next;

	if (!client)
		return;
	native->push_next = client->next;
	/* It may have asked meanwhile, or have come. */
	if (client->peer && client->ice_state != native->ice_state)
		native_renew_ice(client);
	if (client->peer && client->token_due_ms &&
	    client->key_state != native->key_state)
		native_renew_token(client);
	loop_put_off(native->parts.loop, chore);
}

static void push_fire(struct loop_timer *timer)
{
	struct native *native = container_of(timer, struct native, push_timer);

	native->is_push_due = false;
	native->push_next = native->clients;
	loop_put_off(native->parts.loop, &native->push_chore);
}

void native_init_push(struct native *native)
{
	native->push_timer.fire = push_fire;
	native->push_chore.run = push_run;
}

void native_stop_push(struct native *native)
{
	loop_timer_stop(&native->push_timer);
	loop_forget(native->parts.loop, &native->push_chore);
}

void native_forget_push(struct native_client *client)
{
	struct native *native = client->native;

	if (native->push_next == client)
		native->push_next = client->next;
}

/* A walk that is under way begins anew: it has told what is not so any more. */
static void begin_push(struct native *native)
{
	const struct loop *loop = native->parts.loop;

	if (native->is_push_due)
		return;
	native->is_push_due = true;
	loop_timer_start(native->parts.loop, &native->push_timer,
			 loop->clock.mono_ms + GATHER_MS);
}

void native_push_ice(struct native *native)
{
	native->ice_state++;
	begin_push(native);
}

void native_push_tokens(struct native *native)
{
	native->key_state++;
	begin_push(native);
}
