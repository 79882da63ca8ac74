/* addr.h: an address and port, small enough to keep one per connection. */
#ifndef SIGNALD_NET_ADDR_H
#define SIGNALD_NET_ADDR_H

#include <sys/socket.h>

#include "base/span.h"

struct net_addr {
	uint8_t is_v6;
	uint16_t port;
	uint8_t ip[16]; /* the first four for IPv4 */
};

#define NET_ADDR_CAP 64 /* "[IPv6]:65535" and a NUL */

/* IPv4-mapped IPv6 addresses become IPv4, so that a client has one name. */
void net_addr_from(struct net_addr *addr, const struct sockaddr *sockaddr);

/* The same for one that was read from a text. */
void net_addr_unmap(struct net_addr *addr);

/* Returns the length of what was written. */
socklen_t net_addr_to(const struct net_addr *addr,
		      struct sockaddr_storage *sockaddr);

/* Parse ADDRESS, of either family; the port is 0. Returns 0 or -EINVAL. */
int net_addr_parse_ip(struct span text, struct net_addr *addr);

/* Parse ADDRESS:PORT or [IPv6]:PORT. Returns 0 or -EINVAL. */
int net_addr_parse(struct span text, struct net_addr *addr);

/* The port of the first of a list of addresses, parted by commas: where clients
 * find what listens on all of them. 0 where there is none. */
uint16_t net_addr_first_port(struct span list);

/* "192.0.2.1", "2001:db8::1". */
void net_addr_format_ip(const struct net_addr *addr, char out[NET_ADDR_CAP]);

/* "192.0.2.1:80", "[2001:db8::1]:80". */
void net_addr_format(const struct net_addr *addr, char out[NET_ADDR_CAP]);

/* What net_addr_network() tells apart: "192.0.2.1", "2001:db8:0:1::/64". */
void net_addr_format_network(const struct net_addr *addr,
			     char out[NET_ADDR_CAP]);

/* The same address, whatever the ports; the same with the ports. */
bool net_addr_is_same_ip(const struct net_addr *a, const struct net_addr *b);
bool net_addr_is_same(const struct net_addr *a, const struct net_addr *b);

/* The bytes that tell one customer from another: an IPv4 address, an IPv6 /64.
 */
struct span net_addr_network(const struct net_addr *addr);

#endif
