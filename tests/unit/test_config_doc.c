/*
 * test_config_doc.c: manual, manual page and example say what config_keys says.
 *
 * Runs in the project's root. With --write it makes the files anew instead,
 * which is what scripts/gen-config-doc does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/buf.h"
#include "policy/config.h"
#include "policy/config_value.h"

#define MANUAL "docs/configuration.md"
#define MAN "docs/man/signald.conf.5"
#define EXAMPLE "docs/signald.conf.example"

/* The table stands between these; the rest is written by hand. */
#define BEGIN "<!-- keys: made by scripts/gen-config-doc -->\n"
#define END "<!-- end of keys -->\n"
#define MAN_BEGIN ".\\\" keys: made by scripts/gen-config-doc\n"
#define MAN_END ".\\\" end of keys\n"

#define MAX_FILE_BYTES (256 * 1024)

/* All of a file, NUL-terminated; NULL when it cannot be read. */
static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, MAX_FILE_BYTES);
	size_t len = 0;

	if (file && text)
		len = fread(text, 1, MAX_FILE_BYTES - 1, file);
	if (file)
		(void)fclose(file);
	if (len)
		return text;
	free(text);
	return NULL;
}

static int write_file(const char *path, struct span text)
{
	FILE *file = fopen(path, "w");
	bool is_good;

	if (!file)
		return -1;
	is_good = fwrite(text.ptr, 1, text.len, file) == text.len;
	return fclose(file) || !is_good ? -1 : 0;
}

static bool starts_section(const struct config_key *key)
{
	return key == config_keys || strcmp(key[-1].section, key->section) != 0;
}

/* One cell, in which a bar would end it. */
static void append_cell(struct buf *out, const char *text)
{
	buf_append_str(out, " ");
	for (; *text; text++) {
		if (*text == '|')
			buf_append_str(out, "\\");
		buf_append(out, text, 1);
	}
	buf_append_str(out, " |");
}

static void append_manual_row(struct buf *out, const struct config_key *key)
{
	char rule[160], name[160];

	if (starts_section(key))
		buf_append_format(
			out,
			"\n### [%s]\n\n"
			"| key | default | must be | reload | meaning "
			"|\n|---|---|---|---|---|\n",
			key->section);
	config_value_rule(key, rule, sizeof(rule));
	buf_append_str(out, "|");
	(void)snprintf(name, sizeof(name), "`%s`", key->name);
	append_cell(out, name);
	(void)snprintf(name, sizeof(name), "`%s`", key->initial);
	append_cell(out, *key->initial ? name : "(empty)");
	append_cell(out, rule);
	append_cell(out, key->reload == CONFIG_RELOAD ? "yes" : "restart");
	append_cell(out, key->help);
	buf_append_str(out, "\n");
}

/* Text for troff, to which a backslash and a point or an apostrophe at a line's
 * beginning mean something, and a minus is a hyphen. */
static void append_troff(struct buf *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		buf_append_str(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			buf_append_str(out, "\\e");
		else if (*text == '-')
			buf_append_str(out, "\\-");
		else
			buf_append(out, text, 1);
	}
}

static void append_man_key(struct buf *out, const struct config_key *key)
{
	char rule[160];

	if (starts_section(key))
		buf_append_format(out, ".SS [%s]\n", key->section);
	config_value_rule(key, rule, sizeof(rule));
	buf_append_format(out, ".TP\n\\fB%s\\fR%s", key->name,
			  *key->initial ? " = " : "");
	append_troff(out, key->initial);
	buf_append_str(out, "\n");
	append_troff(out, key->help);
	buf_append_str(out, ".\n.br\n");
	append_troff(out, rule);
	buf_append_str(out, key->reload == CONFIG_RELOAD
				    ? "\n"
				    : " (needs a restart)\n");
}

typedef void append_key(struct buf *out, const struct config_key *key);

/* A text as it stands, with the table between the marks made anew. */
static int make_between(struct buf *out, const char *old, const char *begin,
			const char *end, append_key *append)
{
	const char *from = strstr(old, begin);
	const char *to = strstr(old, end);

	if (!from || !to || from > to)
		return -1;
	from += strlen(begin);
	buf_append(out, old, (size_t)(from - old));
	for (const struct config_key *key = config_keys; key->section; key++)
		append(out, key);
	return out->failed ? -1 : 0;
}

static int make_manual(struct buf *out, const char *old)
{
	int err = make_between(out, old, BEGIN, END, append_manual_row);

	if (err)
		return err;
	buf_append_str(out, "\n");
	buf_append_str(out, strstr(old, END));
	return out->failed ? -1 : 0;
}

static int make_man(struct buf *out, const char *old)
{
	int err = make_between(out, old, MAN_BEGIN, MAN_END, append_man_key);

	if (err)
		return err;
	buf_append_str(out, strstr(old, MAN_END));
	return out->failed ? -1 : 0;
}

static void append_example_key(struct buf *out, const struct config_key *key)
{
	char rule[160];

	if (starts_section(key))
		buf_append_format(out, "\n[%s]\n", key->section);
	config_value_rule(key, rule, sizeof(rule));
	buf_append_format(out, "\n# %s\n# %s%s\n", key->help, rule,
			  key->reload == CONFIG_RELOAD ? ""
						       : " (needs a restart)");
	buf_append_format(out, "#%s =%s%s\n", key->name,
			  *key->initial ? " " : "", key->initial);
	if (config_type_is_secret(key->type))
		buf_append_format(out,
				  "# or the file that holds it\n"
				  "#%s_file = /run/secrets/%s_%s\n",
				  key->name, key->section, key->name);
}

static int make_example(struct buf *out)
{
	buf_append_str(
		out,
		"# signald.conf: every key with its default; signald and "
		"turnconf read it.\n"
		"# Take the # off a line to change it. A comment has a line of "
		"its own.\n"
		"# docs/configuration.md tells the rest.\n");
	for (const struct config_key *key = config_keys; key->section; key++)
		append_example_key(out, key);
	return out->failed ? -1 : 0;
}

/* Of a path and its old text the new one. */
static int rewrite(const char *path, int (*make)(struct buf *, const char *))
{
	char *old = read_file(path);
	struct buf made = {0};
	int err = -1;

	if (old && !make(&made, old))
		err = write_file(path, buf_span(&made));
	if (err)
		perror(path);
	free(old);
	buf_clear(&made);
	return err;
}

static int write_all(void)
{
	struct buf example = {0};
	int err = rewrite(MANUAL, make_manual);

	if (!err)
		err = rewrite(MAN, make_man);
	if (!err &&
	    (make_example(&example) || write_file(EXAMPLE, buf_span(&example))))
		err = -1;
	buf_clear(&example);
	return err;
}

static void assert_up_to_date(const char *path, const char *text,
			      const struct buf *made)
{
	if (!span_equal(span_from(text), buf_span(made)))
		fail_msg("%s is out of date: run scripts/gen-config-doc", path);
}

static void the_manual_says_what_the_table_says(void **state)
{
	char *text = read_file(MANUAL);
	struct buf made = {0};

	(void)state;
	assert_non_null(text);
	assert_int_equal(make_manual(&made, text), 0);
	assert_up_to_date(MANUAL, text, &made);
	buf_clear(&made);
	free(text);
}

static void the_manual_page_says_what_the_table_says(void **state)
{
	char *text = read_file(MAN);
	struct buf made = {0};

	(void)state;
	assert_non_null(text);
	assert_int_equal(make_man(&made, text), 0);
	assert_up_to_date(MAN, text, &made);
	buf_clear(&made);
	free(text);
}

static void the_example_says_what_the_table_says(void **state)
{
	char *text = read_file(EXAMPLE);
	struct buf made = {0};

	(void)state;
	assert_non_null(text);
	assert_int_equal(make_example(&made), 0);
	assert_up_to_date(EXAMPLE, text, &made);
	buf_clear(&made);
	free(text);
}

static char *printed(const char *path)
{
	struct config_sources sources = {.file = path};
	struct config_error error;
	struct config *config;
	char *text;
	size_t len;
	FILE *out;

	if (config_load(&config, &sources, &error))
		fail_msg("%s", error.text);
	out = open_memstream(&text, &len);
	assert_non_null(out);
	config_print(config, out);
	assert_int_equal(fclose(out), 0);
	config_free(config);
	return text;
}

static void the_example_loads_and_changes_nothing(void **state)
{
	char *example = printed(EXAMPLE);
	char *defaults = printed(NULL);

	(void)state;
	assert_string_equal(example, defaults);
	free(example);
	free(defaults);
}

/* "#key = value" is a line to uncomment, "# words" is not; the secret's file is
 * none of the defaults. */
static void every_line_of_the_example_may_be_uncommented(void **state)
{
	char path[] = "/tmp/signald-example-XXXXXX";
	char *text = read_file(EXAMPLE), *rest = text, *line;
	char *example, *defaults;
	struct buf all = {0};
	size_t count = 0;
	int fd = mkstemp(path);

	(void)state;
	assert_non_null(text);
	assert_true(fd >= 0);
	(void)fclose(fdopen(fd, "w"));
	while ((line = strsep(&rest, "\n"))) {
		bool is_key = line[0] == '#' && line[1] != ' ' &&
			      !strstr(line, "_file = ");

		count += is_key;
		buf_append_format(&all, "%s\n", line + is_key);
	}
	for (const struct config_key *key = config_keys; key->section; key++)
		count--;
	assert_int_equal(count, 0);
	assert_int_equal(write_file(path, buf_span(&all)), 0);
	example = printed(path);
	defaults = printed(NULL);
	(void)remove(path);
	assert_string_equal(example, defaults);
	free(example);
	free(defaults);
	buf_clear(&all);
	free(text);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manual_says_what_the_table_says),
		cmocka_unit_test(the_manual_page_says_what_the_table_says),
		cmocka_unit_test(the_example_says_what_the_table_says),
		cmocka_unit_test(the_example_loads_and_changes_nothing),
		cmocka_unit_test(every_line_of_the_example_may_be_uncommented),
	};

	if (argc == 2 && !strcmp(argv[1], "--write"))
		return write_all() ? EXIT_FAILURE : EXIT_SUCCESS;
	return cmocka_run_group_tests_name("config_doc", tests, NULL, NULL);
}
