/* addr.c: an address and port, small enough to keep one per connection. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "net/addr.h"

void net_addr_from(struct net_addr *addr, const struct sockaddr *sockaddr)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	*addr = (struct net_addr){0};
	if (sockaddr->sa_family == AF_INET) {
		memcpy(&v4, sockaddr, sizeof(v4));
		memcpy(addr->ip, &v4.sin_addr, 4);
		addr->port = ntohs(v4.sin_port);
		return;
	}
	memcpy(&v6, sockaddr, sizeof(v6));
	addr->port = ntohs(v6.sin6_port);
	if (!memcmp(&v6.sin6_addr, mapped, sizeof(mapped))) {
		memcpy(addr->ip, v6.sin6_addr.s6_addr + 12, 4);
		return;
	}
	addr->is_v6 = 1;
	memcpy(addr->ip, &v6.sin6_addr, 16);
}

socklen_t net_addr_to(const struct net_addr *addr,
		      struct sockaddr_storage *sockaddr)
{
	memset(sockaddr, 0, sizeof(*sockaddr));
	if (addr->is_v6) {
		struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
					  .sin6_port = htons(addr->port)};

		memcpy(&v6.sin6_addr, addr->ip, 16);
		memcpy(sockaddr, &v6, sizeof(v6));
		return sizeof(v6);
	}
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_port = htons(addr->port)};

	memcpy(&v4.sin_addr, addr->ip, 4);
	memcpy(sockaddr, &v4, sizeof(v4));
	return sizeof(v4);
}

void net_addr_unmap(struct net_addr *addr)
{
	struct sockaddr_storage sockaddr;

	(void)net_addr_to(addr, &sockaddr);
	net_addr_from(addr, (const struct sockaddr *)&sockaddr);
}

int net_addr_parse_ip(struct span text, struct net_addr *addr)
{
	struct net_addr parsed = {.is_v6 = text.len &&
					   memchr(text.ptr, ':', text.len)};
	char ip[INET6_ADDRSTRLEN];

	if (span_copy(text, ip, sizeof(ip)) ||
	    inet_pton(parsed.is_v6 ? AF_INET6 : AF_INET, ip, parsed.ip) != 1)
		return -EINVAL;
	*addr = parsed;
	return 0;
}

int net_addr_parse(struct span text, struct net_addr *addr)
{
	struct net_addr parsed;
	bool is_bracketed;
	const char *colon = memrchr(text.ptr, ':', text.len);
	struct span name, port;
	uint64_t number;

	if (!colon)
		return -EINVAL;
	name = span_of(text.ptr, (size_t)(colon - text.ptr));
	port = span_skip(text, name.len + 1);
	is_bracketed = name.len > 2 && name.ptr[0] == '[' &&
		       name.ptr[name.len - 1] == ']';
	if (is_bracketed)
		name = span_of(name.ptr + 1, name.len - 2);
	if (net_addr_parse_ip(name, &parsed) || parsed.is_v6 != is_bracketed ||
	    span_to_u64(port, UINT16_MAX, &number))
		return -EINVAL;
	parsed.port = (uint16_t)number;
	*addr = parsed;
	return 0;
}

uint16_t net_addr_first_port(struct span list)
{
	struct net_addr addr;
	struct span item;

	if (!list.len || !span_next_item(&list, ',', &item) ||
	    net_addr_parse(item, &addr))
		return 0;
	return addr.port;
}

void net_addr_format_ip(const struct net_addr *addr, char out[NET_ADDR_CAP])
{
	out[0] = '\0';
	(void)inet_ntop(addr->is_v6 ? AF_INET6 : AF_INET, addr->ip, out,
			NET_ADDR_CAP);
}

void net_addr_format(const struct net_addr *addr, char out[NET_ADDR_CAP])
{
	char ip[NET_ADDR_CAP];

	net_addr_format_ip(addr, ip);
	(void)snprintf(out, NET_ADDR_CAP, addr->is_v6 ? "[%s]:%u" : "%s:%u", ip,
		       (unsigned)addr->port);
}

void net_addr_format_network(const struct net_addr *addr,
			     char out[NET_ADDR_CAP])
{
	struct net_addr network = *addr;

	if (addr->is_v6)
		memset(network.ip + 8, 0, 8);
	net_addr_format_ip(&network, out);
	if (addr->is_v6)
		/* NET_ADDR_CAP has room */
		memcpy(out + strlen(out), "/64", sizeof("/64"));
}

bool net_addr_is_same_ip(const struct net_addr *a, const struct net_addr *b)
{
	return a->is_v6 == b->is_v6 && !memcmp(a->ip, b->ip, sizeof(a->ip));
}

bool net_addr_is_same(const struct net_addr *a, const struct net_addr *b)
{
	return a->port == b->port && net_addr_is_same_ip(a, b);
}

struct span net_addr_network(const struct net_addr *addr)
{
	return span_of(addr->ip, addr->is_v6 ? 8 : 4);
}
