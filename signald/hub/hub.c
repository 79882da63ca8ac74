/* hub.c: rooms, the peers in them, and who hears of what. */
#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "hub/hub.h"
#include "hub/room.h"
#include "policy/metric.h"

/* The number of viewers is told at most once a second, and so seldom that a
 * room costs at most 500 deliveries a second for it. */
#define VIEWERS_MIN_MS 1000
#define VIEWERS_MS_PER_PEER 2

struct hub {
	struct map *rooms; /* name -> struct room */
	struct map *peers; /* id -> struct peer */
	const struct config *config;
	const struct clock *clock;
	struct room *stale; /* rooms whose number of viewers is to be told */
};

static const char *const role_names[] = {
	[ROLE_PEER] = "peer",
	[ROLE_BROADCASTER] = "broadcaster",
	[ROLE_WATCHER] = "watcher",
	[ROLE_OPERATOR] = "operator",
};

static const char *const reason_names[] = {
	[LEAVE_LEFT] = "left",	       [LEAVE_LOST] = "lost",
	[LEAVE_SLOW] = "slow",	       [LEAVE_ERROR] = "error",
	[LEAVE_SHUTDOWN] = "shutdown",
};

const char *hub_role_name(enum hub_role role)
{
	return role_names[role];
}

int hub_role_parse(struct span name, enum hub_role *role)
{
	for (size_t i = 0; i < sizeof(role_names) / sizeof(*role_names); i++) {
		if (span_equal(name, span_from(role_names[i]))) {
			*role = (enum hub_role)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *hub_leave_reason_name(enum hub_leave_reason reason)
{
	return reason_names[reason];
}

int hub_new(struct hub **hubp, const struct config *config,
	    const struct clock *clock)
{
	struct hub *hub = calloc(1, sizeof(*hub));

	if (!hub)
		return -ENOMEM;
	hub->config = config;
	hub->clock = clock;
	hub->rooms = map_new();
	hub->peers = map_new();
	if (!hub->rooms || !hub->peers) {
		hub_free(hub);
		return -ENOMEM;
	}
	*hubp = hub;
	return 0;
}

void hub_configure(struct hub *hub, const struct config *config)
{
	hub->config = config;
}

void hub_free(struct hub *hub)
{
	if (!hub)
		return;
	map_free(hub->peers);
	map_free(hub->rooms);
	free(hub);
}

size_t hub_peers_count(const struct hub *hub)
{
	return map_count(hub->peers);
}

size_t hub_rooms_count(const struct hub *hub)
{
	return map_count(hub->rooms);
}

size_t hub_viewers_count(const struct room *room)
{
	return room->audience.count;
}

struct span hub_room_name(const struct room *room)
{
	return room->name;
}

static void set_stale(struct hub *hub, struct room *room)
{
	if (room->is_stale)
		return;
	room->is_stale = true;
	room->prev_stale = NULL;
	room->next_stale = hub->stale;
	if (hub->stale)
		hub->stale->prev_stale = room;
	hub->stale = room;
}

static void clear_stale(struct hub *hub, struct room *room)
{
	if (!room->is_stale)
		return;
	room->is_stale = false;
	if (room->prev_stale)
		room->prev_stale->next_stale = room->next_stale;
	else
		hub->stale = room->next_stale;
	if (room->next_stale)
		room->next_stale->prev_stale = room->prev_stale;
}

static void deliver_to_list(const struct room_list *list,
			    const struct peer *except,
			    struct envelope *envelope)
{
	for (size_t i = 0; i < list->len; i++) {
		struct peer *peer = list->members[i].peer;

		if (peer && peer != except)
			(void)peer->ops->deliver(envelope, peer->arg);
	}
}

static void free_frames(struct envelope *envelope)
{
	for (int i = 0; i < FORMS_COUNT; i++)
		blob_unref(envelope->frames[i]);
}

/* To everybody who sees envelope->from. */
static void tell_room(const struct room *room, struct envelope *envelope)
{
	const struct peer *about = envelope->from;

	envelope->is_for_many = true;
	deliver_to_list(&room->cast, about, envelope);
	if (room_sees(ROLE_WATCHER, about->role))
		deliver_to_list(&room->audience, about, envelope);
	free_frames(envelope);
}

static struct room *find_or_make_room(struct hub *hub, struct span name,
				      int *err)
{
	struct room *room = map_get(hub->rooms, name);

	if (room)
		return room;
	if (map_count(hub->rooms) >= hub->config->rooms.max_rooms) {
		*err = -ENFILE;
		return NULL;
	}
	*err = -ENOMEM;
	room = room_new(name);
	if (room && map_put(hub->rooms, room->name, room)) {
		room_free(room);
		return NULL;
	}
	if (room)
		metric_add(METRIC_ROOMS, 1);
	return room;
}

static void drop_room_if_empty(struct hub *hub, struct room *room)
{
	if (room_count(room))
		return;
	clear_stale(hub, room);
	(void)map_remove(hub->rooms, room->name);
	room_free(room);
	metric_add(METRIC_ROOMS, -1);
}

/* A peer with its strings behind it. */
static struct peer *new_peer(const struct hub_join *join)
{
	struct peer *peer =
		calloc(1, sizeof(*peer) + join->name.len + join->metadata.len);
	char *strings;

	if (!peer)
		return NULL;
	strings = (char *)(peer + 1);
	crypto_new_id(peer->id);
	peer->role = join->role;
	peer->ops = join->ops;
	peer->arg = join->arg;
	if (join->name.ptr) {
		memcpy(strings, join->name.ptr, join->name.len);
		peer->name = span_of(strings, join->name.len);
	}
	if (join->metadata.ptr) {
		memcpy(strings + join->name.len, join->metadata.ptr,
		       join->metadata.len);
		peer->metadata =
			span_of(strings + join->name.len, join->metadata.len);
	}
	return peer;
}

static int may_enter(const struct hub *hub, const struct room *room,
		     enum hub_role role)
{
	if (role == ROLE_BROADCASTER &&
	    room->broadcasters_count >=
		    hub->config->rooms.max_broadcasters_per_room)
		return -EEXIST;
	if (room_count(room) >= hub->config->rooms.max_peers_per_room)
		return -ENOSPC;
	return 0;
}

int hub_join(struct hub *hub, const struct hub_join *join, struct peer **peerp)
{
	struct room *room;
	struct peer *peer;
	int err = 0;

	room = find_or_make_room(hub, join->room, &err);
	if (!room)
		return err;
	err = may_enter(hub, room, join->role);
	if (err)
		goto fail;
	err = -ENOMEM;
	peer = new_peer(join);
	if (!peer)
		goto fail;
	if (map_put(hub->peers, span_from(peer->id), peer)) {
		free(peer);
		goto fail;
	}
	if (room_add(room, peer)) {
		(void)map_remove(hub->peers, span_from(peer->id));
		free(peer);
		goto fail;
	}
	metric_add(METRIC_PEERS, 1);
	metric_add(METRIC_JOINS, 1);
	tell_room(room, &(struct envelope){.kind = ENVELOPE_PEER_JOINED,
					   .from = peer});
	if (peer->role == ROLE_WATCHER)
		set_stale(hub, room);
	*peerp = peer;
	return 0;

fail:
	drop_room_if_empty(hub, room);
	return err;
}

void hub_leave(struct hub *hub, struct peer *peer, enum hub_leave_reason reason)
{
	struct room *room = peer->room;

	(void)map_remove(hub->peers, span_from(peer->id));
	room_remove(room, peer);
	metric_add(METRIC_PEERS, -1);
	tell_room(room, &(struct envelope){.kind = ENVELOPE_PEER_LEFT,
					   .from = peer,
					   .reason = reason});
	if (peer->role == ROLE_WATCHER)
		set_stale(hub, room);
	free(peer);
	drop_room_if_empty(hub, room);
}

static void count_relayed(const struct envelope *envelope)
{
	/* The kinds of relayed messages and their metrics are in one order. */
	metric_add((enum metric)(METRIC_RELAYED_OFFER + envelope->kind), 1);
	metric_add(METRIC_RELAYED_BYTES, (int64_t)envelope->payload.len);
}

int hub_send(struct hub *hub, struct peer *from, struct span to,
	     struct envelope *envelope)
{
	struct peer *peer = map_get(hub->peers, to);
	int err;

	if (!peer || peer->room != from->room)
		return -ENOENT;
	envelope->from = from;
	err = peer->ops->deliver(envelope, peer->arg);
	if (!err)
		count_relayed(envelope);
	return err;
}

void hub_broadcast(struct peer *from, struct envelope *envelope)
{
	envelope->from = from;
	count_relayed(envelope);
	tell_room(from->room, envelope);
}

static const struct room_member *member_at(const struct room_list *list,
					   size_t *at)
{
	while (*at < list->len && !list->members[*at].peer)
		(*at)++;
	return *at < list->len ? &list->members[*at] : NULL;
}

uint64_t hub_list(const struct peer *viewer, uint64_t after,
		  bool (*each)(const struct peer *peer, void *arg), void *arg)
{
	const struct room_list *cast = &viewer->room->cast;
	const struct room_list *audience = &viewer->room->audience;
	size_t i = room_list_after(cast, after);
	size_t j = room_list_after(audience, after);

	/* Both lists rise by seq: merge them. A watcher sees none of its kind.
	 */
	if (viewer->role == ROLE_WATCHER)
		j = audience->len;
	for (;;) {
		const struct room_member *a = member_at(cast, &i);
		const struct room_member *b = member_at(audience, &j);
		const struct room_member *first =
			a && (!b || a->seq < b->seq) ? a : b;

		if (!first)
			return 0;
		if (first->peer != viewer &&
		    room_sees(viewer->role, first->peer->role) &&
		    !each(first->peer, arg))
			return after;
		after = first->seq;
		if (first == a)
			i++;
		else
			j++;
	}
}

static void tell_viewers(struct room *room, uint64_t now_ms)
{
	struct envelope envelope = {
		.kind = ENVELOPE_VIEWERS,
		.viewers_count = room->audience.count,
		.is_for_many = true,
	};

	room->viewers_told_ms = now_ms;
	deliver_to_list(&room->cast, NULL, &envelope);
	deliver_to_list(&room->audience, NULL, &envelope);
	free_frames(&envelope);
}

void hub_tick(struct hub *hub)
{
	uint64_t now_ms = hub->clock->mono_ms;
	struct room *next;

	for (struct room *room = hub->stale; room; room = next) {
		uint64_t wait_ms = room_count(room) * VIEWERS_MS_PER_PEER;

		next = room->next_stale;
		if (wait_ms < VIEWERS_MIN_MS)
			wait_ms = VIEWERS_MIN_MS;
		if (now_ms - room->viewers_told_ms < wait_ms)
			continue;
		clear_stale(hub, room);
		tell_viewers(room, now_ms);
	}
}
