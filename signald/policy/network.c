/* network.c: networks as configuration names them, and who is in them. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "policy/network.h"

static bool is_mapped(const struct network *network)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return network->is_v6 && !memcmp(network->ip, prefix, sizeof(prefix));
}

/* Of byte i, those bits that belong to the network. */
static uint8_t mask_of(unsigned bits, unsigned i)
{
	if (bits >= 8 * (i + 1))
		return 0xff;
	if (bits <= 8 * i)
		return 0;
	return (uint8_t)(0xffu << (8 * (i + 1) - bits));
}

static bool has_host_bits(const struct network *network)
{
	for (unsigned i = 0; i < (network->is_v6 ? 16 : 4); i++)
		if (network->ip[i] & ~mask_of(network->bits, i))
			return true;
	return false;
}

int network_parse(struct span text, struct network *network)
{
	const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
	size_t ip_len = slash ? (size_t)(slash - text.ptr) : text.len;
	struct network parsed = {.is_v6 = ip_len &&
					  memchr(text.ptr, ':', ip_len)};
	uint64_t most = parsed.is_v6 ? 128 : 32, bits = most;
	char ip[INET6_ADDRSTRLEN];

	if (span_copy(span_of(text.ptr, ip_len), ip, sizeof(ip)) ||
	    inet_pton(parsed.is_v6 ? AF_INET6 : AF_INET, ip, parsed.ip) != 1)
		return -EINVAL;
	if (slash && span_to_u64(span_skip(text, ip_len + 1), most, &bits))
		return -EINVAL;
	parsed.bits = (unsigned)bits;
	if (is_mapped(&parsed) || has_host_bits(&parsed))
		return -EINVAL;
	*network = parsed;
	return 0;
}

bool network_has(const struct network *network, bool is_v6, const uint8_t *ip)
{
	if (network->is_v6 != is_v6)
		return false;
	for (unsigned i = 0; 8 * i < network->bits; i++)
		if ((network->ip[i] ^ ip[i]) & mask_of(network->bits, i))
			return false;
	return true;
}

bool network_list_has(const char *list, bool is_v6, const uint8_t *ip)
{
	struct span rest = span_from(list), item;
	struct network network;

	while (rest.len && span_next_item(&rest, ',', &item))
		if (!network_parse(item, &network) &&
		    network_has(&network, is_v6, ip))
			return true;
	return false;
}
