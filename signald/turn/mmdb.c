/* mmdb.c: libmaxminddb, if it is there. */
#include <stddef.h>

#include "base/library.h"
#include "turn/mmdb.h"

static const struct library_function functions[] = {
	{"MMDB_open", offsetof(struct mmdb, open)},
	{"MMDB_close", offsetof(struct mmdb, close)},
	{"MMDB_lookup_sockaddr", offsetof(struct mmdb, lookup_sockaddr)},
	{"MMDB_aget_value", offsetof(struct mmdb, aget_value)},
	{"MMDB_read_node", offsetof(struct mmdb, read_node)},
	{"MMDB_strerror", offsetof(struct mmdb, strerror)},
};

int mmdb_load(struct mmdb *mmdb)
{
	return library_load(MMDB_LIBRARY, functions,
			    sizeof(functions) / sizeof(*functions), mmdb);
}
