/* msg.c: the native protocol's messages, as docs/protocol.md has them. */
#include <errno.h>

#include "codec/json.h"
#include "codec/msg.h"
#include "codec/msg_usual.h"

#define MAX_TOKEN 512
#define MAX_TYPE 16 /* bytes of the longest type's name, and some more */

/* The members the server reads, in the order in which clients write them: names
 * are looked for from the one before on. */
enum field {
	F_TYPE,
	F_TO,
	F_TI,
	F_N,
	F_P,
	F_SN,
	F_REF,
	F_CANDIDATE,
	F_DATA,
	F_DESCRIPTION,
	F_ROOM,
	F_ROLE,
	F_NAME,
	F_METADATA,
	F_TTL,
	F_AFTER,
	F_INST,
	F_TRY,
	F_AUTH,
	F_TOKEN,
	F_EPOCH,
	F_LAST,
	F_COUNT,
};

static const struct span field_names[F_COUNT] = {
	[F_TYPE] = SPAN_INIT("type"),
	[F_TO] = SPAN_INIT("to"),
	[F_TI] = SPAN_INIT("ti"),
	[F_N] = SPAN_INIT("n"),
	[F_P] = SPAN_INIT("p"),
	[F_SN] = SPAN_INIT("sn"),
	[F_CANDIDATE] = SPAN_INIT("candidate"),
	[F_DATA] = SPAN_INIT("data"),
	[F_DESCRIPTION] = SPAN_INIT("description"),
	[F_REF] = SPAN_INIT("ref"),
	[F_ROOM] = SPAN_INIT("room"),
	[F_ROLE] = SPAN_INIT("role"),
	[F_NAME] = SPAN_INIT("name"),
	[F_METADATA] = SPAN_INIT("metadata"),
	[F_TTL] = SPAN_INIT("ttl"),
	[F_AFTER] = SPAN_INIT("after"),
	[F_INST] = SPAN_INIT("inst"),
	[F_TRY] = SPAN_INIT("try"),
	[F_AUTH] = SPAN_INIT("auth"),
	[F_TOKEN] = SPAN_INIT("token"),
	[F_EPOCH] = SPAN_INIT("epoch"),
	[F_LAST] = SPAN_INIT("last"),
};

static int read_join(const struct span *fields, struct msg *msg,
		     struct msg_error *error);
static int read_resume(const struct span *fields, struct msg *msg,
		       struct msg_error *error);
static int read_ack(const struct span *fields, struct msg *msg,
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
	struct span middle; /* before the payload */
	int (*read)(const struct span *fields, struct msg *msg,
		    struct msg_error *error);
} rules[MSG_TYPES_COUNT] = {
	[MSG_OFFER] = {SPAN_INIT("\"offer\""), true, F_DESCRIPTION,
		       SPAN_INIT("{\"type\":\"offer\",\"from\":\""),
		       SPAN_INIT(",\"description\":"), NULL},
	[MSG_ANSWER] = {SPAN_INIT("\"answer\""), true, F_DESCRIPTION,
			SPAN_INIT("{\"type\":\"answer\",\"from\":\""),
			SPAN_INIT(",\"description\":"), NULL},
	[MSG_CANDIDATE] = {SPAN_INIT("\"candidate\""), true, F_CANDIDATE,
			   SPAN_INIT("{\"type\":\"candidate\",\"from\":\""),
			   SPAN_INIT(",\"candidate\":"), NULL},
	[MSG_SIGNAL] = {SPAN_INIT("\"signal\""), true, F_DATA,
			SPAN_INIT("{\"type\":\"signal\",\"from\":\""),
			SPAN_INIT(",\"data\":"), NULL},
	[MSG_BROADCAST] = {SPAN_INIT("\"broadcast\""), false, F_DATA,
			   SPAN_INIT("{\"type\":\"broadcast\",\"from\":\""),
			   SPAN_INIT(",\"data\":"), NULL},
	[MSG_JOIN] = {.raw = SPAN_INIT("\"join\""),
		      .payload = -1,
		      .read = read_join},
	[MSG_RESUME] = {.raw = SPAN_INIT("\"resume\""),
			.payload = -1,
			.read = read_resume},
	[MSG_ACK] = {.raw = SPAN_INIT("\"ack\""),
		     .payload = -1,
		     .read = read_ack},
	[MSG_ICE] = {.raw = SPAN_INIT("\"ice\""),
		     .payload = -1,
		     .read = read_ttl},
	[MSG_PEERS] = {.raw = SPAN_INIT("\"peers\""),
		       .payload = -1,
		       .read = read_after},
	[MSG_PING] = {.raw = SPAN_INIT("\"ping\""), .payload = -1},
	[MSG_LEAVE] = {.raw = SPAN_INIT("\"leave\""), .payload = -1},
	[MSG_KICK] = {.raw = SPAN_INIT("\"kick\""),
		      .has_to = true,
		      .payload = -1},
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
	[MSG_TOO_MANY_WATCHERS] = "too-many-watchers",
	[MSG_NO_ROOM] = "no-room",
	[MSG_NOT_ALLOWED] = "not-allowed",
	[MSG_NOT_ADDRESSABLE] = "not-addressable",
	[MSG_UNKNOWN_PEER] = "unknown-peer",
	[MSG_PEER_PENDING] = "peer-pending",
	[MSG_PEER_RESTARTED] = "peer-restarted",
	[MSG_GAP] = "gap",
	[MSG_QUEUE_FULL] = "queue-full",
	[MSG_NO_DESCRIPTION] = "no-description",
	[MSG_MUTED] = "muted",
	[MSG_RATE_LIMITED] = "rate-limited",
	[MSG_INTERNAL] = "internal",
};

static int refuse(struct msg_error *error, enum msg_error_code code,
		  const char *message)
{
	*error = (struct msg_error){.code = code, .message = message};
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

/* A whole number; left alone where there is none. */
static int read_number(struct span raw, uint64_t *value,
		       struct msg_error *error, const char *message)
{
	if (raw.ptr && json_to_u64(raw, MSG_MAX_NUMBER - 1, value))
		return refuse(error, MSG_BAD_MESSAGE, message);
	return 0;
}

/* The same, from 1. */
static int read_count(struct span raw, uint64_t *value, struct msg_error *error,
		      const char *message)
{
	if (read_number(raw, value, error, message))
		return -EINVAL;
	if (raw.ptr && !*value)
		return refuse(error, MSG_BAD_MESSAGE, message);
	return 0;
}

/* What join and resume say of the peer. */
static int read_about(const struct span *fields, struct msg *msg,
		      struct msg_error *error)
{
	if (fields[F_NAME].ptr && !is_of_type(fields[F_NAME], JSON_TYPE_STRING))
		return refuse(error, MSG_BAD_MESSAGE, "name must be a string");
	if (fields[F_METADATA].ptr &&
	    !is_of_type(fields[F_METADATA], JSON_TYPE_OBJECT))
		return refuse(error, MSG_BAD_MESSAGE,
			      "metadata must be an object");
	msg->name = fields[F_NAME];
	msg->metadata = fields[F_METADATA];
	msg->auth = fields[F_AUTH];
	msg->attempt = 1;
	if (read_count(fields[F_INST], &msg->inst, error,
		       "inst must be a whole number from 1 to 2^53 - 1") ||
	    read_count(fields[F_TRY], &msg->attempt, error,
		       "try must be a whole number from 1 to 2^53 - 1"))
		return -EINVAL;
	return read_ttl(fields, msg, error);
}

static int read_join(const struct span *fields, struct msg *msg,
		     struct msg_error *error)
{
	if (!is_of_type(fields[F_ROOM], JSON_TYPE_STRING))
		return refuse(error, MSG_BAD_ROOM,
			      "join needs a room, a string of 1 to 128 bytes");
	if (fields[F_ROLE].ptr && !is_of_type(fields[F_ROLE], JSON_TYPE_STRING))
		return refuse(error, MSG_BAD_ROLE, "role must be a string");
	msg->room = fields[F_ROOM];
	msg->role = fields[F_ROLE];
	return read_about(fields, msg, error);
}

static int read_resume(const struct span *fields, struct msg *msg,
		       struct msg_error *error)
{
	struct span token = fields[F_TOKEN];

	if (!is_of_type(token, JSON_TYPE_STRING) || token.len > MAX_TOKEN)
		return refuse(error, MSG_BAD_MESSAGE,
			      "resume needs the token that joined, resumed or "
			      "session gave");
	msg->token = span_of(token.ptr + 1, token.len - 2);
	if (read_about(fields, msg, error) ||
	    read_number(fields[F_EPOCH], &msg->epoch, error,
			"epoch must be the number that session had") ||
	    read_number(fields[F_LAST], &msg->last, error,
			"last must be a whole number, the position of the "
			"last message that came"))
		return -EINVAL;
	if (!msg->inst)
		return refuse(error, MSG_BAD_MESSAGE,
			      "resume needs inst, a whole number from 1 to "
			      "2^53 - 1");
	return 0;
}

static int read_ack(const struct span *fields, struct msg *msg,
		    struct msg_error *error)
{
	(void)fields;
	if (msg->has_sn)
		return 0;
	return refuse(error, MSG_BAD_MESSAGE,
		      "ack needs sn, the position of the last message that "
		      "came");
}

/* ref and n come first, so that every later refusal can repeat them. */
static int read_reference(const struct span *fields, struct msg *msg,
			  struct msg_error *error)
{
	struct span ref = fields[F_REF];
	struct span n = fields[F_N];

	if (ref.ptr) {
		enum json_type type = json_type_of(ref);

		if ((type != JSON_TYPE_STRING && type != JSON_TYPE_NUMBER) ||
		    ref.len > MSG_MAX_REF)
			return refuse(error, MSG_BAD_MESSAGE,
				      "ref must be a string or a number of at "
				      "most 64 bytes");
		msg->ref = ref;
	}
	if (read_number(n, &msg->number, error,
			"n must be a whole number from 0 to 2^53 - 1"))
		return -EINVAL;
	msg->n = n;
	msg->has_sn = fields[F_SN].ptr;
	return read_number(fields[F_SN], &msg->sn, error,
			   "sn must be a whole number from 0 to 2^53 - 1");
}

static int refuse_to(struct msg_error *error)
{
	return refuse(error, MSG_BAD_MESSAGE,
		      "to must be a peer's id, as joined or peer-joined gave "
		      "it, or an array of at most 64");
}

static bool is_peer_id(struct span raw)
{
	return is_of_type(raw, JSON_TYPE_STRING) && raw.len <= MSG_MAX_TO + 2;
}

/* Numbers of a list of receivers: none, or as many. */
static bool are_numbers(struct span raw, size_t count)
{
	struct span elements[MSG_MAX_TARGETS];
	uint64_t value;
	size_t found;

	if (!raw.ptr)
		return true;
	if (json_slice(raw, elements, MSG_MAX_TARGETS, &found) ||
	    found != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (json_to_u64(elements[i], MSG_MAX_NUMBER - 1, &value))
			return false;
	return true;
}

static int read_many(const struct span *fields, struct msg *msg,
		     struct msg_error *error)
{
	struct span elements[MSG_MAX_TARGETS];
	size_t count;

	if (json_slice(fields[F_TO], elements, MSG_MAX_TARGETS, &count) ||
	    !count || count > MSG_MAX_TARGETS)
		return refuse_to(error);
	for (size_t i = 0; i < count; i++)
		if (!is_peer_id(elements[i]))
			return refuse_to(error);
	if (!are_numbers(fields[F_TI], count) ||
	    !are_numbers(fields[F_P], count))
		return refuse(error, MSG_BAD_MESSAGE,
			      "ti and p must be arrays of whole numbers, as "
			      "many as to has ids");
	msg->has_many = true;
	msg->to = fields[F_TO];
	msg->ti_array = fields[F_TI];
	msg->p_array = fields[F_P];
	return 0;
}

static int read_to(const struct span *fields, struct msg *msg,
		   struct msg_error *error)
{
	struct span raw = fields[F_TO];

	if (is_of_type(raw, JSON_TYPE_ARRAY))
		return read_many(fields, msg, error);
	if (!is_peer_id(raw))
		return refuse_to(error);
	msg->to = span_of(raw.ptr + 1, raw.len - 2);
	msg->has_ti = fields[F_TI].ptr;
	if (read_number(fields[F_TI], &msg->ti, error,
			"ti must be the receiver's inst, or 0 where it has "
			"none"))
		return -EINVAL;
	return read_number(fields[F_P], &msg->p, error,
			   "p must be a whole number from 0 to 2^53 - 1");
}

static void read_targets_numbers(const struct msg *msg, size_t count,
				 struct msg_target *targets)
{
	struct span elements[MSG_MAX_TARGETS];
	size_t found;

	if (msg->ti_array.ptr &&
	    !json_slice(msg->ti_array, elements, MSG_MAX_TARGETS, &found))
		for (size_t i = 0; i < count; i++)
			targets[i].has_ti = !json_to_u64(
				elements[i], MSG_MAX_NUMBER, &targets[i].ti);
	if (msg->p_array.ptr &&
	    !json_slice(msg->p_array, elements, MSG_MAX_TARGETS, &found))
		for (size_t i = 0; i < count; i++)
			(void)json_to_u64(elements[i], MSG_MAX_NUMBER,
					  &targets[i].p);
}

size_t msg_targets(const struct msg *msg,
		   struct msg_target targets[MSG_MAX_TARGETS])
{
	struct span ids[MSG_MAX_TARGETS];
	size_t count;

	if (!msg->has_many) {
		targets[0] = (struct msg_target){msg->to, msg->has_ti, msg->ti,
						 msg->p};
		return 1;
	}
	if (json_slice(msg->to, ids, MSG_MAX_TARGETS, &count))
		return 0;
	for (size_t i = 0; i < count; i++)
		targets[i] = (struct msg_target){
			.to = span_of(ids[i].ptr + 1, ids[i].len - 2)};
	read_targets_numbers(msg, count, targets);
	return count;
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

	*msg = (struct msg){0};
	if (msg_read_usual(text, msg))
		return 0;
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
		err = read_to(fields, msg, error);
	if (!err && rule->payload >= 0)
		err = read_payload(rule->payload, fields[rule->payload], msg,
				   error);
	if (!err && rule->read)
		err = rule->read(fields, msg, error);
	return err;
}

static inline size_t put(char *out, size_t at, struct span piece)
{
	memcpy(out + at, piece.ptr, piece.len);
	return at + piece.len;
}

/* ,"n":12 */
static inline size_t put_number(char *out, size_t at, struct span name,
				uint64_t value)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324252627282930"
		"31323334353637383940414243444546474849505152535455565758596061"
		"62636465666768697071727374757677787980818283848586878889909192"
		"93949596979899";
	char digits[20];
	char *end = digits + sizeof(digits);
	char *first = end;
	uint32_t rest;

	/* Eight digits at a time: dividing 32 bits is cheap. */
	for (; value >= 100000000; value /= 100000000) {
		rest = (uint32_t)(value % 100000000);
		for (int i = 0; i < 4; i++, rest /= 100) {
			first -= 2;
			memcpy(first, pairs + rest % 100 * 2, 2);
		}
	}
	for (rest = (uint32_t)value; rest >= 10; rest /= 100) {
		first -= 2;
		memcpy(first, pairs + rest % 100 * 2, 2);
	}
	if (rest || first == end)
		*--first = (char)('0' + rest);
	at = put(out, at, name);
	return put(out, at, span_of(first, (size_t)(end - first)));
}

size_t msg_write_prefix(const struct msg_head *head,
			char prefix[MSG_PREFIX_CAP])
{
	const struct type_rule *rule = &rules[head->type];
	size_t at = put(prefix, 0, rule->prefix);

	at = put(prefix, at, head->from);
	at = put(prefix, at, SPAN("\""));
	if (head->fi)
		at = put_number(prefix, at, SPAN(",\"fi\":"), head->fi);
	if (head->is_numbered)
		at = put_number(prefix, at, SPAN(",\"n\":"), head->n);
	if (head->p)
		at = put_number(prefix, at, SPAN(",\"p\":"), head->p);
	if (head->acked)
		at = put_number(prefix, at, SPAN(",\"acked\":"), head->acked);
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

void msg_write_error(struct buf *out, const struct msg *msg, struct span to,
		     const struct msg_error *error)
{
	msg_begin_answer(out, "error", msg);
	if (to.ptr) {
		buf_append_str(out, ",\"to\":\"");
		buf_append_span(out, to);
		buf_append_str(out, "\"");
	}
	buf_append_str(out, ",\"code\":\"");
	buf_append_str(out,
		       error->name ? error->name : msg_error_name(error->code));
	buf_append_str(out, "\",\"message\":");
	buf_append_json(out, span_from(error->message));
	if (error->retry_after_s)
		buf_append_format(out, ",\"retryAfter\":%u",
				  error->retry_after_s);
	buf_append_str(out, "}");
}

const char *msg_error_name(enum msg_error_code code)
{
	return error_names[code];
}
