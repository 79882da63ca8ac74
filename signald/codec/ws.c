/* ws.c: WebSocket framing as pure functions (RFC 6455). */
#include <errno.h>

#include "base/crypto.h"
#include "codec/utf8.h"
#include "codec/ws.h"

/*
 * A frame (RFC 6455, 5.2):
 *
 *   byte 0            byte 1           then
 *   FIN RSV RSV RSV   MASK  length     2 bytes of length if it says 126,
 *   opcode (4 bits)   (7 bits)         8 if it says 127; 4 of mask; payload
 */
#define FIN 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define CONTROL 0x08
#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_IS_16_BIT 126
#define LENGTH_IS_64_BIT 127
#define MASK_LEN 4
#define UNMASK_BLOCK 16
#define HIGH_BITS 0x8080808080808080u

#define KEY_LEN 24    /* base64 of 16 bytes */
#define KEY_DIGITS 22 /* the rest is "==" */

static const char ACCEPT_GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static bool is_known_opcode(unsigned opcode)
{
	return (opcode & ~CONTROL) <= 2;
}

static uint64_t read_big_endian(const uint8_t *bytes, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

static void write_big_endian(char *out, size_t len, uint64_t value)
{
	while (len--) {
		out[len] = (char)value;
		value >>= 8;
	}
}

/* Bytes of an extended length behind the first two. */
static size_t length_bytes(unsigned length)
{
	if (length < LENGTH_IS_16_BIT)
		return 0;
	return length == LENGTH_IS_16_BIT ? 2 : 8;
}

/* Each byte is judged as soon as it is there: what is wrong never waits for
 * more of itself. */
static int check_first_bytes(const uint8_t *bytes, size_t len)
{
	unsigned first = bytes[0];
	bool is_control = first & CONTROL;

	if (first & RESERVED || !is_known_opcode(first & OPCODE))
		return -EPROTO;
	if (is_control && !(first & FIN))
		return -EPROTO;
	if (len < 2)
		return 0;
	if (!(bytes[1] & MASKED))
		return -EPROTO;
	if (is_control && (bytes[1] & LENGTH) > WS_MAX_CONTROL_PAYLOAD)
		return -EPROTO;
	return 0;
}

static bool is_shortest(unsigned length, uint64_t payload_len)
{
	if (length == LENGTH_IS_16_BIT)
		return payload_len >= LENGTH_IS_16_BIT;
	if (length == LENGTH_IS_64_BIT)
		return payload_len > UINT16_MAX && payload_len <= INT64_MAX;
	return true;
}

ssize_t ws_parse_header(struct span bytes, uint64_t max_payload_bytes,
			struct ws_header *header)
{
	const uint8_t *in = (const uint8_t *)bytes.ptr;
	size_t extended, mask_at;
	uint64_t payload_len;
	unsigned length;

	if (!bytes.len)
		return 0;
	if (check_first_bytes(in, bytes.len))
		return -EPROTO;
	if (bytes.len < 2)
		return 0;

	length = in[1] & LENGTH;
	extended = length_bytes(length);
	mask_at = 2 + extended;
	if (bytes.len < mask_at)
		return 0;
	payload_len = extended ? read_big_endian(in + 2, extended) : length;
	if (!is_shortest(length, payload_len))
		return -EPROTO;
	if (!(in[0] & CONTROL) && payload_len > max_payload_bytes)
		return -EMSGSIZE;
	if (bytes.len < mask_at + MASK_LEN)
		return 0;

	header->is_final = in[0] & FIN;
	header->opcode = (enum ws_opcode)(in[0] & OPCODE);
	header->payload_len = payload_len;
	memcpy(header->mask, in + mask_at, MASK_LEN);
	return (ssize_t)(mask_at + MASK_LEN);
}

/* A vector of the compiler's, on whatever the processor has for it. */
typedef uint64_t block __attribute__((vector_size(UNMASK_BLOCK)));

static inline block unmask_block(char *bytes, block key)
{
	block words;

	memcpy(&words, bytes, sizeof(words));
	words ^= key;
	memcpy(bytes, &words, sizeof(words));
	return words;
}

static inline uint64_t unmask_word(char *bytes, uint64_t key)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	word ^= key;
	memcpy(bytes, &word, sizeof(word));
	return word;
}

bool ws_unmask(char *bytes, size_t len, const uint8_t mask[4], uint64_t offset)
{
	block seen = {0}; /* all bits of all bytes */
	uint64_t rest = 0;
	uint8_t turned[MASK_LEN];
	uint32_t half;
	uint64_t key;
	size_t at = 0;

	for (size_t i = 0; i < MASK_LEN; i++)
		turned[i] = mask[(offset + i) % MASK_LEN];
	memcpy(&half, turned, sizeof(half));
	key = (uint64_t)half << 32 | half;

	for (; len - at >= UNMASK_BLOCK; at += UNMASK_BLOCK)
		seen |= unmask_block(bytes + at, (block){key, key});
	for (; len - at >= sizeof(key); at += sizeof(key))
		rest |= unmask_word(bytes + at, key);
	for (; at < len; at++) {
		bytes[at] = (char)(bytes[at] ^ turned[at % MASK_LEN]);
		rest |= (unsigned char)bytes[at];
	}
	return !((seen[0] | seen[1] | rest) & HIGH_BITS);
}

size_t ws_write_header(char out[WS_MAX_SERVER_HEADER], enum ws_opcode opcode,
		       uint64_t payload_len)
{
	size_t extended;

	if (payload_len < LENGTH_IS_16_BIT)
		out[1] = (char)payload_len;
	else if (payload_len <= UINT16_MAX)
		out[1] = LENGTH_IS_16_BIT;
	else
		out[1] = LENGTH_IS_64_BIT;
	out[0] = (char)(FIN | opcode);
	extended = length_bytes((unsigned)out[1]);
	write_big_endian(out + 2, extended, payload_len);
	return 2 + extended;
}

/* RFC 6455, 7.4.2 and IANA's registry: 1004, 1005, 1006 and 1015 are never
 * sent; 1016 to 2999 mean nothing yet; libraries and applications have the
 * rest. */
static bool may_be_sent(unsigned code)
{
	if (code >= 3000)
		return code <= 4999;
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

int ws_parse_close(struct span payload, uint16_t *code, struct span *reason)
{
	unsigned sent;
	struct span text;

	if (!payload.len) {
		*code = WS_CLOSE_NO_STATUS;
		*reason = payload;
		return 0;
	}
	if (payload.len < 2)
		return -EPROTO;
	sent = (unsigned)read_big_endian((const uint8_t *)payload.ptr, 2);
	if (!may_be_sent(sent))
		return -EPROTO;
	text = span_skip(payload, 2);
	if (!utf8_is_valid(text))
		return -EILSEQ;
	*code = (uint16_t)sent;
	*reason = text;
	return 0;
}

static bool is_base64_digit(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/*
 * The shape only: nobody decodes a key, and some clients draw its characters at
 * random, so that the last one's spare bits are not zero.
 */
static bool is_key(struct span key)
{
	if (key.len != KEY_LEN)
		return false;
	for (size_t i = 0; i < KEY_DIGITS; i++)
		if (!is_base64_digit(key.ptr[i]))
			return false;
	return key.ptr[KEY_DIGITS] == '=' && key.ptr[KEY_DIGITS + 1] == '=';
}

int ws_accept_key(struct span key, char out[WS_ACCEPT_LEN + 1])
{
	char text[KEY_LEN + sizeof(ACCEPT_GUID) - 1];
	uint8_t hash[CRYPTO_SHA1_LEN];

	if (!is_key(key))
		return -EINVAL;
	memcpy(text, key.ptr, KEY_LEN);
	memcpy(text + KEY_LEN, ACCEPT_GUID, sizeof(ACCEPT_GUID) - 1);
	crypto_sha1(span_of(text, sizeof(text)), hash);
	(void)crypto_base64(hash, sizeof(hash), out);
	return 0;
}
