/* stun.c: STUN messages as pure functions (RFC 8489). */
#include <errno.h>

#include <netinet/in.h>

#include "codec/bytes.h"
#include "codec/stun.h"

#define LENGTH_AT 2
#define COOKIE_AT 4
#define ID_AT 8
#define ATTRIBUTE_HEADER_LEN 4
#define FINGERPRINT_LEN 4
#define FINGERPRINT_XOR 0x5354554eu
#define INTEGRITY_LEN CRYPTO_SHA1_LEN
#define ERROR_HEADER_LEN 4
#define XOR_IPV4_LEN 8
#define XOR_IPV6_LEN 20

/* How an address says its family (RFC 8489, 14.1). */
enum { IPV4 = 1, IPV6 = 2 };

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
	*type = bytes_read_u16(rest->ptr);
	len = bytes_read_u16(rest->ptr + 2);
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
	return bytes_read_u32(value.ptr) ==
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
	    bytes_read_u32(bytes.ptr + COOKIE_AT) != STUN_MAGIC_COOKIE)
		return -EPROTO;
	len = bytes_read_u16(bytes.ptr + 2);
	if (len % 4 || len != bytes.len - STUN_HEADER_LEN)
		return -EPROTO;
	err = check_attributes(bytes);
	if (err)
		return err;
	read_type(bytes_read_u16(bytes.ptr), message);
	memcpy(message->id, bytes.ptr + ID_AT, STUN_ID_LEN);
	message->bytes = bytes;
	message->attributes = span_skip(bytes, STUN_HEADER_LEN);
	return 0;
}

int stun_find(const struct stun_message *message, uint16_t type,
	      struct span *value)
{
	struct span rest = message->attributes, found;
	uint16_t found_type;

	while (next_attribute(&rest, &found_type, &found)) {
		if (found_type == type) {
			*value = found;
			return 0;
		}
		if (found_type == STUN_MESSAGE_INTEGRITY &&
		    type != STUN_FINGERPRINT)
			break;
	}
	return -ENOENT;
}

int stun_find_u32(const struct stun_message *message, uint16_t type,
		  uint32_t *value)
{
	struct span found;
	int err = stun_find(message, type, &found);

	if (err)
		return err;
	if (found.len != 4)
		return -EPROTO;
	*value = bytes_read_u32(found.ptr);
	return 0;
}

int stun_find_error(const struct stun_message *message,
		    struct stun_error *error)
{
	unsigned hundreds, rest;
	struct span value;
	int err = stun_find(message, STUN_ERROR_CODE, &value);

	if (err)
		return err;
	if (value.len < ERROR_HEADER_LEN)
		return -EPROTO;
	hundreds = (uint8_t)value.ptr[2] & 7; /* the bits above are reserved */
	rest = (uint8_t)value.ptr[3];
	if (hundreds < 3 || hundreds > 6 || rest > 99)
		return -EPROTO;
	error->code = 100 * hundreds + rest;
	error->reason = span_skip(value, ERROR_HEADER_LEN);
	return 0;
}

static void decode_ipv4(const char *address, uint16_t port,
			struct sockaddr_storage *addr)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons(port)};

	in.sin_addr.s_addr = htonl(bytes_read_u32(address) ^ STUN_MAGIC_COOKIE);
	memcpy(addr, &in, sizeof(in));
}

/* The mask is the cookie and the transaction id behind it. */
static void mask_ipv6(const uint8_t *in, const uint8_t id[STUN_ID_LEN],
		      uint8_t *out)
{
	char cookie[4];

	bytes_write_u32(cookie, STUN_MAGIC_COOKIE);
	for (size_t i = 0; i < sizeof(struct in6_addr); i++)
		out[i] = in[i] ^ (i < 4 ? (uint8_t)cookie[i] : id[i - 4]);
}

static void decode_ipv6(const char *address, uint16_t port,
			const uint8_t id[STUN_ID_LEN],
			struct sockaddr_storage *addr)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons(port)};

	mask_ipv6((const uint8_t *)address, id, in6.sin6_addr.s6_addr);
	memcpy(addr, &in6, sizeof(in6));
}

static uint16_t mask_port(uint16_t port)
{
	return port ^ (uint16_t)(STUN_MAGIC_COOKIE >> 16);
}

int stun_decode_xor_address(const struct stun_message *message,
			    struct span value, struct sockaddr_storage *addr)
{
	struct sockaddr_storage decoded = {0};
	uint16_t port;

	if (value.len < XOR_IPV4_LEN)
		return -EPROTO;
	port = mask_port(bytes_read_u16(value.ptr + 2));
	if (value.ptr[1] == IPV4 && value.len == XOR_IPV4_LEN)
		decode_ipv4(value.ptr + 4, port, &decoded);
	else if (value.ptr[1] == IPV6 && value.len == XOR_IPV6_LEN)
		decode_ipv6(value.ptr + 4, port, message->id, &decoded);
	else
		return -EPROTO;
	*addr = decoded;
	return 0;
}

int stun_find_xor_address(const struct stun_message *message, uint16_t type,
			  struct sockaddr_storage *addr)
{
	struct span value;
	int err = stun_find(message, type, &value);

	return err ? err : stun_decode_xor_address(message, value, addr);
}

int stun_verify(const struct stun_message *message, struct crypto_hmac *hmac)
{
	uint8_t expected[INTEGRITY_LEN];
	struct span value, parts[3];
	size_t signed_len;
	char length[2];
	int err = stun_find(message, STUN_MESSAGE_INTEGRITY, &value);

	if (err)
		return err;
	signed_len =
		(size_t)(value.ptr - message->bytes.ptr) - ATTRIBUTE_HEADER_LEN;
	/* It was signed when nothing stood behind it. */
	bytes_write_u16(length,
			(uint16_t)(signed_len - STUN_HEADER_LEN +
				   ATTRIBUTE_HEADER_LEN + INTEGRITY_LEN));
	parts[0] = span_of(message->bytes.ptr, LENGTH_AT);
	parts[1] = span_of(length, sizeof(length));
	parts[2] =
		span_of(message->bytes.ptr + COOKIE_AT, signed_len - COOKIE_AT);
	err = crypto_hmac_sign_parts(hmac, parts, 3, expected);
	if (err)
		return err;
	return crypto_equal(value, span_of(expected, sizeof(expected)))
		       ? 0
		       : -EBADMSG;
}

int stun_long_term_key(struct span username, struct span realm,
		       struct span password, uint8_t out[CRYPTO_MD5_LEN])
{
	struct span parts[] = {username, SPAN(":"), realm, SPAN(":"), password};

	return crypto_md5(parts, sizeof(parts) / sizeof(*parts), out);
}

static uint16_t make_type(enum stun_class class, uint16_t method)
{
	unsigned bits = class;

	return (uint16_t)((bits & 1) << 4 | (bits & 2) << 7 |
			  (method & 0x000f) | (method & 0x0070) << 1 |
			  (method & 0x0f80) << 2);
}

/* Where the next len bytes go; NULL when there is no room for them. */
static char *put_bytes(struct stun_writer *writer, size_t len)
{
	if (!writer->err && writer->cap - writer->len < len)
		writer->err = -ENOSPC;
	if (writer->err)
		return NULL;
	writer->len += len;
	return writer->out + (writer->len - len);
}

static void write_length(struct stun_writer *writer)
{
	bytes_write_u16(writer->out + LENGTH_AT,
			(uint16_t)(writer->len - STUN_HEADER_LEN));
}

void stun_begin(struct stun_writer *writer, char *out, size_t cap,
		enum stun_class class, uint16_t method,
		const uint8_t id[STUN_ID_LEN])
{
	*writer = (struct stun_writer){
		.out = out, .cap = cap < STUN_MAX_LEN ? cap : STUN_MAX_LEN};
	if (!put_bytes(writer, STUN_HEADER_LEN))
		return;
	bytes_write_u16(out, make_type(class, method));
	write_length(writer);
	bytes_write_u32(out + COOKIE_AT, STUN_MAGIC_COOKIE);
	memcpy(out + ID_AT, id, STUN_ID_LEN);
}

/* Where the value goes of an attribute whose header and padding are written;
 * NULL when there is no room. */
static char *put_attribute(struct stun_writer *writer, uint16_t type,
			   size_t len)
{
	size_t padding = (4 - len % 4) % 4;
	size_t room = ATTRIBUTE_HEADER_LEN + len + padding;
	/* Whatever the sum came to, such a length has no room. */
	char *at = put_bytes(writer, len > STUN_MAX_LEN ? len : room);

	if (!at)
		return NULL;
	bytes_write_u16(at, type);
	bytes_write_u16(at + 2, (uint16_t)len);
	at += ATTRIBUTE_HEADER_LEN;
	memset(at + len, 0, padding);
	return at;
}

void stun_put(struct stun_writer *writer, uint16_t type, struct span value)
{
	char *at = put_attribute(writer, type, value.len);

	if (at && value.len)
		memcpy(at, value.ptr, value.len);
}

void stun_put_u32(struct stun_writer *writer, uint16_t type, uint32_t value)
{
	char *at = put_attribute(writer, type, sizeof(value));

	if (at)
		bytes_write_u32(at, value);
}

static void put_address_head(char *at, char family, in_port_t port)
{
	at[0] = 0;
	at[1] = family;
	bytes_write_u16(at + 2, mask_port(ntohs(port)));
}

static void put_ipv4(struct stun_writer *writer, uint16_t type,
		     const struct sockaddr_in *in)
{
	char *at = put_attribute(writer, type, XOR_IPV4_LEN);

	if (!at)
		return;
	put_address_head(at, IPV4, in->sin_port);
	bytes_write_u32(at + 4, ntohl(in->sin_addr.s_addr) ^ STUN_MAGIC_COOKIE);
}

static void put_ipv6(struct stun_writer *writer, uint16_t type,
		     const struct sockaddr_in6 *in6)
{
	char *at = put_attribute(writer, type, XOR_IPV6_LEN);

	if (!at)
		return;
	put_address_head(at, IPV6, in6->sin6_port);
	mask_ipv6(in6->sin6_addr.s6_addr, (const uint8_t *)writer->out + ID_AT,
		  (uint8_t *)at + 4);
}

void stun_put_xor_address(struct stun_writer *writer, uint16_t type,
			  const struct sockaddr_storage *addr)
{
	if (addr->ss_family == AF_INET)
		put_ipv4(writer, type, (const struct sockaddr_in *)addr);
	else if (addr->ss_family == AF_INET6)
		put_ipv6(writer, type, (const struct sockaddr_in6 *)addr);
	else if (!writer->err)
		writer->err = -EAFNOSUPPORT;
}

void stun_put_integrity(struct stun_writer *writer, struct crypto_hmac *hmac)
{
	size_t signed_len = writer->len;
	char *at = put_attribute(writer, STUN_MESSAGE_INTEGRITY, INTEGRITY_LEN);

	if (!at)
		return;
	/* The length that is signed ends behind it (RFC 8489, 14.5). */
	write_length(writer);
	writer->err = crypto_hmac_sign(hmac, span_of(writer->out, signed_len),
				       (uint8_t *)at);
}

void stun_put_auth(struct stun_writer *writer, const struct stun_auth *auth)
{
	stun_put(writer, STUN_USERNAME, auth->username);
	stun_put(writer, STUN_REALM, auth->realm);
	stun_put(writer, STUN_NONCE, auth->nonce);
	stun_put_integrity(writer, auth->hmac);
}

ssize_t stun_end(struct stun_writer *writer)
{
	size_t summed_len = writer->len;
	char *at = put_attribute(writer, STUN_FINGERPRINT, FINGERPRINT_LEN);

	if (!at)
		return writer->err;
	write_length(writer);
	bytes_write_u32(at, crc32(writer->out, summed_len) ^ FINGERPRINT_XOR);
	return (ssize_t)writer->len;
}

size_t stun_write_binding_request(char *out, const uint8_t id[STUN_ID_LEN])
{
	struct stun_writer writer;

	stun_begin(&writer, out,
		   STUN_HEADER_LEN + ATTRIBUTE_HEADER_LEN + FINGERPRINT_LEN,
		   STUN_REQUEST, STUN_BINDING, id);
	return (size_t)stun_end(&writer);
}
