/* probe_report.c: what is known of the TURN servers, in words, JSON, metrics.
 */
#include <stdio.h>

#include "turn/probe_watch.h"

static const char *const transports[POOL_TRANSPORTS] = {[POOL_UDP] = "udp",
							[POOL_TCP] = "tcp",
							[POOL_TLS] = "tls",
							[POOL_TUNNEL] =
								"tunnel"};

static const char *const states[] = {
	[ENDPOINT_UNKNOWN] = "unknown",
	[ENDPOINT_UP] = "up",
	[ENDPOINT_DOWN] = "down",
};

static const char *const safeties[] = {
	[POOL_UNTRIED] = "untried",
	[POOL_SAFE] = "safe",
	[POOL_UNSAFE] = "unsafe",
};

static bool offers_any_of(const struct pool_server *server,
			  enum pool_process process)
{
	for (int t = 0; t < POOL_TRANSPORTS; t++) {
		if (server->offers[t] &&
		    pool_process_of((enum pool_transport)t) == process)
			return true;
	}
	return false;
}

/* The guard that has the worst to tell, of the coturns that clients get. */
static const struct guard *worst_of(const struct watch *watch)
{
	static const int badness[] = {
		[POOL_SAFE] = 0, [POOL_UNTRIED] = 1, [POOL_UNSAFE] = 2};
	const struct guard *worst = NULL;

	for (int p = 0; p < POOL_PROCESSES; p++) {
		const struct guard *guard = &watch->guards[p];

		if (offers_any_of(watch->server, guard->process) &&
		    (!worst || badness[guard->known.safety] >
				       badness[worst->known.safety]))
			worst = guard;
	}
	return worst ? worst : &watch->guards[POOL_FRONT];
}

/* What of the host one of its coturns lets in to; NULL: nothing. */
static const char *exposed_of(const struct watch *watch)
{
	for (int p = 0; p < POOL_PROCESSES; p++) {
		if (watch->guards[p].known.is_exposed)
			return watch->guards[p].known.exposed;
	}
	return NULL;
}

static bool is_relay(const struct watch *watch)
{
	return offers_any_of(watch->server, POOL_FRONT) ||
	       offers_any_of(watch->server, POOL_BEHIND);
}

/* --- readyz --- */

static const struct endpoint *failing_of(const struct watch *watch)
{
	for (size_t i = 0; i < watch->endpoints_count; i++) {
		const struct endpoint *endpoint = &watch->endpoints[i];

		if (endpoint->state != ENDPOINT_UP && *endpoint->error)
			return endpoint;
	}
	return NULL;
}

/* Why one server cannot be offered. */
static void write_why(const struct watch *watch, char *out, size_t cap)
{
	const char *name = watch->server->name;
	const struct endpoint *failing = failing_of(watch);
	const char *reason = worst_of(watch)->known.reason;
	char address[NET_ADDR_CAP];

	if (watch->server->is_drained) {
		(void)snprintf(out, cap, "%s: drained", name);
	} else if (*watch->lookup_error) {
		(void)snprintf(out, cap, "%s: %s", name, watch->lookup_error);
	} else if (failing) {
		net_addr_format(&failing->link.addr, address);
		(void)snprintf(out, cap, "%s, %s: %s", name, address,
			       failing->error);
	} else {
		(void)snprintf(out, cap, "%s: %s", name,
			       *reason ? reason : "nothing is known of it yet");
	}
}

/* The first that relays and could be offered: what it lacks is what is told. */
static const struct watch *first_of(const struct probe *probe)
{
	const struct watch *first = NULL;

	for (size_t i = 0; i < probe->pool->count; i++) {
		const struct watch *watch = &probe->watches[i];

		if (is_relay(watch) && (!first || (first->server->is_drained &&
						   !watch->server->is_drained)))
			first = watch;
	}
	return first ? first : &probe->watches[0];
}

bool probe_trouble(const struct probe *probe, const struct pool *pool,
		   char *out, size_t cap)
{
	if (pool->usercred && !usercred_is_up(pool->usercred)) {
		(void)snprintf(out, cap,
			       "Redis, where credentials are kept: %s",
			       usercred_trouble(pool->usercred));
		return true;
	}
	if (!probe)
		return false;
	for (size_t i = 0; i < pool->count; i++) {
		const struct watch *watch = &probe->watches[i];
		const struct guard *guard = worst_of(watch);

		if (guard->known.safety != POOL_UNSAFE)
			continue;
		(void)snprintf(out, cap, "%s%s: %s", watch->server->name,
			       guard->process == POOL_BEHIND ? ", tunnel" : "",
			       *guard->known.reason
				       ? guard->known.reason
				       : "unsafe before the reload, and not "
					 "tried since");
		return true;
	}
	if (pool_is_alive(pool))
		return false;
	write_why(first_of(probe), out, cap);
	return true;
}

/* --- tried or not --- */

bool probe_is_trying(const struct probe *probe, size_t server,
		     enum pool_transport transport)
{
	const struct watch *watch;
	const struct guard *guard;
	bool is_up = false;

	if (!probe)
		return false;
	watch = &probe->watches[server];
	guard = &watch->guards[pool_process_of(transport)];
	if (!watch->endpoints_count)
		return !*watch->lookup_error;
	for (size_t i = 0; i < watch->endpoints_count; i++) {
		const struct endpoint *endpoint = &watch->endpoints[i];

		if (endpoint->transport != transport)
			continue;
		if (endpoint->state == ENDPOINT_UNKNOWN)
			return true;
		is_up |= endpoint->state == ENDPOINT_UP;
	}
	return is_up && guard->known.safety == POOL_UNTRIED &&
	       !*guard->known.reason;
}

/* --- JSON --- */

static void write_text(struct buf *out, const char *before, const char *text)
{
	buf_append_str(out, before);
	if (text && *text)
		buf_append_json(out, span_from(text));
	else
		buf_append_str(out, "null");
}

static void write_endpoint(const struct endpoint *endpoint, struct buf *out)
{
	char address[NET_ADDR_CAP];

	net_addr_format(&endpoint->link.addr, address);
	buf_append_format(out,
			  "{\"transport\":\"%s\",\"address\":\"%s\","
			  "\"state\":\"%s\",\"roundTripMs\":",
			  transports[endpoint->transport], address,
			  states[endpoint->state]);
	if (endpoint->state == ENDPOINT_UP)
		buf_append_u64(out, endpoint->round_trip_ms);
	else
		buf_append_str(out, "null");
	write_text(out, ",\"error\":", endpoint->error);
	write_text(out, ",\"certificate\":", endpoint->certificate);
	buf_append_str(out, "}");
}

static void write_watch(const struct watch *watch, struct buf *out)
{
	const struct guard_finding *known = &worst_of(watch)->known;

	buf_append_format(out, ",\"safety\":\"%s\"", safeties[known->safety]);
	write_text(out, ",\"detail\":", known->reason);
	write_text(out, ",\"exposed\":", exposed_of(watch));
	write_text(out, ",\"lookup\":", watch->lookup_error);
	buf_append_str(out, ",\"endpoints\":[");
	for (size_t i = 0; i < watch->endpoints_count; i++) {
		buf_append_str(out, i ? "," : "");
		write_endpoint(&watch->endpoints[i], out);
	}
	buf_append_str(out, "]");
}

static void write_server(const struct pool *pool,
			 const struct pool_server *server, struct buf *out)
{
	write_text(out, "{\"name\":", server->name);
	write_text(out, ",\"host\":", server->host);
	write_text(out, ",\"region\":", server->region);
	buf_append_format(out, ",\"weight\":%u,\"drained\":%s,\"offered\":[",
			  server->weight,
			  server->is_drained ? "true" : "false");
	for (int i = 0, count = 0; i < POOL_TRANSPORTS; i++) {
		if (!pool_can_offer(pool, server, (enum pool_transport)i) ||
		    server->is_drained)
			continue;
		buf_append_format(out, "%s\"%s\"", count++ ? "," : "",
				  transports[i]);
	}
	buf_append_str(out, "]");
}

/* null where credentials are not kept there. */
static void write_redis(const struct pool *pool, struct buf *out)
{
	if (!pool->usercred) {
		buf_append_str(out, "\"redis\":null");
		return;
	}
	buf_append_format(out, "\"redis\":{\"up\":%s",
			  usercred_is_up(pool->usercred) ? "true" : "false");
	write_text(out, ",\"error\":", usercred_trouble(pool->usercred));
	buf_append_str(out, "}");
}

void probe_write_json(const struct probe *probe, const struct pool *pool,
		      struct buf *out)
{
	buf_append_format(out, "{\"alive\":%s,\"proven\":%s,",
			  pool_is_alive(pool) ? "true" : "false",
			  probe ? "true" : "false");
	write_redis(pool, out);
	buf_append_str(out, ",\"servers\":[");
	for (size_t i = 0; i < pool->count; i++) {
		buf_append_str(out, i ? "," : "");
		write_server(pool, &pool->servers[i], out);
		if (probe)
			write_watch(&probe->watches[i], out);
		buf_append_str(out, "}");
	}
	buf_append_str(out, "]}\n");
}

/* --- metrics --- */

/* Names and addresses need no escapes. */
static void write_labels(const struct endpoint *endpoint, const char *family,
			 struct buf *out)
{
	char address[NET_ADDR_CAP];

	net_addr_format(&endpoint->link.addr, address);
	buf_append_format(out,
			  "%s{server=\"%s\",transport=\"%s\",address=\"%s\"} ",
			  family, endpoint->server->name,
			  transports[endpoint->transport], address);
}

static void write_up(const struct endpoint *endpoint, struct buf *out)
{
	write_labels(endpoint, "signald_turn_endpoint_up", out);
	buf_append_format(out, "%d\n", endpoint->state == ENDPOINT_UP);
}

static void write_round_trip(const struct endpoint *endpoint, struct buf *out)
{
	if (endpoint->state != ENDPOINT_UP)
		return;
	write_labels(endpoint, "signald_turn_endpoint_round_trip_seconds", out);
	buf_append_format(out, "%u.%03u\n", endpoint->round_trip_ms / 1000,
			  endpoint->round_trip_ms % 1000);
}

static void write_each(const struct probe *probe,
		       void (*write)(const struct endpoint *, struct buf *),
		       struct buf *out)
{
	for (size_t i = 0; i < probe->pool->count; i++) {
		const struct watch *watch = &probe->watches[i];

		for (size_t j = 0; j < watch->endpoints_count; j++)
			write(&watch->endpoints[j], out);
	}
}

static void write_head(const char *family, const char *help, struct buf *out)
{
	buf_append_format(out, "# HELP %s %s\n# TYPE %s gauge\n", family, help,
			  family);
}

static bool is_safe(const struct watch *watch)
{
	return worst_of(watch)->known.safety == POOL_SAFE;
}

static bool is_exposed(const struct watch *watch)
{
	return exposed_of(watch);
}

/* One sample for each server that relays. */
static void write_servers(const struct probe *probe, const char *family,
			  bool (*is_so)(const struct watch *watch),
			  struct buf *out)
{
	for (size_t i = 0; i < probe->pool->count; i++) {
		const struct watch *watch = &probe->watches[i];

		if (is_relay(watch))
			buf_append_format(out, "%s{server=\"%s\"} %d\n", family,
					  watch->server->name, is_so(watch));
	}
}

void probe_write_metrics(const struct probe *probe, struct buf *out)
{
	if (!probe)
		return;
	write_head("signald_turn_endpoint_up",
		   "1 while relaying this way works, else 0.", out);
	write_each(probe, write_up, out);
	write_head("signald_turn_endpoint_round_trip_seconds",
		   "Of the last datagram relayed back to us.", out);
	write_each(probe, write_round_trip, out);
	write_head("signald_turn_server_safe",
		   "1 when it relays to no private network, 0 when it does or "
		   "was not tried.",
		   out);
	write_servers(probe, "signald_turn_server_safe", is_safe, out);
	write_head("signald_turn_server_exposed",
		   "1 when clients reach UDP services of this host through "
		   "it.",
		   out);
	write_servers(probe, "signald_turn_server_exposed", is_exposed, out);
}
