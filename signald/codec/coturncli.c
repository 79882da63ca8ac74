/* coturncli.c: what coturn's telnet administration prints. */
#include <errno.h>

#include "codec/chars.h"
#include "codec/coturncli.h"

enum { SE = 240, SB = 250, WILL = 251, DONT = 254, IAC = 255 };

/* --- telnet --- */

/* Whether the byte is one of the text. */
static bool take_data(struct coturncli_telnet *telnet, uint8_t byte)
{
	if (byte == IAC)
		telnet->state = TELNET_COMMAND;
	return byte != IAC && byte != '\r' && byte != '\0';
}

static bool take_command(struct coturncli_telnet *telnet, uint8_t byte)
{
	if (byte == SB)
		telnet->state = TELNET_SUB;
	else if (byte >= WILL && byte <= DONT)
		telnet->state = TELNET_OPTION;
	else
		telnet->state = TELNET_DATA;
	return byte == IAC; /* twice: it means itself */
}

static bool take_byte(struct coturncli_telnet *telnet, uint8_t byte)
{
	switch (telnet->state) {
	case TELNET_DATA:
		return take_data(telnet, byte);
	case TELNET_COMMAND:
		return take_command(telnet, byte);
	case TELNET_OPTION:
		telnet->state = TELNET_DATA;
		return false;
	case TELNET_SUB:
		if (byte == IAC)
			telnet->state = TELNET_SUB_COMMAND;
		return false;
	case TELNET_SUB_COMMAND:
		telnet->state = byte == SE ? TELNET_DATA : TELNET_SUB;
		return false;
	}
	return false;
}

size_t coturncli_strip(struct coturncli_telnet *telnet, char *bytes, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++)
		if (take_byte(telnet, (uint8_t)bytes[i]))
			bytes[kept++] = bytes[i];
	return kept;
}

/* --- lines --- */

static bool skip(struct span *rest, struct span expected)
{
	if (!span_has_prefix(*rest, expected))
		return false;
	*rest = span_skip(*rest, expected.len);
	return true;
}

static bool skip_end(struct span *rest, struct span expected)
{
	if (rest->len < expected.len ||
	    !span_equal(span_skip(*rest, rest->len - expected.len), expected))
		return false;
	rest->len -= expected.len;
	return true;
}

static bool skip_number(struct span *rest, uint64_t *number)
{
	size_t len = 0;

	while (len < rest->len && is_digit(rest->ptr[len]))
		len++;
	if (span_to_u64(span_of(rest->ptr, len), UINT64_MAX, number))
		return false;
	*rest = span_skip(*rest, len);
	return true;
}

/* 1) id=001000000000000001, user <1795368803:p-x>: */
static bool take_session(struct span line, struct coturncli_item *item)
{
	uint64_t place;

	if (!skip_number(&line, &place) || !skip(&line, SPAN(") id=")) ||
	    !skip_number(&line, &item->number) ||
	    !skip(&line, SPAN(", user <")) || !skip_end(&line, SPAN(">:")))
		return false;
	item->username = line;
	item->kind = COTURNCLI_SESSION;
	return true;
}

/* user: <1795368803:p-x>, 2 sessions */
static bool take_user(struct span line, struct coturncli_item *item)
{
	size_t at;

	if (!skip(&line, SPAN("user: <")) ||
	    !skip_end(&line, SPAN(" sessions")))
		return false;
	/* The name may have anything in it: its end is the last one. */
	for (at = line.len; at && is_digit(line.ptr[at - 1]); at--)
		;
	if (span_to_u64(span_skip(line, at), UINT64_MAX, &item->number))
		return false;
	line.len = at;
	if (!skip_end(&line, SPAN(">, ")))
		return false;
	item->username = line;
	item->kind = COTURNCLI_USER;
	return true;
}

static void take_line(struct span line, struct coturncli_item *item)
{
	if (span_has_prefix(line, SPAN("Enter password:"))) {
		item->kind = COTURNCLI_PASSWORD;
		return;
	}
	if (span_has_prefix(line, SPAN("Unknown command"))) {
		item->kind = COTURNCLI_UNKNOWN;
		return;
	}
	while (line.len && line.ptr[0] == ' ')
		line = span_skip(line, 1);
	if (!take_session(line, item))
		(void)take_user(line, item);
}

ssize_t coturncli_parse(struct span text, struct coturncli_item *item)
{
	size_t cap =
		text.len < COTURNCLI_MAX_LINE ? text.len : COTURNCLI_MAX_LINE;
	const char *newline;

	*item = (struct coturncli_item){.kind = COTURNCLI_TEXT};
	if (span_has_prefix(text, SPAN("> "))) {
		item->kind = COTURNCLI_PROMPT;
		return 2;
	}
	newline = cap ? memchr(text.ptr, '\n', cap) : NULL;
	if (!newline)
		return text.len < COTURNCLI_MAX_LINE ? 0 : -EMSGSIZE;
	take_line(span_of(text.ptr, (size_t)(newline - text.ptr)), item);
	return newline - text.ptr + 1;
}
