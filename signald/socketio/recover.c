/* recover.c: sockets that outlive their client for a while, and their return.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/member.h"
#include "codec/json.h"
#include "policy/metric.h"
#include "policy/token.h"
#include "socketio/kept.h"
#include "socketio/sio.h"

#define MAX_OFFSET ((uint64_t)1 << 53)

/* It has not come back in time. */
static void on_window(struct loop_timer *timer)
{
	struct sio_recovery *recovery =
		container_of(timer, struct sio_recovery, window);

	socket_end(recovery->socket, recovery->end);
}

/* The pid is a token: after a restart it still proves which id was the
 * client's. */
static int write_pid(const struct sio_socket *socket, struct buf *pid)
{
	const struct sio *sio = socket->sio;
	const struct token token = {
		.kind = TOKEN_SOCKET,
		.expires_at_s =
			clock_wall_s(&sio->loop->clock) + KEYRING_SIGNS_S,
		.id = span_from(socket->id),
		.place = span_from(socket->nsp->name),
		/* When it was made: two of one id are not the same. */
		.generation = (uint32_t)socket->inst,
	};

	return token_write(sio->keyring, &token, pid);
}

static void make_tag(char tag[SIO_TAG_LEN])
{
	char id[CRYPTO_ID_LEN + 1];

	crypto_new_id(id);
	memcpy(tag, id, SIO_TAG_LEN);
}

struct sio_recovery *recovery_new(struct sio_socket *socket)
{
	struct sio_recovery *recovery = NULL;
	struct buf pid = {0};

	if (!write_pid(socket, &pid))
		recovery = calloc(1, sizeof(*recovery) + pid.len + 1);
	if (recovery) {
		recovery->socket = socket;
		recovery->window.fire = on_window;
		make_tag(recovery->tag);
		memcpy(recovery->pid, pid.ptr, pid.len);
	}
	buf_clear(&pid);
	if (recovery &&
	    map_put(socket->sio->by_pid, span_from(recovery->pid), socket)) {
		free(recovery);
		return NULL;
	}
	return recovery;
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

void recovery_free(struct sio_recovery *recovery)
{
	if (!recovery)
		return;
	unlink_cut(recovery);
	(void)map_remove(recovery->socket->sio->by_pid,
			 span_from(recovery->pid));
	free(recovery);
}

/*
 * Whose page goes away does not return, nor do those whom we sent away; and no
 * more are waited for than could be connected. A client also closes its session
 * when it takes the connection for dead, so that is no leaving here: "41" is.
 */
bool recovery_may_wait(const struct sio_socket *socket, enum engine_end end)
{
	const struct sio *sio = socket->sio;

	return socket->recovery && end != ENGINE_GONE_AWAY &&
	       end != ENGINE_CLOSED &&
	       sio->cut_count < sio->limits.engine.max_sessions;
}

void recovery_wait(struct sio_recovery *recovery, enum engine_end end)
{
	const struct sio *sio = recovery->socket->sio;

	recovery->end = end;
	link_cut(recovery);
	loop_timer_start(sio->loop, &recovery->window,
			 sio->loop->clock.mono_ms +
				 sio->limits.recovery_window_ms);
}

size_t recovery_write_offset(const struct sio_socket *socket, uint64_t number,
			     char out[SIO_OFFSET_CAP])
{
	return (size_t)snprintf(out, SIO_OFFSET_CAP, "%.*s.%llu", SIO_TAG_LEN,
				socket->recovery->tag,
				(unsigned long long)number);
}

/*
 * The number in an offset; 0, everything, where it is of an earlier socket:
 * what it got as this one would have given it a newer offset.
 *
 * Returns 0, or -EINVAL for what is no offset of ours.
 */
static int read_offset(const struct sio_socket *socket, struct span raw,
		       uint64_t *offset)
{
	char text[SIO_OFFSET_CAP];
	uint64_t number;
	size_t len;

	*offset = 0;
	if (!raw.ptr)
		return 0; /* no event has come yet */
	if (json_decode_string(raw, text, sizeof(text), &len) ||
	    len <= SIO_TAG_LEN || text[SIO_TAG_LEN] != '.' ||
	    span_to_u64(span_of(text + SIO_TAG_LEN + 1, len - SIO_TAG_LEN - 1),
			MAX_OFFSET, &number))
		return -EINVAL;
	if (!memcmp(text, socket->recovery->tag, SIO_TAG_LEN))
		*offset = number;
	return 0;
}

/* What a CONNECT says of an earlier socket. */
struct claim {
	char pid[CRYPTO_BASE64_LEN(TOKEN_CAP) + 1];
	struct span offset; /* raw JSON, {NULL, 0} without one */
};

static int read_claim(struct span auth, struct claim *claim)
{
	const struct span names[] = {SPAN("pid"), SPAN("offset")};
	struct span values[2];
	size_t len;

	if (!auth.ptr || json_pick(auth, names, 2, values) ||
	    json_decode_string(values[0], claim->pid, sizeof(claim->pid), &len))
		return -EINVAL;
	claim->offset = values[1];
	return 0;
}

/* The socket that it names, and what the client says it has got. */
static struct sio_socket *find_lost(const struct sio *sio, struct span auth,
				    uint64_t *offset)
{
	struct sio_socket *socket;
	struct claim claim;

	if (read_claim(auth, &claim))
		return NULL;
	socket = map_get(sio->by_pid, span_from(claim.pid));
	if (socket && read_offset(socket, claim.offset, offset))
		*offset = UINT64_MAX; /* of nothing that was sent */
	return socket;
}

/* Who left while this server was there has left. A token lives for a day, and
 * 32 bits of milliseconds come round in 49. */
static bool is_of_earlier_life(const struct sio *sio, const struct token *token)
{
	return (int32_t)(token->generation - (uint32_t)sio->began_ms) < 0;
}

int recovery_read_id(const struct sio *sio, const struct sio_namespace *nsp,
		     struct span auth, char id[SIO_ID_CAP])
{
	char space[TOKEN_CAP];
	struct token token;
	struct claim claim;

	if (read_claim(auth, &claim) ||
	    token_read(sio->keyring, span_from(claim.pid), TOKEN_SOCKET,
		       clock_wall_s(&sio->loop->clock), space, &token) ||
	    !span_equal(token.place, span_from(nsp->name)) ||
	    !is_of_earlier_life(sio, &token) ||
	    !nsp->app->may_return(token.id, nsp->arg))
		return -EINVAL;
	return span_copy(token.id, id, SIO_ID_CAP);
}

struct resending {
	struct sio_client *client;
	int err;
};

static void resend(const struct share *kept, void *arg)
{
	struct span attachments[SIO_MAX_ATTACHMENTS], packet;
	struct resending *resending = arg;
	struct engine_session *session = resending->client->session;
	unsigned count;
	int err;

	if (!kept->blob)
		return; /* sio_await(): nothing was sent */
	packet = kept_read(share_span(kept), attachments, &count);
	err = engine_send(session, &packet, 1);
	for (unsigned i = 0; !err && i < count; i++)
		err = engine_send_binary(session, attachments[i]);
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

/* What does not fit now never will. Its numbers stay used: who comes back with
 * one of them must not be taken to have got those that follow. */
static void give_up_log(struct sio_socket *socket)
{
	uint64_t sent = socket->log.sent;

	outlog_clear(&socket->log, GONE);
	socket->log.sent = sent;
	socket->log.begin = sent;
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
	if (!outlog_reaches(&socket->log, offset)) {
		metric_add(METRIC_RECOVERIES_REFUSED, 1);
		socket_end(socket, ENGINE_LOST);
		return NULL;
	}
	metric_add(METRIC_RECOVERIES_OK, 1);
	unlink_cut(socket->recovery);
	socket_attach(socket, client);
	outlog_ack(&socket->log, offset);
	socket->pinged = offset;
	outlog_each(&socket->log, resend, &resending);
	if (resending.err) {
		give_up_log(socket);
		return socket;
	}
	socket_send_connect(socket);
	if (socket->awaited > offset)
		engine_prove(client->session);
	socket->nsp->app->on_recovered(socket->owner);
	return socket;
}
