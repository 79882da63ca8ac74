/* test_pool.c: which TURN servers a client gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "turn/pool.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define USERS 3000

static char none[] = "", secret[] = "north-north-north-north";
static char hosts[3][16] = {"a.example", "b.example", "c.example"};
static char regions[3][8] = {"eu", "us", "eu"};
static struct config own, others[2];
static struct config_server servers[2] = {{"b", &others[0]}, {"c", &others[1]}};

static void fill(struct config *config, size_t i)
{
	config->turn.host = hosts[i];
	config->turn.region = regions[i];
	config->turn.secret = secret;
	config->turn.addresses = none;
	config->turn.udp = config->turn.tcp = config->turn.stun = true;
	config->turn.port = 3478;
	config->turn.tls_port = 5349;
	config->listen.tls = none;
	config->turn.tunnel = none;
	config->turn.weight = 10;
	config->turn.drained = false;
}

static int setup(void **state)
{
	(void)state;
	fill(&own, 0);
	fill(&others[0], 1);
	fill(&others[1], 2);
	own.turn.probe = own.turn.withhold_unsafe = true;
	own.turn.servers_per_client = 1;
	own.servers = servers;
	own.servers_count = COUNT(servers);
	return 0;
}

static struct pool *make(bool is_live)
{
	struct pool *pool;

	assert_int_equal(pool_new(&pool, &own), 0);
	assert_int_equal(pool->count, 3);
	for (size_t i = 0; i < pool->count && is_live; i++) {
		pool->servers[i].is_live[POOL_UDP] = true;
		pool->servers[i].safety[POOL_FRONT] = POOL_SAFE;
	}
	return pool;
}

static const struct pool_server *first(const struct pool *pool, unsigned user,
				       const char *region)
{
	const struct pool_server *chosen[POOL_MAX_CHOSEN];
	struct place place = {.count = 0};
	char name[16];

	place_add(&place, span_from(region));
	(void)snprintf(name, sizeof(name), "user-%u", user);
	if (!pool_choose(pool, span_from(name), &place, true, chosen))
		return NULL;
	return chosen[0];
}

static void a_server_counts_when_it_lives_and_was_tried(void **state)
{
	struct pool *pool = make(false);
	struct pool_server *server = &pool->servers[0];

	(void)state;
	assert_false(pool_is_alive(pool));
	assert_null(first(pool, 1, ""));
	server->is_live[POOL_UDP] = true;
	assert_false(pool_is_alive(pool));
	server->safety[POOL_FRONT] = POOL_UNSAFE;
	assert_false(pool_is_alive(pool));
	pool->withholds_unsafe = false;
	assert_true(pool_is_alive(pool));
	pool->withholds_unsafe = true;
	server->safety[POOL_FRONT] = POOL_SAFE;
	assert_true(pool_is_alive(pool));
	assert_ptr_equal(first(pool, 1, ""), server);
	assert_true(pool_can_offer(pool, server, POOL_UDP));
	assert_false(pool_can_offer(pool, server, POOL_TCP));
	server->is_drained = true;
	assert_false(pool_is_alive(pool));
	assert_null(first(pool, 1, ""));
	pool_free(pool);
}

static void without_proofs_all_are_taken_for_alive(void **state)
{
	struct pool *pool;

	(void)state;
	own.turn.probe = false;
	pool = make(false);
	assert_true(pool_has_relays(pool));
	assert_true(pool_is_alive(pool));
	assert_true(pool_can_offer(pool, &pool->servers[1], POOL_TCP));
	assert_false(pool_can_offer(pool, &pool->servers[1], POOL_TLS));
	pool_free(pool);
}

static void the_port_of_the_pages_is_a_way_where_turn_is_passed_on(void **state)
{
	static char listens[] = "0.0.0.0:443, [::]:443";
	static char tunnel[] = "127.0.0.1:3480";
	struct pool *pool;

	(void)state;
	own.listen.tls = listens;
	pool = make(true);
	assert_false(pool->servers[0].offers[POOL_TUNNEL]);
	pool_free(pool);
	own.turn.tunnel = tunnel;
	pool = make(true);
	assert_true(pool->servers[0].offers[POOL_TUNNEL]);
	assert_int_equal(pool->servers[0].ports[POOL_TUNNEL], 443);
	assert_false(pool->servers[1].offers[POOL_TUNNEL]);
	pool_free(pool);
	own.turn.tls = true;
	own.turn.tls_port = 443;
	pool = make(true);
	assert_false(pool->servers[0].offers[POOL_TUNNEL]);
	pool_free(pool);
	own.turn.tls = false;
}

static void users_are_spread_by_weight(void **state)
{
	struct pool *pool = make(true);
	unsigned counts[3] = {0};

	(void)state;
	pool->servers[2].weight = 40;
	for (unsigned user = 0; user < USERS; user++)
		counts[first(pool, user, "") - pool->servers]++;
	assert_in_range(counts[0], USERS / 6 - 100, USERS / 6 + 100);
	assert_in_range(counts[1], USERS / 6 - 100, USERS / 6 + 100);
	assert_in_range(counts[2], USERS * 4 / 6 - 130, USERS * 4 / 6 + 130);
	pool_free(pool);
}

static void who_has_one_keeps_it_when_another_goes(void **state)
{
	struct pool *pool = make(true);

	(void)state;
	for (unsigned user = 0; user < 200; user++) {
		const struct pool_server *before, *after;

		pool->servers[1].is_live[POOL_UDP] = true;
		before = first(pool, user, "");
		pool->servers[1].is_live[POOL_UDP] = false;
		after = first(pool, user, "");
		assert_ptr_not_equal(after, &pool->servers[1]);
		if (before != &pool->servers[1])
			assert_ptr_equal(after, before);
	}
	pool_free(pool);
}

static void the_region_asked_for_comes_first(void **state)
{
	const struct pool_server *chosen[POOL_MAX_CHOSEN];
	const struct place eu = {{"EU"}, 1};
	struct pool *pool;

	(void)state;
	own.turn.servers_per_client = 3;
	pool = make(true);
	for (unsigned user = 0; user < 50; user++)
		assert_ptr_equal(first(pool, user, "us"), &pool->servers[1]);
	assert_int_equal(pool_choose(pool, SPAN("x"), &eu, true, chosen), 3);
	assert_ptr_equal(chosen[2], &pool->servers[1]);
	assert_non_null(first(pool, 1, "moon"));
	pool_free(pool);
}

static void a_narrower_region_comes_before_a_wider_one(void **state)
{
	static char wide[] = "na", narrow[] = "US", none_of_them[] = "ca";
	const struct pool_server *chosen[POOL_MAX_CHOSEN];
	const struct place place = {{"US-CA", "US", "NA"}, 3};
	struct pool *pool;

	(void)state;
	own.turn.servers_per_client = 3;
	own.turn.region = none_of_them;
	others[0].turn.region = wide;
	others[1].turn.region = narrow;
	pool = make(true);
	for (char user = 'a'; user != 'z'; user++) {
		assert_int_equal(pool_choose(pool, span_of(&user, 1), &place,
					     true, chosen),
				 3);
		assert_ptr_equal(chosen[0], &pool->servers[2]);
		assert_ptr_equal(chosen[1], &pool->servers[1]);
		assert_ptr_equal(chosen[2], &pool->servers[0]);
	}
	pool_free(pool);
}

static void a_reload_keeps_what_is_known_of_the_same_server(void **state)
{
	static char other[] = "south-south-south-south";
	struct pool *before = make(true), *after;

	(void)state;
	own.turn.weight = 99;
	others[0].turn.secret = other;
	others[1].turn.port = 3999;
	after = make(false);
	pool_adopt(after, before);
	assert_true(after->servers[0].is_live[POOL_UDP]);
	assert_int_equal(after->servers[0].safety[POOL_FRONT], POOL_SAFE);
	assert_int_equal(after->servers[0].weight, 99);
	assert_false(after->servers[1].is_live[POOL_UDP]);
	assert_false(after->servers[2].is_live[POOL_UDP]);
	pool_free(after);
	pool_free(before);
}

static void memory_may_run_out_anywhere(void **state)
{
	struct pool *pool;
	long n = 1;
	int err;

	(void)state;
	do {
		fail_alloc_at(n++);
		err = pool_new(&pool, &own);
		(void)fail_alloc_stop();
		assert_true(!err || err == -12);
	} while (err);
	assert_in_range(n, 5, 1000);
	pool_free(pool);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_server_counts_when_it_lives_and_was_tried),
		TEST(without_proofs_all_are_taken_for_alive),
		TEST(the_port_of_the_pages_is_a_way_where_turn_is_passed_on),
		TEST(users_are_spread_by_weight),
		TEST(who_has_one_keeps_it_when_another_goes),
		TEST(the_region_asked_for_comes_first),
		TEST(a_narrower_region_comes_before_a_wider_one),
		TEST(a_reload_keeps_what_is_known_of_the_same_server),
		TEST(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
