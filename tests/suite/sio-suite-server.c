/*
 * sio-suite-server.c: a test application of the daemon's own objects, which
 * echoes as the protocol suites of Engine.IO and Socket.IO ask for.
 *
 *   /engine.io/  every message comes back
 *   /socket.io/  in "/" and "/custom": "auth" with the handshake's auth at
 *                connecting, "message" comes back as "message-back",
 *                "message-with-ack" is acknowledged with its arguments
 *
 * Pings every 300 ms with 200 ms for the answer, unless other times are given;
 * connect timeout 1 s.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/listener.h"
#include "net/web.h"
#include "socketio/socket.h"

#define TICK_MS 5 /* the suites look closely */
#define MAX_PING_MS 3600000

static const struct sio_limits usual = {
	.engine =
		{
			.ping_interval_ms = 300,
			.ping_timeout_ms = 200,
			.upgrade_timeout_ms = 10000,
			.max_payload_bytes = 1000000,
			.max_queued_bytes = 4000000,
			.max_sessions = 1000,
			.allows_v3 = true,
		},
	.connect_timeout_ms = 1000,
	.recovery_window_ms = 1000,
	.log = {.max_bytes = 65536, .max_messages = 1024},
};

static void ignore(void *arg)
{
	(void)arg;
}

/* --- Engine.IO: the owner of a session is the session --- */

static void *echo_open(struct engine_session *session,
		       const struct web_request *request, void *engine_arg)
{
	(void)request;
	(void)engine_arg;
	return session;
}

static void echo_text(struct span text, void *arg)
{
	(void)engine_send(arg, &text, 1);
}

static void echo_binary(struct span bytes, void *arg)
{
	(void)engine_send_binary(arg, bytes);
}

static void echo_close(enum engine_end end, const char *reason, void *arg)
{
	(void)end;
	(void)reason;
	(void)arg;
}

static const struct engine_ops echo = {
	.on_open = echo_open,
	.on_text = echo_text,
	.on_binary = echo_binary,
	.on_deadline = ignore,
	.on_ping = ignore,
	.on_pong = ignore,
	.on_close = echo_close,
};

/* --- Socket.IO: the owner of a socket keeps its auth --- */

struct guest {
	struct sio_socket *socket;
	size_t auth_len;
	char auth[];
};

static void *guest_connect(struct sio_socket *socket,
			   const struct sio_connect *connect,
			   struct sio_refusal *refusal, void *namespace_arg)
{
	struct span auth = connect->auth.ptr ? connect->auth : SPAN("{}");
	struct guest *guest = malloc(sizeof(*guest) + auth.len);

	(void)refusal;
	(void)namespace_arg;
	if (!guest)
		return NULL;
	guest->socket = socket;
	guest->auth_len = auth.len;
	memcpy(guest->auth, auth.ptr, auth.len);
	return guest;
}

static void guest_ready(void *arg)
{
	const struct guest *guest = arg;
	const struct span parts[] = {
		SPAN("[\"auth\","),
		span_of(guest->auth, guest->auth_len),
		SPAN("]"),
	};

	(void)sio_emit(guest->socket, &(struct sio_content){
					      .parts = parts,
					      .parts_count = 3,
				      });
}

static void guest_event(const struct sio_message *message, void *arg)
{
	const struct guest *guest = arg;
	const struct sio_packet *packet = message->packet;
	const struct span args = sio_args_from(packet, 0);
	struct span parts[] = {
		SPAN("[\"message-back\""),
		args.len ? SPAN(",") : SPAN(""),
		args,
		SPAN("]"),
	};
	struct sio_content content = {
		.parts = parts,
		.parts_count = 4,
		.attachments = message->attachments,
		.attachments_count = packet->attachments,
	};

	if (span_equal(packet->name, SPAN("\"message\""))) {
		(void)sio_emit(guest->socket, &content);
	} else if (span_equal(packet->name, SPAN("\"message-with-ack\"")) &&
		   packet->has_id) {
		parts[0] = SPAN("[");
		parts[1] = SPAN("");
		(void)sio_answer(guest->socket, packet->id, &content);
	}
}

static void guest_ack(const struct sio_message *message, void *arg)
{
	(void)message;
	(void)arg;
}

static void guest_end(enum engine_end end, void *arg)
{
	(void)end;
	free(arg);
}

static const struct sio_app guests = {
	.on_connect = guest_connect,
	.on_ready = guest_ready,
	.on_event = guest_event,
	.on_ack = guest_ack,
	.on_end = guest_end,
};

/* --- the server --- */

static size_t max_body_bytes(const struct config *config)
{
	(void)config;
	return usual.engine.max_payload_bytes;
}

static struct web_route route_of(const char *path, struct engine *engine)
{
	return (struct web_route){
		.path = path,
		.methods = HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_PATCH |
			   HTTP_DELETE,
		.cors = WEB_CORS_CREDENTIALS,
		.handler = engine_handle,
		.arg = engine,
		.has_bare_errors = true,
		.on_body = engine_await_body,
		.on_body_failed = engine_forget_body,
		.max_body_bytes = max_body_bytes,
	};
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	loop_stop(arg);
}

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "sio-suite-server: %s\n", what);
	exit(EXIT_FAILURE);
}

static void add_namespace(struct sio *sio, const char *name)
{
	if (sio_add_namespace(sio, &(struct sio_namespace_options){
					   .name = name, .app = &guests}))
		die("out of memory");
}

static struct net_addr address_of(const char *port)
{
	struct net_addr addr;
	char text[32];

	(void)snprintf(text, sizeof(text), "127.0.0.1:%s", port);
	if (net_addr_parse(span_from(text), &addr))
		die("PORT must be a number from 1 to 65535");
	return addr;
}

static unsigned ms_of(const char *text)
{
	uint64_t ms;

	if (span_to_u64(span_from(text), MAX_PING_MS, &ms) || !ms)
		die("a time must be a number of ms, up to an hour");
	return (unsigned)ms;
}

static struct sio_limits limits_of(int argc, char **argv)
{
	struct sio_limits limits = usual;

	if (argc > 2)
		limits.engine.ping_interval_ms = ms_of(argv[2]);
	if (argc > 3)
		limits.engine.ping_timeout_ms = ms_of(argv[3]);
	return limits;
}

int main(int argc, char **argv)
{
	struct config_error error;
	struct config *config;
	struct loop *loop;
	struct conn_set *conns;
	struct engine *engine;
	struct sio *sio;
	struct web *web;
	struct listener *listener;
	struct event *stop;
	struct net_addr addr;
	struct keyring *keyring;
	struct sio_limits limits;
	struct web_route routes[3] = {{.path = NULL}};

	if (argc < 2 || argc > 4)
		die("usage: sio-suite-server PORT "
		    "[PING_INTERVAL_MS [PING_TIMEOUT_MS]]");
	(void)signal(SIGPIPE, SIG_IGN);
	addr = address_of(argv[1]);
	limits = limits_of(argc, argv);
	if (config_load(&config, &(struct config_sources){.file = NULL},
			&error))
		die(error.text);
	if (loop_new(&loop, config, TICK_MS) || conn_set_new(&conns, loop) ||
	    engine_new(&engine, loop, &limits.engine, &echo, NULL) ||
	    keyring_new(&keyring, "", clock_wall_s(&loop->clock)) ||
	    sio_new(&sio, loop, keyring, &limits))
		die("out of memory");
	add_namespace(sio, "/");
	add_namespace(sio, "/custom");
	routes[0] = route_of("/engine.io/", engine);
	routes[1] = route_of("/socket.io/", sio_engine(sio));
	if (web_new(&web, conns, routes) ||
	    listener_new(&listener, conns, &addr, web_accept, web))
		die("the port is taken");
	stop = evsignal_new(loop->base, SIGTERM, on_signal, loop);
	if (!stop || event_add(stop, NULL))
		die("out of memory");
	(void)loop_run(loop);
	event_free(stop);
	conn_set_free(conns);
	listener_free(listener);
	web_free(web);
	sio_free(sio);
	keyring_free(keyring);
	engine_free(engine);
	loop_free(loop);
	config_free(config);
	return EXIT_SUCCESS;
}
