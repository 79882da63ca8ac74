/* probe.c: proves the servers of a pool, each way to each of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <event2/util.h>

#include "base/log.h"
#include "base/member.h"
#include "turn/probe_watch.h"

#define LOOKUP_EVERY_MS 60000
#define LOOKUP_RETRY_MS 5000

static const enum link_transport links[POOL_TRANSPORTS] = {
	[POOL_UDP] = LINK_UDP,
	[POOL_TCP] = LINK_TCP,
	[POOL_TLS] = LINK_TLS,
	[POOL_TUNNEL] = LINK_TLS,
};

/* --- what is found out --- */

static void tell(const struct watch *watch)
{
	watch->probe->on_change(watch->probe->arg);
}

/* The endpoints of one coturn that are up, and one of them. */
static size_t count_up(const struct watch *watch, enum pool_process process,
		       const struct endpoint **one)
{
	size_t count = 0;

	for (size_t i = 0; i < watch->endpoints_count; i++) {
		const struct endpoint *endpoint = &watch->endpoints[i];

		if (endpoint->state != ENDPOINT_UP ||
		    pool_process_of(endpoint->transport) != process)
			continue;
		*one = endpoint;
		count++;
	}
	return count;
}

static bool pick(const struct guard *guard, struct link_target *link, void *arg)
{
	const struct endpoint *endpoint;

	if (!count_up(arg, guard->process, &endpoint))
		return false;
	*link = endpoint->link;
	return true;
}

static bool is_up(const struct endpoint *endpoint)
{
	return endpoint->state == ENDPOINT_UP;
}

static bool is_in_its_first_proof(const struct endpoint *endpoint)
{
	return endpoint->state == ENDPOINT_UNKNOWN && !*endpoint->error;
}

static bool is_any(const struct watch *watch, enum pool_transport transport,
		   bool (*is_so)(const struct endpoint *endpoint))
{
	for (size_t i = 0; i < watch->endpoints_count; i++) {
		const struct endpoint *endpoint = &watch->endpoints[i];

		if (endpoint->transport == transport && is_so(endpoint))
			return true;
	}
	return false;
}

static void on_endpoint(struct endpoint *endpoint, void *arg)
{
	struct watch *watch = arg;
	enum pool_transport transport = endpoint->transport;
	bool *was_live = &watch->server->is_live[transport];
	/* Of before a reload, until all have been tried. */
	bool is_live =
		is_any(watch, transport, is_up) ||
		(*was_live && is_any(watch, transport, is_in_its_first_proof));
	enum pool_process process = pool_process_of(transport);
	const struct endpoint *one;

	/* It may have been restarted with another configuration. */
	if (endpoint->state == ENDPOINT_UP &&
	    count_up(watch, process, &one) == 1)
		guard_start(&watch->guards[process]);
	if (*was_live == is_live)
		return;
	*was_live = is_live;
	tell(watch);
}

static void on_verdict(struct guard *guard, void *arg)
{
	struct watch *watch = arg;
	enum pool_safety *safety = &watch->server->safety[guard->process];

	if (*safety == guard->known.safety)
		return;
	*safety = guard->known.safety;
	tell(watch);
}

static const struct guard_ops guard_ops = {.pick = pick,
					   .on_verdict = on_verdict};

/* Of before a reload: nobody proves it now. */
static void forget_liveness(struct watch *watch)
{
	bool was_live = pool_can_serve(watch->probe->pool, watch->server);

	memset(watch->server->is_live, 0, sizeof(watch->server->is_live));
	if (was_live)
		tell(watch);
}

/* --- where the servers are --- */

static void clear_endpoints(struct watch *watch)
{
	for (size_t i = 0; i < watch->endpoints_count; i++)
		endpoint_clear(&watch->endpoints[i]);
	free(watch->endpoints);
	watch->endpoints = NULL;
	watch->endpoints_count = 0;
}

static void start_endpoint(struct watch *watch, enum pool_transport transport,
			   const struct net_addr *address)
{
	struct link_target link = {
		.addr = *address,
		.transport = links[transport],
		.host = watch->server->host,
		.tls = watch->probe->tls,
	};

	link.addr.port = watch->server->ports[transport];
	endpoint_init(&watch->endpoints[watch->endpoints_count++],
		      watch->probe->loop, watch->server, transport, &link,
		      on_endpoint, watch);
}

static void start_watch(struct watch *watch);

static void begin_later(struct watch *watch, uint64_t wait_ms)
{
	struct loop *loop = watch->probe->loop;

	loop_timer_start(loop, &watch->lookup_timer,
			 loop->clock.mono_ms + wait_ms);
}

/* Memory that is lacking leaves the server down until all begins anew. */
static void start_endpoints(struct watch *watch)
{
	size_t most = watch->addresses_count * POOL_TRANSPORTS;

	watch->endpoints = calloc(most, sizeof(*watch->endpoints));
	if (!watch->endpoints) {
		watch->addresses_count = 0;
		forget_liveness(watch);
		begin_later(watch, LOOKUP_RETRY_MS);
		return;
	}
	for (size_t i = 0; i < watch->addresses_count; i++) {
		for (int t = 0; t < POOL_TRANSPORTS; t++) {
			if (watch->server->offers[t])
				start_endpoint(watch, (enum pool_transport)t,
					       &watch->addresses[i]);
		}
	}
}

static void add_address(struct watch *watch, const struct net_addr *address)
{
	if (watch->addresses_count < WATCH_MAX_ADDRESSES)
		watch->addresses[watch->addresses_count++] = *address;
}

/* What is no address is left out. */
static void add_text(struct watch *watch, struct span text)
{
	struct net_addr address;

	if (!net_addr_parse_ip(text, &address))
		add_address(watch, &address);
}

/* --- names --- */

static void lookup(struct watch *watch);

static void lookup_fire(struct loop_timer *timer)
{
	struct watch *watch = container_of(timer, struct watch, lookup_timer);

	if (watch->addresses_count)
		lookup(watch);
	else
		start_watch(watch);
}

static void note_lookup_error(struct watch *watch, const char *detail)
{
	char text[DIALOG_REASON_CAP];

	(void)snprintf(text, sizeof(text), "%.100s cannot be looked up: %.60s",
		       watch->server->host, detail);
	if (strcmp(text, watch->lookup_error) != 0)
		log_error("turn.unresolved",
			  log_str("server", watch->server->name),
			  log_str("detail", text));
	memcpy(watch->lookup_error, text, sizeof(text));
	if (!watch->endpoints_count)
		forget_liveness(watch);
	begin_later(watch, LOOKUP_RETRY_MS);
}

/* In whatever order: resolvers like to shuffle. */
static bool is_known(const struct watch *watch, const struct net_addr *address)
{
	for (size_t i = 0; i < watch->addresses_count; i++) {
		if (net_addr_is_same(&watch->addresses[i], address))
			return true;
	}
	return false;
}

/* The addresses are others than before: all is proven anew. */
static void take_addresses(struct watch *watch,
			   const struct evutil_addrinfo *info)
{
	struct net_addr found[WATCH_MAX_ADDRESSES];
	size_t count = 0;
	bool is_same = true;

	for (; info && count < WATCH_MAX_ADDRESSES; info = info->ai_next) {
		net_addr_from(&found[count], info->ai_addr);
		found[count].port = 0;
		is_same &= is_known(watch, &found[count++]);
	}
	if (is_same && count == watch->addresses_count)
		return;
	clear_endpoints(watch);
	memcpy(watch->addresses, found, count * sizeof(*found));
	watch->addresses_count = count;
	start_endpoints(watch);
}

static void lookup_cb(int err, struct evutil_addrinfo *info, void *arg)
{
	struct watch *watch = arg;

	if (err == EVUTIL_EAI_CANCEL)
		return;
	loop_enter(watch->probe->loop);
	watch->lookup = NULL;
	if (err) {
		note_lookup_error(watch, evutil_gai_strerror(err));
	} else {
		watch->lookup_error[0] = '\0';
		take_addresses(watch, info);
		begin_later(watch, LOOKUP_EVERY_MS);
	}
	if (info)
		evutil_freeaddrinfo(info);
}

static void lookup(struct watch *watch)
{
	const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
					      .ai_socktype = SOCK_DGRAM};

	if (!watch->probe->dns) {
		note_lookup_error(watch, "no DNS server in /etc/resolv.conf");
		return;
	}
	/* NULL too when it called back at once. */
	watch->lookup =
		evdns_getaddrinfo(watch->probe->dns, watch->server->host, NULL,
				  &hints, lookup_cb, watch);
}

/* --- its life --- */

static void start_watch(struct watch *watch)
{
	struct span rest = span_from(watch->server->addresses);
	struct span item;

	while (rest.len && span_next_item(&rest, ',', &item))
		add_text(watch, item);
	if (!watch->addresses_count)
		add_text(watch, span_from(watch->server->host));
	if (watch->addresses_count)
		start_endpoints(watch);
	else
		lookup(watch);
}

static bool is_name_among(const struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++) {
		const struct pool_server *server = &pool->servers[i];
		struct net_addr unused;

		if (!*server->addresses &&
		    net_addr_parse_ip(span_from(server->host), &unused))
			return true;
	}
	return false;
}

/* In seconds: a lookup that fails is begun anew anyway. */
#define LOOKUP_TIMEOUT "2"
#define LOOKUP_ATTEMPTS "2"

static struct evdns_base *new_dns(struct loop *loop)
{
	struct evdns_base *dns = evdns_base_new(
		loop->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
				    EVDNS_BASE_DISABLE_WHEN_INACTIVE);

	if (!dns)
		return NULL;
	(void)evdns_base_set_option(dns, "timeout:", LOOKUP_TIMEOUT);
	(void)evdns_base_set_option(dns, "attempts:", LOOKUP_ATTEMPTS);
	return dns;
}

static int init_watches(struct probe *probe)
{
	struct pool *pool = probe->pool;

	probe->watches = calloc(pool->count, sizeof(*probe->watches));
	if (!probe->watches)
		return -ENOMEM;
	for (size_t i = 0; i < pool->count; i++) {
		struct watch *watch = &probe->watches[i];

		watch->probe = probe;
		watch->server = &pool->servers[i];
		watch->lookup_timer.fire = lookup_fire;
		for (int p = 0; p < POOL_PROCESSES; p++)
			guard_init(&watch->guards[p], probe->loop,
				   watch->server, (enum pool_process)p,
				   &guard_ops, watch);
	}
	return 0;
}

int probe_new(struct probe **probep, struct loop *loop, struct pool *pool,
	      struct evdns_base **dnsp, void (*on_change)(void *arg), void *arg)
{
	struct probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return -ENOMEM;
	probe->loop = loop;
	probe->pool = pool;
	probe->on_change = on_change;
	probe->arg = arg;
	if (is_name_among(pool) && !*dnsp)
		*dnsp = new_dns(loop);
	probe->dns = *dnsp;
	if (link_tls_new(&probe->tls) || init_watches(probe)) {
		probe_free(probe);
		return -ENOMEM;
	}
	loop_enter(loop);
	for (size_t i = 0; i < pool->count; i++)
		start_watch(&probe->watches[i]);
	*probep = probe;
	return 0;
}

void probe_renew(struct probe *probe)
{
	pool_forget_liveness(probe->pool);
	for (size_t i = 0; i < probe->pool->count; i++) {
		struct watch *watch = &probe->watches[i];

		for (size_t e = 0; e < watch->endpoints_count; e++)
			endpoint_prove_anew(&watch->endpoints[e]);
	}
}

static void renew_process(struct watch *watch, enum pool_process process)
{
	for (int t = 0; t < POOL_TRANSPORTS; t++)
		if (pool_process_of((enum pool_transport)t) == process)
			watch->server->is_live[t] = false;
	tell(watch);
	for (size_t i = 0; i < watch->endpoints_count; i++) {
		struct endpoint *endpoint = &watch->endpoints[i];

		if (pool_process_of(endpoint->transport) == process)
			endpoint_prove_anew(endpoint);
	}
}

void probe_renew_process(struct probe *probe, const char *name,
			 enum pool_process process)
{
	for (size_t i = 0; i < probe->pool->count; i++)
		if (!strcmp(probe->pool->servers[i].name, name))
			renew_process(&probe->watches[i], process);
}

static void clear_watch(struct watch *watch)
{
	if (watch->lookup)
		evdns_getaddrinfo_cancel(watch->lookup);
	loop_timer_stop(&watch->lookup_timer);
	for (int p = 0; p < POOL_PROCESSES; p++)
		guard_clear(&watch->guards[p]);
	clear_endpoints(watch);
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	for (size_t i = 0; probe->watches && i < probe->pool->count; i++)
		clear_watch(&probe->watches[i]);
	free(probe->watches);
	SSL_CTX_free(probe->tls);
	free(probe);
}
