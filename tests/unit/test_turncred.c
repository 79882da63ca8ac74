/* test_turncred.c: time-limited TURN credentials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>

#include "codec/turncred.h"

#define NOW_S 1700000000u

static int make_hmac(void **state)
{
	return crypto_hmac_new((struct crypto_hmac **)state, CRYPTO_SHA1,
			       SPAN("north"));
}

static int free_hmac(void **state)
{
	crypto_hmac_free(*state);
	return 0;
}

/*
 * The credentials come from
 * printf %s 1700003600:alice | openssl dgst -sha1 -hmac north -binary | base64
 */
static void a_credential_is_the_hmac_of_expiry_and_user(void **state)
{
	struct turncred cred;

	assert_int_equal(
		turncred_make(*state, SPAN("alice"), NOW_S, 3600, &cred), 0);
	assert_string_equal(cred.username, "1700003600:alice");
	assert_string_equal(cred.credential, "wjwSXO2ch1B6VaLTLMy2Avn5O9o=");
	assert_int_equal(cred.expires_at_s, 1700003600);
}

static void the_longest_user_fits(void **state)
{
	struct turncred cred;
	char user[TURNCRED_MAX_USER];

	memset(user, 'a', sizeof(user));
	assert_int_equal(turncred_make(*state, span_of(user, sizeof(user)),
				       NOW_S, 3600, &cred),
			 0);
	assert_int_equal(strlen(cred.username), 10 + 1 + TURNCRED_MAX_USER);
	assert_string_equal(cred.credential, "p/Jo48o+Rx1IZXHizHyurC86v3E=");
}

static void an_expiry_is_capped_where_coturn_would_see_it_negative(void **state)
{
	static const struct {
		uint64_t now_s, ttl_s;
	} cases[] = {
		{NOW_S, TURNCRED_MAX_EXPIRY_S - NOW_S},
		{NOW_S, TURNCRED_MAX_EXPIRY_S - NOW_S + 1},
		{NOW_S, UINT64_MAX},
		{TURNCRED_MAX_EXPIRY_S, 1},
		{UINT64_MAX, UINT64_MAX},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct turncred cred;

		assert_int_equal(turncred_make(*state, SPAN("bob"),
					       cases[i].now_s, cases[i].ttl_s,
					       &cred),
				 0);
		assert_string_equal(cred.username, "2147483647:bob");
		assert_string_equal(cred.credential,
				    "+qm6aURRFM6gVm99WGnLC7+jQxc=");
		assert_int_equal(cred.expires_at_s, TURNCRED_MAX_EXPIRY_S);
	}
}

static void an_expiry_below_the_cap_is_kept(void **state)
{
	struct turncred cred;

	assert_int_equal(turncred_make(*state, SPAN("bob"), NOW_S,
				       TURNCRED_MAX_EXPIRY_S - NOW_S - 1,
				       &cred),
			 0);
	assert_int_equal(cred.expires_at_s, TURNCRED_MAX_EXPIRY_S - 1);
}

static bool is_allowed(int c)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789_.-";

	return memchr(allowed, c, sizeof(allowed) - 1) != NULL;
}

static void a_user_with_any_other_character_is_refused(void **state)
{
	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < 3; at++) {
			char user[] = {'a', 'b', 'c'};
			struct turncred cred;

			user[at] = (char)c;
			assert_int_equal(
				turncred_make(*state,
					      span_of(user, sizeof(user)),
					      NOW_S, 60, &cred),
				is_allowed(c) ? 0 : -EINVAL);
		}
	}
}

static void a_user_too_long_or_empty_is_refused(void **state)
{
	char user[TURNCRED_MAX_USER + 1];
	struct turncred cred;

	memset(user, 'a', sizeof(user));
	assert_int_equal(turncred_make(*state, span_of(user, sizeof(user)),
				       NOW_S, 60, &cred),
			 -EINVAL);
	assert_int_equal(
		turncred_make(*state, span_of(NULL, 0), NOW_S, 60, &cred),
		-EINVAL);
}

static void a_lifetime_of_nothing_is_refused(void **state)
{
	struct turncred cred;

	assert_int_equal(turncred_make(*state, SPAN("bob"), NOW_S, 0, &cred),
			 -EINVAL);
}

static void a_refusal_leaves_the_result_alone(void **state)
{
	struct turncred cred, before;

	memset(&cred, 0x55, sizeof(cred));
	before = cred;
	assert_int_equal(turncred_make(*state, SPAN("a b"), NOW_S, 60, &cred),
			 -EINVAL);
	assert_memory_equal(&cred, &before, sizeof(cred));
}

static void a_username_comes_apart_as_it_was_made(void **state)
{
	struct turncred cred;
	uint64_t expires_at_s;
	struct span user;

	assert_int_equal(
		turncred_make(*state, SPAN("p-x_.9"), NOW_S, 3600, &cred), 0);
	assert_int_equal(
		turncred_split(span_from(cred.username), &expires_at_s, &user),
		0);
	assert_int_equal(expires_at_s, cred.expires_at_s);
	assert_true(span_equal(user, SPAN("p-x_.9")));
}

static void a_username_of_another_form_is_refused(void **state)
{
	static const char *const names[] = {"",
					    ":",
					    "1700003600",
					    "1700003600:",
					    ":alice",
					    "alice:1700003600",
					    "2147483648:al",
					    "1:a:b",
					    " 1:alice",
					    "1 :alice",
					    "1: alice",
					    "-1:alice",
					    "1|alice",
					    "1:alÃ¤",
					    "1:al<ice>"};
	uint64_t expires_at_s = 5;
	struct span user = SPAN("before");

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(turncred_split(span_from(names[i]),
						&expires_at_s, &user),
				 -EINVAL);
	assert_int_equal(expires_at_s, 5);
	assert_true(span_equal(user, SPAN("before")));
}

/* A ttl's credentials are named by few expiries, and live no shorter. */
static void a_lengthened_lifetime_ends_on_a_multiple_of_its_step(void **state)
{
	static const struct {
		uint64_t ttl_s, step_s;
	} cases[] = {{1, 1},	 {10, 8},      {16, 16},
		     {600, 512}, {3600, 2048}, {TURNCRED_MAX_TTL_S, 524288}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t ttl_s = cases[i].ttl_s;

		for (uint64_t now_s = NOW_S; now_s < NOW_S + 3000; now_s++) {
			uint64_t longer_s = turncred_lengthen(now_s, ttl_s);

			assert_in_range(longer_s, ttl_s, 2 * ttl_s - 1);
			assert_int_equal((now_s + longer_s) % cases[i].step_s,
					 0);
		}
	}
}

static bool is_listed(const uint64_t *expiries_s, size_t count,
		      uint64_t wanted_s)
{
	for (size_t i = 0; i < count; i++)
		if (expiries_s[i] == wanted_s)
			return true;
	return false;
}

static void every_credential_that_is_alive_is_listed_once(void **state)
{
	uint64_t expiries_s[TURNCRED_MAX_ALIVE];
	size_t count = turncred_list_alive(NOW_S, expiries_s);

	(void)state;
	assert_in_range(count, 20, TURNCRED_MAX_ALIVE);
	for (size_t i = 0; i < count; i++) {
		assert_true(expiries_s[i] > NOW_S);
		assert_false(is_listed(expiries_s, i, expiries_s[i]));
	}
	for (uint64_t ttl_s = 1; ttl_s <= TURNCRED_MAX_TTL_S;
	     ttl_s += 1 + ttl_s / 50) {
		uint64_t step_s = 1 + ttl_s / 97;

		for (uint64_t ago_s = 0; ago_s < 2 * ttl_s; ago_s += step_s) {
			uint64_t then_s = NOW_S - ago_s;
			uint64_t end_s =
				then_s + turncred_lengthen(then_s, ttl_s);

			if (end_s > NOW_S)
				assert_true(
					is_listed(expiries_s, count, end_s));
		}
	}
}

static void a_username_can_be_told_without_its_credential(void **state)
{
	char username[TURNCRED_USERNAME_CAP] = "before";
	struct turncred cred;

	assert_int_equal(turncred_make(*state, SPAN("p-1"), NOW_S, 60, &cred),
			 0);
	assert_int_equal(turncred_username(NOW_S + 60, SPAN("a:b"), username),
			 -EINVAL);
	assert_int_equal(turncred_username(TURNCRED_MAX_EXPIRY_S + 1ull,
					   SPAN("p-1"), username),
			 -EINVAL);
	assert_string_equal(username, "before");
	assert_int_equal(turncred_username(NOW_S + 60, SPAN("p-1"), username),
			 0);
	assert_string_equal(username, cred.username);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_credential_is_the_hmac_of_expiry_and_user),
		cmocka_unit_test(the_longest_user_fits),
		cmocka_unit_test(
			an_expiry_is_capped_where_coturn_would_see_it_negative),
		cmocka_unit_test(an_expiry_below_the_cap_is_kept),
		cmocka_unit_test(a_user_with_any_other_character_is_refused),
		cmocka_unit_test(a_user_too_long_or_empty_is_refused),
		cmocka_unit_test(a_lifetime_of_nothing_is_refused),
		cmocka_unit_test(a_refusal_leaves_the_result_alone),
		cmocka_unit_test(a_username_comes_apart_as_it_was_made),
		cmocka_unit_test(a_username_of_another_form_is_refused),
		cmocka_unit_test(
			a_lengthened_lifetime_ends_on_a_multiple_of_its_step),
		cmocka_unit_test(every_credential_that_is_alive_is_listed_once),
		cmocka_unit_test(a_username_can_be_told_without_its_credential),
	};

	return cmocka_run_group_tests_name("turncred", tests, make_hmac,
					   free_hmac);
}
