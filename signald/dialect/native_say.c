/* native_say.c: what clients say in the native dialect, and the answers. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "dialect/native_client.h"
#include "dialect/native_write.h"
#include "policy/metric.h"

/* What was wrong, and what would be right, where the code says it all. */
static const char *const messages[] = {
	[MSG_NOT_JOINED] = "join a room first",
	[MSG_ROLE_TAKEN] = "the room has its broadcaster; join as a watcher or "
			   "try again when it has left",
	[MSG_ROOM_FULL] = "the room is full (rooms.max_peers_per_room)",
	[MSG_TOO_MANY_ROOMS] = "the server has no more rooms (rooms.max_rooms)",
	[MSG_TOO_MANY_WATCHERS] = "the room has as many watchers as it may "
				  "(rooms.max_watchers_per_room); try again "
				  "when one has left",
	[MSG_NO_ROOM] = "there is no such room, and guests make none "
			"(rooms.creation)",
	[MSG_NOT_ALLOWED] = "you have no right to this; what you showed when "
			    "you came says which you have",
	[MSG_NOT_ADDRESSABLE] = "you and this peer do not see each other, and "
				"may send nothing to each other "
				"(rooms.address_seen_only); a watcher writes "
				"to broadcasters and operators alone",
	[MSG_UNKNOWN_PEER] =
		"no peer of this id is in the room; it may have left",
	[MSG_PEER_PENDING] = "the server has just started, and this peer may "
			     "still come back; send it again when it has",
	[MSG_PEER_RESTARTED] =
		"this peer's page was loaded anew; its inst is another",
	[MSG_GAP] = "a message before this one is missing; go back to the "
		    "first that is not acknowledged",
	[MSG_QUEUE_FULL] = "this peer does not take what it is sent",
	[MSG_NO_DESCRIPTION] = "no description came before this candidate; "
			       "send the offer or the answer first",
	[MSG_MUTED] = "this peer is muted; it may speak again later",
	[MSG_INTERNAL] = "the server is out of memory; try again later",
};

const char *native_error_message(enum msg_error_code code)
{
	return messages[code];
}

static void write_refusal(struct native_client *client, const struct msg *msg,
			  struct span to, const struct msg_error *error)
{
	metric_add(METRIC_REFUSED_MESSAGES, 1);
	msg_write_error(native_begin(client), msg, to, error);
	native_send(client);
}

void native_send_error(struct native_client *client, const struct msg *msg,
		       struct span to, enum msg_error_code code)
{
	write_refusal(
		client, msg, to,
		&(struct msg_error){.code = code, .message = messages[code]});
}

void native_send_refusal(struct native_client *client, const struct msg *msg,
			 enum msg_error_code code, const char *message)
{
	write_refusal(client, msg, (struct span){NULL, 0},
		      &(struct msg_error){.code = code, .message = message});
}

void native_send_named(struct native_client *client, const struct msg *msg,
		       const struct msg_error *error)
{
	write_refusal(client, msg, (struct span){NULL, 0}, error);
}

/* --- limits --- */

/* Who does not wait as told so many times in a row is not going to. */
#define MOST_LIMITED 20

struct span native_network(const struct native_client *client)
{
	return conn_network(wsconn_conn(client->ws));
}

bool native_is_again(const struct native_client *client)
{
	return client->is_again || client->order || client->admission;
}

bool native_may(struct native_client *client, const struct msg *msg,
		enum limit_kind kind, struct span key)
{
	uint64_t wait_ms;

	wait_ms = limit_take(client->native->parts.loop->limits, kind, key);
	if (!wait_ms) {
		client->limited_count = 0;
		return true;
	}
	write_refusal(
		client, msg, (struct span){NULL, 0},
		&(struct msg_error){
			.code = MSG_RATE_LIMITED,
			.message = kind == LIMIT_USER || kind == LIMIT_PEER
					   ? "this user comes too often; "
					     "wait for retryAfter seconds"
					   : "this address asks too "
					     "often; wait for retryAfter "
					     "seconds",
			.retry_after_s = (unsigned)limit_retry_s(wait_ms),
		});
	if (++client->limited_count >= MOST_LIMITED)
		wsconn_close(client->ws, WS_CLOSE_POLICY, "rate limited");
	return false;
}

void native_tell_slowed(struct native_client *client, uint64_t wait_ms)
{
	static const struct msg unasked;

	msg_write_error(
		native_begin(client), &unasked, (struct span){NULL, 0},
		&(struct msg_error){
			.code = MSG_RATE_LIMITED,
			.message = "this connection sends too much; "
				   "what it sends is not lost, but "
				   "waits",
			.retry_after_s = (unsigned)limit_retry_s(wait_ms),
		});
	native_send(client);
}

/* An answer that has nothing but ref and n. */
static void send_answer(struct native_client *client, const char *type,
			const struct msg *msg)
{
	struct buf *out = native_begin(client);

	msg_begin_answer(out, type, msg);
	buf_append_str(out, "}");
	native_send(client);
}

/* --- relaying --- */

static enum msg_error_code send_error_code(int err)
{
	switch (err) {
	case -EAGAIN:
		return MSG_PEER_PENDING;
	case -ESTALE:
		return MSG_PEER_RESTARTED;
	case -ERANGE:
		return MSG_GAP;
	case -ENOBUFS:
		return MSG_QUEUE_FULL;
	case -EACCES:
		return MSG_MUTED;
	case -ENOMEM:
		return MSG_INTERNAL;
	case -EPERM:
		return MSG_NOT_ALLOWED;
	case -EHOSTUNREACH:
		return MSG_NOT_ADDRESSABLE;
	default: /* not there, or its connection has just ended */
		return MSG_UNKNOWN_PEER;
	}
}

/* waiter: who waits for the answer to a ref, or NULL. */
static void relay_to(struct native_client *client, const struct msg *msg,
		     const struct msg_target *target, struct waiter *waiter)
{
	struct envelope envelope = {
		.kind = (enum envelope_kind)msg->type,
		.payload = msg->payload,
		.is_numbered = msg->n.ptr && hub_has_session(client->peer),
		.n = msg->number,
		.p = target->p,
		.has_ti = target->has_ti,
		.ti = target->ti,
		.receipt = {.waiter = waiter},
	};
	int err = hub_send(client->native->parts.hub, client->peer, target->to,
			   &envelope);

	if (!err)
		return;
	if (waiter)
		native_request_fail(waiter, target->to, send_error_code(err));
	else
		native_send_error(client, msg, target->to,
				  send_error_code(err));
}

/* Returns false when the peer is muted, which it has been told then. */
static bool may_say(struct native_client *client, const struct msg *msg)
{
	struct msg_error error = {.code = MSG_MUTED};
	char text[80];

	error.retry_after_s =
		hub_muted_s(client->peer, (enum envelope_kind)msg->type);
	if (!error.retry_after_s)
		return true;
	(void)snprintf(text, sizeof(text),
		       "an operator has muted this peer for %u s more",
		       error.retry_after_s);
	error.message = text;
	write_refusal(client, msg, (struct span){NULL, 0}, &error);
	return false;
}

/* A numbered message is acknowledged by its number; another that has a ref is
 * answered when all have it. */
static void on_relay(struct native_client *client, const struct msg *msg)
{
	bool is_numbered = msg->n.ptr && hub_has_session(client->peer);
	struct msg_target targets[MSG_MAX_TARGETS];
	size_t count = msg_targets(msg, targets);
	struct waiter *waiter = NULL;

	if (!may_say(client, msg))
		return;
	if (is_numbered && !msg->number) {
		native_send_refusal(client, msg, MSG_BAD_MESSAGE,
				    "n of the first message is 1");
		return;
	}
	if (msg->ref.ptr && !is_numbered) {
		waiter = native_request_new(client, msg, count);
		if (!waiter) {
			native_send_error(client, msg, (struct span){NULL, 0},
					  MSG_INTERNAL);
			return;
		}
	}
	for (size_t i = 0; i < count; i++)
		relay_to(client, msg, &targets[i], waiter);
}

static void on_broadcast(struct native_client *client, const struct msg *msg)
{
	struct envelope envelope = {.kind = ENVELOPE_BROADCAST,
				    .payload = msg->payload};

	if (!may_say(client, msg))
		return;
	if (hub_broadcast(client->peer, &envelope))
		native_send_error(client, msg, (struct span){NULL, 0},
				  MSG_NOT_ALLOWED);
	else if (msg->ref.ptr)
		send_answer(client, "ack", msg);
}

/* --- the rest --- */

static void on_ping(struct native_client *client, const struct msg *msg)
{
	send_answer(client, "pong", msg);
}

static void on_leave(struct native_client *client, const struct msg *msg)
{
	hub_leave(client->native->parts.hub, client->peer, LEAVE_LEFT);
	client->peer = NULL;
	send_answer(client, "left", msg);
	native_start_join_deadline(client);
}

/* The first who may not be, or could not be, sent away ends it. */
static void on_kick(struct native_client *client, const struct msg *msg)
{
	const struct native_parts *parts = &client->native->parts;
	struct msg_target targets[MSG_MAX_TARGETS];
	size_t count = msg_targets(msg, targets);

	for (size_t i = 0; i < count; i++) {
		struct span to = targets[i].to;
		int err = hub_may_kick(parts->hub, client->peer, to);

		/* Each is written to disk, as rare things may be. */
		if (!err && !native_may(client, msg, LIMIT_JOINS,
					native_network(client)))
			return;
		if (!err)
			err = parts->kick(to, parts->kick_arg);
		if (err) {
			native_send_error(client, msg, to,
					  err == -ENOENT || err == -EPERM
						  ? send_error_code(err)
						  : MSG_INTERNAL);
			return;
		}
		log_info("peer.kicked_by", log_str("by", client->peer->id),
			 log_span("id", to));
	}
	if (msg->ref.ptr)
		send_answer(client, "ack", msg);
}

/* All of it is in `sn`, which any message may have. */
static void on_ack(struct native_client *client, const struct msg *msg)
{
	(void)client;
	(void)msg;
}

static const struct {
	void (*handle)(struct native_client *client, const struct msg *msg);
	bool needs_room;
} handlers[MSG_TYPES_COUNT] = {
	[MSG_OFFER] = {on_relay, true},
	[MSG_ANSWER] = {on_relay, true},
	[MSG_CANDIDATE] = {on_relay, true},
	[MSG_SIGNAL] = {on_relay, true},
	[MSG_BROADCAST] = {on_broadcast, true},
	[MSG_JOIN] = {native_join, false},
	[MSG_RESUME] = {native_resume, false},
	[MSG_ACK] = {on_ack, true},
	[MSG_ICE] = {native_send_ice, true},
	[MSG_PEERS] = {native_send_peers, true},
	[MSG_PING] = {on_ping, false},
	[MSG_LEAVE] = {on_leave, true},
	[MSG_KICK] = {on_kick, true},
};

void native_take_text(struct native_client *client, struct span text)
{
	struct msg_error error;
	struct msg msg;

	client->native->text = text;
	if (msg_parse(text, &msg, &error)) {
		native_send_refusal(client, &msg, error.code, error.message);
		if (error.code == MSG_BAD_JSON)
			wsconn_close(client->ws, WS_CLOSE_INVALID_DATA,
				     "not JSON");
		return;
	}
	if (handlers[msg.type].needs_room && !client->peer) {
		native_send_error(client, &msg, (struct span){NULL, 0},
				  MSG_NOT_JOINED);
		return;
	}
	if (msg.has_sn && client->peer && hub_has_session(client->peer))
		hub_ack(client->peer, msg.sn);
	handlers[msg.type].handle(client, &msg);
}
