/* sockets.h: which ports somebody on this machine has open. */
#ifndef TURNCONF_SOCKETS_H
#define TURNCONF_SOCKETS_H

#include <sys/socket.h>

#include "base/span.h"

enum sockets_protocol { SOCKETS_UDP, SOCKETS_TCP };

/*
 * Whether one line of the kernel's tables (/proc/net/udp and its like) is a
 * socket that takes what is sent to an address: bound to it, or to all.
 */
bool sockets_line_takes(struct span line, enum sockets_protocol protocol,
			const struct sockaddr_storage *address);

/* Returns 1 when somebody takes what is sent to the address, 0 when nobody
 * does, or a negative errno when the tables cannot be read. */
int sockets_is_open(enum sockets_protocol protocol,
		    const struct sockaddr_storage *address);

#endif
