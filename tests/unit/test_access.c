/* test_access.c: who may come in, in each mode, with each thing shown. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "access/access.h"
#include "access/apikey.h"
#include "guard.h"

static char loopback[] = "127.0.0.1:8080, [::1]:8080";
static char world[] = "127.0.0.1:8080, 198.51.100.1:80";
static char nowhere[] = "";
static char no_keys[] = "";

static struct config config;
static struct loop *loop;
static struct net_addr from;
static struct access *access_of;
static char key[APIKEY_LEN + 1];
static char keys[200];

static int setup(void **state)
{
	char hash[CONFIG_KEY_HASH_LEN + 1], other[APIKEY_LEN + 1];
	char other_hash[CONFIG_KEY_HASH_LEN + 1];
	char why[TOKENS_MAX_ERROR];

	(void)state;
	apikey_new(key, hash);
	apikey_new(other, other_hash);
	(void)snprintf(keys, sizeof(keys), "other:%s, shop:%s", other_hash,
		       hash);
	config.listen.address = loopback;
	config.listen.tls = nowhere;
	config.access.keys = keys;
	config.access.token_secret = no_keys;
	config.access.token_key = no_keys;
	config.access.token_jwks = no_keys;
	config.access.token_algorithm = no_keys;
	assert_int_equal(net_addr_parse(SPAN("192.0.2.1:9"), &from), 0);
	assert_int_equal(loop_new(&loop, &config, 100), 0);
	return access_new(&access_of, loop, why);
}

static int teardown(void **state)
{
	(void)state;
	access_free(access_of);
	loop_free(loop);
	return 0;
}

static void set_mode(const char *mode)
{
	static char space[16];

	(void)span_copy(span_from(mode), space, sizeof(space));
	config.access.mode = space;
}

static struct access_verdict judge(const char *shown, enum origin_verdict page)
{
	const struct access_ask ask = {
		.shown = {.page = page,
			  .credential = shown ? span_from(shown)
					      : (struct span){NULL, 0}},
		.room = SPAN("kitchen"),
		.role = SPAN(""),
		.from = &from,
	};
	struct access_verdict verdict;

	access_judge(access_of, &ask, &verdict);
	return verdict;
}

/* NULL when it is granted. */
static const char *code_of(const char *shown, enum origin_verdict page)
{
	struct access_verdict verdict = judge(shown, page);
	const char *code = verdict.code;

	assert_true(!code == !verdict.message);
	assert_true(code || verdict.claims.rights);
	access_verdict_clear(&verdict);
	return code;
}

static void assert_code(const char *code, const char *expected)
{
	if (!expected)
		assert_null(code);
	else
		assert_string_equal(code, expected);
}

static void without_a_mode_it_is_the_address_that_decides(void **state)
{
	(void)state;
	set_mode("auto");
	assert_int_equal(config_mode(&config), MODE_OPEN);
	config.listen.tls = world;
	assert_int_equal(config_mode(&config), MODE_GUEST);
	config.listen.tls = nowhere;
	config.listen.address = world;
	assert_int_equal(config_mode(&config), MODE_GUEST);
	set_mode("key");
	assert_int_equal(config_mode(&config), MODE_KEY);
}

static void each_mode_lets_in_whom_it_says(void **state)
{
	static const struct {
		const char *mode;
		enum origin_verdict page;
		const char *bare, *bad;
	} cases[] = {
		{"open", ORIGIN_ABSENT, NULL, "bad-key"},
		{"open", ORIGIN_OWN, NULL, "bad-key"},
		{"guest", ORIGIN_OWN, NULL, "bad-key"},
		{"guest", ORIGIN_ALLOWED, NULL, "bad-key"},
		{"guest", ORIGIN_ABSENT, "auth-required", "bad-key"},
		{"guest", ORIGIN_FOREIGN, "auth-required", "bad-key"},
		{"key", ORIGIN_OWN, "auth-required", "bad-key"},
		{"key", ORIGIN_ABSENT, "auth-required", "bad-key"},
		{"token", ORIGIN_OWN, "auth-required", "bad-key"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		set_mode(cases[i].mode);
		assert_code(code_of(NULL, cases[i].page), cases[i].bare);
		assert_code(code_of("sk_wrong", cases[i].page), cases[i].bad);
		assert_code(code_of(key, cases[i].page), NULL);
	}
}

static void what_a_guest_may_is_less_than_what_a_backend_may(void **state)
{
	struct access_verdict verdict;

	(void)state;
	set_mode("guest");
	verdict = judge(NULL, ORIGIN_OWN);
	assert_true(verdict.is_guest);
	assert_int_equal(access_lacks(&verdict), RIGHT_KICK);
	verdict = judge(key, ORIGIN_ABSENT);
	assert_false(verdict.is_guest);
	assert_int_equal(access_lacks(&verdict), 0);
	assert_string_equal(verdict.claims.subject, "shop");
}

static void a_key_is_whole_or_none(void **state)
{
	char text[APIKEY_LEN + 2];

	(void)state;
	set_mode("key");
	for (size_t i = 0; i < APIKEY_LEN; i++) {
		memcpy(text, key, sizeof(key));
		text[i] ^= 1;
		assert_non_null(code_of(text, ORIGIN_ABSENT));
	}
	(void)snprintf(text, sizeof(text), "%sA", key);
	assert_code(code_of(text, ORIGIN_ABSENT), "bad-key");
	memcpy(text, key, APIKEY_LEN - 1);
	text[APIKEY_LEN - 1] = '\0';
	assert_code(code_of(text, ORIGIN_ABSENT), "bad-key");
}

static void where_nobody_can_vouch_nothing_shown_counts(void **state)
{
	(void)state;
	config.access.keys = no_keys;
	set_mode("open");
	assert_code(code_of("whatever an application likes", ORIGIN_ABSENT),
		    NULL);
	set_mode("guest");
	assert_code(code_of("whatever", ORIGIN_ABSENT), "auth-required");
}

static void make_ticket(struct claims claims, char ticket[TICKET_LEN + 1])
{
	assert_int_equal(
		tickets_make(access_tickets(access_of), &claims, ticket), 0);
}

static void a_ticket_is_good_once(void **state)
{
	const struct claims claims = {.subject = "ada",
				      .rights = RIGHT_JOIN | RIGHT_WATCH,
				      .metadata = strdup("{}")};
	char ticket[TICKET_LEN + 1];
	struct access_verdict verdict;

	(void)state;
	set_mode("key");
	make_ticket(claims, ticket);
	verdict = judge(ticket, ORIGIN_ABSENT);
	assert_null(verdict.code);
	assert_string_equal(verdict.claims.subject, "ada");
	assert_string_equal(verdict.claims.metadata, "{}");
	assert_int_equal(access_lacks(&verdict),
			 RIGHTS_ALL & ~(RIGHT_JOIN | RIGHT_WATCH));
	access_verdict_clear(&verdict);
	assert_code(code_of(ticket, ORIGIN_ABSENT), "bad-ticket");
}

static void a_ticket_is_good_for_half_a_minute(void **state)
{
	char ticket[TICKET_LEN + 1], later[TICKET_LEN + 1];

	(void)state;
	set_mode("key");
	make_ticket((struct claims){.rights = RIGHT_JOIN}, ticket);
	loop->clock.mono_ms += TICKET_LIVES_S * 1000 - 1;
	make_ticket((struct claims){.rights = RIGHT_JOIN}, later);
	assert_code(code_of(ticket, ORIGIN_ABSENT), NULL);
	make_ticket((struct claims){.rights = RIGHT_JOIN}, ticket);
	loop->clock.mono_ms += TICKET_LIVES_S * 1000;
	assert_code(code_of(ticket, ORIGIN_ABSENT), "bad-ticket");
	assert_code(code_of(later, ORIGIN_ABSENT), "bad-ticket");
}

static void tickets_have_a_number_that_they_end_at(void **state)
{
	struct claims claims = {.rights = RIGHT_JOIN};
	char ticket[TICKET_LEN + 1];
	size_t count = 0;
	int err;

	(void)state;
	do {
		claims.rights = RIGHT_JOIN;
		err = tickets_make(access_tickets(access_of), &claims, ticket);
	} while (!err && ++count < 100000);
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(count, 10000);
	loop->clock.mono_ms += TICKET_LIVES_S * 1000;
	assert_int_equal(
		tickets_make(access_tickets(access_of), &claims, ticket), 0);
}

static void claims_are_for_a_room_and_a_role(void **state)
{
	static const struct {
		const char *own_room, *own_role, *role, *code;
	} cases[] = {
		{"", "", "", NULL},
		{"kitchen", "", "watcher", NULL},
		{"kit*", "watcher", "watcher", NULL},
		{"kitchen", "watcher", "", NULL},
		{"cellar", "", "", "wrong-room"},
		{"kitchen", "watcher", "broadcaster", "wrong-role"},
	};

	(void)state;
	set_mode("key");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct claims claims = {.rights = RIGHTS_USUAL};
		char ticket[TICKET_LEN + 1];
		struct access_ask ask = {.room = SPAN("kitchen"),
					 .role = span_from(cases[i].role),
					 .from = &from};
		struct access_verdict verdict;

		(void)span_copy(span_from(cases[i].own_room), claims.room,
				sizeof(claims.room));
		(void)span_copy(span_from(cases[i].own_role), claims.role,
				sizeof(claims.role));
		make_ticket(claims, ticket);
		ask.shown.credential = span_from(ticket);
		access_judge(access_of, &ask, &verdict);
		assert_code(verdict.code, cases[i].code);
		access_verdict_clear(&verdict);
	}
}

static void a_message_tells_a_credential_in_two_forms(void **state)
{
	static const struct {
		const char *auth, *told;
	} cases[] = {
		{"\"tk_abc\"", "tk_abc"},
		{"\"tk\\u005fabc\"", "tk_abc"},
		{"{\"token\": \"tk_abc\", \"more\": [1]}", "tk_abc"},
		{"{\"ticket\": \"tk_abc\"}", NULL},
		{"{\"token\": 7}", NULL},
		{"[\"tk_abc\"]", NULL},
		{"null", NULL},
		{"7", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char space[SHOWN_MAX_CREDENTIAL + 1];
		struct shown shown = {.credential = {NULL, 0}};

		shown_tell(&shown, span_from(cases[i].auth), space);
		if (!cases[i].told)
			assert_null(shown.credential.ptr);
		else
			assert_true(span_equal(shown.credential,
					       span_from(cases[i].told)));
	}
}

/* A key of ours and more, of so many bytes. */
static void fill(char *text, size_t len)
{
	memset(text, 'A', len);
	memcpy(text, key, APIKEY_LEN);
	text[len] = '\0';
}

static const char *code_of_shown(const struct shown *shown)
{
	const struct access_ask ask = {
		.shown = *shown, .role = SPAN(""), .from = &from};
	struct access_verdict verdict;

	const char *code;

	access_judge(access_of, &ask, &verdict);
	code = verdict.code;
	access_verdict_clear(&verdict);
	return code;
}

static void assert_shown(const struct shown *shown, size_t len)
{
	bool is_too_long = len > SHOWN_MAX_CREDENTIAL;

	assert_int_equal(shown->is_too_long, is_too_long);
	assert_int_equal(shown->credential.len, is_too_long ? 0 : len);
	assert_int_equal(shown->page, ORIGIN_OWN);
}

static void a_credential_is_whole_or_none(void **state)
{
	static char text[SHOWN_MAX_CREDENTIAL + 100] = "Bearer ";
	static struct http_request head = {.headers_count = 1};
	const struct web_request request = {.head = &head,
					    .origin_verdict = ORIGIN_OWN};
	const size_t start = sizeof("Bearer ") - 1;
	char space[TICKET_LEN + 1];

	(void)state;
	set_mode("guest");
	for (size_t len = SHOWN_MAX_CREDENTIAL - 1;
	     len <= SHOWN_MAX_CREDENTIAL + 2; len++) {
		struct shown_kept kept = {.bytes = NULL};
		struct shown shown;

		fill(text + start, len);
		head.headers[0] = (struct http_header){
			SPAN("Authorization"), span_of(text, start + len)};
		shown_read(&shown, &request, space);
		assert_shown(&shown, len);
		shown_keep(&kept, &config, &request);
		shown_recall(&shown, &kept);
		assert_shown(&shown, len);
		shown_forget(&kept);
	}
}

/* len bytes in quotes, the last of them an escape if that is wanted. */
static struct span quote(char *text, size_t len, const char *last)
{
	size_t last_len = strlen(last);

	text[0] = '"';
	fill(text + 1, len);
	memcpy(text + len, last, last_len);
	text[len + last_len] = '"';
	return span_of(text, len + last_len + 1);
}

static void what_is_told_is_whole_or_none(void **state)
{
	static const char *const lasts[] = {"A", "\\u0041", "\\n"};
	static char text[SHOWN_MAX_CREDENTIAL + 100];
	static char space[SHOWN_MAX_CREDENTIAL + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(lasts) / sizeof(*lasts); i++) {
		for (size_t len = SHOWN_MAX_CREDENTIAL - 1;
		     len <= SHOWN_MAX_CREDENTIAL + 2; len++) {
			/* It goes before what was shown, if that was good. */
			struct shown shown = {.credential = span_from(key),
					      .page = ORIGIN_OWN};

			shown_tell(&shown, quote(text, len, lasts[i]), space);
			assert_shown(&shown, len);
			shown_tell(&shown, SPAN("\"short\""), space);
			assert_shown(&shown, sizeof("short") - 1);
		}
	}
}

static void who_shows_too_much_is_no_guest(void **state)
{
	static const char *const modes[] = {"open", "guest", "key", "token"};
	const struct shown shown = {.page = ORIGIN_OWN, .is_too_long = true};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		set_mode(modes[i]);
		assert_code(code_of_shown(&shown), "bad-credential");
	}
	/* Where nobody can vouch it is no matter. */
	config.access.keys = no_keys;
	set_mode("open");
	assert_code(code_of_shown(&shown), NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_mode_it_is_the_address_that_decides),
		TEST(each_mode_lets_in_whom_it_says),
		TEST(what_a_guest_may_is_less_than_what_a_backend_may),
		TEST(a_key_is_whole_or_none),
		TEST(where_nobody_can_vouch_nothing_shown_counts),
		TEST(a_ticket_is_good_once),
		TEST(a_ticket_is_good_for_half_a_minute),
		TEST(tickets_have_a_number_that_they_end_at),
		TEST(claims_are_for_a_room_and_a_role),
		TEST(a_message_tells_a_credential_in_two_forms),
		TEST(a_credential_is_whole_or_none),
		TEST(what_is_told_is_whole_or_none),
		TEST(who_shows_too_much_is_no_guest),
	};

	return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
