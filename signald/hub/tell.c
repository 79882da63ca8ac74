/* tell.c: who in a room hears of what, and whom a peer sees. */
#include <errno.h>

#include "hub/pair.h"
#include "hub/tell.h"
#include "policy/metric.h"

_Static_assert(METRIC_RELAYED_EVENT - METRIC_RELAYED_OFFER == ENVELOPE_EVENT,
	       "relayed kinds and their metrics are in one order");

static void count_relayed(const struct envelope *envelope)
{
	metric_add((enum metric)(METRIC_RELAYED_OFFER + envelope->kind), 1);
	metric_add(METRIC_RELAYED_BYTES,
		   (int64_t)(envelope->payload.len + envelope->event_bytes));
}

static void deliver_to_list(const struct room_list *list,
			    const struct peer *except,
			    struct envelope *envelope)
{
	for (size_t i = 0; i < list->len; i++) {
		struct peer *peer = list->members[i].peer;

		if (peer && peer != except)
			(void)peer->ops->deliver(peer, envelope);
	}
}

/* The sender may use its envelope again. */
static void free_frames(struct envelope *envelope)
{
	for (int i = 0; i < FORMS_COUNT; i++) {
		blob_unref(envelope->frames[i]);
		envelope->frames[i] = NULL;
	}
}

/* To everybody who sees envelope->from. */
static void tell_room(struct envelope *envelope)
{
	const struct peer *about = envelope->from;

	envelope->is_for_many = true;
	deliver_to_list(&about->room->cast, about, envelope);
	if (room_sees(ROLE_WATCHER, about->role))
		deliver_to_list(&about->room->audience, about, envelope);
	free_frames(envelope);
}

void tell_about(const struct peer *peer, struct envelope *envelope)
{
	envelope->from = peer;
	tell_room(envelope);
}

void tell_joined(const struct peer *peer)
{
	tell_about(peer, &(struct envelope){.kind = ENVELOPE_PEER_JOINED});
}

void tell_left(const struct peer *peer, enum hub_leave_reason reason)
{
	tell_about(peer, &(struct envelope){
				 .kind = ENVELOPE_PEER_LEFT,
				 .reason = reason,
				 .was_absent = peer->is_absent,
			 });
}

void tell_settled(const struct hub *hub)
{
	struct envelope envelope = {
		.kind = ENVELOPE_SETTLED,
		.is_for_many = true,
	};
	struct peer *peer;
	size_t at = 0;

	while ((peer = map_next(hub->peers, &at)) != NULL)
		(void)peer->ops->deliver(peer, &envelope);
	free_frames(&envelope);
}

void tell_viewers(const struct room *room)
{
	struct envelope envelope = {
		.kind = ENVELOPE_VIEWERS,
		.viewers_count = room->audience.count,
		.is_for_many = true,
	};

	deliver_to_list(&room->cast, NULL, &envelope);
	deliver_to_list(&room->audience, NULL, &envelope);
	free_frames(&envelope);
}

int tell_peer(const struct peer *from, const struct peer *to,
	      struct envelope *envelope)
{
	/* How far the receiver's own messages to the sender came rides along.
	 */
	struct session *receiver = hub_peer_of(to)->session;
	int err;

	envelope->from = from;
	envelope->is_for_many = false;
	envelope->acked =
		receiver && receiver->due ? pair_take_due(receiver, from) : 0;
	err = to->ops->deliver(to, envelope);
	if (!err)
		count_relayed(envelope);
	else if (envelope->acked)
		pair_put_due_back(receiver, hub_peer_of(from));
	return err;
}

int tell_numbered(struct session *from, struct hub_peer *to,
		  struct envelope *envelope)
{
	int err = pair_take(from, to, envelope);

	if (err)
		return err == PAIR_REPEATED ? 0 : err;
	err = tell_peer(&from->owner->peer, &to->peer, envelope);
	if (err)
		pair_take_back(envelope);
	return err;
}

bool tell_may_address(const struct peer *from, enum hub_role role)
{
	return !hub_peer_of(from)->hub->config->rooms.address_seen_only ||
	       (room_sees(from->role, role) && room_sees(role, from->role));
}

int hub_send_role(struct peer *from, enum hub_role role,
		  struct envelope *envelope)
{
	const struct room_list *list = room_list_of(from->room, role);
	bool is_taken = false;

	if (from->lacks & RIGHT_SIGNAL)
		return -EPERM;
	if (!tell_may_address(from, role))
		return -EHOSTUNREACH;
	if (hub_muted_s(from, envelope->kind))
		return 0;
	envelope->from = from;
	envelope->is_for_many = true;
	for (size_t i = 0; i < list->len; i++) {
		struct peer *peer = list->members[i].peer;

		if (peer && peer != from && peer->role == role &&
		    !peer->ops->deliver(peer, envelope))
			is_taken = true;
	}
	free_frames(envelope);
	if (is_taken)
		count_relayed(envelope);
	return 0;
}

int hub_broadcast(struct peer *from, struct envelope *envelope)
{
	if (from->lacks & RIGHT_BROADCAST)
		return -EPERM;
	if (hub_muted_s(from, envelope->kind))
		return 0;
	envelope->from = from;
	count_relayed(envelope);
	tell_room(envelope);
	return 0;
}

static const struct room_member *member_at(const struct room_list *list,
					   size_t *at)
{
	while (*at < list->len && !list->members[*at].peer)
		(*at)++;
	return *at < list->len ? &list->members[*at] : NULL;
}

/* A page of a room's peers; of all of them, where there is no viewer. */
static uint64_t list(const struct room *room, const struct peer *viewer,
		     uint64_t after,
		     bool (*each)(const struct peer *peer, void *arg),
		     void *arg)
{
	const struct room_list *cast = &room->cast;
	const struct room_list *audience = &room->audience;
	size_t i = room_list_after(cast, after);
	size_t j = room_list_after(audience, after);

	/* Both lists rise by seq: merge them. A watcher sees none of its kind.
	 */
	if (viewer && viewer->role == ROLE_WATCHER)
		j = audience->len;
	for (;;) {
		const struct room_member *a = member_at(cast, &i);
		const struct room_member *b = member_at(audience, &j);
		const struct room_member *first =
			a && (!b || a->seq < b->seq) ? a : b;

		if (!first)
			return 0;
		if (first->peer != viewer &&
		    (!viewer || room_sees(viewer->role, first->peer->role)) &&
		    !each(first->peer, arg))
			return after;
		after = first->seq;
		if (first == a)
			i++;
		else
			j++;
	}
}

uint64_t hub_list(const struct peer *viewer, uint64_t after,
		  bool (*each)(const struct peer *peer, void *arg), void *arg)
{
	return list(viewer->room, viewer, after, each, arg);
}

uint64_t hub_list_room(const struct room *room, uint64_t after,
		       bool (*each)(const struct peer *peer, void *arg),
		       void *arg)
{
	return list(room, NULL, after, each, arg);
}
