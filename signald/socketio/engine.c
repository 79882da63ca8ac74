/* engine.c: Engine.IO sessions: their requests, heartbeats and ends. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "net/handshake.h"
#include "policy/metric.h"
#include "socketio/engine_error.h"
#include "socketio/engine_session.h"

#define PARAMETER_CAP 64
/* How long a closed session's last words wait for a poll. */
#define FAREWELL_MS 10000

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
	const struct engine_limits *limits = &session->engine->limits;
	uint64_t now_ms = engine_now_ms(session);

	session->is_patient = false;
	if (session->version == EIO_3) {
		session->silent_at_ms = now_ms + limits->ping_interval_ms +
					limits->ping_timeout_ms;
	} else {
		session->ping_at_ms = now_ms + limits->ping_interval_ms;
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
				session->engine->limits.ping_timeout_ms;
}

/* Whatever is due by now. */
static void pass_time(struct engine_session *session)
{
	uint64_t now_ms = engine_now_ms(session);

	if (session->silent_at_ms && session->silent_at_ms <= now_ms) {
		metric_add(METRIC_CLOSED_SILENT, 1);
		engine_close(session, ENGINE_LOST, "ping timeout");
	} else if (session->drain_at_ms && session->drain_at_ms <= now_ms) {
		engine_close(session, ENGINE_CLOSED, "server restarts");
	} else if (session->deadline_ms && session->deadline_ms <= now_ms) {
		session->deadline_ms = 0;
		session->engine->ops->on_deadline(session->owner);
	} else if (session->probe_ends_ms && session->probe_ends_ms <= now_ms) {
		session->probe_ends_ms = 0;
		engine_ws_drop(&session->probe, WS_CLOSE_POLICY,
			       "upgrade timeout");
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
		pass_time(session);
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
	metric_add(METRIC_ENGINE_SESSIONS, 1);
	restart_heartbeat(session);
	return session;
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
	const struct engine_limits *limits = &session->engine->limits;

	buf_append_format(out,
			  "{\"sid\":\"%s\",\"upgrades\":[%s],"
			  "\"pingInterval\":%u,\"pingTimeout\":%u,"
			  "\"maxPayload\":%zu}",
			  session->sid,
			  session->transport == POLLING ? "\"websocket\"" : "",
			  limits->ping_interval_ms, limits->ping_timeout_ms,
			  limits->max_payload_bytes);
}

/* Protocol 4's server pings, protocol 3's client does. */
static void take_heartbeat(struct engine_session *session,
			   const struct eio_packet *packet)
{
	bool is_ping = packet->type == EIO_PING;

	if (is_ping != (session->version == EIO_3)) {
		engine_close(session, ENGINE_FAILED,
			     "heartbeat in the wrong direction");
		return;
	}
	if (is_ping)
		(void)send_packet(session, EIO_PONG, &packet->data, 1);
	else if (session->silent_at_ms)
		session->engine->ops->on_pong(session->owner);
	restart_heartbeat(session);
}

/* A client whose answer hangs behind a long message is given more time, once.
 */
static void be_patient(struct engine_session *session)
{
	if (session->version == EIO_3 || !session->silent_at_ms ||
	    session->is_patient)
		return;
	session->is_patient = true;
	session->silent_at_ms = engine_now_ms(session) +
				session->engine->limits.ping_timeout_ms;
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

/* --- requests --- */

/* What the query says. */
struct question {
	enum eio_version version;
	enum engine_transport transport;
	bool has_sid;
	char sid[PARAMETER_CAP];
};

static bool parameter_is(struct span query, const char *name, const char *value)
{
	char text[PARAMETER_CAP];

	return !http_query_get(query, span_from(name), text, sizeof(text)) &&
	       !strcmp(text, value);
}

static int read_question(struct span query, struct question *question)
{
	int err = http_query_get(query, SPAN("sid"), question->sid,
				 sizeof(question->sid));

	question->has_sid = err != -ENOENT;
	if (err)
		question->sid[0] = '\0'; /* of no session */
	question->version = parameter_is(query, "EIO", "4") ? EIO_4 : EIO_3;
	if (parameter_is(query, "transport", "websocket"))
		question->transport = WEBSOCKET;
	else if (parameter_is(query, "transport", "polling"))
		question->transport = POLLING;
	else
		return -EINVAL;
	return 0;
}

/*
 * The session of a request.
 *
 * A sid of protocol 3 is known to others, since it is the client's public id as
 * well: such a session is served to its own network only.
 */
static struct engine_session *find_session(struct engine *engine,
					   const struct web_request *request,
					   const char *sid)
{
	struct engine_session *session =
		map_get(engine->by_sid, span_from(sid));

	if (!session || (session->version == EIO_3 &&
			 !span_equal(net_addr_network(&session->peer),
				     net_addr_network(request->peer))))
		return NULL;
	if (!session->is_over && session->silent_at_ms &&
	    session->silent_at_ms <= engine_now_ms(session)) {
		pass_time(session); /* the timer is only so fine */
		return NULL;
	}
	return session;
}

static bool is_poll(const struct web_request *request,
		    const struct question *question)
{
	return question->transport == POLLING &&
	       request->head->method == HTTP_GET;
}

static void handle_of_session(struct engine *engine,
			      struct web_exchange *exchange,
			      const struct web_request *request,
			      const struct question *question,
			      const char *accept)
{
	struct engine_session *session =
		find_session(engine, request, question->sid);

	if (!session || (session->is_over && !is_poll(request, question)))
		engine_refuse(exchange, ENGINE_SESSION_UNKNOWN);
	else if (question->version != session->version ||
		 question->transport < session->transport)
		engine_refuse(exchange, ENGINE_BAD_REQUEST);
	else if (question->transport == WEBSOCKET)
		engine_ws_probe(session, exchange, accept);
	else if (request->head->method == HTTP_GET)
		engine_poll_get(session, exchange);
	else if (request->head->method == HTTP_POST)
		engine_poll_post(session, exchange, request);
	else
		web_reply_problem(exchange, 405, "sessions take GET and POST",
				  "Allow: GET, POST, OPTIONS\r\n");
}

static void handle_handshake(struct engine *engine,
			     struct web_exchange *exchange,
			     const struct web_request *request,
			     const struct question *question,
			     const char *accept)
{
	if (request->head->method != HTTP_GET) {
		engine_refuse(exchange, ENGINE_BAD_METHOD);
	} else if (question->version == EIO_3 && !engine->limits.allows_v3) {
		engine_refuse(exchange, ENGINE_BAD_VERSION);
	} else if (engine->is_draining ||
		   engine->count >= engine->limits.max_sessions) {
		web_reply_problem(
			exchange, 503,
			engine->is_draining
				? "the server is going down"
				: "the server has as many sessions "
				  "as it may (listen.max_connections)",
			"Retry-After: 5\r\n");
	} else if (question->transport == WEBSOCKET) {
		engine_ws_handshake(engine, exchange, request,
				    question->version, accept);
	} else {
		engine_poll_handshake(engine, exchange, request,
				      question->version);
	}
}

/* Returns whether a WebSocket may be opened; else the request is answered. */
static bool may_upgrade(struct web_exchange *exchange,
			const struct web_request *request,
			char accept[WS_ACCEPT_LEN + 1])
{
	if (request->head->method != HTTP_GET) {
		engine_refuse(exchange, ENGINE_BAD_METHOD);
		return false;
	}
	switch (handshake_judge(request, NULL, accept)) {
	case HANDSHAKE_GOOD:
		return true;
	case HANDSHAKE_FOREIGN:
		engine_refuse(exchange, ENGINE_FORBIDDEN);
		return false;
	default:
		engine_refuse(exchange, ENGINE_BAD_REQUEST);
		return false;
	}
}

/* The same for polling: pages of foreign origins may not even try. */
static bool may_poll(struct web_exchange *exchange,
		     const struct web_request *request)
{
	if (request->origin_verdict != ORIGIN_FOREIGN)
		return true;
	metric_add(METRIC_REFUSED_ORIGIN, 1);
	engine_refuse(exchange, ENGINE_FORBIDDEN);
	return false;
}

void engine_handle(struct web_exchange *exchange,
		   const struct web_request *request, void *arg)
{
	char accept[WS_ACCEPT_LEN + 1];
	struct question question;

	if (read_question(request->head->query, &question)) {
		engine_refuse(exchange, ENGINE_TRANSPORT_UNKNOWN);
		return;
	}
	if (question.transport == WEBSOCKET
		    ? !may_upgrade(exchange, request, accept)
		    : !may_poll(exchange, request))
		return;
	if (question.has_sid)
		handle_of_session(arg, exchange, request, &question, accept);
	else
		handle_handshake(arg, exchange, request, &question, accept);
}

void engine_await_body(const struct web_request *request, void *arg)
{
	struct engine *engine = arg;
	struct engine_session *session;
	struct question question;

	if (read_question(request->head->query, &question) ||
	    question.transport != POLLING || !question.has_sid)
		return;
	session = find_session(engine, request, question.sid);
	if (session && !session->posting)
		session->posting = request->conn;
}
