/* conffile.c: reads turnserver.conf the way coturn does, oddities included. */
#include "conffile.h"

static bool is_gap(char c)
{
	return c == ' ' || c == '\t' || c == '=';
}

static bool is_of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* One piece as fgets() would give it: up to a newline or CONFFILE_MAX_LINE. */
static struct span take_piece(struct conffile_reader *reader)
{
	size_t cap = reader->rest.len < CONFFILE_MAX_LINE ? reader->rest.len
							  : CONFFILE_MAX_LINE;
	const char *newline = memchr(reader->rest.ptr, '\n', cap);
	size_t len = newline ? (size_t)(newline - reader->rest.ptr) + 1 : cap;
	struct span piece = span_of(reader->rest.ptr, len);

	if (!reader->in_line)
		reader->number++;
	reader->in_line = !newline;
	reader->rest = span_skip(reader->rest, len);
	return piece;
}

static struct span cut_ends(struct span s)
{
	while (s.len &&
	       (s.ptr[0] == ' ' || s.ptr[0] == '\t' || s.ptr[0] == '\n'))
		s = span_skip(s, 1);
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

static struct span cut_quotes(struct span value)
{
	if (!value.len || value.ptr[0] != '"')
		return value;

	value = span_skip(value, 1);
	if (value.len && value.ptr[value.len - 1] == '"')
		value.len--;
	return value;
}

static void split(struct span text, struct conffile_line *line)
{
	size_t len = 0;

	while (len < text.len && !is_gap(text.ptr[len]))
		len++;
	line->name = span_of(text.ptr, len);
	while (len < text.len && is_gap(text.ptr[len]))
		len++;
	line->value = cut_quotes(span_skip(text, len));
}

bool conffile_next(struct conffile_reader *reader, struct conffile_line *line)
{
	while (reader->rest.len) {
		bool is_piece = reader->in_line;
		struct span text = take_piece(reader);
		const char *nul = memchr(text.ptr, '\0', text.len);

		if (nul)
			text.len = (size_t)(nul - text.ptr);
		text = cut_ends(text);
		if (!text.len || text.ptr[0] == '#')
			continue;

		line->number = reader->number;
		line->is_piece = is_piece;
		line->has_nul = nul != NULL;
		split(text, line);
		return true;
	}
	return false;
}

struct span conffile_shown_name(const struct conffile_line *line)
{
	size_t len = 0;

	while (!line->is_piece && len < line->name.len &&
	       is_of_name(line->name.ptr[len]))
		len++;
	return span_of(line->name.ptr, len);
}

bool conffile_find(struct span text, const char *name,
		   struct conffile_line *line)
{
	struct conffile_reader reader = conffile_start(text);
	struct conffile_line next;
	bool found = false;

	while (conffile_next(&reader, &next)) {
		if (!span_equal(next.name, span_from(name)))
			continue;
		*line = next;
		found = true;
	}
	return found;
}

static bool is_word(struct span value, const char *lower, const char *upper,
		    const char *title)
{
	return span_equal(value, span_from(lower)) ||
	       span_equal(value, span_from(upper)) ||
	       span_equal(value, span_from(title));
}

enum conffile_bool conffile_to_bool(struct span value)
{
	if (!value.len)
		return CONFFILE_YES;
	if (memchr("0nNfF", value.ptr[0], 5))
		return CONFFILE_NO;
	if (memchr("yYtT123456789", value.ptr[0], 13))
		return CONFFILE_YES;
	if (is_word(value, "off", "OFF", "Off"))
		return CONFFILE_NO;
	if (is_word(value, "on", "ON", "On"))
		return CONFFILE_YES;
	return CONFFILE_BAD;
}
