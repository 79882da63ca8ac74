/* server.c: the daemon: every part built in order, run, and taken down. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/member.h"
#include "policy/metric.h"
#include "policy/spool.h"
#include "server_parts.h"

void server_configure_log(const struct config *config)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	enum log_level level = LOG_ERROR;

	while (strcmp(config->log.level, levels[level]) != 0)
		level++;
	log_configure(level,
		      strcmp(config->log.format, "json") ? LOG_TEXT : LOG_JSON,
		      stderr);
}

int server_fail(const char *what, const char *value, int err)
{
	log_error("server.fail", log_str("what", what), log_str("value", value),
		  log_str("error", strerror(-err)));
	return err;
}

struct span server_user_key(const struct server *server)
{
	return span_of(server->user_key, sizeof(server->user_key));
}

/* Other servers can be offered than before: who is connected hears of it. */
void server_on_pool_change(void *arg)
{
	struct server *server = arg;

	metric_set(METRIC_TURN_UP, pool_is_alive(server->turn.pool));
	native_push_ice(server->native);
}

/* Redis can be reached, or not any more. */
static void on_redis_change(void *arg)
{
	struct server *server = arg;

	if (usercred_is_up(server->usercred)) {
		relay_admin_revoke_all(server->relay_admin);
		if (side_renew(&server->turn))
			return; /* the proofs tell */
	}
	server_on_pool_change(server);
}

static void on_coturn_gone(const char *name, void *arg)
{
	struct server *server = arg;

	side_note_gone(&server->turn, name);
}

/* --- the parts --- */

static int start_socketio(struct server *server)
{
	struct config_error error;
	const struct socketio_parts parts = {
		.loop = server->loop,
		.hub = server->hub,
		.keyring = server->keyring,
		.kicked = server->kicked,
		.access = server->access,
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
	if (err == -ENOENT && access(dir, F_OK)) {
		log_error("server.fail", log_str("what", "state.dir"),
			  log_str("value", dir),
			  log_str("error", "the folder does not exist: make "
					   "it (install -d -m 700), for the "
					   "user whom signald runs as"));
		return err;
	}
	log_error("server.fail", log_str("what", "state.dir"),
		  log_str("value", dir), log_str("file", file),
		  log_str("error",
			  err == -EINVAL
				  ? "not as signald writes it: put the right "
				    "one there, or take it away; all clients "
				    "join anew then"
				  : spool_strerror(err)));
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
	relay_admin_set_gone(server->relay_admin, on_coturn_gone, server);
	/* Without keys of before nobody can prove who they were. */
	if (*server->config->state.dir)
		hub_expect_returns(server->hub);
	server->api.access = server->access;
	server->api.clock = &server->loop->clock;
	return 0;
}

static int on_kick(struct span id, void *arg)
{
	const struct server *server = arg;

	return admin_kick(server->admin, id);
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
				  .access = server->access,
				  .kick = on_kick,
				  .kick_arg = server,
			  });
}

static int start_redis(struct server *server)
{
	int err;

	if (!config_keeps_users(server->config))
		return 0;
	err = usercred_new(&server->usercred, server->loop,
			   server_user_key(server), on_redis_change, server);
	if (err)
		return server_fail("turn.redis", server->config->turn.redis,
				   err);
	relay_admin_use_redis(server->relay_admin, server->usercred);
	return 0;
}

static int start_admin(struct server *server)
{
	const char *dir = server->config->state.dir;
	const struct admin_parts parts = {
		.loop = server->loop,
		.conns = server->conns,
		.hub = server->hub,
		.notices = server->notices,
		.keyring = server->keyring,
		.kicked = server->kicked,
		.relay_admin = server->relay_admin,
		.icelist = &server->turn.icelist,
		.pool = &server->turn.pool,
		.probe = &server->turn.probe,
		.is_draining = &server->api.is_draining,
		.ops = &server_admin_ops,
		.arg = server,
	};
	int err = admin_new(&server->admin, &parts);

	return err ? fail_state(dir, ADMIN_KEY_FILE, err) : 0;
}

static void log_mode(const struct config *config)
{
	enum config_mode mode = config_mode(config);

	log_info("access.mode", log_str("mode", config_mode_name(mode)),
		 log_str("means", config_mode_means(mode)));
	if (config_open_relay(config))
		log_warn("access.open",
			 log_str("relay", config_open_relay(config)),
			 log_str("means",
				 "access.mode is auto, and open as signald "
				 "listens on loopback alone: behind a proxy "
				 "whoever reaches that may do everything, and "
				 "relay; set access.mode = guest, or a "
				 "stricter one"));
	if (config->shows_secrets)
		log_warn("config.open", log_str("means", CONFIG_SHOWS_SECRETS));
	if (config_shows_metrics(config))
		log_warn("admin.open", log_str("key", "listen.metrics"),
			 log_str("address", config->listen.metrics),
			 log_str("means",
				 "more than this machine may reach it: "
				 "/metrics asks for no key, and the admin key "
				 "passes unencrypted; listen on 127.0.0.1, and "
				 "come by ssh -L"));
}

static int start_access(struct server *server)
{
	char why[TOKENS_MAX_ERROR] = "out of memory";
	int err = access_new(&server->access, server->loop, why);

	if (err)
		log_error("server.fail", log_str("what", "access"),
			  log_str("error", why));
	return err;
}

/* What all others stand on. */
static int start_base(struct server *server)
{
	const struct config *config = server->config;
	int err = loop_new(&server->loop, config, LOOP_TICK_MS);

	if (!err)
		err = limits_new(&server->limits, config, &server->loop->clock);
	if (!err)
		err = conn_set_new(&server->conns, server->loop);
	if (err)
		return server_fail("memory", "", err);
	server->loop->limits = server->limits;
	err = open_state(server);
	if (!err)
		err = start_access(server);
	return err ? err : start_redis(server);
}

static int start_notices(struct server *server)
{
	const struct notices_sources sources = {
		.hub = server->hub,
		.access = server->access,
		.relay_admin = server->relay_admin,
	};
	int err = notices_new(&server->notices, server->loop, &sources);

	return err ? fail_state(server->config->state.dir, "webhooks", err) : 0;
}

/* The rooms, and the servers that relay for those in them. */
static int start_rooms(struct server *server)
{
	const struct config *config = server->config;
	int err = start_hub(server);

	if (!err)
		err = side_init(&server->turn, config, &server->loop->clock,
				server->usercred, server_user_key(server));
	if (!err)
		err = start_native(server);
	if (err)
		return server_fail("memory", "", err);
	err = start_notices(server);
	if (err)
		return err;
	side_read_regions(&server->turn, NULL);
	err = side_prove(&server->turn, server->loop, server_on_pool_change,
			 server);
	if (err)
		return server_fail("turn.probe", "", err);
	server_on_pool_change(server);
	err = side_watch(server->relay_admin, config, NULL);
	if (err)
		return server_fail("turn.cli", config->turn.cli, err);
	return start_socketio(server);
}

/* Who answers requests, when all is there that answers. */
static int start_web(struct server *server)
{
	const struct config *config = server->config;
	int err = 0;

	if (*config->http.root)
		err = files_new(&server->files, config->http.root);
	if (err)
		return server_fail("http.root", config->http.root, err);
	find_scripts(server);
	err = start_admin(server);
	if (err)
		return err;
	server_write_routes(server);
	server_write_operator_routes(server);
	err = web_new(&server->web, server->conns, server->routes);
	if (!err)
		err = web_new(&server->operator_web, server->conns,
			      server->operator_routes);
	if (err)
		return server_fail("memory", "", err);
	web_serve_operators(server->operator_web);
	return 0;
}

static int start_redirect(struct server *server)
{
	const struct config *config = server->config;
	int err = redirect_init(&server->redirect, server->conns, server->loop);

	return err ? server_fail("http.challenges", config->http.challenges,
				 err)
		   : 0;
}

static int build(struct server *server)
{
	int err = start_base(server);

	if (!err)
		err = start_rooms(server);
	if (!err)
		err = start_web(server);
	if (err)
		return err;
	err = server_catch_signals(server);
	if (err)
		return server_fail("memory", "", err);
	err = start_tls(server);
	if (!err)
		err = start_redirect(server);
	return err ? err : server_listen(server);
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
	server->api.tls = &server->tls;
	server_configure_log(config);
	server_open_notify(server);
	log_mode(config);
	err = build(server);
	if (err) {
		server_free(server);
		return err;
	}
	server->api.started_at_s = clock_wall_s(&server->loop->clock);
	conn_set_on_freed(server->conns, server_on_conn_freed, server);
	loop_set_tick(server->loop, server_on_tick, server);
	*serverp = server;
	return 0;
}

int server_run(struct server *server)
{
	int err;

	log_info("server.start", log_str("version", SIGNALD_VERSION));
	server_tell_ready(server);
	err = loop_run(server->loop);
	if (!err && server->is_drained)
		server_keep_tunnels(server);
	log_info("server.end");
	return err;
}

#define END(free_fn, pointer)     \
	do {                      \
		free_fn(pointer); \
		(pointer) = NULL; \
	} while (0)

void server_end_serving(struct server *server)
{
	for (int i = 0; i < SERVER_SIGNALS_COUNT; i++) {
		if (server->signals[i])
			event_free(server->signals[i]);
		server->signals[i] = NULL;
	}
	if (server->hub)
		hub_end_away(server->hub);
	server_end_listening(server);
	redirect_clear(&server->redirect);
	END(web_free, server->operator_web);
	END(web_free, server->web);
	END(admin_free, server->admin);
	END(files_free, server->scripts);
	END(files_free, server->files);
	END(socketio_free, server->socketio);
	END(native_free, server->native);
	side_clear(&server->turn);
	END(hub_free, server->hub);
	END(notices_free, server->notices);
	END(relay_admin_free, server->relay_admin);
	END(usercred_free, server->usercred);
	END(access_free, server->access);
	END(kicked_free, server->kicked);
	END(keyring_free, server->keyring);
	crypto_wipe(server->user_key, sizeof(server->user_key));
	loop_cancel(server->loop, &server->tell_due);
}

void server_free(struct server *server)
{
	if (!server)
		return;
	conn_set_free(server->conns);
	if (server->loop)
		server_end_serving(server);
	tls_server_free(server->tls);
	tunnels_free(server->tunnels);
	limits_free(server->limits);
	loop_free(server->loop);
	notify_clear(&server->notify);
	if (server->config != server->first_config)
		config_free(server->config);
	config_free(server->first_config);
	free(server);
}
