/* eio.c: Engine.IO packets and polling payloads, protocols 3 and 4. */
#include <errno.h>

#include "base/crypto.h"
#include "codec/eio.h"
#include "codec/utf8.h"

/* Between the packets of a payload in protocol 4. */
#define SEPARATOR '\x1e'

/* Around the length of a packet in an octet-stream (protocol 3). */
#define FLAG_TEXT 0
#define FLAG_BINARY 1
#define LENGTH_END 0xff

/* The type of a binary packet of protocol 3, a byte and no character. */
#define BINARY_MESSAGE 4

int eio_parse_text(struct span text, struct eio_packet *packet)
{
	if (!text.len || *text.ptr < EIO_OPEN || *text.ptr > EIO_NOOP)
		return -EPROTO;
	*packet = (struct eio_packet){
		.type = (enum eio_type) * text.ptr,
		.data = span_skip(text, 1),
	};
	return 0;
}

static void set_binary(struct eio_packet *packet, struct span bytes)
{
	*packet = (struct eio_packet){
		.type = EIO_MESSAGE,
		.is_binary = true,
		.data = bytes,
	};
}

int eio_parse_binary(enum eio_version version, struct span bytes,
		     struct eio_packet *packet)
{
	if (version == EIO_3) {
		if (!bytes.len || *bytes.ptr != BINARY_MESSAGE)
			return -EPROTO;
		bytes = span_skip(bytes, 1);
	}
	set_binary(packet, bytes);
	return 0;
}

/* One packet's bytes inside a payload. */
struct piece {
	char *ptr;
	size_t len;
	bool is_binary; /* as they are, not in base64 */
};

/* Move behind the next len bytes, which must be there. */
static char *take(struct eio_reader *reader, size_t len)
{
	char *start = reader->next;

	reader->next += len;
	reader->left -= len;
	return start;
}

/* A separator behind which nothing comes parts off an empty packet, and that is
 * none. */
static int cut_separated(struct eio_reader *reader, struct piece *piece)
{
	const char *end;

	if (reader->has_begun)
		(void)take(reader, 1); /* where the last packet ended */
	if (!reader->left)
		return -EPROTO;
	end = memchr(reader->next, SEPARATOR, reader->left);
	piece->len = end ? (size_t)(end - reader->next) : reader->left;
	piece->ptr = take(reader, piece->len);
	return 0;
}

static bool is_continuation(char c)
{
	return (c & 0xc0) == 0x80;
}

/* The UTF-16 code units of the character that this byte of UTF-8 begins. */
static size_t units_of(char c)
{
	if (is_continuation(c))
		return 0;
	return (unsigned char)c < 0xf0 ? 1 : 2;
}

/* The place behind so many code units; NULL when it is inside a character or
 * beyond the end. */
static char *skip_units(char *at, const char *end, uint64_t units)
{
	while (units && at < end) {
		size_t width = units_of(*at++);

		if (width > units)
			return NULL;
		units -= width;
		while (at < end && is_continuation(*at))
			at++;
	}
	return units ? NULL : at;
}

static int cut_counted(struct eio_reader *reader, struct piece *piece)
{
	const char *colon = memchr(reader->next, ':', reader->left);
	size_t digits_len = colon ? (size_t)(colon - reader->next) : 0;
	const char *end;
	uint64_t units;

	if (span_to_u64(span_of(reader->next, digits_len), reader->left,
			&units))
		return -EPROTO;
	(void)take(reader, digits_len + 1);
	end = skip_units(reader->next, reader->next + reader->left, units);
	if (!end)
		return -EPROTO;
	piece->len = (size_t)(end - reader->next);
	piece->ptr = take(reader, piece->len);
	return 0;
}

/* The digits of a length, and the byte behind them. */
static int cut_octets_len(struct eio_reader *reader, size_t *len)
{
	size_t sum = 0;

	while (reader->left) {
		unsigned char digit = (unsigned char)*take(reader, 1);

		if (digit == LENGTH_END) {
			*len = sum;
			return sum > reader->left ? -EPROTO : 0;
		}
		if (digit > 9 || sum > reader->left)
			return -EPROTO;
		sum = sum * 10 + digit;
	}
	return -EPROTO;
}

/* Text is checked here: nobody could do so before it was known to be text. */
static int cut_octets(struct eio_reader *reader, struct piece *piece)
{
	char flag = *take(reader, 1);

	if (flag != FLAG_TEXT && flag != FLAG_BINARY)
		return -EPROTO;
	if (cut_octets_len(reader, &piece->len))
		return -EPROTO;
	piece->is_binary = flag == FLAG_BINARY;
	piece->ptr = take(reader, piece->len);
	if (!piece->is_binary &&
	    !utf8_is_valid(span_of(piece->ptr, piece->len)))
		return -EPROTO;
	return 0;
}

static int cut_piece(struct eio_reader *reader, struct piece *piece)
{
	if (!reader->left)
		return -EPROTO;
	if (reader->version == EIO_4)
		return cut_separated(reader, piece);
	return reader->is_octets ? cut_octets(reader, piece)
				 : cut_counted(reader, piece);
}

/* What stands in front of base64. */
static struct span base64_mark(enum eio_version version)
{
	return version == EIO_3 ? SPAN("b4") : SPAN("b");
}

/* Decoding writes three bytes where it has read four, or fewer than that: it
 * never overtakes itself. */
static int read_base64(enum eio_version version, const struct piece *piece,
		       struct eio_packet *packet)
{
	struct span mark = base64_mark(version);
	struct span text = span_of(piece->ptr, piece->len);
	char *out = piece->ptr + mark.len;
	long len;

	if (!span_has_prefix(text, mark))
		return -EPROTO;
	text = span_skip(text, mark.len);
	len = crypto_base64_decode(text, out, text.len);
	if (len < 0)
		return -EPROTO;
	set_binary(packet, span_of(out, (size_t)len));
	return 0;
}

static int read_piece(enum eio_version version, const struct piece *piece,
		      struct eio_packet *packet)
{
	struct span bytes = span_of(piece->ptr, piece->len);

	if (piece->is_binary)
		return eio_parse_binary(version, bytes, packet);
	if (bytes.len && *bytes.ptr == 'b')
		return read_base64(version, piece, packet);
	return eio_parse_text(bytes, packet);
}

int eio_next(struct eio_reader *reader, struct eio_packet *packet)
{
	struct piece piece = {NULL, 0, false};
	int err;

	if (reader->has_begun && !reader->left)
		return 0;
	err = cut_piece(reader, &piece);
	reader->has_begun = true;
	if (!err)
		err = read_piece(reader->version, &piece, packet);
	return err ? err : 1;
}

/* What stands in front of a packet of so many UTF-16 code units. */
static void append_frame(struct buf *payload, enum eio_version version,
			 size_t units)
{
	static const char separator = SEPARATOR;

	if (version == EIO_3) {
		buf_append_u64(payload, units);
		buf_append_str(payload, ":");
	} else if (payload->len) {
		buf_append(payload, &separator, 1);
	}
}

static size_t count_units(struct span text)
{
	size_t units = 0;

	for (size_t i = 0; i < text.len; i++)
		units += units_of(text.ptr[i]);
	return units;
}

void eio_append_text(struct buf *payload, enum eio_version version,
		     enum eio_type type, const struct span *parts,
		     size_t parts_count)
{
	const char letter = (char)type;
	size_t units = 1;

	for (size_t i = 0; version == EIO_3 && i < parts_count; i++)
		units += count_units(parts[i]);
	append_frame(payload, version, units);
	buf_append(payload, &letter, 1);
	for (size_t i = 0; i < parts_count; i++)
		buf_append_span(payload, parts[i]);
}

void eio_append_binary(struct buf *payload, enum eio_version version,
		       struct span bytes)
{
	struct span mark = base64_mark(version);
	size_t len = CRYPTO_BASE64_LEN(bytes.len);

	append_frame(payload, version, mark.len + len);
	buf_append_span(payload, mark);
	if (buf_reserve(payload, len + 1)) /* and a NUL */
		return;
	payload->len += crypto_base64(bytes.ptr, bytes.len,
				      payload->ptr + payload->len);
}
