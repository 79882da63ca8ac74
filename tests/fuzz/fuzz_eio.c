/* fuzz_eio.c: Engine.IO payloads are read as they are written. */
#include <errno.h>
#include <string.h>

#include "codec/eio.h"
#include "codec/utf8.h"
#include "fuzz.h"

#define MAX_INPUT 4096
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* How to read an input: its first byte says which of these. */
static const struct eio_reader readers[] = {
	{.version = EIO_4},
	{.version = EIO_3},
	{.version = EIO_3, .is_octets = true},
};

static struct eio_reader reader_at(const struct eio_reader *how, char *bytes,
				   size_t len)
{
	struct eio_reader reader = *how;

	reader.next = bytes;
	reader.left = len;
	return reader;
}

static void check_packet(const struct eio_packet *packet, const char *bytes,
			 size_t len)
{
	MUST(packet->type >= EIO_OPEN && packet->type <= EIO_NOOP);
	MUST(!packet->is_binary || packet->type == EIO_MESSAGE);
	MUST(packet->data.ptr >= bytes &&
	     packet->data.ptr + packet->data.len <= bytes + len);
	MUST(packet->is_binary || utf8_is_valid(packet->data));
}

static void append(struct buf *payload, enum eio_version version,
		   const struct eio_packet *packet)
{
	if (packet->is_binary)
		eio_append_binary(payload, version, packet->data);
	else
		eio_append_text(payload, version, packet->type, &packet->data,
				1);
	MUST(!payload->failed);
}

/* What was read and written again reads the same as bytes, which are decoded
 * by now. */
static void check_again(struct buf *again, enum eio_version version,
			const struct eio_packet *packets, size_t count)
{
	struct eio_packet packet;
	struct eio_reader reader = {
		.version = version,
		.next = again->ptr,
		.left = again->len,
	};

	for (size_t i = 0; i < count; i++) {
		MUST(eio_next(&reader, &packet) == 1);
		MUST(packet.type == packets[i].type);
		MUST(packet.is_binary == packets[i].is_binary);
		MUST(span_equal(packet.data, packets[i].data));
	}
	MUST(eio_next(&reader, &packet) == 0);
}

/* In protocol 4 there is one way only to write a payload. */
static void check_canonical(enum eio_version version, int end,
			    const struct buf *again, struct span payload)
{
	if (version == EIO_4 && !end)
		MUST(span_equal(buf_span(again), payload));
}

static void check_payload(const struct eio_reader *how, struct span payload)
{
	static struct eio_packet packets[MAX_INPUT];
	char *bytes = malloc(payload.len);
	struct eio_reader reader = reader_at(how, bytes, payload.len);
	struct buf again = {0};
	size_t count = 0;
	int n;

	MUST(bytes);
	memcpy(bytes, payload.ptr, payload.len);
	while ((n = eio_next(&reader, &packets[count])) == 1) {
		check_packet(&packets[count], bytes, payload.len);
		append(&again, how->version, &packets[count]);
		count++;
	}
	MUST(n == 0 || n == -EPROTO);
	MUST(n || count);
	check_canonical(how->version, n, &again, payload);
	if (count)
		check_again(&again, how->version, packets, count);
	buf_clear(&again);
	free(bytes);
}

static void check_message(enum eio_version version, struct span bytes)
{
	struct eio_packet packet;

	if (!eio_parse_text(bytes, &packet))
		MUST(*bytes.ptr == (char)packet.type &&
		     packet.data.len == bytes.len - 1);
	if (!eio_parse_binary(version, bytes, &packet))
		MUST(packet.data.len == bytes.len - (version == EIO_3));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct eio_reader *how;
	struct span bytes;

	if (size < 2 || size > MAX_INPUT)
		return 0;
	how = &readers[data[0] % COUNT(readers)];
	bytes = span_of(data + 1, size - 1);
	check_message(how->version, bytes);
	/* Callers check text before they walk over it. */
	if (how->is_octets || utf8_is_valid(bytes))
		check_payload(how, bytes);
	return 0;
}
