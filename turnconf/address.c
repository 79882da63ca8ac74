/* address.c: socket addresses from text and back. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

int address_parse(struct span ip, unsigned port,
		  struct sockaddr_storage *address)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)address;
	char text[INET6_ADDRSTRLEN];

	if (span_copy(ip, text, sizeof(text)))
		return -EINVAL;
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		address->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		address->ss_family = AF_INET6;
	else
		return -EINVAL;
	address_set_port(address, port);
	return 0;
}

int address_parse_port(struct span text, struct sockaddr_storage *address)
{
	size_t at = text.len;
	uint64_t port;
	struct span ip;

	while (at && text.ptr[at - 1] != ':')
		at--;
	if (!at || span_to_u64(span_skip(text, at), 65535, &port))
		return -EINVAL;
	ip = span_of(text.ptr, at - 1);
	if (ip.len > 2 && ip.ptr[0] == '[' && ip.ptr[ip.len - 1] == ']')
		ip = span_of(ip.ptr + 1, ip.len - 2);
	return address_parse(ip, (unsigned)port, address);
}

socklen_t address_length(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					      : sizeof(struct sockaddr_in);
}

unsigned address_port(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET6)
		return ntohs(
			((const struct sockaddr_in6 *)(const void *)address)
				->sin6_port);
	return ntohs(
		((const struct sockaddr_in *)(const void *)address)->sin_port);
}

void address_set_port(struct sockaddr_storage *address, unsigned port)
{
	if (address->ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)address)->sin6_port =
			htons((uint16_t)port);
	else
		((struct sockaddr_in *)(void *)address)->sin_port =
			htons((uint16_t)port);
}

static const void *ip_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET6)
		return &((const struct sockaddr_in6 *)(const void *)address)
				->sin6_addr;
	return &((const struct sockaddr_in *)(const void *)address)->sin_addr;
}

void address_format_ip(const struct sockaddr_storage *address,
		       char out[ADDRESS_CAP])
{
	if (!inet_ntop(address->ss_family, ip_of(address), out, ADDRESS_CAP))
		(void)snprintf(out, ADDRESS_CAP, "(no address)");
}

void address_format(const struct sockaddr_storage *address,
		    char out[ADDRESS_CAP])
{
	char ip[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(address->ss_family, ip_of(address), ip, sizeof(ip));
	(void)snprintf(out, ADDRESS_CAP,
		       address->ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", ip,
		       address_port(address));
}

bool address_is_same(const struct sockaddr_storage *a,
		     const struct sockaddr_storage *b)
{
	size_t len = a->ss_family == AF_INET6 ? sizeof(struct in6_addr)
					      : sizeof(struct in_addr);

	return a->ss_family == b->ss_family && !memcmp(ip_of(a), ip_of(b), len);
}

int address_resolve(const char *name, unsigned port, struct address_list *list)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				 .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found;
	int err = getaddrinfo(name, NULL, &hints, &found);

	if (err)
		return err;
	list->count = 0;
	for (const struct addrinfo *item = found;
	     item && list->count < ADDRESS_MAX_LISTED; item = item->ai_next) {
		struct sockaddr_storage *address = &list->items[list->count++];

		memset(address, 0, sizeof(*address));
		memcpy(address, item->ai_addr, item->ai_addrlen);
		address_set_port(address, port);
	}
	freeaddrinfo(found);
	return 0;
}
