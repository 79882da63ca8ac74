/* guard.c: one coturn of a server, tried every hour for where it lets in. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/member.h"
#include "turn/guard.h"

#define ROUND_EVERY_MS (3600 * 1000ull)
#define RETRY_MS 2000
#define TIMEOUT_MS 15000
#define TTL_S 600

static void try_family(struct guard *guard, bool is_v6);

static void log_round(const struct guard *guard)
{
	const struct guard_finding *known = &guard->known,
				   *round = &guard->round;
	const char *name = guard->process == POOL_BEHIND ? CONFIG_TUNNEL_SERVER
							 : guard->server->name;

	if (round->safety == POOL_UNSAFE)
		log_error("turn.unsafe", log_str("server", name),
			  log_str("detail", round->reason));
	else if (!guard->was_inconclusive && known->safety != POOL_SAFE)
		log_info("turn.safe", log_str("server", name));
	else if (guard->was_inconclusive && known->safety != POOL_UNSAFE &&
		 strcmp(round->reason, known->reason) != 0)
		log_warn("turn.untried", log_str("server", name),
			 log_str("detail", round->reason));
	if (round->is_exposed && !known->is_exposed)
		log_warn("turn.exposed", log_str("server", name),
			 log_str("address", round->exposed),
			 log_str("detail",
				 "clients reach UDP services of this host "
				 "through the relay: turnconf firewall prints "
				 "the rules that close it"));
}

static void learn(struct guard *guard)
{
	const struct guard_finding *round = &guard->round;
	struct guard_finding *known = &guard->known;

	if (round->safety == POOL_UNSAFE || !guard->was_inconclusive) {
		*known = *round;
		return;
	}
	/* Nothing of what was known is taken back. */
	if (known->safety != POOL_UNSAFE || !*known->reason)
		memcpy(known->reason, round->reason, sizeof(known->reason));
	if (round->is_exposed) {
		known->is_exposed = true;
		memcpy(known->exposed, round->exposed, sizeof(known->exposed));
	}
}

static void end_round(struct guard *guard)
{
	bool is_known =
		guard->round.safety == POOL_UNSAFE || !guard->was_inconclusive;

	log_round(guard);
	learn(guard);
	loop_timer_start(guard->loop, &guard->timer,
			 guard->loop->clock.mono_ms +
				 (is_known ? ROUND_EVERY_MS : RETRY_MS));
	guard->ops->on_verdict(guard, guard->arg);
}

static void note(struct guard *guard, const struct reach_result *result)
{
	struct guard_finding *round = &guard->round;

	if (result->verdict == REACH_UNSAFE)
		round->safety = POOL_UNSAFE;
	if (result->verdict == REACH_UNKNOWN)
		guard->was_inconclusive = true;
	if (*result->reason &&
	    (!*round->reason || result->verdict == REACH_UNSAFE))
		(void)snprintf(round->reason, sizeof(round->reason), "%s",
			       result->reason);
	if (result->is_exposed) {
		round->is_exposed = true;
		memcpy(round->exposed, result->exposed, sizeof(round->exposed));
	}
}

static void on_done(const struct reach_result *result, void *arg)
{
	struct guard *guard = arg;
	bool was_v6 = guard->is_of_v6;

	note(guard, result);
	reach_free(guard->reach);
	guard->reach = NULL;
	if (was_v6)
		end_round(guard);
	else
		try_family(guard, true);
}

static void add_own(struct reach_target *target, struct span text)
{
	if (target->own_count < REACH_MAX_OWN &&
	    !net_addr_parse_ip(text, &target->own[target->own_count]))
		target->own_count++;
}

/* What coturn relays from, as turnconf tells it to: relay-ip, or where it
 * listens, and both sides of external-ip. */
static void list_own(const struct config *config, struct reach_target *target)
{
	const char *from = *config->coturn.relay_ip
				   ? config->coturn.relay_ip
				   : config->coturn.listening_ip;
	struct span rest = span_from(from);
	struct span item;

	while (*from && span_next_item(&rest, ',', &item))
		add_own(target, item);
	rest = span_from(config->coturn.external_ip);
	while (rest.len && span_next_item(&rest, '/', &item))
		add_own(target, item);
}

static void end_untried(struct guard *guard, const char *reason)
{
	note(guard, &(struct reach_result){.verdict = REACH_UNKNOWN});
	if (!*guard->round.reason)
		(void)snprintf(guard->round.reason, sizeof(guard->round.reason),
			       "%s", reason);
	end_round(guard);
}

static void end_ungranted(struct guard *guard, int err)
{
	bool is_of_redis = guard->server->usercred && err != -ENOMEM;

	end_untried(guard, is_of_redis ? "Redis, where credentials are kept, "
					 "takes none to try it with"
				       : strerror(-err));
}

static void begin_reach(struct guard *guard)
{
	const struct config *config = guard->loop->config;
	struct reach_target target = {
		.link = guard->link,
		.relay_family = guard->is_of_v6 ? AF_INET6 : AF_INET,
		.timeout_ms = TIMEOUT_MS,
		.first_relay_port = config_first_relay_port(config),
	};

	if (!strcmp(guard->server->name, CONFIG_OWN_SERVER))
		list_own(config, &target);
	if (reach_new(&guard->reach, guard->loop, &target, &guard->grant.cred,
		      on_done, guard))
		end_untried(guard, "out of memory");
}

static void on_granted(struct usercred_grant *grant)
{
	struct guard *guard = container_of(grant, struct guard, grant);

	if (grant->err)
		end_ungranted(guard, grant->err);
	else
		begin_reach(guard);
}

static void try_family(struct guard *guard, bool is_v6)
{
	int err;

	guard->is_of_v6 = is_v6;
	loop_enter(guard->loop);
	err = pool_grant(guard->server, &guard->loop->clock, &guard->grant,
			 is_v6 ? SPAN("s-reach.6") : SPAN("s-reach.4"), TTL_S);
	if (!err)
		begin_reach(guard);
	else if (err != -EINPROGRESS)
		end_ungranted(guard, err);
}

static void begin_round(struct guard *guard)
{
	guard->round = (struct guard_finding){.safety = POOL_SAFE};
	guard->was_inconclusive = false;
	if (guard->ops->pick(guard, &guard->link, guard->arg)) {
		try_family(guard, false);
		return;
	}
	/* Down; it is tried when it is up again, or then. */
	loop_timer_start(guard->loop, &guard->timer,
			 guard->loop->clock.mono_ms + ROUND_EVERY_MS);
}

static void timer_fire(struct loop_timer *timer)
{
	begin_round(container_of(timer, struct guard, timer));
}

void guard_init(struct guard *guard, struct loop *loop,
		const struct pool_server *server, enum pool_process process,
		const struct guard_ops *ops, void *arg)
{
	*guard = (struct guard){
		.loop = loop,
		.server = server,
		.process = process,
		.ops = ops,
		.arg = arg,
		.timer.fire = timer_fire,
		.grant.on_done = on_granted,
		.known.safety = server->safety[process],
	};
}

void guard_clear(struct guard *guard)
{
	loop_timer_stop(&guard->timer);
	usercred_cancel(&guard->grant);
	reach_free(guard->reach);
	guard->reach = NULL;
	crypto_wipe(&guard->grant.cred, sizeof(guard->grant.cred));
}

void guard_start(struct guard *guard)
{
	if (guard->reach || guard->grant.request)
		return;
	loop_timer_stop(&guard->timer);
	begin_round(guard);
}
