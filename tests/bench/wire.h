/* wire.h: loopback sockets and the client's side of WebSocket framing. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WIRE_HEAD_MAX 8
#define WIRE_MASK_LEN 4

enum wire_opcode {
	WIRE_TEXT = 1,
	WIRE_CLOSE = 8,
	WIRE_PING = 9,
	WIRE_PONG = 10,
};

struct wire_frame {
	enum wire_opcode opcode;
	const uint8_t *payload;
	size_t len;
};

/* A measurement that went wrong must not look like one: say why and end. */
void die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* Connect to a port of 127.0.0.1; the socket does not block afterwards. */
int wire_connect(uint16_t port);

/* Send all of buf, waiting for room if there is none. */
void wire_send(int fd, const void *buf, size_t len);

/* Close with RST: thousands of sockets that leave no TIME_WAIT behind. */
void wire_reset(int fd);

/*
 * Write a client's frame (RFC 6455, 5.2): at most 65,535 bytes of payload in
 * one frame, masked. The key is always the same: a server cannot tell, and
 * frames can be prepared.
 *
 * to   has room for WIRE_HEAD_MAX + len
 *
 * Returns the size of the frame.
 */
size_t wire_put_frame(uint8_t *to, enum wire_opcode opcode, const void *payload,
		      size_t len);

/* The same without the payload: returns where that belongs, to be written with
 * wire_patch(). */
size_t wire_put_head(uint8_t *to, enum wire_opcode opcode, size_t len);

/* Write a part of a frame's payload, masked; at counts in the payload. */
void wire_patch(uint8_t *payload, size_t at, const char *text, size_t len);

/*
 * Parse one frame of a server at the start of buf. Dies of what the servers
 * here must not send: fragments, masks, reserved bits, a length not minimal.
 *
 * Returns the bytes consumed, or 0 when more are needed.
 */
size_t wire_parse(const uint8_t *buf, size_t len, struct wire_frame *frame);

#endif
