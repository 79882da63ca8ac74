/* msg.c: the native protocol's messages, as docs/protocol.md has them. */
#include <errno.h>

#include "codec/json.h"
#include "codec/msg.h"

/* Ids are 22 characters; a few more are let through to be answered as unknown.
 */
#define MAX_TO 64
#define MAX_TYPE 16 /* bytes of the longest type's name, and some more */

/* The members the server reads. */
enum field {
	F_TYPE,
	F_TO,
	F_DESCRIPTION,
	F_CANDIDATE,
	F_DATA,
	F_REF,
	F_N,
	F_ROOM,
	F_ROLE,
	F_NAME,
	F_METADATA,
	F_TTL,
	F_AFTER,
	F_COUNT,
};

static const struct span field_names[F_COUNT] = {
	[F_TYPE] = SPAN_INIT("type"),
	[F_TO] = SPAN_INIT("to"),
	[F_DESCRIPTION] = SPAN_INIT("description"),
	[F_CANDIDATE] = SPAN_INIT("candidate"),
	[F_DATA] = SPAN_INIT("data"),
	[F_REF] = SPAN_INIT("ref"),
	[F_N] = SPAN_INIT("n"),
	[F_ROOM] = SPAN_INIT("room"),
	[F_ROLE] = SPAN_INIT("role"),
	[F_NAME] = SPAN_INIT("name"),
	[F_METADATA] = SPAN_INIT("metadata"),
	[F_TTL] = SPAN_INIT("ttl"),
	[F_AFTER] = SPAN_INIT("after"),
};

static int read_join(const struct span *fields, struct msg *msg,
		     struct msg_error *error);
static int read_ttl(const struct span *fields, struct msg *msg,
		    struct msg_error *error);
static int read_after(const struct span *fields, struct msg *msg,
		      struct msg_error *error);

/* What a message of each type holds, and how it looks when it is relayed. */
static const struct type_rule {
	struct span raw; /* the type's name as it stands in JSON */
	bool has_to;
	int payload; /* the field that is relayed, or -1 */
	struct span prefix;
	struct span middle; /* between the sender's id and the payload */
	int (*read)(const struct span *fields, struct msg *msg,
		    struct msg_error *error);
} rules[MSG_TYPES_COUNT] = {
	[MSG_OFFER] = {SPAN_INIT("\"offer\""), true, F_DESCRIPTION,
		       SPAN_INIT("{\"type\":\"offer\",\"from\":\""),
		       SPAN_INIT("\",\"description\":"), NULL},
	[MSG_ANSWER] = {SPAN_INIT("\"answer\""), true, F_DESCRIPTION,
			SPAN_INIT("{\"type\":\"answer\",\"from\":\""),
			SPAN_INIT("\",\"description\":"), NULL},
	[MSG_CANDIDATE] = {SPAN_INIT("\"candidate\""), true, F_CANDIDATE,
			   SPAN_INIT("{\"type\":\"candidate\",\"from\":\""),
			   SPAN_INIT("\",\"candidate\":"), NULL},
	[MSG_SIGNAL] = {SPAN_INIT("\"signal\""), true, F_DATA,
			SPAN_INIT("{\"type\":\"signal\",\"from\":\""),
			SPAN_INIT("\",\"data\":"), NULL},
	[MSG_BROADCAST] = {SPAN_INIT("\"broadcast\""), false, F_DATA,
			   SPAN_INIT("{\"type\":\"broadcast\",\"from\":\""),
			   SPAN_INIT("\",\"data\":"), NULL},
	[MSG_JOIN] = {.raw = SPAN_INIT("\"join\""),
		      .payload = -1,
		      .read = read_join},
	[MSG_ICE] = {.raw = SPAN_INIT("\"ice\""),
		     .payload = -1,
		     .read = read_ttl},
	[MSG_PEERS] = {.raw = SPAN_INIT("\"peers\""),
		       .payload = -1,
		       .read = read_after},
	[MSG_PING] = {.raw = SPAN_INIT("\"ping\""), .payload = -1},
	[MSG_LEAVE] = {.raw = SPAN_INIT("\"leave\""), .payload = -1},
};

static const char *const error_names[] = {
	[MSG_BAD_JSON] = "bad-json",
	[MSG_BAD_MESSAGE] = "bad-message",
	[MSG_UNKNOWN_TYPE] = "unknown-type",
	[MSG_NOT_JOINED] = "not-joined",
	[MSG_ALREADY_JOINED] = "already-joined",
	[MSG_BAD_ROOM] = "bad-room",
	[MSG_BAD_ROLE] = "bad-role",
	[MSG_ROLE_TAKEN] = "role-taken",
	[MSG_ROOM_FULL] = "room-full",
	[MSG_TOO_MANY_ROOMS] = "too-many-rooms",
	[MSG_UNKNOWN_PEER] = "unknown-peer",
	[MSG_QUEUE_FULL] = "queue-full",
	[MSG_INTERNAL] = "internal",
};

static int refuse(struct msg_error *error, enum msg_error_code code,
		  const char *message)
{
	*error = (struct msg_error){code, message};
	return -EINVAL;
}

static bool is_of_type(struct span raw, enum json_type type)
{
	return raw.ptr && json_type_of(raw) == type;
}

static int read_ttl(const struct span *fields, struct msg *msg,
		    struct msg_error *error)
{
	if (fields[F_TTL].ptr &&
	    json_to_u64(fields[F_TTL], MSG_MAX_NUMBER, &msg->ttl_s))
		return refuse(error, MSG_BAD_MESSAGE,
			      "ttl must be a whole number of seconds");
	return 0;
}

static int read_after(const struct span *fields, struct msg *msg,
		      struct msg_error *error)
{
	if (json_to_u64(fields[F_AFTER].ptr ? fields[F_AFTER] : SPAN("0"),
			MSG_MAX_NUMBER, &msg->after))
		return refuse(error, MSG_BAD_MESSAGE,
			      "after must be the number that next was");
	return 0;
}

static int read_join(const struct span *fields, struct msg *msg,
		     struct msg_error *error)
{
	if (!is_of_type(fields[F_ROOM], JSON_TYPE_STRING))
		return refuse(error, MSG_BAD_ROOM,
			      "join needs a room, a string of 1 to 128 bytes");
	if (fields[F_ROLE].ptr && !is_of_type(fields[F_ROLE], JSON_TYPE_STRING))
		return refuse(error, MSG_BAD_ROLE, "role must be a string");
	if (fields[F_NAME].ptr && !is_of_type(fields[F_NAME], JSON_TYPE_STRING))
		return refuse(error, MSG_BAD_MESSAGE, "name must be a string");
	if (fields[F_METADATA].ptr &&
	    !is_of_type(fields[F_METADATA], JSON_TYPE_OBJECT))
		return refuse(error, MSG_BAD_MESSAGE,
			      "metadata must be an object");
	msg->room = fields[F_ROOM];
	msg->role = fields[F_ROLE];
	msg->name = fields[F_NAME];
	msg->metadata = fields[F_METADATA];
	return read_ttl(fields, msg, error);
}

/* ref and n come first, so that every later refusal can repeat them. */
static int read_reference(const struct span *fields, struct msg *msg,
			  struct msg_error *error)
{
	struct span ref = fields[F_REF];
	struct span n = fields[F_N];
	uint64_t number;

	if (ref.ptr) {
		enum json_type type = json_type_of(ref);

		if ((type != JSON_TYPE_STRING && type != JSON_TYPE_NUMBER) ||
		    ref.len > MSG_MAX_REF)
			return refuse(error, MSG_BAD_MESSAGE,
				      "ref must be a string or a number of at "
				      "most 64 bytes");
		msg->ref = ref;
	}
	if (n.ptr) {
		if (json_to_u64(n, MSG_MAX_NUMBER - 1, &number))
			return refuse(error, MSG_BAD_MESSAGE,
				      "n must be a whole number from 0 to "
				      "2^53 - 1");
		msg->n = n;
	}
	return 0;
}

static int read_to(struct span raw, struct msg *msg, struct msg_error *error)
{
	if (!is_of_type(raw, JSON_TYPE_STRING) || raw.len > MAX_TO)
		return refuse(error, MSG_BAD_MESSAGE,
			      "to must be a peer's id, as joined or "
			      "peer-joined gave it");
	msg->to = span_of(raw.ptr + 1, raw.len - 2);
	return 0;
}

static int read_payload(int field, struct span raw, struct msg *msg,
			struct msg_error *error)
{
	if (field == F_DESCRIPTION && !is_of_type(raw, JSON_TYPE_OBJECT))
		return refuse(error, MSG_BAD_MESSAGE,
			      "description must be an RTCSessionDescription, "
			      "an object with type and sdp");
	if (field == F_CANDIDATE && !is_of_type(raw, JSON_TYPE_OBJECT) &&
	    !is_of_type(raw, JSON_TYPE_NULL))
		return refuse(
			error, MSG_BAD_MESSAGE,
			"candidate must be an RTCIceCandidate, an object, "
			"or null for the end of candidates");
	if (!raw.ptr)
		return refuse(error, MSG_BAD_MESSAGE,
			      "data is missing; it may be any JSON value");
	msg->payload = raw;
	return 0;
}

static const struct type_rule *find_rule_raw(struct span raw)
{
	for (size_t i = 0; i < MSG_TYPES_COUNT; i++)
		if (span_equal(rules[i].raw, raw))
			return &rules[i];
	return NULL;
}

/* A type may be written with escapes; hardly anybody does. */
static const struct type_rule *find_rule(struct span raw)
{
	const struct type_rule *rule = find_rule_raw(raw);
	char quoted[MAX_TYPE + 3] = "\"";
	size_t len;

	if (rule || !memchr(raw.ptr, '\\', raw.len) ||
	    json_decode_string(raw, quoted + 1, MAX_TYPE + 1, &len))
		return rule;
	quoted[len + 1] = '"';
	return find_rule_raw(span_of(quoted, len + 2));
}

static int refuse_json(int err, struct msg_error *error)
{
	switch (err) {
	case -EEXIST:
		return refuse(error, MSG_BAD_MESSAGE,
			      "a member that the server reads stands twice");
	case -ENOTSUP:
		return refuse(error, MSG_BAD_MESSAGE,
			      "a message is a JSON object with a type");
	case -E2BIG:
		return refuse(error, MSG_BAD_JSON,
			      "the JSON is nested deeper than 64");
	default:
		return refuse(error, MSG_BAD_JSON,
			      "the message is not valid JSON (RFC 8259)");
	}
}

int msg_parse(struct span text, struct msg *msg, struct msg_error *error)
{
	struct span fields[F_COUNT];
	const struct type_rule *rule;
	int err;

	*msg = (struct msg){.type = MSG_TYPES_COUNT};
	err = json_pick(text, field_names, F_COUNT, fields);
	/* With a member twice the text is JSON, and has its ref. */
	if ((!err || err == -EEXIST) && read_reference(fields, msg, error))
		return -EINVAL;
	if (err)
		return refuse_json(err, error);
	if (!is_of_type(fields[F_TYPE], JSON_TYPE_STRING))
		return refuse(error, MSG_BAD_MESSAGE,
			      "type is missing; it must be a string");
	rule = find_rule(fields[F_TYPE]);
	if (!rule)
		return refuse(error, MSG_UNKNOWN_TYPE,
			      "this server knows no message of this type");
	msg->type = (enum msg_type)(rule - rules);
	if (rule->has_to)
		err = read_to(fields[F_TO], msg, error);
	if (!err && rule->payload >= 0)
		err = read_payload(rule->payload, fields[rule->payload], msg,
				   error);
	if (!err && rule->read)
		err = rule->read(fields, msg, error);
	return err;
}

static size_t put(char *out, size_t at, struct span piece)
{
	memcpy(out + at, piece.ptr, piece.len);
	return at + piece.len;
}

size_t msg_write_prefix(enum msg_type type, struct span from,
			char prefix[MSG_PREFIX_CAP])
{
	const struct type_rule *rule = &rules[type];
	size_t at = put(prefix, 0, rule->prefix);

	at = put(prefix, at, from);
	return put(prefix, at, rule->middle);
}

void msg_begin_answer(struct buf *out, const char *type, const struct msg *msg)
{
	buf_append_str(out, "{\"type\":\"");
	buf_append_str(out, type);
	buf_append_str(out, "\"");
	if (msg->ref.ptr) {
		buf_append_str(out, ",\"ref\":");
		buf_append_span(out, msg->ref);
	}
	if (msg->n.ptr) {
		buf_append_str(out, ",\"n\":");
		buf_append_span(out, msg->n);
	}
}

void msg_write_error(struct buf *out, const struct msg *msg,
		     const struct msg_error *error)
{
	msg_begin_answer(out, "error", msg);
	buf_append_str(out, ",\"code\":\"");
	buf_append_str(out, msg_error_name(error->code));
	buf_append_str(out, "\",\"message\":");
	buf_append_json(out, span_from(error->message));
	buf_append_str(out, "}");
}

const char *msg_error_name(enum msg_error_code code)
{
	return error_names[code];
}
