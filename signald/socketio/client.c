/* client.c: Socket.IO clients: their namespaces, and the packets they send. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "codec/json.h"
#include "policy/metric.h"
#include "socketio/sio.h"

static void *on_open(struct engine_session *session,
		     const struct web_request *request, void *engine_arg);
static void on_text(struct span text, void *arg);
static void on_binary(struct span bytes, void *arg);
static void on_deadline(void *arg);
static void on_ping(void *arg);
static void on_pong(void *arg);
static void on_close(enum engine_end end, const char *reason, void *arg);

static const struct engine_ops engine_handlers = {
	.on_open = on_open,
	.on_text = on_text,
	.on_binary = on_binary,
	.on_deadline = on_deadline,
	.on_ping = on_ping,
	.on_pong = on_pong,
	.on_close = on_close,
};

/* --- all of it --- */

int sio_new(struct sio **siop, struct loop *loop, const struct keyring *keyring,
	    const struct sio_limits *limits)
{
	struct sio *sio = calloc(1, sizeof(*sio));

	if (!sio)
		return -ENOMEM;
	sio->loop = loop;
	sio->keyring = keyring;
	sio->began_ms = loop->clock.wall_ms;
	sio->limits = *limits;
	sio->by_pid = map_new();
	if (!sio->by_pid || engine_new(&sio->engine, loop, &limits->engine,
				       &engine_handlers, sio)) {
		sio_free(sio);
		return -ENOMEM;
	}
	*siop = sio;
	return 0;
}

void sio_free(struct sio *sio)
{
	if (!sio)
		return;
	sio->is_ending = true;
	engine_free(sio->engine);
	/* Those that are cut off belong to no client. */
	while (sio->cut)
		socket_end(sio->cut->socket, ENGINE_CLOSED);
	map_free(sio->by_pid);
	free(sio);
}

void sio_set_limits(struct sio *sio, const struct sio_limits *limits)
{
	sio->limits = *limits;
	engine_set_limits(sio->engine, &limits->engine);
}

struct engine *sio_engine(const struct sio *sio)
{
	return sio->engine;
}

static const struct sio_namespace *find_namespace(const struct sio *sio,
						  struct span name)
{
	for (size_t i = 0; i < sio->namespaces_count; i++)
		if (span_equal(span_from(sio->namespaces[i].name), name))
			return &sio->namespaces[i];
	return NULL;
}

int sio_add_namespace(struct sio *sio,
		      const struct sio_namespace_options *options)
{
	if (find_namespace(sio, span_from(options->name)))
		return -EEXIST;
	if (sio->namespaces_count == SIO_MAX_NAMESPACES)
		return -ENOMEM;
	sio->namespaces[sio->namespaces_count++] = (struct sio_namespace){
		.name = options->name,
		.is_recoverable = options->is_recoverable,
		.app = options->app,
		.arg = options->arg,
	};
	return 0;
}

/* --- CONNECT --- */

/* What it may not do ends its session; nobody else notices. */
static void fail(struct sio_client *client, const char *reason)
{
	metric_add(METRIC_CLOSED_PROTOCOL, 1);
	engine_close(client->session, ENGINE_FAILED, reason);
}

/* {"message":"Invalid namespace"}, with "data" where there is a code; before
 * protocol 4 of Engine.IO the message alone. */
static void send_refusal(struct sio_client *client, struct span nsp,
			 const struct sio_refusal *refusal)
{
	bool is_v3 = engine_version(client->session) == EIO_3;
	char name[SIO_MAX_NSP + 1];
	struct buf data = {0};

	(void)span_copy(nsp, name, sizeof(name));
	buf_append_str(&data, is_v3 ? "" : "{\"message\":");
	buf_append_json(&data, span_from(refusal->message));
	if (refusal->code && !is_v3) {
		buf_append_str(&data, ",\"data\":{\"code\":");
		buf_append_json(&data, span_from(refusal->code));
		if (refusal->retry_after_s)
			buf_append_format(&data, ",\"retryAfter\":%u",
					  refusal->retry_after_s);
		buf_append_str(&data, "}");
	}
	buf_append_str(&data, is_v3 ? "" : "}");
	client_send(client, SIO_CONNECT_ERROR, name,
		    &(struct span){data.ptr, data.len}, 1);
	buf_clear(&data);
}

static struct sio_socket *find_socket(const struct sio_client *client,
				      struct span nsp)
{
	struct sio_socket *socket = client->sockets;

	while (socket && !span_equal(span_from(socket->nsp->name), nsp))
		socket = socket->next;
	return socket;
}

static void end_connect_timeout(struct sio_client *client)
{
	engine_set_deadline(client->session, 0);
}

/* Who comes is charged to its address; who was here before, to itself: as the
 * peer that it is again. Returns 0 or when it may come. */
static uint64_t charge(const struct sio_socket *socket,
		       struct sio_client *client)
{
	struct limits *limits = client->sio->loop->limits;
	uint64_t wait_ms;

	if (!socket->has_returned)
		return limit_take(limits, LIMIT_JOINS,
				  net_addr_network(&client->peer));
	wait_ms = limit_take(limits, LIMIT_PEER, span_from(socket->id));
	if (!wait_ms)
		engine_vouch(client->session);
	return wait_ms;
}

void client_enter(struct sio_client *client, const struct sio_namespace *nsp,
		  const struct sio_packet *packet)
{
	const struct sio_connect connect = {
		.auth = packet->data,
		.query = packet->query,
		.room = client->has_room
				? span_of(client->room, client->room_len)
				: (struct span){NULL, 0},
		.shown = &client->shown,
		.wait = client->knocking,
		.from = &client->peer,
	};
	struct sio_refusal refusal = {
		.message = "the server is out of memory; try again later"};
	struct sio_socket *socket = socket_new(client, nsp, packet->data);
	uint64_t wait_ms =
		socket && !client->knocking ? charge(socket, client) : 0;

	if (wait_ms) {
		socket_free(socket);
		send_refusal(client, span_from(nsp->name),
			     &(struct sio_refusal){
				     .message = "rate-limited",
				     .code = "rate-limited",
				     .retry_after_s =
					     (unsigned)limit_retry_s(wait_ms),
			     });
		return;
	}
	if (socket) {
		socket_attach(socket, client);
		socket->owner = nsp->app->on_connect(socket, &connect, &refusal,
						     nsp->arg);
	}
	if (!socket || !socket->owner) {
		if (socket) {
			socket_detach(socket);
			socket_free(socket);
		}
		if (!refusal.is_pending ||
		    knock_again(client, nsp, packet, &refusal.pending))
			send_refusal(client, span_from(nsp->name), &refusal);
		return;
	}
	end_connect_timeout(client);
	socket_send_connect(socket);
	nsp->app->on_ready(socket->owner);
}

static void take_connect(struct sio_client *client,
			 const struct sio_packet *packet)
{
	const struct sio_namespace *nsp =
		find_namespace(client->sio, packet->nsp);
	const struct sio_socket *socket;

	if (find_socket(client, packet->nsp) ||
	    knock_has(client, packet->nsp)) {
		/* Protocol 4 is in "/" unasked; its clients may ask still. */
		if (engine_version(client->session) == EIO_4)
			fail(client, "connected to a namespace twice");
	} else if (!nsp) {
		send_refusal(
			client, packet->nsp,
			&(struct sio_refusal){.message = "Invalid namespace"});
	} else if (nsp->is_recoverable &&
		   (socket = socket_recover(client, nsp, packet->data))) {
		end_connect_timeout(client);
		if (!limit_take(client->sio->loop->limits, LIMIT_PEER,
				span_from(socket->id)))
			engine_vouch(client->session);
	} else {
		client_enter(client, nsp, packet);
	}
}

/* --- packets --- */

static void take_packet(struct sio_client *client,
			const struct sio_message *message)
{
	const struct sio_packet *packet = message->packet;
	struct sio_socket *socket;

	if (packet->type == SIO_CONNECT) {
		take_connect(client, packet);
		return;
	}
	socket = find_socket(client, packet->nsp);
	if (!socket) {
		fail(client, "a packet for a namespace it is not in");
		return;
	}
	switch (packet->type) {
	case SIO_DISCONNECT:
		socket_end(socket, ENGINE_LEFT);
		break;
	case SIO_EVENT:
	case SIO_BINARY_EVENT:
		socket->nsp->app->on_event(message, socket->owner);
		break;
	default:
		socket->nsp->app->on_ack(message, socket->owner);
	}
}

static void await_attachments(struct sio_client *client, struct span text,
			      unsigned count)
{
	client->awaited = attachments_new(text, count);
	if (!client->awaited) {
		engine_close(client->session, ENGINE_CLOSED, "out of memory");
		return;
	}
	engine_set_deadline(client->session,
			    client->sio->loop->clock.mono_ms +
				    client->sio->limits.connect_timeout_ms);
}

static void on_text(struct span text, void *arg)
{
	struct sio_client *client = arg;
	struct sio_packet packet;

	if (client->awaited) {
		fail(client, "text where an attachment was due");
	} else if (sio_parse(text, &packet)) {
		fail(client, "not a Socket.IO packet");
	} else if (packet.attachments) {
		await_attachments(client, text, packet.attachments);
	} else {
		take_packet(client, &(struct sio_message){.packet = &packet});
	}
}

/* The packet is whole: it is read again, where it was kept. */
static void take_awaited(struct sio_client *client)
{
	struct attachments *attachments = client->awaited;
	struct span spans[SIO_MAX_ATTACHMENTS];
	struct sio_packet packet;

	client->awaited = NULL;
	engine_set_deadline(client->session, 0);
	attachments_spans(attachments, spans);
	if (!sio_parse(attachments_text(attachments), &packet))
		take_packet(client, &(struct sio_message){&packet, spans});
	attachments_free(attachments);
}

static void on_binary(struct span bytes, void *arg)
{
	struct sio_client *client = arg;
	int added;

	if (!client->awaited) {
		fail(client, "an attachment of nothing");
		return;
	}
	added = attachments_add(client->awaited, bytes,
				client->sio->limits.engine.max_payload_bytes);
	if (added == -EMSGSIZE)
		fail(client, "attachments too big");
	else if (added < 0)
		engine_close(client->session, ENGINE_CLOSED, "out of memory");
	else if (added)
		take_awaited(client);
}

/* --- the session beneath --- */

static void read_room(struct sio_client *client,
		      const struct web_request *request)
{
	int err = http_query_get(request->head->query, SPAN("room"),
				 client->room, SIO_MAX_ROOM_QUERY + 1);

	client->has_room = err != -ENOENT;
	/* One that cannot be read is as good as an empty one: refused. */
	if (!err)
		client->room_len = strlen(client->room);
}

static void *on_open(struct engine_session *session,
		     const struct web_request *request, void *engine_arg)
{
	static const struct sio_packet root = {.nsp = SPAN_INIT("/")};
	struct sio *sio = engine_arg;
	struct sio_client *client =
		calloc(1, sizeof(*client) + SIO_MAX_ROOM_QUERY + 1);
	struct sio_client *shrunk;

	if (!client)
		return NULL;
	client->sio = sio;
	client->session = session;
	client->peer = *request->peer;
	shown_keep(&client->shown, sio->loop->config, request);
	read_room(client, request);
	shrunk = realloc(client, sizeof(*client) + client->room_len + 1);
	if (shrunk)
		client = shrunk;
	engine_set_deadline(session, sio->loop->clock.mono_ms +
					     sio->limits.connect_timeout_ms);
	/* In protocol 4 a client is in "/" unasked, where that exists. */
	if (engine_version(session) == EIO_3 && find_namespace(sio, root.nsp))
		take_connect(client, &root);
	return client;
}

static void on_deadline(void *arg)
{
	struct sio_client *client = arg;

	metric_add(METRIC_CLOSED_TIMEOUT, 1);
	if (client->awaited)
		engine_close(client->session, ENGINE_FAILED,
			     "attachments did not come");
	else
		engine_close(client->session, ENGINE_LOST, "connect timeout");
}

/* An answer to this ping shows that what was sent before it has come. */
static void on_ping(void *arg)
{
	const struct sio_client *client = arg;

	for (struct sio_socket *socket = client->sockets; socket;
	     socket = socket->next)
		socket->pinged = socket->log.sent;
}

static void on_pong(void *arg)
{
	const struct sio_client *client = arg;
	bool has_more = false;

	for (struct sio_socket *socket = client->sockets; socket;
	     socket = socket->next) {
		outlog_ack(&socket->log, socket->pinged);
		has_more |= socket->awaited > socket->pinged;
	}
	if (has_more)
		engine_prove(client->session);
}

static void on_close(enum engine_end end, const char *reason, void *arg)
{
	struct sio_client *client = arg;
	struct sio_socket *next;

	(void)reason;
	for (struct sio_socket *socket = client->sockets; socket;
	     socket = next) {
		next = socket->next;
		socket_cut(socket, end);
	}
	attachments_free(client->awaited);
	knock_forget_all(client);
	shown_forget(&client->shown);
	free(client);
}
