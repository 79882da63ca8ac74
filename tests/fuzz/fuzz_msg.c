/* fuzz_msg.c: any text as a client's message: read it, and answer it. */
#include <assert.h>
#include <stdlib.h>

#include "codec/json.h"
#include "codec/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_within(struct span inner, struct span outer)
{
	return !inner.ptr || (inner.ptr >= outer.ptr &&
			      inner.ptr + inner.len <= outer.ptr + outer.len);
}

/* What was accepted, relayed again, must be JSON again. */
static void relay(const struct msg *msg)
{
	char prefix[MSG_PREFIX_CAP];
	struct buf out = {0};
	size_t len = msg_write_prefix(msg->type, SPAN("someone"), prefix);

	buf_append(&out, prefix, len);
	buf_append_span(&out, msg->payload);
	buf_append_str(&out, MSG_SUFFIX);
	assert(!json_validate(buf_span(&out)));
	buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1);
	struct span text = {copy, size};
	struct buf out = {0};
	struct msg_error error;
	struct msg msg;

	memcpy(copy, data, size);
	if (msg_parse(text, &msg, &error)) {
		msg_write_error(&out, &msg, &error);
		assert(!json_validate(buf_span(&out)));
	} else {
		assert(!json_validate(text));
		if (msg.payload.ptr)
			relay(&msg);
	}
	assert(lies_within(msg.ref, text) && lies_within(msg.to, text) &&
	       lies_within(msg.payload, text) && lies_within(msg.room, text));
	buf_clear(&out);
	free(copy);
	return 0;
}
