/* sio.c: Socket.IO packets, protocol 5 (and 4, as clients of v2 speak it). */
#include <assert.h>
#include <errno.h>

#include "codec/chars.h"
#include "codec/json.h"
#include "codec/sio.h"

/* The greatest whole number that JavaScript counts to without gaps. */
#define MAX_ID ((UINT64_C(1) << 53) - 1)

/* The name of an event and its arguments, as json_slice() finds them. */
#define MAX_ELEMENTS (1 + SIO_MAX_SLICED)

/* Room for the longest reserved name, or of a placeholder's members, and a NUL.
 */
#define NAME_CAP 16

/* The digits that a span begins with. */
static struct span leading_digits(struct span s)
{
	size_t len = 0;

	while (len < s.len && is_digit(s.ptr[len]))
		len++;
	return span_of(s.ptr, len);
}

static bool begins_with(struct span s, char c)
{
	return s.len && *s.ptr == c;
}

/*
 * The parts of a packet in front of its JSON, each cut off *rest.
 */

static int cut_type(struct span *rest, enum sio_type *type)
{
	if (!rest->len || *rest->ptr < '0' || *rest->ptr > '6')
		return -EPROTO;
	*type = (enum sio_type)(*rest->ptr - '0');
	*rest = span_skip(*rest, 1);
	return *type == SIO_CONNECT_ERROR ? -EPROTO : 0;
}

static bool is_binary(enum sio_type type)
{
	return type == SIO_BINARY_EVENT || type == SIO_BINARY_ACK;
}

/* "1-" up to "10-", in binary packets only. */
static int cut_attachments(struct span *rest, unsigned *attachments)
{
	struct span digits = leading_digits(*rest);
	uint64_t count;

	if (span_to_u64(digits, SIO_MAX_ATTACHMENTS, &count) || !count)
		return -EPROTO;
	*rest = span_skip(*rest, digits.len);
	if (!begins_with(*rest, '-'))
		return -EPROTO;
	*rest = span_skip(*rest, 1);
	*attachments = (unsigned)count;
	return 0;
}

/* "/chat," or "/chat?token=x,"; the comma may be missing at the very end. */
static int cut_nsp(struct span *rest, struct sio_packet *packet)
{
	struct span nsp = *rest;
	const char *comma, *mark;

	packet->nsp = SPAN("/");
	if (!begins_with(*rest, '/'))
		return 0;
	comma = memchr(rest->ptr, ',', rest->len);
	if (comma)
		nsp.len = (size_t)(comma - nsp.ptr);
	*rest = span_skip(*rest, comma ? nsp.len + 1 : nsp.len);

	mark = memchr(nsp.ptr, '?', nsp.len);
	if (mark) {
		size_t path_len = (size_t)(mark - nsp.ptr);

		packet->query = span_skip(nsp, path_len + 1);
		nsp.len = path_len;
	}
	packet->nsp = nsp;
	return nsp.len > SIO_MAX_NSP ? -EPROTO : 0;
}

static int cut_id(struct span *rest, struct sio_packet *packet)
{
	struct span digits = leading_digits(*rest);

	if (!digits.len)
		return 0;
	*rest = span_skip(*rest, digits.len);
	packet->has_id = true;
	return span_to_u64(digits, MAX_ID, &packet->id) ? -EPROTO : 0;
}

static int cut_head(struct span *rest, struct sio_packet *packet)
{
	int err = cut_type(rest, &packet->type);

	if (!err && is_binary(packet->type))
		err = cut_attachments(rest, &packet->attachments);
	if (!err)
		err = cut_nsp(rest, packet);
	return err ? err : cut_id(rest, packet);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct span trim_end(struct span s)
{
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

static struct span trim(struct span s)
{
	while (s.len && is_space(*s.ptr))
		s = span_skip(s, 1);
	return trim_end(s);
}

/* What a raw, validated string stands for; empty for one that is longer than
 * every name we know. */
static struct span decode_name(struct span raw, char out[NAME_CAP])
{
	struct span name;

	return json_read_string(raw, out, NAME_CAP, &name) ? span_of(NULL, 0)
							   : name;
}

bool sio_is_reserved(struct span name)
{
	static const struct span reserved[] = {
		SPAN_INIT("connect"),	  SPAN_INIT("connect_error"),
		SPAN_INIT("disconnect"),  SPAN_INIT("disconnecting"),
		SPAN_INIT("newListener"), SPAN_INIT("removeListener"),
	};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
		if (span_equal(name, reserved[i]))
			return true;
	}
	return false;
}

static bool is_reserved(struct span raw)
{
	char space[NAME_CAP];

	return sio_is_reserved(decode_name(raw, space));
}

/*
 * Placeholders stand where a receiver puts the binary messages that follow:
 * {"_placeholder":true,"num":0}. They may be anywhere in the arguments; one
 * walk over the tokens looks at all objects at once, with the open ones on a
 * stack.
 */
enum member { MEMBER_OTHER, MEMBER_PLACEHOLDER, MEMBER_NUM };

/* An open array or object; of a name that stands there twice the last counts,
 * as in JavaScript. */
struct level {
	enum member member; /* whose value comes next */
	bool is_placeholder;
	struct span num;
};

struct walk {
	struct level levels[JSON_MAX_DEPTH + 1]; /* 0 is around the data */
	size_t depth;
	unsigned attachments;
};

static enum member member_of(struct span raw)
{
	char space[NAME_CAP];
	struct span name = decode_name(raw, space);

	if (span_equal(name, SPAN("_placeholder")))
		return MEMBER_PLACEHOLDER;
	return span_equal(name, SPAN("num")) ? MEMBER_NUM : MEMBER_OTHER;
}

/* value  a scalar, or the bracket that opens an array or object */
static void note_value(struct level *level, struct span value)
{
	if (level->member == MEMBER_PLACEHOLDER)
		level->is_placeholder = span_equal(value, SPAN("true"));
	else if (level->member == MEMBER_NUM)
		level->num = value;
	level->member = MEMBER_OTHER;
}

static int check_level(const struct level *level, unsigned attachments)
{
	uint64_t num;

	if (!level->is_placeholder)
		return 0;
	return json_to_u64(level->num, attachments - 1, &num) ? -EPROTO : 0;
}

/* previous  the token in front, a member's name when this one is a colon */
static int walk_token(struct walk *walk, struct span token,
		      struct span previous)
{
	struct level *level = &walk->levels[walk->depth];

	switch (*token.ptr) {
	case ',':
		return 0;
	case ':':
		level->member = member_of(previous);
		return 0;
	case '{':
	case '[':
		note_value(level, token);
		walk->levels[++walk->depth] =
			(struct level){.member = MEMBER_OTHER};
		return 0;
	case '}':
	case ']':
		walk->depth--;
		return check_level(level, walk->attachments);
	default:
		note_value(level, token);
		return 0;
	}
}

/* data  validated, so no deeper than the stack */
static int check_placeholders(struct span data, unsigned attachments)
{
	struct walk walk;
	struct span token, previous = {NULL, 0};
	int err = 0;

	walk.levels[0] = (struct level){.member = MEMBER_OTHER};
	walk.depth = 0;
	walk.attachments = attachments;
	while (!err && (token = json_next_token(&data)).len) {
		err = walk_token(&walk, token, previous);
		previous = token;
	}
	return err;
}

/* What each type asks of its data. */

static int read_connect(struct sio_packet *packet)
{
	struct span data = packet->data;

	if (!data.ptr)
		return 0;
	if (json_validate(data) || json_type_of(data) != JSON_TYPE_OBJECT)
		return -EPROTO;
	return 0;
}

static int read_disconnect(struct sio_packet *packet)
{
	return packet->data.ptr ? -EPROTO : 0;
}

/* elements  the first of count; all behind skipped ones are arguments */
static void keep_args(struct sio_packet *packet, const struct span *elements,
		      size_t count)
{
	packet->args_count = count;
	if (count > SIO_MAX_SLICED)
		count = SIO_MAX_SLICED;
	memcpy(packet->args, elements, count * sizeof(*elements));
}

static bool is_name(struct span raw)
{
	enum json_type type = json_type_of(raw);

	return type == JSON_TYPE_NUMBER ||
	       (type == JSON_TYPE_STRING && !is_reserved(raw));
}

static int read_event(struct sio_packet *packet)
{
	struct span elements[MAX_ELEMENTS];
	size_t count;

	if (json_slice(packet->data, elements, MAX_ELEMENTS, &count) ||
	    !count || !is_name(elements[0]))
		return -EPROTO;
	packet->name = elements[0];
	keep_args(packet, elements + 1, count - 1);
	return 0;
}

static int read_ack(struct sio_packet *packet)
{
	struct span elements[SIO_MAX_SLICED];
	size_t count;

	if (!packet->has_id ||
	    json_slice(packet->data, elements, SIO_MAX_SLICED, &count))
		return -EPROTO;
	keep_args(packet, elements, count);
	return 0;
}

static int (*const read_data[])(struct sio_packet *packet) = {
	[SIO_CONNECT] = read_connect,	 [SIO_DISCONNECT] = read_disconnect,
	[SIO_EVENT] = read_event,	 [SIO_ACK] = read_ack,
	[SIO_BINARY_EVENT] = read_event, [SIO_BINARY_ACK] = read_ack,
};

int sio_parse(struct span text, struct sio_packet *packet)
{
	struct sio_packet read = {0};
	int err = cut_head(&text, &read);

	if (err)
		return err;
	if (text.len)
		read.data = trim(text);
	err = read_data[read.type](&read);
	if (!err && read.attachments)
		err = check_placeholders(read.data, read.attachments);
	if (!err)
		*packet = read;
	return err;
}

/*
 * Where argument n begins that lies behind the sliced ones.
 *
 * rest  validated, from the last sliced argument on
 */
static const char *find_arg(struct span rest, size_t n)
{
	size_t commas = n - (SIO_MAX_SLICED - 1), depth = 0;

	while (commas) {
		char c = *json_next_token(&rest).ptr;

		if (c == '[' || c == '{')
			depth++;
		else if (c == ']' || c == '}')
			depth--;
		else if (c == ',' && !depth)
			commas--;
	}
	return trim(rest).ptr;
}

struct span sio_args_from(const struct sio_packet *packet, size_t n)
{
	const char *at, *end;

	if (n >= packet->args_count)
		return span_of(NULL, 0);
	end = packet->data.ptr + packet->data.len - 1; /* the bracket */
	if (n < SIO_MAX_SLICED) {
		at = packet->args[n].ptr;
	} else {
		at = packet->args[SIO_MAX_SLICED - 1].ptr;
		at = find_arg(span_of(at, (size_t)(end - at)), n);
	}
	return trim_end(span_of(at, (size_t)(end - at)));
}

/* Append a number's decimal digits; returns the place behind them. */
static char *write_digits(char *out, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	memcpy(out, digits + at, sizeof(digits) - at);
	return out + sizeof(digits) - at;
}

size_t sio_write_head(char out[SIO_HEAD_CAP], enum sio_type type,
		      unsigned attachments, struct span nsp, int64_t id)
{
	char *at = out;

	assert(nsp.len <= SIO_MAX_NSP);
	*at++ = (char)('0' + type);
	if (attachments) {
		at = write_digits(at, attachments);
		*at++ = '-';
	}
	if (!span_equal(nsp, SPAN("/"))) {
		memcpy(at, nsp.ptr, nsp.len);
		at += nsp.len;
		*at++ = ',';
	}
	if (id >= 0)
		at = write_digits(at, (uint64_t)id);
	return (size_t)(at - out);
}
