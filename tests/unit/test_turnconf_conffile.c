/* test_turnconf_conffile.c: turnserver.conf is read as coturn reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "guard.h"
#include "turnconf/conffile.h"

/* The text's only line, read from in front of an unreadable page. */
static void assert_line(const char *text, const char *name, const char *value)
{
	size_t len = strlen(text);
	char *copy = guard_copy(text, len);
	struct conffile_reader reader = conffile_start(span_of(copy, len));
	struct conffile_line line;

	assert_true(conffile_next(&reader, &line));
	assert_true(span_equal(line.name, span_from(name)));
	assert_true(span_equal(line.value, span_from(value)));
	assert_false(conffile_next(&reader, &line));
	guard_free(copy, len);
}

static void name_and_value_part_at_blanks_and_equal_signs(void **state)
{
	(void)state;
	assert_line("realm=a", "realm", "a");
	assert_line("realm a", "realm", "a");
	assert_line("realm\ta", "realm", "a");
	assert_line("realm = a", "realm", "a");
	assert_line("realm ==\t= a b", "realm", "a b");
	assert_line("  \trealm=a \t\r\n", "realm", "a");
	assert_line("no-cli", "no-cli", "");
	assert_line("cert=", "cert", "");
	assert_line("static-auth-secret=ab==", "static-auth-secret", "ab==");
	assert_line("=a", "", "a");
}

static void only_a_line_of_its_own_is_a_comment(void **state)
{
	(void)state;
	assert_line("# one\n\n \t# two\nno-cli # three\n", "no-cli", "# three");
	assert_line("realm=a # b", "realm", "a # b");
}

static void double_quotes_are_taken_off(void **state)
{
	(void)state;
	assert_line("realm=\"a b\"", "realm", "a b");
	assert_line("realm=\"a", "realm", "a");
	assert_line("realm=\"", "realm", "");
	assert_line("realm=a\"", "realm", "a\"");
	assert_line("realm='a'", "realm", "'a'");
}

static void lines_are_counted_with_comments_and_blanks(void **state)
{
	struct conffile_reader reader =
		conffile_start(SPAN("\n# c\nfirst\n\r\nsecond"));
	struct conffile_line line;

	(void)state;
	assert_true(conffile_next(&reader, &line));
	assert_int_equal(line.number, 3);
	assert_true(conffile_next(&reader, &line));
	assert_int_equal(line.number, 5);
	assert_false(conffile_next(&reader, &line));
}

/* What stands behind len filling characters of one line. */
static bool is_split(size_t len, struct conffile_line *line)
{
	char text[2 * CONFFILE_MAX_LINE];
	struct conffile_reader reader;

	memset(text, 'x', len);
	memcpy(text + len, "no-auth\n", 8);
	reader = conffile_start(span_of(text, len + 8));
	assert_true(conffile_next(&reader, line));
	if (!conffile_next(&reader, line))
		return false;
	assert_true(line->is_piece);
	assert_int_equal(line->number, 1);
	return true;
}

static void the_rest_of_a_long_line_is_a_line_of_its_own(void **state)
{
	struct conffile_line line;

	(void)state;
	assert_false(is_split(CONFFILE_MAX_LINE - 7, &line));
	assert_true(is_split(CONFFILE_MAX_LINE, &line));
	assert_true(span_equal(line.name, SPAN("no-auth")));
	assert_true(is_split(CONFFILE_MAX_LINE - 3, &line));
	assert_true(span_equal(line.name, SPAN("auth")));
}

static void nothing_is_seen_behind_a_nul(void **state)
{
	struct conffile_reader reader =
		conffile_start(SPAN("realm=a\0b\n\0no-auth\nno-cli\n"));
	struct conffile_line line;

	(void)state;
	assert_true(conffile_next(&reader, &line));
	assert_true(line.has_nul);
	assert_true(span_equal(line.value, SPAN("a")));
	assert_true(conffile_next(&reader, &line));
	assert_false(line.has_nul);
	assert_int_equal(line.number, 3);
}

static void the_last_line_of_a_name_is_found(void **state)
{
	struct span text = SPAN("realm=a\nrealm=b\nrealms=c\n");
	struct conffile_line line;

	(void)state;
	assert_true(conffile_find(text, "realm", &line));
	assert_true(span_equal(line.value, SPAN("b")));
	assert_false(conffile_find(text, "Realm", &line));
}

static void a_boolean_is_read_by_its_first_letter(void **state)
{
	static const struct {
		const char *text;
		enum conffile_bool value;
	} cases[] = {
		{"", CONFFILE_YES},	   {"1", CONFFILE_YES},
		{"9", CONFFILE_YES},	   {"yes", CONFFILE_YES},
		{"True", CONFFILE_YES},	   {"on", CONFFILE_YES},
		{"On", CONFFILE_YES},	   {"ON", CONFFILE_YES},
		{"0", CONFFILE_NO},	   {"no", CONFFILE_NO},
		{"nonsense", CONFFILE_NO}, {"False", CONFFILE_NO},
		{"off", CONFFILE_NO},	   {"OFF", CONFFILE_NO},
		{"maybe", CONFFILE_BAD},   {"oN", CONFFILE_BAD},
		{"# x", CONFFILE_BAD},	   {"offx", CONFFILE_BAD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(conffile_to_bool(span_from(cases[i].text)),
				 cases[i].value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_and_value_part_at_blanks_and_equal_signs),
		cmocka_unit_test(only_a_line_of_its_own_is_a_comment),
		cmocka_unit_test(double_quotes_are_taken_off),
		cmocka_unit_test(lines_are_counted_with_comments_and_blanks),
		cmocka_unit_test(the_rest_of_a_long_line_is_a_line_of_its_own),
		cmocka_unit_test(nothing_is_seen_behind_a_nul),
		cmocka_unit_test(the_last_line_of_a_name_is_found),
		cmocka_unit_test(a_boolean_is_read_by_its_first_letter),
	};

	return cmocka_run_group_tests_name("turnconf conffile", tests, NULL,
					   NULL);
}
