/* test_hub_rights.c: the hub lets nobody do what they have no right to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "hub/hub.h"
#include "hub/session.h"
#include "policy/metric.h"

static char refuse[] = "refuse", replace[] = "replace";
static char same_user[] = "same-user";
static struct hub *hub;
static struct config config;
static struct clock now;

static int deliver(const struct peer *to, struct envelope *envelope)
{
	(void)envelope;
	if (to->arg)
		(*(size_t *)to->arg)++;
	return 0;
}

/* Who was sent away last, and why. */
static struct peer *expelled;
static const char *expelled_why;

static void expel(struct peer *peer, const char *reason)
{
	expelled = peer;
	expelled_why = reason;
}

static const struct peer_ops ops = {.deliver = deliver, .expel = expel};

static int setup(void **state)
{
	(void)state;
	config.rooms.max_rooms = 10;
	config.rooms.max_peers_per_room = 10;
	config.rooms.max_broadcasters_per_room = 1;
	config.rooms.takeover = refuse;
	now.mono_ms = 100000;
	expelled = NULL;
	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	return hub_new(&hub, &config, &now);
}

static int teardown(void **state)
{
	(void)state;
	hub_free(hub);
	return 0;
}

static struct hub_join join_of(enum hub_role role, unsigned lacks, void *arg)
{
	return (struct hub_join){.room = SPAN("r"),
				 .role = role,
				 .lacks = lacks,
				 .ops = &ops,
				 .arg = arg};
}

static struct peer *join(enum hub_role role, unsigned lacks, void *arg)
{
	const struct hub_join join = join_of(role, lacks, arg);
	struct peer *peer;

	assert_int_equal(hub_may_join(hub, &join), 0);
	assert_int_equal(hub_join(hub, &join, &peer), 0);
	return peer;
}

static void leave(struct peer *peer)
{
	hub_leave(hub, peer, LEAVE_LEFT);
}

static void each_role_needs_its_right_and_all_that_to_join(void **state)
{
	static const struct {
		enum hub_role role;
		unsigned needed;
	} cases[] = {
		{ROLE_PEER, 0},
		{ROLE_BROADCASTER, RIGHT_PUBLISH},
		{ROLE_WATCHER, RIGHT_WATCH},
		{ROLE_OPERATOR, RIGHT_KICK},
	};
	struct peer *peer;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum hub_role role = cases[i].role;

		for (unsigned right = 1; right & RIGHTS_ALL; right <<= 1) {
			const struct hub_join join = join_of(role, right, NULL);
			bool is_needed = right & (RIGHT_JOIN | cases[i].needed);
			int err = is_needed ? -EPERM : 0;

			assert_int_equal(hub_may_join(hub, &join), err);
			assert_int_equal(hub_join(hub, &join, &peer), err);
			if (!err)
				leave(peer);
			assert_int_equal(hub_rooms_count(hub), 0);
		}
	}
}

static void a_role_is_not_got_by_changing_either(void **state)
{
	struct peer *peer = join(ROLE_PEER, RIGHT_PUBLISH | RIGHT_KICK, NULL);

	(void)state;
	assert_int_equal(hub_set_role(hub, peer, ROLE_BROADCASTER, true),
			 -EPERM);
	assert_int_equal(hub_set_role(hub, peer, ROLE_OPERATOR, false), -EPERM);
	assert_int_equal(hub_set_role(hub, peer, ROLE_WATCHER, false), 0);
	assert_int_equal(peer->role, ROLE_WATCHER);
	leave(peer);
}

static void sending_to_one_and_to_all_are_two_rights(void **state)
{
	size_t heard = 0;
	struct peer *ear = join(ROLE_BROADCASTER, 0, &heard);
	struct peer *dumb = join(ROLE_PEER, RIGHT_SIGNAL, NULL);
	struct peer *quiet = join(ROLE_PEER, RIGHT_BROADCAST, NULL);
	struct envelope one = {.kind = ENVELOPE_SIGNAL, .payload = SPAN("1")};
	struct envelope all = {.kind = ENVELOPE_BROADCAST,
			       .payload = SPAN("1")};
	int64_t relayed = metric_values[METRIC_RELAYED_SIGNAL];

	(void)state;
	heard = 0;
	assert_int_equal(hub_send(hub, dumb, span_from(ear->id), &one), -EPERM);
	assert_int_equal(hub_send_role(dumb, ROLE_BROADCASTER, &one), -EPERM);
	assert_int_equal(hub_broadcast(quiet, &all), -EPERM);
	assert_int_equal(heard, 0);
	assert_int_equal(metric_values[METRIC_RELAYED_SIGNAL], relayed);
	assert_int_equal(hub_broadcast(dumb, &all), 0);
	assert_int_equal(hub_send(hub, quiet, span_from(ear->id), &one), 0);
	assert_int_equal(hub_send_role(quiet, ROLE_BROADCASTER, &one), 0);
	assert_int_equal(heard, 3);
	assert_int_equal(hub_send(hub, dumb, SPAN("nobody"), &one), -EPERM);
	leave(dumb);
	leave(quiet);
	leave(ear);
}

/* By each role to each: the first may send to the second. */
static void only_who_see_each_other_send_to_each_other(void **state)
{
	static const enum hub_role roles[] = {ROLE_PEER, ROLE_BROADCASTER,
					      ROLE_WATCHER, ROLE_OPERATOR};
	static const bool may[4][4] = {
		[ROLE_PEER] = {true, true, false, true},
		[ROLE_BROADCASTER] = {true, true, true, true},
		[ROLE_WATCHER] = {false, true, false, true},
		[ROLE_OPERATOR] = {true, true, true, true},
	};

	(void)state;
	config.rooms.max_broadcasters_per_room = 2;
	for (size_t i = 0; i < 16; i++) {
		enum hub_role by = roles[i / 4], to = roles[i % 4];
		size_t heard = 0;
		struct peer *from = join(by, 0, NULL);
		struct peer *ear = join(to, 0, &heard);
		struct envelope one = {.kind = ENVELOPE_SIGNAL,
				       .payload = SPAN("1")};
		int err = may[by][to] ? 0 : -EHOSTUNREACH;

		heard = 0;
		assert_int_equal(hub_send(hub, from, span_from(ear->id), &one),
				 0);
		assert_int_equal(hub_send_role(from, to, &one), 0);
		assert_int_equal(heard, 2);
		config.rooms.address_seen_only = true;
		assert_int_equal(hub_send(hub, from, span_from(ear->id), &one),
				 err);
		assert_int_equal(hub_send_role(from, to, &one), err);
		assert_int_equal(hub_send(hub, from, SPAN("nobody"), &one),
				 -ENOENT);
		assert_int_equal(heard, err ? 2 : 4);
		config.rooms.address_seen_only = false;
		leave(from);
		leave(ear);
	}
}

static void a_broadcaster_has_so_many_watchers_and_no_more(void **state)
{
	const struct hub_join one_more = join_of(ROLE_WATCHER, 0, NULL);
	struct peer *first, *second, *peer, *none;

	(void)state;
	config.rooms.max_watchers_per_room = 2;
	first = join(ROLE_WATCHER, 0, NULL);
	second = join(ROLE_WATCHER, 0, NULL);
	assert_int_equal(hub_may_join(hub, &one_more), -EUSERS);
	assert_int_equal(hub_join(hub, &one_more, &none), -EUSERS);
	peer = join(ROLE_PEER, 0, NULL);
	assert_int_equal(hub_set_role(hub, peer, ROLE_WATCHER, false), -EUSERS);
	assert_int_equal(peer->role, ROLE_PEER);
	assert_int_equal(hub_set_role(hub, second, ROLE_WATCHER, false), 0);
	/* Who is cut off leaves its place to others, and may come back. */
	hub_await(hub, first);
	assert_int_equal(hub_set_role(hub, peer, ROLE_WATCHER, false), 0);
	hub_back(hub, first);
	assert_int_equal(hub_may_join(hub, &one_more), -EUSERS);
	leave(first);
	assert_int_equal(hub_may_join(hub, &one_more), -EUSERS);
	leave(second);
	assert_int_equal(hub_may_join(hub, &one_more), 0);
	config.rooms.max_watchers_per_room = 0;
	leave(join(ROLE_WATCHER, 0, NULL));
	leave(peer);
}

static void guests_make_no_rooms_where_they_may_not(void **state)
{
	struct hub_join guest = join_of(ROLE_PEER, 0, NULL);
	struct peer *peer, *host;

	(void)state;
	guest.makes_no_rooms = true;
	assert_int_equal(hub_may_join(hub, &guest), -ENOENT);
	assert_int_equal(hub_join(hub, &guest, &peer), -ENOENT);
	assert_int_equal(hub_rooms_count(hub), 0);
	host = join(ROLE_PEER, 0, NULL);
	assert_int_equal(hub_may_join(hub, &guest), 0);
	assert_int_equal(hub_join(hub, &guest, &peer), 0);
	leave(peer);
	leave(host);
}

/* Comes as broadcaster where there is one; returns what came of it. */
static int take_over(const char *user)
{
	struct hub_join join = join_of(ROLE_BROADCASTER, 0, NULL);
	struct peer *peer;
	int err;

	join.user = span_from(user);
	err = hub_join(hub, &join, &peer);
	if (!err)
		leave(peer);
	return err;
}

static struct peer *broadcaster_of(const char *user)
{
	struct hub_join join = join_of(ROLE_BROADCASTER, 0, &now);
	struct peer *peer;

	join.user = span_from(user);
	/* An arg that nothing is counted in. */
	join.arg = calloc(1, sizeof(size_t));
	assert_non_null(join.arg);
	assert_int_equal(hub_join(hub, &join, &peer), 0);
	expelled = NULL;
	return peer;
}

static void a_broadcaster_makes_way_as_the_policy_says(void **state)
{
	static const struct {
		char *takeover;
		const char *holder, *comer;
		int err;
	} cases[] = {
		{refuse, "ada", "ada", -EEXIST},
		{replace, "ada", "bob", 0},
		{replace, "", "", 0},
		{same_user, "ada", "ada", 0},
		{same_user, "ada", "bob", -EEXIST},
		{same_user, "ada", "", -EEXIST},
		{same_user, "", "", -EEXIST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct peer *holder = broadcaster_of(cases[i].holder);
		void *arg = holder->arg;

		config.rooms.takeover = cases[i].takeover;
		assert_int_equal(take_over(cases[i].comer), cases[i].err);
		if (cases[i].err) {
			assert_null(expelled);
			leave(holder);
		} else {
			assert_ptr_equal(expelled, holder);
			assert_string_equal(expelled_why, "role-taken");
		}
		assert_int_equal(hub_peers_count(hub), 0);
		free(arg);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_role_needs_its_right_and_all_that_to_join),
		TEST(a_role_is_not_got_by_changing_either),
		TEST(sending_to_one_and_to_all_are_two_rights),
		TEST(only_who_see_each_other_send_to_each_other),
		TEST(a_broadcaster_has_so_many_watchers_and_no_more),
		TEST(guests_make_no_rooms_where_they_may_not),
		TEST(a_broadcaster_makes_way_as_the_policy_says),
	};

	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
