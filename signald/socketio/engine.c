/* engine.c: Engine.IO sessions: their packets, heartbeats and ends. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/member.h"
#include "policy/metric.h"
#include "socketio/engine_session.h"

/* How long a closed session's last words wait for a poll. */
#define FAREWELL_MS 10000
/* A handshake by polling that nothing follows is forgotten so soon. */
#define FIRST_POLL_MS 10000

static void run_task(struct loop_task *task);
static void on_timer(struct loop_timer *timer);

int engine_new(struct engine **enginep, struct loop *loop,
	       const struct engine_limits *limits, const struct engine_ops *ops,
	       void *arg)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return -ENOMEM;
	engine->by_sid = map_new();
	if (!engine->by_sid) {
		free(engine);
		return -ENOMEM;
	}
	engine->loop = loop;
	engine->limits = *limits;
	engine->ops = ops;
	engine->arg = arg;
	*enginep = engine;
	return 0;
}

void engine_set_limits(struct engine *engine,
		       const struct engine_limits *limits)
{
	engine->limits = *limits;
}

size_t engine_sessions_count(const struct engine *engine)
{
	return engine->count;
}

const char *engine_sid(const struct engine_session *session)
{
	return session->sid;
}

enum eio_version engine_version(const struct engine_session *session)
{
	return session->version;
}

uint64_t engine_now_ms(const struct engine_session *session)
{
	return session->engine->loop->clock.mono_ms;
}

/* --- one session's time --- */

static void take_earlier(uint64_t *at, uint64_t other)
{
	if (other && (!*at || other < *at))
		*at = other;
}

void engine_restart_timer(struct engine_session *session)
{
	uint64_t at = session->silent_at_ms ? session->silent_at_ms
					    : session->ping_at_ms;

	take_earlier(&at, session->first_poll_by_ms);
	take_earlier(&at, session->probe_ends_ms);
	take_earlier(&at, session->drain_at_ms);
	take_earlier(&at, session->deadline_ms);
	if (at)
		loop_timer_start(session->engine->loop, &session->timer, at);
}

void engine_set_deadline(struct engine_session *session, uint64_t at_ms)
{
	session->deadline_ms = at_ms;
	if (!session->is_over)
		engine_restart_timer(session);
}

/* The client has shown that it is there: protocol 4's answers our ping,
 * protocol 3's pings by itself. */
static void restart_heartbeat(struct engine_session *session)
{
	uint64_t now_ms = engine_now_ms(session);

	session->is_patient = false;
	if (session->version == EIO_3) {
		session->silent_at_ms = now_ms + session->ping_interval_ms +
					session->ping_timeout_ms;
	} else {
		session->ping_at_ms = now_ms + session->ping_interval_ms;
		session->silent_at_ms = 0;
	}
	engine_restart_timer(session);
}

static int send_packet(struct engine_session *session, enum eio_type type,
		       const struct span *parts, size_t parts_count)
{
	if (session->is_over)
		return -EPIPE;
	if (session->transport == WEBSOCKET)
		return engine_ws_send(session, type, parts, parts_count);
	return engine_poll_queue(session, type, parts, parts_count);
}

static void ping(struct engine_session *session)
{
	uint64_t now_ms = engine_now_ms(session);
	bool is_in_time = now_ms - session->ping_at_ms <= 2 * LOOP_TICK_MS;

	session->engine->ops->on_ping(session->owner);
	(void)send_packet(session, EIO_PING, NULL, 0);
	/* Counted from when it was due, however coarse the timer is; but the
	 * client is not to blame when this process stood still. */
	session->silent_at_ms = (is_in_time ? session->ping_at_ms : now_ms) +
				session->ping_timeout_ms;
}

/* --- proofs of arrival --- */

static void prove_v3(struct engine_session *session)
{
	if (session->proof)
		return;
	session->proof = PROOF_QUEUED;
	if (session->transport == WEBSOCKET)
		engine_ws_prove(session);
	else if (!session->queue.len) /* something that is answered by a poll */
		(void)engine_poll_queue(session, EIO_NOOP, NULL, 0);
}

void engine_prove(struct engine_session *session)
{
	if (session->is_over)
		return;
	if (session->version == EIO_3) {
		prove_v3(session);
	} else if (!session->silent_at_ms) {
		session->ping_at_ms = engine_now_ms(session);
		ping(session);
		engine_restart_timer(session);
	}
}

void engine_proof_polled(struct engine_session *session)
{
	if (session->proof != PROOF_QUEUED || session->is_over)
		return;
	session->engine->ops->on_ping(session->owner);
	session->proof = PROOF_POLLED;
}

void engine_proof_returned(struct engine_session *session)
{
	if (session->proof != PROOF_POLLED || session->is_over)
		return;
	session->proof = PROOF_NONE;
	session->engine->ops->on_pong(session->owner);
}

void engine_note_return(struct engine_session *session)
{
	session->first_poll_by_ms = 0;
}

void engine_leave_polling(struct engine_session *session)
{
	session->transport = WEBSOCKET;
	session->first_poll_by_ms = 0;
	session->engine->polling_count--;
}

/* Taken for gone: a poll that comes yet is of no session. */
static void give_up(struct engine_session *session, const char *reason)
{
	if (session->poll || session->transport == WEBSOCKET) {
		engine_close(session, ENGINE_LOST, reason);
		return;
	}
	buf_clear(&session->queue);
	engine_end(session, ENGINE_LOST, reason);
}

void engine_pass_time(struct engine_session *session)
{
	uint64_t now_ms = engine_now_ms(session);

	if (session->is_over)
		return;
	if (session->silent_at_ms && session->silent_at_ms <= now_ms) {
		metric_add(METRIC_CLOSED_SILENT, 1);
		give_up(session, "ping timeout");
	} else if (session->first_poll_by_ms &&
		   session->first_poll_by_ms <= now_ms) {
		metric_add(METRIC_CLOSED_TIMEOUT, 1);
		give_up(session, "never polled");
	} else if (session->drain_at_ms && session->drain_at_ms <= now_ms) {
		engine_close(session, ENGINE_CLOSED, "server restarts");
	} else if (session->deadline_ms && session->deadline_ms <= now_ms) {
		session->deadline_ms = 0;
		session->engine->ops->on_deadline(session->owner);
	} else if (session->probe_ends_ms && session->probe_ends_ms <= now_ms) {
		engine_ws_end_probe(session, "upgrade timeout");
	} else if (!session->silent_at_ms && session->ping_at_ms <= now_ms) {
		ping(session);
	}
	if (!session->is_over)
		engine_restart_timer(session);
}

static void free_session(struct engine_session *session);

static void on_timer(struct loop_timer *timer)
{
	struct engine_session *session =
		container_of(timer, struct engine_session, timer);

	if (session->is_told)
		free_session(session);
	else
		engine_pass_time(session);
}

/* --- beginning and end --- */

struct engine_session *engine_open(struct engine *engine,
				   const struct web_request *request,
				   enum eio_version version,
				   enum engine_transport transport)
{
	struct engine_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	crypto_new_id(session->sid);
	session->engine = engine;
	session->version = version;
	session->transport = transport;
	session->peer = *request->peer;
	session->ping_interval_ms = engine->limits.ping_interval_ms;
	session->ping_timeout_ms = engine->limits.ping_timeout_ms;
	session->max_payload_bytes = engine->limits.max_payload_bytes;
	session->task.run = run_task;
	session->timer.fire = on_timer;
	if (map_put(engine->by_sid, span_from(session->sid), session)) {
		free(session);
		return NULL;
	}
	session->next = engine->all;
	if (engine->all)
		engine->all->prev = session;
	engine->all = session;
	engine->count++;
	if (transport == POLLING) {
		engine->polling_count++;
		session->first_poll_by_ms =
			engine_now_ms(session) + FIRST_POLL_MS;
	}
	metric_add(METRIC_ENGINE_SESSIONS, 1);
	restart_heartbeat(session);
	return session;
}

void engine_tell_open(struct engine_session *session,
		      const struct web_request *request)
{
	struct engine *engine = session->engine;

	session->owner = engine->ops->on_open(session, request, engine->arg);
	if (!session->owner)
		engine_close(session, ENGINE_CLOSED, "out of memory");
}

static void free_session(struct engine_session *session)
{
	struct engine *engine = session->engine;

	(void)map_remove(engine->by_sid, span_from(session->sid));
	loop_timer_stop(&session->timer);
	loop_cancel(engine->loop, &session->task);
	if (session->prev)
		session->prev->next = session->next;
	else
		engine->all = session->next;
	if (session->next)
		session->next->prev = session->prev;
	engine->count--;
	if (session->transport == POLLING)
		engine->polling_count--;
	metric_add(METRIC_ENGINE_SESSIONS, -1);
	buf_clear(&session->queue);
	free(session);
}

static void finish(struct engine_session *session, enum engine_end end,
		   const char *reason)
{
	session->is_over = true;
	session->end = end;
	session->reason = reason;
	session->probe_ends_ms = 0;
	engine_ws_drop(&session->ws, WS_CLOSE_NORMAL, reason);
	engine_ws_drop(&session->probe, WS_CLOSE_NORMAL, reason);
	loop_timer_stop(&session->timer);
	loop_defer(session->engine->loop, &session->task);
}

void engine_end(struct engine_session *session, enum engine_end end,
		const char *reason)
{
	if (session->is_over)
		return;
	/* Behind its last words the client hears that they were the last. */
	if (session->queue.len)
		(void)engine_poll_queue(session, EIO_CLOSE, NULL, 0);
	if (!session->is_over)
		finish(session, end, reason);
}

static uint16_t close_code(enum engine_end end)
{
	switch (end) {
	case ENGINE_FAILED:
		return WS_CLOSE_POLICY;
	case ENGINE_CLOSED:
		return WS_CLOSE_SERVICE_RESTART;
	default:
		return WS_CLOSE_NORMAL;
	}
}

void engine_close(struct engine_session *session, enum engine_end end,
		  const char *reason)
{
	if (session->is_over)
		return;
	if (session->transport == WEBSOCKET) {
		engine_ws_drop(&session->ws, close_code(end), reason);
	} else {
		/* As the reference says it: a poll released, then the end. */
		if (end == ENGINE_FAILED)
			(void)engine_poll_queue(session, EIO_NOOP, NULL, 0);
		(void)engine_poll_queue(session, EIO_CLOSE, NULL, 0);
	}
	if (!session->is_over)
		finish(session, end, reason);
}

static void tell_end(struct engine_session *session)
{
	log_debug("engine.close", log_str("reason", session->reason));
	session->is_told = true;
	if (session->owner)
		session->engine->ops->on_close(session->end, session->reason,
					       session->owner);
}

/* The end of a turn in which something was sent or the session ended. */
static void run_task(struct loop_task *task)
{
	struct engine_session *session =
		container_of(task, struct engine_session, task);

	engine_poll_flush(session);
	if (!session->is_over)
		return;
	engine_poll_release(session);
	if (!session->is_told)
		tell_end(session);
	if (session->queue.len)
		loop_timer_start(session->engine->loop, &session->timer,
				 engine_now_ms(session) + FAREWELL_MS);
	else
		free_session(session);
}

void engine_free(struct engine *engine)
{
	struct engine_session *next;

	if (!engine)
		return;
	for (struct engine_session *session = engine->all; session;
	     session = next) {
		next = session->next;
		engine_end(session, ENGINE_CLOSED, "shutdown");
		if (!session->is_told)
			tell_end(session);
		free_session(session);
	}
	map_free(engine->by_sid);
	free(engine);
}

void engine_drain(struct engine *engine, unsigned spread_s)
{
	uint32_t random;

	engine->is_draining = true;
	for (struct engine_session *session = engine->all; session;
	     session = session->next) {
		crypto_random(&random, sizeof(random));
		session->drain_at_ms =
			engine_now_ms(session) + 1 +
			((uint64_t)random * spread_s * 1000 >> 32);
		if (!session->is_over)
			engine_restart_timer(session);
	}
}

/* --- packets --- */

int engine_send(struct engine_session *session, const struct span *parts,
		size_t parts_count)
{
	return send_packet(session, EIO_MESSAGE, parts, parts_count);
}

int engine_send_binary(struct engine_session *session, struct span bytes)
{
	if (session->is_over)
		return -EPIPE;
	return session->transport == WEBSOCKET
		       ? engine_ws_send_binary(session, bytes)
		       : engine_poll_queue_binary(session, bytes);
}

void engine_write_open(const struct engine_session *session, struct buf *out)
{
	buf_append_format(out,
			  "{\"sid\":\"%s\",\"upgrades\":[%s],"
			  "\"pingInterval\":%u,\"pingTimeout\":%u,"
			  "\"maxPayload\":%zu}",
			  session->sid,
			  session->transport == POLLING ? "\"websocket\"" : "",
			  session->ping_interval_ms, session->ping_timeout_ms,
			  session->max_payload_bytes);
}

/* Protocol 4's server pings, protocol 3's client does. */
static void take_heartbeat(struct engine_session *session,
			   const struct eio_packet *packet)
{
	bool is_ping = packet->type == EIO_PING;
	bool was_asked = session->silent_at_ms;

	if (is_ping != (session->version == EIO_3)) {
		engine_close(session, ENGINE_FAILED,
			     "heartbeat in the wrong direction");
		return;
	}
	if (is_ping)
		(void)send_packet(session, EIO_PONG, &packet->data, 1);
	restart_heartbeat(session);
	if (!is_ping && was_asked)
		session->engine->ops->on_pong(session->owner);
}

/* A client whose answer hangs behind a long message is given more time, once.
 */
static void be_patient(struct engine_session *session)
{
	if (session->version == EIO_3 || !session->silent_at_ms ||
	    session->is_patient)
		return;
	session->is_patient = true;
	session->silent_at_ms =
		engine_now_ms(session) + session->ping_timeout_ms;
	engine_restart_timer(session);
}

void engine_take(struct engine_session *session,
		 const struct eio_packet *packet)
{
	const struct engine_ops *ops = session->engine->ops;

	switch (packet->type) {
	case EIO_MESSAGE:
		be_patient(session);
		if (packet->is_binary)
			ops->on_binary(packet->data, session->owner);
		else
			ops->on_text(packet->data, session->owner);
		break;
	case EIO_PING:
	case EIO_PONG:
		take_heartbeat(session, packet);
		break;
	case EIO_CLOSE:
		engine_end(session, ENGINE_LEFT, "closed by the client");
		break;
	default: /* open, upgrade, noop: nothing to a server */
		break;
	}
}
