/* native_admit.c: who a client is: asked before it comes into a room. */
#include <stdlib.h>

#include "base/member.h"
#include "dialect/native_client.h"

struct native_admission {
	struct access_verdict verdict;
	struct native_client *client;
	struct access_wait wait; /* until it is known who it is */
	struct buf text;	 /* the message that waits for that */
	bool is_waiting;
	bool is_judged;
	bool is_charged; /* to its user */
};

void native_end_admission(struct native_client *client)
{
	if (!client->admission)
		return;
	access_cancel(&client->admission->wait);
	buf_wipe(&client->admission->text);
	access_verdict_clear(&client->admission->verdict);
	free(client->admission);
	client->admission = NULL;
}

/* What is told is for this room; what was shown, for the connection. */
static void judge(struct native_client *client, const struct msg *msg,
		  const struct hub_join *join, struct access_verdict *verdict)
{
	struct access_ask ask = {
		.dialect = "native",
		.room = join->room,
		.role = msg->role.ptr ? span_from(hub_role_name(join->role))
				      : SPAN(""),
		.from = conn_peer(wsconn_conn(client->ws)),
		.wait = &client->admission->wait,
	};

	access_judge_told(client->native->parts.access, &ask, &client->shown,
			  msg->auth, verdict);
}

static void refuse(struct native_client *client, const struct msg *msg,
		   const struct access_verdict *verdict)
{
	access_note_refusal(client->native->parts.access, verdict);
	native_send_named(
		client, msg,
		&(struct msg_error){.name = verdict->code,
				    .message = verdict->message,
				    .retry_after_s = verdict->retry_after_s});
}

/* What the claims say of the peer goes before what it says itself. */
static void apply(const struct native_client *client,
		  const struct access_verdict *verdict, struct hub_join *join)
{
	const struct config *config = client->native->parts.loop->config;
	const struct claims *claims = &verdict->claims;

	if (*claims->role)
		(void)hub_role_parse(span_from(claims->role), &join->role);
	if (*claims->subject)
		join->user = span_from(claims->subject);
	if (claims->metadata) {
		join->metadata = span_from(claims->metadata);
		join->is_vouched = true;
	}
	join->max_ttl_s = claims->ttl_s;
	join->lacks = access_lacks(verdict);
	join->makes_no_rooms =
		verdict->is_guest && !strcmp(config->rooms.creation, "token");
}

/* Its message came to nothing before it was asked again. */
static void end_unjudged(struct native_client *client)
{
	const struct native_admission *admission = client->admission;

	if (admission && !admission->is_judged && !admission->is_waiting)
		native_end_admission(client);
}

static void take_again(struct access_wait *wait)
{
	struct native_admission *admission =
		container_of(wait, struct native_admission, wait);
	struct native_client *client = admission->client;
	struct buf text = admission->text;

	admission->text = (struct buf){0};
	admission->is_waiting = false;
	/* It may have been closed while it waited, by a deadline or a drain. */
	client->is_again = true;
	if (wsconn_is_open(client->ws))
		native_take_text(client, buf_span(&text));
	client->is_again = false;
	buf_wipe(&text);
	end_unjudged(client);
	if (!client->admission)
		wsconn_resume(client->ws);
}

/* Nothing more is read of the client until then. Returns false when memory ran
 * out. */
static bool await(struct native_client *client)
{
	struct native_admission *admission = client->admission;

	buf_append_span(&admission->text, client->native->text);
	if (admission->text.failed)
		return false;
	admission->wait.on_ready = take_again;
	admission->is_waiting = true;
	access_await(&admission->verdict.pending, &admission->wait);
	wsconn_pause(client->ws);
	return true;
}

/* The user is known now, and charged once for a join. */
static bool may_as_user(struct native_client *client, const struct msg *msg,
			const struct hub_join *join)
{
	if (client->admission->is_charged)
		return true;
	client->admission->is_charged = true;
	return native_may(client, msg, LIMIT_USER, join->user);
}

static struct native_admission *new_admission(struct native_client *client)
{
	struct native_admission *admission = calloc(1, sizeof(*admission));

	if (admission)
		admission->client = client;
	client->admission = admission;
	return admission;
}

bool native_admit(struct native_client *client, const struct msg *msg,
		  struct hub_join *join)
{
	struct native_admission *admission = client->admission;

	if (!admission)
		admission = new_admission(client);
	if (!admission) {
		native_send_error(client, msg, (struct span){NULL, 0},
				  MSG_INTERNAL);
		return false;
	}
	if (!admission->is_judged) {
		judge(client, msg, join, &admission->verdict);
		if (admission->verdict.is_pending && await(client))
			return false;
		admission->is_judged = true;
	}
	if (admission->verdict.code) {
		refuse(client, msg, &admission->verdict);
		native_end_admission(client);
		return false;
	}
	apply(client, &admission->verdict, join);
	if (may_as_user(client, msg, join))
		return true;
	native_end_admission(client);
	return false;
}
