/* test_sniff.c: HTTP and TURN are told apart by their first bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "codec/sniff.h"
#include "codec/turn.h"
#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t id[STUN_ID_LEN] = {1, 2, 3};

static enum sniff sniff(const char *bytes, size_t len)
{
	char *copy = guard_copy(bytes, len);
	enum sniff verdict = sniff_protocol(span_of(copy, len));

	guard_free(copy, len);
	return verdict;
}

/* However the bytes are cut, the verdict comes by the eighth and stays. */
static void assert_sniffed(const char *bytes, size_t len, enum sniff expected)
{
	bool is_told = false;

	for (size_t n = 0; n <= len; n++) {
		enum sniff verdict = sniff(bytes, n);

		if (verdict == SNIFF_MORE) {
			assert_false(is_told);
			assert_true(n < 8);
			continue;
		}
		is_told = true;
		assert_int_equal(verdict, expected);
	}
	assert_true(is_told);
}

static void every_turn_request_is_turn(void **state)
{
	char out[STUN_HEADER_LEN + 64];
	const struct turn_draft draft = {out, sizeof(out), id};
	ssize_t len = turn_write_allocate(&draft, AF_INET, 600, NULL);

	(void)state;
	assert_true(len > 0);
	assert_sniffed(out, (size_t)len, SNIFF_TURN);
	assert_sniffed(out, stun_write_binding_request(out, id), SNIFF_TURN);
}

static void every_method_is_http(void **state)
{
	static const char *const heads[] = {
		"GET / HTTP/1.1\r\n",	   "POST /v1/ice HTTP/1.1\r\n",
		"OPTIONS * HTTP/1.1\r\n",  "HEAD / HTTP/1.1\r\n",
		"PRI * HTTP/2.0\r\n\r\n",  "\r\nGET / HTTP/1.1\r\n",
		"\nGET / HTTP/1.1\r\n",	   "get / HTTP/1.1\r\n",
		"MKCALENDAR / HTTP/1.1\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++)
		assert_sniffed(heads[i], strlen(heads[i]), SNIFF_HTTP);
}

/* Nobody has a channel before an allocation, and "GET " could be one. */
static void channel_data_is_never_the_first_message(void **state)
{
	char out[64];
	ssize_t len =
		turn_write_channel_data(out, sizeof(out), 0x4745, SPAN("T / "));

	(void)state;
	assert_true(len > 0);
	assert_sniffed(out, (size_t)len, SNIFF_HTTP);
}

static void what_is_neither_is_refused(void **state)
{
	char bytes[8];

	(void)state;
	for (int first = 0; first < 256; first++) {
		bool is_blank_line = first == '\r' || first == '\n';

		memset(bytes, 0, sizeof(bytes));
		bytes[0] = (char)first;
		assert_sniffed(bytes, sizeof(bytes),
			       first >= 0x40 || is_blank_line ? SNIFF_HTTP
							      : SNIFF_NEITHER);
	}
	/* The cookie is right, the length is none of a STUN message. */
	assert_sniffed("\0\1\0\2\x21\x12\xa4\x42", 8, SNIFF_NEITHER);
	/* A TLS record inside TLS, a SOCKS greeting. */
	assert_sniffed("\x16\x03\x01\x02\0\x01\0\x01", 8, SNIFF_NEITHER);
	assert_sniffed("\x05\x01\0\x05\x01\0\x03\x05", 8, SNIFF_NEITHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_turn_request_is_turn),
		cmocka_unit_test(every_method_is_http),
		cmocka_unit_test(channel_data_is_never_the_first_message),
		cmocka_unit_test(what_is_neither_is_refused),
	};

	return cmocka_run_group_tests_name("sniff", tests, NULL, NULL);
}
