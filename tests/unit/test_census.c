/* test_census.c: pages of rooms and peers, and who is muted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "hub/census.h"
#include "hub/session.h"

#define ROOMS 2500

static struct hub *hub;
static struct config config;
static struct clock now;
static unsigned delivered;

static int deliver(const struct peer *to, struct envelope *envelope)
{
	(void)to;
	delivered += envelope->kind <= ENVELOPE_EVENT;
	return 0;
}

static const struct peer_ops ops = {.deliver = deliver};

static int setup(void **state)
{
	(void)state;
	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	config.rooms.max_rooms = ROOMS;
	config.rooms.max_peers_per_room = 100;
	config.rooms.max_broadcasters_per_room = 1;
	now = (struct clock){.mono_ms = 100000, .wall_ms = 1700000000500};
	delivered = 0;
	return hub_new(&hub, &config, &now);
}

static void leave_all(void)
{
	const struct room *room;
	bool has_more;
	const struct census_page page = {.most = 1};

	while (census_rooms(hub, &page, &room, &has_more)) {
		const struct peer *peer =
			census_next(hub, room->name, UINT64_MAX);

		hub_leave(hub, (struct peer *)(uintptr_t)peer, LEAVE_LEFT);
	}
}

static int teardown(void **state)
{
	(void)state;
	leave_all();
	hub_free(hub);
	return 0;
}

static struct peer *join(const char *room, enum hub_role role)
{
	const struct hub_join join = {
		.room = span_from(room), .role = role, .ops = &ops};
	struct peer *peer;

	assert_int_equal(hub_join(hub, &join, &peer), 0);
	return peer;
}

/* Made in no order at all: 7 has no factor in common with their number. */
static void fill(void)
{
	char name[16];

	for (unsigned i = 0; i < ROOMS; i++) {
		(void)snprintf(name, sizeof(name), "r%04u", i * 7 % ROOMS);
		(void)join(name, ROLE_PEER);
	}
}

static void every_room_is_on_one_page_in_order(void **state)
{
	static const size_t sizes[] = {1, 7, 999, 1000};
	const struct room *found[CENSUS_MAX_PAGE];
	char expected[16];

	(void)state;
	fill();
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		struct census_page page = {.most = sizes[s]};
		bool has_more = true;
		unsigned seen = 0;

		while (has_more) {
			size_t count =
				census_rooms(hub, &page, found, &has_more);

			assert_int_equal(has_more, seen + count < ROOMS);
			for (size_t i = 0; i < count; i++) {
				(void)snprintf(expected, sizeof(expected),
					       "r%04u", seen++);
				assert_true(span_equal(found[i]->name,
						       span_from(expected)));
			}
			page.after = found[count - 1]->name;
		}
		assert_int_equal(seen, ROOMS);
	}
}

static void a_page_has_those_alone_that_contain_what_is_asked_for(void **state)
{
	const struct census_page page = {.most = 50, .containing = SPAN("99")};
	const struct room *found[CENSUS_MAX_PAGE];
	bool has_more;
	size_t count;

	(void)state;
	fill();
	count = census_rooms(hub, &page, found, &has_more);
	/* 0099 … 2499, and 0990 … 0998, 1990 … 1998 */
	assert_int_equal(count, 25 + 9 + 9);
	assert_false(has_more);
	assert_true(span_equal(found[0]->name, SPAN("r0099")));
	assert_true(span_equal(found[count - 1]->name, SPAN("r2499")));
}

static void peers_are_listed_by_their_ids(void **state)
{
	const struct peer *found[3];
	struct census_page page = {.most = 3};
	bool has_more;
	struct peer *peers[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		peers[i] = join("r", i % 2 ? ROLE_WATCHER : ROLE_PEER);
	assert_int_equal(census_peers(hub, &page, found, &has_more), 3);
	assert_true(has_more);
	assert_true(strcmp(found[0]->id, found[1]->id) < 0);
	assert_true(strcmp(found[1]->id, found[2]->id) < 0);
	page.after = span_from(found[2]->id);
	assert_int_equal(census_peers(hub, &page, found, &has_more), 1);
	assert_false(has_more);
	for (int i = 0; i < 4; i++)
		assert_ptr_equal(census_peer(hub, span_from(peers[i]->id)),
				 peers[i]);
	assert_null(census_peer(hub, SPAN("nobody")));
	assert_null(census_room(hub, SPAN("nowhere")));
}

static void who_comes_after_the_mark_is_not_meant(void **state)
{
	struct peer *before[2], *later;
	uint64_t mark;

	(void)state;
	before[0] = join("r", ROLE_WATCHER);
	before[1] = join("r", ROLE_PEER);
	mark = census_mark(hub);
	later = join("r", ROLE_PEER);
	for (int i = 0; i < 2; i++) {
		const struct peer *next = census_next(hub, SPAN("r"), mark);

		assert_ptr_equal(next, before[1 - i]);
		hub_leave(hub, before[1 - i], LEAVE_KICKED);
	}
	assert_null(census_next(hub, SPAN("r"), mark));
	hub_leave(hub, later, LEAVE_LEFT);
	assert_null(census_next(hub, SPAN("r"), mark));
}

/* A reload of its page begins a new memory, and makes no newcomer of it. */
static void who_begins_anew_after_the_mark_was_there(void **state)
{
	struct hub_resume resume = {.join = {.room = SPAN("r"),
					     .id = "ada",
					     .inst = 1,
					     .has_session = true,
					     .attempt = 1,
					     .ops = &ops},
				    .generation = 1};
	struct peer *peer, *again;
	uint64_t mark;
	int err = 0;

	(void)state;
	config.session.window_s = 30;
	config.session.max_bytes = 100000;
	config.session.max_messages = 8;
	assert_int_equal(hub_join(hub, &resume.join, &peer), 0);
	mark = census_mark(hub);
	resume.join.inst = 2;
	assert_int_equal(hub_resume(hub, &resume, &again, &err), RESUMED);
	assert_ptr_equal(again, peer);
	assert_ptr_equal(census_next(hub, SPAN("r"), mark), peer);
}

static int say(struct peer *from, struct peer *to, enum envelope_kind kind)
{
	struct envelope envelope = {.kind = kind, .payload = SPAN("1")};

	return hub_send(hub, from, span_from(to->id), &envelope);
}

static void who_is_muted_negotiates_and_says_nothing_until_it_ends(void **state)
{
	struct peer *loud, *other;
	struct census_facts facts;

	(void)state;
	loud = join("r", ROLE_PEER);
	other = join("r", ROLE_BROADCASTER);
	assert_int_equal(hub_mute(hub, SPAN("nobody"), 1), -ENOENT);
	assert_int_equal(hub_mute(hub, span_from(loud->id), 3), 0);
	now.mono_ms += 1;
	census_facts(loud, &facts);
	assert_int_equal(facts.muted_s, 3);
	assert_int_equal(facts.since_s, 1700000000);
	assert_int_equal(say(loud, other, ENVELOPE_SIGNAL), -EACCES);
	assert_int_equal(say(loud, other, ENVELOPE_EVENT), -EACCES);
	hub_broadcast(loud, &(struct envelope){.kind = ENVELOPE_BROADCAST});
	assert_int_equal(
		hub_send_role(loud, ROLE_BROADCASTER,
			      &(struct envelope){.kind = ENVELOPE_EVENT}),
		0);
	assert_int_equal(delivered, 0);
	assert_int_equal(say(loud, other, ENVELOPE_OFFER), 0);
	assert_int_equal(say(loud, other, ENVELOPE_CANDIDATE), 0);
	assert_int_equal(say(other, loud, ENVELOPE_SIGNAL), 0);
	assert_int_equal(delivered, 3);
	now.mono_ms += 2999;
	assert_int_equal(say(loud, other, ENVELOPE_SIGNAL), 0);
	assert_int_equal(hub_mute(hub, span_from(loud->id), 9), 0);
	assert_int_equal(hub_mute(hub, span_from(loud->id), 0), 0);
	assert_int_equal(say(loud, other, ENVELOPE_SIGNAL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_room_is_on_one_page_in_order),
		TEST(a_page_has_those_alone_that_contain_what_is_asked_for),
		TEST(peers_are_listed_by_their_ids),
		TEST(who_comes_after_the_mark_is_not_meant),
		TEST(who_begins_anew_after_the_mark_was_there),
		TEST(who_is_muted_negotiates_and_says_nothing_until_it_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
