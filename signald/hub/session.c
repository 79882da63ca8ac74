/* session.c: what of a peer outlives its transport: its log, its numbers. */
#include <errno.h>
#include <stdlib.h>

#include "hub/pair.h"
#include "hub/session.h"
#include "hub/tell.h"

#define MAX_EPOCH (((uint64_t)1 << 53) - 1)

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
	session->log.shelf.pool = &owner->hub->shelves;
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

void session_renew_log(struct session *session)
{
	outlog_clear(&session->log, RESTARTED);
	session->epoch = new_epoch();
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

void session_start_patience(struct hub_peer *owner)
{
	struct hub *hub = owner->hub;

	wheel_start(&hub->wheel, &owner->timer,
		    owner->session->stuck_ms +
			    HUB_STUCK_WINDOWS * hub_window_ms(hub));
}

void hub_miss(const struct peer *to)
{
	outlog_pass(&hub_peer_of(to)->session->log);
}

static struct outlog_limits limits_of(const struct hub_peer *receiver)
{
	return hub_log_limits(receiver->hub->config);
}

/* Patience begins with what is in a log that was empty: one message. */
static void begin_patience(struct hub_peer *receiver)
{
	if (receiver->session->log.len > 1)
		return;
	receiver->session->stuck_ms = receiver->hub->clock->mono_ms;
	if (!wheel_is_running(&receiver->timer))
		session_start_patience(receiver);
}

int hub_keep(const struct peer *to, const struct span *parts,
	     size_t parts_count, const struct envelope *envelope,
	     struct share *frame)
{
	struct hub_peer *receiver = hub_peer_of(to);
	const struct outlog_limits limits = limits_of(receiver);
	int err = outlog_write(&receiver->session->log, &limits, parts,
			       parts_count, &envelope->receipt, frame);

	if (!err)
		begin_patience(receiver);
	return err;
}

void hub_keep_shared(const struct peer *to, struct blob *frame)
{
	struct hub_peer *receiver = hub_peer_of(to);
	const struct outlog_limits limits = limits_of(receiver);

	if (outlog_add(&receiver->session->log, &limits, frame, NULL))
		hub_miss(to);
	else
		begin_patience(receiver);
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
		void (*each)(const struct share *frame, void *arg), void *arg)
{
	outlog_each(&hub_peer_of(peer)->session->log, each, arg);
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
