/* fuzz_ws.c: WebSocket frames and UTF-8 keep their promises. */
#include <errno.h>
#include <string.h>

#include "codec/utf8.h"
#include "codec/ws.h"
#include "fuzz.h"

#define MAX_INPUT 1024
#define MAX_PAYLOAD 2048

static void check_accepted(struct span head, const struct ws_header *header)
{
	bool is_control = header->opcode & 8;
	char again[WS_MAX_SERVER_HEADER];

	MUST(head.len <= WS_MAX_CLIENT_HEADER);
	MUST(header->payload_len <=
	     (is_control ? WS_MAX_CONTROL_PAYLOAD : MAX_PAYLOAD));
	MUST(header->is_final || !is_control);
	/* A server's header is the same, but that FIN is set and no mask. */
	MUST(ws_write_header(again, header->opcode, header->payload_len) ==
	     head.len - sizeof(header->mask));
	MUST((again[0] & 0x7f) == (head.ptr[0] & 0x7f));
	MUST(again[1] == (head.ptr[1] & 0x7f));
	MUST(!memcmp(again + 2, head.ptr + 2, head.len - 6));
	MUST(!memcmp(header->mask, head.ptr + head.len - 4, 4));
}

/* However the bytes arrive, the verdict is the same. */
static void check_header(struct span bytes)
{
	struct ws_header header;
	ssize_t whole = ws_parse_header(bytes, MAX_PAYLOAD, &header);
	ssize_t early = 0;

	if (whole > 0)
		check_accepted(span_of(bytes.ptr, (size_t)whole), &header);
	for (size_t len = 0; !early && len <= bytes.len; len++)
		early = ws_parse_header(span_of(bytes.ptr, len), MAX_PAYLOAD,
					&header);
	MUST(early == whole);
}

static void check_unmask(struct span bytes, size_t seed)
{
	size_t shift = seed % 8, offset = seed / 8;
	size_t split = bytes.len * seed / 256;
	uint8_t mask[4] = {0x37, 0xfa, 0x21, (uint8_t)seed};
	char *block = malloc(bytes.len + shift);
	char *copy = block + shift; /* at any alignment */

	MUST(block);
	memcpy(copy, bytes.ptr, bytes.len);
	ws_unmask(copy, bytes.len, mask, offset);
	for (size_t i = 0; i < bytes.len; i++)
		MUST(copy[i] == (char)(bytes.ptr[i] ^ mask[(offset + i) % 4]));

	ws_unmask(copy, split, mask, offset);
	ws_unmask(copy + split, bytes.len - split, mask, offset + split);
	MUST(!memcmp(copy, bytes.ptr, bytes.len));
	free(block);
}

/* The code points that have this first byte: how many bytes, and which ones. */
static size_t form_of(uint8_t first, uint32_t *min, uint32_t *max)
{
	static const struct {
		uint8_t bits, mask;
		uint32_t min, max;
	} forms[] = {
		{0x00, 0x80, 0, 0x7f},
		{0xc0, 0xe0, 0x80, 0x7ff},
		{0xe0, 0xf0, 0x800, 0xffff},
		{0xf0, 0xf8, 0x10000, 0x10ffff},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if ((first & forms[i].mask) != forms[i].bits)
			continue;
		*min = forms[i].min;
		*max = forms[i].max;
		return i + 1;
	}
	return 0;
}

/*
 * The slow and plain way: a character that has begun is right as long as some
 * code point can still come of it.
 *
 * Returns the bytes it takes, 0 when bytes end inside it, -1 when none can.
 */
static int read_character(struct span bytes)
{
	uint32_t min, max, low, high;
	size_t len = form_of((uint8_t)bytes.ptr[0], &min, &max);

	if (!len)
		return -1;
	low = (uint8_t)bytes.ptr[0] & (len == 1 ? 0x7f : 0x7f >> len);
	high = low;
	for (size_t i = 1; i < len; i++) {
		bool is_there = i < bytes.len;
		uint8_t byte = is_there ? (uint8_t)bytes.ptr[i] : 0x80;

		if ((byte & 0xc0) != 0x80)
			return -1;
		low = low << 6 | (byte & 0x3f);
		high = high << 6 | (is_there ? byte & 0x3f : 0x3f);
	}
	low = low < min ? min : low;
	high = high > max ? max : high;
	if (low > high || (low >= 0xd800 && high <= 0xdfff))
		return -1;
	return bytes.len < len ? 0 : (int)len;
}

static int read_text(struct span text, bool *is_whole)
{
	*is_whole = true;
	while (text.len) {
		int n = read_character(text);

		if (n < 0)
			return -EILSEQ;
		*is_whole = n;
		if (!n)
			break;
		text = span_skip(text, (size_t)n);
	}
	return 0;
}

static void check_utf8(struct span text, size_t step)
{
	struct utf8_state state = {0};
	bool is_whole;
	int due = read_text(text, &is_whole);
	int err = 0;

	MUST(utf8_is_valid(text) == (!due && is_whole));
	for (size_t at = 0; !err && at < text.len; at += step) {
		size_t left = text.len - at;
		struct span seen = {text.ptr,
				    left < step ? text.len : at + step};

		err = utf8_check(&state, span_skip(seen, at));
		MUST(err == read_text(seen, &is_whole));
		MUST(err || utf8_is_whole(&state) == is_whole);
	}
	MUST(err == due);
}

static void check_close(struct span payload)
{
	uint16_t code;
	struct span reason;

	if (ws_parse_close(payload, &code, &reason))
		return;
	MUST(reason.len == (payload.len ? payload.len - 2 : 0));
	MUST(code >= 1000 && code <= 4999 && code != WS_CLOSE_ABNORMAL);
	MUST((code == WS_CLOSE_NO_STATUS) == !payload.len);
	MUST(utf8_is_valid(reason));
}

static void check_key(struct span key)
{
	char accept[WS_ACCEPT_LEN + 1];

	if (!ws_accept_key(key, accept))
		MUST(key.len == 24 && strlen(accept) == WS_ACCEPT_LEN);
}

/* The first byte says where things are split, the others are the input of all.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes;

	if (size < 2 || size > MAX_INPUT)
		return 0;
	bytes = span_of(data + 1, size - 1);
	check_header(bytes);
	check_unmask(bytes, data[0]);
	check_utf8(bytes, data[0] % 32 + 1);
	check_close(bytes);
	check_key(bytes);
	return 0;
}
