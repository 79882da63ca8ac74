/* host.c: asks the kernel for the machine's addresses and port limits. */
#include "host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

#define UNPRIVILEGED_PORT "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define UNPRIVILEGED_PORT_USUAL 1024

static const void *address_bytes(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return &((const struct sockaddr_in *)(const void *)sa)
				->sin_addr;
	return &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
}

static bool is_link_local(const struct sockaddr *sa)
{
	const uint8_t *bytes = address_bytes(sa);

	if (sa->sa_family == AF_INET)
		return bytes[0] == 169 && bytes[1] == 254;
	return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

/* Of the address, not of its interface: public ones may well be put on lo. */
static bool is_loopback(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return *(const uint8_t *)address_bytes(sa) == 127;
	return !memcmp(address_bytes(sa), &in6addr_loopback,
		       sizeof(in6addr_loopback));
}

static void add(struct host *host, const struct ifaddrs *item)
{
	struct host_address *address;

	if (!item->ifa_addr || (item->ifa_addr->sa_family != AF_INET &&
				item->ifa_addr->sa_family != AF_INET6))
		return;
	if (host->addresses_count == HOST_MAX_ADDRESSES ||
	    !(item->ifa_flags & IFF_UP))
		return;

	address = &host->addresses[host->addresses_count++];
	address->is_v6 = item->ifa_addr->sa_family == AF_INET6;
	address->is_loopback = is_loopback(item->ifa_addr);
	address->is_link_local = is_link_local(item->ifa_addr);
	(void)inet_ntop(item->ifa_addr->sa_family,
			address_bytes(item->ifa_addr), address->text,
			sizeof(address->text));
}

static unsigned read_first_free_port(void)
{
	FILE *file = fopen(UNPRIVILEGED_PORT, "re");
	char line[16] = "";
	uint64_t port = UNPRIVILEGED_PORT_USUAL;

	if (!file)
		return UNPRIVILEGED_PORT_USUAL;
	if (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		(void)span_to_u64(span_from(line), 65536, &port);
	}
	(void)fclose(file);
	return (unsigned)port;
}

int host_read(struct host *host)
{
	struct ifaddrs *list;

	if (getifaddrs(&list))
		return -errno;

	memset(host, 0, sizeof(*host));
	for (const struct ifaddrs *item = list; item; item = item->ifa_next)
		add(host, item);
	freeifaddrs(list);
	host->first_free_port = read_first_free_port();
	return 0;
}

bool host_has(const struct host *host, const struct iprange *address)
{
	for (size_t i = 0; i < host->addresses_count; i++) {
		struct iprange own = iprange_of(host->addresses[i].text);

		if (iprange_contains(&own, address))
			return true;
	}
	/* All of 127.0.0.0/8 can be bound where 127.0.0.1 is. */
	return !address->is_v6 && address->first[0] == 127;
}

/* Connecting a datagram socket picks the route and the source address. */
static int source_of(const struct sockaddr *target, socklen_t len,
		     char out[HOST_ADDRESS_CAP])
{
	struct sockaddr_storage own = {0};
	socklen_t own_len = sizeof(own);
	int fd = socket(target->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = -ENETUNREACH;

	if (fd < 0)
		return err;
	if (!connect(fd, target, len) &&
	    !getsockname(fd, (struct sockaddr *)&own, &own_len) &&
	    inet_ntop(target->sa_family,
		      address_bytes((const struct sockaddr *)&own), out,
		      HOST_ADDRESS_CAP))
		err = 0;
	(void)close(fd);
	return err;
}

int host_default_address(bool is_v6, char out[HOST_ADDRESS_CAP])
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons(9)};

	/* Two addresses of the internet's root name servers. */
	(void)inet_pton(AF_INET, "198.41.0.4", &v4.sin_addr);
	(void)inet_pton(AF_INET6, "2001:503:ba3e::2:30", &v6.sin6_addr);
	if (is_v6)
		return source_of((const struct sockaddr *)&v6, sizeof(v6), out);
	return source_of((const struct sockaddr *)&v4, sizeof(v4), out);
}
