/* conn.h: a TCP connection: bytes in, bytes out, one deadline, one end. */
#ifndef SIGNALD_NET_CONN_H
#define SIGNALD_NET_CONN_H

#include "base/buf.h"
#include "net/addr.h"
#include "net/loop.h"
#include "net/wire.h"

struct conn;

struct conn_ops {
	/*
	 * Bytes have come; they may be changed in place and are gone after the
	 * call. Returns how many were used: the others are shown again, with
	 * more behind them, or at once to the handlers that were set meanwhile.
	 */
	size_t (*on_bytes)(struct conn *conn, char *bytes, size_t len,
			   void *arg);
	/* The deadline has passed; it is off until it is set again. */
	void (*on_deadline)(struct conn *conn, void *arg);
	/* The connection is over, once, at the end of a turn; arg's owner frees
	 * it now. NULL where nobody cares. */
	void (*on_close)(struct conn *conn, const char *reason, void *arg);
	/* NULL, but for an owner that reads and writes the wire itself, or says
	 * when that is to be done (conn_serve()): the socket is ready for what
	 * (EV_READ, EV_WRITE), and the connection does nothing. Whoever takes
	 * one over gets what had been read before by on_bytes. */
	void (*on_ready)(struct conn *conn, short what, void *arg);
};

/* Of nobody: what comes stays until the next owner has handlers of its own. */
extern const struct conn_ops conn_nobody;

/* An on_bytes that uses none. */
size_t conn_leave_bytes(struct conn *conn, char *bytes, size_t len, void *arg);

/* All the connections of one loop. */
struct conn_set;

int conn_set_new(struct conn_set **setp, struct loop *loop);

/* Closes what is open (conn_shutdown), telling the owners; takes NULL. */
void conn_set_free(struct conn_set *set);

/* The same for all but those of these handlers, which go on. */
void conn_set_close_others(struct conn_set *set, const struct conn_ops *ops);

/* Show each of those with these handlers, and its owner. It may be closed. */
void conn_set_visit(struct conn_set *set, const struct conn_ops *ops,
		    void (*visit)(struct conn *conn, void *owner));

size_t conn_set_count(const struct conn_set *set);

/* Some connection has bytes that are still to be written. */
bool conn_set_has_output(const struct conn_set *set);
struct loop *conn_set_loop(const struct conn_set *set);

/* Called when a connection has been freed, so that accepting may go on. */
void conn_set_on_freed(struct conn_set *set, void (*on_freed)(void *arg),
		       void *arg);

/*
 * Take over a connected, non-blocking socket.
 *
 * Returns the connection, or NULL when memory ran out (fd is closed then).
 */
struct conn *conn_new(struct conn_set *set, int fd, const struct net_addr *peer,
		      const struct conn_ops *ops, void *arg);

/* From here on it is TLS, before anything was read or written: on_bytes sees
 * what is inside, from the handshake's end on. Returns 0 or -ENOMEM. */
int conn_start_tls(struct conn *conn, struct tls_server *server);

/* Hand the connection to another owner; on_close of the old one is not called.
 */
void conn_set_ops(struct conn *conn, const struct conn_ops *ops, void *arg);

struct loop *conn_loop(const struct conn *conn);
const struct net_addr *conn_peer(const struct conn *conn);

/* --- by whose account: conn_account.c --- */

/*
 * Who is at the other end is known: the peer.
 * It takes a seat of its address and one of the connections that may begin; not
 * so a trusted proxy, which stands for many.
 *
 * Returns whether it may stay; else it is being closed.
 */
bool conn_admit(struct conn *conn);

/* The same for a client whom a PROXY header has named, before anything else is
 * done with its connection. */
bool conn_admit_as(struct conn *conn, const struct net_addr *client);

/* Its word counts on who its client is (proxy.trusted). */
bool conn_is_proxy(const struct conn *conn);

/*
 * From now on this is one client's, whom a proxy has named, or it is nobody
 * else's already.
 *
 * Returns 0, or -EBUSY when that address has as many connections as it may.
 */
int conn_be_of(struct conn *conn, const struct net_addr *client);

/* The client has shown that it was here before, as a peer that it still is:
 * what it took of its address to come back is given back. Does so once. */
void conn_vouch(struct conn *conn);

/* The network of its client, as limits have it. */
struct span conn_network(const struct conn *conn);

/*
 * Queue bytes; they are written at the end of this turn. A connection that
 * would hold more than output.max_queued_bytes is closed (conn_output_full);
 * one write always fits into an empty queue.
 *
 * Returns 0, -EPIPE when it is closed already, -ENOBUFS when it is now.
 */
int conn_write(struct conn *conn, const struct span *parts, size_t parts_count);

/* The same with shared bytes, by reference, or copied where that costs less. */
int conn_write_share(struct conn *conn, const struct share *share);

/* As conn_write_share(), but outside the output limit: for files, which all
 * readers share, and for what was kept within a limit of its own. */
int conn_write_exempt(struct conn *conn, const struct share *share);

size_t conn_queued_bytes(const struct conn *conn);

/* Do what on_ready was told of as if nobody had asked. */
void conn_serve(struct conn *conn, short what);

/* For owners that use the wire: it, and what it is watched for. */
struct wire *conn_wire(struct conn *conn);
void conn_watch(struct conn *conn, bool is_reading, bool is_writing);

/* What TLS client and server agreed upon. */
enum tls_protocol conn_protocol(const struct conn *conn);

/* Its TLS handshake is under way. */
bool conn_is_shaking(const struct conn *conn);

/* Some of its input has been shown and not been used. */
bool conn_has_input(const struct conn *conn);

/*
 * Show the owner no more input until all output has been written: for one whose
 * every input makes output, such as pipelined requests.
 */
void conn_hold_input(struct conn *conn);

/*
 * Read nothing more until conn_resume_input(), not even that the client has
 * gone: for a moment in which what came has to wait. What on_bytes was shown
 * and has not used is kept.
 */
void conn_pause_input(struct conn *conn);
void conn_resume_input(struct conn *conn); /* not inside on_bytes */

/* monotonic ms; 0 for none */
void conn_set_deadline(struct conn *conn, uint64_t at_ms);

/* Reasons that owners act on, compared by address. */
extern const char conn_output_full[];
extern const char conn_output_stalled[];
extern const char conn_shutdown[];

/*
 * Close now; what is still queued is dropped. May be called from anywhere, any
 * number of times; the first reason stays. reason must live on, as a literal
 * does.
 */
void conn_close(struct conn *conn, const char *reason);

/*
 * Close once the output is written: then the sending side is shut, and what the
 * client still sends is read over for at most two seconds, so that it can read
 * our last words (RFC 9112, 9.6). The owner's on_bytes is not called any more.
 */
void conn_finish(struct conn *conn, const char *reason);

/* Neither closed nor finishing. */
bool conn_is_open(const struct conn *conn);

#endif
