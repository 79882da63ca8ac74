/* region_table.c: networks and their regions, from a file of lines. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "policy/config_error.h"
#include "policy/config_file.h"
#include "turn/place.h"
#include "turn/region_table.h"

#define MAX_FILE_BYTES (16 * 1024 * 1024)
#define MAX_BITS 128

/* What a network is found by: its family, its length and its bits. */
#define KEY_LEN 18

struct network {
	struct network *next; /* of all, to be freed */
	char key[KEY_LEN];
	char region[PLACE_MAX_NAME + 1];
};

/* One lookup for each length of network that there is, the longest first. */
struct region_table {
	struct map *networks;
	struct network *all;
	bool has_bits[2][MAX_BITS + 1]; /* by is_v6 */
};

static void make_key(char key[KEY_LEN], bool is_v6, unsigned bits,
		     const uint8_t ip[16])
{
	memset(key, 0, KEY_LEN);
	key[0] = (char)is_v6;
	key[1] = (char)bits;
	memcpy(key + 2, ip, bits / 8);
	if (bits % 8)
		key[2 + bits / 8] =
			(char)(ip[bits / 8] & (0xff << (8 - bits % 8)));
}

/* Returns 0 or -EINVAL. */
static int read_network(struct span text, char key[KEY_LEN])
{
	const char *slash = memchr(text.ptr, '/', text.len);
	size_t ip_len = slash ? (size_t)(slash - text.ptr) : text.len;
	struct net_addr addr;
	uint64_t bits, most;

	if (net_addr_parse_ip(span_of(text.ptr, ip_len), &addr))
		return -EINVAL;
	bits = most = addr.is_v6 ? 128 : 32;
	if (slash && span_to_u64(span_skip(text, ip_len + 1), most, &bits))
		return -EINVAL;
	make_key(key, addr.is_v6, (unsigned)bits, addr.ip);
	return 0;
}

static int add(struct region_table *table, const struct network *parsed)
{
	struct network *network = malloc(sizeof(*network));
	int err;

	if (!network)
		return -ENOMEM;
	*network = *parsed;
	err = map_put(table->networks,
		      span_of(network->key, sizeof(network->key)), network);
	if (err) {
		free(network);
		return err;
	}
	network->next = table->all;
	table->all = network;
	table->has_bits[(uint8_t)network->key[0]][(uint8_t)network->key[1]] =
		true;
	return 0;
}

static int take_line(struct region_table *table, struct span line,
		     struct config_error *error)
{
	struct network network;
	size_t len = 0;
	struct span region;
	int err;

	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	line = span_trim(line);
	if (!line.len || line.ptr[0] == '#')
		return 0;
	while (len < line.len && line.ptr[len] != ' ' && line.ptr[len] != '\t')
		len++;
	region = span_trim(span_skip(line, len));
	if (read_network(span_of(line.ptr, len), network.key))
		return config_refuse(error,
				     "\"%.*s\" is no network, such as "
				     "192.0.2.0/24 or 2001:db8::/32",
				     (int)(len < 60 ? len : 60), line.ptr);
	if (!region.len || region.len > PLACE_MAX_NAME ||
	    memchr(region.ptr, ' ', region.len) ||
	    memchr(region.ptr, '\t', region.len))
		return config_refuse(error,
				     "one region of at most %d characters must "
				     "stand behind the network",
				     PLACE_MAX_NAME);
	(void)span_copy(region, network.region, sizeof(network.region));
	err = add(table, &network);
	if (err == -EEXIST)
		return config_refuse(error,
				     "the network %.*s stands there "
				     "twice",
				     (int)(len < 60 ? len : 60), line.ptr);
	return err ? config_refuse_memory(error) : 0;
}

static int take_lines(struct region_table *table, struct span text,
		      const char *path, struct config_error *error)
{
	struct span line;
	unsigned number = 0;
	char where[256];
	int err = 0;

	while (!err && span_next_item(&text, '\n', &line)) {
		number++;
		err = take_line(table, line, error);
	}
	if (err == -EINVAL) {
		(void)snprintf(where, sizeof(where), "%.200s:%u", path, number);
		config_error_place(error, where);
	}
	return err;
}

int region_table_new(struct region_table **tablep, const char *path,
		     struct config_error *error)
{
	struct region_table *table = calloc(1, sizeof(*table));
	char *bytes;
	ssize_t len;
	int err;

	if (table)
		table->networks = map_new();
	if (!table || !table->networks) {
		free(table);
		return config_refuse_memory(error);
	}
	len = config_file_load(path, MAX_FILE_BYTES, 0, &bytes, error);
	if (len < 0) {
		config_error_place(error, path);
		region_table_free(table);
		return (int)len;
	}
	err = take_lines(table, span_of(bytes, (size_t)len), path, error);
	free(bytes);
	if (err)
		region_table_free(table);
	else
		*tablep = table;
	return err;
}

void region_table_free(struct region_table *table)
{
	if (!table)
		return;
	while (table->all) {
		struct network *network = table->all;

		table->all = network->next;
		free(network);
	}
	map_free(table->networks);
	free(table);
}

struct span region_table_find(const struct region_table *table,
			      const struct net_addr *addr)
{
	for (int bits = addr->is_v6 ? 128 : 32; bits >= 0; bits--) {
		const struct network *network;
		char key[KEY_LEN];

		if (!table->has_bits[addr->is_v6][bits])
			continue;
		make_key(key, addr->is_v6, (unsigned)bits, addr->ip);
		network = map_get(table->networks, span_of(key, sizeof(key)));
		if (network)
			return span_from(network->region);
	}
	return SPAN("");
}
