/* test_stun.c: STUN messages, with the samples of RFC 5769. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "codec/stun.h"
#include "guard.h"

#define SOFTWARE 0x8022 /* that nobody here reads */
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

/* RFC 5769, 2.4 */
static const char sample_long_term_request[] =
	"\x00\x01\x00\x60\x21\x12\xa4\x42"
	"\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e"
	"\x00\x06\x00\x12\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa"
	"\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9\x00\x00"
	"\x00\x15\x00\x1c\x66//499k954d6OL34oL9FSTvy64sA"
	"\x00\x14\x00\x0b\x65xample.org\x00"
	"\x00\x08\x00\x14\xf6\x70\x24\x65\x6d\xd6\x4a\x3e\x02\xb8"
	"\xe0\x71\x2e\x85\xc9\xa2\x8c\xa8\x96\x66";

static const uint8_t sample_long_term_id[STUN_ID_LEN] = {
	0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0, 0x29, 0xda, 0x41, 0x2e};

#define SAMPLE_PASSWORD SPAN("VOkJxbRl1RmTxUk/WvJxBt")
#define SAMPLE_USERNAME                     \
	SPAN("\xe3\x83\x9e\xe3\x83\x88\xe3" \
	     "\x83\xaa\xe3\x83\x83\xe3\x82" \
	     "\xaf\xe3\x82\xb9")
#define SAMPLE_REALM SPAN("example.org")
#define SAMPLE_NONCE SPAN("f//499k954d6OL34oL9FSTvy64sA")

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
	assert_int_equal(stun_find(&message, SOFTWARE, &value), 0);
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
		SPAN_INIT(sample_long_term_request),
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
	assert_int_equal(stun_find(&message, SOFTWARE, &value), 0);
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

static struct crypto_hmac *hmac_of(struct span key)
{
	struct crypto_hmac *hmac;

	assert_int_equal(crypto_hmac_new(&hmac, CRYPTO_SHA1, key), 0);
	return hmac;
}

/* The password that RFC 5769 gives is one after SASLprep. */
static struct crypto_hmac *long_term_hmac(void)
{
	uint8_t key[CRYPTO_MD5_LEN];

	assert_int_equal(stun_long_term_key(SAMPLE_USERNAME, SAMPLE_REALM,
					    SPAN("TheMatrIX"), key),
			 0);
	return hmac_of(span_of(key, sizeof(key)));
}

static int verify_guarded(struct span bytes, struct crypto_hmac *hmac)
{
	char *copy = guard_copy(bytes.ptr, bytes.len);
	struct stun_message message;
	int err = stun_parse(span_of(copy, bytes.len), &message);

	if (!err)
		err = stun_verify(&message, hmac);
	guard_free(copy, bytes.len);
	return err;
}

static void the_samples_are_signed_by_their_passwords(void **state)
{
	static const struct span by_password[] = {
		SPAN_INIT(sample_request),
		SPAN_INIT(sample_ipv4_answer),
		SPAN_INIT(sample_ipv6_answer),
	};
	struct crypto_hmac *short_term = hmac_of(SAMPLE_PASSWORD);
	struct crypto_hmac *long_term = long_term_hmac();

	(void)state;
	for (size_t i = 0; i < sizeof(by_password) / sizeof(*by_password);
	     i++) {
		assert_int_equal(verify_guarded(by_password[i], short_term), 0);
		assert_int_equal(verify_guarded(by_password[i], long_term),
				 -EBADMSG);
	}
	assert_int_equal(
		verify_guarded(SPAN(sample_long_term_request), long_term), 0);
	assert_int_equal(
		verify_guarded(SPAN(sample_long_term_request), short_term),
		-EBADMSG);
	assert_int_equal(verify_guarded(SPAN(bare_answer), long_term), -ENOENT);
	crypto_hmac_free(short_term);
	crypto_hmac_free(long_term);
}

/* There is no FINGERPRINT on this one; only the signature can tell. */
static void any_flipped_bit_breaks_the_signature(void **state)
{
	char bytes[sizeof(sample_long_term_request) - 1];
	struct crypto_hmac *hmac = long_term_hmac();

	(void)state;
	memcpy(bytes, sample_long_term_request, sizeof(bytes));
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		flip_bit(bytes, bit);
		if (!verify_guarded(span_of(bytes, sizeof(bytes)), hmac))
			fail_msg("bit %zu is not signed", bit);
		flip_bit(bytes, bit);
	}
	assert_int_equal(verify_guarded(span_of(bytes, sizeof(bytes)), hmac),
			 0);
	crypto_hmac_free(hmac);
}

static void the_long_term_sample_is_written_just_so(void **state)
{
	size_t len = sizeof(sample_long_term_request) - 1;
	char *out = guard_copy(sample_long_term_request, len);
	struct crypto_hmac *hmac = long_term_hmac();
	struct stun_writer writer;

	(void)state;
	memset(out, 'x', len);
	stun_begin(&writer, out, len, STUN_REQUEST, STUN_BINDING,
		   sample_long_term_id);
	stun_put(&writer, STUN_USERNAME, SAMPLE_USERNAME);
	stun_put(&writer, STUN_NONCE, SAMPLE_NONCE);
	stun_put(&writer, STUN_REALM, SAMPLE_REALM);
	stun_put_integrity(&writer, hmac);
	assert_int_equal(writer.err, 0);
	assert_int_equal(writer.len, len);
	assert_memory_equal(out, sample_long_term_request, len);
	assert_int_equal(stun_end(&writer), -ENOSPC);
	crypto_hmac_free(hmac);
	guard_free(out, len);
}

static void assert_found(const struct stun_message *message, uint16_t type,
			 struct span want)
{
	struct span value;

	assert_int_equal(stun_find(message, type, &value), 0);
	assert_true(span_equal(value, want));
}

static void a_signed_request_says_who_asks(void **state)
{
	struct stun_auth auth = {SAMPLE_USERNAME, SAMPLE_REALM, SAMPLE_NONCE,
				 long_term_hmac()};
	struct stun_message message;
	struct stun_writer writer;
	char out[200];
	ssize_t len;

	(void)state;
	stun_begin(&writer, out, sizeof(out), STUN_REQUEST, STUN_BINDING,
		   sample_id);
	stun_put_auth(&writer, &auth);
	len = stun_end(&writer);
	assert_true(len > 0);
	assert_int_equal(stun_parse(span_of(out, (size_t)len), &message), 0);
	assert_found(&message, STUN_USERNAME, SAMPLE_USERNAME);
	assert_found(&message, STUN_REALM, SAMPLE_REALM);
	assert_found(&message, STUN_NONCE, SAMPLE_NONCE);
	assert_int_equal(stun_verify(&message, auth.hmac), 0);
	crypto_hmac_free(auth.hmac);
}

/* What a man in the middle can add does not count. */
static void nothing_is_found_behind_the_signature(void **state)
{
	struct crypto_hmac *hmac = long_term_hmac();
	struct stun_message message;
	struct stun_writer writer;
	struct span value;
	char out[200];

	(void)state;
	stun_begin(&writer, out, sizeof(out), STUN_SUCCESS, STUN_BINDING,
		   sample_id);
	stun_put(&writer, SOFTWARE, SPAN("good"));
	stun_put_integrity(&writer, hmac);
	stun_put(&writer, SOFTWARE, SPAN("bad"));
	stun_put(&writer, STUN_REALM, SPAN("evil"));
	stun_put(&writer, STUN_MESSAGE_INTEGRITY, SPAN("12345678901234567890"));
	stun_put_u32(&writer, STUN_ERROR_CODE, 0x401);
	assert_int_equal(
		stun_parse(span_of(out, (size_t)stun_end(&writer)), &message),
		0);
	assert_int_equal(stun_verify(&message, hmac), 0);
	assert_found(&message, SOFTWARE, SPAN("good"));
	assert_int_equal(stun_find(&message, STUN_REALM, &value), -ENOENT);
	assert_int_equal(stun_find(&message, STUN_ERROR_CODE, &value), -ENOENT);
	assert_int_equal(stun_find(&message, STUN_FINGERPRINT, &value), 0);
	crypto_hmac_free(hmac);
}

static void a_signature_of_another_length_is_wrong(void **state)
{
	static const char *const values[] = {
		"",
		"1234567890123456789",
		"123456789012345678901",
		"12345678901234567890123456789012",
	};
	struct crypto_hmac *hmac = long_term_hmac();

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct stun_writer writer;
		char out[100];

		stun_begin(&writer, out, sizeof(out), STUN_SUCCESS,
			   STUN_BINDING, sample_id);
		stun_put(&writer, STUN_MESSAGE_INTEGRITY, span_from(values[i]));
		assert_int_equal(
			verify_guarded(span_of(out, (size_t)stun_end(&writer)),
				       hmac),
			-EBADMSG);
	}
	crypto_hmac_free(hmac);
}

static void every_class_and_method_is_written_as_it_is_read(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4 << 12; i++) {
		struct stun_message message;
		struct stun_writer writer;
		char out[STUN_HEADER_LEN];

		stun_begin(&writer, out, sizeof(out), (enum stun_class)(i & 3),
			   (uint16_t)(i >> 2), sample_id);
		assert_int_equal(
			stun_parse(span_of(out, sizeof(out)), &message), 0);
		assert_int_equal(message.class, i & 3);
		assert_int_equal(message.method, i >> 2);
		assert_memory_equal(message.id, sample_id, STUN_ID_LEN);
	}
}

static void a_value_of_any_length_comes_back_padded_with_zeros(void **state)
{
	static const char text[] = "12345678";

	(void)state;
	for (size_t len = 0; len <= 8; len++) {
		size_t padded = (len + 3) / 4 * 4;
		struct stun_message message;
		struct stun_writer writer;
		char out[60];
		ssize_t end;

		memset(out, 'x', sizeof(out));
		stun_begin(&writer, out, sizeof(out), STUN_REQUEST,
			   STUN_BINDING, sample_id);
		stun_put(&writer, SOFTWARE, span_of(text, len));
		stun_put_u32(&writer, STUN_REALM, 0x80fe01ff);
		end = stun_end(&writer);
		assert_int_equal(end, STUN_HEADER_LEN + 4 + padded + 8 +
					      FINGERPRINT_ATTRIBUTE_LEN);
		assert_int_equal(
			stun_parse(span_of(out, (size_t)end), &message), 0);
		assert_found(&message, SOFTWARE, span_of(text, len));
		assert_found(&message, STUN_REALM, SPAN("\x80\xfe\x01\xff"));
		for (size_t i = len; i < padded; i++)
			assert_int_equal(out[STUN_HEADER_LEN + 4 + i], 0);
	}
}

/* One of each attribute that is written. */
static ssize_t write_all(char *out, size_t cap, struct crypto_hmac *hmac)
{
	struct sockaddr_storage ipv4 = {.ss_family = AF_INET};
	struct sockaddr_storage ipv6 = {.ss_family = AF_INET6};
	struct stun_auth auth = {SAMPLE_USERNAME, SAMPLE_REALM, SAMPLE_NONCE,
				 hmac};
	struct stun_writer writer;

	stun_begin(&writer, out, cap, STUN_REQUEST, STUN_BINDING, sample_id);
	stun_put(&writer, SOFTWARE, SPAN("signald"));
	stun_put_u32(&writer, 0x000d, 600);
	stun_put_xor_address(&writer, 0x0012, &ipv4);
	stun_put_xor_address(&writer, 0x0012, &ipv6);
	stun_put_auth(&writer, &auth);
	return stun_end(&writer);
}

static void a_buffer_too_small_is_said_and_not_left(void **state)
{
	struct crypto_hmac *hmac = long_term_hmac();
	char whole[300], other[300] = {0};
	ssize_t len = write_all(whole, sizeof(whole), hmac);

	(void)state;
	assert_int_equal(verify_guarded(span_of(whole, (size_t)len), hmac), 0);
	for (size_t cap = 0; cap < (size_t)len; cap++) {
		char *out = guard_copy(whole, cap);

		assert_int_equal(write_all(out, cap, hmac), -ENOSPC);
		guard_free(out, cap);
	}
	assert_int_equal(write_all(NULL, 0, hmac), -ENOSPC);
	for (size_t cap = (size_t)len; cap < (size_t)len + 2; cap++) {
		char *out = guard_copy(other, cap);

		assert_int_equal(write_all(out, cap, hmac), len);
		assert_memory_equal(out, whole, len);
		guard_free(out, cap);
	}
	crypto_hmac_free(hmac);
}

static void a_message_has_a_greatest_length(void **state)
{
	enum { CAP = 2 * STUN_MAX_LEN };
	static char out[CAP], value[CAP];
	static const struct {
		size_t len;
		ssize_t end;
	} cases[] = {
		{STUN_MAX_LEN - STUN_HEADER_LEN - 4 - 8, STUN_MAX_LEN},
		{STUN_MAX_LEN - STUN_HEADER_LEN - 4 - 7, -ENOSPC},
		{0xffff, -ENOSPC},
		{0x10000, -ENOSPC},
		{STUN_MAX_LEN, -ENOSPC},
		{STUN_MAX_LEN + 1, -ENOSPC},
		{SIZE_MAX - 7, -ENOSPC},
		{SIZE_MAX - 3, -ENOSPC},
		{SIZE_MAX, -ENOSPC},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stun_message message;
		struct stun_writer writer;

		stun_begin(&writer, out, CAP, STUN_REQUEST, STUN_BINDING,
			   sample_id);
		stun_put(&writer, SOFTWARE, span_of(value, cases[i].len));
		assert_int_equal(stun_end(&writer), cases[i].end);
		if (cases[i].end > 0)
			assert_int_equal(stun_parse(span_of(out, STUN_MAX_LEN),
						    &message),
					 0);
	}
}

static struct sockaddr_storage address_of(const char *ip, uint16_t port)
{
	struct sockaddr_storage addr = {0};
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons(port)};

	if (inet_pton(AF_INET, ip, &in.sin_addr) == 1)
		memcpy(&addr, &in, sizeof(in));
	else if (inet_pton(AF_INET6, ip, &in6.sin6_addr) == 1)
		memcpy(&addr, &in6, sizeof(in6));
	else
		fail_msg("%s", ip);
	return addr;
}

static void an_address_comes_back(void **state)
{
	static const struct {
		const char *ip;
		uint16_t port;
	} cases[] = {
		{"0.0.0.0", 0},
		{"192.0.2.1", 32853},
		{"255.255.255.255", 65535},
		{"33.18.164.66", 8466}, /* the cookie: its mask is 0 */
		{"::", 0},
		{"2001:db8:1234:5678:11:2233:4455:6677", 32853},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535},
		{"::ffff:192.0.2.1", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sockaddr_storage addr =
			address_of(cases[i].ip, cases[i].port);
		struct sockaddr_storage back;
		struct stun_message message;
		struct stun_writer writer;
		char out[60];

		memset(&back, 'x', sizeof(back));
		stun_begin(&writer, out, sizeof(out), STUN_SUCCESS,
			   STUN_BINDING, sample_id);
		stun_put_xor_address(&writer, STUN_XOR_MAPPED_ADDRESS, &addr);
		assert_int_equal(
			stun_parse(span_of(out, (size_t)stun_end(&writer)),
				   &message),
			0);
		assert_int_equal(stun_find_xor_address(&message,
						       STUN_XOR_MAPPED_ADDRESS,
						       &back),
				 0);
		assert_memory_equal(&back, &addr, sizeof(addr));
	}
}

/* In the samples' own form. */
static void an_address_is_written_as_in_the_samples(void **state)
{
	struct sockaddr_storage ipv4 = address_of("192.0.2.1", 32853);
	struct sockaddr_storage ipv6 =
		address_of("2001:db8:1234:5678:11:2233:4455:6677", 32853);
	struct stun_writer writer;
	char out[60];

	(void)state;
	stun_begin(&writer, out, sizeof(out), STUN_SUCCESS, STUN_BINDING,
		   sample_id);
	stun_put_xor_address(&writer, STUN_XOR_MAPPED_ADDRESS, &ipv4);
	assert_memory_equal(out + 20, sample_ipv4_answer + 36, 12);
	stun_put_xor_address(&writer, STUN_XOR_MAPPED_ADDRESS, &ipv6);
	assert_memory_equal(out + 32, sample_ipv6_answer + 36, 24);
}

static void the_first_failure_of_a_writer_is_told(void **state)
{
	struct sockaddr_storage local = {.ss_family = AF_UNIX};
	struct stun_writer writer;
	char out[64], untouched[64];

	(void)state;
	memset(out, 'x', sizeof(out));
	memcpy(untouched, out, sizeof(out));
	stun_begin(&writer, out, sizeof(out), STUN_REQUEST, STUN_BINDING,
		   sample_id);
	stun_put_xor_address(&writer, STUN_XOR_MAPPED_ADDRESS, &local);
	stun_put(&writer, SOFTWARE, span_of(out, sizeof(out)));
	stun_put_u32(&writer, STUN_ERROR_CODE, 1);
	assert_int_equal(stun_end(&writer), -EAFNOSUPPORT);
	assert_memory_equal(out + STUN_HEADER_LEN, untouched,
			    sizeof(out) - STUN_HEADER_LEN);
	stun_begin(&writer, out, STUN_HEADER_LEN - 1, STUN_REQUEST,
		   STUN_BINDING, sample_id);
	stun_put_xor_address(&writer, STUN_XOR_MAPPED_ADDRESS, &local);
	assert_int_equal(stun_end(&writer), -ENOSPC);
}

/* A message with one attribute, in bytes of the caller's. */
static struct stun_message message_with(char out[100], uint16_t type,
					struct span value)
{
	struct stun_message message;
	struct stun_writer writer;

	stun_begin(&writer, out, 100, STUN_ERROR, STUN_BINDING, sample_id);
	stun_put(&writer, type, value);
	assert_int_equal(
		stun_parse(span_of(out, (size_t)stun_end(&writer)), &message),
		0);
	return message;
}

static void an_error_is_read(void **state)
{
	static const struct {
		struct span value, reason;
		int err;
		unsigned code;
	} cases[] = {
		{SPAN_INIT("\0\0\x04\x01Unauthorized"),
		 SPAN_INIT("Unauthorized"), 0, STUN_UNAUTHENTICATED},
		{SPAN_INIT("\0\0\x04\x26"), SPAN_INIT(""), 0, STUN_STALE_NONCE},
		{SPAN_INIT("\0\0\x03\0x"), SPAN_INIT("x"), 0,
		 STUN_TRY_ALTERNATE},
		{SPAN_INIT("\0\0\x06\x63"), SPAN_INIT(""), 0, 699},
		{SPAN_INIT("\xff\xff\xfc\x14"), SPAN_INIT(""), 0,
		 STUN_UNKNOWN_ATTRIBUTE},
		{SPAN_INIT("\0\0\x02\0"), SPAN_INIT(""), -EPROTO, 0},
		{SPAN_INIT("\0\0\x07\0"), SPAN_INIT(""), -EPROTO, 0},
		{SPAN_INIT("\0\0\0\x01"), SPAN_INIT(""), -EPROTO, 0},
		{SPAN_INIT("\0\0\x04\x64"), SPAN_INIT(""), -EPROTO, 0},
		{SPAN_INIT("\0\0\x04\xff"), SPAN_INIT(""), -EPROTO, 0},
		{SPAN_INIT("\0\0\x04"), SPAN_INIT(""), -EPROTO, 0},
		{SPAN_INIT(""), SPAN_INIT(""), -EPROTO, 0},
	};
	struct stun_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char bytes[100];
		struct stun_message message =
			message_with(bytes, STUN_ERROR_CODE, cases[i].value);

		assert_int_equal(stun_find_error(&message, &error),
				 cases[i].err);
		if (cases[i].err)
			continue;
		assert_int_equal(error.code, cases[i].code);
		assert_true(span_equal(error.reason, cases[i].reason));
	}
}

static void what_is_missing_or_misshapen_is_told_apart(void **state)
{
	struct sockaddr_storage addr;
	struct stun_error error;
	uint32_t number;
	char bytes[100];
	struct stun_message message =
		message_with(bytes, SOFTWARE, SPAN("12345"));

	(void)state;
	assert_int_equal(stun_find_error(&message, &error), -ENOENT);
	assert_int_equal(stun_find_u32(&message, STUN_REALM, &number), -ENOENT);
	assert_int_equal(stun_find_u32(&message, SOFTWARE, &number), -EPROTO);
	assert_int_equal(
		stun_find_xor_address(&message, STUN_XOR_MAPPED_ADDRESS, &addr),
		-ENOENT);
	assert_int_equal(stun_find_xor_address(&message, SOFTWARE, &addr),
			 -EPROTO);
	message = message_with(bytes, SOFTWARE, SPAN("\xff\x01\x02\x80"));
	assert_int_equal(stun_find_u32(&message, SOFTWARE, &number), 0);
	assert_int_equal(number, 0xff010280);
	message = message_with(bytes, SOFTWARE, SPAN("123"));
	assert_int_equal(stun_find_u32(&message, SOFTWARE, &number), -EPROTO);
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
		cmocka_unit_test(the_samples_are_signed_by_their_passwords),
		cmocka_unit_test(any_flipped_bit_breaks_the_signature),
		cmocka_unit_test(the_long_term_sample_is_written_just_so),
		cmocka_unit_test(a_signed_request_says_who_asks),
		cmocka_unit_test(nothing_is_found_behind_the_signature),
		cmocka_unit_test(a_signature_of_another_length_is_wrong),
		cmocka_unit_test(
			every_class_and_method_is_written_as_it_is_read),
		cmocka_unit_test(
			a_value_of_any_length_comes_back_padded_with_zeros),
		cmocka_unit_test(a_buffer_too_small_is_said_and_not_left),
		cmocka_unit_test(a_message_has_a_greatest_length),
		cmocka_unit_test(an_address_comes_back),
		cmocka_unit_test(an_address_is_written_as_in_the_samples),
		cmocka_unit_test(the_first_failure_of_a_writer_is_told),
		cmocka_unit_test(an_error_is_read),
		cmocka_unit_test(what_is_missing_or_misshapen_is_told_apart),
	};

	return cmocka_run_group_tests_name("stun", tests, NULL, NULL);
}
