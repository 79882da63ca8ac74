/* tls.h: TLS on one connected socket, the server's end. */
#ifndef SIGNALD_NET_TLS_H
#define SIGNALD_NET_TLS_H

#include <sys/types.h>

#include "base/span.h"
#include "net/tls_server.h"

/*
 * Nothing in here waits, and there is no "wants to write" in the middle of
 * something: what OpenSSL has to say, in a handshake too, goes to a buffer of
 * our own, and from there to the socket in one piece. What the socket does not
 * take is kept; as long as something is, the caller gives nothing more to be
 * written and watches the socket for room. The handshake is part of reading.
 */
struct tls;

enum tls_protocol { TLS_PROTOCOL_ANY, TLS_PROTOCOL_HTTP, TLS_PROTOCOL_TURN };

/* The least that tls_read() is to be given room for: a read takes what has come
 * whole, so that nothing waits inside which the socket does not tell of. */
#define TLS_READ_BYTES 65536

/* fd is borrowed, non-blocking. Returns NULL when memory ran out. */
struct tls *tls_new(struct tls_server *server, int fd);

/* Takes NULL. */
void tls_free(struct tls *tls);

/*
 * Read what has come.
 *
 * cap  at least TLS_READ_BYTES
 *
 * Returns the bytes read, 0 when there are none now, -ENODATA at the end that
 * the client has set, -EPROTO when this is no TLS that we speak, or the
 * socket's error. Once it was negative it stays so.
 */
ssize_t tls_read(struct tls *tls, char *into, size_t cap);

/* The next tls_read() tells of the end, whether the socket does or not. */
bool tls_is_over(const struct tls *tls);

/* Encrypt bytes for tls_flush(). Returns 0, -EPROTO or -ENOMEM. */
int tls_write(struct tls *tls, struct span bytes);

/* Bytes that were encrypted and not sent. */
size_t tls_unsent(const struct tls *tls);

/* Hand the socket what it takes. Returns the bytes taken, 0 for none, or its
 * error. */
ssize_t tls_flush(struct tls *tls);

/* Say that nothing more follows from us, if the socket takes it. */
void tls_end(struct tls *tls);

/* The handshake is done. */
bool tls_is_shaken(const struct tls *tls);

/* What client and server agreed upon (ALPN); ANY when they did not. */
enum tls_protocol tls_protocol(const struct tls *tls);

#endif
