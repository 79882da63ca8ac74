/* address.h: socket addresses from text and back. */
#ifndef TURNCONF_ADDRESS_H
#define TURNCONF_ADDRESS_H

#include <sys/socket.h>

#include "base/span.h"

#define ADDRESS_CAP 64 /* "[IPv6]:65535" and a NUL */

/* An IPv4 or IPv6 address without brackets; 0 or -EINVAL. */
int address_parse(struct span ip, unsigned port,
		  struct sockaddr_storage *address);

/* ADDRESS:PORT or [IPv6]:PORT; 0 or -EINVAL. */
int address_parse_port(struct span text, struct sockaddr_storage *address);

socklen_t address_length(const struct sockaddr_storage *address);

unsigned address_port(const struct sockaddr_storage *address);
void address_set_port(struct sockaddr_storage *address, unsigned port);

/* As address_parse_port() reads it. */
void address_format(const struct sockaddr_storage *address,
		    char out[ADDRESS_CAP]);

/* Without the port. */
void address_format_ip(const struct sockaddr_storage *address,
		       char out[ADDRESS_CAP]);

#define ADDRESS_MAX_LISTED 16

struct address_list {
	struct sockaddr_storage items[ADDRESS_MAX_LISTED];
	size_t count;
};

/*
 * What a name stands for, or an address itself.
 *
 * Returns 0, or an error for gai_strerror(); the list is then untouched.
 */
int address_resolve(const char *name, unsigned port, struct address_list *list);

/* The same address, whatever the ports. */
bool address_is_same(const struct sockaddr_storage *a,
		     const struct sockaddr_storage *b);

#endif
