/* engine_session.h: what engine.c and its two transports share. */
#ifndef SIGNALD_SOCKETIO_ENGINE_SESSION_H
#define SIGNALD_SOCKETIO_ENGINE_SESSION_H

#include "net/wsconn.h"
#include "socketio/engine.h"

enum engine_transport { POLLING, WEBSOCKET };

/* How far a question of protocol 3, whose server does not ping, has come: a
 * poll shows that what the one before was given has come, and on a WebSocket
 * its own ping does. */
enum engine_proof { PROOF_NONE, PROOF_QUEUED, PROOF_POLLED, PROOF_PINGED };

/*
 *  polling:   what is sent waits in `queue`, as the payload of the next GET; a
 *             GET that finds it empty is held in `poll`
 *  upgrading: the same, and `probe` is the WebSocket that wants to take over
 *  websocket: `ws` carries everything
 */
struct engine_session {
	struct engine *engine;
	void *owner;
	struct engine_session *prev;
	struct engine_session *next;
	enum eio_version version;
	enum engine_transport transport;
	enum engine_proof proof;
	struct wsconn *ws;
	struct wsconn *probe;
	struct web_held *poll;
	const struct conn *posting; /* a body that is on its way */
	struct buf queue;
	struct loop_task task; /* answers the poll, ends the session */
	struct loop_timer timer;
	uint64_t ping_at_ms;	   /* protocol 4: when the next ping is due */
	uint64_t silent_at_ms;	   /* when it is over without a sign of life; 0:
				      not waiting for one */
	uint64_t probe_ends_ms;	   /* 0: nobody is upgrading */
	uint64_t first_poll_by_ms; /* 0: it has polled */
	uint64_t drain_at_ms;	   /* 0: not going down */
	uint64_t deadline_ms;	   /* the owner's; 0 for none */
	const char *reason;
	enum engine_end end;
	struct net_addr peer;
	unsigned ping_interval_ms; /* as the client was told */
	unsigned ping_timeout_ms;
	size_t max_payload_bytes;
	bool is_patient; /* the wait for this pong was prolonged once */
	bool has_probed; /* the probing WebSocket was answered */
	bool is_over;	 /* the owner is told at the end of the turn */
	bool is_told;	 /* it was: what is left waits for a last poll */
	char sid[CRYPTO_ID_LEN + 1];
};

struct engine {
	struct loop *loop;
	struct engine_limits limits;
	const struct engine_ops *ops;
	void *arg;
	struct map *by_sid;
	struct engine_session *all;
	size_t count;
	size_t polling_count; /* those without a connection of their own */
	bool is_draining;
};

/* A new session; NULL when memory ran out. Once the client has been sent the
 * open packet, the owner is told. */
struct engine_session *engine_open(struct engine *engine,
				   const struct web_request *request,
				   enum eio_version version,
				   enum engine_transport transport);

void engine_tell_open(struct engine_session *session,
		      const struct web_request *request);

/* Write the open packet's JSON. */
void engine_write_open(const struct engine_session *session, struct buf *out);

/* One packet from the client, whatever carried it. */
void engine_take(struct engine_session *session,
		 const struct eio_packet *packet);

/* It is over: nothing goes out any more. */
void engine_end(struct engine_session *session, enum engine_end end,
		const char *reason);

/* It ends, pings or whatever is due by now. */
void engine_pass_time(struct engine_session *session);

/* The client, which polls, has come back with its sid. */
void engine_note_return(struct engine_session *session);

/* It has a connection of its own from now on. */
void engine_leave_polling(struct engine_session *session);

/* The next thing its timer must see has changed. */
void engine_restart_timer(struct engine_session *session);

uint64_t engine_now_ms(const struct engine_session *session);

/* engine_poll.c */

/* A polling handshake; a GET with the sid of a session, which may be over with
 * last words left; a POST with that of one that is not. */
void engine_poll_handshake(struct engine *engine, struct web_exchange *exchange,
			   const struct web_request *request,
			   enum eio_version version);
void engine_poll_get(struct engine_session *session,
		     struct web_exchange *exchange);
void engine_poll_post(struct engine_session *session,
		      struct web_exchange *exchange,
		      const struct web_request *request);

/* Put a packet at the end of the next poll's payload. Returns 0 or -ENOBUFS. */
int engine_poll_queue(struct engine_session *session, enum eio_type type,
		      const struct span *parts, size_t parts_count);
int engine_poll_queue_binary(struct engine_session *session, struct span bytes);

/* Answer the held poll, if there is one, with what is queued. */
void engine_poll_flush(struct engine_session *session);

/* Answer the held poll with a noop when nothing is queued: the client waits for
 * its end to go on with the upgrade. */
void engine_poll_release(struct engine_session *session);

/* What was queued went out with an answer; the next poll has come. */
void engine_proof_polled(struct engine_session *session);
void engine_proof_returned(struct engine_session *session);

/* engine_ws.c */

/* A ping of WebSocket's own, for a proof. */
void engine_ws_prove(struct engine_session *session);

void engine_ws_handshake(struct engine *engine, struct web_exchange *exchange,
			 const struct web_request *request,
			 enum eio_version version, const char *accept);
/* A WebSocket for a session that is polling. */
void engine_ws_probe(struct engine_session *session,
		     struct web_exchange *exchange, const char *accept);
int engine_ws_send(struct engine_session *session, enum eio_type type,
		   const struct span *parts, size_t parts_count);
int engine_ws_send_binary(struct engine_session *session, struct span bytes);

/* The probing WebSocket did not take over. */
void engine_ws_end_probe(struct engine_session *session, const char *reason);

/* Give up a WebSocket: it is closed and nobody hears of it again. */
void engine_ws_drop(struct wsconn **ws, uint16_t code, const char *reason);

#endif
