/* server_keep.c: what a server leaves behind: its tunnels, until they end. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "server_parts.h"

static void on_tick(void *arg)
{
	struct server *server = arg;

	if (!tunnels_left(server->tunnels) ||
	    server->loop->clock.mono_ms >= server->drain_ends_ms)
		loop_stop(server->loop);
}

/* In the process that was made for it. The manager hears of the other one. */
static void keep(struct server *server)
{
	int err = loop_reopen(server->loop);

	/* It is for who serves, whoever sends it to all of this name. */
	(void)signal(SIGHUP, SIG_IGN);
	notify_clear(&server->notify);
	loop_set_tick(server->loop, on_tick, server);
	if (!err)
		err = loop_run(server->loop);
	log_info("tunnels.end", log_int("left", tunnels_left(server->tunnels)),
		 log_str("error", err ? strerror(-err) : ""));
}

void server_keep_tunnels(struct server *server)
{
	unsigned most_s = server->config->drain.tunnels_s;
	pid_t keeper;

	if (!server->tunnels || !most_s)
		return;
	tunnels_close_others(server->conns);
	if (!tunnels_left(server->tunnels))
		return;
	server_end_serving(server);
	server->drain_ends_ms = server->loop->clock.mono_ms + most_s * 1000ull;
	keeper = fork();
	if (!keeper) {
		keep(server);
		return;
	}
	if (keeper < 0) {
		log_warn("tunnels.lost", log_str("error", strerror(errno)));
		return;
	}
	log_info("tunnels.kept",
		 log_int("tunnels", tunnels_left(server->tunnels)),
		 log_int("pid", keeper), log_int("most_s", most_s));
	log_info("server.end");
	/* To close them as they are closed else would tell the clients. */
	_exit(EXIT_SUCCESS);
}
