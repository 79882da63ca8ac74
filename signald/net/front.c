/* front.c: one TLS port for HTTP and TURN: whose connection is this? */
#include <stdlib.h>

#include "base/log.h"
#include "base/member.h"
#include "codec/sniff.h"
#include "net/front.h"
#include "policy/metric.h"

/*
 * A connection of which nothing is known yet. A handshake is a fifth of a
 * millisecond of arithmetic, and thousands come at once when a network or a
 * server is back: so until it is known whose it is, all that it brings is a
 * chore.
 */
struct greeting {
	struct front *front;
	struct conn *conn;
	struct loop_task chore;
	short what; /* its socket is ready for */
};

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

static void free_greeting(struct greeting *greeting)
{
	loop_forget(conn_loop(greeting->conn), &greeting->chore);
	free(greeting);
}

/* It is one of its own from here on; nothing of it was used. */
static void pass_on(struct greeting *greeting, enum sniff spoken)
{
	struct front *front = greeting->front;
	struct conn *conn = greeting->conn;

	free_greeting(greeting);
	conn_set_ops(conn, &conn_nobody, NULL);
	if (spoken == SNIFF_HTTP)
		web_accept(conn, front->web);
	else
		tunnels_take(front->tunnels, conn);
}

/* Nothing is used here: the next owner is shown it all again. */
static size_t on_bytes(struct conn *conn, char *bytes, size_t len, void *arg)
{
	enum sniff spoken = sniff_protocol(span_of(bytes, len));

	if (spoken == SNIFF_MORE)
		return 0;
	if (spoken == SNIFF_NEITHER || !is_agreed(spoken, conn_protocol(conn)))
		refuse(conn);
	else
		pass_on(arg, spoken);
	return 0;
}

static void on_deadline(struct conn *conn, void *arg)
{
	(void)arg;
	metric_add(METRIC_TLS_HANDSHAKES_TIMEOUT, conn_is_shaking(conn));
	metric_add(METRIC_CLOSED_TIMEOUT, 1);
	conn_close(conn, "nothing said in time");
}

static void on_close(struct conn *conn, const char *reason, void *arg)
{
	(void)conn;
	(void)reason;
	free_greeting(arg);
}

static void serve(struct loop_task *chore)
{
	struct greeting *greeting = container_of(chore, struct greeting, chore);
	short what = greeting->what;

	greeting->what = 0;
	/* It may be gone after this. */
	conn_serve(greeting->conn, what);
}

static void on_ready(struct conn *conn, short what, void *arg)
{
	struct greeting *greeting = arg;

	greeting->what |= what;
	loop_put_off(conn_loop(conn), &greeting->chore);
}

static const struct conn_ops ops = {.on_bytes = on_bytes,
				    .on_deadline = on_deadline,
				    .on_close = on_close,
				    .on_ready = on_ready};

void front_accept(struct conn *conn, void *arg)
{
	const struct loop *loop = conn_loop(conn);
	struct front *front = arg;
	struct greeting *greeting = calloc(1, sizeof(*greeting));

	if (!greeting || conn_start_tls(conn, front->tls)) {
		free(greeting);
		conn_close(conn, "out of memory");
		return;
	}
	*greeting = (struct greeting){
		.front = front, .conn = conn, .chore.run = serve};
	conn_set_ops(conn, &ops, greeting);
	conn_set_deadline(conn,
			  loop->clock.mono_ms +
				  loop->config->http.head_timeout_s * 1000ull);
}
