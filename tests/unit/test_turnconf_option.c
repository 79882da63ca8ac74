/* test_turnconf_option.c: coturn's options and versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "turnconf/option.h"
#include "turnconf/version.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static bool is_known(const char *name, unsigned version)
{
	return option_is_known(option_find(span_from(name)), version);
}

static bool is_quiet(const char *name, unsigned version)
{
	return option_is_quiet(option_find(span_from(name)), version);
}

static void every_option_stands_once_and_is_explained(void **state)
{
	(void)state;
	for (size_t i = 0; i < options_count; i++) {
		const struct option *option = &options[i];

		assert_ptr_equal(option_find(span_from(option->name)), option);
		assert_true(strlen(option->help) > 8);
		assert_int_not_equal(option->help[strlen(option->help) - 1],
				     '.');
		if (option->removed)
			assert_true(option->since < option->removed);
	}
}

static void options_come_and_go(void **state)
{
	(void)state;
	assert_true(is_known("realm", VERSION(4, 5, 2)));
	assert_false(is_known("no-rfc5780", VERSION(4, 5, 2)));
	assert_true(is_known("no-rfc5780", VERSION(4, 6, 1)));
	assert_true(is_known("no-tlsv1", VERSION(4, 6, 3)));
	assert_false(is_known("no-tlsv1", VERSION(4, 7, 0)));
	assert_true(is_quiet("no-cli", VERSION(4, 9, 0)));
	assert_false(is_quiet("no-cli", VERSION(4, 10, 0)));
	assert_true(is_known("no-cli", VERSION(4, 17, 1)));
	assert_false(is_known("dtls", VERSION(4, 16, 0)));
	assert_null(option_find(SPAN("Realm")));
	assert_null(option_find(SPAN("")));
}

/* The number of options that coturn's own table has. */
static void the_table_is_as_long_as_coturns(void **state)
{
	static const struct {
		unsigned version;
		size_t count;
	} cases[] = {
		{VERSION(4, 6, 1), 115},  {VERSION(4, 6, 3), 118},
		{VERSION(4, 7, 0), 117},  {VERSION(4, 8, 0), 121},
		{VERSION(4, 10, 0), 123}, {VERSION(4, 12, 0), 127},
		{VERSION(4, 13, 1), 128}, {VERSION(4, 14, 0), 133},
		{VERSION(4, 15, 0), 137}, {VERSION(4, 16, 0), 142},
		{VERSION(4, 17, 1), 143},
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		size_t count = 0;

		for (size_t j = 0; j < options_count; j++)
			count += option_is_known(&options[j], cases[i].version);
		assert_int_equal(count, cases[i].count);
	}
}

static void a_slip_of_the_pen_finds_its_option(void **state)
{
	static const char *const cases[][2] = {
		{"denied-peer-ips", "denied-peer-ip"},
		{"denied_peer_ip", "denied-peer-ip"},
		{"Realm", "realm"},
		{"--no-cli", "no-cli"},
		{"static-auth-secrets", "static-auth-secret"},
		{"lt-cred-mec", "lt-cred-mech"},
		{"useauthsecret", "use-auth-secret"},
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++)
		assert_string_equal(
			option_guess(span_from(cases[i][0]), VERSION(4, 6, 1))
				->name,
			cases[i][1]);
	assert_null(option_guess(SPAN("x"), VERSION(4, 6, 1)));
	assert_null(option_guess(SPAN("frobnicate"), VERSION(4, 6, 1)));
	assert_null(option_guess(SPAN(""), VERSION(4, 6, 1)));
	assert_null(option_guess(
		SPAN("denied-peer-ip-denied-peer-ip-denied-peer-ip-denied"),
		VERSION(4, 6, 1)));
	assert_string_not_equal(
		option_guess(SPAN("no-tlsv1_1"), VERSION(4, 7, 0))->name,
		"no-tlsv1_1");
}

static void versions_are_read_and_compared(void **state)
{
	char text[VERSION_TEXT_CAP];
	unsigned version;

	(void)state;
	assert_int_equal(version_parse(SPAN("4.6.1"), &version), 0);
	assert_int_equal(version, VERSION(4, 6, 1));
	version_format(version, text);
	assert_string_equal(text, "4.6.1");
	assert_int_equal(version_parse(SPAN("4.17.1-r0"), &version), 0);
	assert_true(version > VERSION(4, 9, 9));
	assert_int_equal(version_parse(SPAN("4.6"), &version), -EINVAL);
	assert_int_equal(version_parse(SPAN("4.6."), &version), -EINVAL);
	assert_int_equal(version_parse(SPAN("v4.6.1"), &version), -EINVAL);
	assert_int_equal(version_parse(SPAN("4.6.1.2"), &version), -EINVAL);
	assert_int_equal(version_parse(SPAN("4.6.1000"), &version), -EINVAL);
	assert_int_equal(version_parse(SPAN(""), &version), -EINVAL);
}

/* A program that does what the script says. */
static void make_program(char path[64], const char *script)
{
	FILE *file;
	int fd;

	(void)snprintf(path, 64, "/tmp/turnconf-program-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	file = fdopen(fd, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "#!/bin/sh\n%s\n", script) > 0);
	assert_int_equal(fchmod(fd, 0700), 0);
	assert_int_equal(fclose(file), 0);
}

static int detect(const char *script, unsigned *version)
{
	char path[64];
	int err;

	make_program(path, script);
	err = version_detect(path, version);
	assert_int_equal(unlink(path), 0);
	return err;
}

static void the_installed_version_is_detected(void **state)
{
	unsigned version = 0;

	(void)state;
	assert_int_equal(detect("[ $1 = --version ] && echo 4.6.1", &version),
			 0);
	assert_int_equal(version, VERSION(4, 6, 1));
	assert_int_equal(detect("echo hello; echo; echo ' 4.17.1'", &version),
			 0);
	assert_int_equal(version, VERSION(4, 17, 1));
	assert_int_equal(detect("echo unknown option >&2; exit 255", &version),
			 -EPROTO);
	assert_int_equal(detect("exec cat /dev/zero", &version), -EPROTO);
	assert_int_equal(version_detect("/nowhere/turnserver", &version),
			 -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_stands_once_and_is_explained),
		cmocka_unit_test(options_come_and_go),
		cmocka_unit_test(the_table_is_as_long_as_coturns),
		cmocka_unit_test(a_slip_of_the_pen_finds_its_option),
		cmocka_unit_test(versions_are_read_and_compared),
		cmocka_unit_test(the_installed_version_is_detected),
	};

	return cmocka_run_group_tests_name("turnconf option", tests, NULL,
					   NULL);
}
