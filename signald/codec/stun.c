/* stun.c: STUN messages as pure functions (RFC 8489). */
#include <errno.h>

#include <netinet/in.h>

#include "codec/stun.h"

#define COOKIE_AT 4
#define ID_AT 8
#define ATTRIBUTE_HEADER_LEN 4
#define FINGERPRINT_LEN 4
#define FINGERPRINT_XOR 0x5354554eu
#define XOR_IPV4_LEN 8
#define XOR_IPV6_LEN 20

static uint16_t read_u16(const char *at)
{
	const uint8_t *b = (const uint8_t *)at;

	return (uint16_t)(b[0] << 8 | b[1]);
}

static uint32_t read_u32(const char *at)
{
	return (uint32_t)read_u16(at) << 16 | read_u16(at + 2);
}

static void write_u16(char *out, uint16_t value)
{
	out[0] = (char)(value >> 8);
	out[1] = (char)value;
}

static void write_u32(char *out, uint32_t value)
{
	write_u16(out, (uint16_t)(value >> 16));
	write_u16(out + 2, (uint16_t)value);
}

/* CRC-32 as in ITU V.42 (RFC 8489, 14.7), half a byte at a time. */
static uint32_t crc32(const char *bytes, size_t len)
{
	static const uint32_t steps[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint8_t)bytes[i];
		crc = crc >> 4 ^ steps[crc & 15];
		crc = crc >> 4 ^ steps[crc & 15];
	}
	return ~crc;
}

size_t stun_write_binding_request(char *out, const uint8_t id[STUN_ID_LEN])
{
	char *fingerprint = out + STUN_HEADER_LEN;

	write_u16(out, STUN_BINDING); /* a request's class bits are 0 */
	write_u16(out + 2, ATTRIBUTE_HEADER_LEN + FINGERPRINT_LEN);
	write_u32(out + COOKIE_AT, STUN_MAGIC_COOKIE);
	memcpy(out + ID_AT, id, STUN_ID_LEN);
	write_u16(fingerprint, STUN_FINGERPRINT);
	write_u16(fingerprint + 2, FINGERPRINT_LEN);
	write_u32(fingerprint + ATTRIBUTE_HEADER_LEN,
		  crc32(out, STUN_HEADER_LEN) ^ FINGERPRINT_XOR);
	return STUN_HEADER_LEN + ATTRIBUTE_HEADER_LEN + FINGERPRINT_LEN;
}

/*
 * Cut the first attribute off (RFC 8489, 14): its header, value, and padding up
 * to a multiple of 4, which every place between two attributes is.
 *
 * Returns false when it runs over the end.
 */
static bool next_attribute(struct span *rest, uint16_t *type,
			   struct span *value)
{
	size_t len;

	if (rest->len < ATTRIBUTE_HEADER_LEN)
		return false;
	*type = read_u16(rest->ptr);
	len = read_u16(rest->ptr + 2);
	*rest = span_skip(*rest, ATTRIBUTE_HEADER_LEN);
	if (len > rest->len)
		return false;
	*value = span_of(rest->ptr, len);
	*rest = span_skip(*rest, (len + 3) / 4 * 4);
	return true;
}

/* bytes  the message, of which rest is what stands behind the value */
static bool is_fingerprint_right(struct span bytes, struct span value,
				 struct span rest)
{
	if (value.len != FINGERPRINT_LEN || rest.len)
		return false;
	return read_u32(value.ptr) ==
	       (crc32(bytes.ptr,
		      bytes.len - ATTRIBUTE_HEADER_LEN - FINGERPRINT_LEN) ^
		FINGERPRINT_XOR);
}

static int check_attributes(struct span bytes)
{
	struct span rest = span_skip(bytes, STUN_HEADER_LEN);

	while (rest.len) {
		struct span value;
		uint16_t type;

		if (!next_attribute(&rest, &type, &value))
			return -EPROTO;
		if (type == STUN_FINGERPRINT &&
		    !is_fingerprint_right(bytes, value, rest))
			return -EPROTO;
	}
	return 0;
}

/* The class is in bits 4 and 8 of the type, the method around them (RFC 8489,
 * 5). */
static void read_type(uint16_t type, struct stun_message *message)
{
	message->class = (enum stun_class)((type >> 4 & 1) | (type >> 7 & 2));
	message->method = (uint16_t)((type & 0x000f) | (type >> 1 & 0x0070) |
				     (type >> 2 & 0x0f80));
}

int stun_parse(struct span bytes, struct stun_message *message)
{
	size_t len;
	int err;

	if (bytes.len < STUN_HEADER_LEN || (uint8_t)bytes.ptr[0] & 0xc0 ||
	    read_u32(bytes.ptr + COOKIE_AT) != STUN_MAGIC_COOKIE)
		return -EPROTO;
	len = read_u16(bytes.ptr + 2);
	if (len % 4 || len != bytes.len - STUN_HEADER_LEN)
		return -EPROTO;
	err = check_attributes(bytes);
	if (err)
		return err;
	read_type(read_u16(bytes.ptr), message);
	memcpy(message->id, bytes.ptr + ID_AT, STUN_ID_LEN);
	message->attributes = span_skip(bytes, STUN_HEADER_LEN);
	return 0;
}

int stun_find(const struct stun_message *message, uint16_t type,
	      struct span *value)
{
	struct span rest = message->attributes, found;
	uint16_t found_type;

	while (next_attribute(&rest, &found_type, &found)) {
		if (found_type != type)
			continue;
		*value = found;
		return 0;
	}
	return -ENOENT;
}

static void decode_ipv4(const char *address, uint16_t port,
			struct sockaddr_storage *addr)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(port)};

	in.sin_addr.s_addr = htonl(read_u32(address) ^ STUN_MAGIC_COOKIE);
	memcpy(addr, &in, sizeof(in));
}

/* The mask is the cookie and the transaction id behind it. */
static void decode_ipv6(const char *address, uint16_t port,
			const uint8_t id[STUN_ID_LEN],
			struct sockaddr_storage *addr)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons(port)};
	uint8_t *out = in6.sin6_addr.s6_addr;
	char cookie[4];

	write_u32(cookie, STUN_MAGIC_COOKIE);
	for (size_t i = 0; i < sizeof(in6.sin6_addr); i++)
		out[i] = (uint8_t)address[i] ^
			 (i < 4 ? (uint8_t)cookie[i] : id[i - 4]);
	memcpy(addr, &in6, sizeof(in6));
}

int stun_decode_xor_address(const struct stun_message *message,
			    struct span value, struct sockaddr_storage *addr)
{
	enum { IPV4 = 1, IPV6 = 2 };
	struct sockaddr_storage decoded = {0};
	uint16_t port;

	if (value.len < XOR_IPV4_LEN)
		return -EPROTO;
	port = read_u16(value.ptr + 2) ^ (uint16_t)(STUN_MAGIC_COOKIE >> 16);
	if (value.ptr[1] == IPV4 && value.len == XOR_IPV4_LEN)
		decode_ipv4(value.ptr + 4, port, &decoded);
	else if (value.ptr[1] == IPV6 && value.len == XOR_IPV6_LEN)
		decode_ipv6(value.ptr + 4, port, message->id, &decoded);
	else
		return -EPROTO;
	*addr = decoded;
	return 0;
}
