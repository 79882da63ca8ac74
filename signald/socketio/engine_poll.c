/* engine_poll.c: Engine.IO over polling: held GETs, POSTs, and their payloads.
 */
#include <errno.h>

#include "codec/utf8.h"
#include "socketio/engine_error.h"
#include "socketio/engine_session.h"

static struct web_response payload_response(const struct buf *payload)
{
	return (struct web_response){
		.status = 200,
		.content_type = "text/plain; charset=UTF-8",
		.body = buf_span(payload),
		.headers = "Cache-Control: no-store\r\n",
	};
}

static void reply_payload(struct web_exchange *exchange, struct buf *payload)
{
	struct web_response response = payload_response(payload);

	web_reply(exchange, &response);
	buf_clear(payload);
}

static void reply_noop(struct web_exchange *exchange, enum eio_version version)
{
	struct buf noop = {0};

	eio_append_text(&noop, version, EIO_NOOP, NULL, 0);
	reply_payload(exchange, &noop);
}

void engine_poll_handshake(struct engine *engine, struct web_exchange *exchange,
			   const struct web_request *request,
			   enum eio_version version)
{
	struct engine_session *session =
		engine_open(engine, request, version, POLLING);
	struct buf json = {0}, payload = {0};

	if (!session) {
		web_reply_problem(exchange, 503, "out of memory", NULL);
		return;
	}
	engine_write_open(session, &json);
	eio_append_text(&payload, version, EIO_OPEN,
			&(struct span){json.ptr, json.len}, 1);
	reply_payload(exchange, &payload);
	buf_clear(&json);
	engine_tell_open(session, request);
}

/* --- GET --- */

static void on_poll_gone(void *arg)
{
	struct engine_session *session = arg;

	session->poll = NULL;
	buf_clear(&session->queue);
	engine_end(session, ENGINE_LOST, "its poll broke off");
}

/* What a session does not survive. */
static void refuse_and_close(struct engine_session *session,
			     struct web_exchange *exchange, const char *reason)
{
	web_reply(exchange, &(struct web_response){.status = 400});
	engine_close(session, ENGINE_LOST, reason);
}

void engine_poll_get(struct engine_session *session,
		     struct web_exchange *exchange)
{
	engine_note_return(session);
	if (!session->poll)
		engine_proof_returned(session);
	if (session->poll) {
		refuse_and_close(session, exchange, "a GET beside another");
	} else if (session->queue.len) {
		reply_payload(exchange, &session->queue);
		engine_proof_polled(session);
		if (session->is_over)
			loop_defer(session->engine->loop, &session->task);
	} else if (session->is_over) {
		engine_refuse(exchange, ENGINE_SESSION_UNKNOWN);
	} else if (session->has_probed) {
		reply_noop(exchange, session->version);
	} else {
		session->poll = web_hold(exchange, on_poll_gone, session);
	}
}

static void answer_poll(struct engine_session *session)
{
	struct web_response response = payload_response(&session->queue);
	struct web_held *poll = session->poll;

	session->poll = NULL;
	if (web_held_reply(poll, &response))
		engine_end(session, ENGINE_LOST, "its poll broke off");
	engine_proof_polled(session);
	buf_clear(&session->queue);
}

void engine_poll_flush(struct engine_session *session)
{
	if (session->poll && session->queue.len)
		answer_poll(session);
}

void engine_poll_release(struct engine_session *session)
{
	if (!session->poll)
		return;
	if (!session->queue.len)
		eio_append_text(&session->queue, session->version, EIO_NOOP,
				NULL, 0);
	answer_poll(session);
}

/* --- POST --- */

static bool is_octets(const struct web_request *request)
{
	const struct http_header *type =
		http_find(request->head, SPAN("Content-Type"));
	struct span rest = type ? type->value : SPAN("");
	struct span media;

	return span_next_item(&rest, ';', &media) &&
	       span_equal_nocase(media, SPAN("application/octet-stream"));
}

static bool is_readable(const struct eio_packet *packet)
{
	return packet->is_binary || utf8_is_valid(packet->data);
}

static void take_payload(struct engine_session *session,
			 struct eio_reader *reader)
{
	struct eio_packet packet;
	int found = eio_next(reader, &packet);

	while (found > 0 && is_readable(&packet)) {
		engine_take(session, &packet);
		if (session->is_over)
			return;
		found = eio_next(reader, &packet);
	}
	if (found)
		engine_end(session, ENGINE_FAILED, "bad payload");
}

void engine_poll_post(struct engine_session *session,
		      struct web_exchange *exchange,
		      const struct web_request *request)
{
	struct eio_reader reader = {
		.version = session->version,
		.is_octets = is_octets(request),
		.next = request->body_bytes,
		.left = request->body.len,
	};

	if (session->posting && session->posting != request->conn) {
		refuse_and_close(session, exchange, "a POST beside another");
		return;
	}
	engine_note_return(session);
	session->posting = NULL;
	if (reader.is_octets && session->version == EIO_4) {
		refuse_and_close(session, exchange, "octets in protocol 4");
		return;
	}
	web_reply(exchange, &(struct web_response){
				    .status = 200,
				    .content_type = "text/html",
				    .body = SPAN("ok"),
				    .headers = "Cache-Control: no-store\r\n",
			    });
	if (reader.is_octets || utf8_is_valid(request->body))
		take_payload(session, &reader);
	else
		engine_end(session, ENGINE_FAILED, "payload is not UTF-8");
}

/* --- what is sent --- */

/* Something has been put into the queue: it goes out at the end of the turn,
 * all at once. */
static int after_queueing(struct engine_session *session)
{
	struct buf *queue = &session->queue;

	/* A whole packet and its attachments, in base64, always fit. */
	size_t most = session->engine->limits.max_queued_bytes +
		      2 * session->max_payload_bytes;

	if (!queue->failed && queue->len <= most) {
		loop_defer(session->engine->loop, &session->task);
		return 0;
	}
	bool was_full = !queue->failed;

	buf_clear(queue);
	engine_end(session, ENGINE_SLOW,
		   was_full ? "output full" : "out of memory");
	return -ENOBUFS;
}

int engine_poll_queue(struct engine_session *session, enum eio_type type,
		      const struct span *parts, size_t parts_count)
{
	eio_append_text(&session->queue, session->version, type, parts,
			parts_count);
	return after_queueing(session);
}

int engine_poll_queue_binary(struct engine_session *session, struct span bytes)
{
	eio_append_binary(&session->queue, session->version, bytes);
	return after_queueing(session);
}
