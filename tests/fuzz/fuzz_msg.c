/* fuzz_msg.c: any text as a client's message: read it, and answer it. */
#include <string.h>

#include "codec/json.h"
#include "codec/msg.h"
#include "codec/msg_usual.h"
#include "fuzz.h"

#define MAX_ID 96

static void check_inside(struct span part, struct span text)
{
	if (part.ptr)
		MUST(part.ptr >= text.ptr &&
		     part.ptr + part.len <= text.ptr + text.len);
}

/* What stands in the message as they have it, and numbers that all clients
 * share. */
static void check_members(const struct msg *msg, struct span text)
{
	const struct span spans[] = {
		msg->ref,      msg->n,	      msg->to,	  msg->payload,
		msg->ti_array, msg->p_array,  msg->room,  msg->role,
		msg->name,     msg->metadata, msg->token,
	};
	const uint64_t numbers[] = {
		msg->number, msg->ti,	   msg->p,     msg->sn,
		msg->inst,   msg->attempt, msg->epoch, msg->last,
	};

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
		check_inside(spans[i], text);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		MUST(numbers[i] < MSG_MAX_NUMBER);
	MUST(msg->has_sn || !msg->sn);
}

/* What an accepted message must have, by its type. */
static void check_whole(const struct msg *msg)
{
	MUST(msg->type < MSG_TYPES_COUNT);
	MUST((msg->type <= MSG_BROADCAST) == (msg->payload.len > 0));
	MUST(msg->type != MSG_ACK || msg->has_sn);
	MUST(msg->type != MSG_JOIN || msg->room.len);
	if (msg->type == MSG_RESUME)
		MUST(msg->token.ptr && msg->inst);
	if (msg->type == MSG_JOIN || msg->type == MSG_RESUME)
		MUST(msg->attempt);
}

/* What is answered must be JSON, whatever the receiver's id is. */
static void refuse(const struct msg *msg, struct span to,
		   const struct msg_error *error)
{
	struct buf out = {0};

	msg_write_error(&out, msg, to, error);
	MUST(!out.failed && !json_validate(buf_span(&out)));
	buf_clear(&out);
}

/* What was accepted, relayed again, must be JSON again. */
static void relay(const struct msg *msg, const struct msg_target *target)
{
	char prefix[MSG_PREFIX_CAP];
	struct buf out = {0};
	size_t len = msg_write_prefix(
		&(struct msg_head){
			.type = msg->type,
			.from = target ? target->to : SPAN("someone"),
			.fi = target ? target->ti : 0,
			.is_numbered = msg->n.ptr,
			.n = msg->number,
			.p = target ? target->p : 0,
			.acked = msg->sn,
		},
		prefix);

	MUST(len <= sizeof(prefix));
	buf_append(&out, prefix, len);
	buf_append_span(&out, msg->payload);
	buf_append_str(&out, MSG_SUFFIX);
	MUST(!out.failed && !json_validate(buf_span(&out)));
	buf_clear(&out);
}

static void check_targets(const struct msg *msg, struct span text)
{
	static const struct msg_error gap = {.code = MSG_GAP,
					     .message = "go back"};
	struct msg_target targets[MSG_MAX_TARGETS];
	size_t count = msg_targets(msg, targets);

	MUST(count && count <= MSG_MAX_TARGETS);
	MUST(msg->has_many || count == 1);
	for (size_t i = 0; i < count; i++) {
		check_inside(targets[i].to, text);
		MUST(targets[i].to.ptr && targets[i].to.len <= MAX_ID);
		MUST(targets[i].ti < MSG_MAX_NUMBER);
		MUST(targets[i].p < MSG_MAX_NUMBER);
		MUST(targets[i].has_ti || !targets[i].ti);
		refuse(msg, targets[i].to, &gap);
		relay(msg, &targets[i]);
	}
}

static bool is_same(struct span a, struct span b)
{
	return !a.ptr == !b.ptr && span_equal(a, b);
}

/* The short way must end where the long way does, which a blank enforces. */
static void check_usual(struct span text)
{
	char *spaced = malloc(text.len + 1);
	struct msg usual = {0};
	struct msg_error error;
	struct msg msg;

	MUST(spaced);
	spaced[0] = ' ';
	if (text.len)
		memcpy(spaced + 1, text.ptr, text.len);
	if (msg_read_usual(text, &usual)) {
		MUST(!msg_parse(span_of(spaced, text.len + 1), &msg, &error));
		MUST(usual.type == msg.type && usual.number == msg.number &&
		     usual.ti == msg.ti && usual.p == msg.p &&
		     usual.sn == msg.sn && usual.has_ti == msg.has_ti &&
		     usual.has_sn == msg.has_sn && !msg.has_many);
		MUST(is_same(usual.n, msg.n) && is_same(usual.to, msg.to) &&
		     is_same(usual.payload, msg.payload) && !msg.ref.ptr);
	}
	free(spaced);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	struct span text = {copy, size};
	struct msg_error error;
	struct msg msg;

	MUST(copy);
	if (size)
		memcpy(copy, data, size);
	if (msg_parse(text, &msg, &error)) {
		MUST(error.message);
		refuse(&msg, (struct span){NULL, 0}, &error);
	} else {
		MUST(!json_validate(text));
		check_whole(&msg);
		if (msg.type < MSG_BROADCAST)
			check_targets(&msg, text);
		else if (msg.type == MSG_BROADCAST)
			relay(&msg, NULL);
	}
	check_members(&msg, text);
	check_usual(text);
	free(copy);
	return 0;
}
