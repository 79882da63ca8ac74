/* stun.h: STUN messages as pure functions (RFC 8489). */
#ifndef SIGNALD_CODEC_STUN_H
#define SIGNALD_CODEC_STUN_H

#include <sys/socket.h>
#include <sys/types.h>

#include "base/span.h"

#define STUN_HEADER_LEN 20
#define STUN_ID_LEN 12
#define STUN_MAGIC_COOKIE 0x2112a442u

enum stun_class {
	STUN_REQUEST = 0,
	STUN_INDICATION = 1,
	STUN_SUCCESS = 2,
	STUN_ERROR = 3,
};

enum stun_method {
	STUN_BINDING = 0x001,
};

enum stun_attribute_type {
	STUN_MAPPED_ADDRESS = 0x0001,
	STUN_ERROR_CODE = 0x0009,
	STUN_XOR_MAPPED_ADDRESS = 0x0020,
	STUN_SOFTWARE = 0x8022,
	STUN_FINGERPRINT = 0x8028,
};

struct stun_message {
	enum stun_class class;
	uint16_t method;
	uint8_t id[STUN_ID_LEN];
	struct span attributes; /* behind the header, points into the bytes */
};

/*
 * Write a Binding request with a FINGERPRINT (RFC 8489, 5 and 14.7).
 *
 * id   the transaction id, random, kept by the caller to know the answer by
 * out  at least STUN_HEADER_LEN + 8 bytes
 *
 * Returns its length.
 */
size_t stun_write_binding_request(char *out, const uint8_t id[STUN_ID_LEN]);

/*
 * Parse one whole message, such as a UDP datagram holds.
 *
 * Returns 0, or -EPROTO: shorter than a header, first two bits not 0, another
 * cookie, a length that is no multiple of 4 or not the datagram's, an attribute
 * that runs over the end, a FINGERPRINT that is wrong or not last.
 */
int stun_parse(struct span bytes, struct stun_message *message);

/*
 * Find the first attribute of that type.
 *
 * Returns 0 with its value, or -ENOENT.
 */
int stun_find(const struct stun_message *message, uint16_t type,
	      struct span *value);

/*
 * Decode an XOR-MAPPED-ADDRESS (RFC 8489, 14.2) into an IPv4 or IPv6 address.
 *
 * Returns 0, or -EPROTO for a wrong length or family.
 */
int stun_decode_xor_address(const struct stun_message *message,
			    struct span value, struct sockaddr_storage *addr);

#endif
