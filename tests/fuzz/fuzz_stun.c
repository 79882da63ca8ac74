/* fuzz_stun.c: any datagram is parsed in bounds, and FINGERPRINT is exact. */
#include <errno.h>

#include <sys/socket.h>

#include "codec/stun.h"
#include "fuzz.h"

/* That nobody here reads. */
#define MAPPED_ADDRESS 0x0001
#define SOFTWARE 0x8022

#define FINGERPRINT_ATTRIBUTE_LEN 8
#define LONGEST_LEN (STUN_HEADER_LEN + 1024)

/* Bit by bit, as the standard words it; the one under test uses a table. */
static uint32_t crc32(const uint8_t *bytes, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void check_address(const struct stun_message *message)
{
	struct sockaddr_storage addr;
	struct span value;
	int err;

	if (stun_find(message, STUN_XOR_MAPPED_ADDRESS, &value))
		return;
	err = stun_decode_xor_address(message, value, &addr);
	if (err)
		MUST(err == -EPROTO);
	else
		MUST(addr.ss_family == (value.len == 8 ? AF_INET : AF_INET6));
}

static void check_found(const struct stun_message *message)
{
	static const uint16_t types[] = {MAPPED_ADDRESS, STUN_ERROR_CODE,
					 STUN_XOR_MAPPED_ADDRESS, SOFTWARE,
					 STUN_FINGERPRINT};
	const char *start = message->attributes.ptr;
	const char *end = start + message->attributes.len;

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct span value;

		if (!stun_find(message, types[i], &value))
			MUST(value.ptr >= start && value.ptr <= end &&
			     value.len <= (size_t)(end - value.ptr));
	}
}

/* A message stays good with a right FINGERPRINT behind it, and with a wrong one
 * does not. A second one never comes right. */
static void check_fingerprint(struct span bytes,
			      const struct stun_message *message)
{
	uint8_t signed_bytes[LONGEST_LEN + FINGERPRINT_ATTRIBUTE_LEN];
	size_t len = bytes.len + FINGERPRINT_ATTRIBUTE_LEN;
	uint8_t *at = signed_bytes + bytes.len;
	struct stun_message again;
	struct span value;
	bool has_one = !stun_find(message, STUN_FINGERPRINT, &value);
	uint32_t crc;

	memcpy(signed_bytes, bytes.ptr, bytes.len);
	signed_bytes[2] = (uint8_t)((len - STUN_HEADER_LEN) >> 8);
	signed_bytes[3] = (uint8_t)(len - STUN_HEADER_LEN);
	crc = crc32(signed_bytes, bytes.len) ^ 0x5354554e;
	memcpy(at, "\x80\x28\x00\x04", 4);
	for (int i = 0; i < 4; i++)
		at[4 + i] = (uint8_t)(crc >> (24 - 8 * i));
	MUST(stun_parse(span_of(signed_bytes, len), &again) ==
	     (has_one ? -EPROTO : 0));
	at[4 + crc % 4] ^= (uint8_t)(1 << crc % 8);
	MUST(stun_parse(span_of(signed_bytes, len), &again) == -EPROTO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = span_of(data, size);
	struct stun_message message;
	int err = stun_parse(bytes, &message);

	if (err) {
		MUST(err == -EPROTO);
		return 0;
	}
	check_found(&message);
	check_address(&message);
	if (size <= LONGEST_LEN)
		check_fingerprint(bytes, &message);
	return 0;
}
