/* mmdb.c: libmaxminddb, if it is there. */
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "turn/mmdb.h"

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	{"MMDB_open", offsetof(struct mmdb, open)},
	{"MMDB_close", offsetof(struct mmdb, close)},
	{"MMDB_lookup_sockaddr", offsetof(struct mmdb, lookup_sockaddr)},
	{"MMDB_aget_value", offsetof(struct mmdb, aget_value)},
	{"MMDB_read_node", offsetof(struct mmdb, read_node)},
	{"MMDB_strerror", offsetof(struct mmdb, strerror)},
};

int mmdb_load(struct mmdb *mmdb)
{
	void *library = dlopen(MMDB_LIBRARY, RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		void *function =
			library ? dlsym(library, functions[i].name) : NULL;

		if (!function)
			return -ENOENT;
		memcpy((char *)mmdb + functions[i].offset, &function,
		       sizeof(function));
	}
	return 0;
}
