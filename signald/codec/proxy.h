/* proxy.h: the PROXY protocol's header, which says whose connection this is. */
#ifndef SIGNALD_CODEC_PROXY_H
#define SIGNALD_CODEC_PROXY_H

#include <sys/socket.h>

#include "base/span.h"

#define PROXY_MAX_LEN 52 /* of a header for IPv6 */

/*
 * Write the header of a proxied TCP connection (PROXY protocol, version 2:
 * haproxy's doc/proxy-protocol.txt, 2.2), which goes in front of its first
 * byte.
 *
 * client, server  the two ends of the client's connection: of one family, IPv4
 *                 or IPv6
 *
 * Returns its length, or -EAFNOSUPPORT.
 */
ssize_t proxy_write_header(char out[PROXY_MAX_LEN],
			   const struct sockaddr_storage *client,
			   const struct sockaddr_storage *server);

/* The longest header that is read: with what proxies add to the addresses. */
#define PROXY_MAX_READ 1024

/* Whose connection it is. */
struct proxy_client {
	bool is_local; /* the proxy's own, or one that it cannot name */
	bool is_v6;
	uint16_t port;
	uint8_t ip[16]; /* the first four for IPv4 */
};

/*
 * Read the header at the start of bytes, of version 1 or 2 (2.1 and 2.2), of a
 * TCP connection over IPv4 or IPv6. What version 2 adds behind the addresses is
 * read over.
 *
 * Returns its length with *client set, 0 when more bytes are needed and all of
 * these belong to it, -EPROTO for what is no such header, or a longer one than
 * PROXY_MAX_READ.
 */
ssize_t proxy_read_header(struct span bytes, struct proxy_client *client);

#endif
