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

#endif
