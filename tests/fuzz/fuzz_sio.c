/* fuzz_sio.c: what is accepted as a Socket.IO packet is one, and whole. */
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "codec/json.h"
#include "codec/sio.h"
#include "fuzz.h"

#define MAX_INPUT 8192

static void check_inside(struct span part, struct span text)
{
	if (part.len)
		MUST(part.ptr >= text.ptr &&
		     part.ptr + part.len <= text.ptr + text.len);
}

static void check_spans(const struct sio_packet *packet, struct span text)
{
	if (!span_equal(packet->nsp, SPAN("/")))
		check_inside(packet->nsp, text);
	MUST(packet->nsp.len && packet->nsp.len <= SIO_MAX_NSP);
	MUST(*packet->nsp.ptr == '/');
	check_inside(packet->query, text);
	check_inside(packet->data, text);
	check_inside(packet->name, packet->data);
	for (size_t i = 0; i < SIO_MAX_SLICED; i++) {
		MUST((i < packet->args_count) == (packet->args[i].len > 0));
		check_inside(packet->args[i], packet->data);
	}
}

/* The arguments from n on, as an array of their own. */
static void check_args_from(const struct sio_packet *packet, size_t n)
{
	struct span args = sio_args_from(packet, n);
	struct span elements[SIO_MAX_SLICED];
	char *array = malloc(args.len + 2);
	size_t count;

	MUST(array);
	check_inside(args, packet->data);
	array[0] = '[';
	if (args.len)
		memcpy(array + 1, args.ptr, args.len);
	array[args.len + 1] = ']';
	MUST(!json_slice(span_of(array, args.len + 2), elements, SIO_MAX_SLICED,
			 &count));
	MUST(count == (n < packet->args_count ? packet->args_count - n : 0));
	for (size_t i = n; i < packet->args_count && i < SIO_MAX_SLICED; i++)
		MUST(span_equal(elements[i - n], packet->args[i]));
	free(array);
}

static void check_data(const struct sio_packet *packet)
{
	size_t last = packet->args_count;

	if (packet->data.len)
		MUST(!json_validate(packet->data));
	for (size_t n = 0; n <= SIO_MAX_SLICED + 2; n++)
		check_args_from(packet, n);
	check_args_from(packet, last ? last - 1 : 0);
}

/* A packet with this head and this data; *again is freed by the caller. */
static int parse_written(const struct sio_packet *packet, enum sio_type type,
			 unsigned attachments, struct sio_packet *result,
			 char **again)
{
	char *text = malloc(SIO_HEAD_CAP + packet->data.len);
	size_t len;

	MUST(text);
	len = sio_write_head(text, type, attachments, packet->nsp,
			     packet->has_id ? (int64_t)packet->id : -1);
	MUST(len <= SIO_HEAD_CAP);
	if (packet->data.len)
		memcpy(text + len, packet->data.ptr, packet->data.len);
	*again = text;
	return sio_parse(span_of(text, len + packet->data.len), result);
}

static void check_written(const struct sio_packet *packet)
{
	struct sio_packet result;
	char *again;

	MUST(!parse_written(packet, packet->type, packet->attachments, &result,
			    &again));
	MUST(result.type == packet->type);
	MUST(result.attachments == packet->attachments);
	MUST(span_equal(result.nsp, packet->nsp));
	MUST(result.has_id == packet->has_id && result.id == packet->id);
	MUST(span_equal(result.data, packet->data));
	MUST(span_equal(result.name, packet->name));
	MUST(result.args_count == packet->args_count);
	free(again);
}

/* Whether all placeholders of a tree point at attachments: the slow and plain
 * way. */
static bool points_well(json_t *value, unsigned attachments)
{
	json_t *num = json_object_get(value, "num");
	const char *name;
	json_t *inner;
	size_t i;

	if (json_is_true(json_object_get(value, "_placeholder")) &&
	    (!json_is_integer(num) || json_integer_value(num) < 0 ||
	     json_integer_value(num) >= attachments))
		return false;
	json_array_foreach(value, i, inner)
	{
		if (!points_well(inner, attachments))
			return false;
	}
	json_object_foreach(value, name, inner)
	{
		if (!points_well(inner, attachments))
			return false;
	}
	return true;
}

/*
 * The same event or ack with attachments. What jansson cannot say is left out:
 * it refuses some names and numbers, drops all of a repeated name but the last,
 * and takes -0 for 0.
 */
static void check_placeholders(const struct sio_packet *packet,
			       unsigned attachments)
{
	struct span data = packet->data;
	json_t *tree =
		json_loadb(data.ptr, data.len,
			   JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	struct sio_packet result;
	char *again;
	int err;

	if (tree && !memmem(data.ptr, data.len, "-0", 2)) {
		err = parse_written(packet,
				    packet->name.len ? SIO_BINARY_EVENT
						     : SIO_BINARY_ACK,
				    attachments, &result, &again);
		MUST(err == (points_well(tree, attachments) ? 0 : -EPROTO));
		free(again);
	}
	json_decref(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	struct sio_packet packet;
	int err;

	if (size > MAX_INPUT)
		return 0;
	err = sio_parse(text, &packet);
	if (err) {
		MUST(err == -EPROTO);
		return 0;
	}
	check_spans(&packet, text);
	check_data(&packet);
	check_written(&packet);
	if (packet.type == SIO_EVENT || packet.type == SIO_ACK)
		check_placeholders(&packet, (unsigned)size % 10 + 1);
	return 0;
}
