/* test_claims.c: who somebody is and what they may do, from JSON. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "access/claims.h"
#include "fail_alloc.h"
#include "guard.h"

#define NOW_S 1700000000

static const char *why;

/* The text lies before an unreadable page. */
static int read_text(struct span text, struct claims *claims)
{
	char *copy = guard_copy(text.ptr, text.len);
	int err;

	why = NULL;
	err = claims_read(span_of(copy, text.len), NOW_S, claims, &why);
	guard_free(copy, text.len);
	assert_int_equal(!err, !why);
	return err;
}

static struct claims read_good(const char *text)
{
	struct claims claims;

	if (read_text(span_from(text), &claims))
		fail_msg("refused: %s: %s", text, why);
	return claims;
}

static void assert_refused(const char *text, const char *begin)
{
	struct claims claims = {.rights = 99};

	if (read_text(span_from(text), &claims) != -EINVAL)
		fail_msg("not refused: %s", text);
	if (strncmp(why, begin, strlen(begin)) != 0)
		fail_msg("%s: said: %s\nnot: %s", text, why, begin);
	assert_int_equal(claims.rights, 0);
}

static void every_member_is_read(void **state)
{
	struct claims claims = read_good(
		"{\"iss\":\"shop\",\"sub\":\"a-Z_0.9\",\"room\":"
		"\"k\\u00fcche\","
		"\"role\":\"watcher\",\"rights\":[\"join\",\"wat\\u0063h\"],"
		"\"ttl\":300,\"metadata\": {\"name\":\"Ann\"} ,"
		"\"exp\":1700000001.9}");

	(void)state;
	assert_string_equal(claims.subject, "a-Z_0.9");
	assert_string_equal(claims.room, "k\xc3\xbc"
					 "che");
	assert_string_equal(claims.role, "watcher");
	assert_int_equal(claims.rights, RIGHT_JOIN | RIGHT_WATCH);
	assert_int_equal(claims.ttl_s, 300);
	assert_string_equal(claims.metadata, "{\"name\":\"Ann\"}");
	assert_int_equal(claims.expires_at_s, 1700000001);
	claims_clear(&claims);
	assert_null(claims.metadata);
	assert_int_equal(claims.rights, 0);
}

static void what_is_not_said_is_usual(void **state)
{
	struct claims claims = read_good(" {} ");

	(void)state;
	assert_string_equal(claims.subject, "");
	assert_string_equal(claims.room, "");
	assert_string_equal(claims.role, "");
	assert_int_equal(claims.rights, RIGHTS_USUAL);
	assert_int_equal(claims.rights & RIGHT_KICK, 0);
	assert_int_equal(claims.ttl_s, 0);
	assert_int_equal(claims.expires_at_s, 0);
	assert_null(claims.metadata);
	claims = read_good("{\"rights\":[],\"metadata\":null}");
	assert_int_equal(claims.rights, 0);
	assert_null(claims.metadata);
	claims = read_good("{\"rights\":[\"kick\",\"kick\"]}");
	assert_int_equal(claims.rights, RIGHT_KICK);
}

#define LONG_64 \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void the_longest_fit_and_no_longer_ones(void **state)
{
	struct claims claims = read_good(
		"{\"sub\":\"" LONG_64 "\",\"room\":\"" LONG_64 LONG_64 "\"}");

	(void)state;
	assert_string_equal(claims.subject, LONG_64);
	assert_string_equal(claims.room, LONG_64 LONG_64);
	assert_refused("{\"sub\":\"" LONG_64 "x\"}", "sub must be a string");
	assert_refused("{\"room\":\"" LONG_64 LONG_64 "x\"}",
		       "room must be a string");
	claims = read_good("{\"ttl\":604800}");
	assert_int_equal(claims.ttl_s, 604800);
}

static void wrong_types_are_told_what_would_be_right(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"{\"sub\":7}", "sub must be a string of at most 64"},
		{"{\"sub\":null}", "sub must be a string of at most 64"},
		{"{\"sub\":\"a b\"}", "sub must be a string of at most 64"},
		{"{\"sub\":\"auth0|7\"}", "sub must be a string of at most 64"},
		{"{\"sub\":\"a\\u0000\"}", "sub must be a string of at most"},
		{"{\"room\":null}", "room must be a string"},
		{"{\"room\":[\"a\"]}", "room must be a string"},
		{"{\"room\":\"\\ud800\"}", "room must be a string"},
		{"{\"role\":\"admin\"}", "role must be one of \"peer\", "},
		{"{\"role\":\"Peer\"}", "role must be one of \"peer\", "},
		{"{\"role\":\"a role that is far too long\"}", "role must be"},
		{"{\"role\":0}", "role must be one of \"peer\", "},
		{"{\"rights\":\"join\"}", "rights must be an array of \"join"},
		{"{\"rights\":null}", "rights must be an array of \"join\""},
		{"{\"rights\":{\"join\":1}}", "rights must be an array of"},
		{"{\"rights\":[\"join\",\"fly\"]}", "rights must be an array"},
		{"{\"rights\":[\"join\",1]}", "rights must be an array of"},
		{"{\"rights\":[[\"join\"]]}", "rights must be an array of"},
		{"{\"rights\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}",
		 "rights must be an array of"},
		{"{\"ttl\":0}", "ttl must be a whole number of seconds from 1"},
		{"{\"ttl\":-5}", "ttl must be a whole number of seconds"},
		{"{\"ttl\":1.5}", "ttl must be a whole number of seconds"},
		{"{\"ttl\":604801}", "ttl must be a whole number of seconds"},
		{"{\"ttl\":\"60\"}", "ttl must be a whole number of seconds"},
		{"{\"metadata\":[]}", "metadata must be an object"},
		{"{\"metadata\":\"x\"}", "metadata must be an object"},
		{"{\"exp\":\"1700000100\"}", "exp must be Unix time in seco"},
		{"{\"exp\":1700000100000}",
		 "exp is in milliseconds; it must be seconds"},
		{"{\"exp\":1700000100000.5}", "exp is in milliseconds"},
		{"{\"exp\":253402300800000}", "exp must be Unix time in seco"},
		{"{\"exp\":17e8}", "exp must be Unix time in seconds"},
		{"{\"exp\":-1}", "exp must be Unix time in seconds"},
		{"{\"exp\":null}", "exp must be Unix time in seconds"},
		{"[]", "the claims must be one JSON object"},
		{"", "the claims must be one JSON object"},
		{"{} {}", "the claims must be one JSON object"},
		{"{\"sub\":\"a\"", "the claims must be one JSON object"},
		{"{\"sub\":\"a\",\"sub\":\"b\"}", "a claim stands there twice"},
		{"{\"room\":\"a\",\"r\\u006fom\":\"b\"}", "a claim stands the"},
		{"{\"x\":\"\xff\"}", "the claims must be UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_refused(cases[i].text, cases[i].why);
}

static void deep_claims_are_refused(void **state)
{
	char text[400] = "{\"x\":";

	(void)state;
	memset(text + 5, '[', 100);
	memset(text + 105, ']', 100);
	text[205] = '}';
	assert_refused(text, "the claims are nested deeper than 64 levels");
}

static void an_end_that_is_not_to_come_is_told(void **state)
{
	static const char *const ended[] = {
		"{\"exp\":1700000000,\"sub\":\"ann\"}",
		"{\"exp\":1700000000.999,\"sub\":\"ann\"}",
		"{\"exp\":0,\"metadata\":{}}",
	};
	struct claims claims = {.rights = 99};

	(void)state;
	for (size_t i = 0; i < sizeof(ended) / sizeof(*ended); i++) {
		assert_int_equal(read_text(span_from(ended[i]), &claims),
				 -ETIME);
		assert_int_equal(claims.rights, 0);
	}
}

static void a_room_is_exact_or_a_beginning(void **state)
{
	static const struct {
		const char *claim, *room;
		bool is_good;
	} cases[] = {
		{"kitchen", "kitchen", true}, {"kitchen", "kitchen2", false},
		{"kitchen", "kitche", false}, {"kitchen", "Kitchen", false},
		{"kitchen", "", false},	      {"team-*", "team-", true},
		{"team-*", "team-7", true},   {"team-*", "team", false},
		{"team-*", "xteam-7", false}, {"*", "", true},
		{"*", "any", true},	      {"a*b", "a*b", true},
		{"a*b", "axb", false},	      {"**", "*x", true},
		{"**", "x", false},	      {"", "any", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct claims claims = {.rights = 0};

		(void)strcpy(claims.room, cases[i].claim);
		assert_int_equal(
			claims_has_room(&claims, span_from(cases[i].room)),
			cases[i].is_good);
	}
}

static void claims_without_memory_are_not_read(void **state)
{
	struct claims claims = {.rights = 99};
	bool has_failed;
	int err;

	(void)state;
	fail_alloc_at(1);
	err = claims_read(SPAN("{\"metadata\":{}}"), NOW_S, &claims, &why);
	has_failed = fail_alloc_stop();
	assert_true(has_failed);
	assert_int_equal(err, -ENOMEM);
	assert_string_equal(why, "out of memory");
	assert_int_equal(claims.rights, 0);
}

static void what_nobody_reads_is_refused_where_we_make_it(void **state)
{
	static const struct {
		const char *text, *extra, *why;
	} cases[] = {
		{"{}", "", NULL},
		{" {\"sub\":\"a\",\"ro\\u006fm\":\"b\",\"role\":\"\","
		 "\"rights\":[],\"ttl\":1,\"exp\":1700000001,"
		 "\"metadata\":{\"rooms\":[{\"a\":1},\"b\"],\"c\":{}}}",
		 "", NULL},
		{"{\"kind\":\"token\"}", "kind", NULL},
		{"{\"kind\":\"token\"}", "", "\"kind\" is not known here: "},
		{"{\"rooms\":\"a\"}", "",
		 "\"rooms\" is not known here: there are sub, room, role, "
		 "rights, ttl, metadata, exp"},
		{"{\"metadata\":{\"a\":[1]} , \"rooms\":[\"a\"]}", "kind",
		 "\"rooms\" is not known here: there are sub, room, role, "
		 "rights, ttl, metadata, exp, kind"},
		{"{\"\":1}", "", "\"\" is not known here: "},
		{"{\"Room\":\"a\"}", "", "\"Room\" is not known here: "},
		{"{\"0123456789012345678901234567890123456789012345678901234567"
		 "890123456789\":1}",
		 "", "a member with a long name is not known here: "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct claims claims = read_good(cases[i].text);
		char unknown[CLAIMS_MAX_WHY] = "";
		const char *begin = cases[i].why ? cases[i].why : "";
		int err = claims_refuse_unknown(span_from(cases[i].text),
						span_from(cases[i].extra),
						unknown);

		if (err != (cases[i].why ? -EINVAL : 0) ||
		    strncmp(unknown, begin, strlen(begin)) != 0)
			fail_msg("%s: said: %s", cases[i].text, unknown);
		claims_clear(&claims);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_is_read),
		cmocka_unit_test(what_is_not_said_is_usual),
		cmocka_unit_test(the_longest_fit_and_no_longer_ones),
		cmocka_unit_test(wrong_types_are_told_what_would_be_right),
		cmocka_unit_test(deep_claims_are_refused),
		cmocka_unit_test(an_end_that_is_not_to_come_is_told),
		cmocka_unit_test(a_room_is_exact_or_a_beginning),
		cmocka_unit_test(claims_without_memory_are_not_read),
		cmocka_unit_test(what_nobody_reads_is_refused_where_we_make_it),
	};

	return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
