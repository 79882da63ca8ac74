/* link.h: a socket to a TURN server, which hands out whole messages. */
#ifndef SIGNALD_TURN_LINK_H
#define SIGNALD_TURN_LINK_H

#include <openssl/ssl.h>

#include "net/addr.h"
#include "net/loop.h"

/* Longer than a request can get, and than any answer to one. */
#define LINK_CAP 2048

enum link_transport { LINK_UDP, LINK_TCP, LINK_TLS };

/* None of them may clear the link; link_close() is for that. */
struct link_ops {
	/* A TCP or TLS connection stands; over UDP it does from the beginning.
	 */
	void (*on_open)(void *arg);

	/* A datagram, or a message of the stream; valid for the call. */
	void (*on_message)(struct span bytes, void *arg);

	/* Nothing more can come: the system's error, -EPIPE when the server
	 * closed the connection, -EPROTO for what is no TURN or no TLS,
	 * -EMSGSIZE for a message over LINK_CAP, -EKEYREJECTED for a
	 * certificate that no client would take (link_certificate_trouble()).
	 */
	void (*on_error)(int err, void *arg);
};

struct link_target {
	struct net_addr addr;
	enum link_transport transport;
	const char *host; /* whom a certificate is to name; borrowed */
	SSL_CTX *tls; /* of link_tls_new(); NULL where TLS is not asked for */
};

/* Inside its owner. All that is particular to a transport is in here. */
struct link {
	struct loop *loop;
	const struct link_ops *ops;
	void *arg;
	struct event *readable;
	struct event *writable; /* a stream: it connects, or output waits */
	SSL *ssl;		/* NULL but for TLS */
	int fd;			/* -1: closed */
	bool is_stream;
	bool is_connected; /* TCP stands */
	bool is_open;
	int certificate_err; /* X509_V_OK, or why not to trust it */
	size_t in_len, out_len;
	char in[LINK_CAP];
	char out[LINK_CAP]; /* a stream: what the socket did not take yet */
};

/*
 * Connect to a server. Nothing is called back before this returns.
 *
 * link  filled with zeros
 *
 * Returns 0, or the system's error with the link closed, -ENOMEM.
 */
int link_open(struct link *link, struct loop *loop,
	      const struct link_target *target, const struct link_ops *ops,
	      void *arg);

/*
 * Send one message. A datagram that the socket does not take is lost, as it
 * may get lost anywhere; a stream's message waits until it is taken.
 *
 * Returns 0, -ENOBUFS when too much waits, or the system's error.
 */
int link_send(struct link *link, struct span message);

/* May be called in any callback of its own, and again. */
void link_close(struct link *link);

/*
 * What is wrong with the server's certificate, in OpenSSL's words; NULL when
 * nothing is. An issuer that this machine does not know is told here too, but
 * is no error: clients may know it.
 */
const char *link_certificate_trouble(const struct link *link);

/* What TLS to servers needs: the system's trusted issuers, TLS 1.2 and later.
 * Returns 0 or -ENOMEM; freed with SSL_CTX_free(). */
int link_tls_new(SSL_CTX **tlsp);

#endif
