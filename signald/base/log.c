/* log.c: one line per fact, with fields that cannot be forged. */
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>

#include "base/clock.h"
#include "base/log.h"

#define LOG_MAX_VALUE 256

/* Room kept free for what ends a line: the note on dropped fields, "}\n". */
#define LOG_TAIL 40

/*
 * One line is made here and leaves with one write. PIPE_BUF bytes are what a
 * pipe takes whole, so lines of several processes never mix. A field that finds
 * no room any more is dropped as a whole and counted.
 */
struct line {
	char text[PIPE_BUF];
	size_t len;
	size_t cap; /* of text: all of it but LOG_TAIL, until the tail */
	bool is_full;
};

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static enum log_level most_verbose = LOG_INFO;
static enum log_format chosen_format = LOG_TEXT;
static FILE *chosen_out; /* NULL: stderr, which is no constant */
static log_listener *heard_by;
static void *heard_by_arg;

void log_configure(enum log_level level, enum log_format format, FILE *out)
{
	most_verbose = level;
	chosen_format = format;
	chosen_out = out;
}

bool log_is_on(enum log_level level)
{
	return level <= most_verbose || (heard_by && level <= LOG_INFO);
}

void log_listen(log_listener *listener, void *arg)
{
	heard_by = listener;
	heard_by_arg = arg;
}

static void put(struct line *line, const char *bytes, size_t len)
{
	if (line->is_full || line->cap - line->len < len) {
		line->is_full = true;
		return;
	}
	memcpy(line->text + line->len, bytes, len);
	line->len += len;
}

static void put_str(struct line *line, const char *str)
{
	put(line, str, strlen(str));
}

__attribute__((format(printf, 2, 3))) static void
put_format(struct line *line, const char *format, ...)
{
	char text[64];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put_str(line, text);
}

/* Is s[at] there and a continuation byte between low and high? */
static bool is_tail(struct span s, size_t at, unsigned low, unsigned high)
{
	return at < s.len && (unsigned char)s.ptr[at] >= low &&
	       (unsigned char)s.ptr[at] <= high;
}

/*
 * Bytes of the printable character that s starts with: 1 for ASCII, more for
 * well-formed UTF-8 (Unicode, table 3-7), 0 for control characters (those from
 * U+0080 to U+009F drive terminals too) and for bytes that are no UTF-8.
 */
static size_t printable_len(struct span s)
{
	unsigned c = (unsigned char)s.ptr[0];
	unsigned low = 0x80, high = 0xbf;

	if (c < 0x80)
		return c >= 0x20 && c != 0x7f;
	if (c >= 0xc2 && c <= 0xdf)
		return is_tail(s, 1, c == 0xc2 ? 0xa0 : low, high) ? 2 : 0;
	if (c >= 0xe0 && c <= 0xef) {
		low = c == 0xe0 ? 0xa0 : low;
		high = c == 0xed ? 0x9f : high;
		return is_tail(s, 1, low, high) && is_tail(s, 2, 0x80, 0xbf)
			       ? 3
			       : 0;
	}
	if (c < 0xf0 || c > 0xf4)
		return 0;
	low = c == 0xf0 ? 0x90 : low;
	high = c == 0xf4 ? 0x8f : high;
	return is_tail(s, 1, low, high) && is_tail(s, 2, 0x80, 0xbf) &&
			       is_tail(s, 3, 0x80, 0xbf)
		       ? 4
		       : 0;
}

static void put_escape(struct line *line, unsigned char c)
{
	switch (c) {
	case '"':
		put_str(line, "\\\"");
		break;
	case '\\':
		put_str(line, "\\\\");
		break;
	case '\n':
		put_str(line, "\\n");
		break;
	case '\r':
		put_str(line, "\\r");
		break;
	case '\t':
		put_str(line, "\\t");
		break;
	default:
		/* JSON has no bytes, only characters: a stray one is U+FFFD. */
		if (chosen_format == LOG_TEXT)
			put_format(line, "\\x%02x", c);
		else if (c < 0x80)
			put_format(line, "\\u%04x", c);
		else
			put_str(line, "\\ufffd");
	}
}

/* value  not longer than LOG_MAX_VALUE */
static void put_quoted(struct line *line, struct span value, bool is_cut)
{
	put_str(line, "\"");
	while (value.len) {
		unsigned char c = (unsigned char)value.ptr[0];
		size_t len = printable_len(value);

		if (len && c != '"' && c != '\\')
			put(line, value.ptr, len);
		else
			put_escape(line, c);
		value = span_skip(value, len ? len : 1);
	}
	put_str(line, is_cut ? "...\"" : "\"");
}

/* Can the value stand in a text line as it is? */
static bool is_bare(struct span value)
{
	if (!value.len)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
			return false;
	}
	return true;
}

/* LOG_MAX_VALUE or a little less, so that no character is cut in two. */
static size_t cut_len(struct span value)
{
	size_t len = LOG_MAX_VALUE;

	while (len > LOG_MAX_VALUE - 3 && (value.ptr[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void put_span(struct line *line, struct span value)
{
	bool is_cut = value.len > LOG_MAX_VALUE;

	if (is_cut)
		value.len = cut_len(value);
	if (chosen_format == LOG_TEXT && !is_cut && is_bare(value))
		put(line, value.ptr, value.len);
	else
		put_quoted(line, value, is_cut);
}

/* Returns whether the whole field found room. */
static bool put_field(struct line *line, const struct log_field *field)
{
	size_t start = line->len;

	put_str(line, chosen_format == LOG_TEXT ? " " : ",\"");
	put_str(line, field->key);
	put_str(line, chosen_format == LOG_TEXT ? "=" : "\":");
	if (field->kind == LOG_FIELD_INT)
		put_format(line, "%" PRId64, field->number);
	else
		put_span(line, field->span);
	if (!line->is_full)
		return true;
	line->len = start;
	line->is_full = false;
	return false;
}

static void put_head(struct line *line, enum log_level level, const char *event)
{
	char time[CLOCK_ISO_LEN + 1];
	struct clock now;

	clock_update(&now);
	clock_format_iso(now.wall_ms, time);
	if (chosen_format == LOG_JSON)
		put_str(line, "{\"ts\":\"");
	put_str(line, time);
	put_str(line, chosen_format == LOG_TEXT ? " " : "\",\"level\":\"");
	put_str(line, level_names[level]);
	put_str(line, chosen_format == LOG_TEXT ? " " : "\",\"event\":\"");
	put_str(line, event);
	if (chosen_format == LOG_JSON)
		put_str(line, "\"");
}

static void put_tail(struct line *line, int dropped)
{
	struct log_field note = log_int("fields_dropped", dropped);

	line->cap = sizeof(line->text);
	if (dropped)
		(void)put_field(line, &note);
	put_str(line, chosen_format == LOG_TEXT ? "\n" : "}\n");
}

static void write_line(enum log_level level, const char *event,
		       const struct log_field *fields)
{
	FILE *out = chosen_out ? chosen_out : stderr;
	struct line line;
	int dropped = 0;

	line.len = 0;
	line.cap = sizeof(line.text) - LOG_TAIL;
	line.is_full = false;
	put_head(&line, level, event);
	for (; fields->kind != LOG_FIELD_END; fields++)
		dropped += !put_field(&line, fields);
	put_tail(&line, dropped);

	/* A log that cannot be written has nobody left to tell. */
	(void)fwrite(line.text, 1, line.len, out);
	(void)fflush(out);
}

void log_write(enum log_level level, const char *event,
	       const struct log_field *fields)
{
	if (heard_by && level <= LOG_INFO)
		heard_by(level, event, fields, heard_by_arg);
	if (level <= most_verbose)
		write_line(level, event, fields);
}
