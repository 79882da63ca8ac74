/* tls_inside.h: what tls_server.c and tls.c know of each other. */
#ifndef SIGNALD_NET_TLS_INSIDE_H
#define SIGNALD_NET_TLS_INSIDE_H

#include <openssl/ssl.h>

#include "base/buf.h"

/* One look at the two files: another one is other files, or another content. */
struct tls_stamp {
	uint64_t cert[3]; /* inode, size, time of the last change in ns */
	uint64_t key[3];
};

struct tls_server {
	SSL_CTX *ctx;		 /* connections keep the one they began with */
	BIO_METHOD *io;		 /* how OpenSSL reaches their sockets */
	struct buf spare;	 /* lent to one connection after the other */
	struct tls_stamp loaded; /* what was loaded, or refused */
	struct tls_stamp seen;
	uint64_t loaded_at_s; /* or refused */
};

/* For a BIO whose data is a struct tls. Returns NULL when memory ran out. */
BIO_METHOD *tls_io_new(void);

#endif
