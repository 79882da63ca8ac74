/* native.c: the native dialect: docs/protocol.md over WebSocket. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "dialect/native_client.h"
#include "dialect/native_write.h"
#include "net/handshake.h"

/* Clients of a server that has gone come back within so long of its end, none
 * at the very moment. */
#define RETURN_AFTER_MS 250
#define RETURN_SPREAD_MS 1000
#define SUBPROTOCOL "signald.v1"

static void on_text(struct wsconn *ws, struct span text, void *arg);
static void on_pong(struct wsconn *ws, struct span payload, void *arg);
static void on_slowed(struct wsconn *ws, uint64_t wait_ms, void *arg);
static void on_deadline(struct wsconn *ws, void *arg);
static void on_close(struct wsconn *ws, enum wsconn_end end, const char *reason,
		     void *arg);

static const struct wsconn_ops ws_handlers = {
	.on_text = on_text,
	.on_pong = on_pong,
	.on_slowed = on_slowed,
	.on_deadline = on_deadline,
	.on_close = on_close,
};

int native_new(struct native **nativep, const struct native_parts *parts)
{
	struct native *native = calloc(1, sizeof(*native));

	if (!native)
		return -ENOMEM;
	native->parts = *parts;
	native_init_push(native);
	*nativep = native;
	return 0;
}

void native_free(struct native *native)
{
	if (!native)
		return;
	native_stop_push(native);
	buf_clear(&native->out);
	free(native);
}

struct buf *native_begin(struct native_client *client)
{
	client->native->out.len = 0;
	return &client->native->out;
}

void native_send(struct native_client *client)
{
	struct buf *out = &client->native->out;

	if (out->failed) {
		buf_clear(out);
		conn_close(wsconn_conn(client->ws), "out of memory");
		return;
	}
	(void)wsconn_send(client->ws, &(struct span){out->ptr, out->len}, 1);
}

/* --- beginning and end --- */

static uint64_t now_ms(const struct native_client *client)
{
	return client->native->parts.loop->clock.mono_ms;
}

void native_start_join_deadline(struct native_client *client)
{
	const struct config *config = client->native->parts.loop->config;

	client->ice_due_ms = 0;
	client->token_due_ms = 0;
	if (client->native->is_draining)
		return; /* the time of its end has been announced */
	wsconn_set_deadline(client->ws,
			    now_ms(client) +
				    config->websocket.join_timeout_s * 1000ull);
}

static void restart_refreshing(struct native_client *client)
{
	uint64_t at = client->ice_due_ms;

	if (client->token_due_ms && client->token_due_ms < at)
		at = client->token_due_ms;
	if (!client->native->is_draining)
		wsconn_set_deadline(client->ws, at);
}

/* Of the golden section, and odd: whatever follows in such steps is spread
 * evenly over a byte's values. */
#define SPREAD_STEP 157

/* Credentials at 65 to 70 % of their life: before the client asks for them at
 * 75 %, and not everybody's at once. */
static void set_ice_due(struct native_client *client)
{
	struct native *native = client->native;
	uint64_t ttl_s = icelist_ttl_s(*native->parts.icelist, client->ttl_s,
				       client->peer->max_ttl_s);

	client->ice_state = native->ice_state;
	native->spread = (uint8_t)(native->spread + SPREAD_STEP);
	client->ice_due_ms = now_ms(client) +
			     ttl_s * (650 + 50u * native->spread / UINT8_MAX);
}

static void set_token_due(struct native_client *client)
{
	const struct config *config = client->native->parts.loop->config;

	client->key_state = client->native->key_state;
	client->token_due_ms =
		now_ms(client) + config->session.token_ttl_s * (1000ull / 2);
}

void native_start_refreshing(struct native_client *client)
{
	set_ice_due(client);
	if (hub_has_session(client->peer))
		set_token_due(client);
	restart_refreshing(client);
}

void native_restart_ice(struct native_client *client)
{
	set_ice_due(client);
	restart_refreshing(client);
}

void native_renew_token(struct native_client *client)
{
	native_send_token(client);
	set_token_due(client);
	restart_refreshing(client);
}

static void refresh(struct native_client *client)
{
	if (client->ice_due_ms <= now_ms(client))
		native_renew_ice(client);
	if (client->token_due_ms && client->token_due_ms <= now_ms(client))
		native_renew_token(client);
	restart_refreshing(client);
}

static void on_text(struct wsconn *ws, struct span text, void *arg)
{
	(void)ws;
	native_take_text(arg, text);
}

static void on_pong(struct wsconn *ws, struct span payload, void *arg)
{
	(void)ws;
	native_prove(arg, payload);
}

static void on_slowed(struct wsconn *ws, uint64_t wait_ms, void *arg)
{
	(void)ws;
	native_tell_slowed(arg, wait_ms);
}

static void on_deadline(struct wsconn *ws, void *arg)
{
	struct native_client *client = arg;

	if (client->native->is_draining)
		wsconn_close(ws, WS_CLOSE_SERVICE_RESTART, "server restarts");
	else if (client->peer)
		refresh(client);
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

/* Who may come back is away; the others hear that one without a session left,
 * after a moment where its page may be loading again. */
static void end_peer(struct native_client *client, enum wsconn_end end)
{
	const struct native *native = client->native;
	struct hub *hub = native->parts.hub;
	enum hub_leave_reason reason = leave_reason(native, end);
	struct peer *peer = client->peer;

	if (!peer)
		return;
	client->peer = NULL;
	if (hub_has_session(peer) && end != WSCONN_LEFT && end != WSCONN_FAILED)
		hub_away(hub, peer,
			 end == WSCONN_GONE_AWAY ? LEAVE_LEFT : LEAVE_LOST);
	else if (end == WSCONN_GONE_AWAY)
		hub_hold(hub, peer);
	else
		hub_leave(hub, peer, reason);
}

static void on_close(struct wsconn *ws, enum wsconn_end end, const char *reason,
		     void *arg)
{
	struct native_client *client = arg;
	struct native *native = client->native;

	(void)ws;
	log_debug("client.close", log_str("reason", reason));
	native_forget_requests(client);
	native_forget_orders(client);
	native_forget_push(client);
	native_end_admission(client);
	shown_forget(&client->shown);
	end_peer(client, end);
	outlog_clear(&client->unproved, GONE);
	if (client->prev)
		client->prev->next = client->next;
	else
		native->clients = client->next;
	if (client->next)
		client->next->prev = client->prev;
	native->clients_count--;
	free(client);
}

static void open_client(struct native *native,
			const struct web_request *request, struct conn *conn)
{
	struct native_client *client = calloc(1, sizeof(*client));

	if (!client) {
		conn_close(conn, "out of memory");
		return;
	}
	client->native = native;
	client->ws = wsconn_new(conn, &ws_handlers, client);
	if (!client->ws) {
		free(client);
		return;
	}
	shown_keep(&client->shown, native->parts.loop->config, request);
	client->next = native->clients;
	if (native->clients)
		native->clients->prev = client;
	native->clients = client;
	native->clients_count++;
	native_start_join_deadline(client);
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
	if (!handshake_admit(exchange, request))
		return;
	open_client(native, request,
		    handshake_accept(exchange, accept, SUBPROTOCOL));
}

size_t native_clients_count(const struct native *native)
{
	return native->clients_count;
}

static uint64_t random_below(uint64_t bound)
{
	uint32_t random;

	crypto_random(&random, sizeof(random));
	return random * bound >> 32;
}

/* Each is closed at a time of its own, and comes back when the server that
 * takes our place may be there. */
void native_drain(struct native *native, unsigned spread_s)
{
	uint64_t spread_ms = spread_s * 1000ull;

	native->is_draining = true;
	for (struct native_client *client = native->clients; client;
	     client = client->next) {
		uint64_t wait_ms = random_below(spread_ms);

		native_write_go_away(native_begin(client),
				     spread_ms - wait_ms + RETURN_AFTER_MS +
					     random_below(RETURN_SPREAD_MS));
		native_send(client);
		wsconn_set_deadline(client->ws, now_ms(client) + wait_ms);
	}
}
