/* hub.c: rooms, and the peers in them: who comes, stays, and makes way. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "hub/pair.h"
#include "hub/session.h"
#include "hub/tell.h"
#include "policy/metric.h"

/* The number of viewers is told at most once a second, and so seldom that a
 * room costs at most 500 deliveries a second for it. */
#define VIEWERS_MIN_MS 1000
#define VIEWERS_MS_PER_PEER 2

static const char *const role_names[] = {
	[ROLE_PEER] = "peer",
	[ROLE_BROADCASTER] = "broadcaster",
	[ROLE_WATCHER] = "watcher",
	[ROLE_OPERATOR] = "operator",
};

static const char *const reason_names[] = {
	[LEAVE_LEFT] = "left",	       [LEAVE_LOST] = "lost",
	[LEAVE_SLOW] = "slow",	       [LEAVE_ERROR] = "error",
	[LEAVE_SHUTDOWN] = "shutdown", [LEAVE_KICKED] = "kicked",
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
	hub->pairs = map_new();
	wheel_init(&hub->wheel, clock->mono_ms, HUB_TICK_MS);
	if (!hub->rooms || !hub->peers || !hub->pairs) {
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

void hub_watch(struct hub *hub, hub_watcher *watcher, void *arg)
{
	hub->watcher = watcher;
	hub->watcher_arg = arg;
}

static void say(const struct hub *hub, const struct hub_news *news)
{
	if (hub->watcher)
		hub->watcher(news, hub->watcher_arg);
}

static void say_of_room(const struct hub *hub, enum hub_change change,
			const struct room *room)
{
	say(hub, &(struct hub_news){.change = change, .room = room->name});
}

static void say_of_peer(const struct hub *hub, enum hub_change change,
			const struct peer *peer)
{
	say(hub, &(struct hub_news){.change = change,
				    .room = peer->room->name,
				    .peer = peer});
}

void hub_free(struct hub *hub)
{
	if (!hub)
		return;
	hub_end_away(hub);
	map_free(hub->pairs);
	map_free(hub->peers);
	map_free(hub->rooms);
	shelf_pool_clear(&hub->shelves);
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
	if (!room)
		return NULL;
	room->since_s = clock_wall_s(hub->clock);
	metric_add(METRIC_ROOMS, 1);
	return room;
}

static void drop_room_if_empty(struct hub *hub, struct room *room)
{
	if (room_count(room))
		return;
	if (room->is_open)
		say_of_room(hub, HUB_ROOM_CLOSED, room);
	clear_stale(hub, room);
	(void)map_remove(hub->rooms, room->name);
	room_free(room);
	metric_add(METRIC_ROOMS, -1);
}

/* A copy of one piece, behind those before it. */
static struct span put_about(char **at, struct span piece)
{
	char *copy = *at;

	if (!piece.ptr)
		return (struct span){NULL, 0};
	memcpy(copy, piece.ptr, piece.len);
	*at += piece.len;
	return span_of(copy, piece.len);
}

int peer_describe(struct hub_peer *made, const struct hub_join *join)
{
	struct peer *peer = &made->peer;
	struct span metadata =
		peer->is_vouched ? peer->metadata : join->metadata;
	size_t len = join->name.len + metadata.len + join->user.len;
	char *about = malloc(len + 1);
	char *at = about;

	if (!about)
		return -ENOMEM;
	peer->name = put_about(&at, join->name);
	peer->metadata = put_about(&at, metadata);
	peer->user = put_about(&at, join->user);
	free(made->about);
	made->about = about;
	peer->lacks = join->lacks;
	peer->max_ttl_s = join->max_ttl_s;
	peer->makes_no_rooms = join->makes_no_rooms;
	return 0;
}

static void free_peer(struct hub_peer *made, enum delivery why)
{
	session_free(made->session, why);
	free(made->about);
	free(made);
}

/* A peer with its id behind it. */
static struct peer *make_peer(struct hub *hub, const struct hub_join *join)
{
	char fresh_id[CRYPTO_ID_LEN + 1];
	struct hub_peer *made;
	struct span id;

	if (!join->id)
		crypto_new_id(fresh_id);
	id = span_from(join->id ? join->id : fresh_id);
	made = calloc(1, sizeof(*made) + id.len + 1);
	if (!made)
		return NULL;
	(void)span_copy(id, (char *)(made + 1), id.len + 1);
	made->hub = hub;
	made->serial = ++hub->last_serial;
	made->arrival = made->serial;
	made->since_s = clock_wall_s(hub->clock);
	made->peer = (struct peer){
		.id = (char *)(made + 1),
		.id_len = (unsigned)id.len,
		.role = join->role,
		.inst = join->inst,
		.lacks = join->lacks,
		.max_ttl_s = join->max_ttl_s,
		.makes_no_rooms = join->makes_no_rooms,
		.ops = join->ops,
		.arg = join->arg,
	};
	if ((join->name.ptr || join->metadata.ptr || join->user.ptr) &&
	    peer_describe(made, join))
		goto fail;
	made->peer.is_vouched = join->is_vouched;
	if (!join->has_session)
		return &made->peer;
	made->session = session_new(made, join->attempt);
	if (made->session)
		return &made->peer;

fail:
	free_peer(made, GONE);
	return NULL;
}

/* A peer that can be found by its id, in no room yet. */
static int new_peer(struct hub *hub, const struct hub_join *join,
		    struct peer **peerp)
{
	struct peer *peer = make_peer(hub, join);
	int err;

	if (!peer)
		return -ENOMEM;
	err = map_put(hub->peers, span_from(peer->id), peer);
	if (err) {
		free_peer(hub_peer_of(peer), GONE);
		return err == -EEXIST ? -EINVAL : err;
	}
	*peerp = peer;
	return 0;
}

/* The end of the peer; its room stays, though it may be empty now. */
static void end_peer(struct hub *hub, struct peer *peer,
		     enum hub_leave_reason reason)
{
	struct room *room = peer->room;

	log_info("peer.leave", log_str("id", peer->id),
		 log_str("reason", hub_leave_reason_name(reason)),
		 log_span("room", room->name));
	say(hub, &(struct hub_news){.change = HUB_PEER_LEFT,
				    .room = room->name,
				    .peer = peer,
				    .reason = reason});
	(void)map_remove(hub->peers, span_from(peer->id));
	room_remove(room, peer);
	metric_add(METRIC_PEERS, -1);
	tell_left(peer, reason);
	if (peer->is_away)
		away_end(hub, hub_peer_of(peer));
	else
		wheel_stop(&hub_peer_of(peer)->timer);
	pair_end_incoming(hub_peer_of(peer), GONE);
	if (peer->role == ROLE_WATCHER)
		set_stale(hub, room);
	free_peer(hub_peer_of(peer), GONE);
}

/* The room must have a place reserved for the new role. */
static void change_role(struct hub *hub, struct peer *peer, enum hub_role role)
{
	struct room *room = peer->room;

	log_info("peer.role", log_str("id", peer->id),
		 log_str("role", hub_role_name(role)),
		 log_span("room", room->name));
	if (peer->role == ROLE_WATCHER || role == ROLE_WATCHER)
		set_stale(hub, room);
	room_remove(room, peer);
	tell_left(peer, LEAVE_LEFT);
	peer->role = role;
	room_add(room, peer);
	say_of_peer(hub, HUB_PEER_ROLE, peer);
	tell_joined(peer);
}

/* Who would be a broadcaster. */
struct claimant {
	const struct peer_ops *ops;
	struct span user;
	bool replaces; /* see hub_set_role() */
};

/* rooms.takeover */
static bool has_precedence(const struct hub *hub,
			   const struct claimant *claimant,
			   const struct peer *holder)
{
	const char *takeover = hub->config->rooms.takeover;

	if (!strcmp(takeover, "replace"))
		return true;
	return !strcmp(takeover, "same-user") && claimant->user.len &&
	       span_equal(claimant->user, holder->user);
}

/*
 * The broadcaster that makes way for another: one that is away, else the first
 * to have come that has to; NULL when none does.
 */
static struct peer *find_yielding(const struct hub *hub,
				  const struct room *room,
				  const struct claimant *claimant)
{
	struct peer *yielding = NULL;

	for (size_t i = 0; i < room->cast.len; i++) {
		struct peer *peer = room->cast.members[i].peer;

		if (!peer || peer->role != ROLE_BROADCASTER)
			continue;
		if (peer->is_away)
			return peer;
		if (!yielding &&
		    ((claimant->replaces && peer->ops == claimant->ops) ||
		     has_precedence(hub, claimant, peer)))
			yielding = peer;
	}
	return yielding;
}

/* yielding is NULL when nobody has to. */
static int may_broadcast(const struct hub *hub, const struct room *room,
			 const struct claimant *claimant,
			 struct peer **yielding)
{
	struct peer *found = NULL;

	if (room->broadcasters_count >=
	    hub->config->rooms.max_broadcasters_per_room) {
		found = find_yielding(hub, room, claimant);
		if (!found)
			return -EEXIST;
	}
	*yielding = found;
	return 0;
}

/* Each role but the plain one needs a right of its own. */
static int may_be(unsigned lacks, enum hub_role role)
{
	static const unsigned needed[] = {
		[ROLE_PEER] = 0,
		[ROLE_BROADCASTER] = RIGHT_PUBLISH,
		[ROLE_WATCHER] = RIGHT_WATCH,
		[ROLE_OPERATOR] = RIGHT_KICK,
	};

	return lacks & (RIGHT_JOIN | needed[role]) ? -EPERM : 0;
}

/* Those who are away have no place, as they may come back in any case. */
static int may_watch(const struct hub *hub, const struct room *room)
{
	size_t most = hub->config->rooms.max_watchers_per_room;

	return most && room->audience.count - room->audience.away >= most
		       ? -EUSERS
		       : 0;
}

/* yielding is set where a broadcaster has to make way, and left alone else. */
static int may_enter(const struct hub *hub, const struct room *room,
		     const struct hub_join *join, struct peer **yielding)
{
	const struct claimant claimant = {join->ops, join->user,
					  join->replaces};
	size_t most = hub->config->rooms.max_peers_per_room;
	struct peer *found = NULL;

	if (join->role == ROLE_BROADCASTER) {
		int err = may_broadcast(hub, room, &claimant, &found);

		if (err)
			return err;
	}
	if (join->most && join->most < most)
		most = join->most;
	if (room_present_count(room) >= most)
		return -ENOSPC;
	if (join->role == ROLE_WATCHER && may_watch(hub, room))
		return -EUSERS;
	*yielding = found;
	return 0;
}

/* One place for who comes, one for who becomes a plain peer. */
static int reserve(struct room *room, enum hub_role role,
		   const struct peer *yielding)
{
	return room_reserve(room, role, yielding ? 2 : 1);
}

/* For one of its own dialect it becomes a plain peer where the rules say so;
 * for another, or where it is away, it goes: its dialect may still wait for it.
 */
static void make_way(struct hub *hub, struct peer *yielding,
		     const struct claimant *claimant)
{
	if (!yielding)
		return;
	if (!yielding->is_away && claimant->replaces &&
	    yielding->ops == claimant->ops) {
		change_role(hub, yielding, ROLE_PEER);
		return;
	}
	if (yielding->arg && yielding->ops->expel)
		yielding->ops->expel(yielding, "role-taken");
	end_peer(hub, yielding, LEAVE_LEFT);
}

static void enter(struct hub *hub, struct room *room, struct peer *peer)
{
	room_add(room, peer);
	metric_add(METRIC_PEERS, 1);
	metric_add(METRIC_JOINS, 1);
	if (!room->is_open)
		say_of_room(hub, HUB_ROOM_OPENED, room);
	room->is_open = true;
	say_of_peer(hub, HUB_PEER_JOINED, peer);
	tell_joined(peer);
	if (peer->role == ROLE_WATCHER)
		set_stale(hub, room);
}

bool hub_has_room(const struct hub *hub, struct span name)
{
	return map_get(hub->rooms, name);
}

int hub_may_join(const struct hub *hub, const struct hub_join *join)
{
	const struct room *room = map_get(hub->rooms, join->room);
	struct peer *yielding;

	int err = may_be(join->lacks, join->role);

	if (err)
		return err;
	if (room)
		return may_enter(hub, room, join, &yielding);
	if (join->makes_no_rooms)
		return -ENOENT;
	return map_count(hub->rooms) >= hub->config->rooms.max_rooms ? -ENFILE
								     : 0;
}

int hub_join(struct hub *hub, const struct hub_join *join, struct peer **peerp)
{
	const struct claimant claimant = {join->ops, join->user,
					  join->replaces};
	struct peer *yielding = NULL, *peer = NULL;
	struct room *room;
	int err = may_be(join->lacks, join->role);

	if (err)
		return err;
	if (join->makes_no_rooms && !map_get(hub->rooms, join->room))
		return -ENOENT;
	room = find_or_make_room(hub, join->room, &err);
	if (!room)
		return err;
	err = may_enter(hub, room, join, &yielding);
	if (!err)
		err = reserve(room, join->role, yielding);
	if (!err)
		err = new_peer(hub, join, &peer);
	if (err) {
		drop_room_if_empty(hub, room);
		return err;
	}
	/* Who makes way may be the last in the room, which is kept for us. */
	make_way(hub, yielding, &claimant);
	hub_peer_of(peer)->is_newcomer = !hub_is_settled(hub);
	enter(hub, room, peer);
	*peerp = peer;
	return 0;
}

void hub_leave(struct hub *hub, struct peer *peer, enum hub_leave_reason reason)
{
	struct room *room = peer->room;

	end_peer(hub, peer, reason);
	drop_room_if_empty(hub, room);
}

int hub_set_role(struct hub *hub, struct peer *peer, enum hub_role role,
		 bool replaces)
{
	const struct claimant claimant = {peer->ops, peer->user, replaces};
	struct room *room = peer->room;
	struct peer *yielding = NULL;
	int err;

	if (peer->role == role)
		return 0;
	err = may_be(peer->lacks, role);
	if (!err && role == ROLE_BROADCASTER)
		err = may_broadcast(hub, room, &claimant, &yielding);
	if (!err && role == ROLE_WATCHER)
		err = may_watch(hub, room);
	if (!err)
		err = reserve(room, role, yielding);
	if (err)
		return err;
	make_way(hub, yielding, &claimant);
	change_role(hub, peer, role);
	return 0;
}

/* Mostly it is the one to whom the sender numbered a message last: their pair
 * knows it, and is forgotten when it is gone. */
static struct peer *find_receiver(const struct hub *hub,
				  const struct peer *from, struct span to)
{
	const struct session *session = hub_peer_of(from)->session;

	if (session && session->last) {
		struct peer *last = &session->last->to->peer;

		if (span_equal(span_of(last->id, last->id_len), to))
			return last;
	}
	return map_get(hub->peers, to);
}

int hub_send(struct hub *hub, struct peer *from, struct span to,
	     struct envelope *envelope)
{
	struct peer *peer;

	if (from->lacks & RIGHT_SIGNAL)
		return -EPERM;
	peer = find_receiver(hub, from, to);
	if (!peer)
		return hub_is_settled(hub) ? -ENOENT : -EAGAIN;
	if (peer->room != from->room)
		return -ENOENT;
	if (!tell_may_address(from, peer->role))
		return -EHOSTUNREACH;
	if (envelope->has_ti && envelope->ti != peer->inst)
		return -ESTALE;
	if (hub_muted_s(from, envelope->kind))
		return -EACCES;
	if (envelope->is_numbered)
		return tell_numbered(hub_peer_of(from)->session,
				     hub_peer_of(peer), envelope);
	return tell_peer(from, peer, envelope);
}

unsigned hub_muted_s(const struct peer *from, enum envelope_kind kind)
{
	const struct hub_peer *sender = hub_peer_of(from);
	uint64_t now_ms;

	if (!sender->muted_until_ms || kind < ENVELOPE_SIGNAL ||
	    kind > ENVELOPE_EVENT)
		return 0;
	now_ms = sender->hub->clock->mono_ms;
	if (sender->muted_until_ms <= now_ms)
		return 0;
	return (unsigned)((sender->muted_until_ms - now_ms + 999) / 1000);
}

int hub_mute(struct hub *hub, struct span id, unsigned seconds)
{
	struct peer *peer = map_get(hub->peers, id);

	if (!peer)
		return -ENOENT;
	hub_peer_of(peer)->muted_until_ms =
		seconds ? hub->clock->mono_ms + seconds * 1000ull : 0;
	log_info("peer.mute", log_str("id", peer->id),
		 log_span("room", peer->room->name),
		 log_int("seconds", seconds));
	return 0;
}

static void tell_stale(struct hub *hub, uint64_t now_ms)
{
	struct room *next;

	for (struct room *room = hub->stale; room; room = next) {
		uint64_t wait_ms = room_count(room) * VIEWERS_MS_PER_PEER;

		next = room->next_stale;
		if (wait_ms < VIEWERS_MIN_MS)
			wait_ms = VIEWERS_MIN_MS;
		if (now_ms - room->viewers_told_ms < wait_ms)
			continue;
		clear_stale(hub, room);
		room->viewers_told_ms = now_ms;
		tell_viewers(room);
	}
}

void hub_tick(struct hub *hub)
{
	uint64_t now_ms = hub->clock->mono_ms;

	away_tick(hub, now_ms);
	tell_stale(hub, now_ms);
}

void hub_each_peer(const struct hub *hub,
		   void (*each)(const struct peer *peer, void *arg), void *arg)
{
	const struct peer *peer;
	size_t at = 0;

	while ((peer = map_next(hub->peers, &at)) != NULL)
		each(peer, arg);
}

int hub_may_kick(const struct hub *hub, const struct peer *by, struct span id)
{
	const struct peer *peer;

	if (by->lacks & RIGHT_KICK)
		return -EPERM;
	peer = map_get(hub->peers, id);
	return peer && peer != by && peer->room == by->room ? 0 : -ENOENT;
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
