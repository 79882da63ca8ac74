/* test_hub.c: who is in a room, who hears of whom, and what that costs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "fail_alloc.h"
#include "hub/session.h"
#include "hub/room.h"
#include "policy/metric.h"

#define MAX_EVENTS 64
#define CROWD 5000

/* A peer's end of the line: what it was told, in order. */
struct ear {
	struct peer *peer;
	enum envelope_kind kinds[MAX_EVENTS];
	char about[MAX_EVENTS][CRYPTO_ID_LEN + 1];
	enum hub_role roles[MAX_EVENTS];
	enum hub_leave_reason reason;
	char payload[64];
	size_t viewers_count;
	size_t heard;
	bool is_deaf;
};

static char refuse[] = "refuse";
static struct hub *hub;
static struct config config;
static struct clock now;

static int deliver(const struct peer *to, struct envelope *envelope)
{
	struct ear *ear = to->arg;
	size_t i = ear->heard++ % MAX_EVENTS;

	if (ear->is_deaf)
		return -ENOBUFS;
	ear->kinds[i] = envelope->kind;
	ear->reason = envelope->reason;
	ear->about[i][0] = '\0';
	if (envelope->from) {
		memcpy(ear->about[i], envelope->from->id, CRYPTO_ID_LEN + 1);
		ear->roles[i] = envelope->from->role;
	}
	ear->viewers_count = envelope->viewers_count;
	(void)span_copy(envelope->payload, ear->payload, sizeof(ear->payload));
	/* A dialect encodes once for many; the hub frees it. */
	if (envelope->is_for_many && !envelope->frames[FORM_NATIVE])
		envelope->frames[FORM_NATIVE] = blob_new(&SPAN("frame"), 1);
	return 0;
}

static const struct peer_ops ops = {.deliver = deliver};
/* of another dialect */
static const struct peer_ops other_ops = {.deliver = deliver};

static int setup(void **state)
{
	(void)state;
	config.rooms.max_rooms = 1000;
	config.rooms.takeover = refuse;
	config.rooms.max_peers_per_room = 2 * CROWD;
	config.rooms.max_broadcasters_per_room = 1;
	now.mono_ms = 100000;
	return hub_new(&hub, &config, &now);
}

static int teardown(void **state)
{
	(void)state;
	hub_free(hub);
	return 0;
}

static int try_join(struct ear *ear, const char *room, enum hub_role role)
{
	struct hub_join join = {
		.room = span_from(room), .role = role, .ops = &ops, .arg = ear};

	return hub_join(hub, &join, &ear->peer);
}

static void join(struct ear *ear, const char *room, enum hub_role role)
{
	assert_int_equal(try_join(ear, room, role), 0);
	ear->heard = 0;
}

static void leave(struct ear *ear)
{
	hub_leave(hub, ear->peer, LEAVE_LEFT);
}

static void assert_told(const struct ear *ear, size_t i,
			enum envelope_kind kind, const char *id,
			enum hub_role role)
{
	assert_true(i < ear->heard);
	assert_int_equal(ear->kinds[i], kind);
	assert_string_equal(ear->about[i], id);
	assert_int_equal(ear->roles[i], role);
}

static int send_to(struct ear *from, struct ear *to)
{
	return hub_send(hub, from->peer, span_from(to->peer->id),
			&(struct envelope){.kind = ENVELOPE_SIGNAL,
					   .payload = SPAN("\"hi\"")});
}

static void a_message_reaches_its_peer_with_the_true_sender(void **state)
{
	struct ear a = {0}, b = {0};

	(void)state;
	join(&a, "r", ROLE_PEER);
	join(&b, "r", ROLE_PEER);
	a.heard = 0;
	assert_int_equal(send_to(&b, &a), 0);
	assert_int_equal(a.heard, 1);
	assert_string_equal(a.about[0], b.peer->id);
	assert_string_equal(a.payload, "\"hi\"");
	leave(&a);
	leave(&b);
}

static void a_peer_of_another_room_is_unknown(void **state)
{
	struct ear a = {0}, b = {0};

	(void)state;
	join(&a, "r", ROLE_PEER);
	join(&b, "s", ROLE_PEER);
	assert_int_equal(send_to(&a, &b), -ENOENT);
	assert_int_equal(b.heard, 0);
	assert_int_equal(
		hub_send(hub, a.peer, SPAN("nobody"), &(struct envelope){0}),
		-ENOENT);
	leave(&a);
	leave(&b);
}

static void a_peer_that_takes_nothing_is_said_to_the_sender(void **state)
{
	struct ear a = {0}, b = {.is_deaf = true};

	(void)state;
	join(&a, "r", ROLE_PEER);
	join(&b, "r", ROLE_PEER);
	assert_int_equal(send_to(&a, &b), -ENOBUFS);
	leave(&a);
	leave(&b);
}

/* row: who looks, column: who comes and goes */
static void everybody_hears_of_whom_it_sees_and_of_no_other(void **state)
{
	static const bool sees[4][4] = {
		[ROLE_PEER] = {true, true, true, true},
		[ROLE_BROADCASTER] = {true, true, true, true},
		[ROLE_WATCHER] = {false, true, false, true},
		[ROLE_OPERATOR] = {true, true, true, true},
	};

	(void)state;
	config.rooms.max_broadcasters_per_room = 2;
	for (int looks = 0; looks < 4; looks++) {
		for (int comes = 0; comes < 4; comes++) {
			struct ear a = {0}, b = {0};

			join(&a, "r", (enum hub_role)looks);
			join(&b, "r", (enum hub_role)comes);
			assert_int_equal(a.heard, sees[looks][comes]);
			hub_broadcast(
				b.peer,
				&(struct envelope){.kind = ENVELOPE_BROADCAST,
						   .payload = SPAN("1")});
			assert_int_equal(a.heard, 2 * sees[looks][comes]);
			leave(&b);
			assert_int_equal(a.heard, 3 * sees[looks][comes]);
			leave(&a);
		}
	}
}

static void a_room_has_one_broadcaster_until_it_leaves(void **state)
{
	struct ear a = {0}, b = {0};

	(void)state;
	join(&a, "r", ROLE_BROADCASTER);
	assert_int_equal(try_join(&b, "r", ROLE_BROADCASTER), -EEXIST);
	assert_int_equal(try_join(&b, "s", ROLE_BROADCASTER), 0);
	leave(&b);
	leave(&a);
	join(&b, "r", ROLE_BROADCASTER);
	leave(&b);
}

static void a_full_room_and_a_full_server_refuse(void **state)
{
	struct ear a = {0}, b = {0};

	(void)state;
	config.rooms.max_peers_per_room = 1;
	config.rooms.max_rooms = 1;
	join(&a, "r", ROLE_PEER);
	assert_int_equal(try_join(&b, "r", ROLE_PEER), -ENOSPC);
	assert_int_equal(try_join(&b, "s", ROLE_PEER), -ENFILE);
	assert_int_equal(hub_rooms_count(hub), 1);
	leave(&a);
	assert_int_equal(hub_rooms_count(hub), 0);
	assert_int_equal(hub_peers_count(hub), 0);
}

static struct ear *join_crowd(const char *room, enum hub_role role)
{
	struct ear *crowd = calloc(CROWD, sizeof(*crowd));

	for (int i = 0; i < CROWD; i++)
		assert_int_equal(try_join(&crowd[i], room, role), 0);
	return crowd;
}

static size_t heard_by(const struct ear *crowd)
{
	size_t heard = 0;

	for (int i = 0; i < CROWD; i++)
		heard += crowd[i].heard;
	return heard;
}

static void thousands_of_watchers_cost_the_broadcaster_alone(void **state)
{
	struct ear broadcaster = {0};
	struct ear *crowd;

	(void)state;
	join(&broadcaster, "r", ROLE_BROADCASTER);
	crowd = join_crowd("r", ROLE_WATCHER);
	assert_int_equal(broadcaster.heard, CROWD);
	assert_int_equal(heard_by(crowd), 0);
	hub_broadcast(broadcaster.peer,
		      &(struct envelope){.kind = ENVELOPE_BROADCAST});
	assert_int_equal(heard_by(crowd), CROWD);
	for (int i = 0; i < CROWD; i++)
		leave(&crowd[i]);
	assert_int_equal(heard_by(crowd), CROWD);
	leave(&broadcaster);
	free(crowd);
}

static void the_number_of_viewers_is_told_at_most_once_a_second(void **state)
{
	struct ear broadcaster = {0}, watcher = {0}, other = {0};

	(void)state;
	join(&broadcaster, "r", ROLE_BROADCASTER);
	join(&watcher, "r", ROLE_WATCHER);
	broadcaster.heard = 0;
	hub_tick(hub);
	assert_int_equal(broadcaster.heard, 1);
	assert_int_equal(broadcaster.kinds[0], ENVELOPE_VIEWERS);
	assert_int_equal(broadcaster.viewers_count, 1);
	assert_int_equal(watcher.viewers_count, 1);

	now.mono_ms += 900;
	join(&other, "r", ROLE_WATCHER);
	broadcaster.heard = 0;
	hub_tick(hub);
	assert_int_equal(broadcaster.heard, 0);
	now.mono_ms += 100;
	hub_tick(hub);
	hub_tick(hub);
	assert_int_equal(broadcaster.heard, 1);
	assert_int_equal(broadcaster.viewers_count, 2);

	/* One goes and another comes: whoever joined between has heard 2. */
	leave(&other);
	join(&other, "r", ROLE_WATCHER);
	broadcaster.heard = 0;
	now.mono_ms += 1000;
	hub_tick(hub);
	assert_int_equal(broadcaster.heard, 1);
	assert_int_equal(broadcaster.viewers_count, 2);
	now.mono_ms += 1000;
	hub_tick(hub);
	assert_int_equal(broadcaster.heard, 1);
	leave(&other);
	leave(&watcher);
	leave(&broadcaster);
}

static void a_large_audience_is_told_its_number_more_seldom(void **state)
{
	struct ear *crowd = join_crowd("r", ROLE_WATCHER);
	struct ear late = {0};

	(void)state;
	hub_tick(hub);
	assert_int_equal(heard_by(crowd), CROWD);
	join(&late, "r", ROLE_WATCHER);
	now.mono_ms += CROWD * 2 - 100;
	hub_tick(hub);
	assert_int_equal(heard_by(crowd), CROWD);
	now.mono_ms += 200;
	hub_tick(hub);
	assert_int_equal(heard_by(crowd), 2 * CROWD);
	for (int i = 0; i < CROWD; i++)
		leave(&crowd[i]);
	leave(&late);
	free(crowd);
}

struct page {
	size_t left;
	size_t count;
	uint64_t last_seq;
};

static bool take_peer(const struct peer *peer, void *arg)
{
	struct page *page = arg;

	if (!page->left)
		return false;
	assert_true(peer->seq > page->last_seq);
	page->last_seq = peer->seq;
	page->left--;
	page->count++;
	return true;
}

static size_t count_pages(const struct peer *viewer, size_t page_len,
			  size_t *pages)
{
	struct page page = {0};
	uint64_t next = 0;

	*pages = 0;
	do {
		page.left = page_len;
		next = hub_list(viewer, next, take_peer, &page);
		(*pages)++;
	} while (next);
	return page.count;
}

static void pages_hold_everybody_once_in_order_also_over_holes(void **state)
{
	struct ear me = {0}, watcher = {0}, broadcaster = {0};
	struct ear *crowd = join_crowd("r", ROLE_WATCHER);
	size_t pages;

	(void)state;
	join(&me, "r", ROLE_PEER);
	join(&broadcaster, "r", ROLE_BROADCASTER);
	join(&watcher, "r", ROLE_WATCHER);
	assert_int_equal(count_pages(me.peer, 100, &pages), CROWD + 2);
	assert_int_equal(pages, (CROWD + 2 + 99) / 100);
	assert_int_equal(count_pages(watcher.peer, 100, &pages), 1);

	for (int i = 0; i < CROWD; i += 3)
		leave(&crowd[i]);
	assert_int_equal(count_pages(me.peer, 7, &pages),
			 CROWD - (CROWD + 2) / 3 + 2);
	for (int i = 0; i < CROWD; i++)
		if (i % 3)
			leave(&crowd[i]);
	assert_int_equal(count_pages(me.peer, 100, &pages), 2);
	leave(&me);
	leave(&broadcaster);
	leave(&watcher);
	free(crowd);
}

static void an_audience_that_left_holds_no_places(void **state)
{
	struct ear me = {0};
	struct ear *crowd;

	(void)state;
	join(&me, "r", ROLE_PEER);
	crowd = join_crowd("r", ROLE_WATCHER);
	for (int i = 0; i < CROWD; i++)
		leave(&crowd[i]);
	assert_int_equal(me.peer->room->audience.count, 0);
	assert_true(me.peer->room->audience.len <= 17);
	leave(&me);
	free(crowd);
}

static void names_and_metadata_outlive_the_join(void **state)
{
	char name[] = "Ada", metadata[] = "{\"a\":1}";
	struct ear ear = {0};
	struct hub_join request = {.room = SPAN("r"),
				   .name = span_from(name),
				   .metadata = span_from(metadata),
				   .ops = &ops,
				   .arg = &ear};

	(void)state;
	assert_int_equal(hub_join(hub, &request, &ear.peer), 0);
	memset(name, 'x', 3);
	memset(metadata, 'x', 7);
	assert_true(span_equal(ear.peer->name, SPAN("Ada")));
	assert_true(span_equal(ear.peer->metadata, SPAN("{\"a\":1}")));
	assert_int_equal(strlen(ear.peer->id), CRYPTO_ID_LEN);
	leave(&ear);
}

/* Whichever allocation fails, the join is refused and leaves nothing behind. */
static void a_join_without_memory_is_refused_and_changes_nothing(void **state)
{
	struct ear first = {0}, other = {0};
	int err = -ENOMEM;
	unsigned n = 0;

	(void)state;
	join(&first, "s", ROLE_PEER);
	while (err) {
		fail_alloc_at(++n);
		err = try_join(&other, "r", ROLE_BROADCASTER);
		fail_alloc_stop();
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(hub_rooms_count(hub), 1);
		assert_int_equal(hub_peers_count(hub), 1);
	}
	assert_true(n > 2);
	leave(&other);
	leave(&first);
}

static void an_id_that_is_given_is_kept_and_is_nobody_elses(void **state)
{
	struct ear a = {0}, b = {0};
	struct hub_join request = {.room = SPAN("r"), .ops = &ops, .arg = &a};
	char id[CRYPTO_ID_LEN + 1];
	char copy[CRYPTO_ID_LEN + 1];

	(void)state;
	crypto_new_id(id);
	memcpy(copy, id, sizeof(id));
	request.id = id;
	assert_int_equal(hub_join(hub, &request, &a.peer), 0);
	request.room = SPAN("s");
	assert_int_equal(hub_join(hub, &request, &b.peer), -EINVAL);
	memset(id, 'x', CRYPTO_ID_LEN);
	assert_string_equal(a.peer->id, copy);
	assert_null(b.peer);
	assert_int_equal(hub_rooms_count(hub), 1);
	join(&b, "r", ROLE_PEER);
	assert_int_equal(send_to(&b, &a), 0);
	leave(&a);
	leave(&b);
}

static void the_smaller_limit_of_peers_counts(void **state)
{
	static const struct {
		unsigned configured, most, fit;
	} cases[] = {{3, 0, 3}, {3, 2, 2}, {2, 3, 2}, {2, 1, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ear ears[4] = {0};
		struct hub_join request = {
			.room = SPAN("r"), .most = cases[i].most, .ops = &ops};

		config.rooms.max_peers_per_room = cases[i].configured;
		for (unsigned n = 0; n < 4; n++) {
			request.arg = &ears[n];
			assert_int_equal(hub_join(hub, &request, &ears[n].peer),
					 n < cases[i].fit ? 0 : -ENOSPC);
		}
		for (unsigned n = 0; n < cases[i].fit; n++)
			leave(&ears[n]);
		assert_int_equal(hub_rooms_count(hub), 0);
	}
}

static void hold(struct ear *ear)
{
	hub_hold(hub, ear->peer);
}

static void a_held_peer_is_there_takes_nothing_and_leaves_in_time(void **state)
{
	struct ear a = {0}, b = {0};
	char id[CRYPTO_ID_LEN + 1];

	(void)state;
	join(&a, "r", ROLE_PEER);
	join(&b, "r", ROLE_PEER);
	memcpy(id, b.peer->id, sizeof(id));
	a.heard = 0;
	hold(&b);
	assert_true(b.peer->is_away);
	assert_true(b.peer->is_leaving);
	assert_int_equal(send_to(&a, &b), -EPIPE);
	hub_broadcast(a.peer, &(struct envelope){.kind = ENVELOPE_BROADCAST});
	assert_int_equal(hub_peers_count(hub), 2);

	now.mono_ms += HUB_HOLD_MS - 1;
	hub_tick(hub);
	assert_int_equal(a.heard, 0);
	now.mono_ms += 1;
	hub_tick(hub);
	assert_int_equal(a.heard, 1);
	assert_told(&a, 0, ENVELOPE_PEER_LEFT, id, ROLE_PEER);
	assert_int_equal(a.reason, LEAVE_LEFT);
	assert_int_equal(b.heard, 0);
	assert_int_equal(hub_peers_count(hub), 1);
	leave(&a);
}

/* Whichever of those held goes before its time, the others keep theirs. */
static void held_peers_end_in_the_order_in_which_they_were_held(void **state)
{
	(void)state;
	for (int early = 0; early < 3; early++) {
		struct ear looks = {0}, next = {0}, held[3] = {0};
		char ids[3][CRYPTO_ID_LEN + 1];
		size_t told = 0;

		join(&looks, "r", ROLE_PEER);
		for (int i = 0; i < 3; i++) {
			join(&held[i], "r",
			     i == early ? ROLE_BROADCASTER : ROLE_PEER);
			memcpy(ids[i], held[i].peer->id, sizeof(*ids));
		}
		for (int i = 0; i < 3; i++) {
			hold(&held[i]);
			now.mono_ms += 100;
		}
		join(&next, "r", ROLE_BROADCASTER);
		now.mono_ms += HUB_HOLD_MS - 300;
		looks.heard = 0;
		for (int i = 0; i < 3; i++) {
			hub_tick(hub);
			if (i != early)
				assert_told(&looks, told++, ENVELOPE_PEER_LEFT,
					    ids[i], ROLE_PEER);
			assert_int_equal(looks.heard, told);
			now.mono_ms += 100;
		}
		assert_int_equal(hub_peers_count(hub), 2);
		leave(&next);
		leave(&looks);
	}
}

/* A room in which the number of viewers is due, too. */
static void the_last_held_peer_takes_its_room_along(void **state)
{
	struct ear a = {0}, b = {0};

	(void)state;
	join(&a, "r", ROLE_WATCHER);
	join(&b, "r", ROLE_PEER);
	hold(&a);
	hold(&b);
	now.mono_ms += HUB_HOLD_MS;
	hub_tick(hub);
	assert_int_equal(hub_peers_count(hub), 0);
	assert_int_equal(hub_rooms_count(hub), 0);
	hub_tick(hub);
	assert_int_equal(a.heard + b.heard, 0);
}

static void a_held_watcher_is_a_viewer_until_it_leaves(void **state)
{
	struct ear broadcaster = {0}, watcher = {0};

	(void)state;
	join(&broadcaster, "r", ROLE_BROADCASTER);
	join(&watcher, "r", ROLE_WATCHER);
	hold(&watcher);
	hub_tick(hub);
	assert_int_equal(broadcaster.viewers_count, 1);
	now.mono_ms += HUB_HOLD_MS;
	hub_tick(hub);
	assert_int_equal(broadcaster.kinds[broadcaster.heard - 1],
			 ENVELOPE_VIEWERS);
	assert_int_equal(broadcaster.viewers_count, 0);
	leave(&broadcaster);
}

static void the_hub_ends_with_the_peers_it_holds(void **state)
{
	int64_t peers = metric_values[METRIC_PEERS];
	int64_t rooms = metric_values[METRIC_ROOMS];
	struct ear ears[4] = {0};

	for (int i = 0; i < 4; i++) {
		join(&ears[i], i < 3 ? "r" : "s", (enum hub_role)i);
		hold(&ears[i]);
	}
	hub_free(hub);
	assert_int_equal(setup(state), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(ears[i].heard, 0);
	assert_int_equal(metric_values[METRIC_PEERS], peers);
	assert_int_equal(metric_values[METRIC_ROOMS], rooms);
}

static void a_held_broadcaster_makes_way_for_a_newcomer(void **state)
{
	struct ear gone = {0}, watcher = {0}, next = {0};
	char id[CRYPTO_ID_LEN + 1];

	(void)state;
	join(&gone, "r", ROLE_BROADCASTER);
	memcpy(id, gone.peer->id, sizeof(id));
	join(&watcher, "r", ROLE_WATCHER);
	hold(&gone);
	assert_int_equal(try_join(&next, "r", ROLE_BROADCASTER), 0);
	assert_int_equal(next.heard, 0);
	assert_int_equal(watcher.heard, 2);
	assert_told(&watcher, 0, ENVELOPE_PEER_LEFT, id, ROLE_BROADCASTER);
	assert_int_equal(watcher.reason, LEAVE_LEFT);
	assert_told(&watcher, 1, ENVELOPE_PEER_JOINED, next.peer->id,
		    ROLE_BROADCASTER);
	now.mono_ms += HUB_HOLD_MS;
	hub_tick(hub);
	assert_int_equal(hub_peers_count(hub), 2);
	leave(&next);
	leave(&watcher);
}

static void who_makes_way_may_be_all_that_was_in_a_full_room(void **state)
{
	struct ear gone = {0}, next = {0};

	(void)state;
	config.rooms.max_peers_per_room = 1;
	join(&gone, "r", ROLE_BROADCASTER);
	assert_int_equal(try_join(&next, "r", ROLE_WATCHER), -ENOSPC);
	hold(&gone);
	join(&next, "r", ROLE_BROADCASTER);
	assert_int_equal(hub_rooms_count(hub), 1);
	assert_int_equal(hub_peers_count(hub), 1);
	leave(&next);
	assert_int_equal(hub_rooms_count(hub), 0);
}

static void who_is_held_does_not_fill_the_room(void **state)
{
	struct ear gone = {0}, next = {0}, third = {0};

	(void)state;
	config.rooms.max_peers_per_room = 1;
	join(&gone, "r", ROLE_PEER);
	hold(&gone);
	assert_int_equal(room_present_count(gone.peer->room), 0);
	join(&next, "r", ROLE_PEER);
	assert_int_equal(room_present_count(next.peer->room), 1);
	assert_int_equal(try_join(&third, "r", ROLE_PEER), -ENOSPC);
	now.mono_ms += HUB_HOLD_MS;
	hub_tick(hub);
	assert_int_equal(room_present_count(next.peer->room), 1);
	assert_int_equal(room_count(next.peer->room), 1);
	leave(&next);
}

static void one_who_would_join_can_ask_first(void **state)
{
	const struct hub_join asked = {.room = SPAN("r"), .role = ROLE_PEER};
	const struct hub_join elsewhere = {.room = SPAN("s")};
	struct ear ear = {0};

	(void)state;
	config.rooms.max_peers_per_room = 1;
	config.rooms.max_rooms = 1;
	assert_int_equal(hub_may_join(hub, &asked), 0);
	assert_int_equal(hub_rooms_count(hub), 0);
	join(&ear, "r", ROLE_PEER);
	assert_int_equal(hub_may_join(hub, &asked), -ENOSPC);
	assert_int_equal(hub_may_join(hub, &elsewhere), -ENFILE);
	leave(&ear);
}

/* What one that looks is told when another changes its role. */
static void assert_told_of_change(enum hub_role looks, enum hub_role from,
				  enum hub_role to)
{
	struct ear a = {0}, b = {0};
	size_t told = 0;

	join(&a, "r", looks);
	join(&b, "r", from);
	a.heard = 0;
	assert_int_equal(hub_set_role(hub, b.peer, to, false), 0);
	assert_int_equal(b.peer->role, to);
	assert_int_equal(b.heard, 0);
	if (from != to && room_sees(looks, from))
		assert_told(&a, told++, ENVELOPE_PEER_LEFT, b.peer->id, from);
	if (from != to && room_sees(looks, to))
		assert_told(&a, told++, ENVELOPE_PEER_JOINED, b.peer->id, to);
	assert_int_equal(a.heard, told);
	leave(&a);
	leave(&b);
}

static void a_new_role_is_told_to_those_who_saw_or_see_the_peer(void **state)
{
	(void)state;
	config.rooms.max_broadcasters_per_room = 2;
	for (int looks = 0; looks < 4; looks++)
		for (int from = 0; from < 4; from++)
			for (int to = 0; to < 4; to++)
				assert_told_of_change((enum hub_role)looks,
						      (enum hub_role)from,
						      (enum hub_role)to);
}

static void a_new_role_changes_the_number_of_viewers_and_the_order(void **state)
{
	struct ear a = {0}, b = {0}, c = {0};
	int64_t joins;

	(void)state;
	join(&a, "r", ROLE_PEER);
	join(&b, "r", ROLE_PEER);
	join(&c, "r", ROLE_PEER);
	joins = metric_values[METRIC_JOINS];
	assert_int_equal(hub_set_role(hub, a.peer, ROLE_WATCHER, false), 0);
	assert_true(a.peer->seq > c.peer->seq);
	assert_int_equal(hub_viewers_count(a.peer->room), 1);
	hub_tick(hub);
	assert_int_equal(b.viewers_count, 1);

	assert_int_equal(hub_set_role(hub, a.peer, ROLE_OPERATOR, false), 0);
	assert_int_equal(hub_viewers_count(a.peer->room), 0);
	now.mono_ms += 1000;
	hub_tick(hub);
	assert_int_equal(b.viewers_count, 0);
	assert_int_equal(b.kinds[b.heard - 1], ENVELOPE_VIEWERS);
	b.heard = 0;
	assert_int_equal(hub_set_role(hub, a.peer, ROLE_PEER, false), 0);
	now.mono_ms += 1000;
	hub_tick(hub);
	assert_int_equal(b.heard, 2);
	assert_int_equal(metric_values[METRIC_JOINS], joins);
	leave(&a);
	leave(&b);
	leave(&c);
}

static void a_role_is_taken_until_somebody_replaces(void **state)
{
	struct ear first = {0}, next = {0}, watcher = {0};
	const char *left;

	(void)state;
	join(&first, "r", ROLE_BROADCASTER);
	join(&watcher, "r", ROLE_WATCHER);
	join(&next, "r", ROLE_PEER);
	left = first.peer->id;
	assert_int_equal(hub_set_role(hub, next.peer, ROLE_BROADCASTER, false),
			 -EEXIST);
	next.peer->ops = &other_ops;
	assert_int_equal(hub_set_role(hub, next.peer, ROLE_BROADCASTER, true),
			 -EEXIST);
	next.peer->ops = &ops;
	first.heard = watcher.heard = 0;
	assert_int_equal(hub_set_role(hub, next.peer, ROLE_BROADCASTER, true),
			 0);
	assert_int_equal(first.peer->role, ROLE_PEER);
	assert_int_equal(next.peer->role, ROLE_BROADCASTER);
	assert_int_equal(watcher.heard, 2);
	assert_told(&watcher, 0, ENVELOPE_PEER_LEFT, left, ROLE_BROADCASTER);
	assert_told(&watcher, 1, ENVELOPE_PEER_JOINED, next.peer->id,
		    ROLE_BROADCASTER);
	/* The one replaced hears of the other, and not of itself. */
	assert_int_equal(first.heard, 2);
	assert_told(&first, 0, ENVELOPE_PEER_LEFT, next.peer->id, ROLE_PEER);
	/* The newcomer heard that of the one replaced. */
	assert_int_equal(next.heard, 2);
	assert_told(&next, 0, ENVELOPE_PEER_LEFT, left, ROLE_BROADCASTER);
	assert_told(&next, 1, ENVELOPE_PEER_JOINED, left, ROLE_PEER);
	leave(&first);
	leave(&next);
	leave(&watcher);
}

static void a_held_broadcaster_makes_way_before_any_is_replaced(void **state)
{
	struct ear first = {0}, gone = {0}, next = {0};

	(void)state;
	config.rooms.max_broadcasters_per_room = 2;
	join(&first, "r", ROLE_BROADCASTER);
	join(&gone, "r", ROLE_BROADCASTER);
	join(&next, "r", ROLE_PEER);
	hold(&gone);
	assert_int_equal(hub_set_role(hub, next.peer, ROLE_BROADCASTER, true),
			 0);
	assert_int_equal(first.peer->role, ROLE_BROADCASTER);
	assert_int_equal(hub_peers_count(hub), 2);
	leave(&first);
	leave(&next);
}

static int replace(struct ear *ear, const char *room)
{
	struct hub_join request = {.room = span_from(room),
				   .role = ROLE_BROADCASTER,
				   .replaces = true,
				   .ops = &ops,
				   .arg = ear};

	return hub_join(hub, &request, &ear->peer);
}

static void who_joins_may_replace_the_first_of_its_own_dialect(void **state)
{
	struct ear native = {0}, first = {0}, second = {0}, next = {0};

	(void)state;
	config.rooms.max_broadcasters_per_room = 3;
	join(&native, "r", ROLE_BROADCASTER);
	native.peer->ops = &other_ops;
	join(&first, "r", ROLE_BROADCASTER);
	join(&second, "r", ROLE_BROADCASTER);
	native.heard = 0;
	assert_int_equal(replace(&next, "r"), 0);
	assert_int_equal(native.peer->role, ROLE_BROADCASTER);
	assert_int_equal(first.peer->role, ROLE_PEER);
	assert_int_equal(second.peer->role, ROLE_BROADCASTER);
	assert_int_equal(next.heard, 0);
	assert_int_equal(native.heard, 3);
	assert_told(&native, 0, ENVELOPE_PEER_LEFT, first.peer->id,
		    ROLE_BROADCASTER);
	assert_told(&native, 1, ENVELOPE_PEER_JOINED, first.peer->id,
		    ROLE_PEER);
	assert_told(&native, 2, ENVELOPE_PEER_JOINED, next.peer->id,
		    ROLE_BROADCASTER);
	assert_true(first.peer->seq > second.peer->seq);
	leave(&native);
	leave(&first);
	leave(&second);
	leave(&next);
}

static void who_is_not_let_in_replaces_nobody(void **state)
{
	struct ear first = {0}, next = {0};

	(void)state;
	config.rooms.max_peers_per_room = 1;
	join(&first, "r", ROLE_BROADCASTER);
	assert_int_equal(replace(&next, "r"), -ENOSPC);
	assert_int_equal(first.peer->role, ROLE_BROADCASTER);
	leave(&first);
}

/* Whichever allocation fails, nobody has lost its role and nobody was told. */
static void replacing_without_memory_changes_nothing(void **state)
{
	(void)state;
	for (unsigned others = 0; others < 9; others++) {
		struct ear cast[9] = {0}, first = {0}, next = {0};
		int err = -ENOMEM;

		join(&first, "r", ROLE_BROADCASTER);
		for (unsigned i = 0; i < others; i++)
			join(&cast[i], "r", ROLE_PEER);
		first.heard = 0;
		for (long n = 1; err; n++) {
			fail_alloc_at(n);
			err = replace(&next, "r");
			fail_alloc_stop();
			if (!err)
				break;
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(first.peer->role, ROLE_BROADCASTER);
			assert_int_equal(first.heard, 0);
			assert_int_equal(hub_peers_count(hub), others + 1);
		}
		assert_int_equal(first.peer->role, ROLE_PEER);
		leave(&next);
		leave(&first);
		for (unsigned i = 0; i < others; i++)
			leave(&cast[i]);
	}
}

static void a_role_without_memory_changes_nothing(void **state)
{
	struct ear cast[4] = {0};
	int err = -ENOMEM;
	long n = 0;

	(void)state;
	for (int i = 0; i < 4; i++)
		join(&cast[i], "r", i ? ROLE_PEER : ROLE_BROADCASTER);
	cast[0].heard = 0;
	while (err) {
		fail_alloc_at(++n);
		err = hub_set_role(hub, cast[3].peer, ROLE_BROADCASTER, true);
		fail_alloc_stop();
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(cast[0].peer->role, ROLE_BROADCASTER);
		assert_int_equal(cast[3].peer->role, ROLE_PEER);
		assert_int_equal(cast[0].heard, 0);
	}
	assert_true(n > 1);
	assert_int_equal(cast[0].peer->role, ROLE_PEER);
	for (int i = 0; i < 4; i++)
		leave(&cast[i]);
}

static void send_role(struct ear *from, enum hub_role role)
{
	struct envelope envelope = {.kind = ENVELOPE_EVENT,
				    .payload = SPAN("[1]")};

	assert_int_equal(hub_send_role(from->peer, role, &envelope), 0);
	assert_null(envelope.frames[FORM_NATIVE]);
}

/* Two of each role: each sends to each role, and the other three kinds hear
 * nothing, whoever sees whom. */
static void a_message_to_a_role_reaches_the_others_who_have_it(void **state)
{
	struct ear ears[4][2] = {0};

	(void)state;
	config.rooms.max_broadcasters_per_room = 2;
	for (int role = 0; role < 4; role++)
		for (int i = 0; i < 2; i++)
			join(&ears[role][i], "r", (enum hub_role)role);
	for (int from = 0; from < 4; from++) {
		for (int to = 0; to < 4; to++) {
			for (int role = 0; role < 4; role++)
				ears[role][0].heard = ears[role][1].heard = 0;
			send_role(&ears[from][0], (enum hub_role)to);
			for (int role = 0; role < 4; role++) {
				assert_int_equal(ears[role][0].heard,
						 role == to && from != to);
				assert_int_equal(ears[role][1].heard,
						 role == to);
			}
		}
	}
	for (int role = 0; role < 4; role++)
		for (int i = 0; i < 2; i++)
			leave(&ears[role][i]);
}

static void only_those_who_take_a_message_are_counted(void **state)
{
	struct ear from = {0}, deaf = {.is_deaf = true}, held = {0}, b = {0};
	const int64_t *events = &metric_values[METRIC_RELAYED_EVENT];
	const int64_t *bytes = &metric_values[METRIC_RELAYED_BYTES];
	int64_t events_before = *events, bytes_before = *bytes;

	(void)state;
	join(&from, "r", ROLE_BROADCASTER);
	join(&deaf, "r", ROLE_WATCHER);
	join(&held, "r", ROLE_WATCHER);
	hold(&held);
	send_role(&from, ROLE_WATCHER);
	send_role(&from, ROLE_OPERATOR);
	assert_int_equal(*events, events_before);
	join(&b, "r", ROLE_WATCHER);
	send_role(&from, ROLE_WATCHER);
	assert_int_equal(*events, events_before + 1);
	assert_int_equal(*bytes, bytes_before + 3);
	leave(&from);
	leave(&deaf);
	leave(&b);
}

static void each_kind_is_counted_under_its_name(void **state)
{
	static const struct {
		enum envelope_kind kind;
		enum metric metric;
	} cases[] = {
		{ENVELOPE_OFFER, METRIC_RELAYED_OFFER},
		{ENVELOPE_ANSWER, METRIC_RELAYED_ANSWER},
		{ENVELOPE_CANDIDATE, METRIC_RELAYED_CANDIDATE},
		{ENVELOPE_SIGNAL, METRIC_RELAYED_SIGNAL},
		{ENVELOPE_BROADCAST, METRIC_RELAYED_BROADCAST},
		{ENVELOPE_EVENT, METRIC_RELAYED_EVENT},
	};
	struct ear a = {0}, b = {0};

	(void)state;
	join(&a, "r", ROLE_PEER);
	join(&b, "r", ROLE_PEER);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t before = metric_values[cases[i].metric];
		struct envelope envelope = {.kind = cases[i].kind};

		hub_broadcast(a.peer, &envelope);
		assert_int_equal(metric_values[cases[i].metric], before + 1);
		/* An envelope may go out again, also to one alone. */
		assert_int_equal(
			hub_send(hub, a.peer, span_from(b.peer->id), &envelope),
			0);
		assert_false(envelope.is_for_many);
		assert_null(envelope.frames[FORM_NATIVE]);
		assert_int_equal(metric_values[cases[i].metric], before + 2);
	}
	leave(&a);
	leave(&b);
}

static void roles_and_leaves_are_logged_with_their_room(void **state)
{
	struct ear ear = {0};
	char id[CRYPTO_ID_LEN + 1], expected[256];
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	join(&ear, "kitchen", ROLE_PEER);
	memcpy(id, ear.peer->id, sizeof(id));
	log_configure(LOG_INFO, LOG_TEXT, out);
	assert_int_equal(hub_set_role(hub, ear.peer, ROLE_WATCHER, false), 0);
	hub_leave(hub, ear.peer, LEAVE_SLOW);
	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	(void)fclose(out);
	(void)snprintf(expected, sizeof(expected),
		       "peer.role id=%s role=watcher room=kitchen\n", id);
	assert_non_null(strstr(text, expected));
	(void)snprintf(expected, sizeof(expected),
		       "peer.leave id=%s reason=slow room=kitchen\n", id);
	assert_non_null(strstr(text, expected));
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_reaches_its_peer_with_the_true_sender),
		TEST(a_peer_of_another_room_is_unknown),
		TEST(a_peer_that_takes_nothing_is_said_to_the_sender),
		TEST(everybody_hears_of_whom_it_sees_and_of_no_other),
		TEST(a_room_has_one_broadcaster_until_it_leaves),
		TEST(a_full_room_and_a_full_server_refuse),
		TEST(thousands_of_watchers_cost_the_broadcaster_alone),
		TEST(the_number_of_viewers_is_told_at_most_once_a_second),
		TEST(a_large_audience_is_told_its_number_more_seldom),
		TEST(pages_hold_everybody_once_in_order_also_over_holes),
		TEST(an_audience_that_left_holds_no_places),
		TEST(names_and_metadata_outlive_the_join),
		TEST(a_join_without_memory_is_refused_and_changes_nothing),
		TEST(an_id_that_is_given_is_kept_and_is_nobody_elses),
		TEST(the_smaller_limit_of_peers_counts),
		TEST(a_held_peer_is_there_takes_nothing_and_leaves_in_time),
		TEST(held_peers_end_in_the_order_in_which_they_were_held),
		TEST(the_last_held_peer_takes_its_room_along),
		TEST(a_held_watcher_is_a_viewer_until_it_leaves),
		TEST(the_hub_ends_with_the_peers_it_holds),
		TEST(a_held_broadcaster_makes_way_for_a_newcomer),
		TEST(who_makes_way_may_be_all_that_was_in_a_full_room),
		TEST(who_is_held_does_not_fill_the_room),
		TEST(one_who_would_join_can_ask_first),
		TEST(a_new_role_is_told_to_those_who_saw_or_see_the_peer),
		TEST(a_new_role_changes_the_number_of_viewers_and_the_order),
		TEST(a_role_is_taken_until_somebody_replaces),
		TEST(a_held_broadcaster_makes_way_before_any_is_replaced),
		TEST(who_joins_may_replace_the_first_of_its_own_dialect),
		TEST(who_is_not_let_in_replaces_nobody),
		TEST(replacing_without_memory_changes_nothing),
		TEST(a_role_without_memory_changes_nothing),
		TEST(a_message_to_a_role_reaches_the_others_who_have_it),
		TEST(only_those_who_take_a_message_are_counted),
		TEST(each_kind_is_counted_under_its_name),
		TEST(roles_and_leaves_are_logged_with_their_room),
	};

	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
