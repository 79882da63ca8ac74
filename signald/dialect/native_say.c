/* native_say.c: what clients say in the native dialect, and the answers. */
#include <errno.h>

#include "base/log.h"
#include "codec/json.h"
#include "dialect/name.h"
#include "dialect/native_session.h"
#include "dialect/native_write.h"
#include "policy/metric.h"

#define ROLE_CAP 16

/* An answer that has nothing but ref and n. */
static void send_answer(struct native_session *session, const char *type,
			const struct msg *msg)
{
	struct buf *out = native_begin(session);

	msg_begin_answer(out, type, msg);
	buf_append_str(out, "}");
	native_send(session);
}

static void send_ack(struct native_session *session, const struct msg *msg)
{
	if (msg->ref.ptr)
		send_answer(session, "ack", msg);
}

static void send_error(struct native_session *session, const struct msg *msg,
		       enum msg_error_code code, const char *message)
{
	metric_add(METRIC_REFUSED_MESSAGES, 1);
	msg_write_error(native_begin(session), msg,
			&(struct msg_error){code, message});
	native_send(session);
}

static struct native_sources sources_of(const struct native_session *session)
{
	return (struct native_sources){
		.peer = session->peer,
		.config = session->native->loop->config,
		.icelist = *session->native->icelist,
	};
}

/* An answer that one of the writers makes. */
static void send_written(struct native_session *session, const struct msg *msg,
			 void (*write)(struct buf *out, const struct msg *msg,
				       const struct native_sources *sources))
{
	struct native_sources sources = sources_of(session);

	write(native_begin(session), msg, &sources);
	native_send(session);
}

static int read_role(struct span raw, enum hub_role *role)
{
	char name[ROLE_CAP];
	size_t len;

	*role = ROLE_PEER;
	if (!raw.ptr)
		return 0;
	if (json_decode_string(raw, name, sizeof(name), &len))
		return -EINVAL;
	return hub_role_parse(span_of(name, len), role);
}

static void refuse_join(struct native_session *session, const struct msg *msg,
			int err)
{
	switch (err) {
	case -EEXIST:
		send_error(session, msg, MSG_ROLE_TAKEN,
			   "the room has its broadcaster; join as a watcher or "
			   "try again when it has left");
		break;
	case -ENOSPC:
		send_error(session, msg, MSG_ROOM_FULL,
			   "the room is full (rooms.max_peers_per_room)");
		break;
	case -ENFILE:
		send_error(session, msg, MSG_TOO_MANY_ROOMS,
			   "the server has no more rooms (rooms.max_rooms)");
		break;
	default:
		send_error(session, msg, MSG_INTERNAL,
			   "the server is out of memory; try again later");
	}
}

static void enter(struct native_session *session, const struct msg *msg,
		  const struct hub_join *join)
{
	int err = hub_join(session->native->hub, join, &session->peer);
	char client[NET_ADDR_CAP];

	if (err) {
		refuse_join(session, msg, err);
		return;
	}
	if (!session->native->is_draining)
		wsconn_set_deadline(session->ws, 0);
	net_addr_format(conn_peer(wsconn_conn(session->ws)), client);
	log_info("peer.join", log_span("room", join->room),
		 log_str("id", session->peer->id),
		 log_str("role", hub_role_name(join->role)),
		 log_str("client", client));
	send_written(session, msg, native_write_joined);
}

static void on_join(struct native_session *session, const struct msg *msg)
{
	size_t max_metadata =
		session->native->loop->config->rooms.max_metadata_bytes;
	char room[NAME_MAX_BYTES + 1], name[NAME_MAX_BYTES + 1];
	struct hub_join join = {
		.metadata = msg->metadata,
		.ops = &native_peer_ops,
		.arg = session,
	};
	size_t len;

	if (session->peer) {
		send_error(session, msg, MSG_ALREADY_JOINED,
			   "this connection is in a room; leave it first");
		return;
	}
	if (name_decode(msg->room, room, &len) || !len) {
		send_error(session, msg, MSG_BAD_ROOM,
			   "room must have 1 to 128 bytes and no control "
			   "characters");
		return;
	}
	join.room = span_of(room, len);
	if (read_role(msg->role, &join.role)) {
		send_error(session, msg, MSG_BAD_ROLE,
			   "role must be peer, broadcaster, watcher or "
			   "operator");
		return;
	}
	if (msg->name.ptr) {
		if (name_decode(msg->name, name, &len)) {
			send_error(session, msg, MSG_BAD_MESSAGE,
				   "name must have at most 128 bytes and no "
				   "control characters");
			return;
		}
		join.name = span_of(name, len);
	}
	if (msg->metadata.len > max_metadata) {
		send_error(session, msg, MSG_BAD_MESSAGE,
			   "metadata is longer than limits.maxMetadataBytes");
		return;
	}
	enter(session, msg, &join);
}

static void on_relay(struct native_session *session, const struct msg *msg)
{
	struct envelope envelope = {
		.kind = (enum envelope_kind)msg->type,
		.payload = msg->payload,
	};
	int err = hub_send(session->native->hub, session->peer, msg->to,
			   &envelope);

	switch (err) {
	case 0:
		send_ack(session, msg);
		break;
	case -ENOBUFS:
		send_error(session, msg, MSG_QUEUE_FULL,
			   "this peer does not read what it is sent");
		break;
	default: /* not there, or its connection has just ended */
		send_error(session, msg, MSG_UNKNOWN_PEER,
			   "no peer of this id is in the room; it may have "
			   "left");
	}
}

static void on_broadcast(struct native_session *session, const struct msg *msg)
{
	hub_broadcast(session->peer,
		      &(struct envelope){.kind = ENVELOPE_BROADCAST,
					 .payload = msg->payload});
	send_ack(session, msg);
}

static void on_ice(struct native_session *session, const struct msg *msg)
{
	send_written(session, msg, native_write_ice);
}

static void on_peers(struct native_session *session, const struct msg *msg)
{
	send_written(session, msg, native_write_peers);
}

static void on_ping(struct native_session *session, const struct msg *msg)
{
	send_answer(session, "pong", msg);
}

static void on_leave(struct native_session *session, const struct msg *msg)
{
	hub_leave(session->native->hub, session->peer, LEAVE_LEFT);
	session->peer = NULL;
	send_answer(session, "left", msg);
	native_start_join_deadline(session);
}

static const struct {
	void (*handle)(struct native_session *session, const struct msg *msg);
	bool needs_room;
} handlers[MSG_TYPES_COUNT] = {
	[MSG_OFFER] = {on_relay, true},
	[MSG_ANSWER] = {on_relay, true},
	[MSG_CANDIDATE] = {on_relay, true},
	[MSG_SIGNAL] = {on_relay, true},
	[MSG_BROADCAST] = {on_broadcast, true},
	[MSG_JOIN] = {on_join, false},
	[MSG_ICE] = {on_ice, true},
	[MSG_PEERS] = {on_peers, true},
	[MSG_PING] = {on_ping, false},
	[MSG_LEAVE] = {on_leave, true},
};

void native_take_text(struct native_session *session, struct span text)
{
	struct msg_error error;
	struct msg msg;

	if (msg_parse(text, &msg, &error)) {
		send_error(session, &msg, error.code, error.message);
		if (error.code == MSG_BAD_JSON)
			wsconn_close(session->ws, WS_CLOSE_INVALID_DATA,
				     "not JSON");
	} else if (handlers[msg.type].needs_room && !session->peer) {
		send_error(session, &msg, MSG_NOT_JOINED, "join a room first");
	} else {
		handlers[msg.type].handle(session, &msg);
	}
}

void native_send_ice(struct native_session *session)
{
	static const struct msg unasked;

	if (session->peer)
		on_ice(session, &unasked);
}
