/* socket.c: sockets in namespaces: what they are sent, their recovery, their
 * end. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "codec/json.h"
#include "policy/metric.h"
#include "net/wsconn.h"
#include "socketio/sio.h"

/* An offset: the beginning of the socket's id, so that a client that comes back
 * as another does not name a number of its earlier self; then the number. */
#define OFFSET_TAG_LEN 8 /* and a dot */
#define OFFSET_CAP (OFFSET_TAG_LEN + 24)
#define MAX_OFFSET ((uint64_t)1 << 53)

/* A type and a head before the content, an offset behind it. */
_Static_assert(SIO_MAX_PARTS + 5 <= WSCONN_MAX_PARTS,
	       "every event fits a frame");

static void on_window(struct loop_timer *timer);

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

/* --- beginning and end --- */

static struct sio_recovery *new_recovery(struct sio_socket *socket)
{
	struct sio_recovery *recovery = calloc(1, sizeof(*recovery));

	if (!recovery)
		return NULL;
	recovery->socket = socket;
	recovery->window.fire = on_window;
	crypto_new_id(recovery->pid);
	recovery->replay = replay_new();
	if (recovery->replay &&
	    !map_put(socket->sio->by_pid, span_from(recovery->pid), socket))
		return recovery;
	replay_free(recovery->replay);
	free(recovery);
	return NULL;
}

/* A client of protocol 3 makes its ids itself, from its session's. */
static void set_id_v3(struct sio_socket *socket, const char *sid)
{
	bool is_root = !strcmp(socket->nsp->name, "/");

	(void)snprintf(socket->id, sizeof(socket->id), "%s%s%s",
		       is_root ? "" : socket->nsp->name, is_root ? "" : "#",
		       sid);
}

struct sio_socket *socket_new(struct sio_client *client,
			      const struct sio_namespace *nsp)
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
		crypto_new_id(socket->id);
	if (is_v3 || !nsp->is_recoverable)
		return socket;
	socket->recovery = new_recovery(socket);
	if (socket->recovery)
		return socket;
	free(socket);
	return NULL;
}

static void link_cut(struct sio_recovery *recovery)
{
	struct sio *sio = recovery->socket->sio;

	recovery->is_cut = true;
	recovery->prev_cut = NULL;
	recovery->next_cut = sio->cut;
	if (sio->cut)
		sio->cut->prev_cut = recovery;
	sio->cut = recovery;
	sio->cut_count++;
}

static void unlink_cut(struct sio_recovery *recovery)
{
	struct sio *sio = recovery->socket->sio;

	if (!recovery->is_cut)
		return;
	recovery->is_cut = false;
	loop_timer_stop(&recovery->window);
	if (recovery->prev_cut)
		recovery->prev_cut->next_cut = recovery->next_cut;
	else
		sio->cut = recovery->next_cut;
	if (recovery->next_cut)
		recovery->next_cut->prev_cut = recovery->prev_cut;
	sio->cut_count--;
}

static void free_recovery(struct sio_recovery *recovery)
{
	if (!recovery)
		return;
	unlink_cut(recovery);
	(void)map_remove(recovery->socket->sio->by_pid,
			 span_from(recovery->pid));
	replay_free(recovery->replay);
	free(recovery);
}

void socket_free(struct sio_socket *socket)
{
	free_recovery(socket->recovery);
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

/*
 * Whose page goes away does not return, nor do those whom we sent away; and no
 * more are waited for than could be connected. A client also closes its session
 * when it takes the connection for dead, so that is no leaving here: "41" is.
 */
static bool may_return(const struct sio_socket *socket, enum engine_end end)
{
	const struct sio *sio = socket->sio;

	return socket->recovery && end != ENGINE_GONE_AWAY &&
	       end != ENGINE_CLOSED &&
	       sio->cut_count < sio->limits.engine.max_sessions;
}

void socket_cut(struct sio_socket *socket, enum engine_end end)
{
	struct sio *sio = socket->sio;

	if (!may_return(socket, end)) {
		socket_end(socket, end);
		return;
	}
	socket_detach(socket);
	socket->recovery->end = end;
	link_cut(socket->recovery);
	loop_timer_start(sio->loop, &socket->recovery->window,
			 sio->loop->clock.mono_ms +
				 sio->limits.recovery_window_ms);
}

/* It has not come back in time. */
static void on_window(struct loop_timer *timer)
{
	struct sio_recovery *recovery =
		container_of(timer, struct sio_recovery, window);

	socket_end(recovery->socket, recovery->end);
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
	char offset[OFFSET_CAP];
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
	assert(content->parts_count <= SIO_MAX_PARTS);
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
	int len = snprintf(framed->offset, sizeof(framed->offset), "%.*s.%llu",
			   OFFSET_TAG_LEN, socket->id,
			   (unsigned long long)number);

	last->len--;
	framed->parts[framed->count++] = SPAN(",\"");
	framed->parts[framed->count++] = span_of(framed->offset, (size_t)len);
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

int sio_emit(struct sio_socket *socket, const struct sio_content *content)
{
	struct sio_recovery *recovery = socket->recovery;
	struct framed framed;

	if (socket->sio->is_ending)
		return -EPIPE;
	frame(&framed, socket, SIO_EVENT, -1, content);
	if (!recovery)
		return send_framed(socket, &framed, content);
	frame_offset(&framed, socket, replay_next(recovery->replay));
	replay_keep(recovery->replay, framed.parts, framed.count,
		    content->attachments, content->attachments_count,
		    socket->sio->limits.recovery_max_bytes);
	/* What does not reach it now is sent when it comes back. */
	if (socket->client)
		(void)send_framed(socket, &framed, content);
	return 0;
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

/* --- recovery --- */

/*
 * The number in an offset; 0, everything, where it is of an earlier id: what it
 * got under this one would have given it a newer offset.
 *
 * Returns 0, or -EINVAL for what is no offset of ours.
 */
static int read_offset(const struct sio_socket *socket, struct span raw,
		       uint64_t *offset)
{
	char text[OFFSET_CAP];
	uint64_t number;
	size_t len;

	*offset = 0;
	if (!raw.ptr)
		return 0; /* no event has come yet */
	if (json_decode_string(raw, text, sizeof(text), &len) ||
	    len <= OFFSET_TAG_LEN || text[OFFSET_TAG_LEN] != '.' ||
	    span_to_u64(span_of(text + OFFSET_TAG_LEN + 1,
				len - OFFSET_TAG_LEN - 1),
			MAX_OFFSET, &number))
		return -EINVAL;
	if (!memcmp(text, socket->id, OFFSET_TAG_LEN))
		*offset = number;
	return 0;
}

/* The socket that a CONNECT's pid names, and what it says it has got. */
static struct sio_socket *find_lost(const struct sio *sio, struct span auth,
				    uint64_t *offset)
{
	const struct span names[] = {SPAN("pid"), SPAN("offset")};
	char pid[CRYPTO_ID_LEN + 1];
	struct sio_socket *socket;
	struct span values[2];
	size_t len;

	if (!auth.ptr || json_pick(auth, names, 2, values) ||
	    json_decode_string(values[0], pid, sizeof(pid), &len))
		return NULL;
	socket = map_get(sio->by_pid, span_from(pid));
	if (socket && read_offset(socket, values[1], offset))
		*offset = UINT64_MAX; /* of nothing that was sent */
	return socket;
}

struct resending {
	struct sio_client *client;
	int err;
};

static void resend(struct span packet, struct blob *const *attachments,
		   unsigned attachments_count, void *arg)
{
	struct resending *resending = arg;
	struct engine_session *session = resending->client->session;
	int err = engine_send(session, &packet, 1);

	for (unsigned i = 0; !err && i < attachments_count; i++)
		err = engine_send_binary(session, span_of(attachments[i]->bytes,
							  attachments[i]->len));
	if (err)
		resending->err = err;
}

/* Its client's connection is dead, though nobody knew: close it, unless other
 * sockets of its are still to be fetched. */
static void leave_dead_client(struct sio_socket *socket)
{
	struct sio_client *before = socket->client;

	if (!before)
		return;
	socket_detach(socket);
	if (!before->sockets)
		engine_close(before->session, ENGINE_LOST, "taken over");
}

struct sio_socket *socket_recover(struct sio_client *client,
				  const struct sio_namespace *nsp,
				  struct span auth)
{
	struct resending resending = {.client = client};
	uint64_t offset;
	struct sio_socket *socket = find_lost(client->sio, auth, &offset);

	if (!socket || socket->nsp != nsp || socket->client == client)
		return NULL;
	leave_dead_client(socket);
	if (!replay_reaches(socket->recovery->replay, offset)) {
		metric_add(METRIC_RECOVERIES_REFUSED, 1);
		socket_end(socket, ENGINE_LOST);
		return NULL;
	}
	metric_add(METRIC_RECOVERIES_OK, 1);
	unlink_cut(socket->recovery);
	socket_attach(socket, client);
	replay_forget(socket->recovery->replay, offset);
	socket->recovery->pinged = offset;
	replay_each(socket->recovery->replay, offset, resend, &resending);
	/* What does not fit now never will. */
	if (resending.err)
		replay_forget(socket->recovery->replay, UINT64_MAX);
	else
		socket_send_connect(socket);
	return socket;
}
