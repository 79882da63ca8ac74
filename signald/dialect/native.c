/* native.c: the native dialect: docs/protocol.md over WebSocket. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "codec/json.h"
#include "dialect/handshake.h"
#include "dialect/native.h"
#include "dialect/native_write.h"
#include "net/wsconn.h"
#include "policy/metric.h"

#define ROLE_CAP 16
/* A client told to go waits so long after its close before it comes back. */
#define RECONNECT_AFTER_CLOSE_MS 250

struct native {
	struct loop *loop;
	struct hub *hub;
	struct icelist *const *icelist;
	struct session *sessions;
	size_t sessions_count;
	struct buf out; /* the message being written; kept for the next */
	bool is_draining;
};

/* A connection, and the peer it is while it is in a room. */
struct session {
	struct native *native;
	struct wsconn *ws;
	struct peer *peer; /* NULL outside a room */
	struct session *prev;
	struct session *next;
};

static void on_text(struct wsconn *ws, struct span text, void *arg);
static void on_deadline(struct wsconn *ws, void *arg);
static void on_close(struct wsconn *ws, enum wsconn_end end, const char *reason,
		     void *arg);
static int deliver(struct envelope *envelope, void *arg);

static const struct wsconn_ops ws_handlers = {on_text, on_deadline, on_close};
static const struct peer_ops peer_handlers = {deliver};

int native_new(struct native **nativep, struct loop *loop, struct hub *hub,
	       struct icelist *const *icelist)
{
	struct native *native = calloc(1, sizeof(*native));

	if (!native)
		return -ENOMEM;
	native->loop = loop;
	native->hub = hub;
	native->icelist = icelist;
	*nativep = native;
	return 0;
}

void native_free(struct native *native)
{
	if (!native)
		return;
	buf_clear(&native->out);
	free(native);
}

/* --- what is sent --- */

/* An empty buffer to write one message into; send_message() sends it. */
static struct buf *begin_message(struct session *session)
{
	session->native->out.len = 0;
	return &session->native->out;
}

static void send_message(struct session *session)
{
	struct buf *out = &session->native->out;

	if (out->failed) {
		buf_clear(out);
		conn_close(wsconn_conn(session->ws), "out of memory");
		return;
	}
	(void)wsconn_send(session->ws, &(struct span){out->ptr, out->len}, 1);
}

/* An answer that has nothing but ref and n. */
static void send_answer(struct session *session, const char *type,
			const struct msg *msg)
{
	struct buf *out = begin_message(session);

	msg_begin_answer(out, type, msg);
	buf_append_str(out, "}");
	send_message(session);
}

static void send_ack(struct session *session, const struct msg *msg)
{
	if (msg->ref.ptr)
		send_answer(session, "ack", msg);
}

static void send_error(struct session *session, const struct msg *msg,
		       enum msg_error_code code, const char *message)
{
	metric_add(METRIC_REFUSED_MESSAGES, 1);
	msg_write_error(begin_message(session), msg,
			&(struct msg_error){code, message});
	send_message(session);
}

static struct native_sources sources_of(const struct session *session)
{
	return (struct native_sources){
		.peer = session->peer,
		.config = session->native->loop->config,
		.icelist = *session->native->icelist,
	};
}

/* An answer that one of the writers makes. */
static void send_written(struct session *session, const struct msg *msg,
			 void (*write)(struct buf *out, const struct msg *msg,
				       const struct native_sources *sources))
{
	struct native_sources sources = sources_of(session);

	write(begin_message(session), msg, &sources);
	send_message(session);
}

/* --- what the hub has for this peer --- */

static struct blob *encode_for_many(const struct envelope *envelope)
{
	struct span parts[3];
	char prefix[MSG_PREFIX_CAP];
	struct buf event = {0};
	struct blob *frame = NULL;

	if (envelope->kind == ENVELOPE_BROADCAST) {
		native_write_relayed(envelope, prefix, parts);
		return wsconn_encode(parts, 3);
	}
	native_write_event(&event, envelope);
	if (!event.failed)
		frame = wsconn_encode(&(struct span){event.ptr, event.len}, 1);
	buf_clear(&event);
	return frame;
}

static int deliver(struct envelope *envelope, void *arg)
{
	struct session *session = arg;
	struct blob **frame = &envelope->frames[FORM_NATIVE];
	char prefix[MSG_PREFIX_CAP];
	struct span parts[3];

	if (!envelope->is_for_many) {
		native_write_relayed(envelope, prefix, parts);
		return wsconn_send(session->ws, parts, 3);
	}
	if (!*frame)
		*frame = encode_for_many(envelope);
	if (!*frame) {
		/* What it is not told it would never learn: better it rejoins.
		 */
		conn_close(wsconn_conn(session->ws), "out of memory");
		return -ENOMEM;
	}
	return wsconn_send_frame(session->ws, *frame);
}

/* --- what the client says --- */

static void start_join_deadline(struct session *session)
{
	const struct loop *loop = session->native->loop;

	if (session->native->is_draining)
		return; /* the time of its end has been announced */
	wsconn_set_deadline(session->ws,
			    loop->clock.mono_ms +
				    loop->config->websocket.join_timeout_s *
					    1000ull);
}

/* U+0000 to U+001F, U+007F to U+009F; text is UTF-8, ended by a NUL. */
static bool is_control(const char *text)
{
	unsigned char c = (unsigned char)text[0], next = (unsigned char)text[1];

	return c < 0x20 || c == 0x7f || (c == 0xc2 && next < 0xa0);
}

/* Printable text of a bounded length: a name that can be shown and logged. */
static int decode_name(struct span raw, char *out, size_t cap, size_t *len)
{
	if (json_decode_string(raw, out, cap, len))
		return -EINVAL;
	for (size_t i = 0; i < *len; i++)
		if (is_control(out + i))
			return -EINVAL;
	return 0;
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

static void refuse_join(struct session *session, const struct msg *msg, int err)
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

static void enter(struct session *session, const struct msg *msg,
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

static void on_join(struct session *session, const struct msg *msg)
{
	size_t max_metadata =
		session->native->loop->config->rooms.max_metadata_bytes;
	char room[MSG_MAX_ROOM + 1], name[MSG_MAX_NAME + 1];
	struct hub_join join = {
		.metadata = msg->metadata,
		.ops = &peer_handlers,
		.arg = session,
	};
	size_t len;

	if (session->peer) {
		send_error(session, msg, MSG_ALREADY_JOINED,
			   "this connection is in a room; leave it first");
		return;
	}
	if (decode_name(msg->room, room, sizeof(room), &len) || !len) {
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
		if (decode_name(msg->name, name, sizeof(name), &len)) {
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

static void on_relay(struct session *session, const struct msg *msg)
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

static void on_broadcast(struct session *session, const struct msg *msg)
{
	hub_broadcast(session->peer,
		      &(struct envelope){.kind = ENVELOPE_BROADCAST,
					 .payload = msg->payload});
	send_ack(session, msg);
}

static void on_ice(struct session *session, const struct msg *msg)
{
	send_written(session, msg, native_write_ice);
}

static void on_peers(struct session *session, const struct msg *msg)
{
	send_written(session, msg, native_write_peers);
}

static void on_ping(struct session *session, const struct msg *msg)
{
	send_answer(session, "pong", msg);
}

static void part(struct session *session, enum hub_leave_reason reason)
{
	if (!session->peer)
		return;
	log_info("peer.leave", log_str("id", session->peer->id),
		 log_str("reason", hub_leave_reason_name(reason)));
	hub_leave(session->native->hub, session->peer, reason);
	session->peer = NULL;
}

static void on_leave(struct session *session, const struct msg *msg)
{
	part(session, LEAVE_LEFT);
	send_answer(session, "left", msg);
	start_join_deadline(session);
}

static const struct {
	void (*handle)(struct session *session, const struct msg *msg);
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

static void on_text(struct wsconn *ws, struct span text, void *arg)
{
	struct session *session = arg;
	struct msg_error error;
	struct msg msg;

	if (msg_parse(text, &msg, &error)) {
		send_error(session, &msg, error.code, error.message);
		if (error.code == MSG_BAD_JSON)
			wsconn_close(ws, WS_CLOSE_INVALID_DATA, "not JSON");
	} else if (handlers[msg.type].needs_room && !session->peer) {
		send_error(session, &msg, MSG_NOT_JOINED, "join a room first");
	} else {
		handlers[msg.type].handle(session, &msg);
	}
}

/* --- beginning and end --- */

static void on_deadline(struct wsconn *ws, void *arg)
{
	struct session *session = arg;

	if (session->native->is_draining)
		wsconn_close(ws, WS_CLOSE_SERVICE_RESTART, "server restarts");
	else
		wsconn_close(ws, WS_CLOSE_POLICY, "join timeout");
}

static enum hub_leave_reason leave_reason(const struct native *native,
					  enum wsconn_end end)
{
	switch (end) {
	case WSCONN_LEFT:
		return LEAVE_LEFT;
	case WSCONN_SLOW:
		return LEAVE_SLOW;
	case WSCONN_FAILED:
		return LEAVE_ERROR;
	case WSCONN_CLOSED:
		return native->is_draining ? LEAVE_SHUTDOWN : LEAVE_ERROR;
	default:
		return LEAVE_LOST;
	}
}

static void on_close(struct wsconn *ws, enum wsconn_end end, const char *reason,
		     void *arg)
{
	struct session *session = arg;
	struct native *native = session->native;

	(void)ws;
	log_debug("session.close", log_str("reason", reason));
	part(session, leave_reason(native, end));
	if (session->prev)
		session->prev->next = session->next;
	else
		native->sessions = session->next;
	if (session->next)
		session->next->prev = session->prev;
	native->sessions_count--;
	free(session);
}

static void open_session(struct native *native, struct conn *conn)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session) {
		conn_close(conn, "out of memory");
		return;
	}
	session->native = native;
	session->ws = wsconn_new(conn, &ws_handlers, session);
	if (!session->ws) {
		free(session);
		return;
	}
	session->next = native->sessions;
	if (native->sessions)
		native->sessions->prev = session;
	native->sessions = session;
	native->sessions_count++;
	start_join_deadline(session);
}

void native_handle(struct web_exchange *exchange,
		   const struct web_request *request, void *arg)
{
	struct native *native = arg;
	char accept[WS_ACCEPT_LEN + 1];
	char headers[256];

	if (handshake_check(exchange, request, SPAN("signald.v1"), accept))
		return;
	if (native->is_draining) {
		web_reply_problem(exchange, 503, "the server is going down",
				  "Retry-After: 5\r\n");
		return;
	}
	(void)snprintf(headers, sizeof(headers),
		       "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		       "Sec-WebSocket-Accept: %s\r\n"
		       "Sec-WebSocket-Protocol: signald.v1\r\n",
		       accept);
	open_session(native, web_switch_protocols(exchange, headers));
}

size_t native_sessions_count(const struct native *native)
{
	return native->sessions_count;
}

void native_push_ice(struct native *native)
{
	static const struct msg unasked;

	for (struct session *session = native->sessions; session;
	     session = session->next)
		if (session->peer)
			on_ice(session, &unasked);
}

void native_drain(struct native *native, unsigned spread_s)
{
	uint64_t now_ms = native->loop->clock.mono_ms;
	uint32_t random;

	native->is_draining = true;
	for (struct session *session = native->sessions; session;
	     session = session->next) {
		uint64_t wait_ms;

		crypto_random(&random, sizeof(random));
		wait_ms = (uint64_t)random * spread_s * 1000 >> 32;
		native_write_go_away(begin_message(session),
				     wait_ms + RECONNECT_AFTER_CLOSE_MS);
		send_message(session);
		wsconn_set_deadline(session->ws, now_ms + wait_ms);
	}
}
