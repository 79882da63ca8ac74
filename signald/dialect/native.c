/* native.c: the native dialect: docs/protocol.md over WebSocket. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "dialect/native_session.h"
#include "dialect/native_write.h"
#include "net/handshake.h"

/* A client told to go waits so long after its close before it comes back. */
#define RECONNECT_AFTER_CLOSE_MS 250
#define SUBPROTOCOL "signald.v1"

static void on_text(struct wsconn *ws, struct span text, void *arg);
static void on_deadline(struct wsconn *ws, void *arg);
static void on_close(struct wsconn *ws, enum wsconn_end end, const char *reason,
		     void *arg);
static int deliver(struct envelope *envelope, void *arg);

static const struct wsconn_ops ws_handlers = {
	.on_text = on_text,
	.on_deadline = on_deadline,
	.on_close = on_close,
};
const struct peer_ops native_peer_ops = {deliver};

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

struct buf *native_begin(struct native_session *session)
{
	session->native->out.len = 0;
	return &session->native->out;
}

void native_send(struct native_session *session)
{
	struct buf *out = &session->native->out;

	if (out->failed) {
		buf_clear(out);
		conn_close(wsconn_conn(session->ws), "out of memory");
		return;
	}
	(void)wsconn_send(session->ws, &(struct span){out->ptr, out->len}, 1);
}

/* --- what the hub has for this peer --- */

static bool is_relayed(const struct envelope *envelope)
{
	return envelope->kind < ENVELOPE_PEER_JOINED;
}

/* Events of Socket.IO, and messages that have a form for it alone, do not. */
static bool says_something(const struct envelope *envelope)
{
	return !is_relayed(envelope) ||
	       (envelope->kind != ENVELOPE_EVENT && envelope->payload.ptr);
}

static struct blob *encode_for_many(const struct envelope *envelope)
{
	struct span parts[3];
	char prefix[MSG_PREFIX_CAP];
	struct buf event = {0};
	struct blob *frame = NULL;

	if (is_relayed(envelope)) {
		native_write_relayed(envelope, prefix, parts);
		return wsconn_encode(parts, 3);
	}
	native_write_event(&event, envelope);
	if (!event.failed)
		frame = wsconn_encode(&(struct span){event.ptr, event.len}, 1);
	buf_clear(&event);
	return frame;
}

/* What says nothing here is not taken: a sender whom hub_send() tells of
 * success may count on the client to have heard of it. */
static int deliver(struct envelope *envelope, void *arg)
{
	struct native_session *session = arg;
	struct blob **frame = &envelope->frames[FORM_NATIVE];
	char prefix[MSG_PREFIX_CAP];
	struct span parts[3];

	if (!says_something(envelope))
		return -EPIPE;
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

/* --- beginning and end --- */

void native_start_join_deadline(struct native_session *session)
{
	const struct loop *loop = session->native->loop;

	if (session->native->is_draining)
		return; /* the time of its end has been announced */
	wsconn_set_deadline(session->ws,
			    loop->clock.mono_ms +
				    loop->config->websocket.join_timeout_s *
					    1000ull);
}

static void on_text(struct wsconn *ws, struct span text, void *arg)
{
	(void)ws;
	native_take_text(arg, text);
}

static void on_deadline(struct wsconn *ws, void *arg)
{
	struct native_session *session = arg;

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

/* A page that goes away may be loading again: its peer has a moment to come
 * back before the others hear that it left. */
static void end_peer(struct native_session *session, enum wsconn_end end)
{
	const struct native *native = session->native;

	if (!session->peer)
		return;
	if (end == WSCONN_GONE_AWAY)
		hub_hold(native->hub, session->peer);
	else
		hub_leave(native->hub, session->peer,
			  leave_reason(native, end));
	session->peer = NULL;
}

static void on_close(struct wsconn *ws, enum wsconn_end end, const char *reason,
		     void *arg)
{
	struct native_session *session = arg;
	struct native *native = session->native;

	(void)ws;
	log_debug("session.close", log_str("reason", reason));
	end_peer(session, end);
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
	struct native_session *session = calloc(1, sizeof(*session));

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
	native_start_join_deadline(session);
}

void native_handle(struct web_exchange *exchange,
		   const struct web_request *request, void *arg)
{
	struct native *native = arg;
	char accept[WS_ACCEPT_LEN + 1];
	enum handshake_verdict verdict =
		handshake_judge(request, SUBPROTOCOL, accept);

	if (verdict == HANDSHAKE_FOREIGN)
		web_note_foreign(exchange, request);
	if (verdict != HANDSHAKE_GOOD) {
		handshake_refuse(exchange, verdict, SUBPROTOCOL);
		return;
	}
	if (native->is_draining) {
		web_reply_problem(exchange, 503, "the server is going down",
				  "Retry-After: 5\r\n");
		return;
	}
	open_session(native, handshake_accept(exchange, accept, SUBPROTOCOL));
}

size_t native_sessions_count(const struct native *native)
{
	return native->sessions_count;
}

void native_push_ice(struct native *native)
{
	for (struct native_session *session = native->sessions; session;
	     session = session->next)
		native_send_ice(session);
}

void native_drain(struct native *native, unsigned spread_s)
{
	uint64_t now_ms = native->loop->clock.mono_ms;
	uint32_t random;

	native->is_draining = true;
	for (struct native_session *session = native->sessions; session;
	     session = session->next) {
		uint64_t wait_ms;

		crypto_random(&random, sizeof(random));
		wait_ms = (uint64_t)random * spread_s * 1000 >> 32;
		native_write_go_away(native_begin(session),
				     wait_ms + RECONNECT_AFTER_CLOSE_MS);
		native_send(session);
		wsconn_set_deadline(session->ws, now_ms + wait_ms);
	}
}
