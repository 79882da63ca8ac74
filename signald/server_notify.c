/* server_notify.c: what the service manager hears of the server. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "server_parts.h"

#define STATUS_EVERY_MS 5000

/* The drain's end may take a moment longer than what it waits for. */
#define STOP_GRACE_MS 5000

static void log_failure(int err)
{
	if (err)
		log_warn("notify.fail", log_str("error", strerror(-err)),
			 log_str("means", "the service manager was not told"));
}

void server_open_notify(struct server *server)
{
	log_failure(notify_init(&server->notify));
}

static const char *describe_relays(const struct pool *pool)
{
	if (!pool_has_relays(pool))
		return "no TURN server is configured";
	return pool_is_alive(pool) ? "TURN works" : "no TURN server works";
}

static void write_status(struct server *server)
{
	size_t peers = hub_peers_count(server->hub);
	size_t rooms = hub_rooms_count(server->hub);

	(void)snprintf(server->status, sizeof(server->status),
		       "%s %zu peer%s in %zu room%s; %s%s%s",
		       server->drain_ends_ms ? "draining:" : "serving", peers,
		       peers == 1 ? "" : "s", rooms, rooms == 1 ? "" : "s",
		       describe_relays(server->turn.pool),
		       *server->refused ? "; the last reload was refused: "
					: "",
		       server->refused);
}

static void tell(struct server *server, const char *states)
{
	server->status_ms = server->loop->clock.mono_ms;
	write_status(server);
	log_failure(notify_tell(&server->notify, states, server->status));
}

void server_tell_ready(struct server *server)
{
	tell(server, "READY=1\n");
}

void server_tell_reloading(const struct server *server)
{
	log_failure(notify_tell_reloading(&server->notify));
}

void server_tell_reloaded(struct server *server,
			  const struct admin_reload *result)
{
	memcpy(server->refused, result->refused, sizeof(server->refused));
	tell(server, "READY=1\n");
}

void server_tell_draining(struct server *server, unsigned at_most_ms)
{
	char states[96];

	(void)snprintf(states, sizeof(states),
		       "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\n",
		       (at_most_ms + STOP_GRACE_MS) * 1000ull);
	tell(server, states);
}

/* One that finds no room is tried again as if it had changed. */
static void tell_status(struct server *server)
{
	char before[NOTIFY_MAX_STATUS];

	if (server->loop->clock.mono_ms - server->status_ms < STATUS_EVERY_MS)
		return;
	memcpy(before, server->status, sizeof(before));
	server->status_ms = server->loop->clock.mono_ms;
	write_status(server);
	if (strcmp(before, server->status) != 0 &&
	    notify_mention(&server->notify, "", server->status))
		*server->status = '\0';
}

void server_tell_alive(struct server *server)
{
	notify_keep_alive(&server->notify, server->loop->clock.mono_ms);
	if (server->notify.is_on)
		tell_status(server);
}
