/* front.c: one TLS port for HTTP and TURN: whose connection is this? */
#include "base/log.h"
#include "codec/sniff.h"
#include "net/front.h"
#include "policy/metric.h"

/* What was agreed upon must be what is spoken: a page must not be able to make
 * a browser speak to one server what the other one understands. */
static bool is_agreed(enum sniff spoken, enum tls_protocol agreed)
{
	return agreed == TLS_PROTOCOL_ANY ||
	       (spoken == SNIFF_HTTP) == (agreed == TLS_PROTOCOL_HTTP);
}

static void refuse(struct conn *conn)
{
	char peer[NET_ADDR_CAP];

	net_addr_format(conn_peer(conn), peer);
	log_debug("front.refuse", log_str("client", peer),
		  log_str("reason", "neither HTTP nor TURN, or not what ALPN "
				    "has agreed upon"));
	metric_add(METRIC_CLOSED_PROTOCOL, 1);
	conn_close(conn, "neither HTTP nor TURN");
}

/* Nothing is used here: the next owner is shown it all again. */
static size_t on_bytes(struct conn *conn, char *bytes, size_t len, void *arg)
{
	struct front *front = arg;
	enum sniff spoken = sniff_protocol(span_of(bytes, len));

	if (spoken == SNIFF_MORE)
		return 0;
	if (spoken == SNIFF_NEITHER || !is_agreed(spoken, conn_protocol(conn)))
		refuse(conn);
	else if (spoken == SNIFF_HTTP)
		web_accept(conn, front->web);
	else
		tunnels_take(front->tunnels, conn);
	return 0;
}

static void on_deadline(struct conn *conn, void *arg)
{
	(void)arg;
	metric_add(METRIC_TLS_HANDSHAKES_TIMEOUT, conn_is_shaking(conn));
	metric_add(METRIC_CLOSED_TIMEOUT, 1);
	conn_close(conn, "nothing said in time");
}

static const struct conn_ops ops = {.on_bytes = on_bytes,
				    .on_deadline = on_deadline};

void front_accept(struct conn *conn, void *arg)
{
	const struct loop *loop = conn_loop(conn);
	struct front *front = arg;

	if (conn_start_tls(conn, front->tls)) {
		conn_close(conn, "out of memory");
		return;
	}
	conn_set_ops(conn, &ops, front);
	conn_set_deadline(conn,
			  loop->clock.mono_ms +
				  loop->config->http.head_timeout_s * 1000ull);
}
