/* stun.h: STUN messages as pure functions (RFC 8489). */
#ifndef SIGNALD_CODEC_STUN_H
#define SIGNALD_CODEC_STUN_H

#include <sys/socket.h>
#include <sys/types.h>

#include "base/crypto.h"

#define STUN_HEADER_LEN 20
#define STUN_ID_LEN 12
#define STUN_MAX_LEN (STUN_HEADER_LEN + 0xfffc)
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
	STUN_USERNAME = 0x0006,
	STUN_MESSAGE_INTEGRITY = 0x0008,
	STUN_ERROR_CODE = 0x0009,
	STUN_REALM = 0x0014,
	STUN_NONCE = 0x0015,
	STUN_XOR_MAPPED_ADDRESS = 0x0020,
	STUN_FINGERPRINT = 0x8028,
};

/* RFC 8489, 14.8. */
enum stun_error_code {
	STUN_TRY_ALTERNATE = 300,
	STUN_BAD_REQUEST = 400,
	STUN_UNAUTHENTICATED = 401,
	STUN_UNKNOWN_ATTRIBUTE = 420,
	STUN_STALE_NONCE = 438,
	STUN_SERVER_ERROR = 500,
};

struct stun_message {
	enum stun_class class;
	uint16_t method;
	uint8_t id[STUN_ID_LEN];
	struct span bytes;	/* the whole message, as given to be parsed */
	struct span attributes; /* behind the header, in those bytes */
};

struct stun_error {
	unsigned code;	    /* 300 to 699 */
	struct span reason; /* what the server says; it may be anything */
};

/*
 * Parse one whole message, such as a UDP datagram holds.
 *
 * Returns 0, or -EPROTO: shorter than a header, first two bits not 0, another
 * cookie, a length that is no multiple of 4 or not the datagram's, an attribute
 * that runs over the end, a FINGERPRINT that is wrong or not last.
 */
int stun_parse(struct span bytes, struct stun_message *message);

/*
 * Find the first attribute of that type. What stands behind a MESSAGE-INTEGRITY
 * is signed by nobody and is not found, but for FINGERPRINT (RFC 8489, 14.5).
 *
 * Returns 0 with its value, or -ENOENT.
 */
int stun_find(const struct stun_message *message, uint16_t type,
	      struct span *value);

/* Find an attribute that is a number of four bytes. Returns 0, -ENOENT, or
 * -EPROTO for another length. */
int stun_find_u32(const struct stun_message *message, uint16_t type,
		  uint32_t *value);

/* Find ERROR-CODE (RFC 8489, 14.8). Returns 0, -ENOENT, or -EPROTO for a value
 * too short or a code out of range. */
int stun_find_error(const struct stun_message *message,
		    struct stun_error *error);

/* Find an attribute that has the form of XOR-MAPPED-ADDRESS. Returns 0,
 * -ENOENT, or -EPROTO as stun_decode_xor_address(). */
int stun_find_xor_address(const struct stun_message *message, uint16_t type,
			  struct sockaddr_storage *addr);

/*
 * Decode an XOR-MAPPED-ADDRESS (RFC 8489, 14.2) into an IPv4 or IPv6 address.
 *
 * Returns 0, or -EPROTO for a wrong length or family.
 */
int stun_decode_xor_address(const struct stun_message *message,
			    struct span value, struct sockaddr_storage *addr);

/*
 * Check who signed a message (RFC 8489, 14.5). Refusals with 401 and 438 come
 * unsigned (RFC 8489, 9.2.4); any other answer to a signed request is not to be
 * believed without.
 *
 * hmac  HMAC-SHA1 with the key of the credential
 *
 * Returns 0 when MESSAGE-INTEGRITY is right, -EBADMSG when it is wrong, -ENOENT
 * when there is none, -ENOMEM.
 */
int stun_verify(const struct stun_message *message, struct crypto_hmac *hmac);

/*
 * The key of a long-term credential (RFC 8489, 9.2.2), for an HMAC-SHA1. Names
 * and password are taken as they are: ASCII needs no preparation.
 *
 * Returns 0, or -ENOTSUP where libcrypto has no MD5.
 */
int stun_long_term_key(struct span username, struct span realm,
		       struct span password, uint8_t out[CRYPTO_MD5_LEN]);

/*
 * A message that is being written. The first thing that goes wrong is kept,
 * nothing is written from then on, and stun_end() tells of it.
 */
struct stun_writer {
	char *out;
	size_t len, cap;
	int err;
};

/* id  the transaction's, random, kept by the caller to know the answer by */
void stun_begin(struct stun_writer *writer, char *out, size_t cap,
		enum stun_class class, uint16_t method,
		const uint8_t id[STUN_ID_LEN]);

void stun_put(struct stun_writer *writer, uint16_t type, struct span value);
void stun_put_u32(struct stun_writer *writer, uint16_t type, uint32_t value);

/* An address in the form of XOR-MAPPED-ADDRESS; any but IPv4 and IPv6 fails
 * with -EAFNOSUPPORT. */
void stun_put_xor_address(struct stun_writer *writer, uint16_t type,
			  const struct sockaddr_storage *addr);

/* MESSAGE-INTEGRITY over what was put so far; hmac as for stun_verify(). */
void stun_put_integrity(struct stun_writer *writer, struct crypto_hmac *hmac);

/* What a server knows a request's sender by. */
struct stun_auth {
	struct span username;
	struct span realm, nonce; /* as the server gave them with its refusal */
	struct crypto_hmac *hmac; /* keyed by stun_long_term_key() */
};

/* The attributes of a request under a long-term credential (RFC 8489, 9.2.3),
 * behind all others. */
void stun_put_auth(struct stun_writer *writer, const struct stun_auth *auth);

/*
 * Add the FINGERPRINT (RFC 8489, 14.7), which ends the message.
 *
 * Returns its length, or -ENOSPC when the buffer, or a message's greatest
 * length, had no room, and what else failed on the way.
 */
ssize_t stun_end(struct stun_writer *writer);

/*
 * Write a Binding request with a FINGERPRINT (RFC 8489, 5 and 14.7).
 *
 * id   as for stun_begin()
 * out  at least STUN_HEADER_LEN + 8 bytes
 *
 * Returns its length.
 */
size_t stun_write_binding_request(char *out, const uint8_t id[STUN_ID_LEN]);

#endif
