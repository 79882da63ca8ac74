/* proof_link.h: a socket to a TURN server, which hands out whole messages. */
#ifndef SIGNALD_TURN_PROOF_LINK_H
#define SIGNALD_TURN_PROOF_LINK_H

#include "net/addr.h"
#include "net/loop.h"

/* Longer than a request can get, and than any answer to one. */
#define PROOF_LINK_CAP 2048

enum proof_transport { PROOF_UDP, PROOF_TCP };

/* None of them may clear the link; proof_link_close() is for that. */
struct proof_link_ops {
	/* A TCP connection stands; over UDP it does from the beginning. */
	void (*on_open)(void *arg);

	/* A datagram, or a message of the stream; valid for the call. */
	void (*on_message)(struct span bytes, void *arg);

	/* Nothing more can come: the system's error, -EPIPE when the server
	 * closed the connection, -EPROTO for what is no TURN, -EMSGSIZE for a
	 * message over PROOF_LINK_CAP. */
	void (*on_error)(int err, void *arg);
};

/* Inside its owner. All that is particular to a transport is in here. */
struct proof_link {
	struct loop *loop;
	const struct proof_link_ops *ops;
	void *arg;
	struct event *readable;
	struct event *writable; /* TCP: it connects, or output waits */
	int fd;			/* -1: closed */
	bool is_stream;
	bool is_open;
	size_t in_len, out_len;
	char in[PROOF_LINK_CAP];
	char out[PROOF_LINK_CAP]; /* TCP: what the socket did not take yet */
};

/*
 * Connect to a server. Nothing is called back before this returns.
 *
 * link  filled with zeros
 *
 * Returns 0, or the system's error with the link closed, -ENOMEM.
 */
int proof_link_open(struct proof_link *link, struct loop *loop,
		    const struct net_addr *addr, enum proof_transport transport,
		    const struct proof_link_ops *ops, void *arg);

/*
 * Send one message. A datagram that the socket does not take is lost, as it
 * may get lost anywhere; a stream's message waits until it is taken.
 *
 * Returns 0, -ENOBUFS when too much waits, or the system's error.
 */
int proof_link_send(struct proof_link *link, struct span message);

/* May be called in any callback of its own, and again. */
void proof_link_close(struct proof_link *link);

#endif
