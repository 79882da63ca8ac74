/* test_eio.c: Engine.IO packets and payloads of protocols 3 and 4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "codec/eio.h"
#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void assert_span(struct span is, struct span must)
{
	assert_true(span_equal(is, must));
}

static void a_text_packet_has_a_type_and_data(void **state)
{
	static const struct {
		struct span text;
		enum eio_type type;
		struct span data;
	} cases[] = {
		{SPAN_INIT("0{\"sid\":\"x\"}"), EIO_OPEN,
		 SPAN_INIT("{\"sid\":\"x\"}")},
		{SPAN_INIT("1"), EIO_CLOSE, {NULL, 0}},
		{SPAN_INIT("2"), EIO_PING, {NULL, 0}},
		{SPAN_INIT("2probe"), EIO_PING, SPAN_INIT("probe")},
		{SPAN_INIT("3probe"), EIO_PONG, SPAN_INIT("probe")},
		{SPAN_INIT("4"), EIO_MESSAGE, {NULL, 0}},
		{SPAN_INIT("42[\"a\"]"), EIO_MESSAGE, SPAN_INIT("2[\"a\"]")},
		{SPAN_INIT("5"), EIO_UPGRADE, {NULL, 0}},
		{SPAN_INIT("6"), EIO_NOOP, {NULL, 0}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct eio_packet packet;

		assert_int_equal(eio_parse_text(cases[i].text, &packet), 0);
		assert_int_equal(packet.type, cases[i].type);
		assert_false(packet.is_binary);
		assert_span(packet.data, cases[i].data);
	}
}

static void every_other_first_byte_is_refused(void **state)
{
	struct eio_packet packet;

	(void)state;
	assert_int_equal(eio_parse_text(span_of(NULL, 0), &packet), -EPROTO);
	for (int c = 0; c < 256; c++) {
		char *copy = guard_copy((char[]){(char)c}, 1);

		assert_int_equal(eio_parse_text(span_of(copy, 1), &packet),
				 c >= '0' && c <= '6' ? 0 : -EPROTO);
		guard_free(copy, 1);
	}
}

static void a_binary_packet_has_its_type_in_protocol_3_only(void **state)
{
	struct eio_packet packet;

	(void)state;
	assert_int_equal(eio_parse_binary(EIO_3, SPAN("\x04\x07"), &packet), 0);
	assert_int_equal(packet.type, EIO_MESSAGE);
	assert_true(packet.is_binary);
	assert_span(packet.data, SPAN("\x07"));
	assert_int_equal(eio_parse_binary(EIO_3, SPAN("\x04"), &packet), 0);
	assert_int_equal(packet.data.len, 0);
	assert_int_equal(eio_parse_binary(EIO_3, SPAN(""), &packet), -EPROTO);
	assert_int_equal(eio_parse_binary(EIO_3, SPAN("4a"), &packet), -EPROTO);
	assert_int_equal(eio_parse_binary(EIO_3, SPAN("\x02"), &packet),
			 -EPROTO);

	assert_int_equal(eio_parse_binary(EIO_4, SPAN("\x04\x07"), &packet), 0);
	assert_true(packet.is_binary);
	assert_span(packet.data, SPAN("\x04\x07"));
	assert_int_equal(eio_parse_binary(EIO_4, SPAN(""), &packet), 0);
	assert_int_equal(packet.data.len, 0);
}

enum kind { TEXT_4, TEXT_3, OCTETS_3 };

static struct eio_reader reader_of(enum kind kind, char *bytes, size_t len)
{
	return (struct eio_reader){
		.version = kind == TEXT_4 ? EIO_4 : EIO_3,
		.is_octets = kind == OCTETS_3,
		.next = bytes,
		.left = len,
	};
}

/*
 * Read all packets of a copy that ends at an unreadable page, and write them
 * down: "4:hello|b:01 02|". Returns what ended it, 0 or -EPROTO.
 */
static int read_all(enum kind kind, struct span payload, char *out, size_t cap)
{
	char *copy = guard_copy(payload.ptr, payload.len);
	struct eio_reader reader = reader_of(kind, copy, payload.len);
	struct eio_packet packet;
	size_t used = 0;
	int n;

	out[0] = '\0';
	while ((n = eio_next(&reader, &packet)) == 1) {
		if (packet.is_binary)
			assert_int_equal(packet.type, EIO_MESSAGE);
		used += (size_t)snprintf(
			out + used, cap - used,
			"%c:", packet.is_binary ? 'b' : (int)packet.type);
		for (size_t i = 0; i < packet.data.len; i++)
			used += (size_t)snprintf(
				out + used, cap - used,
				packet.is_binary ? "%02x " : "%c",
				(unsigned char)packet.data.ptr[i]);
		used += (size_t)snprintf(out + used, cap - used, "|");
		assert_in_range(used, 1, cap - 1);
	}
	guard_free(copy, payload.len);
	return n;
}

/* As clients send them. */
static const struct {
	enum kind kind;
	struct span payload;
	const char *packets;
} good[] = {
	{TEXT_4, SPAN_INIT("40"), "4:0|"},
	{TEXT_4, SPAN_INIT("40{\"token\":\"x\"}"), "4:0{\"token\":\"x\"}|"},
	{TEXT_4,
	 SPAN_INIT("3\x1e"
		   "420[\"join\",\"room1\"]\x1e"
		   "1"),
	 "3:|4:20[\"join\",\"room1\"]|1:|"},
	{TEXT_4,
	 SPAN_INIT("bAQ==\x1e"
		   "bAg==\x1e"
		   "421[\"join\",\"\xc3\xa9\xe6\xbc\xa2\"]"),
	 "b:01 |b:02 |4:21[\"join\",\"\xc3\xa9\xe6\xbc\xa2\"]|"},
	{TEXT_4, SPAN_INIT("b"), "b:|"},
	{TEXT_4,
	 SPAN_INIT("b\x1e"
		   "4\x1e"
		   "b"),
	 "b:|4:|b:|"},
	{TEXT_4,
	 SPAN_INIT("bAAECAwQF\x1e"
		   "b//79/A=="),
	 "b:00 01 02 03 04 05 |b:ff fe fd fc |"},
	{TEXT_4,
	 SPAN_INIT("4b\x1e"
		   "42:a"),
	 "4:b|4:2:a|"},
	{TEXT_3, SPAN_INIT("2:40"), "4:0|"},
	{TEXT_3, SPAN_INIT("2:4013:42[\"hello\",1]1:1"),
	 "4:0|4:2[\"hello\",1]|1:|"},
	{TEXT_3,
	 SPAN_INIT("18:420[\"join\",\"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80\"]"
		   "6:b4AQIH6:2probe"),
	 "4:20[\"join\",\"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80\"]|"
	 "b:01 02 07 |2:probe|"},
	{TEXT_3, SPAN_INIT("5:4\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80"),
	 "4:\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80|"},
	{TEXT_3, SPAN_INIT("05:4abcd"), "4:abcd|"},
	{TEXT_3, SPAN_INIT("2:b46:b4AQ==1:4"), "b:|b:01 |4:|"},
	{TEXT_3, SPAN_INIT("5:41:4\x1e"), "4:1:4\x1e|"},
	{OCTETS_3,
	 SPAN_INIT("\0\2\3\xff"
		   "420[\"join\",\"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80\"]"
		   "\1\4\xff\4\1\2\7"),
	 "4:20[\"join\",\"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80\"]|"
	 "b:01 02 07 |"},
	{OCTETS_3,
	 SPAN_INIT("\0\1\xff"
		   "2"),
	 "2:|"},
	{OCTETS_3, SPAN_INIT("\1\1\xff\4"), "b:|"},
	{OCTETS_3, SPAN_INIT("\1\0\0\3\xff\4\xff\xff"), "b:ff ff |"},
	{OCTETS_3,
	 SPAN_INIT("\0\6\xff"
		   "b4AQIH\0\1\xff"
		   "1"),
	 "b:01 02 07 |1:|"},
};

static void every_packet_of_a_payload_is_read(void **state)
{
	char packets[256];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(read_all(good[i].kind, good[i].payload,
					  packets, sizeof(packets)),
				 0);
		assert_string_equal(packets, good[i].packets);
	}
}

static const struct {
	enum kind kind;
	struct span payload;
	const char *packets; /* in front of what is wrong */
} bad[] = {
	{TEXT_4, SPAN_INIT(""), ""},
	{TEXT_4, SPAN_INIT("\x1e"), ""},
	{TEXT_4,
	 SPAN_INIT("\x1e"
		   "4a"),
	 ""},
	{TEXT_4, SPAN_INIT("4a\x1e"), "4:a|"},
	{TEXT_4,
	 SPAN_INIT("4a\x1e\x1e"
		   "4b"),
	 "4:a|"},
	{TEXT_4,
	 SPAN_INIT("4a\x1e"
		   "7"),
	 "4:a|"},
	{TEXT_4,
	 SPAN_INIT("2\x1e"
		   "B"),
	 "2:|"},
	{TEXT_4, SPAN_INIT("bA"), ""},
	{TEXT_4, SPAN_INIT("bAQ"), ""},
	{TEXT_4, SPAN_INIT("bAQ="), ""},
	{TEXT_4, SPAN_INIT("bAQ==AQ=="), ""},
	{TEXT_4, SPAN_INIT("b===="), ""},
	{TEXT_4, SPAN_INIT("bAR=="), ""}, /* a bit too much */
	{TEXT_4, SPAN_INIT("b-_8="), ""},
	{TEXT_4, SPAN_INIT("bAQ==\n"), ""},
	{TEXT_4, SPAN_INIT("b4AQ=="), ""}, /* as in protocol 3 */
	{TEXT_3, SPAN_INIT(""), ""},
	{TEXT_3, SPAN_INIT("40"), ""},
	{TEXT_3, SPAN_INIT(":"), ""},
	{TEXT_3, SPAN_INIT(":4"), ""},
	{TEXT_3, SPAN_INIT("0:"), ""},
	{TEXT_3, SPAN_INIT("2:40:"), "4:0|"},
	{TEXT_3, SPAN_INIT("2:4a0:"), "4:a|"},
	{TEXT_3, SPAN_INIT("2:4"), ""},
	{TEXT_3, SPAN_INIT("1"), ""},
	{TEXT_3, SPAN_INIT("1:"), ""},
	{TEXT_3, SPAN_INIT("2:4a1"), "4:a|"},
	{TEXT_3, SPAN_INIT("2:4a1:"), "4:a|"},
	{TEXT_3, SPAN_INIT("2:4a\n1:4"), "4:a|"},
	{TEXT_3, SPAN_INIT("-1:4"), ""},
	{TEXT_3, SPAN_INIT("+1:4"), ""},
	{TEXT_3, SPAN_INIT("1e0:4"), ""},
	{TEXT_3, SPAN_INIT("0x1:4"), ""},
	{TEXT_3, SPAN_INIT(" 1:4"), ""},
	{TEXT_3, SPAN_INIT("18446744073709551617:4"), ""},
	{TEXT_3, SPAN_INIT("99999999999999999999999999999:4"), ""},
	{TEXT_3, SPAN_INIT("1:7"), ""},
	/* a length that ends between two surrogates */
	{TEXT_3, SPAN_INIT("2:4\xf0\x9f\x98\x80"), ""},
	/* bytes, not code units */
	{TEXT_3, SPAN_INIT("3:4\xc3\xa9"), ""},
	{TEXT_3, SPAN_INIT("1:b"), ""},
	{TEXT_3, SPAN_INIT("5:bAQ=="), ""},
	{TEXT_3, SPAN_INIT("6:b5AQ=="), ""},
	{TEXT_3, SPAN_INIT("5:b4AQ="), ""},
	{OCTETS_3, SPAN_INIT(""), ""},
	{OCTETS_3, SPAN_INIT("\0"), ""},
	{OCTETS_3, SPAN_INIT("\0\1"), ""},
	{OCTETS_3, SPAN_INIT("\0\1\xff"), ""},
	{OCTETS_3,
	 SPAN_INIT("\0\2\xff"
		   "4"),
	 ""},
	{OCTETS_3, SPAN_INIT("\0\xff"), ""},
	{OCTETS_3,
	 SPAN_INIT("\0\xff"
		   "4"),
	 ""},
	{OCTETS_3, SPAN_INIT("\0\0\xff"), ""},
	{OCTETS_3, SPAN_INIT("\1\0\xff"), ""},
	{OCTETS_3,
	 SPAN_INIT("\2\1\xff"
		   "4"),
	 ""},
	{OCTETS_3,
	 SPAN_INIT("\0\12\xff"
		   "4aaaaaaaaa"),
	 ""},
	{OCTETS_3,
	 SPAN_INIT("\0"
		   "1\xff"
		   "4"),
	 ""},
	{OCTETS_3,
	 SPAN_INIT("\1\1\xff"
		   "4"),
	 ""}, /* a character, no byte 4 */
	{OCTETS_3, SPAN_INIT("\0\1\xff\4"), ""},
	{OCTETS_3,
	 SPAN_INIT("\0\1\xff"
		   "7"),
	 ""},
	{OCTETS_3,
	 SPAN_INIT("\0\2\xff"
		   "4\xff"),
	 ""},
	{OCTETS_3,
	 SPAN_INIT("\0\2\xff"
		   "4\xc3\0\2\xff"
		   "4a"),
	 ""},
	{OCTETS_3,
	 SPAN_INIT("\0\1\xff"
		   "4\0\2\xff"
		   "4"),
	 "4:|"},
	{OCTETS_3,
	 SPAN_INIT("\0\1\10\4\4\6\7\4\4\0\7\3\7\0\11\5\5\1\6\1\7\xff"
		   "4"),
	 ""},
	{OCTETS_3, SPAN_INIT("2:40"), ""},
};

static void what_is_no_payload_is_refused(void **state)
{
	char packets[256];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (read_all(bad[i].kind, bad[i].payload, packets,
			     sizeof(packets)) != -EPROTO)
			fail_msg("not refused: %s", bad[i].payload.ptr);
		assert_string_equal(packets, bad[i].packets);
	}
}

static void a_missing_payload_is_an_empty_one(void **state)
{
	(void)state;
	for (enum kind kind = TEXT_4; kind <= OCTETS_3; kind++) {
		struct eio_reader reader = reader_of(kind, NULL, 0);
		struct eio_packet packet;

		assert_int_equal(eio_next(&reader, &packet), -EPROTO);
	}
}

/* Wherever a payload is cut, the packets in front of the cut are the same. */
static void a_cut_payload_is_never_read_beyond(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		for (size_t len = 0; len < good[i].payload.len; len++) {
			struct span cut = span_of(good[i].payload.ptr, len);
			char packets[256];
			int err = read_all(good[i].kind, cut, packets,
					   sizeof(packets));

			/* Protocol 3 knows how long things ought to be,
			 * in whole characters, as callers check. */
			if (good[i].kind == TEXT_4 ||
			    (cut.ptr[len] & 0xc0) == 0x80)
				continue;
			assert_int_equal(strncmp(packets, good[i].packets,
						 strlen(packets)),
					 0);
			assert_true(err == -EPROTO ||
				    strlen(packets) < strlen(good[i].packets));
		}
	}
}

static void base64_is_decoded_in_place_at_every_length(void **state)
{
	(void)state;
	for (size_t len = 0; len < 300; len++) {
		struct buf payload = {0};
		struct eio_reader reader;
		struct eio_packet packet;
		char bytes[300];

		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(i * 37 + len);
		eio_append_binary(&payload, EIO_4, span_of(bytes, len));
		reader = reader_of(TEXT_4, payload.ptr, payload.len);
		assert_int_equal(eio_next(&reader, &packet), 1);
		assert_true(packet.is_binary);
		assert_span(packet.data, span_of(bytes, len));
		assert_int_equal(eio_next(&reader, &packet), 0);
		assert_int_equal(eio_next(&reader, &packet), 0);
		buf_clear(&payload);
	}
}

/* The characters of each length in UTF-8, where a block of bytes may end. */
static void lengths_count_code_units_at_every_place(void **state)
{
	static const struct {
		const char *character;
		size_t units;
	} cases[] = {{"a", 1},
		     {"\xc2\x80", 1},
		     {"\xdf\xbf", 1},
		     {"\xe0\xa0\x80", 1},
		     {"\xef\xbf\xbf", 1},
		     {"\xf0\x90\x80\x80", 2},
		     {"\xf4\x8f\xbf\xbf", 2}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases) * 40; i++) {
		const char *character = cases[i / 40].character;
		size_t units = 1 + i % 40 + cases[i / 40].units;
		char text[128], packets[256], expected[256];

		for (size_t shift = 0; shift < 3; shift++) {
			int len = snprintf(text, sizeof(text), "%zu:4%.*s%s1:1",
					   units + 1 - shift, (int)(i % 40),
					   "0123456789012345678901234567890123"
					   "456789",
					   character);
			int err = read_all(TEXT_3, span_of(text, (size_t)len),
					   packets, sizeof(packets));

			assert_int_equal(err, shift == 1 ? 0 : -EPROTO);
			(void)snprintf(expected, sizeof(expected),
				       "4:%.*s%s|1:|", (int)(i % 40),
				       "0123456789012345678901234567890123"
				       "456789",
				       character);
			if (shift == 1)
				assert_string_equal(packets, expected);
		}
	}
}

static void payloads_are_written_as_clients_read_them(void **state)
{
	const struct span hello[] = {
		SPAN_INIT("20[\"join\",\""), SPAN_INIT("\xc3\xa9\xe6\xbc\xa2"),
		SPAN_INIT("\xf0\x9f\x98\x80"), SPAN_INIT("\"]")};
	const struct span probe = SPAN_INIT("probe");
	static const struct {
		enum eio_version version;
		const char *payload;
	} cases[] = {
		{EIO_4, "420[\"join\",\"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80\"]"
			"\x1e"
			"bAQIH\x1e"
			"b\x1e"
			"2probe\x1e"
			"6"},
		{EIO_3,
		 "18:420[\"join\",\"\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80\"]"
		 "6:b4AQIH2:b46:2probe1:6"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		enum eio_version version = cases[i].version;
		struct buf payload = {0};

		eio_append_text(&payload, version, EIO_MESSAGE, hello,
				COUNT(hello));
		eio_append_binary(&payload, version, SPAN("\1\2\7"));
		eio_append_binary(&payload, version, span_of(NULL, 0));
		eio_append_text(&payload, version, EIO_PING, &probe, 1);
		eio_append_text(&payload, version, EIO_NOOP, NULL, 0);
		assert_span(buf_span(&payload), span_from(cases[i].payload));
		buf_clear(&payload);
	}
}

static void a_payload_says_that_memory_ran_out(void **state)
{
	const struct span text = SPAN_INIT("2[\"a\"]");

	(void)state;
	for (int is_binary = 0; is_binary < 2; is_binary++) {
		struct buf payload = {.failed = true};

		if (is_binary)
			eio_append_binary(&payload, EIO_3, text);
		else
			eio_append_text(&payload, EIO_4, EIO_MESSAGE, &text, 1);
		assert_true(payload.failed);
		assert_int_equal(payload.len, 0);
		buf_clear(&payload);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_packet_has_a_type_and_data),
		cmocka_unit_test(every_other_first_byte_is_refused),
		cmocka_unit_test(
			a_binary_packet_has_its_type_in_protocol_3_only),
		cmocka_unit_test(every_packet_of_a_payload_is_read),
		cmocka_unit_test(what_is_no_payload_is_refused),
		cmocka_unit_test(a_missing_payload_is_an_empty_one),
		cmocka_unit_test(a_cut_payload_is_never_read_beyond),
		cmocka_unit_test(base64_is_decoded_in_place_at_every_length),
		cmocka_unit_test(lengths_count_code_units_at_every_place),
		cmocka_unit_test(payloads_are_written_as_clients_read_them),
		cmocka_unit_test(a_payload_says_that_memory_ran_out),
	};

	return cmocka_run_group_tests_name("eio", tests, NULL, NULL);
}
