/* server.c: the daemon: every part built in order, run, and taken down. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/member.h"
#include "dialect/api.h"
#include "dialect/native.h"
#include "dialect/socketio.h"
#include "net/files.h"
#include "net/front.h"
#include "net/listener.h"
#include "policy/file_watch.h"
#include "policy/lasting.h"
#include "policy/metric.h"
#include "server.h"
#include "turn/side.h"

#define MAX_LISTENERS 16
/* What a drain takes beyond its spread: the last closes being answered. */
#define DRAIN_GRACE_MS 3000
#define LOOK_AT_CERT_MS 1000

enum { ON_TERM, ON_INT, ON_HUP, SIGNALS_COUNT };

/* In the order in which it is built; server_free() goes backwards. */
struct server {
	struct config *config;
	struct config *first_config; /* of the start: what restart keys mean */
	const struct config_sources *sources;
	struct loop *loop;
	struct conn_set *conns;
	struct keyring *keyring;
	struct kicked *kicked;
	struct hub *hub;
	struct loop_task tell_due; /* acknowledgements to senders */
	struct side turn;
	uint8_t user_key[LASTING_KEY_BYTES];
	struct file_watch secret_watch;
	struct relay_admin *relay_admin;
	struct native *native;
	struct socketio *socketio; /* NULL where it has no namespaces */
	struct files *files;	   /* NULL where http.root is empty */
	struct files *scripts; /* NULL where socketio.client_files is empty */
	struct api api;
	struct web_route routes[8];
	struct web_route operator_routes[4];
	struct web *web;
	struct web *operator_web;
	struct tls_server *tls; /* NULL where listen.tls is empty */
	struct tunnels *tunnels;
	struct front front;
	uint64_t cert_seen_ms;
	struct listener *listeners[MAX_LISTENERS];
	size_t listeners_count;
	struct event *signals[SIGNALS_COUNT];
	uint64_t drain_ends_ms; /* 0 while serving */
	bool has_key_trouble;	/* it was logged */
};

static void configure_log(const struct config *config)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	enum log_level level = LOG_ERROR;

	while (strcmp(config->log.level, levels[level]) != 0)
		level++;
	log_configure(level,
		      strcmp(config->log.format, "json") ? LOG_TEXT : LOG_JSON,
		      stderr);
}

static int fail(const char *what, const char *value, int err)
{
	log_error("server.fail", log_str("what", what), log_str("value", value),
		  log_str("error", strerror(-err)));
	return err;
}

/* --- the parts --- */

static struct span user_key_of(const struct server *server)
{
	return span_of(server->user_key, sizeof(server->user_key));
}

/* Other servers can be offered than before: who is connected hears of it. */
static void on_pool_change(void *arg)
{
	struct server *server = arg;

	native_push_ice(server->native);
}

static void reply_file(struct web_exchange *exchange,
		       const struct web_request *request, void *arg)
{
	files_reply(arg, exchange, request);
}

static void write_routes(struct server *server)
{
	struct api *api = &server->api;
	const struct web_route routes[] = {
		{.path = "/v1/ice",
		 .methods = HTTP_GET | HTTP_POST,
		 .cors = WEB_CORS,
		 .handler = api_handle_ice,
		 .arg = api},
		{.path = "/v1/ws",
		 .methods = HTTP_GET,
		 .cors = WEB_CORS,
		 .handler = native_handle,
		 .arg = server->native},
		{.path = "/healthz",
		 .methods = HTTP_GET,
		 .handler = api_handle_healthz,
		 .arg = api},
		{.path = "/readyz",
		 .methods = HTTP_GET,
		 .handler = api_handle_readyz,
		 .arg = api},
		{.path = "/version",
		 .methods = HTTP_GET,
		 .handler = api_handle_version,
		 .arg = api},
		{.methods = HTTP_GET,
		 .cors = WEB_CORS,
		 .handler = server->files ? reply_file : NULL,
		 .arg = server->files},
	};
	const size_t fixed_count = sizeof(routes) / sizeof(*routes) - 1;
	struct web_route *at = server->routes;

	memcpy(at, routes, fixed_count * sizeof(*routes));
	at += fixed_count;
	if (server->socketio)
		*at++ = socketio_route(server->socketio);
	/* For pages of one's own: beside the client's files, since http.root
	 * is theirs. */
	if (server->scripts)
		*at++ = (struct web_route){
			.path = "/ice-shim.js",
			.methods = HTTP_GET,
			.handler = reply_file,
			.arg = server->scripts,
		};
	*at = routes[fixed_count]; /* every other path */
}

static void write_operator_routes(struct server *server)
{
	struct api *api = &server->api;
	const struct web_route routes[] = {
		{.path = "/metrics",
		 .methods = HTTP_GET,
		 .handler = api_handle_metrics,
		 .arg = api},
		{.path = "/turn",
		 .methods = HTTP_GET,
		 .handler = api_handle_turn,
		 .arg = api},
		{.path = "/kick",
		 .methods = HTTP_POST,
		 .handler = api_handle_kick,
		 .arg = api},
		{.path = NULL},
	};

	memcpy(server->operator_routes, routes, sizeof(routes));
}

/* What an address is for, as the log has it. */
struct purpose {
	const char *name;
	listener_accept_fn *on_accept;
	void *arg;
};

static int listen_on(struct server *server, struct span text,
		     const struct purpose *purpose)
{
	struct net_addr addr;
	char name[NET_ADDR_CAP];
	int err = net_addr_parse(text, &addr);

	if (!err && server->listeners_count == MAX_LISTENERS)
		err = -E2BIG;
	if (!err)
		err = listener_new(&server->listeners[server->listeners_count],
				   server->conns, &addr, purpose->on_accept,
				   purpose->arg);
	if (err) {
		log_error("server.fail", log_str("what", "listen"),
			  log_span("address", text),
			  log_str("error", strerror(-err)));
		return err;
	}
	net_addr_format(
		listener_addr(server->listeners[server->listeners_count++]),
		name);
	log_info("server.listen", log_str("address", name),
		 log_str("for", purpose->name));
	return 0;
}

static int listen_on_all(struct server *server, const char *addresses,
			 const struct purpose *purpose)
{
	struct span rest = span_from(addresses);
	struct span item;
	int err = 0;

	while (!err && rest.len && span_next_item(&rest, ',', &item))
		err = listen_on(server, item, purpose);
	return err;
}

static int start_listeners(struct server *server)
{
	const struct config *config = server->config;
	const struct purpose http = {"http", web_accept, server->web};
	const struct purpose tls = {"tls", front_accept, &server->front};
	const struct purpose metrics = {"metrics", web_accept,
					server->operator_web};
	int err = listen_on_all(server, config->listen.address, &http);

	if (!err)
		err = listen_on_all(server, config->listen.tls, &tls);
	if (err || !*config->listen.metrics)
		return err;
	err = listen_on(server, span_from(config->listen.metrics), &metrics);
	if (!err)
		listener_serve_operators(
			server->listeners[server->listeners_count - 1]);
	return err;
}

static void on_conn_freed(void *arg)
{
	struct server *server = arg;

	for (size_t i = 0; i < server->listeners_count; i++)
		listener_resume(server->listeners[i]);
}

/* --- what happens while it runs --- */

static void drain(struct server *server)
{
	unsigned spread_s = server->config->drain.spread_s;

	if (server->drain_ends_ms) {
		log_warn("server.stop", log_str("reason", "second signal"));
		loop_stop(server->loop);
		return;
	}
	log_info("server.drain", log_int("peers", hub_peers_count(server->hub)),
		 log_int("spread_s", spread_s));
	server->drain_ends_ms = server->loop->clock.mono_ms +
				spread_s * 1000ull + DRAIN_GRACE_MS;
	server->api.is_draining = true;
	web_drain(server->web);
	hub_drain(server->hub);
	native_drain(server->native, spread_s);
	socketio_drain(server->socketio, spread_s);
}

/* Nobody is in a session any more, and every answer is out. */
static bool is_drained(const struct server *server)
{
	return server->loop->clock.mono_ms >= server->drain_ends_ms ||
	       (!native_clients_count(server->native) &&
		!socketio_sessions_count(server->socketio) &&
		!conn_set_has_output(server->conns));
}

/* Asked at every tick, which costs a comparison. */
static void rotate_keys(struct server *server)
{
	int err = keyring_rotate(server->keyring,
				 clock_wall_s(&server->loop->clock));

	if (err && !server->has_key_trouble)
		log_error("state.fail", log_str("what", KEYRING_FILE),
			  log_str("dir", server->config->state.dir),
			  log_str("error", strerror(-err)));
	server->has_key_trouble = err;
}

/* Whoever renews the certificate need not tell us. */
static void follow_cert(struct server *server)
{
	const struct clock *clock = &server->loop->clock;

	if (!server->tls ||
	    clock->mono_ms - server->cert_seen_ms < LOOK_AT_CERT_MS)
		return;
	server->cert_seen_ms = clock->mono_ms;
	tls_server_follow(server->tls, server->config, clock_wall_s(clock));
}

/* Of credentials that clients have already the old secret stays good for as
 * long as coturn knows it, so nobody needs new ones; and what is known of the
 * servers stays known. */
static void renew_secret(struct server *server)
{
	struct config_error error;
	int err = config_reread_secret(server->config, &error);

	if (!err)
		return;
	if (err < 0) {
		log_error("secret.refused", log_str("reason", error.text));
		return;
	}
	err = pool_renew_secrets(server->turn.pool, server->config);
	if (err)
		log_error("secret.refused", log_str("reason", strerror(-err)));
	else
		log_info("secret.renewed",
			 log_str("file", server->config->turn.secret_file));
}

/* turnconf rotate writes it. */
static void follow_secret(struct server *server)
{
	const char *path = server->config->turn.secret_file;

	if (path && file_watch_changed(&server->secret_watch, path,
				       server->loop->clock.mono_ms))
		renew_secret(server);
}

static void on_tick(void *arg)
{
	struct server *server = arg;

	follow_cert(server);
	hub_tick(server->hub);
	socketio_tick(server->socketio);
	rotate_keys(server);
	follow_secret(server);
	side_follow_regions(&server->turn, server->config,
			    server->loop->clock.mono_ms);
	if (server->drain_ends_ms && is_drained(server))
		loop_stop(server->loop);
}

/* Make a configuration the one in effect. Returns -ENOMEM, then nothing has
 * changed. A probe that cannot be started is logged, and TURN is withheld. */
static int apply(struct server *server, struct config *config)
{
	struct config *before = server->config;
	struct side side;
	int err = side_init(&side, config, &server->loop->clock,
			    user_key_of(server));

	if (err)
		return err;
	configure_log(config);
	side_replace(&server->turn, &side);
	server->config = config;
	server->loop->config = config;
	hub_configure(server->hub, config);
	socketio_configure(server->socketio);
	err = side_prove(&server->turn, server->loop, on_pool_change, server);
	if (err)
		(void)fail("turn.probe", "", err);
	err = side_watch(server->relay_admin, config, before);
	if (err)
		(void)fail("turn.cli", config->turn.cli, err);
	if (before != server->first_config)
		config_free(before);
	native_push_ice(server->native);
	return 0;
}

/* As --check-config judges it. */
static int load(struct config **configp, const struct config_sources *sources,
		struct config_error *error)
{
	struct config *config;
	int err = config_load(&config, sources, error);

	if (err)
		return err;
	err = socketio_check(config, error);
	if (err)
		config_free(config);
	else
		*configp = config;
	return err;
}

static void reload(struct server *server)
{
	char restart[CONFIG_MAX_ERROR];
	struct config_error error;
	struct config *config;

	if (load(&config, server->sources, &error)) {
		metric_add(METRIC_RELOADS_REFUSED, 1);
		log_error("config.refused", log_str("reason", error.text));
		return;
	}
	config_diff_restart(server->first_config, config, restart,
			    sizeof(restart));
	if (config_keep_restart(config, server->first_config) ||
	    apply(server, config)) {
		metric_add(METRIC_RELOADS_REFUSED, 1);
		log_error("config.refused", log_str("reason", "out of memory"));
		config_free(config);
		return;
	}
	if (server->tls)
		tls_server_reload(server->tls, config,
				  clock_wall_s(&server->loop->clock));
	metric_add(METRIC_RELOADS_OK, 1);
	log_info("config.reloaded");
	if (*restart)
		log_warn("config.needs_restart", log_str("keys", restart));
}

static void signal_cb(evutil_socket_t signal_number, short what, void *arg)
{
	struct server *server = arg;

	(void)what;
	loop_enter(server->loop);
	if (signal_number == SIGHUP)
		reload(server);
	else
		drain(server);
}

static int catch_signals(struct server *server)
{
	static const int numbers[SIGNALS_COUNT] = {
		[ON_TERM] = SIGTERM, [ON_INT] = SIGINT, [ON_HUP] = SIGHUP};

	for (int i = 0; i < SIGNALS_COUNT; i++) {
		server->signals[i] = evsignal_new(
			server->loop->base, numbers[i], signal_cb, server);
		if (!server->signals[i] || event_add(server->signals[i], NULL))
			return -ENOMEM;
	}
	return 0;
}

/* --- beginning and end --- */

static int start_socketio(struct server *server)
{
	struct config_error error;
	const struct socketio_parts parts = {
		.loop = server->loop,
		.hub = server->hub,
		.keyring = server->keyring,
		.kicked = server->kicked,
	};
	int err = socketio_new(&server->socketio, &parts, &error);

	if (err)
		log_error("server.fail", log_str("what", "socketio"),
			  log_str("error", error.text));
	return err;
}

/* The folder may come later; then a restart finds it. */
static void find_scripts(struct server *server)
{
	const char *folder = server->config->socketio.client_files;
	int err = *folder ? files_new(&server->scripts, folder) : -ENOENT;

	if (err && server->socketio)
		log_warn("socketio.no_client_files", log_str("folder", folder),
			 log_str("error", strerror(-err)),
			 log_str("key", "socketio.client_files"));
}

static int start_tls(struct server *server)
{
	const struct config *config = server->config;
	char why[CERT_MAX_ERROR] = "out of memory";
	int err;

	if (!*config->listen.tls)
		return 0;
	err = tunnels_new(&server->tunnels, server->loop);
	if (!err)
		err = tls_server_new(&server->tls, config,
				     clock_wall_s(&server->loop->clock), why);
	if (err)
		log_error("server.fail", log_str("what", "listen.tls"),
			  log_str("error", why));
	server->front = (struct front){.tls = server->tls,
				       .web = server->web,
				       .tunnels = server->tunnels};
	return err;
}

static int fail_state(const char *dir, const char *file, int err)
{
	log_error("server.fail", log_str("what", "state.dir"),
		  log_str("value", dir), log_str("file", file),
		  log_str("error",
			  err == -EINVAL
				  ? "not as signald writes it: put the right "
				    "one there, or take it away; all clients "
				    "join anew then"
				  : strerror(-err)));
	return err;
}

/* What outlives a restart. */
static int open_state(struct server *server)
{
	const char *dir = server->config->state.dir;
	uint64_t now_s = clock_wall_s(&server->loop->clock);
	int err = keyring_new(&server->keyring, dir, now_s);

	if (err)
		return fail_state(dir, KEYRING_FILE, err);
	err = kicked_new(&server->kicked, dir, KICKED_FILE, now_s);
	if (err)
		return fail_state(dir, KICKED_FILE, err);
	err = lasting_key(dir, ICELIST_KEY_FILE, server->user_key);
	if (err)
		return fail_state(dir, ICELIST_KEY_FILE, err);
	err = relay_admin_new(&server->relay_admin, server->loop, dir);
	if (err)
		return fail_state(dir, RELAY_ADMIN_FILE, err);
	if (!*dir)
		log_warn("state.none", log_str("key", "state.dir"),
			 log_str("means", "peers lose their ids when the "
					  "server restarts"));
	return 0;
}

static void run_tell_due(struct loop_task *task)
{
	hub_tell_due(container_of(task, struct server, tell_due)->hub);
}

static void on_due(void *arg)
{
	struct server *server = arg;

	loop_defer(server->loop, &server->tell_due);
}

static void spare_peer(const struct peer *peer, void *arg)
{
	struct server *server = arg;
	char user[TURNCRED_MAX_USER + 1];

	if (!icelist_user_of(server->turn.icelist, ICELIST_PEER,
			     span_of(peer->id, peer->id_len), user))
		relay_admin_spare(server->relay_admin, span_from(user));
}

/* Who is there; after a restart it shows only when all who may return have. */
static bool spare_present(void *arg)
{
	struct server *server = arg;

	if (!hub_is_settled(server->hub))
		return false;
	hub_each_peer(server->hub, spare_peer, server);
	return true;
}

static int start_hub(struct server *server)
{
	int err = hub_new(&server->hub, server->config, &server->loop->clock);

	if (err)
		return err;
	server->tell_due.run = run_tell_due;
	hub_set_on_due(server->hub, on_due, server);
	relay_admin_set_spare(server->relay_admin, spare_present, server);
	/* Without keys of before nobody can prove who they were. */
	if (*server->config->state.dir)
		hub_expect_returns(server->hub);
	server->api.hub = server->hub;
	server->api.kicked = server->kicked;
	server->api.relay_admin = server->relay_admin;
	server->api.clock = &server->loop->clock;
	return 0;
}

static int start_native(struct server *server)
{
	return native_new(&server->native,
			  &(struct native_parts){
				  .loop = server->loop,
				  .hub = server->hub,
				  .icelist = &server->turn.icelist,
				  .keyring = server->keyring,
				  .kicked = server->kicked,
			  });
}

static int build(struct server *server)
{
	const struct config *config = server->config;
	int err = loop_new(&server->loop, config, LOOP_TICK_MS);

	if (!err)
		err = conn_set_new(&server->conns, server->loop);
	if (err)
		return fail("memory", "", err);
	err = open_state(server);
	if (err)
		return err;
	err = start_hub(server);
	if (!err)
		err = side_init(&server->turn, config, &server->loop->clock,
				user_key_of(server));
	if (!err)
		err = start_native(server);
	if (err)
		return fail("memory", "", err);
	err = side_prove(&server->turn, server->loop, on_pool_change, server);
	if (err)
		return fail("turn.probe", "", err);
	err = side_watch(server->relay_admin, config, NULL);
	if (err)
		return fail("turn.cli", config->turn.cli, err);
	err = start_socketio(server);
	if (err)
		return err;
	if (*config->http.root)
		err = files_new(&server->files, config->http.root);
	if (err)
		return fail("http.root", config->http.root, err);
	find_scripts(server);
	write_routes(server);
	write_operator_routes(server);
	err = web_new(&server->web, server->conns, server->routes);
	if (!err)
		err = web_new(&server->operator_web, server->conns,
			      server->operator_routes);
	if (!err)
		err = catch_signals(server);
	if (err)
		return fail("memory", "", err);
	err = start_tls(server);
	return err ? err : start_listeners(server);
}

int server_new(struct server **serverp, struct config *config,
	       const struct config_sources *sources)
{
	struct server *server = calloc(1, sizeof(*server));
	int err;

	if (!server) {
		config_free(config);
		return -ENOMEM;
	}
	server->config = config;
	server->first_config = config;
	server->sources = sources;
	server->api.icelist = &server->turn.icelist;
	server->api.pool = &server->turn.pool;
	server->api.probe = &server->turn.probe;
	configure_log(config);
	err = build(server);
	if (err) {
		server_free(server);
		return err;
	}
	server->api.started_at_s = clock_wall_s(&server->loop->clock);
	conn_set_on_freed(server->conns, on_conn_freed, server);
	loop_set_tick(server->loop, on_tick, server);
	*serverp = server;
	return 0;
}

int server_run(struct server *server)
{
	int err;

	log_info("server.start", log_str("version", SIGNALD_VERSION));
	err = loop_run(server->loop);
	log_info("server.end");
	return err;
}

void server_free(struct server *server)
{
	if (!server)
		return;
	for (int i = 0; i < SIGNALS_COUNT; i++)
		if (server->signals[i])
			event_free(server->signals[i]);
	conn_set_free(server->conns);
	if (server->hub)
		hub_end_away(server->hub);
	for (size_t i = 0; i < server->listeners_count; i++)
		listener_free(server->listeners[i]);
	tls_server_free(server->tls);
	tunnels_free(server->tunnels);
	web_free(server->operator_web);
	web_free(server->web);
	files_free(server->scripts);
	files_free(server->files);
	socketio_free(server->socketio);
	native_free(server->native);
	side_clear(&server->turn);
	hub_free(server->hub);
	relay_admin_free(server->relay_admin);
	kicked_free(server->kicked);
	keyring_free(server->keyring);
	loop_free(server->loop);
	if (server->config != server->first_config)
		config_free(server->config);
	config_free(server->first_config);
	free(server);
}
