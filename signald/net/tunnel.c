/* tunnel.c: TURN connections that came over TLS, passed on to coturn. */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event_struct.h>

#include "base/log.h"
#include "base/member.h"
#include "codec/proxy.h"
#include "net/tunnel.h"
#include "policy/metric.h"

/* Read from coturn at once: two records of TLS. */
#define DOWN_BYTES 32768

#define WARN_EVERY_MS 10000

/* What coturn still has to say when the client has ended. */
#define LAST_WORDS_MS 2000

struct tunnels {
	struct loop *loop;
	uint64_t warned_ms; /* when a failure was last logged; 0: never */
	size_t count;
};

/* What one side has not taken yet of what the other one said. */
struct backlog {
	bool has_shrunk;       /* since it was last looked at */
	uint64_t stalls_at_ms; /* unless some of it goes; 0: there is none */
};

/*
 *            TLS                            PROXY header, plain
 *  client ─────────> wire ──> scratch, up ──> fd ────────> coturn
 *         <───────── wire <──────── scratch <── fd <────────
 *
 * The sockets only say what they are ready for; the moving is a chore of the
 * loop, in turn with all other tunnels. Everything goes through the loop's
 * scratch buffer; what the next socket does not take stays in `up`, or
 * encrypted in the wire.
 */
struct tunnel {
	struct tunnels *tunnels;
	struct conn *conn;  /* the client's */
	struct event event; /* of coturn's socket */
	short watched;	    /* what event is for; 0: for nothing */
	int fd;
	struct loop_task chore;
	struct buf up;	/* for coturn: what its socket did not take */
	size_t up_sent; /* of up */
	struct backlog at_coturn, at_client;
	bool is_connected;
	bool has_client_said; /* its socket has something for us */
	bool has_coturn_said;
	bool is_client_over; /* it has ended its side, and coturn knows */
};

static size_t up_unsent(const struct tunnel *tunnel)
{
	return tunnel->up.len - tunnel->up_sent;
}

static struct wire *wire_of(struct tunnel *tunnel)
{
	return conn_wire(tunnel->conn);
}

static const struct loop *loop_of(const struct tunnel *tunnel)
{
	return tunnel->tunnels->loop;
}

int tunnels_new(struct tunnels **tunnelsp, struct loop *loop)
{
	struct tunnels *tunnels = calloc(1, sizeof(*tunnels));

	if (!tunnels)
		return -ENOMEM;
	tunnels->loop = loop;
	*tunnelsp = tunnels;
	return 0;
}

void tunnels_free(struct tunnels *tunnels)
{
	free(tunnels);
}

/* No coturn for a client. When there is none there is none for anybody: one
 * line is enough for a while, the metric has the number. */
static void fail(struct tunnels *tunnels, struct conn *conn, const char *why)
{
	uint64_t now_ms = tunnels->loop->clock.mono_ms;
	const char *to = tunnels->loop->config->turn.tunnel;
	char client[NET_ADDR_CAP];

	metric_add(METRIC_TUNNELS_FAILED, 1);
	if (!tunnels->warned_ms ||
	    now_ms - tunnels->warned_ms >= WARN_EVERY_MS) {
		tunnels->warned_ms = now_ms;
		net_addr_format(conn_peer(conn), client);
		log_warn("tunnel.fail", log_str("client", client),
			 log_str("tunnel", to), log_str("why", why));
	}
	conn_close(conn, "no coturn to pass it on to");
}

/* --- moving bytes --- */

/* Give coturn what waits for it. Returns 0, or -1 when the tunnel is over. */
static int flush_up(struct tunnel *tunnel)
{
	ssize_t n;

	if (!up_unsent(tunnel))
		return 0;
	n = send(tunnel->fd, tunnel->up.ptr + tunnel->up_sent,
		 up_unsent(tunnel), MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		conn_close(tunnel->conn, "coturn is gone");
		return -1;
	}
	if (n > 0) {
		tunnel->up_sent += (size_t)n;
		tunnel->at_coturn.has_shrunk = true;
	}
	if (!up_unsent(tunnel)) {
		buf_clear(&tunnel->up);
		tunnel->up_sent = 0;
	}
	return 0;
}

static int send_up(struct tunnel *tunnel, struct span bytes)
{
	ssize_t n = send(tunnel->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		conn_close(tunnel->conn, "coturn is gone");
		return -1;
	}
	bytes = span_skip(bytes, n > 0 ? (size_t)n : 0);
	buf_append_span(&tunnel->up, bytes);
	if (!tunnel->up.failed)
		return 0;
	conn_close(tunnel->conn, "out of memory");
	return -1;
}

/* The client says no more: coturn may have something left for it. */
static void end_client(struct tunnel *tunnel)
{
	tunnel->is_client_over = true;
	(void)shutdown(tunnel->fd, SHUT_WR);
	conn_set_deadline(tunnel->conn,
			  loop_of(tunnel)->clock.mono_ms + LAST_WORDS_MS);
}

/* Its end has come along, of which no socket tells. */
static void come_back_for_client(struct tunnel *tunnel)
{
	tunnel->has_client_said = true;
	loop_put_off(tunnel->tunnels->loop, &tunnel->chore);
}

static int move_up(struct tunnel *tunnel)
{
	char *scratch = loop_of(tunnel)->scratch;
	ssize_t len;

	if (flush_up(tunnel))
		return -1;
	if (up_unsent(tunnel) || !tunnel->has_client_said ||
	    tunnel->is_client_over)
		return 0;
	tunnel->has_client_said = false;
	len = wire_read(wire_of(tunnel), scratch, LOOP_SCRATCH_BYTES);
	if (wire_is_over(wire_of(tunnel)))
		come_back_for_client(tunnel);
	if (len > 0) {
		metric_add(METRIC_TUNNEL_BYTES, len);
		return send_up(tunnel, span_of(scratch, (size_t)len));
	}
	if (len == -ENODATA) {
		end_client(tunnel);
		return 0;
	}
	if (len < 0)
		conn_close(tunnel->conn, "connection lost");
	return len < 0 ? -1 : 0;
}

static int flush_down(struct tunnel *tunnel)
{
	ssize_t n = wire_flush(wire_of(tunnel));

	if (n > 0)
		tunnel->at_client.has_shrunk = true;
	if (n >= 0)
		return 0;
	conn_close(tunnel->conn, "connection lost");
	return -1;
}

static int send_down(struct tunnel *tunnel, struct span bytes)
{
	if (!wire_write(wire_of(tunnel), bytes))
		return 0;
	conn_close(tunnel->conn, "connection lost");
	return -1;
}

static int move_down(struct tunnel *tunnel)
{
	char *scratch = loop_of(tunnel)->scratch;
	ssize_t len;

	if (flush_down(tunnel))
		return -1;
	if (wire_unsent(wire_of(tunnel)) || !tunnel->has_coturn_said)
		return 0;
	tunnel->has_coturn_said = false;
	len = recv(tunnel->fd, scratch, DOWN_BYTES, 0);
	if (len > 0) {
		metric_add(METRIC_TUNNEL_BYTES, len);
		return send_down(tunnel, span_of(scratch, (size_t)len));
	}
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	conn_finish(tunnel->conn, "coturn has closed");
	return -1;
}

/* --- what is waited for --- */

static void coturn_cb(evutil_socket_t fd, short what, void *arg);

static void watch_coturn(struct tunnel *tunnel, short what)
{
	if (what == tunnel->watched)
		return;
	if (tunnel->watched)
		(void)event_del(&tunnel->event);
	tunnel->watched = what;
	if (!what)
		return;
	(void)event_assign(&tunnel->event, loop_of(tunnel)->base, tunnel->fd,
			   (short)(what | EV_PERSIST), coturn_cb, tunnel);
	if (event_add(&tunnel->event, NULL))
		conn_close(tunnel->conn, "out of memory");
}

/* Who is not to be read is not watched for input: its own flow control then
 * stops it. */
static void watch_both(struct tunnel *tunnel)
{
	bool is_up_stuck = up_unsent(tunnel);
	bool is_down_stuck = wire_unsent(wire_of(tunnel));

	conn_watch(tunnel->conn, !is_up_stuck && !tunnel->is_client_over,
		   is_down_stuck);
	watch_coturn(tunnel, (short)((is_up_stuck ? EV_WRITE : 0) |
				     (is_down_stuck ? 0 : EV_READ)));
}

/* A deadline runs while something is stuck, and anew when some of it went,
 * however much has come behind it since. */
static void look_at(const struct tunnel *tunnel, struct backlog *backlog,
		    size_t unsent)
{
	const struct loop *loop = loop_of(tunnel);

	if (!unsent)
		backlog->stalls_at_ms = 0;
	else if (!backlog->stalls_at_ms || backlog->has_shrunk)
		backlog->stalls_at_ms =
			loop->clock.mono_ms +
			loop->config->output.stall_timeout_s * 1000ull;
	backlog->has_shrunk = false;
}

/* Neither side makes up for the other: the earlier of their deadlines counts.
 */
static void restart_deadline(struct tunnel *tunnel)
{
	uint64_t coturn_ms, client_ms;

	look_at(tunnel, &tunnel->at_coturn, up_unsent(tunnel));
	look_at(tunnel, &tunnel->at_client, wire_unsent(wire_of(tunnel)));
	if (tunnel->is_client_over)
		return;
	coturn_ms = tunnel->at_coturn.stalls_at_ms;
	client_ms = tunnel->at_client.stalls_at_ms;
	conn_set_deadline(tunnel->conn,
			  coturn_ms && (!client_ms || coturn_ms < client_ms)
				  ? coturn_ms
				  : client_ms);
}

/* The first that coturn hears is whose connection this is. */
static void greet(struct tunnel *tunnel)
{
	struct sockaddr_storage client, here = {0};
	struct buf first = tunnel->up;
	socklen_t len = sizeof(here);
	char header[PROXY_MAX_LEN];
	struct net_addr addr;
	ssize_t header_len;

	(void)net_addr_to(conn_peer(tunnel->conn), &client);
	(void)getsockname(wire_of(tunnel)->fd, (struct sockaddr *)&here, &len);
	net_addr_from(&addr, (struct sockaddr *)&here);
	/* Where a proxy is between them, they may be of two families, and the
	 * header has one. */
	if (addr.is_v6 != conn_peer(tunnel->conn)->is_v6)
		addr = (struct net_addr){.is_v6 = !addr.is_v6,
					 .port = addr.port};
	(void)net_addr_to(&addr, &here);
	header_len = proxy_write_header(header, &client, &here);
	assert(header_len > 0); /* both are of one family */
	tunnel->up = (struct buf){0};
	buf_append(&tunnel->up, header, (size_t)header_len);
	buf_append_span(&tunnel->up, buf_span(&first));
	buf_clear(&first);
	if (tunnel->up.failed)
		conn_close(tunnel->conn, "out of memory");
}

static void end_connecting(struct tunnel *tunnel)
{
	socklen_t len = sizeof(int);
	int err = 0;

	(void)getsockopt(tunnel->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		fail(tunnel->tunnels, tunnel->conn, strerror(err));
		return;
	}
	tunnel->is_connected = true;
	tunnel->has_coturn_said = false;
	tunnel->has_client_said = true; /* it may have, while we looked away */
	conn_set_deadline(tunnel->conn, 0);
	greet(tunnel);
}

static void move(struct loop_task *chore)
{
	struct tunnel *tunnel = container_of(chore, struct tunnel, chore);

	if (!conn_is_open(tunnel->conn))
		return;
	if (!tunnel->is_connected && tunnel->has_coturn_said)
		end_connecting(tunnel);
	if (!conn_is_open(tunnel->conn) || !tunnel->is_connected)
		return;
	if (move_up(tunnel) || move_down(tunnel)) {
		/* It is over; until the client's end comes too, coturn's would
		 * be told again and again. */
		watch_coturn(tunnel, 0);
		return;
	}
	restart_deadline(tunnel);
	watch_both(tunnel);
}

static void coturn_cb(evutil_socket_t fd, short what, void *arg)
{
	struct tunnel *tunnel = arg;

	(void)fd;
	loop_enter(tunnel->tunnels->loop);
	/* Room to write is news while it connects; later move() tries anyway.
	 */
	if (what & EV_READ || !tunnel->is_connected)
		tunnel->has_coturn_said = true;
	loop_put_off(tunnel->tunnels->loop, &tunnel->chore);
}

static void on_ready(struct conn *conn, short what, void *arg)
{
	struct tunnel *tunnel = arg;

	(void)conn;
	if (what & EV_READ)
		tunnel->has_client_said = true;
	loop_put_off(tunnel->tunnels->loop, &tunnel->chore);
}

/* --- beginning and end --- */

/* What the client said before it was ours; coturn gets it behind the header. */
static size_t on_bytes(struct conn *conn, char *bytes, size_t len, void *arg)
{
	struct tunnel *tunnel = arg;

	metric_add(METRIC_TUNNEL_BYTES, (int64_t)len);
	buf_append(&tunnel->up, bytes, len);
	if (tunnel->up.failed)
		conn_close(conn, "out of memory");
	return len;
}

static void on_deadline(struct conn *conn, void *arg)
{
	struct tunnel *tunnel = arg;

	if (!tunnel->is_connected) {
		fail(tunnel->tunnels, conn, "no answer in time");
		return;
	}
	metric_add(METRIC_CLOSED_SLOW, !tunnel->is_client_over);
	conn_close(conn, tunnel->is_client_over ? "closed by the client"
						: conn_output_stalled);
}

static void free_tunnel(struct tunnel *tunnel)
{
	watch_coturn(tunnel, 0);
	loop_forget(tunnel->tunnels->loop, &tunnel->chore);
	if (tunnel->fd >= 0)
		(void)close(tunnel->fd);
	buf_clear(&tunnel->up);
	free(tunnel);
}

static void on_close(struct conn *conn, const char *reason, void *arg)
{
	struct tunnel *tunnel = arg;
	char client[NET_ADDR_CAP];

	net_addr_format(conn_peer(conn), client);
	log_debug("tunnel.close", log_str("client", client),
		  log_str("reason", reason));
	metric_add(METRIC_TUNNELS, -1);
	tunnel->tunnels->count--;
	free_tunnel(tunnel);
}

static const struct conn_ops ops = {.on_bytes = on_bytes,
				    .on_deadline = on_deadline,
				    .on_close = on_close,
				    .on_ready = on_ready};

/* Returns 0 with tunnel->fd on its way, or a negative errno. */
static int begin_connecting(struct tunnel *tunnel)
{
	struct span to = span_from(loop_of(tunnel)->config->turn.tunnel);
	struct sockaddr_storage at;
	struct net_addr addr;
	const int on = 1;
	socklen_t len;

	if (net_addr_parse(to, &addr))
		return -EINVAL;
	len = net_addr_to(&addr, &at);
	tunnel->fd = socket(at.ss_family,
			    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (tunnel->fd < 0)
		return -errno;
	(void)setsockopt(tunnel->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(tunnel->fd, (struct sockaddr *)&at, len) &&
	    errno != EINPROGRESS)
		return -errno;
	watch_coturn(tunnel, EV_WRITE);
	return 0;
}

void tunnels_take(struct tunnels *tunnels, struct conn *conn)
{
	const struct config *config = tunnels->loop->config;
	struct tunnel *tunnel;
	int err;

	if (!*config->turn.tunnel) {
		fail(tunnels, conn, "it is empty: TURN is not served here");
		return;
	}
	tunnel = calloc(1, sizeof(*tunnel));
	if (!tunnel) {
		conn_close(conn, "out of memory");
		return;
	}
	tunnel->tunnels = tunnels;
	tunnel->conn = conn;
	tunnel->chore.run = move;
	tunnel->fd = -1;
	err = begin_connecting(tunnel);
	if (err) {
		free_tunnel(tunnel);
		fail(tunnels, conn, strerror(-err));
		return;
	}
	metric_add(METRIC_TUNNELS, 1);
	tunnels->count++;
	conn_set_ops(conn, &ops, tunnel);
	conn_watch(conn, false, false);
	conn_set_deadline(conn, tunnels->loop->clock.mono_ms +
					config->http.head_timeout_s * 1000ull);
}

size_t tunnels_left(const struct tunnels *tunnels)
{
	return tunnels->count;
}

void tunnels_close_others(struct conn_set *set)
{
	conn_set_close_others(set, &ops);
}
