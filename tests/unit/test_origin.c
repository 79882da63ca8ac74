/* test_origin.c: which pages may use this server from a browser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "policy/origin.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void an_origin_is_scheme_host_and_port(void **state)
{
	static const char *const good[] = {
		"http://a",
		"https://a.example",
		"https://a.example:8443",
		"HTTPS://A.Example",
		"http://192.0.2.1:80",
		"http://[2001:db8::1]",
		"http://[::ffff:192.0.2.1]:65535",
		"capacitor://localhost",
		"chrome-extension://abcdefghijklmnop",
		"x+y-z.1://a_b",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		if (!origin_is_valid(span_from(good[i])))
			fail_msg("refused: %s", good[i]);
	}
}

static void anything_else_is_no_origin(void **state)
{
	static const struct span bad[] = {
		SPAN_INIT(""),
		SPAN_INIT("*"),
		SPAN_INIT("null"),
		SPAN_INIT("a.example"),
		SPAN_INIT("a.example:443"),
		SPAN_INIT("://a.example"),
		SPAN_INIT("1http://a.example"),
		SPAN_INIT("ht tp://a.example"),
		SPAN_INIT("http:a.example"),
		SPAN_INIT("http:/a.example"),
		SPAN_INIT("http://"),
		SPAN_INIT("http://:80"),
		SPAN_INIT("http://a.example/"),
		SPAN_INIT("http://a.example/x"),
		SPAN_INIT("http://a.example?x"),
		SPAN_INIT("http://a.example#x"),
		SPAN_INIT("http://user@a.example"),
		SPAN_INIT("http://a.example:"),
		SPAN_INIT("http://a.example:0"),
		SPAN_INIT("http://a.example:65536"),
		SPAN_INIT("http://a.example:80:80"),
		SPAN_INIT("http://a.example:+80"),
		SPAN_INIT("http://a.example:18446744073709551696"),
		SPAN_INIT("http://*.example"),
		SPAN_INIT("http://::1"),
		SPAN_INIT("http://[::1"),
		SPAN_INIT("http://[]"),
		SPAN_INIT("http://[::1]x"),
		SPAN_INIT("http://[a.example]x:80"),
		SPAN_INIT("http://a.example "),
		SPAN_INIT(" http://a.example"),
		SPAN_INIT("http://a,b"),
		SPAN_INIT("http://a\0b"),
		SPAN_INIT("ht\0tp://a"),
		SPAN_INIT("http://a\xc3\xa9"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		char *copy = guard_copy(bad[i].ptr, bad[i].len);

		if (origin_is_valid(span_of(copy, bad[i].len)))
			fail_msg("taken: %.*s", (int)bad[i].len, bad[i].ptr);
		guard_free(copy, bad[i].len);
	}
}

struct judgement {
	const char *allowed, *origin, *host;
	enum origin_verdict verdict;
};

/* Every string at the edge of what may be read; origin NULL: no header. */
static enum origin_verdict judge(const struct judgement *asked)
{
	size_t allowed_len = strlen(asked->allowed);
	size_t host_len = strlen(asked->host);
	size_t origin_len = asked->origin ? strlen(asked->origin) : 0;
	char *allowed = guard_copy(asked->allowed, allowed_len);
	char *host = guard_copy(asked->host, host_len);
	char *origin = guard_copy(asked->origin, origin_len);
	enum origin_verdict verdict =
		origin_judge(span_of(allowed, allowed_len),
			     span_of(asked->origin ? origin : NULL, origin_len),
			     span_of(host, host_len));

	guard_free(allowed, allowed_len);
	guard_free(host, host_len);
	guard_free(origin, origin_len);
	return verdict;
}

static void assert_verdicts(const struct judgement *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum origin_verdict verdict = judge(&cases[i]);

		if (verdict != cases[i].verdict)
			fail_msg("\"%s\" at \"%s\", allowed \"%s\": %d",
				 cases[i].origin ? cases[i].origin : "(none)",
				 cases[i].host, cases[i].allowed, verdict);
	}
}

static void our_own_pages_need_no_permission(void **state)
{
	static const struct judgement cases[] = {
		{"", "http://a.example", "a.example", ORIGIN_OWN},
		{"", "HTTP://A.example", "a.EXAMPLE", ORIGIN_OWN},
		{"", "http://a.example:8080", "a.example:8080", ORIGIN_OWN},
		{"", "http://a.example", "a.example:80", ORIGIN_OWN},
		{"", "http://a.example:80", "a.example", ORIGIN_OWN},
		/* TLS ends at a proxy that passes Host on as it came. */
		{"", "https://a.example", "a.example", ORIGIN_OWN},
		{"", "https://a.example", "a.example:443", ORIGIN_OWN},
		{"", "https://a.example:443", "a.example", ORIGIN_OWN},
		{"", "http://[::1]:8080", "[::1]:8080", ORIGIN_OWN},
		{"", "http://[::1]", "[::1]", ORIGIN_OWN},
		{"*", "http://a.example", "a.example", ORIGIN_OWN},

		{"", "http://a.example", "a.example:443", ORIGIN_FOREIGN},
		{"", "https://a.example", "a.example:80", ORIGIN_FOREIGN},
		{"", "http://a.example", "b.example", ORIGIN_FOREIGN},
		{"", "http://a.example", "a.example.b", ORIGIN_FOREIGN},
		{"", "http://a.example.b", "a.example", ORIGIN_FOREIGN},
		{"", "http://xa.example", "a.example", ORIGIN_FOREIGN},
		{"", "http://a.example:8080", "a.example", ORIGIN_FOREIGN},
		{"", "http://a.example", "a.example:", ORIGIN_FOREIGN},
		{"", "http://a.example", "", ORIGIN_FOREIGN},
		{"", "app://a.example", "a.example", ORIGIN_FOREIGN},
	};

	(void)state;
	assert_verdicts(cases, COUNT(cases));
}

static void configured_origins_are_allowed(void **state)
{
	static const char list[] =
		"https://a.example, http://b.example:8080 ,app://localhost";
	static const struct judgement cases[] = {
		{list, "https://a.example", "s", ORIGIN_ALLOWED},
		{list, "HTTPS://A.EXAMPLE", "s", ORIGIN_ALLOWED},
		{list, "https://a.example:443", "s", ORIGIN_ALLOWED},
		{list, "http://b.example:8080", "s", ORIGIN_ALLOWED},
		{list, "app://localhost", "s", ORIGIN_ALLOWED},

		{list, "http://a.example", "s", ORIGIN_FOREIGN},
		{list, "https://a.example:444", "s", ORIGIN_FOREIGN},
		{list, "http://b.example", "s", ORIGIN_FOREIGN},
		{list, "https://b.example:8080", "s", ORIGIN_FOREIGN},
		{list, "https://x.a.example", "s", ORIGIN_FOREIGN},
		{list, "https://a.example.x", "s", ORIGIN_FOREIGN},
		{list, "https://a.example/", "s", ORIGIN_FOREIGN},
		{list, "app://localhost:1", "s", ORIGIN_FOREIGN},
		{list, "null", "s", ORIGIN_FOREIGN},
		{list, "", "s", ORIGIN_FOREIGN},
		{list, list, "s", ORIGIN_FOREIGN},
		{"", "https://a.example", "s", ORIGIN_FOREIGN},
	};

	(void)state;
	assert_verdicts(cases, COUNT(cases));
}

static void a_star_allows_all_even_null(void **state)
{
	static const struct judgement cases[] = {
		{"*", "https://a.example", "s", ORIGIN_ALLOWED},
		{" *", "null", "s", ORIGIN_ALLOWED},
	};

	(void)state;
	assert_verdicts(cases, COUNT(cases));
}

static void without_an_origin_there_is_nothing_to_judge(void **state)
{
	static const struct judgement cases[] = {
		{"", NULL, "a.example", ORIGIN_ABSENT},
		{"*", NULL, "", ORIGIN_ABSENT},
		/* The header without a value is no browser's. */
		{"", "", "a.example", ORIGIN_FOREIGN},
	};

	(void)state;
	assert_verdicts(cases, COUNT(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_origin_is_scheme_host_and_port),
		cmocka_unit_test(anything_else_is_no_origin),
		cmocka_unit_test(our_own_pages_need_no_permission),
		cmocka_unit_test(configured_origins_are_allowed),
		cmocka_unit_test(a_star_allows_all_even_null),
		cmocka_unit_test(without_an_origin_there_is_nothing_to_judge),
	};

	return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
