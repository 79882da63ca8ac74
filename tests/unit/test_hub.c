/* test_hub.c: who is in a room, who hears of whom, and what that costs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "hub/hub.h"
#include "hub/room.h"

#define MAX_EVENTS 64
#define CROWD 5000

/* A peer's end of the line: what it was told, in order. */
struct ear {
	struct peer *peer;
	enum envelope_kind kinds[MAX_EVENTS];
	char about[MAX_EVENTS][CRYPTO_ID_LEN + 1];
	char payload[64];
	size_t viewers_count;
	size_t heard;
	bool is_deaf;
};

static struct hub *hub;
static struct config config;
static struct clock now;

static int deliver(struct envelope *envelope, void *arg)
{
	struct ear *ear = arg;
	size_t i = ear->heard++ % MAX_EVENTS;

	if (ear->is_deaf)
		return -ENOBUFS;
	ear->kinds[i] = envelope->kind;
	ear->about[i][0] = '\0';
	if (envelope->from)
		memcpy(ear->about[i], envelope->from->id, CRYPTO_ID_LEN + 1);
	ear->viewers_count = envelope->viewers_count;
	(void)span_copy(envelope->payload, ear->payload, sizeof(ear->payload));
	/* A dialect encodes once for many; the hub frees it. */
	if (envelope->is_for_many && !envelope->frames[FORM_NATIVE])
		envelope->frames[FORM_NATIVE] = blob_new(&SPAN("frame"), 1);
	return 0;
}

static const struct peer_ops ops = {deliver};

static int setup(void **state)
{
	(void)state;
	config.rooms.max_rooms = 1000;
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
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
