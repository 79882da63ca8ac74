/* socket.c: sockets in namespaces: what they are sent, and their end. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "net/wsconn.h"
#include "socketio/kept.h"
#include "socketio/sio.h"

/* A type and a head before the content, an offset behind it. */
_Static_assert(SIO_MAX_PARTS + 5 <= WSCONN_MAX_PARTS,
	       "every event fits a frame");
_Static_assert(SIO_MAX_PARTS + 5 <= KEPT_MAX_PARTS, "every event can be kept");

const char *sio_socket_id(const struct sio_socket *socket)
{
	return socket->id;
}

void sio_socket_address(const struct sio_socket *socket, char out[NET_ADDR_CAP])
{
	*out = '\0';
	if (socket->client)
		net_addr_format(&socket->client->peer, out);
}

const struct net_addr *sio_socket_peer(const struct sio_socket *socket)
{
	return socket->client ? &socket->client->peer : NULL;
}

struct limits *sio_socket_limits(const struct sio_socket *socket)
{
	return socket->sio->loop->limits;
}

struct span sio_socket_network(const struct sio_socket *socket)
{
	return socket->client ? net_addr_network(&socket->client->peer)
			      : (struct span){NULL, 0};
}

uint64_t sio_socket_inst(const struct sio_socket *socket)
{
	return socket->inst;
}

/* --- beginning and end --- */

/* A client of protocol 3 makes its ids itself, from its session's. */
static void set_id_v3(struct sio_socket *socket, const char *sid)
{
	bool is_root = !strcmp(socket->nsp->name, "/");

	(void)snprintf(socket->id, sizeof(socket->id), "%s%s%s",
		       is_root ? "" : socket->nsp->name, is_root ? "" : "#",
		       sid);
}

struct sio_socket *socket_new(struct sio_client *client,
			      const struct sio_namespace *nsp, struct span auth)
{
	struct sio_socket *socket = calloc(1, sizeof(*socket));
	bool is_v3 = engine_version(client->session) == EIO_3;

	if (!socket)
		return NULL;
	socket->sio = client->sio;
	socket->nsp = nsp;
	if (is_v3)
		set_id_v3(socket, engine_sid(client->session));
	else
		socket->has_returned =
			nsp->is_recoverable &&
			!recovery_read_id(client->sio, nsp, auth, socket->id);
	if (!*socket->id)
		crypto_new_id(socket->id);
	if (is_v3 || !nsp->is_recoverable)
		return socket;
	socket->inst = client->sio->loop->clock.wall_ms;
	socket->recovery = recovery_new(socket);
	if (socket->recovery)
		return socket;
	free(socket);
	return NULL;
}

void socket_free(struct sio_socket *socket)
{
	outlog_clear(&socket->log, GONE);
	recovery_free(socket->recovery);
	free(socket);
}

void socket_attach(struct sio_socket *socket, struct sio_client *client)
{
	socket->client = client;
	socket->next = client->sockets;
	client->sockets = socket;
}

void socket_detach(struct sio_socket *socket)
{
	struct sio_socket **at = &socket->client->sockets;

	while (*at != socket)
		at = &(*at)->next;
	*at = socket->next;
	socket->next = NULL;
	socket->client = NULL;
}

void socket_end(struct sio_socket *socket, enum engine_end end)
{
	if (socket->client)
		socket_detach(socket);
	socket->nsp->app->on_end(end, socket->owner);
	socket_free(socket);
}

void socket_cut(struct sio_socket *socket, enum engine_end end)
{
	if (!recovery_may_wait(socket, end)) {
		socket_end(socket, end);
		return;
	}
	socket_detach(socket);
	recovery_wait(socket->recovery, end);
	socket->nsp->app->on_cut(socket->owner);
}

void sio_disconnect(struct sio_socket *socket)
{
	if (socket->client)
		client_send(socket->client, SIO_DISCONNECT, socket->nsp->name,
			    NULL, 0);
	socket_end(socket, ENGINE_CLOSED);
}

/* --- what is sent --- */

void client_send(struct sio_client *client, enum sio_type type, const char *nsp,
		 const struct span *data, size_t data_count)
{
	char head[SIO_HEAD_CAP];
	struct span parts[SIO_MAX_PARTS];

	assert(data_count < SIO_MAX_PARTS);
	parts[0] = span_of(head,
			   sio_write_head(head, type, 0, span_from(nsp), -1));
	for (size_t i = 0; i < data_count; i++)
		parts[i + 1] = data[i];
	(void)engine_send(client->session, parts, data_count + 1);
}

void socket_send_connect(const struct sio_socket *socket)
{
	const struct sio_recovery *recovery = socket->recovery;
	const struct span data[] = {
		SPAN("{\"sid\":\""),
		span_from(socket->id),
		recovery ? SPAN("\",\"pid\":\"") : SPAN(""),
		span_from(recovery ? recovery->pid : ""),
		SPAN("\"}"),
	};
	bool is_v3 = engine_version(socket->client->session) == EIO_3;

	client_send(socket->client, SIO_CONNECT, socket->nsp->name, data,
		    is_v3 ? 0 : sizeof(data) / sizeof(*data));
}

/* A packet in pieces: its head, the content's, and an offset at its end. */
struct framed {
	char head[SIO_HEAD_CAP];
	char offset[SIO_OFFSET_CAP];
	struct span parts[SIO_MAX_PARTS + 4];
	size_t count;
};

static void frame(struct framed *framed, const struct sio_socket *socket,
		  enum sio_type type, int64_t id,
		  const struct sio_content *content)
{
	size_t head_len;

	if (content->attachments_count)
		type = type == SIO_ACK ? SIO_BINARY_ACK : SIO_BINARY_EVENT;
	head_len =
		sio_write_head(framed->head, type, content->attachments_count,
			       span_from(socket->nsp->name), id);
	assert(content->parts_count && content->parts_count <= SIO_MAX_PARTS);
	framed->parts[0] = span_of(framed->head, head_len);
	for (size_t i = 0; i < content->parts_count; i++)
		framed->parts[i + 1] = content->parts[i];
	framed->count = content->parts_count + 1;
}

/* The offset becomes the array's last element. */
static void frame_offset(struct framed *framed, const struct sio_socket *socket,
			 uint64_t number)
{
	struct span *last = &framed->parts[framed->count - 1];
	size_t len = recovery_write_offset(socket, number, framed->offset);

	last->len--;
	framed->parts[framed->count++] = SPAN(",\"");
	framed->parts[framed->count++] = span_of(framed->offset, len);
	framed->parts[framed->count++] = SPAN("\"]");
}

static int send_framed(struct sio_socket *socket, const struct framed *framed,
		       const struct sio_content *content)
{
	struct engine_session *session;
	int err;

	if (!socket->client)
		return -EPIPE;
	session = socket->client->session;
	err = engine_send(session, framed->parts, framed->count);
	for (unsigned i = 0; !err && i < content->attachments_count; i++)
		err = engine_send_binary(session, content->attachments[i]);
	return err;
}

/* Somebody waits to hear that the newest event has come: a heartbeat behind it
 * will tell. */
static void ask_for_proof(struct sio_socket *socket)
{
	socket->awaited = socket->log.sent;
	if (socket->client)
		engine_prove(socket->client->session);
}

/* Keep what may have to be sent again. While the client is connected the oldest
 * makes room; while it is cut off, what somebody waits for finds room or is
 * refused. */
static int keep(struct sio_socket *socket, const struct framed *framed,
		const struct sio_content *content)
{
	const struct outlog_limits *limits = &socket->sio->limits.log;
	struct blob *kept =
		kept_new(framed->parts, framed->count, content->attachments,
			 content->attachments_count);
	int err = -ENOMEM;

	if (kept && content->receipt && !socket->client)
		err = outlog_add(&socket->log, limits, kept, content->receipt);
	else if (kept)
		err = outlog_push(&socket->log, limits, kept, content->receipt);
	blob_unref(kept);
	if (!err || content->receipt)
		return err;
	outlog_pass(&socket->log);
	return 0;
}

static int emit_kept(struct sio_socket *socket, struct framed *framed,
		     const struct sio_content *content)
{
	int err;

	frame_offset(framed, socket, socket->log.sent + 1);
	err = keep(socket, framed, content);
	if (err)
		return err;
	/* What does not reach it now is sent when it comes back. */
	if (socket->client)
		(void)send_framed(socket, framed, content);
	if (content->receipt)
		ask_for_proof(socket);
	return 0;
}

static int emit_once(struct sio_socket *socket, const struct framed *framed,
		     const struct sio_content *content)
{
	const struct outlog_limits *limits = &socket->sio->limits.log;
	int err;

	if (content->receipt && socket->log.len >= limits->max_messages)
		return -ENOBUFS;
	if (content->receipt && outlog_reserve(&socket->log))
		return -ENOMEM;
	err = send_framed(socket, framed, content);
	if (err || !content->receipt)
		return err;
	(void)outlog_add(&socket->log, limits, NULL, content->receipt);
	ask_for_proof(socket);
	return 0;
}

static bool is_receipt(const struct receipt *receipt)
{
	return receipt && !receipt_is_empty(receipt);
}

int sio_emit(struct sio_socket *socket, const struct sio_content *content)
{
	struct sio_content wanted = *content;
	struct framed framed;

	if (socket->sio->is_ending)
		return -EPIPE;
	if (!is_receipt(content->receipt))
		wanted.receipt = NULL;
	frame(&framed, socket, SIO_EVENT, -1, content);
	return socket->recovery ? emit_kept(socket, &framed, &wanted)
				: emit_once(socket, &framed, &wanted);
}

int sio_await(struct sio_socket *socket, const struct receipt *receipt)
{
	const struct outlog_limits *limits = &socket->sio->limits.log;
	int err;

	if (socket->sio->is_ending)
		return -EPIPE;
	if (!is_receipt(receipt))
		return 0;
	if (outlog_is_empty(&socket->log)) {
		receipt_settle(receipt, DELIVERED);
		return 0;
	}
	if (!socket->client && socket->log.len >= limits->max_messages)
		return -ENOBUFS;
	err = outlog_await(&socket->log, limits, receipt);
	if (!err)
		ask_for_proof(socket);
	return err;
}

int sio_ask(struct sio_socket *socket, uint64_t id,
	    const struct sio_content *content)
{
	struct framed framed;

	frame(&framed, socket, SIO_EVENT, (int64_t)id, content);
	return send_framed(socket, &framed, content);
}

int sio_answer(struct sio_socket *socket, uint64_t id,
	       const struct sio_content *content)
{
	struct framed framed;

	frame(&framed, socket, SIO_ACK, (int64_t)id, content);
	return send_framed(socket, &framed, content);
}

bool sio_is_shareable(const struct sio_socket *socket)
{
	return !socket->recovery;
}

struct blob *sio_encode(const struct sio_socket *socket,
			const struct sio_content *content)
{
	struct framed framed;

	frame(&framed, socket, SIO_EVENT, -1, content);
	return engine_encode(framed.parts, framed.count);
}

int sio_emit_encoded(struct sio_socket *socket, struct blob *event)
{
	return socket->client
		       ? engine_send_encoded(socket->client->session, event)
		       : -EPIPE;
}
