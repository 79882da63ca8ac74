/* test_ws.c: what the WebSocket framing promises. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "codec/ws.h"
#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_PAYLOAD 65536
#define MASK "\x37\xfa\x21\x3d"

/* Frames, and the fewest bytes that show the verdict. */
static const struct {
	struct span bytes;
	ssize_t result;
	size_t seen_at;
	bool is_final;
	enum ws_opcode opcode;
	uint64_t payload_len;
} frames[] = {
	/* RFC 6455, 5.7: a masked "Hello", and a masked pong */
	{SPAN_INIT("\x81\x85" MASK "\x7f\x9f\x4d\x51\x58"), 6, 6, true, WS_TEXT,
	 5},
	{SPAN_INIT("\x8a\x85" MASK "\x7f\x9f\x4d\x51\x58"), 6, 6, true, WS_PONG,
	 5},
	{SPAN_INIT("\x01\x83" MASK), 6, 6, false, WS_TEXT, 3},
	{SPAN_INIT("\x80\x82" MASK), 6, 6, true, WS_CONTINUATION, 2},
	{SPAN_INIT("\x00\x80" MASK), 6, 6, false, WS_CONTINUATION, 0},
	{SPAN_INIT("\x89\xfd" MASK), 6, 6, true, WS_PING, 125},
	{SPAN_INIT("\x88\x80" MASK), 6, 6, true, WS_CLOSE, 0},
	/* RFC 6455, 5.7: 256 bytes and 64 KiB */
	{SPAN_INIT("\x82\xfe\x01\x00" MASK), 8, 8, true, WS_BINARY, 256},
	{SPAN_INIT("\x82\xff\0\0\0\0\0\x01\0\0" MASK), 14, 14, true, WS_BINARY,
	 65536},
	{SPAN_INIT("\x81\xfd" MASK), 6, 6, true, WS_TEXT, 125},
	{SPAN_INIT("\x81\xfe\x00\x7e" MASK), 8, 8, true, WS_TEXT, 126},
	{SPAN_INIT("\x81\xfe\xff\xff" MASK), 8, 8, true, WS_TEXT, 65535},
	/* reserved bits and opcodes */
	{SPAN_INIT("\xc1\x85" MASK), -EPROTO, 1, false, 0, 0},
	{SPAN_INIT("\xa1\x85" MASK), -EPROTO, 1, false, 0, 0},
	{SPAN_INIT("\x91\x85" MASK), -EPROTO, 1, false, 0, 0},
	{SPAN_INIT("\x83\x85" MASK), -EPROTO, 1, false, 0, 0},
	{SPAN_INIT("\x87\x85" MASK), -EPROTO, 1, false, 0, 0},
	{SPAN_INIT("\x8b\x85" MASK), -EPROTO, 1, false, 0, 0},
	{SPAN_INIT("\x8f\x85" MASK), -EPROTO, 1, false, 0, 0},
	/* no mask; the RFC's unmasked "Hello" is a server's */
	{SPAN_INIT("\x81\x05Hello"), -EPROTO, 2, false, 0, 0},
	{SPAN_INIT("\x88\x00"), -EPROTO, 2, false, 0, 0},
	/* control frames in fragments, or too long */
	{SPAN_INIT("\x09\x80" MASK), -EPROTO, 1, false, 0, 0},
	{SPAN_INIT("\x08\x80" MASK), -EPROTO, 1, false, 0, 0},
	{SPAN_INIT("\x89\xfe\x00\x7e" MASK), -EPROTO, 2, false, 0, 0},
	{SPAN_INIT("\x8a\xff\0\0\0\0\0\x01\0\0" MASK), -EPROTO, 2, false, 0, 0},
	/* lengths not in their shortest form, or with the top bit set */
	{SPAN_INIT("\x81\xfe\x00\x7d" MASK), -EPROTO, 4, false, 0, 0},
	{SPAN_INIT("\x81\xfe\x00\x00" MASK), -EPROTO, 4, false, 0, 0},
	{SPAN_INIT("\x81\xff\0\0\0\0\0\0\xff\xff" MASK), -EPROTO, 10, false, 0,
	 0},
	{SPAN_INIT("\x81\xff\x80\0\0\0\0\0\0\0" MASK), -EPROTO, 10, false, 0,
	 0},
	/* longer than we take */
	{SPAN_INIT("\x81\xff\0\0\0\0\0\x01\0\x01" MASK), -EMSGSIZE, 10, false,
	 0, 0},
	{SPAN_INIT("\x00\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK), -EMSGSIZE,
	 10, false, 0, 0},
};

static void a_frame_is_judged_at_the_byte_that_shows_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(frames); i++) {
		for (size_t len = 0; len <= frames[i].bytes.len; len++) {
			char *copy = guard_copy(frames[i].bytes.ptr, len);
			struct ws_header header;

			assert_int_equal(
				ws_parse_header(span_of(copy, len), MAX_PAYLOAD,
						&header),
				len < frames[i].seen_at ? 0 : frames[i].result);
			guard_free(copy, len);
		}
	}
}

static void a_header_tells_what_follows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(frames); i++) {
		struct ws_header header;

		if (ws_parse_header(frames[i].bytes, MAX_PAYLOAD, &header) < 0)
			continue;
		assert_int_equal(header.is_final, frames[i].is_final);
		assert_int_equal(header.opcode, frames[i].opcode);
		assert_int_equal(header.payload_len, frames[i].payload_len);
		assert_memory_equal(header.mask, MASK, 4);
	}
}

static void a_control_frame_passes_any_limit_of_data(void **state)
{
	struct ws_header header;

	(void)state;
	assert_int_equal(ws_parse_header(SPAN("\x89\xfd" MASK), 10, &header),
			 6);
	assert_int_equal(ws_parse_header(SPAN("\x81\x8a" MASK), 10, &header),
			 6);
	assert_int_equal(ws_parse_header(SPAN("\x81\x8b" MASK), 10, &header),
			 -EMSGSIZE);
}

static void the_rfcs_hello_is_unmasked(void **state)
{
	char hello[] = "\x7f\x9f\x4d\x51\x58";

	(void)state;
	ws_unmask(hello, 5, (const uint8_t *)MASK, 0);
	assert_string_equal(hello, "Hello");
}

/* Any length and any alignment, and not a byte around them. */
static void unmasking_touches_just_its_bytes(void **state)
{
	static const uint8_t mask[4] = {0x01, 0x80, 0xff, 0x5a};
	char bytes[160], want[160];

	(void)state;
	for (size_t start = 0; start < 16; start++) {
		for (size_t len = 0; len <= 128; len++) {
			for (size_t i = 0; i < sizeof(bytes); i++)
				bytes[i] = want[i] = (char)(i * 7);
			for (size_t i = 0; i < len; i++)
				want[start + i] = (char)(want[start + i] ^
							 mask[(i + len) % 4]);
			ws_unmask(bytes + start, len, mask, len);
			assert_memory_equal(bytes, want, sizeof(bytes));
		}
	}
}

static void a_payload_unmasked_in_pieces_is_the_same(void **state)
{
	static const char text[] = "a payload of some length, 67 bytes of it, "
				   "that comes in two pieces";
	size_t len = sizeof(text) - 1;

	(void)state;
	for (size_t at = 0; at <= len; at++) {
		char *copy = guard_copy(text, len);

		ws_unmask(copy, len, (const uint8_t *)MASK, 0);
		assert_memory_not_equal(copy, text, len);
		ws_unmask(copy, at, (const uint8_t *)MASK, 0);
		ws_unmask(copy + at, len - at, (const uint8_t *)MASK, at);
		assert_memory_equal(copy, text, len);
		guard_free(copy, len);
	}
}

static void unmasking_finds_every_byte_that_is_not_ascii(void **state)
{
	const uint8_t *mask = (const uint8_t *)MASK;
	char bytes[72];

	(void)state;
	for (size_t len = 0; len < sizeof(bytes); len++) {
		memset(bytes, 'a', sizeof(bytes));
		(void)ws_unmask(bytes, len, mask, 0);
		assert_true(ws_unmask(bytes, len, mask, 0));
		for (size_t at = 0; at < len; at++) {
			memset(bytes, 0x7f, sizeof(bytes));
			bytes[at] = (char)0x80;
			(void)ws_unmask(bytes, len, mask, 0);
			assert_false(ws_unmask(bytes, len, mask, 0));
		}
	}
}

static void an_offset_above_32_bits_counts(void **state)
{
	char bytes[] = "\x37\xfa";

	(void)state;
	ws_unmask(bytes, 2, (const uint8_t *)MASK, 0x100000003u);
	assert_memory_equal(bytes, "\x0a\xcd", 2);
}

static void a_servers_header_is_shortest_and_unmasked(void **state)
{
	static const struct {
		enum ws_opcode opcode;
		uint64_t payload_len;
		struct span header;
	} cases[] = {
		{WS_TEXT, 5, SPAN_INIT("\x81\x05")},
		{WS_CLOSE, 0, SPAN_INIT("\x88\x00")},
		{WS_PING, 125, SPAN_INIT("\x89\x7d")},
		{WS_BINARY, 126, SPAN_INIT("\x82\x7e\x00\x7e")},
		{WS_BINARY, 256, SPAN_INIT("\x82\x7e\x01\x00")},
		{WS_BINARY, 65535, SPAN_INIT("\x82\x7e\xff\xff")},
		{WS_BINARY, 65536, SPAN_INIT("\x82\x7f\0\0\0\0\0\x01\0\0")},
		{WS_TEXT, 0x123456789abcu,
		 SPAN_INIT("\x81\x7f\0\0\x12\x34\x56\x78\x9a\xbc")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char out[WS_MAX_SERVER_HEADER];

		assert_int_equal(ws_write_header(out, cases[i].opcode,
						 cases[i].payload_len),
				 cases[i].header.len);
		assert_memory_equal(out, cases[i].header.ptr,
				    cases[i].header.len);
	}
}

static void a_close_code_must_be_one_that_is_sent(void **state)
{
	(void)state;
	for (unsigned code = 0; code <= UINT16_MAX; code++) {
		bool is_sent = (code >= 1000 && code <= 1014 && code != 1004 &&
				code != 1005 && code != 1006) ||
			       (code >= 3000 && code <= 4999);
		char payload[2] = {(char)(code >> 8), (char)code};
		struct span reason;
		uint16_t got = 0;
		int err = ws_parse_close(span_of(payload, 2), &got, &reason);

		if (err != (is_sent ? 0 : -EPROTO))
			fail_msg("%u: %d", code, err);
		assert_int_equal(got, is_sent ? code : 0);
	}
}

static void a_close_reason_is_text(void **state)
{
	struct span reason;
	uint16_t code;

	(void)state;
	assert_int_equal(ws_parse_close(SPAN(""), &code, &reason), 0);
	assert_int_equal(code, WS_CLOSE_NO_STATUS);
	assert_int_equal(reason.len, 0);
	assert_int_equal(ws_parse_close(SPAN("\x03\xe9gone \xe2\x82\xac"),
					&code, &reason),
			 0);
	assert_int_equal(code, WS_CLOSE_GOING_AWAY);
	assert_true(span_equal(reason, SPAN("gone \xe2\x82\xac")));

	assert_int_equal(ws_parse_close(SPAN("\x03"), &code, &reason), -EPROTO);
	assert_int_equal(ws_parse_close(SPAN("\x03\xe8\xff"), &code, &reason),
			 -EILSEQ);
	assert_int_equal(
		ws_parse_close(SPAN("\x03\xe8\xe2\x82"), &code, &reason),
		-EILSEQ);
}

static void a_key_is_answered_as_the_rfc_shows(void **state)
{
	char accept[WS_ACCEPT_LEN + 1];

	(void)state;
	assert_int_equal(
		ws_accept_key(SPAN("dGhlIHNhbXBsZSBub25jZQ=="), accept), 0);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void a_key_of_another_shape_is_refused(void **state)
{
	static const char *const keys[] = {
		"",
		"dGhlIHNhbXBsZSBub25jZQ",
		"dGhlIHNhbXBsZSBub25jZQ=",
		"dGhlIHNhbXBsZSBub25jZQ=A",
		"dGhlIHNhbXBsZSBub25jZQA=",
		"dGhlIHNhbXBsZSBub25jZQAA",
		"dGhlIHNhbXBsZSBub25jZ===",
		"dGhlIHNhbXBsZSBub25j-_==",
		"dGhlIHNhbXBsZSBub25 ZQ==",
		"dGhlIHNhbXBsZSBub25jZQ== ",
	};
	char accept[WS_ACCEPT_LEN + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		size_t len = strlen(keys[i]);
		char *copy = guard_copy(keys[i], len);

		assert_int_equal(ws_accept_key(span_of(copy, len), accept),
				 -EINVAL);
		guard_free(copy, len);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_judged_at_the_byte_that_shows_it),
		cmocka_unit_test(a_header_tells_what_follows),
		cmocka_unit_test(a_control_frame_passes_any_limit_of_data),
		cmocka_unit_test(the_rfcs_hello_is_unmasked),
		cmocka_unit_test(unmasking_touches_just_its_bytes),
		cmocka_unit_test(a_payload_unmasked_in_pieces_is_the_same),
		cmocka_unit_test(unmasking_finds_every_byte_that_is_not_ascii),
		cmocka_unit_test(an_offset_above_32_bits_counts),
		cmocka_unit_test(a_servers_header_is_shortest_and_unmasked),
		cmocka_unit_test(a_close_code_must_be_one_that_is_sent),
		cmocka_unit_test(a_close_reason_is_text),
		cmocka_unit_test(a_key_is_answered_as_the_rfc_shows),
		cmocka_unit_test(a_key_of_another_shape_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
