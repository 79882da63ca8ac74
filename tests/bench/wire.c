/* wire.c: loopback sockets and the client's side of WebSocket framing. */
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_TIMEOUT_MS 5000
#define LEN_16 126
#define LEN_64 127

static const uint8_t mask_key[WIRE_MASK_LEN] = {0x37, 0xfa, 0x21, 0x3d};

void die(const char *format, ...)
{
	va_list args;

	fputs("load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

int wire_connect(uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		die("connecting to 127.0.0.1:%u: %s", port, strerror(errno));
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		die("setting up a socket: %s", strerror(errno));
	return fd;
}

static void wait_for_room(int fd)
{
	struct pollfd room = {fd, POLLOUT, 0};

	if (poll(&room, 1, SEND_TIMEOUT_MS) <= 0)
		die("the server has read nothing for %d ms", SEND_TIMEOUT_MS);
}

void wire_send(int fd, const void *buf, size_t len)
{
	const uint8_t *from = buf;

	while (len > 0) {
		ssize_t sent = send(fd, from, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN) {
			wait_for_room(fd);
			continue;
		}
		if (sent < 0)
			die("send: %s", strerror(errno));
		from += sent;
		len -= (size_t)sent;
	}
}

void wire_reset(int fd)
{
	const struct linger now = {1, 0};

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) < 0)
		die("SO_LINGER: %s", strerror(errno));
	close(fd);
}

void wire_patch(uint8_t *payload, size_t at, const char *text, size_t len)
{
	uint8_t key[2 * WIRE_MASK_LEN]; /* as it is turned here, twice */
	uint64_t both, word;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(key); k++)
		key[k] = mask_key[(at + k) % WIRE_MASK_LEN];
	memcpy(&both, key, sizeof(both));
	for (; len - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, text + i, sizeof(word));
		word ^= both;
		memcpy(payload + at + i, &word, sizeof(word));
	}
	for (; i < len; i++)
		payload[at + i] = (uint8_t)text[i] ^ key[i % sizeof(key)];
}

size_t wire_put_head(uint8_t *to, enum wire_opcode opcode, size_t len)
{
	uint8_t *at = to;

	if (len > UINT16_MAX)
		die("a message of %zu bytes is none of ours", len);

	*at++ = (uint8_t)(0x80 | opcode);
	if (len < LEN_16) {
		*at++ = (uint8_t)(0x80 | len);
	} else {
		*at++ = 0x80 | LEN_16;
		*at++ = (uint8_t)(len >> 8);
		*at++ = (uint8_t)len;
	}
	memcpy(at, mask_key, sizeof(mask_key));
	return (size_t)(at - to) + sizeof(mask_key);
}

size_t wire_put_frame(uint8_t *to, enum wire_opcode opcode, const void *payload,
		      size_t len)
{
	size_t head = wire_put_head(to, opcode, len);

	wire_patch(to + head, 0, payload, len);
	return head + len;
}

size_t wire_parse(const uint8_t *buf, size_t len, struct wire_frame *frame)
{
	size_t head = 2;
	size_t size;

	if (len < head)
		return 0;
	if ((buf[0] & 0xf0) != 0x80 || buf[1] >= LEN_64)
		die("a frame begins with %02x %02x", buf[0], buf[1]);

	size = buf[1];
	if (size == LEN_16) {
		head = 4;
		if (len < head)
			return 0;
		size = (size_t)buf[2] << 8 | buf[3];
		if (size < LEN_16)
			die("a length of %zu in 16 bits", size);
	}
	if (len - head < size)
		return 0;

	frame->opcode = buf[0] & 0x0f;
	frame->payload = buf + head;
	frame->len = size;
	return head + size;
}
