/* test_log.c: log lines, which no stranger's text can forge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The log's end keeps every write apart, so that two writes for one line, or
 * one for two, are seen. */
static FILE *out;
static int in = -1;

static int open_log(void **state)
{
	int fds[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds))
		return -1;
	in = fds[0];
	out = fdopen(fds[1], "w");
	return out ? 0 : -1;
}

static int close_log(void **state)
{
	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, NULL);
	(void)close(in);
	return fclose(out);
}

/* What one write brought; "" when there was none. */
static const char *next_write(void)
{
	static char text[2 * PIPE_BUF];
	ssize_t len = recv(in, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

/* The line behind its time, checked to be a whole one and the only one. */
static const char *next_line(void)
{
	static char text[2 * PIPE_BUF];
	size_t len;

	(void)snprintf(text, sizeof(text), "%s", next_write());
	assert_string_equal(next_write(), "");
	len = strlen(text);
	assert_in_range(len, CLOCK_ISO_LEN + 1, PIPE_BUF);
	assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	text[len - 1] = '\0';
	return text + CLOCK_ISO_LEN + 1;
}

static const char *text_of(struct span value)
{
	log_configure(LOG_INFO, LOG_TEXT, out);
	log_info("e", log_span("k", value));
	return next_line() + strlen("info e k=");
}

/* The caller gives it back with json_decref(). */
static json_t *next_object(void)
{
	json_error_t error;
	const char *text = next_write();
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);

	if (!object)
		fail_msg("%s: %s", error.text, text);
	assert_in_range(strlen(text), 2, PIPE_BUF);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_string_equal(next_write(), "");
	return object;
}

static void now_as_text(char text[CLOCK_ISO_LEN + 1])
{
	struct clock now;

	clock_update(&now);
	clock_format_iso(now.wall_ms, text);
}

static void a_line_has_time_level_event_and_fields(void **state)
{
	char before[CLOCK_ISO_LEN + 1], after[CLOCK_ISO_LEN + 1];
	const char *line;

	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, out);
	now_as_text(before);
	log_info("peer.join", log_str("room", "abc"), log_int("peers", 3));
	now_as_text(after);
	line = next_line();
	assert_string_equal(line, "info peer.join room=abc peers=3");
	line -= CLOCK_ISO_LEN + 1;
	assert_true(memcmp(line, before, CLOCK_ISO_LEN) >= 0);
	assert_true(memcmp(line, after, CLOCK_ISO_LEN) <= 0);
	assert_int_equal(line[CLOCK_ISO_LEN], ' ');

	log_error("a");
	assert_string_equal(next_line(), "error a");
	log_warn("b", log_int("n", INT64_MIN), log_int("m", INT64_MAX));
	assert_string_equal(next_line(), "warn b n=-9223372036854775808 "
					 "m=9223372036854775807");
}

static void only_lines_that_are_on_are_written(void **state)
{
	(void)state;
	for (int most = LOG_ERROR; most <= LOG_DEBUG; most++) {
		log_configure((enum log_level)most, LOG_TEXT, out);
		for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
			bool is_on = level <= most;

			assert_int_equal(log_is_on((enum log_level)level),
					 is_on);
			log_event((enum log_level)level, "e");
			assert_int_equal(*next_write() != '\0', is_on);
		}
	}
}

static const char *count_and_name(int *calls)
{
	(*calls)++;
	return "x";
}

static void a_line_that_is_off_costs_nothing(void **state)
{
	int calls = 0;

	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, out);
	log_debug("e", log_str("k", count_and_name(&calls)));
	assert_int_equal(calls, 0);
	log_info("e", log_str("k", count_and_name(&calls)));
	assert_string_equal(next_line(), "info e k=x");
}

static void a_text_value_cannot_forge_a_field_or_line(void **state)
{
	static const struct {
		struct span value;
		const char *text;
	} cases[] = {
		{SPAN_INIT("abc"), "abc"},
		{SPAN_INIT("a-b_c.d:e/f@[g]{h},i;j'k<l>"),
		 "a-b_c.d:e/f@[g]{h},i;j'k<l>"},
		{SPAN_INIT(""), "\"\""},
		{{NULL, 0}, "\"\""},
		{SPAN_INIT("a b"), "\"a b\""},
		{SPAN_INIT("a level=error"), "\"a level=error\""},
		{SPAN_INIT("a=b"), "\"a=b\""},
		{SPAN_INIT("\"a"), "\"\\\"a\""},
		{SPAN_INIT("a\\"), "\"a\\\\\""},
		{SPAN_INIT("a\nb\r\tc"), "\"a\\nb\\r\\tc\""},
		{SPAN_INIT("a\0b\x1b[31m\x7f"), "\"a\\x00b\\x1b[31m\\x7f\""},
		/* UTF-8 stays readable: 2, 3, 4 bytes and the ends of each. */
		{SPAN_INIT("K\xc3\xbc"
			   "che"),
		 "\"K\xc3\xbc"
		 "che\""},
		{SPAN_INIT("\xc2\xa0\xdf\xbf"), "\"\xc2\xa0\xdf\xbf\""},
		{SPAN_INIT("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"),
		 "\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\""},
		{SPAN_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
		 "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""},
		/* C1 controls, overlong forms, surrogates, beyond Unicode. */
		{SPAN_INIT("\xc2\x9b"), "\"\\xc2\\x9b\""},
		{SPAN_INIT("\xc0\x8a"), "\"\\xc0\\x8a\""},
		{SPAN_INIT("\xe0\x9f\xbf"), "\"\\xe0\\x9f\\xbf\""},
		{SPAN_INIT("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\""},
		{SPAN_INIT("\xf0\x8f\xbf\xbf"), "\"\\xf0\\x8f\\xbf\\xbf\""},
		{SPAN_INIT("\xf4\x90\x80\x80"), "\"\\xf4\\x90\\x80\\x80\""},
		{SPAN_INIT("\xf5\x80\xff"), "\"\\xf5\\x80\\xff\""},
		{SPAN_INIT("\xc3"), "\"\\xc3\""},
		{SPAN_INIT("\xc3\n"), "\"\\xc3\\n\""},
		{SPAN_INIT("\xe2\x82"), "\"\\xe2\\x82\""},
		{SPAN_INIT("\xf0\x9f\x98"), "\"\\xf0\\x9f\\x98\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(text_of(cases[i].value), cases[i].text);
}

static void a_json_line_is_one_object(void **state)
{
	const char *event, *level, *ts, *room;
	json_int_t peers;
	json_t *object;

	(void)state;
	log_configure(LOG_DEBUG, LOG_JSON, out);
	log_debug("peer.join", log_str("room", "abc"), log_int("peers", -3));
	object = next_object();
	assert_int_equal(json_object_size(object), 5);
	assert_int_equal(json_unpack(object, "{s:s, s:s, s:s, s:s, s:I}", "ts",
				     &ts, "level", &level, "event", &event,
				     "room", &room, "peers", &peers),
			 0);
	assert_int_equal(strlen(ts), CLOCK_ISO_LEN);
	assert_string_equal(level, "debug");
	assert_string_equal(event, "peer.join");
	assert_string_equal(room, "abc");
	assert_int_equal(peers, -3);
	json_decref(object);
}

static void a_json_value_is_read_back_as_it_was(void **state)
{
	static const struct {
		struct span value, read;
	} cases[] = {
		{SPAN_INIT(""), SPAN_INIT("")},
		{SPAN_INIT("abc"), SPAN_INIT("abc")},
		{SPAN_INIT("\",\"level\":\"x"), SPAN_INIT("\",\"level\":\"x")},
		{SPAN_INIT("\\\n\r\t\x1b\x7f"), SPAN_INIT("\\\n\r\t\x1b\x7f")},
		{SPAN_INIT("\xc3\xbc\xf0\x9f\x98\x80"),
		 SPAN_INIT("\xc3\xbc\xf0\x9f\x98\x80")},
		{SPAN_INIT("a\xff\xed\xa0z"),
		 SPAN_INIT("a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz")},
	};

	(void)state;
	log_configure(LOG_INFO, LOG_JSON, out);
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *object, *value;

		log_info("e", log_span("k", cases[i].value));
		object = next_object();
		value = json_object_get(object, "k");
		assert_int_equal(json_string_length(value), cases[i].read.len);
		assert_memory_equal(json_string_value(value), cases[i].read.ptr,
				    cases[i].read.len);
		json_decref(object);
	}
}

static void a_long_value_is_cut(void **state)
{
	char value[258], expected[300];

	(void)state;
	memset(value, 'a', sizeof(value));
	(void)snprintf(expected, sizeof(expected), "%.256s", value);
	assert_string_equal(text_of(span_of(value, 256)), expected);
	(void)snprintf(expected, sizeof(expected), "\"%.256s...\"", value);
	assert_string_equal(text_of(span_of(value, 257)), expected);

	/* Three bytes of one character lie across the end. */
	memcpy(value + 255, "\xe2\x82\xac", 3);
	(void)snprintf(expected, sizeof(expected), "\"%.255s...\"", value);
	assert_string_equal(text_of(span_of(value, 258)), expected);

	/* What is no UTF-8 is not cut back for ever. */
	memset(value, '\x80', sizeof(value));
	assert_int_equal(strlen(text_of(span_of(value, 258))),
			 253 * strlen("\\x80") + strlen("\"...\""));
}

static void fields_without_room_are_dropped_whole_and_counted(void **state)
{
	char value[256];
	struct span span = span_of(value, sizeof(value));
	const struct log_field fields[] = {
		log_span("a", span), log_span("b", span),
		log_span("c", span), log_span("d", span),
		log_int("e", 5),     {.kind = LOG_FIELD_END},
	};
	const char *line;
	json_t *object;

	(void)state;
	memset(value, '\x01', sizeof(value));
	log_configure(LOG_INFO, LOG_TEXT, out);
	log_write(LOG_INFO, "big", fields);
	line = next_line();
	assert_non_null(strstr(line, "\\x01\" c=\"\\x01"));
	assert_null(strstr(line, " d="));
	assert_non_null(strstr(line, "\\x01\" e=5 fields_dropped=1"));

	log_configure(LOG_INFO, LOG_JSON, out);
	log_write(LOG_INFO, "big", fields);
	object = next_object();
	assert_non_null(json_object_get(object, "b"));
	assert_null(json_object_get(object, "c"));
	assert_int_equal(json_integer_value(json_object_get(object, "e")), 5);
	assert_int_equal(
		json_integer_value(json_object_get(object, "fields_dropped")),
		2);
	json_decref(object);
}

/* Every length near the limit, so that the end of a line always has room. */
static void a_line_fits_its_limit_at_every_length(void **state)
{
	char value[256];
	size_t most = 0;

	(void)state;
	memset(value, '\x01', sizeof(value));
	log_configure(LOG_INFO, LOG_JSON, out);
	for (size_t len = 0; len <= sizeof(value); len++) {
		struct span full = span_of(value, sizeof(value));
		struct span last = span_of(value, len);
		json_t *object;
		char *text;

		log_info("e", log_span("a", full), log_span("b", full),
			 log_span("c", last), log_span("d", last),
			 log_span("e", last));
		object = next_object();
		text = json_dumps(object, JSON_COMPACT);
		most = strlen(text) > most ? strlen(text) : most;
		free(text);
		json_decref(object);
	}
	assert_in_range(most, PIPE_BUF - 60, PIPE_BUF);
}

static void without_a_file_lines_go_to_stderr(void **state)
{
	int kept = dup(STDERR_FILENO);

	(void)state;
	assert_true(kept >= 0);
	assert_true(dup2(fileno(out), STDERR_FILENO) >= 0);
	log_configure(LOG_INFO, LOG_TEXT, NULL);
	log_info("e", log_str("k", "a b"));
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	assert_int_equal(close(kept), 0);
	assert_string_equal(next_line(), "info e k=\"a b\"");
}

static void a_log_that_cannot_be_written_is_survived(void **state)
{
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	log_configure(LOG_INFO, LOG_TEXT, full);
	log_info("e");
	log_configure(LOG_INFO, LOG_TEXT, out);
	(void)fclose(full);
	log_info("f");
	assert_string_equal(next_line(), "info f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_time_level_event_and_fields),
		cmocka_unit_test(only_lines_that_are_on_are_written),
		cmocka_unit_test(a_line_that_is_off_costs_nothing),
		cmocka_unit_test(a_text_value_cannot_forge_a_field_or_line),
		cmocka_unit_test(a_json_line_is_one_object),
		cmocka_unit_test(a_json_value_is_read_back_as_it_was),
		cmocka_unit_test(a_long_value_is_cut),
		cmocka_unit_test(
			fields_without_room_are_dropped_whole_and_counted),
		cmocka_unit_test(a_line_fits_its_limit_at_every_length),
		cmocka_unit_test(without_a_file_lines_go_to_stderr),
		cmocka_unit_test(a_log_that_cannot_be_written_is_survived),
	};

	return cmocka_run_group_tests_name("log", tests, open_log, close_log);
}
