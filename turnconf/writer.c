/* writer.c: lines of a turnserver.conf, as one version of coturn takes them. */
#include "writer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "conffile.h"
#include "option.h"

int writer_fail(struct writer *writer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(writer->error, PROFILE_MAX_ERROR, format, args);
	va_end(args);
	return -EINVAL;
}

bool writer_is_development(const struct writer *writer)
{
	return !strcmp(writer->config->coturn.profile, "development");
}

void writer_comment(struct writer *writer, const char *text)
{
	buf_append_format(writer->out, "# %s\n", text);
}

/* coturn has to read back what is written here. */
static int check_line(struct writer *writer, struct span text, const char *name,
		      const char *value)
{
	struct conffile_reader reader = conffile_start(text);
	struct conffile_line line;

	if (conffile_next(&reader, &line) && !line.has_nul &&
	    span_equal(line.name, span_from(name)) &&
	    span_equal(line.value, span_from(value)) && !reader.rest.len &&
	    text.ptr[text.len - 2] != ';')
		return 0;
	return writer_fail(
		writer,
		"coturn has no way to read this value of %s: quotes, "
		"blanks at its ends, a ; behind it or a new line in it, "
		"or too long",
		name);
}

int writer_put(struct writer *writer, const char *name, const char *value)
{
	const struct option *option = option_find(span_from(name));
	size_t start = writer->out->len;

	if (!option || !option_is_quiet(option, writer->target->version))
		return 0;
	buf_append_str(writer->out, name);
	if (value)
		buf_append_format(writer->out, "=%s", value);
	buf_append_str(writer->out, "\n");
	if (writer->out->failed)
		return -ENOMEM;
	return check_line(writer, span_skip(buf_span(writer->out), start), name,
			  value ? value : "");
}

int writer_put_number(struct writer *writer, const char *name, uint64_t number)
{
	char text[21];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return writer_put(writer, name, text);
}

int writer_put_all(struct writer *writer, const char *const *names)
{
	int err = 0;

	for (; *names && !err; names++)
		err = writer_put(writer, *names, NULL);
	return err;
}

int writer_put_list(struct writer *writer, const char *name,
		    const struct writer_addresses *list)
{
	int err = 0;

	for (size_t i = 0; i < list->count && !err; i++)
		err = writer_put(writer, name, list->items[i]);
	return err;
}
