/* resume.c: sessions carried on over another transport. */
#include <errno.h>

#include "base/log.h"
#include "hub/pair.h"
#include "hub/session.h"
#include "hub/tell.h"

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

/* The client's memory is new: nothing of what was under way concerns it. */
static void restart(struct hub *hub, struct hub_peer *owner, uint64_t inst)
{
	struct session *session = owner->session;

	pair_end_outgoing(session);
	pair_end_incoming(owner, RESTARTED);
	session_renew_log(session);
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
		*err = peer_describe(owner, &resume->join);
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
		away_tell_back(hub, owner);
	if (!outlog_is_empty(&session->log))
		session_start_patience(owner);
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
