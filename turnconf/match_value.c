/* match_value.c: questions about one line: its option and its value. */
#include "match.h"

#include <ctype.h>
#include <errno.h>

#include "version.h"

#define NUMBER_ENOUGH 100000000000 /* beyond what any option means */
#define SECRET_MIN_LEN 16
#define SECRET_MIN_LETTERS 8 /* different ones */

static const struct option *option_of(const struct match *match)
{
	return option_find(match->line->name);
}

static bool is_kind(const struct match *match, enum option_kind kind)
{
	const struct option *option = option_of(match);

	return option && option->kind == kind;
}

int match_address(struct span value, struct iprange *address)
{
	int err = iprange_parse(value, address);

	if (err || memchr(value.ptr, '-', value.len))
		return -EINVAL;
	return 0;
}

bool match_enabled(struct match *match)
{
	const struct option *option = option_of(match);

	return option && (option->kind != OPTION_FLAG ||
			  conffile_to_bool(match->line->value) == CONFFILE_YES);
}

bool match_present(struct match *match)
{
	(void)match;
	return true;
}

bool match_unknown(struct match *match)
{
	struct span shown = conffile_shown_name(match->line);
	const struct option *guess;

	/* The rest of a long line is told of as such. */
	if (option_of(match) || match->line->is_piece)
		return false;

	guess = option_guess(shown, match->subject->version);
	buf_append_span(&match->detail, shown);
	if (shown.len < match->line->name.len)
		buf_append_str(&match->detail, "...");
	if (guess)
		buf_append_format(&match->advice, "did you mean %s?",
				  guess->name);
	else
		buf_append_str(&match->advice, "take the line out");
	return true;
}

bool match_removed(struct match *match)
{
	const struct option *option = option_of(match);
	char removed[VERSION_TEXT_CAP];

	if (!option || !option->removed ||
	    match->subject->version < option->removed)
		return false;

	version_format(option->removed, removed);
	buf_append_format(&match->detail, "%s is gone since coturn %s",
			  option->name, removed);
	return true;
}

bool match_too_new(struct match *match)
{
	const struct option *option = option_of(match);
	char since[VERSION_TEXT_CAP];

	if (!option || match->subject->version >= option->since)
		return false;

	version_format(option->since, since);
	buf_append_format(&match->detail, "%s comes with coturn %s",
			  option->name, since);
	buf_append_str(&match->advice, since);
	return true;
}

bool match_noisy(struct match *match)
{
	const struct option *option = option_of(match);

	if (!option || option_is_quiet(option, match->subject->version) ||
	    !option_is_known(option, match->subject->version))
		return false;

	buf_append_str(&match->detail, option->name);
	return true;
}

bool match_piece(struct match *match)
{
	return match->line->is_piece;
}

bool match_nul(struct match *match)
{
	return match->line->has_nul;
}

/* Blank and "#": what people write who expect a comment. */
bool match_inline_comment(struct match *match)
{
	struct span value = match->line->value;

	if (value.len && value.ptr[0] == '#')
		return true;
	for (size_t i = 1; i < value.len; i++) {
		if (value.ptr[i] == '#' &&
		    (value.ptr[i - 1] == ' ' || value.ptr[i - 1] == '\t'))
			return true;
	}
	return false;
}

bool match_semicolon(struct match *match)
{
	struct span value = match->line->value;
	struct span name = match->line->name;

	if (value.len)
		return value.ptr[value.len - 1] == ';';
	return name.len && name.ptr[name.len - 1] == ';';
}

bool match_bad_flag(struct match *match)
{
	if (!is_kind(match, OPTION_FLAG) ||
	    conffile_to_bool(match->line->value) != CONFFILE_BAD)
		return false;

	/* The value may be a secret that is behind the wrong name. */
	buf_append_span(&match->detail, match->line->name);
	buf_append_span(&match->advice, match->line->name);
	return true;
}

bool match_ignored_value(struct match *match)
{
	if (!is_kind(match, OPTION_SWITCH) || !match->line->value.len ||
	    conffile_to_bool(match->line->value) == CONFFILE_YES)
		return false;

	buf_append_span(&match->detail, match->line->name);
	return true;
}

int64_t match_number(struct span value, bool *is_plain)
{
	bool is_negative = false;
	int64_t number = 0;
	size_t digits;
	size_t i = 0;

	while (i < value.len && isspace((unsigned char)value.ptr[i]))
		i++;
	if (i < value.len && (value.ptr[i] == '-' || value.ptr[i] == '+'))
		is_negative = value.ptr[i++] == '-';
	for (digits = 0; i < value.len && isdigit((unsigned char)value.ptr[i]);
	     i++, digits++) {
		if (number < NUMBER_ENOUGH)
			number = number * 10 + (value.ptr[i] - '0');
	}
	*is_plain = digits && digits == value.len;
	return is_negative ? -number : number;
}

/* max-bps and bps-capacity are read as unsigned long, and may be longer. */
static bool is_wide(struct span name)
{
	return span_equal(name, SPAN("max-bps")) ||
	       span_equal(name, SPAN("bps-capacity"));
}

bool match_bad_number(struct match *match)
{
	struct span value = match->line->value;
	bool is_plain;
	int64_t number;

	if (is_kind(match, OPTION_NUMBER_OR) && !value.len)
		return false;
	if (!is_kind(match, OPTION_NUMBER) && !is_kind(match, OPTION_NUMBER_OR))
		return false;
	number = match_number(value, &is_plain);
	if (is_plain && (number <= INT32_MAX || is_wide(match->line->name)))
		return false;

	buf_append_format(&match->detail, "%.*s \"%.*s\"",
			  (int)match->line->name.len, match->line->name.ptr,
			  (int)(value.len < 80 ? value.len : 80), value.ptr);
	return true;
}

bool match_bad_port(struct match *match)
{
	uint64_t port;

	if (!is_kind(match, OPTION_PORT) ||
	    !span_to_u64(match->line->value, 65535, &port))
		return false;

	buf_append_span(&match->detail, match->line->value);
	return true;
}

bool match_bad_address(struct match *match)
{
	struct iprange address;

	if (!is_kind(match, OPTION_ADDRESS) ||
	    !match_address(match->line->value, &address))
		return false;

	buf_append_span(&match->detail, match->line->value);
	return true;
}

bool match_zero(struct match *match)
{
	bool is_plain;

	return match->line->value.len &&
	       !match_number(match->line->value, &is_plain);
}

bool match_seclevel(struct match *match)
{
	struct span rest = match->line->value;

	while (rest.len >= 9) {
		if (span_has_prefix(rest, SPAN("@SECLEVEL")))
			return true;
		rest = span_skip(rest, 1);
	}
	return false;
}

static unsigned count_letters(struct span value)
{
	bool seen[256] = {false};
	unsigned count = 0;

	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if (!seen[c])
			count++;
		seen[c] = true;
	}
	return count;
}

/* Words of examples and manuals, in lower case without blanks and dashes. */
static bool is_placeholder(struct span value)
{
	static const char *const words[] = {
		"changeme",  "replace",	 "placeholder",	     "yoursecret",
		"mysecret",  "password", "topsecret",	     "example",
		"sharedsec", "insecure", "staticauthsecret",
	};
	char folded[128];
	size_t len = 0;

	for (size_t i = 0; i < value.len && len < sizeof(folded) - 1; i++) {
		if (isalnum((unsigned char)value.ptr[i]))
			folded[len++] =
				(char)tolower((unsigned char)value.ptr[i]);
	}
	folded[len] = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strstr(folded, words[i]))
			return true;
	}
	return false;
}

bool match_weak_secret(struct match *match)
{
	struct span value = match->line->value;

	if (!value.len)
		buf_append_str(&match->detail, "it is empty");
	else if (is_placeholder(value))
		buf_append_str(&match->detail, "it reads like an example");
	else if (value.len < SECRET_MIN_LEN)
		buf_append_format(&match->detail, "it has %zu characters",
				  value.len);
	else if (count_letters(value) < SECRET_MIN_LETTERS)
		buf_append_str(&match->detail,
			       "it has hardly any different characters");
	else
		return false;
	return true;
}

/* An "=" at the start of a secret is lost among those that part it from the
 * name. */
static bool has_lost_equals(const struct conffile_line *line)
{
	const char *c = line->name.ptr + line->name.len;
	unsigned equals = 0;

	for (; c < line->value.ptr; c++)
		equals += *c == '=';
	return equals > 1;
}

bool match_mangled_secret(struct match *match)
{
	struct span value = match->line->value;

	if (!value.len)
		return false;
	if (value.ptr[-1] == '"' || has_lost_equals(match->line))
		return true;
	for (size_t i = 0; i < value.len; i++) {
		if (!isgraph((unsigned char)value.ptr[i]))
			return true;
	}
	return false;
}

bool match_separator(struct match *match)
{
	return !match->line->value.len || match->line->value.ptr[0] != ':';
}

bool match_unpatched(struct match *match)
{
	return !match->subject->is_patched;
}

/* coturn asks Redis for users whom it does not know by a secret. */
bool match_users_in_redis(struct match *match)
{
	return match_unpatched(match) &&
	       match_is_on(match->subject, "lt-cred-mech") &&
	       !match_user_beside_secret(match);
}

bool match_user_beside_secret(struct match *match)
{
	return match_has(match->subject, "use-auth-secret") ||
	       match_has(match->subject, "static-auth-secret");
}

bool match_is_hash(struct span value)
{
	return span_has_prefix(value, SPAN("$5$"));
}

bool match_clear_cli_password(struct match *match)
{
	return !match_is_hash(match->line->value);
}

bool match_is_loopback(struct span value)
{
	struct iprange address;
	struct iprange v4 = iprange_of("127.0.0.0-127.255.255.255");
	struct iprange v6 = iprange_of("::1");

	return !match_address(value, &address) &&
	       (iprange_contains(&v4, &address) ||
		iprange_contains(&v6, &address));
}

static bool is_not_loopback(struct match *match)
{
	struct iprange address;

	if (match_address(match->line->value, &address) ||
	    match_is_loopback(match->line->value))
		return false;

	buf_append_span(&match->detail, match->line->value);
	return true;
}

bool match_open_cli(struct match *match)
{
	return match_serves_cli(match->subject) && is_not_loopback(match);
}

bool match_open_web_admin(struct match *match)
{
	return match_is_on(match->subject, "web-admin") &&
	       is_not_loopback(match);
}

/* coturn listens there on all its listening addresses. */
bool match_open_proxy(struct match *match)
{
	struct conffile_reader reader = conffile_start(match->subject->text);
	struct match other = {.subject = match->subject};
	struct conffile_line line;
	bool is_open = !match_has(match->subject, "listening-ip");

	other.line = &line;
	while (!is_open && conffile_next(&reader, &line))
		is_open = span_equal(line.name, SPAN("listening-ip")) &&
			  is_not_loopback(&other);
	buf_clear(&other.detail);
	return is_open;
}

bool match_foreign_address(struct match *match)
{
	struct iprange address;

	if (!match->subject->host ||
	    match_address(match->line->value, &address) ||
	    iprange_starts_at_zero(&address) ||
	    host_has(match->subject->host, &address))
		return false;

	buf_append_span(&match->detail, match->line->value);
	return true;
}

bool match_privileged_port(struct match *match)
{
	uint64_t port;

	if (!match->subject->host ||
	    span_to_u64(match->line->value, 65535, &port) || !port ||
	    port >= match->subject->host->first_free_port)
		return false;

	buf_append_u64(&match->detail, port);
	return true;
}
