/* ws.h: WebSocket framing as pure functions (RFC 6455). */
#ifndef SIGNALD_CODEC_WS_H
#define SIGNALD_CODEC_WS_H

#include <sys/types.h>

#include "base/span.h"

enum ws_opcode {
	WS_CONTINUATION = 0x0,
	WS_TEXT = 0x1,
	WS_BINARY = 0x2,
	WS_CLOSE = 0x8,
	WS_PING = 0x9,
	WS_PONG = 0xa,
};

/* RFC 6455, 7.4.1, and IANA's registry. */
enum ws_close_code {
	WS_CLOSE_NORMAL = 1000,
	WS_CLOSE_GOING_AWAY = 1001,
	WS_CLOSE_PROTOCOL_ERROR = 1002,
	WS_CLOSE_UNSUPPORTED = 1003,
	WS_CLOSE_NO_STATUS = 1005, /* never on the wire */
	WS_CLOSE_ABNORMAL = 1006,  /* never on the wire */
	WS_CLOSE_INVALID_DATA = 1007,
	WS_CLOSE_POLICY = 1008,
	WS_CLOSE_TOO_BIG = 1009,
	WS_CLOSE_INTERNAL_ERROR = 1011,
	WS_CLOSE_SERVICE_RESTART = 1012,
	WS_CLOSE_TRY_AGAIN_LATER = 1013,

	/* Our own (RFC 6455, 7.4.2). */
	WS_CLOSE_TAKEN_OVER = 4001,
	WS_CLOSE_STALE = 4002,
	WS_CLOSE_KICKED = 4003,
	WS_CLOSE_STUCK = 4004,
};

#define WS_MAX_CLIENT_HEADER 14 /* bytes, mask included */
#define WS_MAX_SERVER_HEADER 10
#define WS_MAX_CONTROL_PAYLOAD 125
#define WS_ACCEPT_LEN 28 /* base64 of a SHA-1, without a NUL */

struct ws_header {
	bool is_final;
	enum ws_opcode opcode;
	uint8_t mask[4];
	uint64_t payload_len;
};

/*
 * Parse a client frame's header at the start of bytes (RFC 6455, 5.2).
 *
 * max_payload_bytes  a longer data frame is refused before any of it is kept
 *
 * Returns the header's length, 0 when more bytes are needed, -EPROTO for what
 * breaks the protocol (close with 1002: reserved bits or opcodes, no mask, a
 * fragmented or over-long control frame, a length not in its shortest form or
 * with the top bit set), -EMSGSIZE for a frame that is too long (1009). Whether
 * a continuation is due here is for the caller, who knows the message.
 */
ssize_t ws_parse_header(struct span bytes, uint64_t max_payload_bytes,
			struct ws_header *header);

/*
 * Unmask payload bytes in place (RFC 6455, 5.3).
 *
 * offset  of bytes[0] in its frame's payload, for a payload that comes in
 * pieces
 *
 * Returns whether all of them are ASCII then: such text need not be checked to
 * be UTF-8.
 */
bool ws_unmask(char *bytes, size_t len, const uint8_t mask[4], uint64_t offset);

/*
 * Write a server frame's header: final, unmasked.
 *
 * Returns its length: 2, 4 or 10.
 */
size_t ws_write_header(char out[WS_MAX_SERVER_HEADER], enum ws_opcode opcode,
		       uint64_t payload_len);

/* The length of a server frame's header, by its second byte. */
static inline size_t ws_server_header_len(uint8_t second)
{
	return second < 126 ? 2 : second == 126 ? 4 : 10;
}

/*
 * Read a close frame's payload (RFC 6455, 5.5.1 and 7.4).
 *
 * code  WS_CLOSE_NO_STATUS for an empty payload
 *
 * Returns 0, -EPROTO for one byte or a code that must not be sent (1002),
 * -EILSEQ for a reason that is not UTF-8 (1007).
 */
int ws_parse_close(struct span payload, uint16_t *code, struct span *reason);

/*
 * The Sec-WebSocket-Accept value for a Sec-WebSocket-Key (RFC 6455, 4.2.2).
 *
 * Returns 0 or -EINVAL for a key that has not the shape of 16 bytes in base64.
 */
int ws_accept_key(struct span key, char out[WS_ACCEPT_LEN + 1]);

#endif
