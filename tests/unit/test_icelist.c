/* test_icelist.c: the ICE list: which servers, for whom, for how long. */
#include <setjmp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/json.h"
#include "turn/icelist.h"

#define NOW_S 1795368803u

static struct config config;
static struct clock now;
static struct buf out;
static char host[64], secret[64], none[1];
static struct span user_key;

static int setup(void **state)
{
	(void)state;
	config.turn.host = host;
	config.turn.secret = secret;
	config.turn.addresses = none;
	config.turn.region = none;
	config.turn.weight = 10;
	config.listen.tls = none;
	config.turn.tunnel = none;
	config.turn.probe = true;
	config.turn.withhold_unsafe = true;
	config.turn.servers_per_client = 2;
	strcpy(host, "turn.example.org");
	user_key = SPAN("user key");
	strcpy(secret, "north-north-north-north");
	config.turn.stun = config.turn.udp = config.turn.tcp = true;
	config.turn.tls = false;
	config.turn.port = 3478;
	config.turn.tls_port = 5349;
	config.turn.ttl_s = 600;
	config.turn.min_ttl_s = 60;
	config.turn.max_ttl_s = 3600;
	now.wall_ms = NOW_S * 1000ull;
	return 0;
}

static int new_list(struct icelist **list, const struct pool *pool)
{
	const struct icelist_parts parts = {.pool = pool, .clock = &now};

	return icelist_new(list, &config, &parts, user_key);
}

/* The answer as a JSON object, in out. */
static struct span answer(enum icelist_user kind, struct span subject,
			  uint64_t ttl_s, bool is_alive)
{
	const struct icelist_ask ask = {
		.kind = kind, .subject = subject, .ttl_s = ttl_s};
	struct icelist *list;
	struct pool *pool;

	out.len = 0;
	assert_int_equal(pool_new(&pool, &config), 0);
	for (size_t i = 0; i < pool->count; i++) {
		for (int t = 0; t < POOL_TRANSPORTS; t++)
			pool->servers[i].is_live[t] = is_alive;
		pool->servers[i].safety[POOL_FRONT] = POOL_SAFE;
	}
	assert_int_equal(new_list(&list, pool), 0);
	buf_append_str(&out, "{");
	icelist_write(list, &ask, &out);
	buf_append_str(&out, "}");
	icelist_free(list);
	pool_free(pool);
	assert_false(out.failed);
	assert_int_equal(json_validate(buf_span(&out)), 0);
	return buf_span(&out);
}

static struct span member(struct span object, const char *name)
{
	struct span value, wanted = span_from(name);

	assert_int_equal(json_pick(object, &wanted, 1, &value), 0);
	return value;
}

static bool holds(struct span text, const char *piece)
{
	return memmem(text.ptr, text.len, piece, strlen(piece));
}

static void it_names_the_transports_that_are_configured(void **state)
{
	struct span text;

	(void)state;
	text = answer(ICELIST_PEER, SPAN("id"), 0, true);
	assert_true(
		holds(text, "{\"urls\":[\"stun:turn.example.org:3478\"]},"));
	assert_true(holds(text,
			  "{\"urls\":[\"turn:turn.example.org:3478?transport="
			  "udp\",\"turn:turn.example.org:3478?transport=tcp\"],"
			  "\"username\":"));
	config.turn.stun = config.turn.udp = config.turn.tcp = false;
	config.turn.tls = true;
	strcpy(host, "2001:db8::1");
	text = answer(ICELIST_PEER, SPAN("id"), 0, true);
	assert_true(holds(text, "[{\"urls\":[\"turns:[2001:db8::1]:5349?"
				"transport=tcp\"],"));
}

static void the_ttl_stays_within_its_bounds(void **state)
{
	static const struct {
		uint64_t asked_s;
		const char *ttl, *refresh_after;
	} cases[] = {{0, "600", "450"},
		     {1, "60", "45"},
		     {100, "100", "75"},
		     {1000000, "3600", "2700"},
		     {UINT64_MAX, "3600", "2700"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct span text = answer(ICELIST_PEER, SPAN("id"),
					  cases[i].asked_s, true);

		assert_true(span_equal(member(text, "ttl"),
				       span_from(cases[i].ttl)));
		assert_true(span_equal(member(text, "refreshAfter"),
				       span_from(cases[i].refresh_after)));
	}
}

static void no_credential_outlives_2_to_the_31(void **state)
{
	struct span text;

	(void)state;
	now.wall_ms = (2147483647ull - 100) * 1000;
	text = answer(ICELIST_PEER, SPAN("id"), 3600, true);
	assert_true(span_equal(member(text, "ttl"), SPAN("100")));
	assert_true(holds(text, "\"username\":\"2147483647:p-"));
}

static void the_expiry_is_said_in_the_name_and_as_a_date(void **state)
{
	struct span text = answer(ICELIST_PEER, SPAN("id"), 0, true);

	(void)state;
	assert_true(holds(text, "\"username\":\"1795369403:p-"));
	assert_true(span_equal(member(text, "expiresAt"),
			       SPAN("\"2026-11-22T17:43:23Z\"")));
}

/* The user part, behind the expiry. */
static struct span user(enum icelist_user kind, const char *subject)
{
	struct span text = answer(kind, span_from(subject), 0, true);
	char *at = memmem(text.ptr, text.len, "1795369403:", 11);

	assert_non_null(at);
	return span_of(at + 11, 24);
}

static void one_user_has_one_name_and_two_have_two(void **state)
{
	char first[24];

	(void)state;
	memcpy(first, user(ICELIST_PEER, "a").ptr, 24);
	assert_memory_equal(first, user(ICELIST_PEER, "a").ptr, 24);
	assert_memory_not_equal(first, user(ICELIST_PEER, "b").ptr, 24);
	assert_memory_not_equal(first, user(ICELIST_ADDRESS, "a").ptr, 24);
	/* Quotas and kicks go on over a change of the secret. */
	strcpy(secret, "south-south-south-south");
	assert_memory_equal(first, user(ICELIST_PEER, "a").ptr, 24);
	user_key = SPAN("another");
	assert_memory_not_equal(first, user(ICELIST_PEER, "a").ptr, 24);
}

static void of_several_secrets_the_first_signs(void **state)
{
	struct span alone, one_of_two;
	char credential[64];

	(void)state;
	alone = member(answer(ICELIST_PEER, SPAN("id"), 0, true), "iceServers");
	alone = span_skip(alone, alone.len - 33);
	assert_int_equal(span_copy(alone, credential, sizeof(credential)), 0);
	strcpy(secret, "north-north-north-north,south-south-south-south");
	one_of_two =
		member(answer(ICELIST_PEER, SPAN("id"), 0, true), "iceServers");
	assert_true(span_equal(span_skip(one_of_two, one_of_two.len - 33),
			       span_from(credential)));
	strcpy(secret, "south-south-south-south,north-north-north-north");
	one_of_two =
		member(answer(ICELIST_PEER, SPAN("id"), 0, true), "iceServers");
	assert_false(span_equal(span_skip(one_of_two, one_of_two.len - 33),
				span_from(credential)));
}

static void a_user_is_told_by_the_name_that_credentials_have(void **state)
{
	char name[TURNCRED_MAX_USER + 1];
	struct icelist *list;

	(void)state;
	assert_int_equal(new_list(&list, NULL), 0);
	assert_int_equal(icelist_user_of(list, ICELIST_PEER, SPAN("a"), name),
			 0);
	icelist_free(list);
	assert_true(span_equal(span_from(name), user(ICELIST_PEER, "a")));
	strcpy(secret, "");
	strcpy(host, "");
	assert_int_equal(new_list(&list, NULL), 0);
	assert_int_equal(icelist_user_of(list, ICELIST_PEER, SPAN("a"), name),
			 -ENOENT);
	icelist_free(list);
}

static void without_a_living_server_there_is_stun_and_the_word(void **state)
{
	struct span text = answer(ICELIST_PEER, SPAN("id"), 0, false);

	(void)state;
	assert_true(span_equal(member(text, "turn"), SPAN("false")));
	assert_true(span_equal(
		member(text, "iceServers"),
		SPAN("[{\"urls\":[\"stun:turn.example.org:3478\"]}]")));
	strcpy(host, "");
	text = answer(ICELIST_PEER, SPAN("id"), 0, true);
	assert_true(span_equal(member(text, "iceServers"), SPAN("[]")));
}

/* A second server, of another name and secret. */
static struct config second;
static struct config_server servers[1] = {{"far", &second}};

static void every_server_is_an_entry_with_a_credential_of_its_own(void **state)
{
	static char far_host[] = "far.example.org";
	static char far_secret[] = "south-south-south-south";
	struct span text;

	(void)state;
	second = config;
	second.turn.host = far_host;
	second.turn.secret = far_secret;
	second.turn.tcp = false;
	config.servers = servers;
	config.servers_count = 1;
	text = answer(ICELIST_PEER, SPAN("id"), 0, true);
	config.servers_count = 0;
	assert_true(holds(text, "\"stun:turn.example.org:3478\""));
	assert_true(holds(text, "\"stun:far.example.org:3478\""));
	assert_true(holds(text, "{\"urls\":[\"turn:far.example.org:3478?"
				"transport=udp\"],\"username\":"));
	assert_true(holds(text, "{\"urls\":[\"turn:turn.example.org:3478?"
				"transport=udp\",\"turn:turn.example.org:3478?"
				"transport=tcp\"],\"username\":"));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_names_the_transports_that_are_configured),
		TEST(the_ttl_stays_within_its_bounds),
		TEST(no_credential_outlives_2_to_the_31),
		TEST(the_expiry_is_said_in_the_name_and_as_a_date),
		TEST(one_user_has_one_name_and_two_have_two),
		TEST(of_several_secrets_the_first_signs),
		TEST(a_user_is_told_by_the_name_that_credentials_have),
		TEST(without_a_living_server_there_is_stun_and_the_word),
		TEST(every_server_is_an_entry_with_a_credential_of_its_own),
	};

	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_clear(&out);
	return failed;
}
