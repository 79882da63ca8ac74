/* test_turn.c: TURN's messages there and back, and where streams are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "codec/bytes.h"
#include "codec/turn.h"
#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t id[STUN_ID_LEN] = "0123456789ab";

/*
 * An Allocate for an IPv6 relay, and a Send. Both are from a client of its own
 * in Python, which signs with hashlib and hmac and sums with zlib.
 */
static const char allocate[] =
	"\x00\x03\x00\x80\x21\x12\xa4\x42"
	"0123456789ab"
	"\x00\x19\x00\x04\x11\x00\x00\x00"
	"\x00\x17\x00\x04\x02\x00\x00\x00"
	"\x00\x0d\x00\x04\x00\x00\x02\x58"
	"\x00\x06\x00\x10"
	"1795368803:alice"
	"\x00\x14\x00\x0b"
	"example.org\x00"
	"\x00\x15\x00\x20"
	"adl7W7PeDU4hKE72jdaQvbAMcr6h39sm"
	"\x00\x08\x00\x14\xc2\xa4\xfa\x51\xa6\xc5\x26\x22\x15\xf5"
	"\xdc\x22\x5e\x03\x44\x68\x72\x05\xd1\x54"
	"\x80\x28\x00\x04\x67\xdf\x9a\x2c";

static const char send_hello[] = "\x00\x16\x00\x20\x21\x12\xa4\x42"
				 "0123456789ab"
				 "\x00\x12\x00\x08\x00\x01\xe2\x42"
				 "\xea\x12\xd5\x48"
				 "\x00\x13\x00\x05hello\x00\x00\x00"
				 "\x80\x28\x00\x04\xbf\xf1\x7b\x10";

/* The credential of that Allocate; its hmac is for the caller to free. */
static struct stun_auth new_auth(const char *password)
{
	struct stun_auth auth = {.username = SPAN("1795368803:alice"),
				 .realm = SPAN("example.org"),
				 .nonce = SPAN("adl7W7PeDU4hKE72"
					       "jdaQvbAMcr6h39sm")};
	uint8_t key[CRYPTO_MD5_LEN];

	assert_int_equal(stun_long_term_key(auth.username, auth.realm,
					    span_from(password), key),
			 0);
	assert_int_equal(crypto_hmac_new(&auth.hmac, CRYPTO_SHA1,
					 span_of(key, sizeof(key))),
			 0);
	return auth;
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

/* What is written, by name, so that every test can go through all of it. */
enum kind {
	ALLOCATE,
	ALLOCATE_IPV4,
	ALLOCATE_IPV6,
	REFRESH,
	PERMISSION,
	PERMISSION_IPV6,
	BIND,
	SEND,
	SEND_IPV6,
	SEND_NOTHING,
	KINDS
};

static ssize_t write_kind(enum kind kind, char *out, size_t cap,
			  const struct stun_auth *auth)
{
	struct sockaddr_storage ipv4 = address_of("203.0.113.10", 50000);
	struct sockaddr_storage ipv6 = address_of("2001:db8::10", 50000);
	struct turn_draft draft = {out, cap, id};

	switch (kind) {
	case ALLOCATE:
		return turn_write_allocate(&draft, AF_UNSPEC, 0, auth);
	case ALLOCATE_IPV4:
		return turn_write_allocate(&draft, AF_INET, 0, auth);
	case ALLOCATE_IPV6:
		return turn_write_allocate(&draft, AF_INET6, 600, auth);
	case REFRESH:
		return turn_write_refresh(&draft, 0, auth);
	case PERMISSION:
		return turn_write_create_permission(&draft, &ipv4, auth);
	case PERMISSION_IPV6:
		return turn_write_create_permission(&draft, &ipv6, auth);
	case BIND:
		return turn_write_channel_bind(&draft, 0x4001, &ipv4, auth);
	case SEND:
		return turn_write_send(&draft, &ipv4, SPAN("hello"));
	case SEND_IPV6:
		return turn_write_send(&draft, &ipv6, SPAN("hello"));
	default:
		return turn_write_send(&draft, &ipv4, SPAN(""));
	}
}

/* Written into bytes of the caller's, and parsed. */
static struct stun_message written(enum kind kind, char bytes[300],
				   const struct stun_auth *auth)
{
	ssize_t len = write_kind(kind, bytes, 300, auth);
	struct stun_message message;

	assert_true(len > 0);
	assert_int_equal(stun_parse(span_of(bytes, (size_t)len), &message), 0);
	assert_memory_equal(message.id, id, STUN_ID_LEN);
	return message;
}

static void the_messages_are_those_of_another_client(void **state)
{
	struct stun_auth auth = new_auth("secret");
	char out[300];

	(void)state;
	assert_int_equal(write_kind(ALLOCATE_IPV6, out, sizeof(out), &auth),
			 sizeof(allocate) - 1);
	assert_memory_equal(out, allocate, sizeof(allocate) - 1);
	assert_int_equal(write_kind(SEND, out, sizeof(out), NULL),
			 sizeof(send_hello) - 1);
	assert_memory_equal(out, send_hello, sizeof(send_hello) - 1);
	crypto_hmac_free(auth.hmac);
}

static const struct {
	enum stun_class class;
	uint16_t method;
} types[KINDS] = {
	[ALLOCATE] = {STUN_REQUEST, TURN_ALLOCATE},
	[ALLOCATE_IPV4] = {STUN_REQUEST, TURN_ALLOCATE},
	[ALLOCATE_IPV6] = {STUN_REQUEST, TURN_ALLOCATE},
	[REFRESH] = {STUN_REQUEST, TURN_REFRESH},
	[PERMISSION] = {STUN_REQUEST, TURN_CREATE_PERMISSION},
	[PERMISSION_IPV6] = {STUN_REQUEST, TURN_CREATE_PERMISSION},
	[BIND] = {STUN_REQUEST, TURN_CHANNEL_BIND},
	[SEND] = {STUN_INDICATION, TURN_SEND},
	[SEND_IPV6] = {STUN_INDICATION, TURN_SEND},
	[SEND_NOTHING] = {STUN_INDICATION, TURN_SEND},
};

static void requests_are_signed_and_indications_are_not(void **state)
{
	struct stun_auth auth = new_auth("secret");
	struct stun_auth other = new_auth("Secret");

	(void)state;
	for (enum kind kind = 0; kind < KINDS; kind++) {
		bool is_request = types[kind].class == STUN_REQUEST;
		char bytes[300];
		struct stun_message message = written(kind, bytes, &auth);
		struct span username;

		assert_int_equal(message.class, types[kind].class);
		assert_int_equal(message.method, types[kind].method);
		assert_int_equal(stun_verify(&message, auth.hmac),
				 is_request ? 0 : -ENOENT);
		assert_int_equal(stun_verify(&message, other.hmac),
				 is_request ? -EBADMSG : -ENOENT);
		message = written(kind, bytes, NULL);
		assert_int_equal(stun_verify(&message, auth.hmac), -ENOENT);
		assert_int_equal(stun_find(&message, STUN_USERNAME, &username),
				 -ENOENT);
	}
	crypto_hmac_free(auth.hmac);
	crypto_hmac_free(other.hmac);
}

/* want  NULL: there is to be no such attribute */
static void assert_u32(const struct stun_message *message, uint16_t type,
		       const uint32_t *want)
{
	uint32_t value;

	assert_int_equal(stun_find_u32(message, type, &value),
			 want ? 0 : -ENOENT);
	if (want)
		assert_int_equal(value, *want);
}

static void an_allocate_asks_for_what_is_wanted(void **state)
{
	static const uint32_t udp = 17u << 24, ipv4 = 1u << 24, ipv6 = 2u << 24,
			      lifetime_s = 600;
	static const struct {
		enum kind kind;
		const uint32_t *family, *lifetime_s;
	} cases[] = {
		{ALLOCATE, NULL, NULL},
		{ALLOCATE_IPV4, &ipv4, NULL},
		{ALLOCATE_IPV6, &ipv6, &lifetime_s},
	};
	char bytes[300];
	struct turn_draft draft = {bytes, sizeof(bytes), id};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct stun_message message =
			written(cases[i].kind, bytes, NULL);

		assert_u32(&message, TURN_REQUESTED_TRANSPORT, &udp);
		assert_u32(&message, TURN_REQUESTED_ADDRESS_FAMILY,
			   cases[i].family);
		assert_u32(&message, TURN_LIFETIME, cases[i].lifetime_s);
	}
	assert_int_equal(turn_write_allocate(&draft, AF_UNIX, 0, NULL),
			 -EAFNOSUPPORT);
}

static void a_refresh_says_for_how_long(void **state)
{
	static const uint32_t lifetimes_s[] = {0, 1, 600, UINT32_MAX};
	char bytes[300];
	struct turn_draft draft = {bytes, sizeof(bytes), id};

	(void)state;
	for (size_t i = 0; i < COUNT(lifetimes_s); i++) {
		struct stun_message message;
		ssize_t len = turn_write_refresh(&draft, lifetimes_s[i], NULL);

		assert_int_equal(
			stun_parse(span_of(bytes, (size_t)len), &message), 0);
		assert_u32(&message, TURN_LIFETIME, &lifetimes_s[i]);
	}
}

static void assert_peer(const struct stun_message *message, const char *ip)
{
	struct sockaddr_storage want = address_of(ip, 50000), peer;

	assert_int_equal(
		stun_find_xor_address(message, TURN_XOR_PEER_ADDRESS, &peer),
		0);
	assert_memory_equal(&peer, &want, sizeof(want));
}

static void the_peer_comes_back(void **state)
{
	static const uint32_t channel = 0x40010000;
	char bytes[300];
	struct stun_message message;
	struct span data;

	(void)state;
	message = written(PERMISSION, bytes, NULL);
	assert_peer(&message, "203.0.113.10");
	message = written(PERMISSION_IPV6, bytes, NULL);
	assert_peer(&message, "2001:db8::10");
	message = written(BIND, bytes, NULL);
	assert_peer(&message, "203.0.113.10");
	assert_u32(&message, TURN_CHANNEL_NUMBER, &channel);
	message = written(SEND, bytes, NULL);
	assert_peer(&message, "203.0.113.10");
	assert_int_equal(stun_find(&message, TURN_DATA_VALUE, &data), 0);
	assert_true(span_equal(data, SPAN("hello")));
	message = written(SEND_NOTHING, bytes, NULL);
	assert_int_equal(stun_find(&message, TURN_DATA_VALUE, &data), 0);
	assert_int_equal(data.len, 0);
}

static void a_peer_of_another_family_is_refused(void **state)
{
	struct sockaddr_storage local = {.ss_family = AF_UNIX};
	char bytes[300];
	struct turn_draft draft = {bytes, sizeof(bytes), id};

	(void)state;
	assert_int_equal(turn_write_create_permission(&draft, &local, NULL),
			 -EAFNOSUPPORT);
	assert_int_equal(turn_write_channel_bind(&draft, 0x4000, &local, NULL),
			 -EAFNOSUPPORT);
	assert_int_equal(turn_write_send(&draft, &local, SPAN("hello")),
			 -EAFNOSUPPORT);
}

static void a_buffer_too_small_is_said_and_not_left(void **state)
{
	struct stun_auth auth = new_auth("secret");
	char whole[300], other[300] = {0};

	(void)state;
	for (enum kind kind = 0; kind < KINDS; kind++) {
		size_t len =
			(size_t)write_kind(kind, whole, sizeof(whole), &auth);

		for (size_t cap = 0; cap <= len; cap++) {
			char *out = guard_copy(other, cap);

			assert_int_equal(write_kind(kind, out, cap, &auth),
					 cap < len ? -ENOSPC : (int)len);
			if (cap == len)
				assert_memory_equal(out, whole, len);
			guard_free(out, cap);
		}
	}
	crypto_hmac_free(auth.hmac);
}

static void a_cut_message_is_refused(void **state)
{
	struct stun_auth auth = new_auth("secret");
	char whole[300];

	(void)state;
	for (enum kind kind = 0; kind < KINDS; kind++) {
		ssize_t len = write_kind(kind, whole, sizeof(whole), &auth);

		for (size_t cut = 0; cut < (size_t)len; cut++) {
			char *copy = guard_copy(whole, cut);
			struct stun_message message;

			assert_int_equal(
				stun_parse(span_of(copy, cut), &message),
				-EPROTO);
			guard_free(copy, cut);
		}
	}
	crypto_hmac_free(auth.hmac);
}

/* What a peer sent, as a server passes it on. */
static size_t write_data(char *out, size_t cap, const char *ip,
			 struct span data)
{
	struct sockaddr_storage from = address_of(ip, 50000);
	struct stun_writer writer;

	stun_begin(&writer, out, cap, STUN_INDICATION, TURN_DATA, id);
	stun_put_xor_address(&writer, TURN_XOR_PEER_ADDRESS, &from);
	stun_put(&writer, TURN_DATA_VALUE, data);
	assert_true(stun_end(&writer) > 0);
	return writer.len;
}

static void what_a_peer_sent_is_read(void **state)
{
	static const char *const ips[] = {"203.0.113.10", "2001:db8::10"};
	static const struct span payloads[] = {
		SPAN_INIT(""), SPAN_INIT("a"), SPAN_INIT("\0\xff\0"),
		SPAN_INIT("1234"), SPAN_INIT("\x21\x12\xa4\x42zzz")};

	(void)state;
	for (size_t i = 0; i < COUNT(ips) * COUNT(payloads); i++) {
		const char *ip = ips[i % COUNT(ips)];
		struct span payload = payloads[i / COUNT(ips)], data;
		struct sockaddr_storage want = address_of(ip, 50000), peer;
		struct stun_message message;
		char bytes[100];
		size_t len = write_data(bytes, sizeof(bytes), ip, payload);

		assert_int_equal(stun_parse(span_of(bytes, len), &message), 0);
		assert_int_equal(turn_read_data(&message, &peer, &data), 0);
		assert_memory_equal(&peer, &want, sizeof(want));
		assert_true(span_equal(data, payload));
	}
}

/* One message, of a class, a method and at most two attributes. */
static int read_data_of(enum stun_class class, uint16_t method,
			const char *peer, bool has_data)
{
	struct sockaddr_storage from = {0};
	struct stun_message message;
	struct stun_writer writer;
	struct span data;
	char bytes[100];

	stun_begin(&writer, bytes, sizeof(bytes), class, method, id);
	if (peer)
		stun_put(&writer, TURN_XOR_PEER_ADDRESS, span_from(peer));
	if (has_data)
		stun_put(&writer, TURN_DATA_VALUE, SPAN("hello"));
	assert_int_equal(
		stun_parse(span_of(bytes, (size_t)stun_end(&writer)), &message),
		0);
	return turn_read_data(&message, &from, &data);
}

static void what_is_no_data_indication_is_refused(void **state)
{
	/* "12" would be the family: not one that there is. */
	static const char whole[] = "\x01\x01zzaddr", wrong[] = "12zzaddr";

	(void)state;
	assert_int_equal(read_data_of(STUN_INDICATION, TURN_DATA, whole, true),
			 0);
	assert_int_equal(read_data_of(STUN_INDICATION, TURN_DATA, wrong, true),
			 -EPROTO);
	assert_int_equal(read_data_of(STUN_INDICATION, TURN_DATA, whole, false),
			 -EPROTO);
	assert_int_equal(read_data_of(STUN_INDICATION, TURN_DATA, NULL, true),
			 -EPROTO);
	assert_int_equal(read_data_of(STUN_INDICATION, TURN_SEND, whole, true),
			 -EPROTO);
	assert_int_equal(read_data_of(STUN_REQUEST, TURN_DATA, whole, true),
			 -EPROTO);
	assert_int_equal(read_data_of(STUN_SUCCESS, TURN_DATA, whole, true),
			 -EPROTO);
}

/* bytes are a ChannelData of that number and data (RFC 8656, 12.4). */
static void assert_channel_data(struct span bytes, uint16_t channel,
				struct span data)
{
	assert_true(bytes.len >= 4 + data.len);
	assert_int_equal(bytes_read_u16(bytes.ptr), channel);
	assert_int_equal(bytes_read_u16(bytes.ptr + 2), data.len);
	assert_true(span_equal(span_of(bytes.ptr + 4, data.len), data));
	for (size_t i = 4 + data.len; i < bytes.len; i++)
		assert_int_equal(bytes.ptr[i], 0);
}

static void channel_data_is_padded(void **state)
{
	static const char text[] = "123456789";
	static const uint16_t channels[] = {0x4000, 0x4abc, 0x4fff};

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		size_t whole = 4 + (len + 3) / 4 * 4;
		char *out = guard_copy("xxxxxxxxxxxxxxxx", whole);
		uint16_t channel = channels[len % 3];

		assert_int_equal(turn_write_channel_data(out, whole, channel,
							 span_of(text, len)),
				 whole);
		assert_int_equal(turn_frame_len(span_of(out, whole)), whole);
		assert_channel_data(span_of(out, whole), channel,
				    span_of(text, len));
		assert_int_equal(turn_write_channel_data(out, whole - 1,
							 channel,
							 span_of(text, len)),
				 -ENOSPC);
		guard_free(out, whole);
	}
}

static void a_number_that_is_no_channels_is_refused(void **state)
{
	static const uint16_t numbers[] = {0, 0x3fff, 0x5000, 0xffff};
	struct sockaddr_storage peer = address_of("203.0.113.10", 1);
	char out[300];
	struct turn_draft draft = {out, sizeof(out), id};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		assert_int_equal(turn_write_channel_bind(&draft, numbers[i],
							 &peer, NULL),
				 -EINVAL);
		assert_int_equal(turn_write_channel_data(out, sizeof(out),
							 numbers[i], SPAN("a")),
				 -EINVAL);
	}
}

static void channel_data_has_a_greatest_length(void **state)
{
	static char out[0x10010], text[0x10010];

	(void)state;
	assert_int_equal(turn_write_channel_data(out, sizeof(out), 0x4000,
						 span_of(text, 0xffff)),
			 4 + 0x10000);
	assert_int_equal(turn_frame_len(span_of(out, 4)), 4 + 0x10000);
	assert_channel_data(span_of(out, 4 + 0x10000), 0x4000,
			    span_of(text, 0xffff));
	assert_int_equal(turn_write_channel_data(out, sizeof(out), 0x4000,
						 span_of(text, 0x10000)),
			 -ENOSPC);
	assert_int_equal(turn_write_channel_data(out, sizeof(out), 0x4000,
						 span_of(text, SIZE_MAX)),
			 -ENOSPC);
}

static void a_frames_length_is_told_by_its_first_bytes(void **state)
{
	static const struct {
		struct span bytes;
		ssize_t len;
	} cases[] = {
		{SPAN_INIT(""), -EAGAIN},
		{SPAN_INIT("\0"), -EAGAIN},
		{SPAN_INIT("\x01\x01\0\x0c\x21\x12\xa4"), -EAGAIN},
		{SPAN_INIT("\x01\x01\0\x0c\x21\x12\xa4\x42"), 32},
		{SPAN_INIT("\0\x01\0\0\x21\x12\xa4\x42"), 20},
		{SPAN_INIT("\x3f\xff\xff\xfc\x21\x12\xa4\x42"), STUN_MAX_LEN},
		{SPAN_INIT("\x01\x01\0\x0d\x21\x12\xa4\x42"), -EPROTO},
		{SPAN_INIT("\x01\x01\0\x0e\x21\x12\xa4\x42"), -EPROTO},
		{SPAN_INIT("\x01\x01\0\x0c\x21\x12\xa4\x43"), -EPROTO},
		{SPAN_INIT("\x01\x01\0\x0c\x20\x12\xa4\x42"), -EPROTO},
		{SPAN_INIT("\x40"), -EAGAIN},
		{SPAN_INIT("\x40\0\0"), -EAGAIN},
		{SPAN_INIT("\x40\0\0\0"), 4},
		{SPAN_INIT("\x40\0\0\x01"), 8},
		{SPAN_INIT("\x40\0\0\x04"), 8},
		{SPAN_INIT("\x4f\xff\0\x05"), 12},
		{SPAN_INIT("\x4f\xff\xff\xff"), 4 + 0x10000},
		{SPAN_INIT("\x50"), -EPROTO},
		{SPAN_INIT("\x7f"), -EPROTO},
		{SPAN_INIT("\x80"), -EPROTO},
		{SPAN_INIT("\xff"), -EPROTO},
		{SPAN_INIT("HTTP/1.1"), 4 + 0x5450},
		{SPAN_INIT("\x16\x03\x01\x02\0\x01\0\x01"), -EPROTO},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span bytes = cases[i].bytes;
		char *copy = guard_copy(bytes.ptr, bytes.len);

		assert_int_equal(turn_frame_len(span_of(copy, bytes.len)),
				 cases[i].len);
		guard_free(copy, bytes.len);
	}
}

/* Every message of ours and two channels', as one stream. */
static size_t write_stream(char *out, size_t cap, const struct stun_auth *auth)
{
	size_t len = 0;

	for (enum kind kind = 0; kind < KINDS; kind++) {
		len += (size_t)write_kind(kind, out + len, cap - len, auth);
		len += (size_t)turn_write_channel_data(out + len, cap - len,
						       0x4000, SPAN("hello"));
	}
	return len;
}

/* Before a frame's length is known, -EAGAIN; then always the same. */
static void assert_frame(struct span stream, size_t whole)
{
	size_t known = (uint8_t)stream.ptr[0] < 0x40 ? 8 : 4;

	for (size_t got = 0; got <= whole; got++) {
		char *copy = guard_copy(stream.ptr, got);

		assert_int_equal(turn_frame_len(span_of(copy, got)),
				 got < known ? -EAGAIN : (int)whole);
		guard_free(copy, got);
	}
}

static void a_stream_falls_into_its_frames(void **state)
{
	struct stun_auth auth = new_auth("secret");
	static char bytes[4000];
	struct span rest =
		span_of(bytes, write_stream(bytes, sizeof(bytes), &auth));
	size_t frames = 0;

	(void)state;
	for (; rest.len; frames++) {
		ssize_t len = turn_frame_len(rest);
		struct stun_message message;

		assert_true(len > 0 && (size_t)len <= rest.len);
		assert_frame(rest, (size_t)len);
		if (frames % 2)
			assert_channel_data(span_of(rest.ptr, (size_t)len),
					    0x4000, SPAN("hello"));
		else
			assert_int_equal(
				stun_parse(span_of(rest.ptr, (size_t)len),
					   &message),
				0);
		rest = span_skip(rest, (size_t)len);
	}
	assert_int_equal(frames, 2 * KINDS);
	crypto_hmac_free(auth.hmac);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_messages_are_those_of_another_client),
		cmocka_unit_test(requests_are_signed_and_indications_are_not),
		cmocka_unit_test(an_allocate_asks_for_what_is_wanted),
		cmocka_unit_test(a_refresh_says_for_how_long),
		cmocka_unit_test(the_peer_comes_back),
		cmocka_unit_test(a_peer_of_another_family_is_refused),
		cmocka_unit_test(a_buffer_too_small_is_said_and_not_left),
		cmocka_unit_test(a_cut_message_is_refused),
		cmocka_unit_test(what_a_peer_sent_is_read),
		cmocka_unit_test(what_is_no_data_indication_is_refused),
		cmocka_unit_test(channel_data_is_padded),
		cmocka_unit_test(a_number_that_is_no_channels_is_refused),
		cmocka_unit_test(channel_data_has_a_greatest_length),
		cmocka_unit_test(a_frames_length_is_told_by_its_first_bytes),
		cmocka_unit_test(a_stream_falls_into_its_frames),
	};

	return cmocka_run_group_tests_name("turn", tests, NULL, NULL);
}
