/* engine.h: Engine.IO: sessions over polling and WebSocket, protocols 3 and 4.
 */
#ifndef SIGNALD_SOCKETIO_ENGINE_H
#define SIGNALD_SOCKETIO_ENGINE_H

#include "base/crypto.h"
#include "codec/eio.h"
#include "net/web.h"

/* The sessions of one path. */
struct engine;

/* One client, whatever carries its packets at the moment. */
struct engine_session;

struct engine_limits {
	unsigned ping_interval_ms;
	unsigned ping_timeout_ms;
	unsigned upgrade_timeout_ms;
	size_t max_payload_bytes; /* a WebSocket message, a POST's body */
	size_t max_queued_bytes;  /* what waits for the next poll */
	size_t max_sessions;	  /* without a connection of their own */
	bool allows_v3;
};

enum engine_end {
	ENGINE_LEFT,	  /* the client said so: "1", or WebSocket close 1000 */
	ENGINE_GONE_AWAY, /* its page goes away: WebSocket close 1001 */
	ENGINE_LOST,	  /* its connection or its answers failed to come */
	ENGINE_SLOW,	  /* it did not read */
	ENGINE_FAILED,	  /* it broke the protocol */
	ENGINE_CLOSED,	  /* we closed it */
};

/* What the owner of sessions is told; arg is the owner of this one. */
struct engine_ops {
	/* A session has opened. Returns its owner, or NULL when memory ran out.
	 */
	void *(*on_open)(struct engine_session *session,
			 const struct web_request *request, void *engine_arg);
	/* A message, valid UTF-8; gone after the call. */
	void (*on_text)(struct span text, void *arg);
	void (*on_binary)(struct span bytes, void *arg);
	/* The deadline set with engine_set_deadline() has passed. */
	void (*on_deadline)(void *arg);
	/* A ping goes out, or another question that shows what has come; it
	 * was answered. */
	void (*on_ping)(void *arg);
	void (*on_pong)(void *arg);
	/* Over, once, at the end of a turn: the session is freed behind it. */
	void (*on_close)(enum engine_end end, const char *reason, void *arg);
};

/* Returns 0 or -ENOMEM. ops and arg are borrowed. */
int engine_new(struct engine **enginep, struct loop *loop,
	       const struct engine_limits *limits, const struct engine_ops *ops,
	       void *arg);

/* Ends what is left, telling the owners; its connections must be gone. Takes
 * NULL. */
void engine_free(struct engine *engine);

void engine_set_limits(struct engine *engine,
		       const struct engine_limits *limits);

size_t engine_sessions_count(const struct engine *engine);

/* Close every session at a time of its own within spread_s seconds, and take
 * nobody new. */
void engine_drain(struct engine *engine, unsigned spread_s);

/* The web_handler of the path, and the web_route's on_body and on_body_failed;
 * arg is the engine. */
web_handler engine_handle;
void engine_await_body(const struct web_request *request, void *arg);
void engine_forget_body(const struct web_request *request, void *arg);

/* Secret: whoever has it can speak for the session. */
const char *engine_sid(const struct engine_session *session);
enum eio_version engine_version(const struct engine_session *session);

/*
 * Send a text message made of parts.
 *
 * Returns 0, -EPIPE when it is over, -ENOBUFS when the client does not read:
 * the session is being closed then.
 */
int engine_send(struct engine_session *session, const struct span *parts,
		size_t parts_count);
int engine_send_binary(struct engine_session *session, struct span bytes);

/*
 * Ask for a proof that what was sent has come: on_ping is called when the
 * question goes out behind it, now or with the next poll, and on_pong when it
 * is answered. Does nothing while such a question is open already.
 */
void engine_prove(struct engine_session *session);

/* A text message encoded once, for many; NULL when memory ran out. */
struct blob *engine_encode(const struct span *parts, size_t parts_count);
int engine_send_encoded(struct engine_session *session, struct blob *message);

/* Its client has shown that it was here before: conn_vouch(). */
void engine_vouch(struct engine_session *session);

/* monotonic ms; 0 for none */
void engine_set_deadline(struct engine_session *session, uint64_t at_ms);

/*
 * Close: what has been sent goes out first.
 *
 * end     ENGINE_CLOSED; ENGINE_FAILED when the client broke the protocol,
 *         ENGINE_LOST when it is taken for gone
 * reason  a literal of at most 123 bytes
 */
void engine_close(struct engine_session *session, enum engine_end end,
		  const char *reason);

#endif
