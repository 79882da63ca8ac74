/* proxied.c: connections that begin with a PROXY header (proxy.protocol). */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/log.h"
#include "codec/proxy.h"
#include "net/proxied.h"
#include "policy/metric.h"

/*
 * Nothing behind the header may be taken from the socket, as what follows may
 * be TLS, which reads it itself. So it is looked at first, and then just the
 * header's bytes are read.
 */
struct preface {
	struct proxied *proxied;
	struct conn *conn;
	size_t len;
	char bytes[PROXY_MAX_READ];
};

static void refuse(struct conn *conn, const char *reason)
{
	char peer[NET_ADDR_CAP];

	net_addr_format(conn_peer(conn), peer);
	log_debug("proxy.refuse", log_str("client", peer),
		  log_str("reason", reason));
	metric_add(METRIC_CLOSED_PROTOCOL, 1);
	conn_close(conn, reason);
}

/* The header is whole. */
static void hand_on(struct preface *preface, const struct proxy_client *named)
{
	const struct proxied *proxied = preface->proxied;
	struct conn *conn = preface->conn;
	struct net_addr client = {.is_v6 = named->is_v6, .port = named->port};

	free(preface);
	conn_set_ops(conn, &conn_nobody, NULL);
	memcpy(client.ip, named->ip, sizeof(client.ip));
	net_addr_unmap(&client);
	if (named->is_local || conn_admit_as(conn, &client))
		proxied->on_accept(conn, proxied->arg);
}

/* Take those bytes from the socket that were looked at. Returns 0 or -EIO. */
static int take(struct preface *preface, size_t until)
{
	size_t len = until - preface->len;
	char *into = preface->bytes + preface->len;

	if (recv(conn_wire(preface->conn)->fd, into, len, 0) != (ssize_t)len)
		return -EIO;
	preface->len = until;
	return 0;
}

static void look(struct preface *preface)
{
	struct conn *conn = preface->conn;
	struct proxy_client named;
	ssize_t seen = recv(conn_wire(conn)->fd, preface->bytes + preface->len,
			    sizeof(preface->bytes) - preface->len, MSG_PEEK);
	ssize_t whole;

	if (seen < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (seen <= 0) {
		conn_close(conn, "connection lost");
		return;
	}
	whole = proxy_read_header(
		span_of(preface->bytes, preface->len + (size_t)seen), &named);
	if (whole < 0)
		refuse(conn, "no PROXY header");
	else if (take(preface,
		      whole ? (size_t)whole : preface->len + (size_t)seen))
		conn_close(conn, "connection lost");
	else if (whole)
		hand_on(preface, &named);
}

static void on_ready(struct conn *conn, short what, void *arg)
{
	(void)conn;
	if (what & EV_READ)
		look(arg);
}

static void on_deadline(struct conn *conn, void *arg)
{
	(void)arg;
	metric_add(METRIC_CLOSED_TIMEOUT, 1);
	conn_close(conn, "no PROXY header in time");
}

static void on_close(struct conn *conn, const char *reason, void *arg)
{
	(void)conn;
	(void)reason;
	free(arg);
}

static const struct conn_ops ops = {.on_bytes = conn_leave_bytes,
				    .on_deadline = on_deadline,
				    .on_close = on_close,
				    .on_ready = on_ready};

void proxied_accept(struct conn *conn, void *arg)
{
	const struct loop *loop = conn_loop(conn);
	struct proxied *proxied = arg;
	struct preface *preface;

	if (!loop->config->proxy.protocol) {
		proxied->on_accept(conn, proxied->arg);
		return;
	}
	if (!conn_is_proxy(conn)) {
		refuse(conn, "not from a trusted proxy");
		return;
	}
	preface = malloc(sizeof(*preface));
	if (!preface) {
		conn_close(conn, "out of memory");
		return;
	}
	preface->proxied = proxied;
	preface->conn = conn;
	preface->len = 0;
	conn_set_ops(conn, &ops, preface);
	conn_set_deadline(conn,
			  loop->clock.mono_ms +
				  loop->config->http.head_timeout_s * 1000ull);
}
