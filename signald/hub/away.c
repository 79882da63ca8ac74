/* away.c: peers that were cut off: for how long, and who is told. */
#include <errno.h>

#include "base/log.h"
#include "base/member.h"
#include "hub/pair.h"
#include "hub/session.h"
#include "hub/tell.h"
#include "policy/metric.h"

/* --- away, and back --- */

/* The timer serves what comes first: the others take it for absent, or it has
 * left. */
static void start_away_timer(struct hub *hub, struct hub_peer *away)
{
	uint64_t at = away->away_ends_ms;

	if (away->absent_at_ms && (!at || away->absent_at_ms < at))
		at = away->absent_at_ms;
	if (at)
		wheel_start(&hub->wheel, &away->timer, at);
	else
		wheel_stop(&away->timer);
}

/* for_ms is 0 where somebody else ends it. */
static void begin_away(struct hub *hub, struct hub_peer *away,
		       enum hub_leave_reason reason, uint64_t for_ms)
{
	uint64_t now_ms = hub->clock->mono_ms;
	struct peer *peer = &away->peer;

	peer->is_away = true;
	peer->is_leaving = reason == LEAVE_LEFT;
	room_list_of(peer->room, peer->role)->away++;
	hub->away_count++;
	metric_add(METRIC_PEERS_AWAY, 1);
	away->away_reason = reason;
	away->away_ends_ms = for_ms ? now_ms + for_ms : 0;
	away->absent_at_ms =
		peer->is_leaving
			? 0
			: now_ms + hub->config->socketio.away_s * 1000ull;
	start_away_timer(hub, away);
}

void away_end(struct hub *hub, struct hub_peer *away)
{
	struct peer *peer = &away->peer;

	peer->is_away = false;
	peer->is_leaving = false;
	peer->is_absent = false;
	room_list_of(peer->room, peer->role)->away--;
	hub->away_count--;
	metric_add(METRIC_PEERS_AWAY, -1);
	wheel_stop(&away->timer);
}

static int deliver_to_held(const struct peer *to, struct envelope *envelope)
{
	(void)to;
	(void)envelope;
	return -EPIPE;
}

void hub_hold(struct hub *hub, struct peer *peer)
{
	static const struct peer_ops held_ops = {.deliver = deliver_to_held};

	peer->ops = &held_ops;
	peer->arg = NULL;
	begin_away(hub, hub_peer_of(peer), LEAVE_LEFT, HUB_HOLD_MS);
}

static void tell_away(struct hub *hub, struct peer *peer)
{
	log_info("peer.away", log_str("id", peer->id),
		 log_span("room", peer->room->name));
	if (!hub->is_draining)
		tell_about(peer,
			   &(struct envelope){.kind = ENVELOPE_PEER_AWAY});
}

static bool has_room_for_away(const struct hub *hub)
{
	return hub->away_count < hub->config->listen.max_connections;
}

void hub_away(struct hub *hub, struct peer *peer, enum hub_leave_reason reason)
{
	struct hub_peer *away = hub_peer_of(peer);

	peer->arg = NULL;
	if (!has_room_for_away(hub)) {
		hub_leave(hub, peer, reason);
		return;
	}
	pair_forget_idle(away->session);
	begin_away(hub, away, reason,
		   reason == LEAVE_LEFT ? HUB_HOLD_MS : hub_window_ms(hub));
	tell_away(hub, peer);
}

void hub_await(struct hub *hub, struct peer *peer)
{
	begin_away(hub, hub_peer_of(peer), LEAVE_LOST, 0);
	tell_away(hub, peer);
}

void away_tell_back(struct hub *hub, struct hub_peer *back)
{
	struct peer *peer = &back->peer;
	struct envelope envelope = {
		.kind = ENVELOPE_PEER_BACK,
		.was_absent = peer->is_absent,
	};

	if (peer->is_away)
		away_end(hub, back);
	tell_about(peer, &envelope);
}

void hub_back(struct hub *hub, struct peer *peer)
{
	log_info("peer.back", log_str("id", peer->id),
		 log_span("room", peer->room->name));
	away_tell_back(hub, hub_peer_of(peer));
}

void hub_drain(struct hub *hub)
{
	hub->is_draining = true;
}

static void pass_away_time(struct hub *hub, struct hub_peer *away)
{
	uint64_t now_ms = hub->clock->mono_ms;

	/* It was told when to come back, and hub_end_away() is the end. */
	if (hub->is_draining && !away->peer.is_leaving)
		return;
	if (away->away_ends_ms && away->away_ends_ms <= now_ms) {
		hub_leave(hub, &away->peer, away->away_reason);
		return;
	}
	if (away->absent_at_ms && away->absent_at_ms <= now_ms) {
		away->absent_at_ms = 0;
		away->peer.is_absent = true;
		tell_about(&away->peer,
			   &(struct envelope){.kind = ENVELOPE_PEER_ABSENT});
	}
	start_away_timer(hub, away);
}

static void check_progress(struct hub *hub, struct hub_peer *owner)
{
	const struct session *session = owner->session;
	uint64_t stuck_at_ms =
		session->stuck_ms + HUB_STUCK_WINDOWS * hub_window_ms(hub);

	if (outlog_is_empty(&session->log))
		return;
	if (stuck_at_ms > hub->clock->mono_ms)
		wheel_start(&hub->wheel, &owner->timer, stuck_at_ms);
	else
		owner->peer.ops->detach(&owner->peer, DETACH_STUCK);
}

static void fire(struct wheel_timer *timer, void *arg)
{
	struct hub *hub = arg;
	struct hub_peer *owner = container_of(timer, struct hub_peer, timer);

	if (owner->peer.is_away)
		pass_away_time(hub, owner);
	else
		check_progress(hub, owner);
}

/* Those of hub_await() are their dialect's to end. */
static bool is_ours_to_end(const struct peer *peer)
{
	return peer->is_away && !peer->arg;
}

/* Returns whether there was one. Of those who follow one who has left, some are
 * missed. */
static bool end_some(struct hub *hub)
{
	struct peer *peer;
	bool has_ended = false;
	size_t at = 0;

	while (hub->away_count && (peer = map_next(hub->peers, &at)) != NULL) {
		if (!is_ours_to_end(peer))
			continue;
		hub_leave(hub, peer,
			  peer->is_leaving ? LEAVE_LEFT : LEAVE_SHUTDOWN);
		has_ended = true;
	}
	return has_ended;
}

void hub_end_away(struct hub *hub)
{
	while (end_some(hub))
		;
}

void away_tick(struct hub *hub, uint64_t now_ms)
{
	wheel_advance(&hub->wheel, now_ms, fire, hub);
	if (hub_is_settled(hub) || now_ms < hub->settles_at_ms)
		return;
	hub->settles_at_ms = 0;
	tell_settled(hub);
}

/* --- after a restart --- */

void hub_expect_returns(struct hub *hub)
{
	hub->settles_at_ms = hub->clock->mono_ms + hub_window_ms(hub);
}

bool hub_is_settled(const struct hub *hub)
{
	return !hub->settles_at_ms;
}
