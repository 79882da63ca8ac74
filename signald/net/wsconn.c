/* wsconn.c: a WebSocket: whole messages over a connection (RFC 6455). */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "codec/utf8.h"
#include "net/wsconn.h"
#include "policy/metric.h"

#define CLOSE_WAIT_MS 2000
/* A client that sends too much is read again so soon at the latest, so that it
 * is heard to be alive. */
#define MOST_SLOWED_MS 5000
#define TELL_SLOWED_MS 1000

/*
 * A frame that lies whole in the read buffer is unmasked and handed up where it
 * is. One that comes in pieces, or as a fragment, gathers in `message`, checked
 * as it arrives; that buffer exists only while a message is incomplete.
 */
struct wsconn {
	struct conn *conn;
	const struct wsconn_ops *ops;
	void *arg;
	struct buf message;
	uint64_t frame_left;  /* payload bytes of the current frame to come */
	uint64_t frame_len;   /* of its payload */
	uint64_t heard_ms;    /* when the client last sent anything */
	uint64_t begun_ms;    /* when the message in pieces began */
	uint64_t deadline_ms; /* the owner's */
	uint64_t close_by_ms; /* end of the wait for an answer to our close */
	uint64_t messages_ns; /* buckets of what it sends: bucket_charge() */
	uint64_t bytes_ns;
	uint64_t slowed_until_ms; /* nothing is read before; 0: it is */
	uint64_t slowed_told_ms;
	unsigned fragments;	/* frames of the current message so far */
	struct utf8_state utf8; /* of the message so far */
	uint8_t mask[4];
	enum wsconn_end end;
	bool is_in_message; /* a data frame without FIN has come */
	bool is_binary;	    /* the message is */
	bool is_final;	    /* the current frame ends the message */
	bool has_pinged;    /* since heard_ms */
	bool has_sent_close;
	bool is_paused;
};

static size_t on_bytes(struct conn *conn, char *bytes, size_t len, void *arg);
static void on_deadline(struct conn *conn, void *arg);
static void on_close(struct conn *conn, const char *reason, void *arg);

static const struct conn_ops conn_handlers = {
	.on_bytes = on_bytes, .on_deadline = on_deadline, .on_close = on_close};

static uint64_t now_ms(const struct wsconn *ws)
{
	return conn_loop(ws->conn)->clock.mono_ms;
}

/* A message in pieces must be whole by then, however lively it trickles; one
 * whose client has fallen silent ends before. */
static uint64_t message_ends_ms(const struct wsconn *ws)
{
	return ws->begun_ms +
	       conn_loop(ws->conn)->config->websocket.silence_timeout_s *
		       2000ull;
}

/* When silence is next acted upon; 0 where the owner does. */
static uint64_t silence_acts_ms(const struct wsconn *ws)
{
	const struct config *config = conn_loop(ws->conn)->config;

	if (ws->ops->has_own_heartbeat)
		return 0;
	return ws->heard_ms +
	       1000ull * (ws->has_pinged ? config->websocket.silence_timeout_s
					 : config->websocket.ping_interval_s);
}

/* The earlier of two times, of which 0 is none. */
static uint64_t earlier_ms(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* The next of: the owner's deadline, the next ping or the end of patience. */
static void restart_deadline(struct wsconn *ws)
{
	uint64_t at = earlier_ms(silence_acts_ms(ws), ws->deadline_ms);

	at = earlier_ms(at, ws->slowed_until_ms);
	if (ws->is_in_message)
		at = earlier_ms(at, message_ends_ms(ws));
	if (ws->close_by_ms)
		at = ws->close_by_ms;
	conn_set_deadline(ws->conn, at);
}

struct wsconn *wsconn_new(struct conn *conn, const struct wsconn_ops *ops,
			  void *arg)
{
	struct wsconn *ws = calloc(1, sizeof(*ws));

	if (!ws) {
		conn_close(conn, "out of memory");
		return NULL;
	}
	ws->conn = conn;
	ws->ops = ops;
	ws->arg = arg;
	ws->end = WSCONN_LOST;
	ws->heard_ms = now_ms(ws);
	conn_set_ops(conn, &conn_handlers, ws);
	restart_deadline(ws);
	metric_add(METRIC_WEBSOCKETS, 1);
	return ws;
}

void wsconn_set_ops(struct wsconn *ws, const struct wsconn_ops *ops, void *arg)
{
	ws->ops = ops;
	ws->arg = arg;
}

struct conn *wsconn_conn(struct wsconn *ws)
{
	return ws->conn;
}

bool wsconn_is_open(const struct wsconn *ws)
{
	return !ws->has_sent_close && conn_is_open(ws->conn);
}

void wsconn_set_deadline(struct wsconn *ws, uint64_t at_ms)
{
	ws->deadline_ms = at_ms;
	restart_deadline(ws);
}

void wsconn_pause(struct wsconn *ws)
{
	ws->is_paused = true;
	conn_pause_input(ws->conn);
}

void wsconn_resume(struct wsconn *ws)
{
	ws->is_paused = false;
	if (!ws->slowed_until_ms)
		conn_resume_input(ws->conn);
}

/* It sends too much: it is left to its socket's buffers until it has paid. */
static void slow_down(struct wsconn *ws, uint64_t wait_ms)
{
	uint64_t now = now_ms(ws);

	if (wait_ms > MOST_SLOWED_MS)
		wait_ms = MOST_SLOWED_MS;
	ws->slowed_until_ms = now + wait_ms;
	conn_pause_input(ws->conn);
	restart_deadline(ws);
	if (ws->slowed_told_ms && now - ws->slowed_told_ms < TELL_SLOWED_MS)
		return;
	ws->slowed_told_ms = now;
	limit_note(conn_loop(ws->conn)->limits, LIMIT_MESSAGES,
		   conn_network(ws->conn));
	if (ws->ops->on_slowed)
		ws->ops->on_slowed(ws, wait_ms, ws->arg);
}

static void go_on(struct wsconn *ws)
{
	ws->slowed_until_ms = 0;
	if (!ws->is_paused)
		conn_resume_input(ws->conn);
}

/* So much of it was read, frames or parts of them. */
static void charge(struct wsconn *ws, unsigned frames, size_t bytes)
{
	const struct limit_flow *flow = limit_flow(conn_loop(ws->conn)->limits);
	uint64_t now = now_ms(ws);
	uint64_t wait_ms =
		bucket_charge(&ws->messages_ns, &flow->messages, frames, now);
	uint64_t bytes_wait_ms =
		bucket_charge(&ws->bytes_ns, &flow->bytes, bytes, now);

	if (bytes_wait_ms > wait_ms)
		wait_ms = bytes_wait_ms;
	if (wait_ms && wsconn_is_open(ws))
		slow_down(ws, wait_ms);
}

static void frame_parts(struct span *all, char header[WS_MAX_SERVER_HEADER],
			enum ws_opcode opcode, const struct span *parts,
			size_t parts_count)
{
	size_t len = spans_len(parts, parts_count);

	assert(parts_count <= WSCONN_MAX_PARTS);
	all[0] = span_of(header, ws_write_header(header, opcode, len));
	for (size_t i = 0; i < parts_count; i++)
		all[i + 1] = parts[i];
}

void wsconn_frame_parts(struct span *frame, char header[WS_MAX_SERVER_HEADER],
			const struct span *parts, size_t parts_count)
{
	frame_parts(frame, header, WS_TEXT, parts, parts_count);
}

static int send_parts(struct wsconn *ws, enum ws_opcode opcode,
		      const struct span *parts, size_t parts_count)
{
	char header[WS_MAX_SERVER_HEADER];
	struct span all[WSCONN_MAX_PARTS + 1];

	frame_parts(all, header, opcode, parts, parts_count);
	return conn_write(ws->conn, all, parts_count + 1);
}

int wsconn_send(struct wsconn *ws, const struct span *parts, size_t parts_count)
{
	return ws->has_sent_close ? -EPIPE
				  : send_parts(ws, WS_TEXT, parts, parts_count);
}

int wsconn_send_binary(struct wsconn *ws, const struct span *parts,
		       size_t parts_count)
{
	return ws->has_sent_close
		       ? -EPIPE
		       : send_parts(ws, WS_BINARY, parts, parts_count);
}

int wsconn_ping(struct wsconn *ws, struct span payload)
{
	return ws->has_sent_close ? -EPIPE
				  : send_parts(ws, WS_PING, &payload, 1);
}

int wsconn_send_and_ping(struct wsconn *ws, const struct span *parts,
			 size_t parts_count, struct span payload)
{
	char header[WS_MAX_SERVER_HEADER], ping[WS_MAX_SERVER_HEADER];
	struct span all[WSCONN_MAX_PARTS + 3];

	if (ws->has_sent_close)
		return -EPIPE;
	frame_parts(all, header, WS_TEXT, parts, parts_count);
	all[parts_count + 1] =
		span_of(ping, ws_write_header(ping, WS_PING, payload.len));
	all[parts_count + 2] = payload;
	return conn_write(ws->conn, all, parts_count + 3);
}

struct blob *wsconn_encode(const struct span *parts, size_t parts_count)
{
	char header[WS_MAX_SERVER_HEADER];
	struct span all[WSCONN_MAX_PARTS + 1];

	frame_parts(all, header, WS_TEXT, parts, parts_count);
	return blob_new(all, parts_count + 1);
}

struct span wsconn_frame_payload(const struct blob *frame)
{
	size_t header_len = ws_server_header_len((uint8_t)frame->bytes[1]);

	return span_of(frame->bytes + header_len, frame->len - header_len);
}

int wsconn_send_frame(struct wsconn *ws, const struct share *frame)
{
	return ws->has_sent_close ? -EPIPE : conn_write_share(ws->conn, frame);
}

int wsconn_resend_frame(struct wsconn *ws, const struct share *frame)
{
	return ws->has_sent_close ? -EPIPE : conn_write_exempt(ws->conn, frame);
}

void wsconn_close(struct wsconn *ws, uint16_t code, const char *reason)
{
	char status[2] = {(char)(code >> 8), (char)code};

	if (ws->has_sent_close)
		return;
	(void)send_parts(ws, WS_CLOSE,
			 (struct span[]){span_of(status, sizeof(status)),
					 span_from(reason)},
			 2);
	ws->has_sent_close = true;
	ws->end = WSCONN_CLOSED;
	ws->close_by_ms = now_ms(ws) + CLOSE_WAIT_MS;
	restart_deadline(ws);
}

/* The client broke a rule: say which, and do not wait for its answer. */
static void fail(struct wsconn *ws, uint16_t code, const char *reason)
{
	metric_add(METRIC_CLOSED_PROTOCOL, 1);
	wsconn_close(ws, code, reason);
	ws->end = WSCONN_FAILED;
	conn_finish(ws->conn, reason);
}

static enum wsconn_end end_of(uint16_t code)
{
	switch (code) {
	case WS_CLOSE_NORMAL:
		return WSCONN_LEFT;
	case WS_CLOSE_GOING_AWAY:
		return WSCONN_GONE_AWAY;
	default:
		return WSCONN_LOST;
	}
}

static void take_close(struct wsconn *ws, struct span payload)
{
	struct span reason;
	uint16_t code;

	switch (ws_parse_close(payload, &code, &reason)) {
	case 0:
		break;
	case -EILSEQ:
		fail(ws, WS_CLOSE_INVALID_DATA, "close reason is not UTF-8");
		return;
	default:
		fail(ws, WS_CLOSE_PROTOCOL_ERROR, "bad close frame");
		return;
	}
	if (!ws->has_sent_close) {
		ws->end = end_of(code);
		/* The echo of a close without a code has none either. */
		(void)send_parts(ws, WS_CLOSE, &payload, payload.len ? 1 : 0);
	}
	ws->has_sent_close = true;
	conn_finish(ws->conn, "closed by the client");
}

static void take_control(struct wsconn *ws, enum ws_opcode opcode,
			 struct span payload)
{
	switch (opcode) {
	case WS_CLOSE:
		take_close(ws, payload);
		break;
	case WS_PING:
		if (!ws->has_sent_close)
			(void)send_parts(ws, WS_PONG, &payload, 1);
		break;
	case WS_PONG: /* one without a payload is of our heartbeat */
		if (payload.len && ws->ops->on_pong && !ws->has_sent_close)
			ws->ops->on_pong(ws, payload, ws->arg);
		break;
	default:
		break;
	}
}

/* A whole message. After our close frame nothing is handed up any more. */
static void hand_up(struct wsconn *ws, struct span message)
{
	if (ws->has_sent_close)
		return;
	if (ws->is_binary)
		ws->ops->on_binary(ws, message, ws->arg);
	else
		ws->ops->on_text(ws, message, ws->arg);
}

static void end_message(struct wsconn *ws)
{
	struct buf message = ws->message;

	ws->message = (struct buf){0};
	ws->is_in_message = false;
	ws->fragments = 0;
	if (!utf8_is_whole(&ws->utf8))
		fail(ws, WS_CLOSE_INVALID_DATA, "text is not UTF-8");
	else
		hand_up(ws, buf_span(&message));
	ws->utf8 = (struct utf8_state){0};
	buf_clear(&message);
}

/* Payload bytes of the current data frame; returns how many were its. */
static size_t take_payload(struct wsconn *ws, char *bytes, size_t len)
{
	if (len > ws->frame_left)
		len = (size_t)ws->frame_left;
	(void)ws_unmask(bytes, len, ws->mask, ws->frame_len - ws->frame_left);
	ws->frame_left -= len;
	if (!ws->is_binary && utf8_check(&ws->utf8, span_of(bytes, len))) {
		fail(ws, WS_CLOSE_INVALID_DATA, "text is not UTF-8");
		return len;
	}
	buf_append(&ws->message, bytes, len);
	if (ws->message.failed)
		conn_close(ws->conn, "out of memory");
	else if (!ws->frame_left && ws->is_final)
		end_message(ws);
	return len;
}

static size_t max_message_bytes(const struct wsconn *ws)
{
	return ws->ops->max_message_bytes
		       ? ws->ops->max_message_bytes(ws->arg)
		       : conn_loop(ws->conn)
				 ->config->websocket.max_message_bytes;
}

/* What a data frame's header promises must fit the message it belongs to. */
static bool may_begin(struct wsconn *ws, const struct ws_header *header)
{
	const struct config *config = conn_loop(ws->conn)->config;
	size_t max = max_message_bytes(ws);

	if ((header->opcode == WS_CONTINUATION) != ws->is_in_message) {
		fail(ws, WS_CLOSE_PROTOCOL_ERROR,
		     ws->is_in_message ? "a new message inside another"
				       : "a continuation of nothing");
		return false;
	}
	if (header->opcode == WS_BINARY && !ws->ops->on_binary) {
		fail(ws, WS_CLOSE_UNSUPPORTED, "text messages only");
		return false;
	}
	/* A reload may have lowered the limit below what is here already. */
	if (ws->message.len > max ||
	    header->payload_len > max - ws->message.len ||
	    ++ws->fragments > config->websocket.max_fragments) {
		fail(ws, WS_CLOSE_TOO_BIG, "message too big");
		return false;
	}
	return true;
}

/* A data frame's header has come; rest is what lies behind it. Returns how much
 * of rest was used. */
static size_t begin_data(struct wsconn *ws, const struct ws_header *header,
			 char *rest, size_t len)
{
	size_t payload_len = (size_t)header->payload_len;

	if (!may_begin(ws, header))
		return 0;
	if (!ws->is_in_message)
		ws->is_binary = header->opcode == WS_BINARY;
	if (header->is_final && !ws->is_in_message && payload_len <= len) {
		struct span text = span_of(rest, payload_len);
		bool is_ascii;

		ws->fragments = 0;
		is_ascii = ws_unmask(rest, payload_len, header->mask, 0);
		if (is_ascii || ws->is_binary || utf8_is_valid(text))
			hand_up(ws, text);
		else
			fail(ws, WS_CLOSE_INVALID_DATA, "text is not UTF-8");
		return payload_len;
	}
	if (!ws->is_in_message) {
		ws->is_in_message = true;
		ws->begun_ms = now_ms(ws);
		restart_deadline(ws);
	}
	ws->is_final = header->is_final;
	ws->frame_len = payload_len;
	ws->frame_left = payload_len;
	memcpy(ws->mask, header->mask, sizeof(ws->mask));
	return take_payload(ws, rest, len);
}

static void refuse_header(struct wsconn *ws, int err)
{
	if (err == -EMSGSIZE)
		fail(ws, WS_CLOSE_TOO_BIG, "message too big");
	else
		fail(ws, WS_CLOSE_PROTOCOL_ERROR, "bad frame");
}

/* Returns the bytes used, 0 when more are needed. */
static size_t take_frame(struct wsconn *ws, char *bytes, size_t len)
{
	struct ws_header header;
	ssize_t head = ws_parse_header(span_of(bytes, len),
				       max_message_bytes(ws), &header);

	if (head <= 0) {
		if (head < 0)
			refuse_header(ws, (int)head);
		return 0;
	}
	if (header.opcode < WS_CLOSE)
		return (size_t)head + begin_data(ws, &header, bytes + head,
						 len - (size_t)head);
	if (len - (size_t)head < header.payload_len)
		return 0;
	(void)ws_unmask(bytes + head, (size_t)header.payload_len, header.mask,
			0);
	take_control(ws, header.opcode,
		     span_of(bytes + head, (size_t)header.payload_len));
	return (size_t)head + (size_t)header.payload_len;
}

static size_t on_bytes(struct conn *conn, char *bytes, size_t len, void *arg)
{
	struct wsconn *ws = arg;
	size_t used = 0;

	ws->heard_ms = now_ms(ws);
	if (ws->has_pinged) {
		ws->has_pinged = false;
		restart_deadline(ws);
	}
	while (used < len && conn_is_open(conn) && !ws->is_paused &&
	       !ws->slowed_until_ms) {
		bool is_begun = ws->frame_left;
		size_t n = is_begun ? take_payload(ws, bytes + used, len - used)
				    : take_frame(ws, bytes + used, len - used);

		if (!n)
			break;
		used += n;
		charge(ws, !is_begun, n);
	}
	return used;
}

/* The client has been silent for so long. */
static void act_on_silence(struct wsconn *ws, uint64_t silent_ms)
{
	const struct config *config = conn_loop(ws->conn)->config;

	if (silent_ms >= 1000ull * config->websocket.silence_timeout_s) {
		metric_add(METRIC_CLOSED_SILENT, 1);
		conn_close(ws->conn, "silent too long");
	} else if (silent_ms >= 1000ull * config->websocket.ping_interval_s) {
		ws->has_pinged = true;
		(void)send_parts(ws, WS_PING, NULL, 0);
	}
}

static void on_deadline(struct conn *conn, void *arg)
{
	struct wsconn *ws = arg;

	if (ws->close_by_ms) {
		conn_close(conn, "no answer to our close");
		return;
	}
	if (ws->slowed_until_ms && ws->slowed_until_ms <= now_ms(ws)) {
		go_on(ws);
		if (!conn_is_open(conn))
			return;
	}
	if (ws->is_in_message && message_ends_ms(ws) <= now_ms(ws)) {
		metric_add(METRIC_CLOSED_TIMEOUT, 1);
		wsconn_close(ws, WS_CLOSE_POLICY, "message not finished");
		return;
	}
	if (ws->deadline_ms && ws->deadline_ms <= now_ms(ws)) {
		ws->deadline_ms = 0;
		ws->ops->on_deadline(ws, ws->arg);
	} else if (!ws->ops->has_own_heartbeat) {
		act_on_silence(ws, now_ms(ws) - ws->heard_ms);
	}
	restart_deadline(ws);
}

static void on_close(struct conn *conn, const char *reason, void *arg)
{
	struct wsconn *ws = arg;

	(void)conn;
	metric_add(METRIC_WEBSOCKETS, -1);
	if (reason == conn_output_full || reason == conn_output_stalled)
		ws->end = WSCONN_SLOW;
	else if (reason == conn_shutdown)
		ws->end = WSCONN_CLOSED;
	ws->ops->on_close(ws, ws->end, reason, ws->arg);
	buf_clear(&ws->message);
	free(ws);
}
