/* test_coturncli.c: what coturn's telnet administration prints, in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "codec/coturncli.h"
#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A login, a search, a list, an end and a misspelt command, as they come. */
static const char transcript[] =
	"TURN Server\r\nCoturn-4.6.1 'Gorst'\r\n\r\nType '?' for help\r\n"
	"Enter password: \r\n"
	"> "
	"\r\n    1) id=001000000000000002, user <1795369403:p-x>:\r\n"
	"      realm: turn.example.org\r\n"
	"      started 2 secs ago\r\n"
	"      expiring in 598 secs\r\n"
	"      client protocol UDP, relay protocol UDP\r\n"
	"      client addr 8.8.4.11:4711, server addr 8.8.4.10:3478\r\n"
	"      relay addr 8.8.4.10:50123\r\n"
	"      fingerprints enforced: OFF\r\n"
	"      mobile: OFF\r\n"
	"      usage: rp=3, rb=248, sp=2, sb=200\r\n"
	"       rate: r=0, s=0, total=0 (bytes per sec)\r\n"
	"      peers:\r\n          8.8.8.8\r\n"
	"\r\n    2) id=000000000000000007, user <1795369404:p-x>:\r\n"
	"      realm: turn.example.org\r\n"
	"\r\n  Total sessions: 2\r\n\r\n"
	"> "
	"\r\n    user: <1795369403:p-x>, 2 sessions\r\n"
	"    user: <1795369403:a-y>, 1 sessions\r\n"
	"\r\n  Total sessions: 3\r\n\r\n"
	"> "
	"> "
	"Unknown command\r\n\r\n"
	"> ";

static const char items[] = "password\n"
			    "prompt\n"
			    "session 1000000000000002 1795369403:p-x\n"
			    "session 7 1795369404:p-x\n"
			    "prompt\n"
			    "user 2 1795369403:p-x\n"
			    "user 1 1795369403:a-y\n"
			    "prompt\n"
			    "prompt\n"
			    "unknown\n"
			    "prompt\n";

struct reader {
	struct coturncli_telnet telnet;
	struct buf in;
	struct buf out;
};

static void note(struct buf *out, const struct coturncli_item *item)
{
	static const char *const names[] = {
		[COTURNCLI_PASSWORD] = "password",
		[COTURNCLI_PROMPT] = "prompt",
		[COTURNCLI_UNKNOWN] = "unknown",
		[COTURNCLI_SESSION] = "session",
		[COTURNCLI_USER] = "user",
	};

	if (item->kind == COTURNCLI_TEXT)
		return;
	buf_append_str(out, names[item->kind]);
	if (item->username.ptr)
		buf_append_format(out, " %llu %.*s",
				  (unsigned long long)item->number,
				  (int)item->username.len, item->username.ptr);
	buf_append_str(out, "\n");
}

static int feed(struct reader *reader, const char *bytes, size_t len)
{
	struct coturncli_item item;
	char *copy = guard_copy(bytes, len);
	ssize_t n;

	buf_append(&reader->in, copy,
		   coturncli_strip(&reader->telnet, copy, len));
	guard_free(copy, len);
	while ((n = coturncli_parse(buf_span(&reader->in), &item)) > 0) {
		note(&reader->out, &item);
		buf_consume(&reader->in, (size_t)n);
	}
	return (int)n;
}

static void assert_items(struct reader *reader, const char *expected)
{
	buf_append(&reader->out, "", 1);
	assert_string_equal(reader->out.ptr, expected);
	buf_clear(&reader->in);
	buf_clear(&reader->out);
}

static void an_answer_is_read_whole_wherever_it_is_cut(void **state)
{
	const size_t len = sizeof(transcript) - 1;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		struct reader reader = {0};

		assert_int_equal(feed(&reader, transcript, cut), 0);
		assert_int_equal(feed(&reader, transcript + cut, len - cut), 0);
		assert_int_equal(reader.in.len, 0);
		assert_items(&reader, items);
	}
}

static void it_is_read_byte_by_byte(void **state)
{
	struct reader reader = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(transcript) - 1; i++)
		assert_int_equal(feed(&reader, transcript + i, 1), 0);
	assert_items(&reader, items);
}

/* Options offered and asked for, a subnegotiation with an IAC in it, NOPs. */
static void telnet_commands_are_taken_out_anywhere(void **state)
{
	static const char command[] = "\xff\xfb\x01\xff\xfd\x03\xff\xf1"
				      "\xff\xfa\x18> \n\xff\xff\xf0x\xff\xf0";
	const size_t len = sizeof(transcript) - 1;

	(void)state;
	for (size_t at = 0; at <= len; at++) {
		struct reader reader = {0};

		assert_int_equal(feed(&reader, transcript, at), 0);
		assert_int_equal(feed(&reader, command, sizeof(command) - 1),
				 0);
		assert_int_equal(feed(&reader, transcript + at, len - at), 0);
		assert_items(&reader, items);
	}
	for (size_t cut = 0; cut <= sizeof(command) - 1; cut++) {
		struct reader reader = {0};

		feed(&reader, command, cut);
		feed(&reader, command + cut, sizeof(command) - 1 - cut);
		feed(&reader, "> ", 2);
		assert_items(&reader, "prompt\n");
	}
}

static void a_doubled_iac_is_one_byte_of_a_name(void **state)
{
	struct reader reader = {0};

	(void)state;
	feed(&reader, "1) id=5, user <a\xff\xff>:\n", 22);
	assert_items(&reader, "session 5 a\xff\n");
}

static void a_name_may_have_anything_in_it(void **state)
{
	struct reader reader = {0};
	static const char text[] = "1) id=5, user <a>:b, user <c>:>:\n"
				   "2) id=6, user <>:\n"
				   "user: <a>, 4 sessions>, 5 sessions\n"
				   "user: <>, 1 sessions\n";

	(void)state;
	feed(&reader, text, sizeof(text) - 1);
	assert_items(&reader, "session 5 a>:b, user <c>:\n"
			      "session 6 \n"
			      "user 5 a>, 4 sessions\n"
			      "user 1 \n");
}

static void what_is_almost_a_line_of_theirs_says_nothing(void **state)
{
	static const char *const lines[] = {
		"",
		" > ",
		"id=5, user <a>:",
		"1) id=, user <a>:",
		"1) id=5 user <a>:",
		"1) id=5, user <a>",
		"1) id=5, user a:",
		"1) id=99999999999999999999, user <a>:",
		") id=5, user <a>:",
		"user: <a>, sessions",
		"user: <a>,  sessions",
		"user: a, 5 sessions",
		"user: <a> 5 sessions",
		"user: <a>, 99999999999999999999 sessions",
		"user: <>",
		"  Enter password: ",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct reader reader = {0};

		assert_int_equal(feed(&reader, lines[i], strlen(lines[i])), 0);
		assert_int_equal(feed(&reader, "\n", 1), 0);
		assert_items(&reader, "");
	}
}

static void a_prompt_needs_its_blank_and_no_newline(void **state)
{
	struct coturncli_item item;

	(void)state;
	assert_int_equal(coturncli_parse(SPAN(""), &item), 0);
	assert_int_equal(coturncli_parse(SPAN(">"), &item), 0);
	assert_int_equal(coturncli_parse(SPAN("> "), &item), 2);
	assert_int_equal(item.kind, COTURNCLI_PROMPT);
	assert_int_equal(coturncli_parse(SPAN("> cs"), &item), 2);
	assert_int_equal(coturncli_parse(SPAN(">\n"), &item), 2);
	assert_int_equal(item.kind, COTURNCLI_TEXT);
}

static void an_endless_line_is_refused(void **state)
{
	char line[COTURNCLI_MAX_LINE];
	struct coturncli_item item;

	(void)state;
	memset(line, 'x', sizeof(line));
	assert_int_equal(
		coturncli_parse(span_of(line, sizeof(line) - 1), &item), 0);
	assert_int_equal(coturncli_parse(span_of(line, sizeof(line)), &item),
			 -EMSGSIZE);
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(coturncli_parse(span_of(line, sizeof(line)), &item),
			 sizeof(line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_read_whole_wherever_it_is_cut),
		cmocka_unit_test(it_is_read_byte_by_byte),
		cmocka_unit_test(telnet_commands_are_taken_out_anywhere),
		cmocka_unit_test(a_doubled_iac_is_one_byte_of_a_name),
		cmocka_unit_test(a_name_may_have_anything_in_it),
		cmocka_unit_test(what_is_almost_a_line_of_theirs_says_nothing),
		cmocka_unit_test(a_prompt_needs_its_blank_and_no_newline),
		cmocka_unit_test(an_endless_line_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
