/* endpoint.c: one way to one TURN server, proven again and again. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/member.h"
#include "turn/endpoint.h"

#define DOWN_AFTER 2
#define UP_AFTER 2 /* when it was down before */
/* One that falls silent is found out within 5 s: by two proofs that get no
 * answer, the first of them probe_interval_s after the last that did. */
#define TIMEOUT_MS 1000
#define TIMEOUT_ROUND_TRIPS 8 /* and so many of them more, where it is far */
#define MAX_TIMEOUT_MS 2000
/* While a change may be under way, or it is down: between two beginnings, and
 * from an end to a beginning at least. What was refused for a quota may be free
 * at coturn's next second. */
#define RETRY_MS 600
#define RETRY_REST_MS 100
#define TTL_S 600

static void prove(struct endpoint *endpoint);

static void copy_text(char out[DIALOG_REASON_CAP], const char *text)
{
	(void)snprintf(out, DIALOG_REASON_CAP, "%s", text ? text : "");
}

static void log_change(const struct endpoint *endpoint)
{
	const char *transport = dialog_transport_name(endpoint->link.transport);
	char address[NET_ADDR_CAP];

	net_addr_format(&endpoint->link.addr, address);
	if (endpoint->state == ENDPOINT_UP)
		log_info("turn.up", log_str("server", endpoint->server->name),
			 log_str("transport", transport),
			 log_str("address", address),
			 log_int("round_trip_ms", endpoint->round_trip_ms));
	else
		log_error("turn.down",
			  log_str("server", endpoint->server->name),
			  log_str("transport", transport),
			  log_str("address", address),
			  log_str("detail", endpoint->error));
	if (endpoint->state == ENDPOINT_UP && *endpoint->certificate)
		log_warn("turn.certificate",
			 log_str("server", endpoint->server->name),
			 log_str("address", address),
			 log_str("detail", endpoint->certificate));
}

static void change(struct endpoint *endpoint, enum endpoint_state state)
{
	endpoint->state = state;
	endpoint->streak = 0;
	log_change(endpoint);
	endpoint->on_change(endpoint, endpoint->arg);
}

/* How many of the other kind make a change. */
static unsigned needed(const struct endpoint *endpoint, bool is_ok)
{
	if (!is_ok)
		return DOWN_AFTER;
	return endpoint->state == ENDPOINT_DOWN ? UP_AFTER : 1;
}

static void take_result(struct endpoint *endpoint, bool is_ok)
{
	enum endpoint_state meant = is_ok ? ENDPOINT_UP : ENDPOINT_DOWN;

	if (endpoint->state == meant) {
		endpoint->streak = 0;
		return;
	}
	endpoint->streak++;
	if (endpoint->streak >= needed(endpoint, is_ok))
		change(endpoint, meant);
}

static void schedule(struct endpoint *endpoint)
{
	const struct config *config = endpoint->loop->config;
	uint64_t now_ms = endpoint->loop->clock.mono_ms;
	uint64_t at_ms = endpoint->began_ms + RETRY_MS;

	if (endpoint->state == ENDPOINT_UP && !endpoint->streak)
		at_ms = now_ms + config->turn.probe_interval_s * 1000ull;
	else if (at_ms < now_ms + RETRY_REST_MS)
		at_ms = now_ms + RETRY_REST_MS;
	loop_timer_start(endpoint->loop, &endpoint->timer, at_ms);
}

static void on_done(const struct proof_result *result, void *arg)
{
	struct endpoint *endpoint = arg;
	bool is_ok = result->is_ok, is_ours = result->is_ours;

	copy_text(endpoint->error, result->reason);
	copy_text(endpoint->certificate, result->certificate_trouble);
	if (is_ok)
		endpoint->round_trip_ms = result->round_trip_ms;
	proof_free(endpoint->proof);
	endpoint->proof = NULL;
	if (!is_ours)
		take_result(endpoint, is_ok);
	schedule(endpoint);
}

/* Quotas count by user: one for each way. */
static void write_user(const struct endpoint *endpoint, char out[32])
{
	(void)snprintf(out, 32, "s-proof.%s.%d",
		       dialog_transport_name(endpoint->link.transport),
		       endpoint->link.addr.is_v6 ? 6 : 4);
}

static unsigned timeout_ms(const struct endpoint *endpoint)
{
	unsigned ms =
		TIMEOUT_MS + TIMEOUT_ROUND_TRIPS * endpoint->round_trip_ms;

	return endpoint->state == ENDPOINT_UP && ms < MAX_TIMEOUT_MS
		       ? ms
		       : MAX_TIMEOUT_MS;
}

static void begin_proof(struct endpoint *endpoint)
{
	const struct proof_target target = {
		.link = endpoint->link,
		.relay_family = endpoint->link.addr.is_v6 ? AF_INET6 : AF_INET,
		.timeout_ms = timeout_ms(endpoint),
	};

	if (proof_new(&endpoint->proof, endpoint->loop, &target,
		      &endpoint->grant.cred, on_done, endpoint))
		schedule(endpoint); /* out of memory: later perhaps */
}

/* Without a credential nothing is found out about the server. */
static void take_grant(struct endpoint *endpoint, int err)
{
	if (!err)
		begin_proof(endpoint);
	else
		schedule(endpoint);
}

static void on_granted(struct usercred_grant *grant)
{
	take_grant(container_of(grant, struct endpoint, grant), grant->err);
}

static void prove(struct endpoint *endpoint)
{
	char user[32];
	int err;

	write_user(endpoint, user);
	loop_enter(endpoint->loop); /* for a clock that is right */
	endpoint->began_ms = endpoint->loop->clock.mono_ms;
	err = pool_grant(endpoint->server, &endpoint->loop->clock,
			 &endpoint->grant, span_from(user), TTL_S);
	if (err != -EINPROGRESS)
		take_grant(endpoint, err);
}

static void timer_fire(struct loop_timer *timer)
{
	prove(container_of(timer, struct endpoint, timer));
}

void endpoint_init(struct endpoint *endpoint, struct loop *loop,
		   const struct pool_server *server,
		   enum pool_transport transport,
		   const struct link_target *link,
		   void (*on_change)(struct endpoint *endpoint, void *arg),
		   void *arg)
{
	endpoint->loop = loop;
	endpoint->server = server;
	endpoint->transport = transport;
	endpoint->link = *link;
	endpoint->on_change = on_change;
	endpoint->arg = arg;
	endpoint->timer.fire = timer_fire;
	endpoint->grant.on_done = on_granted;
	prove(endpoint);
}

static void stop(struct endpoint *endpoint)
{
	loop_timer_stop(&endpoint->timer);
	usercred_cancel(&endpoint->grant);
	proof_free(endpoint->proof);
	endpoint->proof = NULL;
}

void endpoint_prove_anew(struct endpoint *endpoint)
{
	if (endpoint->state == ENDPOINT_UP)
		endpoint->state = ENDPOINT_UNKNOWN;
	endpoint->streak = 0;
	stop(endpoint);
	prove(endpoint);
}

void endpoint_clear(struct endpoint *endpoint)
{
	stop(endpoint);
	crypto_wipe(&endpoint->grant.cred, sizeof(endpoint->grant.cred));
}
