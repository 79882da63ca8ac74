/* wire.h: the socket of a connection, plain or under TLS. */
#ifndef SIGNALD_NET_WIRE_H
#define SIGNALD_NET_WIRE_H

#include "net/outq.h"
#include "net/tls.h"

/* The least room that wire_read() is to be given under TLS. */
#define WIRE_READ_BYTES TLS_READ_BYTES

struct wire {
	struct tls *tls; /* NULL for a plain one */
	int fd;
};

/* What follows is TLS. Returns 0 or -ENOMEM. */
int wire_start_tls(struct wire *wire, struct tls_server *server);

/*
 * Read what has come.
 *
 * Returns the bytes read, 0 when there are none now, -ENODATA at the end that
 * the other side has set, any other negative errno when the wire is lost.
 */
ssize_t wire_read(struct wire *wire, char *into, size_t cap);

/* Read over what has come, whatever it is; results as wire_read(). */
ssize_t wire_skip(struct wire *wire, char *scratch, size_t cap);

/* wire_read() will tell of the end, whether the socket does or not. */
bool wire_is_over(const struct wire *wire);

/* Send as much of the queue as the socket takes; what is encrypted already
 * goes first. Returns the bytes sent, 0 for none, a negative errno when the
 * wire is lost. */
ssize_t wire_send(struct wire *wire, struct outq *out);

/*
 * The same for bytes without a queue. Under TLS only, and only while nothing is
 * unsent: what the socket does not take is kept for wire_flush().
 *
 * Returns 0 or a negative errno.
 */
int wire_write(struct wire *wire, struct span bytes);

/* Results as wire_send(). */
ssize_t wire_flush(struct wire *wire);

/* Bytes that left the queue and are not sent. */
size_t wire_unsent(const struct wire *wire);

/* Nothing more follows from us. */
void wire_end(struct wire *wire);

void wire_close(struct wire *wire);

#endif
