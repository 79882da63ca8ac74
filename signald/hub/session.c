/* session.c: peers that outlive their transport: cut, away, resumed, gone. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "hub/pair.h"
#include "hub/session.h"
#include "hub/tell.h"
#include "policy/metric.h"

/* A client that has not acknowledged anything for so many windows does not work
 * any more, however lively its WebSocket is. */
#define STUCK_WINDOWS 2
#define MAX_EPOCH (((uint64_t)1 << 53) - 1)

static uint64_t window_ms(const struct hub *hub)
{
	return hub->config->session.window_s * 1000ull;
}

/* --- the session --- */

static uint64_t new_epoch(void)
{
	uint64_t epoch;

	do {
		crypto_random(&epoch, sizeof(epoch));
		epoch &= MAX_EPOCH;
	} while (!epoch);
	return epoch;
}

struct session *session_new(struct hub_peer *owner, uint64_t attempt)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->owner = owner;
	session->attempt = attempt;
	session->epoch = new_epoch();
	return session;
}

static void unlink_due(struct session *session)
{
	struct session **at = &session->owner->hub->due;

	if (!session->is_due)
		return;
	while (*at != session)
		at = &(*at)->next_due;
	*at = session->next_due;
	session->is_due = false;
}

void session_free(struct session *session, enum delivery why)
{
	if (!session)
		return;
	pair_end_outgoing(session);
	unlink_due(session);
	outlog_clear(&session->log, why);
	free(session);
}

bool hub_has_session(const struct peer *peer)
{
	return hub_peer_of(peer)->session;
}

uint64_t hub_epoch(const struct peer *peer)
{
	return hub_peer_of(peer)->session->epoch;
}

uint32_t hub_next_generation(const struct peer *peer)
{
	return ++hub_peer_of(peer)->session->issued;
}

/* --- its log --- */

/* Its client has so long to acknowledge something of what is in its log. */
static void start_patience(struct hub_peer *owner)
{
	struct hub *hub = owner->hub;

	wheel_start(&hub->wheel, &owner->timer,
		    owner->session->stuck_ms + STUCK_WINDOWS * window_ms(hub));
}

int hub_keep(const struct peer *to, struct blob *frame,
	     const struct envelope *envelope)
{
	struct hub_peer *receiver = hub_peer_of(to);
	struct session *session = receiver->session;
	struct hub *hub = receiver->hub;
	const struct outlog_limits limits = hub_log_limits(hub->config);
	bool was_empty = outlog_is_empty(&session->log);
	int err = outlog_add(&session->log, &limits, frame, &envelope->receipt);

	/* Nobody can be told of a broadcast that was not kept: its next resume
	 * is said to be incomplete instead. */
	if (err && envelope->is_for_many) {
		outlog_pass(&session->log);
		return 0;
	}
	if (err)
		return err;
	if (was_empty)
		session->stuck_ms = hub->clock->mono_ms;
	if (!wheel_is_running(&receiver->timer))
		start_patience(receiver);
	return 0;
}

void hub_ack(const struct peer *peer, uint64_t sn)
{
	struct session *session = hub_peer_of(peer)->session;
	uint32_t kept = session->log.len;

	outlog_ack(&session->log, sn);
	if (session->log.len < kept)
		session->stuck_ms = hub_peer_of(peer)->hub->clock->mono_ms;
}

void hub_replay(const struct peer *peer,
		void (*each)(struct blob *frame, void *arg), void *arg)
{
	outlog_each(&hub_peer_of(peer)->session->log, each, arg);
}

int session_send(struct session *from, struct hub_peer *to,
		 struct envelope *envelope)
{
	struct pair *pair = pair_find(from, to);
	uint64_t sent = pair ? pair->sent : 0;
	int err;

	if (envelope->n <= sent) {
		/* The acknowledgement may have been lost with a cut. */
		if (envelope->n <= pair->acked)
			pair_set_due(pair);
		return 0;
	}
	if (envelope->p > sent)
		return -ERANGE;
	pair = pair_open(from, to);
	if (!pair)
		return -ENOMEM;
	envelope->receipt = (struct receipt){.pair = pair, .n = envelope->n};
	pair->receipts_count++;
	pair->sent = envelope->n;
	err = tell_peer(&from->owner->peer, &to->peer, envelope);
	if (err) {
		pair->receipts_count--;
		pair->sent = sent;
	}
	return err;
}

/* --- acknowledgements to senders --- */

void hub_set_on_due(struct hub *hub, void (*on_due)(void *arg), void *arg)
{
	hub->on_due = on_due;
	hub->on_due_arg = arg;
}

static void tell_acked(struct session *session)
{
	const struct peer *peer = &session->owner->peer;

	while (session->due) {
		struct pair *pair = session->due;

		session->due = pair->next_due;
		pair->is_due = false;
		/* One that is away asks again when it is back. */
		if (peer->arg)
			peer->ops->acked(peer, &pair->to->peer, pair->acked);
	}
}

void hub_tell_due(struct hub *hub)
{
	while (hub->due) {
		struct session *session = hub->due;

		hub->due = session->next_due;
		session->is_due = false;
		tell_acked(session);
	}
}

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
	peer->room->away_count++;
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
	peer->room->away_count--;
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
		   reason == LEAVE_LEFT ? HUB_HOLD_MS : window_ms(hub));
	tell_away(hub, peer);
}

void hub_await(struct hub *hub, struct peer *peer)
{
	begin_away(hub, hub_peer_of(peer), LEAVE_LOST, 0);
	tell_away(hub, peer);
}

void hub_back(struct hub *hub, struct peer *peer)
{
	struct envelope envelope = {
		.kind = ENVELOPE_PEER_BACK,
		.was_absent = peer->is_absent,
	};

	if (peer->is_away)
		away_end(hub, hub_peer_of(peer));
	log_info("peer.back", log_str("id", peer->id),
		 log_span("room", peer->room->name));
	tell_about(peer, &envelope);
}

void hub_drain(struct hub *hub)
{
	hub->is_draining = true;
}

static void pass_away_time(struct hub *hub, struct hub_peer *away)
{
	uint64_t now_ms = hub->clock->mono_ms;

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
		session->stuck_ms + STUCK_WINDOWS * window_ms(hub);

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
	struct hub_peer *owner =
		(struct hub_peer *)(void *)((char *)timer -
					    offsetof(struct hub_peer, timer));

	if (owner->peer.is_away)
		pass_away_time(hub, owner);
	else
		check_progress(hub, owner);
}

void hub_end_away(struct hub *hub)
{
	struct peer *peer;
	size_t at = 0;

	while (hub->away_count && (peer = map_next(hub->peers, &at)) != NULL) {
		if (!peer->is_away)
			continue;
		hub_leave(hub, peer,
			  peer->is_leaving ? LEAVE_LEFT : LEAVE_SHUTDOWN);
		at = 0; /* the map has changed */
	}
}

void sessions_tick(struct hub *hub, uint64_t now_ms)
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
	hub->settles_at_ms = hub->clock->mono_ms + window_ms(hub);
}

bool hub_is_settled(const struct hub *hub)
{
	return !hub->settles_at_ms;
}

int hub_kick(struct hub *hub, struct span id, const char *reason)
{
	struct peer *peer = map_get(hub->peers, id);

	if (!peer)
		return -ENOENT;
	if (peer->arg && peer->ops->expel)
		peer->ops->expel(peer, reason);
	hub_leave(hub, peer, LEAVE_KICKED);
	return 0;
}

/*
 * Until it is settled, a role that must be unique belongs to who had it before
 * the restart: one who came meanwhile without a token goes.
 */
static void expel_newcomer(struct hub *hub, const struct hub_join *join)
{
	const struct room *room = map_get(hub->rooms, join->room);

	for (size_t i = 0; room && i < room->cast.len; i++) {
		struct peer *peer = room->cast.members[i].peer;

		if (!peer || peer->role != ROLE_BROADCASTER ||
		    !hub_peer_of(peer)->is_newcomer)
			continue;
		(void)hub_kick(hub, span_of(peer->id, peer->id_len),
			       "role-taken");
		return;
	}
}

/* --- resuming --- */

/* The client's memory is new: nothing of what was under way concerns it. */
static void restart(struct hub *hub, struct hub_peer *owner, uint64_t inst)
{
	struct session *session = owner->session;

	pair_end_outgoing(session);
	pair_end_incoming(owner, RESTARTED);
	outlog_clear(&session->log, RESTARTED);
	session->epoch = new_epoch();
	/* Nobody takes a late acknowledgement for one of the new memory's. */
	owner->serial = ++hub->last_serial;
	owner->peer.inst = inst;
}

static enum hub_resumed judge(const struct hub_peer *owner,
			      const struct hub_resume *resume)
{
	const struct session *session = owner->session;
	uint64_t inst = owner->peer.inst;
	uint64_t last = resume->epoch == session->epoch ? resume->last : 0;

	if (resume->join.inst < inst ||
	    resume->generation < session->generation)
		return RESUME_TAKEN;
	if (resume->join.inst > inst)
		return RESUMED;
	if (resume->join.attempt <= session->attempt)
		return RESUME_STALE;
	return outlog_reaches(&session->log, last) ? RESUMED : RESUME_OVERFLOW;
}

static void begin_anew(struct hub *hub, struct hub_peer *owner)
{
	struct peer *peer = &owner->peer;
	struct envelope envelope = {
		.kind = ENVELOPE_PEER_JOINED,
		.is_restart = true,
		.was_absent = peer->is_absent,
	};

	if (peer->is_away)
		away_end(hub, owner);
	log_info("peer.restart", log_str("id", peer->id),
		 log_span("room", peer->room->name));
	tell_about(peer, &envelope);
}

/* A transport for a session that is here. */
static enum hub_resumed take_over(struct hub *hub, struct hub_peer *owner,
				  const struct hub_resume *resume, int *err)
{
	struct session *session = owner->session;
	struct peer *peer = &owner->peer;
	bool is_new_memory = resume->join.inst > peer->inst;

	if (is_new_memory) {
		*err = peer_describe(owner, resume->join.name,
				     resume->join.metadata);
		if (*err)
			return RESUME_REFUSED;
	}
	if (peer->arg)
		peer->ops->detach(peer, DETACH_TAKEN_OVER);
	peer->arg = NULL;
	if (is_new_memory)
		restart(hub, owner, resume->join.inst);
	else if (resume->epoch == session->epoch)
		outlog_ack(&session->log, resume->last);
	peer->ops = resume->join.ops;
	peer->arg = resume->join.arg;
	session->attempt = resume->join.attempt;
	session->stuck_ms = hub->clock->mono_ms;
	if (is_new_memory)
		begin_anew(hub, owner);
	else
		hub_back(hub, peer);
	if (!outlog_is_empty(&session->log))
		start_patience(owner);
	return RESUMED;
}

/* Under its id, as if it had never been here. */
static enum hub_resumed join_again(struct hub *hub,
				   const struct hub_resume *resume,
				   struct peer **peerp, int *err)
{
	if (hub_is_settled(hub) && resume->epoch)
		return RESUME_EXPIRED;
	*err = hub_join(hub, &resume->join, peerp);
	if (*err == -EEXIST && !hub_is_settled(hub)) {
		expel_newcomer(hub, &resume->join);
		*err = hub_join(hub, &resume->join, peerp);
	}
	if (*err)
		return RESUME_REFUSED;
	hub_peer_of(*peerp)->is_newcomer = false;
	return RESUMED;
}

enum hub_resumed hub_resume(struct hub *hub, const struct hub_resume *resume,
			    struct peer **peerp, int *err)
{
	struct peer *peer = map_get(hub->peers, span_from(resume->join.id));
	enum hub_resumed verdict;
	struct session *session;

	if (!peer) {
		verdict = join_again(hub, resume, peerp, err);
	} else if (!hub_has_session(peer)) {
		verdict = RESUME_TAKEN;
	} else {
		verdict = judge(hub_peer_of(peer), resume);
		if (verdict == RESUMED)
			verdict =
				take_over(hub, hub_peer_of(peer), resume, err);
		*peerp = peer;
	}
	if (verdict != RESUMED)
		return verdict;
	session = hub_peer_of(*peerp)->session;
	session->generation = resume->generation;
	if (session->issued < resume->generation)
		session->issued = resume->generation;
	return RESUMED;
}
