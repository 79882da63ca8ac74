/* engine_ws.c: Engine.IO over WebSocket, and the upgrade from polling. */
#include <assert.h>
#include <errno.h>

#include "net/handshake.h"
#include "socketio/engine_session.h"

static void ignore_message(struct wsconn *ws, struct span message, void *arg)
{
	(void)ws;
	(void)message;
	(void)arg;
}

static void ignore_close(struct wsconn *ws, enum wsconn_end end,
			 const char *reason, void *arg)
{
	(void)ws;
	(void)end;
	(void)reason;
	(void)arg;
}

/* A WebSocket that is on its way out and belongs to no session. */
static const struct wsconn_ops orphan_ops = {
	.on_text = ignore_message,
	.on_binary = ignore_message,
	.on_close = ignore_close,
	.has_own_heartbeat = true,
};

static size_t max_message_bytes(void *arg)
{
	const struct engine_session *session = arg;

	return session->max_payload_bytes;
}

void engine_ws_drop(struct wsconn **ws, uint16_t code, const char *reason)
{
	struct wsconn *dropped = *ws;

	if (!dropped)
		return;
	*ws = NULL;
	wsconn_set_ops(dropped, &orphan_ops, NULL);
	wsconn_close(dropped, code, reason);
}

/* --- a session's own WebSocket --- */

static void on_text(struct wsconn *ws, struct span text, void *arg)
{
	struct engine_session *session = arg;
	struct eio_packet packet;

	(void)ws;
	if (eio_parse_text(text, &packet))
		engine_close(session, ENGINE_FAILED, "bad packet");
	else
		engine_take(session, &packet);
}

static void on_binary(struct wsconn *ws, struct span bytes, void *arg)
{
	struct engine_session *session = arg;
	struct eio_packet packet;

	(void)ws;
	if (eio_parse_binary(session->version, bytes, &packet))
		engine_close(session, ENGINE_FAILED, "bad binary packet");
	else
		engine_take(session, &packet);
}

void engine_vouch(struct engine_session *session)
{
	if (session->ws)
		conn_vouch(wsconn_conn(session->ws));
}

void engine_ws_prove(struct engine_session *session)
{
	session->engine->ops->on_ping(session->owner);
	session->proof = PROOF_PINGED;
	(void)wsconn_ping(session->ws, SPAN("proof"));
}

static void on_pong(struct wsconn *ws, struct span payload, void *arg)
{
	struct engine_session *session = arg;

	(void)ws;
	(void)payload;
	if (session->proof != PROOF_PINGED || session->is_over)
		return;
	session->proof = PROOF_NONE;
	session->engine->ops->on_pong(session->owner);
}

static void on_close(struct wsconn *ws, enum wsconn_end end, const char *reason,
		     void *arg)
{
	static const enum engine_end ends[] = {
		[WSCONN_LEFT] = ENGINE_LEFT,
		[WSCONN_GONE_AWAY] = ENGINE_GONE_AWAY,
		[WSCONN_LOST] = ENGINE_LOST,
		[WSCONN_SLOW] = ENGINE_SLOW,
		[WSCONN_FAILED] = ENGINE_FAILED,
		[WSCONN_CLOSED] = ENGINE_CLOSED,
	};
	struct engine_session *session = arg;

	(void)ws;
	session->ws = NULL;
	engine_end(session, ends[end], reason);
}

static const struct wsconn_ops session_ops = {
	.on_text = on_text,
	.on_binary = on_binary,
	.on_pong = on_pong,
	.on_close = on_close,
	.max_message_bytes = max_message_bytes,
	.has_own_heartbeat = true,
};

/* A text packet: its type, and what stands behind. */
struct typed {
	char type;
	struct span parts[WSCONN_MAX_PARTS];
	size_t count;
};

static void set_type(struct typed *typed, enum eio_type type,
		     const struct span *parts, size_t parts_count)
{
	assert(parts_count < WSCONN_MAX_PARTS);
	typed->type = (char)type;
	typed->parts[0] = span_of(&typed->type, 1);
	for (size_t i = 0; i < parts_count; i++)
		typed->parts[i + 1] = parts[i];
	typed->count = parts_count + 1;
}

int engine_ws_send(struct engine_session *session, enum eio_type type,
		   const struct span *parts, size_t parts_count)
{
	struct typed typed;

	set_type(&typed, type, parts, parts_count);
	return wsconn_send(session->ws, typed.parts, typed.count);
}

int engine_ws_send_binary(struct engine_session *session, struct span bytes)
{
	static const char message = EIO_MESSAGE - '0';
	const struct span parts[] = {{&message, 1}, bytes};

	if (session->version == EIO_3)
		return wsconn_send_binary(session->ws, parts, 2);
	return wsconn_send_binary(session->ws, &bytes, 1);
}

struct blob *engine_encode(const struct span *parts, size_t parts_count)
{
	struct typed typed;

	set_type(&typed, EIO_MESSAGE, parts, parts_count);
	return wsconn_encode(typed.parts, typed.count);
}

int engine_send_encoded(struct engine_session *session, struct blob *message)
{
	const struct share whole = share_of(message);
	struct span text = wsconn_frame_payload(message);

	if (session->is_over)
		return -EPIPE;
	if (session->transport == WEBSOCKET)
		return wsconn_send_frame(session->ws, &whole);
	text = span_skip(text, 1);
	return engine_poll_queue(session, EIO_MESSAGE, &text, 1);
}

void engine_ws_handshake(struct engine *engine, struct web_exchange *exchange,
			 const struct web_request *request,
			 enum eio_version version, const char *accept)
{
	struct engine_session *session =
		engine_open(engine, request, version, WEBSOCKET);
	struct buf json = {0};

	if (!session) {
		web_reply_problem(exchange, 503, "out of memory", NULL);
		return;
	}
	session->ws = wsconn_new(handshake_accept(exchange, accept, NULL),
				 &session_ops, session);
	if (!session->ws) {
		engine_end(session, ENGINE_CLOSED, "out of memory");
		return;
	}
	engine_write_open(session, &json);
	(void)engine_ws_send(session, EIO_OPEN,
			     &(struct span){json.ptr, json.len}, 1);
	buf_clear(&json);
	engine_tell_open(session, request);
}

/* --- the upgrade --- */

/* Nobody is upgrading any more. */
static void forget_probe(struct engine_session *session)
{
	session->probe = NULL;
	session->has_probed = false;
	session->probe_ends_ms = 0;
	if (!session->is_over)
		engine_restart_timer(session);
}

void engine_ws_end_probe(struct engine_session *session, const char *reason)
{
	engine_ws_drop(&session->probe, WS_CLOSE_POLICY, reason);
	forget_probe(session);
}

/* What waits for a poll goes first, in its order. */
static void send_queue(struct engine_session *session, struct buf *queue)
{
	struct eio_reader reader = {
		.version = session->version,
		.next = queue->ptr,
		.left = queue->len,
	};
	struct eio_packet packet;

	while (queue->len && eio_next(&reader, &packet) > 0) {
		if (packet.is_binary)
			(void)engine_ws_send_binary(session, packet.data);
		else
			(void)engine_ws_send(session, packet.type, &packet.data,
					     1);
	}
	buf_clear(queue);
}

static void upgrade(struct engine_session *session)
{
	struct buf queue = session->queue;

	session->queue = (struct buf){0};
	engine_poll_release(session);
	session->ws = session->probe;
	engine_leave_polling(session);
	wsconn_set_ops(session->ws, &session_ops, session);
	forget_probe(session);
	send_queue(session, &queue);
	if (session->proof)
		engine_ws_prove(session);
}

static void on_probe_text(struct wsconn *ws, struct span text, void *arg)
{
	struct engine_session *session = arg;
	struct eio_packet packet;
	int err = eio_parse_text(text, &packet);

	if (!err && packet.type == EIO_PING &&
	    span_equal(packet.data, SPAN("probe"))) {
		(void)wsconn_send(ws, &SPAN("3probe"), 1);
		session->has_probed = true;
		engine_poll_release(session);
	} else if (!err && packet.type == EIO_UPGRADE && session->has_probed) {
		upgrade(session);
	} else {
		engine_ws_end_probe(session, "expected a probe");
	}
}

static void on_probe_binary(struct wsconn *ws, struct span bytes, void *arg)
{
	struct engine_session *session = arg;

	(void)ws;
	(void)bytes;
	engine_ws_end_probe(session, "expected a probe");
}

static void on_probe_close(struct wsconn *ws, enum wsconn_end end,
			   const char *reason, void *arg)
{
	struct engine_session *session = arg;

	(void)ws;
	(void)end;
	(void)reason;
	forget_probe(session);
}

static const struct wsconn_ops probe_ops = {
	.on_text = on_probe_text,
	.on_binary = on_probe_binary,
	.on_close = on_probe_close,
	.max_message_bytes = max_message_bytes,
	.has_own_heartbeat = true,
};

void engine_ws_probe(struct engine_session *session,
		     struct web_exchange *exchange, const char *accept)
{
	struct conn *conn = handshake_accept(exchange, accept, NULL);
	struct wsconn *second;

	if (session->transport == WEBSOCKET || session->probe) {
		second = wsconn_new(conn, &orphan_ops, NULL);
		if (second)
			wsconn_close(second, WS_CLOSE_POLICY,
				     "the session has its WebSocket");
		return;
	}
	session->probe = wsconn_new(conn, &probe_ops, session);
	session->probe_ends_ms = engine_now_ms(session) +
				 session->engine->limits.upgrade_timeout_ms;
	engine_restart_timer(session);
}
