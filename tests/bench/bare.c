/* bare.c: the least a relay can cost, to measure a real one against. */
/*
 * WebSocket framing on raw libevent events, and nothing else: no validation,
 * no JSON, no rooms, no limits, no answer to what is not a text frame. The
 * target of the handshake says where a connection's frames go:
 *
 *   /p/N   to the connection /p/(N xor 1)
 *   /b/N   from /b/0 to all other /b/
 *
 * What is read in one turn of the loop gathers in one arena, unmasked and
 * framed again in place; at the end of the turn each connection gets one
 * write. An idle connection holds no buffer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX ((size_t)64 * 1024)
#define ARENA_SIZE ((size_t)4 * 1024 * 1024)
#define CONNS_MAX 20000
#define BACKLOG 1024
#define MASK_SIZE 4
#define LEN_16 126

/* The accept of the key in RFC 6455, 1.3: the only key that is served. */
static const char switching[] =
	"HTTP/1.1 101 Switching Protocols\r\n"
	"Upgrade: websocket\r\n"
	"Connection: Upgrade\r\n"
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

struct conn {
	struct event event;
	int fd;
	uint32_t index;
	char kind; /* 'p', 'b', or 0 before the handshake */
	uint32_t rest_len;
	uint8_t *rest;	    /* the start of a frame that is not whole yet */
	const uint8_t *out; /* in the arena, until the end of the turn */
	size_t out_len;
};

static struct event_base *base;
static struct event accept_event;
static struct conn *paired[CONNS_MAX];
static struct conn *watching[CONNS_MAX];
static struct conn *flushing[CONNS_MAX];
static unsigned flushing_count;
static uint8_t arena[ARENA_SIZE];
static size_t arena_used;

static void fail(const char *what)
{
	fprintf(stderr, "bare: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void conn_free(struct conn *conn)
{
	for (unsigned i = 0; i < flushing_count; i++)
		if (flushing[i] == conn)
			flushing[i] = NULL;
	if (conn->kind == 'p')
		paired[conn->index] = NULL;
	if (conn->kind == 'b')
		watching[conn->index] = NULL;

	event_del(&conn->event);
	close(conn->fd);
	free(conn->rest);
	free(conn);
}

/* The load generator always reads: a full socket empties in no time. */
static void send_all(int fd, const uint8_t *from, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, from, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN) {
			struct pollfd room = {fd, POLLOUT, 0};

			if (poll(&room, 1, 1000) == 1)
				continue;
		}
		if (sent < 0)
			return; /* gone; reading will find that out */
		from += sent;
		len -= (size_t)sent;
	}
}

static void flush(void)
{
	for (unsigned i = 0; i < flushing_count; i++) {
		struct conn *conn = flushing[i];

		if (!conn)
			continue;
		send_all(conn->fd, conn->out, conn->out_len);
		conn->out_len = 0;
	}
	flushing_count = 0;
	arena_used = 0;
}

/* A second sender in one turn cannot happen: every target has one source. */
static void queue(struct conn *to, const uint8_t *out, size_t len)
{
	if (!to)
		return;
	to->out = out;
	to->out_len = len;
	flushing[flushing_count++] = to;
}

static void forward(struct conn *from, const uint8_t *out, size_t len)
{
	if (from->kind == 'p') {
		queue(paired[from->index ^ 1], out, len);
		return;
	}
	if (from->index != 0)
		return;
	for (unsigned i = 1; i < CONNS_MAX && watching[i]; i++)
		queue(watching[i], out, len);
}

static void unmask(uint8_t *to, const uint8_t *from, size_t len,
		   const uint8_t key[MASK_SIZE])
{
	uint64_t wide;
	size_t i = 0;

	memcpy(&wide, key, MASK_SIZE);
	wide = (uint32_t)wide * 0x100000001ULL;
	for (; len - i >= sizeof(wide); i += sizeof(wide)) {
		uint64_t word;

		memcpy(&word, from + i, sizeof(word));
		word ^= wide;
		memcpy(to + i, &word, sizeof(word));
	}
	for (; i < len; i++)
		to[i] = from[i] ^ key[i % MASK_SIZE];
}

/*
 * Turn the client's frame at `from` into a server's frame at `to`, which is
 * at or before it; `written` gets that frame's size.
 *
 * Returns the bytes consumed, 0 when more are needed, -1 for a frame that is
 * not masked text of less than 64 KiB.
 */
static ssize_t reframe(uint8_t *to, const uint8_t *from, size_t len,
		       size_t *written)
{
	size_t head = 2;
	size_t size;
	uint8_t key[MASK_SIZE];

	if (len < head + MASK_SIZE)
		return 0;
	if (from[0] != 0x81 || from[1] < 0x80 || from[1] == 0xff)
		return -1;

	size = from[1] & 0x7f;
	if (size == LEN_16) {
		head = 4;
		size = (size_t)from[2] << 8 | from[3];
	}
	if (len - head < MASK_SIZE + size)
		return 0;

	memcpy(key, from + head, MASK_SIZE);
	memmove(to, from, head);
	to[1] &= 0x7f;
	unmask(to + head, from + head + MASK_SIZE, size, key);
	*written = head + size;
	return (ssize_t)(head + MASK_SIZE + size);
}

static int keep_rest(struct conn *conn, const uint8_t *buf, size_t len)
{
	uint8_t *rest;

	if (len >= READ_MAX)
		return -1;
	if (len > 0) {
		rest = realloc(conn->rest, len);
		if (!rest)
			return -1;
		memcpy(rest, buf, len);
		conn->rest = rest;
	}
	conn->rest_len = (uint32_t)len;
	return 0;
}

static int take_frames(struct conn *conn, uint8_t *buf, size_t len)
{
	size_t read = 0;
	size_t written = 0;

	for (;;) {
		size_t size = 0;
		ssize_t n =
			reframe(buf + written, buf + read, len - read, &size);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		read += (size_t)n;
		written += size;
	}
	if (written > 0)
		forward(conn, buf, written);
	if (read == len && conn->rest_len == 0)
		return 0;
	return keep_rest(conn, buf + read, len - read);
}

/* GET /p/N, GET /b/N. Returns 0, or -1 for another target. */
static int read_target(struct conn *conn, const char *head)
{
	static const char before[] = "GET /";
	const char *at = head + sizeof(before) - 1;
	unsigned long index;
	char *end;

	if (strncmp(head, before, sizeof(before) - 1) != 0 ||
	    (*at != 'p' && *at != 'b') || at[1] != '/')
		return -1;
	index = strtoul(at + 2, &end, 10);
	if (*end != ' ' || index >= CONNS_MAX)
		return -1;

	conn->kind = *at;
	conn->index = (uint32_t)index;
	return 0;
}

static int take_handshake(struct conn *conn, uint8_t *buf, size_t len)
{
	if (!memmem(buf, len, "\r\n\r\n", 4))
		return keep_rest(conn, buf, len);
	if (read_target(conn, (const char *)buf) < 0)
		return -1;

	if (conn->kind == 'p')
		paired[conn->index] = conn;
	else
		watching[conn->index] = conn;
	free(conn->rest);
	conn->rest = NULL;
	conn->rest_len = 0;
	send_all(conn->fd, (const uint8_t *)switching, sizeof(switching) - 1);
	return 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;
	uint8_t *buf;
	size_t len = conn->rest_len;
	ssize_t n;
	int err;

	(void)what;
	if (ARENA_SIZE - arena_used < 2 * READ_MAX)
		flush();
	buf = arena + arena_used;
	if (len > 0)
		memcpy(buf, conn->rest, len);

	n = recv(fd, buf + len, READ_MAX, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		conn_free(conn);
		return;
	}

	len += (size_t)n;
	arena_used += len;
	err = conn->kind ? take_frames(conn, buf, len)
			 : take_handshake(conn, buf, len);
	if (err)
		conn_free(conn);
}

static void on_connection(evutil_socket_t listener, short what, void *arg)
{
	const int on = 1;
	struct conn *conn;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	(void)arg;
	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

	conn = calloc(1, sizeof(*conn));
	if (!conn)
		fail("a connection");
	conn->fd = fd;
	if (event_assign(&conn->event, base, fd, EV_READ | EV_PERSIST,
			 on_readable, conn) < 0 ||
	    event_add(&conn->event, NULL) < 0)
		fail("an event");
}

static int listen_on(uint16_t port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		fail("listening");
	return fd;
}

static struct event_base *make_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *made;

	if (!config || event_config_set_flag(
			       config, EVENT_BASE_FLAG_NOLOCK |
					       EVENT_BASE_FLAG_NO_CACHE_TIME))
		fail("an event base");
	made = event_base_new_with_config(config);
	if (!made)
		fail("an event base");
	event_config_free(config);
	return made;
}

int main(int argc, char **argv)
{
	int listener;

	if (argc != 2) {
		fprintf(stderr, "usage: bare PORT\n");
		return 2;
	}
	base = make_base();
	listener = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
	if (event_assign(&accept_event, base, listener, EV_READ | EV_PERSIST,
			 on_connection, NULL) < 0 ||
	    event_add(&accept_event, NULL) < 0)
		fail("an event");

	while (event_base_loop(base, EVLOOP_ONCE) == 0)
		flush();
	fail("the loop");
}
