/* test_stun.c: STUN messages, with the samples of RFC 5769. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "codec/stun.h"
#include "guard.h"

#define FINGERPRINT_ATTRIBUTE_LEN 8

/* RFC 5769, 2.1 */
static const char sample_request[] =
	"\x00\x01\x00\x58\x21\x12\xa4\x42"
	"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
	"\x80\x22\x00\x10STUN test client"
	"\x00\x24\x00\x04\x6e\x00\x01\xff"
	"\x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36"
	"\x00\x06\x00\x09\x65vtj:h6vY   "
	"\x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e"
	"\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2"
	"\x80\x28\x00\x04\xe5\x7a\x3b\xcf";

/* RFC 5769, 2.2 */
static const char sample_ipv4_answer[] =
	"\x01\x01\x00\x3c\x21\x12\xa4\x42"
	"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
	"\x80\x22\x00\x0btest vector "
	"\x00\x20\x00\x08\x00\x01\xa1\x47\xe1\x12\xa6\x43"
	"\x00\x08\x00\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74"
	"\x89\xf9\x2a\xf9\xba\x53\xf0\x6b\xe7\xd7"
	"\x80\x28\x00\x04\xc0\x7d\x4c\x96";

/* RFC 5769, 2.3 */
static const char sample_ipv6_answer[] =
	"\x01\x01\x00\x48\x21\x12\xa4\x42"
	"\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
	"\x80\x22\x00\x0btest vector "
	"\x00\x20\x00\x14\x00\x02\xa1\x47\x01\x13\xa9\xfa"
	"\xa5\xd3\xf1\x79\xbc\x25\xf4\xb5\xbe\xd2\xb9\xd9"
	"\x00\x08\x00\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84"
	"\xc9\x7c\x82\x92\xc2\x75\xbf\xe3\xed\x41"
	"\x80\x28\x00\x04\xc8\xfb\x0b\x4c";

static const uint8_t sample_id[STUN_ID_LEN] = {
	0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};

#define HEADER(type, len)           \
	type len "\x21\x12\xa4\x42" \
		 "0123456789ab"
#define ANSWER(len) HEADER("\x01\x01", len)

/* A Binding success without attributes. */
static const char bare_answer[] = ANSWER("\0\0");

/* Parse a copy that ends at an unreadable page. */
static int parse_guarded(struct span bytes)
{
	char *copy = guard_copy(bytes.ptr, bytes.len);
	struct stun_message message;
	int err = stun_parse(span_of(copy, bytes.len), &message);
	struct span value;

	/* Walking all attributes must not leave the bytes either. */
	if (!err)
		assert_int_equal(stun_find(&message, 0xffff, &value), -ENOENT);
	guard_free(copy, bytes.len);
	return err;
}

static void the_sample_request_is_read(void **state)
{
	struct stun_message message;
	struct span value;

	(void)state;
	assert_int_equal(stun_parse(SPAN(sample_request), &message), 0);
	assert_int_equal(message.class, STUN_REQUEST);
	assert_int_equal(message.method, STUN_BINDING);
	assert_memory_equal(message.id, sample_id, STUN_ID_LEN);
	assert_int_equal(stun_find(&message, STUN_SOFTWARE, &value), 0);
	assert_true(span_equal(value, SPAN("STUN test client")));
	assert_int_equal(stun_find(&message, STUN_XOR_MAPPED_ADDRESS, &value),
			 -ENOENT);
}

static void check_mapped(struct span bytes, int family, const char *expected)
{
	struct sockaddr_storage addr;
	struct stun_message message;
	char text[INET6_ADDRSTRLEN];
	struct span value;
	in_port_t port;
	const void *ip;

	assert_int_equal(stun_parse(bytes, &message), 0);
	assert_int_equal(message.class, STUN_SUCCESS);
	assert_int_equal(message.method, STUN_BINDING);
	assert_int_equal(stun_find(&message, STUN_XOR_MAPPED_ADDRESS, &value),
			 0);
	assert_int_equal(stun_decode_xor_address(&message, value, &addr), 0);
	assert_int_equal(addr.ss_family, family);
	if (family == AF_INET) {
		ip = &((struct sockaddr_in *)&addr)->sin_addr;
		port = ((struct sockaddr_in *)&addr)->sin_port;
	} else {
		ip = &((struct sockaddr_in6 *)&addr)->sin6_addr;
		port = ((struct sockaddr_in6 *)&addr)->sin6_port;
	}
	assert_string_equal(inet_ntop(family, ip, text, sizeof(text)),
			    expected);
	assert_int_equal(ntohs(port), 32853);
}

static void the_sample_answers_tell_the_mapped_address(void **state)
{
	(void)state;
	check_mapped(SPAN(sample_ipv4_answer), AF_INET, "192.0.2.1");
	check_mapped(SPAN(sample_ipv6_answer), AF_INET6,
		     "2001:db8:1234:5678:11:2233:4455:6677");
}

static void a_written_request_is_read_back(void **state)
{
	struct stun_message message;
	struct span value;
	size_t len = STUN_HEADER_LEN + FINGERPRINT_ATTRIBUTE_LEN;
	char *out = guard_copy(sample_request, len);

	(void)state;
	assert_int_equal(stun_write_binding_request(out, sample_id), len);
	assert_int_equal(stun_parse(span_of(out, len), &message), 0);
	assert_int_equal(message.class, STUN_REQUEST);
	assert_int_equal(message.method, STUN_BINDING);
	assert_memory_equal(message.id, sample_id, STUN_ID_LEN);
	assert_int_equal(stun_find(&message, STUN_FINGERPRINT, &value), 0);
	guard_free(out, len);
}

static void class_and_method_share_the_type(void **state)
{
	static const struct {
		enum stun_class class;
		uint16_t method;
		uint8_t type[2];
	} cases[] = {
		{STUN_REQUEST, 0x001, {0x00, 0x01}},
		{STUN_INDICATION, 0x001, {0x00, 0x11}},
		{STUN_SUCCESS, 0x001, {0x01, 0x01}},
		{STUN_ERROR, 0x001, {0x01, 0x11}},
		{STUN_ERROR, 0x003, {0x01, 0x13}},	/* Allocate */
		{STUN_INDICATION, 0x007, {0x00, 0x17}}, /* Data */
		{STUN_REQUEST, 0xfff, {0x3e, 0xef}},
		{STUN_ERROR, 0xfff, {0x3f, 0xff}},
		{STUN_REQUEST, 0x010, {0x00, 0x20}},
		{STUN_REQUEST, 0x080, {0x02, 0x00}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stun_message message;
		char bytes[sizeof(bare_answer)];

		memcpy(bytes, bare_answer, sizeof(bytes));
		memcpy(bytes, cases[i].type, 2);
		assert_int_equal(
			stun_parse(span_of(bytes, STUN_HEADER_LEN), &message),
			0);
		assert_int_equal(message.class, cases[i].class);
		assert_int_equal(message.method, cases[i].method);
	}
}

static void a_cut_message_is_refused(void **state)
{
	static const struct span whole[] = {
		SPAN_INIT(sample_request),
		SPAN_INIT(sample_ipv4_answer),
		SPAN_INIT(sample_ipv6_answer),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		assert_int_equal(parse_guarded(whole[i]), 0);
		for (size_t len = 0; len < whole[i].len; len++)
			assert_int_equal(
				parse_guarded(span_of(whole[i].ptr, len)),
				-EPROTO);
	}
}

static void flip_bit(char *bytes, size_t bit)
{
	bytes[bit / 8] = (char)((uint8_t)bytes[bit / 8] ^ 1U << bit % 8);
}

/* A flipped attribute header may hide the FINGERPRINT, so only the rest. */
static void any_flipped_bit_breaks_the_fingerprint(void **state)
{
	static const struct {
		size_t start, end;
	} parts[] = {{0, 20}, {24, 36}, {40, 48}, {52, 72}, {76, 80}};
	char bytes[sizeof(sample_ipv4_answer) - 1];

	(void)state;
	memcpy(bytes, sample_ipv4_answer, sizeof(bytes));
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		for (size_t bit = 8 * parts[i].start; bit < 8 * parts[i].end;
		     bit++) {
			flip_bit(bytes, bit);
			assert_int_equal(
				parse_guarded(span_of(bytes, sizeof(bytes))),
				-EPROTO);
			flip_bit(bytes, bit);
		}
	}
	assert_int_equal(parse_guarded(span_of(bytes, sizeof(bytes))), 0);
}

static void a_broken_message_is_refused(void **state)
{
	static const struct {
		const char *why;
		struct span bytes;
	} cases[] = {
		{"the first two bits are 01",
		 SPAN_INIT(HEADER("\x41\x01", "\0\0"))},
		{"the first two bits are 10",
		 SPAN_INIT(HEADER("\x81\x01", "\0\0"))},
		{"another cookie", SPAN_INIT("\x01\x01\0\0\x21\x12\xa4\x43"
					     "0123456789ab")},
		{"a length that is no multiple of 4",
		 SPAN_INIT(ANSWER("\0\x01") "x")},
		{"a length below the datagram's",
		 SPAN_INIT(ANSWER("\0\0") "\x80\x22\0\0")},
		{"a length above the datagram's", SPAN_INIT(ANSWER("\0\x04"))},
		{"an attribute longer than the rest",
		 SPAN_INIT(ANSWER("\0\x08") "\x80\x22\0\x05"
					    "soft")},
		{"an attribute of the greatest length",
		 SPAN_INIT(ANSWER("\0\x04") "\x80\x22\xff\xff")},
		{"a FINGERPRINT too short",
		 SPAN_INIT(ANSWER("\0\x04") "\x80\x28\0\0")},
		{"a FINGERPRINT too long",
		 SPAN_INIT(ANSWER("\0\x0c") "\x80\x28\0\x08"
					    "12345678")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (parse_guarded(cases[i].bytes) != -EPROTO)
			fail_msg("accepted: %s", cases[i].why);
	}
}

/*
 * With SOFTWARE behind it, a FINGERPRINT is refused, be it made for the bytes
 * in front of it or for all but the last eight. Sums: Python's zlib.crc32.
 */
static void a_fingerprint_that_is_not_last_is_refused(void **state)
{
	(void)state;
	assert_int_equal(
		parse_guarded(SPAN(ANSWER("\0\x08") "\x80\x28\0\x04"
						    "\xaa\x3b\xcd\xed")),
		0);
	assert_int_equal(parse_guarded(SPAN(ANSWER(
				 "\0\x0c") "\x80\x28\0\x04"
					   "\xd9\x33\xea\x22\x80\x22\0\0")),
			 -EPROTO);
	assert_int_equal(parse_guarded(SPAN(ANSWER(
				 "\0\x0c") "\x80\x28\0\x04"
					   "\x36\x59\x89\xe0\x80\x22\0\0")),
			 -EPROTO);
}

static void the_first_of_two_attributes_is_found(void **state)
{
	static const char bytes[] = ANSWER("\0\x14") "\x80\x22\0\x01"
						     "a\0\0\0"
						     "\x80\x22\0\x01"
						     "b\0\0\0"
						     "\0\x09\0\0";
	struct stun_message message;
	struct span value;

	(void)state;
	assert_int_equal(stun_parse(SPAN(bytes), &message), 0);
	assert_int_equal(stun_find(&message, STUN_SOFTWARE, &value), 0);
	assert_true(span_equal(value, SPAN("a")));
	assert_int_equal(stun_find(&message, STUN_ERROR_CODE, &value), 0);
	assert_int_equal(value.len, 0);
}

static void an_address_of_wrong_length_or_family_is_refused(void **state)
{
	static const struct span values[] = {
		SPAN_INIT(""),
		SPAN_INIT("\0\x01\xa1\x47\xe1\x12\xa6"),
		SPAN_INIT("\0\x01\xa1\x47\xe1\x12\xa6\x43\0"),
		SPAN_INIT("\0\x02\xa1\x47\xe1\x12\xa6\x43"),
		SPAN_INIT("\0\x00\xa1\x47\xe1\x12\xa6\x43"),
		SPAN_INIT("\0\x03\xa1\x47\xe1\x12\xa6\x43"),
		SPAN_INIT("\0\x01\xa1\x47"
			  "0123456789abcdef"),
		SPAN_INIT("\0\x02\xa1\x47"
			  "0123456789abcde"),
		SPAN_INIT("\0\x02\xa1\x47"
			  "0123456789abcdefg"),
	};
	struct stun_message message;

	(void)state;
	assert_int_equal(stun_parse(SPAN(bare_answer), &message), 0);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		char *copy = guard_copy(values[i].ptr, values[i].len);
		struct sockaddr_storage addr;

		assert_int_equal(
			stun_decode_xor_address(
				&message, span_of(copy, values[i].len), &addr),
			-EPROTO);
		guard_free(copy, values[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sample_request_is_read),
		cmocka_unit_test(the_sample_answers_tell_the_mapped_address),
		cmocka_unit_test(a_written_request_is_read_back),
		cmocka_unit_test(class_and_method_share_the_type),
		cmocka_unit_test(a_cut_message_is_refused),
		cmocka_unit_test(any_flipped_bit_breaks_the_fingerprint),
		cmocka_unit_test(a_broken_message_is_refused),
		cmocka_unit_test(a_fingerprint_that_is_not_last_is_refused),
		cmocka_unit_test(the_first_of_two_attributes_is_found),
		cmocka_unit_test(
			an_address_of_wrong_length_or_family_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("stun", tests, NULL, NULL);
}
