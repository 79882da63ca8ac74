/* engine_request.c: the requests that come to Engine.IO's path. */
#include <errno.h>

#include "base/map.h"
#include "net/handshake.h"
#include "socketio/engine_error.h"
#include "socketio/engine_session.h"

#define PARAMETER_CAP 64

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

static bool is_of_network(const struct engine_session *session,
			  const struct web_request *request)
{
	return span_equal(net_addr_network(&session->peer),
			  net_addr_network(request->peer));
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

	bool is_known = session && (session->version == EIO_4 ||
				    is_of_network(session, request));

	return is_known ? session : NULL;
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

	if (session)
		engine_pass_time(session); /* the timer is only so fine */
	if (!session || (session->is_over && !is_poll(request, question)))
		engine_refuse(exchange, ENGINE_SESSION_UNKNOWN);
	else if (question->version != session->version ||
		 (question->transport == POLLING &&
		  session->transport == WEBSOCKET))
		engine_refuse(exchange, ENGINE_BAD_REQUEST);
	else if (question->transport == WEBSOCKET) {
		if (handshake_admit_connection(exchange, request))
			engine_ws_probe(session, exchange, accept);
	} else if (request->head->method == HTTP_GET)
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
	} else if (engine->is_draining) {
		web_reply_problem(exchange, 503, "the server is going down",
				  "Retry-After: 5\r\n");
	} else if (question->transport == POLLING &&
		   engine->polling_count >= engine->limits.max_sessions) {
		web_reply_problem(exchange, 503,
				  "as many clients poll as may "
				  "(listen.max_connections)",
				  "Retry-After: 5\r\n");
	} else if (question->transport == WEBSOCKET) {
		if (handshake_admit(exchange, request))
			engine_ws_handshake(engine, exchange, request,
					    question->version, accept);
	} else if (web_may(exchange, request, LIMIT_HANDSHAKES)) {
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
		web_note_foreign(exchange, request);
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
	web_note_foreign(exchange, request);
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

/* The session that a POST is for; NULL when it is for none. */
static struct engine_session *posted_to(struct engine *engine,
					const struct web_request *request)
{
	struct question question;

	if (read_question(request->head->query, &question) ||
	    question.transport != POLLING || !question.has_sid)
		return NULL;
	return find_session(engine, request, question.sid);
}

void engine_await_body(const struct web_request *request, void *arg)
{
	struct engine_session *session = posted_to(arg, request);

	if (session && !session->posting)
		session->posting = request->conn;
}

void engine_forget_body(const struct web_request *request, void *arg)
{
	struct engine_session *session = posted_to(arg, request);

	if (session && session->posting == request->conn)
		session->posting = NULL;
}
