/* wsconn.h: a WebSocket: whole messages over a connection (RFC 6455). */
#ifndef SIGNALD_NET_WSCONN_H
#define SIGNALD_NET_WSCONN_H

#include "codec/ws.h"
#include "net/conn.h"

struct wsconn;

enum wsconn_end {
	WSCONN_LEFT,	  /* the client closed it with 1000 */
	WSCONN_GONE_AWAY, /* its page goes away: 1001 */
	WSCONN_LOST,   /* it broke, fell silent, or closed with another code */
	WSCONN_SLOW,   /* the client did not read */
	WSCONN_FAILED, /* the client broke the protocol */
	WSCONN_CLOSED, /* we closed it */
};

struct wsconn_ops {
	/* A whole text message, valid UTF-8; gone after the call. */
	void (*on_text)(struct wsconn *ws, struct span text, void *arg);
	/* A whole binary message; NULL: they are refused with 1003. */
	void (*on_binary)(struct wsconn *ws, struct span bytes, void *arg);
	/* The answer to a wsconn_ping(): its payload. NULL for owners who
	 * send none. */
	void (*on_pong)(struct wsconn *ws, struct span payload, void *arg);
	/* The deadline set with wsconn_set_deadline() has passed; NULL for
	 * owners who set none. */
	void (*on_deadline)(struct wsconn *ws, void *arg);
	/* The client sends more than a connection may: nothing of it is read
	 * for wait_ms. Called when that begins, once a second at most. NULL for
	 * owners who need not tell it. */
	void (*on_slowed)(struct wsconn *ws, uint64_t wait_ms, void *arg);
	/* Over, once, at the end of a turn; reason is for the log. */
	void (*on_close)(struct wsconn *ws, enum wsconn_end end,
			 const char *reason, void *arg);
	/* The largest message; NULL: websocket.max_message_bytes. */
	size_t (*max_message_bytes)(void *arg);
	/* The owner watches over the client's silence: no pings from here. */
	bool has_own_heartbeat;
};

/*
 * Take over a connection whose 101 answer has been queued. Limits and timeouts
 * come from the loop's configuration, where ops do not say otherwise.
 *
 * Returns NULL when memory ran out; the connection is closed then.
 */
struct wsconn *wsconn_new(struct conn *conn, const struct wsconn_ops *ops,
			  void *arg);

/* Hand it to another owner, whose ops have the same has_own_heartbeat. */
void wsconn_set_ops(struct wsconn *ws, const struct wsconn_ops *ops, void *arg);

struct conn *wsconn_conn(struct wsconn *ws);

/*
 * Send a text message made of parts.
 *
 * Returns 0, -EPIPE when closed or closing, -ENOBUFS when the output is full.
 */
int wsconn_send(struct wsconn *ws, const struct span *parts,
		size_t parts_count);

/* The same for a binary message. */
int wsconn_send_binary(struct wsconn *ws, const struct span *parts,
		       size_t parts_count);

/* Send a ping (RFC 6455, 5.5.2) with a payload of 1 to 125 bytes, which its
 * pong repeats: whatever was sent before has come then. Returns as wsconn_send.
 */
int wsconn_ping(struct wsconn *ws, struct span payload);

/* wsconn_send() and wsconn_ping() in one write, which an empty output always
 * takes whole. */
int wsconn_send_and_ping(struct wsconn *ws, const struct span *parts,
			 size_t parts_count, struct span payload);

#define WSCONN_MAX_PARTS 32

/* A whole text frame, to be sent with wsconn_send_frame() to many; NULL when
 * memory ran out. */
struct blob *wsconn_encode(const struct span *parts, size_t parts_count);
int wsconn_send_frame(struct wsconn *ws, const struct share *frame);

/* The same for one that was kept: it does not count against the output limit.
 */
int wsconn_resend_frame(struct wsconn *ws, const struct share *frame);

/* The parts of such a frame, one more than those of its payload: its header is
 * written to `header`. */
void wsconn_frame_parts(struct span *frame, char header[WS_MAX_SERVER_HEADER],
			const struct span *parts, size_t parts_count);

/* The text in such a frame. */
struct span wsconn_frame_payload(const struct blob *frame);

/* Nothing more is read until wsconn_resume(), not even that the client has
 * gone; the message at hand is the last one. */
void wsconn_pause(struct wsconn *ws);
void wsconn_resume(struct wsconn *ws); /* not inside on_text */

/* What its client says still counts: neither side has ended it. */
bool wsconn_is_open(const struct wsconn *ws);

/* monotonic ms; 0 for none */
void wsconn_set_deadline(struct wsconn *ws, uint64_t at_ms);

/*
 * Send a close frame and wait for the client's answer, for two seconds at most.
 *
 * reason  a literal of at most 123 bytes
 */
void wsconn_close(struct wsconn *ws, uint16_t code, const char *reason);

#endif
