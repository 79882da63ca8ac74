/* tls_inside.h: what tls_server.c and tls.c know of each other. */
#ifndef SIGNALD_NET_TLS_INSIDE_H
#define SIGNALD_NET_TLS_INSIDE_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "policy/file_watch.h"

/* One look at the two files. */
struct tls_stamp {
	struct file_stamp cert;
	struct file_stamp key;
};

struct tls_server {
	SSL_CTX *ctx;		 /* connections keep the one they began with */
	BIO_METHOD *io;		 /* how OpenSSL reaches their sockets */
	struct buf spare;	 /* lent to one connection after the other */
	struct tls_stamp loaded; /* what was loaded, or refused */
	struct tls_stamp seen;
	uint64_t loaded_at_s; /* or refused */
	uint64_t ends_at_s;   /* the certificate of ctx; 0: it is temporary */
};

/* For a BIO whose data is a struct tls. Returns NULL when memory ran out. */
BIO_METHOD *tls_io_new(void);

#endif
