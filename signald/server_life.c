/* server_life.c: what a server does while it runs: signals, reload, drain. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "policy/file_watch.h"
#include "policy/metric.h"
#include "server_parts.h"

/* What a drain takes beyond its spread: the last closes being answered. */
#define DRAIN_GRACE_MS 3000
#define LOOK_AT_CERT_MS 1000
/* For a handshake and a request that have begun when a drain ends. */
#define LAST_ANSWERS_MS 500

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
	server_tell_draining(server, spread_s * 1000 + DRAIN_GRACE_MS);
	web_drain(server->web);
	web_drain(server->redirect.web);
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

/* Whoever comes from here on is for the next process, which the sockets of a
 * service manager wait for; whoever was let in before is answered still. */
static void stop_listening(struct server *server)
{
	server_end_listening(server);
	web_drain(server->operator_web);
	web_end_idle(server->web);
	server->last_answers_ms = server->loop->clock.mono_ms + LAST_ANSWERS_MS;
}

static bool has_answered(const struct server *server)
{
	size_t tunnels = server->tunnels ? tunnels_left(server->tunnels) : 0;

	return server->loop->clock.mono_ms >= server->last_answers_ms ||
	       conn_set_count(server->conns) <= tunnels;
}

static void end_drain(struct server *server)
{
	if (!server->last_answers_ms) {
		if (!is_drained(server))
			return;
		stop_listening(server);
	}
	server->is_drained = has_answered(server);
	if (server->is_drained)
		loop_stop(server->loop);
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
static void renew_secret(struct server *server, struct config *of)
{
	struct config_error error;
	int err = config_reread_secret(of, &error);

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
			 log_str("file", of->turn.secret_file));
}

static void follow_secret(struct server *server, struct config *of)
{
	const char *path = of->turn.secret_file;

	if (path && file_watch_changed(&of->turn.secret_watch, path,
				       server->loop->clock.mono_ms))
		renew_secret(server, of);
}

/* turnconf rotate writes that of [turn], something else those of [turn NAME].
 */
static void follow_secrets(struct server *server)
{
	struct config *config = server->config;

	follow_secret(server, config);
	for (size_t i = 0; i < config->servers_count; i++)
		follow_secret(server, config->servers[i].config);
}

void server_on_tick(void *arg)
{
	struct server *server = arg;

	server_tell_alive(server);
	follow_cert(server);
	hub_tick(server->hub);
	admin_tick(server->admin);
	notices_tick(server->notices);
	socketio_tick(server->socketio);
	rotate_keys(server);
	follow_secrets(server);
	side_follow_regions(&server->turn, server->loop->clock.mono_ms);
	if (server->drain_ends_ms)
		end_drain(server);
}

/* Make a configuration the one in effect. Returns -ENOMEM, then nothing has
 * changed. A probe that cannot be started is logged, and TURN is withheld. */
static int apply(struct server *server, struct config *config)
{
	struct config *before = server->config;
	char why[TOKENS_MAX_ERROR] = "out of memory";
	struct side side;
	int err = side_init(&side, config, &server->loop->clock,
			    server->usercred, server_user_key(server));

	if (err)
		return err;
	server_configure_log(config);
	side_read_regions(&side, &server->turn);
	side_replace(&server->turn, &side);
	server->config = config;
	server->loop->config = config;
	limits_configure(server->limits, config);
	if (access_configure(server->access, why))
		log_error("access.no_tokens", log_str("error", why));
	hub_configure(server->hub, config);
	admin_configure(server->admin);
	notices_configure(server->notices);
	socketio_configure(server->socketio);
	err = side_prove(&server->turn, server->loop, server_on_pool_change,
			 server);
	if (err)
		(void)server_fail("turn.probe", "", err);
	err = side_watch(server->relay_admin, config, before);
	if (err)
		(void)server_fail("turn.cli", config->turn.cli, err);
	if (before != server->first_config)
		config_free(before);
	server_on_pool_change(server);
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

static void refuse_reload(struct admin_reload *result, const char *reason)
{
	metric_add(METRIC_RELOADS_REFUSED, 1);
	log_error("config.refused", log_str("reason", reason));
	(void)snprintf(result->refused, sizeof(result->refused), "%s", reason);
}

static void read_again(struct server *server, struct admin_reload *result)
{
	char why[TOKENS_MAX_ERROR] = "out of memory";
	struct config_error error;
	struct config *config;

	if (load(&config, server->sources, &error)) {
		refuse_reload(result, error.text);
		return;
	}
	config_diff_restart(server->first_config, config, result->restart,
			    sizeof(result->restart));
	if (config_keep_restart(config, server->first_config, &error)) {
		refuse_reload(result, error.text);
		config_free(config);
		return;
	}
	if (tokens_judge(config, why)) {
		refuse_reload(result, why);
		config_free(config);
		return;
	}
	if (apply(server, config)) {
		refuse_reload(result, "out of memory");
		config_free(config);
		return;
	}
	if (server->tls)
		tls_server_reload(server->tls, config,
				  clock_wall_s(&server->loop->clock));
	metric_add(METRIC_RELOADS_OK, 1);
	log_info("config.reloaded");
	if (*result->restart)
		log_warn("config.needs_restart",
			 log_str("keys", result->restart));
}

static void reload(struct server *server, struct admin_reload *result)
{
	server_tell_reloading(server);
	read_again(server, result);
	server_tell_reloaded(server, result);
}

static void on_admin_drain(void *arg)
{
	struct server *server = arg;

	if (!server->drain_ends_ms)
		drain(server);
}

static void on_admin_reload(struct admin_reload *result, void *arg)
{
	reload(arg, result);
}

static void on_tokens_void(void *arg)
{
	const struct server *server = arg;

	native_push_tokens(server->native);
}

const struct admin_ops server_admin_ops = {
	.drain = on_admin_drain,
	.reload = on_admin_reload,
	.on_pool_change = server_on_pool_change,
	.on_tokens_void = on_tokens_void,
};

static void signal_cb(evutil_socket_t signal_number, short what, void *arg)
{
	struct admin_reload result = {.refused = ""};
	struct server *server = arg;

	(void)what;
	loop_enter(server->loop);
	if (signal_number == SIGHUP)
		reload(server, &result);
	else
		drain(server);
}

int server_catch_signals(struct server *server)
{
	static const int numbers[SERVER_SIGNALS_COUNT] = {
		[SERVER_ON_TERM] = SIGTERM,
		[SERVER_ON_INT] = SIGINT,
		[SERVER_ON_HUP] = SIGHUP};

	for (int i = 0; i < SERVER_SIGNALS_COUNT; i++) {
		server->signals[i] = evsignal_new(
			server->loop->base, numbers[i], signal_cb, server);
		if (!server->signals[i] || event_add(server->signals[i], NULL))
			return -ENOMEM;
	}
	return 0;
}
