/* config_ini.c: the lines of an INI text: of the configuration, of rules. */
#include <errno.h>

#include <ini.h>

#include "policy/config_error.h"
#include "policy/config_ini.h"

/* Of libinih's line buffer, the newline and the NUL included. */
#define MAX_LINE_BYTES 4096

/*
 * libinih asks on_read() for a line, then calls on_entry() for what it made of
 * it. So lines are counted here, and what libinih would take in silence is
 * refused before it sees it: lines it would cut, text behind "]". It also cuts
 * long sections and says nothing of empty ones, so a section is read here.
 */
struct reader {
	struct span rest;
	unsigned number; /* of the line read last */
	bool has_section;
	const struct config_ini_ops *ops;
	void *arg;
	struct config_error *error;
	int err; /* the first one; ends the reading */
};

static int check_bytes(struct span line, struct config_error *error)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.ptr[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return config_refuse(
				error, "holds the control character 0x%02x", c);
	}
	if (line.len + sizeof("\r\n") > MAX_LINE_BYTES)
		return config_refuse(error, "longer than %zu bytes",
				     MAX_LINE_BYTES - sizeof("\r\n"));
	return 0;
}

/* line  begins with "[" */
static int take_section(struct reader *reader, struct span line)
{
	struct span name = span_skip(line, 1);

	if (!name.len ||
	    memchr(name.ptr, ']', name.len) != &name.ptr[name.len - 1])
		return config_refuse(
			reader->error,
			"write %s, with nothing behind it and no ] "
			"in the name",
			reader->ops->section);
	name.len--;
	reader->has_section = true;
	return reader->ops->on_section(name, reader->number, reader->arg);
}

static int take_line(struct reader *reader, struct span line)
{
	int err = check_bytes(line, reader->error);

	line = span_trim(line);
	if (!err && line.len && line.ptr[0] == '[')
		err = take_section(reader, line);
	return err;
}

/* Cut the next line off, without its newline (LF or CRLF). */
static struct span next_line(struct reader *reader)
{
	const char *end = memchr(reader->rest.ptr, '\n', reader->rest.len);
	struct span line = reader->rest;

	if (end)
		line.len = (size_t)(end - line.ptr);
	reader->rest = span_skip(reader->rest, line.len + (end != NULL));
	reader->number++;
	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	/* Some editors start a file with a byte order mark. */
	if (reader->number == 1 && span_has_prefix(line, SPAN("\xef\xbb\xbf")))
		line = span_skip(line, 3);
	return line;
}

/* The fgets() of libinih. */
static char *on_read(char *str, int cap, void *arg)
{
	struct reader *reader = arg;
	struct span line;

	if (reader->err || !reader->rest.len)
		return NULL;
	line = next_line(reader);
	reader->err = take_line(reader, line);
	if (reader->err || span_copy(line, str, (size_t)cap))
		return NULL;
	return str;
}

/* libinih's way of saying yes is 1. */
static int on_entry(void *arg, const char *section, const char *name,
		    const char *value)
{
	struct reader *reader = arg;

	(void)section;
	if (reader->has_section)
		reader->err = reader->ops->on_entry(
			name, span_from(value), reader->number, reader->arg);
	else
		reader->err = config_refuse(reader->error,
					    "%.40s stands before any %s", name,
					    reader->ops->section);
	return !reader->err;
}

/* Debian's libinih takes its options at run time. */
static void choose_dialect(void)
{
	static char comment_marks[] = "#;";

	ini_start_comment_prefixes = comment_marks;
	ini_allow_inline_comments = false;
	ini_allow_multiline = false;
	ini_allow_no_value = false;
	ini_stop_on_first_error = true;
	ini_use_stack = true;
	ini_max_line = MAX_LINE_BYTES;
}

int config_ini_parse(struct span text, const struct config_ini_ops *ops,
		     void *arg, unsigned *line, struct config_error *error)
{
	struct reader reader = {
		.rest = text, .ops = ops, .arg = arg, .error = error};
	int result;

	choose_dialect();
	result = ini_parse_stream(on_read, &reader, on_entry, &reader);
	if (result && !reader.err)
		reader.err = config_refuse(error, "neither %s nor name = value",
					   ops->section);
	if (reader.err)
		*line = reader.number;
	return reader.err;
}
