/* sockets.c: reads the kernel's tables of sockets. */
#include "sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "address.h"

#define UDP_BOUND 0x07
#define TCP_LISTENING 0x0a

/* n hexadecimal digits at the start of *rest. */
static bool take_hex(struct span *rest, size_t n, uint32_t *value)
{
	*value = 0;
	if (rest->len < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		static const char digits[] = "0123456789ABCDEF";
		const char *digit = strchr(digits, rest->ptr[i]);

		if (!digit || !*digit)
			return false;
		*value = *value << 4 | (uint32_t)(digit - digits);
	}
	*rest = span_skip(*rest, n);
	return true;
}

/* Words of an address as this machine's memory holds them, then ":PORT". */
static bool take_address(struct span text, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)address;
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)address;
	bool is_v6 = text.len > sizeof("00000000:0000") - 1;
	uint32_t words[4] = {0};
	uint32_t port;

	for (size_t i = 0; i < (is_v6 ? 4 : 1); i++) {
		if (!take_hex(&text, 8, &words[i]))
			return false;
	}
	if (!text.len || text.ptr[0] != ':')
		return false;
	text = span_skip(text, 1);
	if (!take_hex(&text, 4, &port))
		return false;

	memset(address, 0, sizeof(*address));
	address->ss_family = is_v6 ? AF_INET6 : AF_INET;
	if (is_v6)
		memcpy(&v6->sin6_addr, words, sizeof(v6->sin6_addr));
	else
		memcpy(&v4->sin_addr, words, sizeof(v4->sin_addr));
	address_set_port(address, port);
	return true;
}

/* A socket on all IPv6 addresses takes IPv4 too, as a rule. */
static bool is_everywhere(const struct sockaddr_storage *bound,
			  const struct sockaddr_storage *address)
{
	struct sockaddr_storage all = {.ss_family = bound->ss_family};

	return address_is_same(bound, &all) &&
	       (bound->ss_family == AF_INET6 || address->ss_family == AF_INET);
}

bool sockets_line_takes(struct span line, enum sockets_protocol protocol,
			const struct sockaddr_storage *address)
{
	struct sockaddr_storage bound;
	struct span fields[4];
	uint32_t state;

	line = span_trim(line);
	for (size_t i = 0; i < 4; i++) {
		do {
			if (!span_next_item(&line, ' ', &fields[i]))
				return false;
		} while (!fields[i].len);
	}
	if (!take_address(fields[1], &bound) ||
	    !take_hex(&fields[3], 2, &state) ||
	    state != (protocol == SOCKETS_UDP ? UDP_BOUND : TCP_LISTENING))
		return false;
	return address_port(&bound) == address_port(address) &&
	       (address_is_same(&bound, address) ||
		is_everywhere(&bound, address));
}

static int look_up(const char *path, enum sockets_protocol protocol,
		   const struct sockaddr_storage *address)
{
	FILE *file = fopen(path, "re");
	char line[512];
	int found = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!found && fgets(line, sizeof(line), file))
		found = sockets_line_takes(span_from(line), protocol, address);
	(void)fclose(file);
	return found;
}

int sockets_is_open(enum sockets_protocol protocol,
		    const struct sockaddr_storage *address)
{
	static const char *const tables[][2] = {
		[SOCKETS_UDP] = {"/proc/net/udp", "/proc/net/udp6"},
		[SOCKETS_TCP] = {"/proc/net/tcp", "/proc/net/tcp6"},
	};
	int found = look_up(tables[protocol][0], protocol, address);

	return found ? found : look_up(tables[protocol][1], protocol, address);
}
