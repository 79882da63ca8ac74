/* fuzz_turn.c: any stream is cut in bounds, what is signed is what was signed,
 * and what was read can be written. */
#include <errno.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "codec/turn.h"
#include "fuzz.h"

#define SOFTWARE 0x8022 /* that nobody here reads */
#define INTEGRITY_ATTRIBUTE_LEN 24
#define LONGEST_LEN (STUN_HEADER_LEN + 2048)

/* The credential that the corpus was made with. */
static struct span key(void)
{
	static uint8_t bytes[CRYPTO_MD5_LEN];

	MUST(!stun_long_term_key(SPAN("2147483647:fuzz"), SPAN("example.org"),
				 SPAN("p2dGZn+ZYTStBq3UmCFGIPVywdg="), bytes));
	return span_of(bytes, sizeof(bytes));
}

static struct crypto_hmac *hmac(void)
{
	static struct crypto_hmac *made;

	if (!made)
		MUST(!crypto_hmac_new(&made, CRYPTO_SHA1, key()));
	return made;
}

static uint32_t number(struct span bytes, size_t at, size_t len)
{
	uint32_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | (uint8_t)bytes.ptr[at + i];
	return value;
}

/* Where the first MESSAGE-INTEGRITY stands; 0 when there is none. */
static size_t find_integrity(struct span bytes)
{
	for (size_t at = STUN_HEADER_LEN; at < bytes.len;) {
		if (number(bytes, at, 2) == STUN_MESSAGE_INTEGRITY)
			return at;
		at += 4 + (number(bytes, at + 2, 2) + 3) / 4 * 4;
	}
	return 0;
}

/* What stun_verify() is to say, on a copy whose length is set, and by
 * libcrypto's own function. */
static int verify_copy(struct span bytes)
{
	size_t at = find_integrity(bytes);
	uint8_t mac[EVP_MAX_MD_SIZE];
	struct span k = key();
	unsigned mac_len;
	uint8_t *copy;

	if (!at)
		return -ENOENT;
	if (number(bytes, at + 2, 2) != CRYPTO_SHA1_LEN)
		return -EBADMSG;
	copy = malloc(at);
	MUST(copy);
	memcpy(copy, bytes.ptr, at);
	copy[2] = (uint8_t)((at + INTEGRITY_ATTRIBUTE_LEN - STUN_HEADER_LEN) >>
			    8);
	copy[3] = (uint8_t)(at + INTEGRITY_ATTRIBUTE_LEN - STUN_HEADER_LEN);
	MUST(HMAC(EVP_sha1(), k.ptr, (int)k.len, copy, at, mac, &mac_len));
	free(copy);
	return memcmp(mac, bytes.ptr + at + 4, CRYPTO_SHA1_LEN) ? -EBADMSG : 0;
}

static const uint16_t types[] = {
	STUN_USERNAME,
	STUN_ERROR_CODE,
	TURN_CHANNEL_NUMBER,
	TURN_LIFETIME,
	TURN_XOR_PEER_ADDRESS,
	TURN_DATA_VALUE,
	STUN_REALM,
	STUN_NONCE,
	TURN_XOR_RELAYED_ADDRESS,
	TURN_REQUESTED_ADDRESS_FAMILY,
	TURN_REQUESTED_TRANSPORT,
	STUN_XOR_MAPPED_ADDRESS,
	SOFTWARE,
};

static void check_error(const struct stun_message *message)
{
	struct stun_error error;
	int err = stun_find_error(message, &error);

	if (err)
		MUST(err == -ENOENT || err == -EPROTO);
	else
		MUST(error.code >= 300 && error.code <= 699 &&
		     error.reason.ptr + error.reason.len <=
			     message->bytes.ptr + message->bytes.len);
}

static void check_data(const struct stun_message *message)
{
	struct sockaddr_storage peer;
	struct span data, value;
	int err = turn_read_data(message, &peer, &data);

	MUST(!err || err == -EPROTO);
	if (err)
		return;
	MUST(message->class == STUN_INDICATION && message->method == TURN_DATA);
	MUST(!stun_find(message, TURN_DATA_VALUE, &value) &&
	     span_equal(value, data));
}

/* An address that was read is written just as it stood, but for its first byte,
 * which nobody looks at. */
static void check_address(const struct stun_message *message, uint16_t type)
{
	struct sockaddr_storage addr;
	struct stun_writer writer;
	struct span value;
	char out[STUN_HEADER_LEN + 24];

	if (stun_find_xor_address(message, type, &addr))
		return;
	MUST(!stun_find(message, type, &value));
	stun_begin(&writer, out, STUN_HEADER_LEN + 4 + value.len,
		   message->class, message->method, message->id);
	stun_put_xor_address(&writer, type, &addr);
	MUST(!writer.err && writer.len == STUN_HEADER_LEN + 4 + value.len);
	MUST(!memcmp(out + STUN_HEADER_LEN + 5, value.ptr + 1, value.len - 1));
}

/* All that is known of a message, signed with our key. */
static ssize_t write_again(const struct stun_message *message, char *out,
			   size_t cap)
{
	struct stun_writer writer;
	struct span value;

	stun_begin(&writer, out, cap, message->class, message->method,
		   message->id);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (!stun_find(message, types[i], &value))
			stun_put(&writer, types[i], value);
	}
	stun_put_integrity(&writer, hmac());
	return stun_end(&writer);
}

static void check_same(const struct stun_message *a,
		       const struct stun_message *b)
{
	MUST(a->class == b->class && a->method == b->method &&
	     !memcmp(a->id, b->id, STUN_ID_LEN));
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct span in_a, in_b;
		int err = stun_find(a, types[i], &in_a);

		MUST(stun_find(b, types[i], &in_b) == err);
		MUST(err || span_equal(in_a, in_b));
	}
}

static void check_written(const struct stun_message *message)
{
	char whole[LONGEST_LEN + 100], *out;
	ssize_t len = write_again(message, whole, sizeof(whole));
	struct stun_message again;
	size_t cap;

	MUST(len > 0);
	MUST(!stun_parse(span_of(whole, (size_t)len), &again));
	MUST(!stun_verify(&again, hmac()));
	check_same(message, &again);
	/* One byte less is too little, and so is any other number below. */
	cap = message->id[0] ? (size_t)(len - 1) * message->id[0] / 255 : 0;
	out = malloc(cap ? cap : 1);
	MUST(out && write_again(message, out, cap) == -ENOSPC);
	free(out);
}

static void check_message(struct span bytes)
{
	struct stun_message message;
	int err = stun_parse(bytes, &message);

	MUST(!err || err == -EPROTO);
	if (err)
		return;
	MUST(turn_frame_len(bytes) == (ssize_t)bytes.len);
	MUST(stun_verify(&message, hmac()) == verify_copy(bytes));
	check_error(&message);
	check_data(&message);
	check_address(&message, STUN_XOR_MAPPED_ADDRESS);
	check_address(&message, TURN_XOR_RELAYED_ADDRESS);
	check_address(&message, TURN_XOR_PEER_ADDRESS);
	if (bytes.len <= LONGEST_LEN)
		check_written(&message);
}

static void check_channel(struct span bytes)
{
	uint16_t channel = (uint16_t)number(bytes, 0, 2);
	struct span data = span_of(bytes.ptr + 4, number(bytes, 2, 2));
	char *out;

	MUST(bytes.len - 4 >= data.len && bytes.len - 4 - data.len < 4);
	out = malloc(bytes.len);
	MUST(out && turn_write_channel_data(out, bytes.len, channel, data) ==
			    (ssize_t)bytes.len);
	MUST(!memcmp(out, bytes.ptr, 4 + data.len));
	MUST(turn_write_channel_data(out, bytes.len - 1, channel, data) ==
	     -ENOSPC);
	free(out);
}

/* A length that is told stays told, and before it no other is. */
static void check_frame(struct span stream, ssize_t len)
{
	for (size_t got = 0; got < stream.len && got <= 8; got++) {
		ssize_t early = turn_frame_len(span_of(stream.ptr, got));

		MUST(early == len || early == -EAGAIN);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data, size);

	/* A datagram first; the stream that it could be as well, then. */
	check_message(rest);
	while (rest.len) {
		ssize_t len = turn_frame_len(rest);

		check_frame(rest, len);
		if (len < 0 || (size_t)len > rest.len) {
			MUST(len > 0 || len == -EPROTO ||
			     (len == -EAGAIN && rest.len < 8));
			break;
		}
		MUST(len >= 4 && len <= STUN_MAX_LEN && len % 4 == 0);
		if ((uint8_t)rest.ptr[0] < 0x40)
			check_message(span_of(rest.ptr, (size_t)len));
		else
			check_channel(span_of(rest.ptr, (size_t)len));
		rest = span_skip(rest, (size_t)len);
	}
	return 0;
}
