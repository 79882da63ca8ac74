/* mmdb.h: libmaxminddb, if it is there. */
#ifndef SIGNALD_TURN_MMDB_H
#define SIGNALD_TURN_MMDB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define MMDB_LIBRARY "libmaxminddb.so.0"

enum { MMDB_SUCCESS = 0 };
enum { MMDB_TEXT = 2 };					/* mmdb_value.type */
enum { MMDB_SEARCH_NODE = 0, MMDB_RECORD_OF_DATA = 2 }; /* of a record */

/* A database; the library lets its users allocate it. Here it is far longer
 * than theirs, which cannot grow under one name of the library. */
struct mmdb_db {
	_Alignas(16) char opaque[1024];
};

/* The types below are laid out as the library's: MMDB_entry_s and so on. */
struct mmdb_entry {
	const struct mmdb_db *db;
	uint32_t offset;
};

struct mmdb_found {
	bool is_found;
	struct mmdb_entry entry;
	uint16_t bits;
};

struct mmdb_value {
	bool has_data;
	union {
		const char *text; /* not NUL-terminated */
		uint64_t number;
		double real;
#ifdef __SIZEOF_INT128__
		unsigned __int128 widest;
#else
		uint8_t widest[16];
#endif
	};
	uint32_t offset, next;
	uint32_t len; /* of the text */
	uint32_t type;
};

/* A node of the search tree: what a bit of an address leads to. */
struct mmdb_node {
	uint64_t records[2]; /* a search node's number */
	uint8_t types[2];
	struct mmdb_entry entries[2];
};

/* As the functions of the library's C interface with MMDB_ in front. */
struct mmdb {
	int (*open)(const char *path, uint32_t flags, struct mmdb_db *db);
	void (*close)(struct mmdb_db *db);
	struct mmdb_found (*lookup_sockaddr)(const struct mmdb_db *db,
					     const struct sockaddr *addr,
					     int *err);
	int (*aget_value)(struct mmdb_entry *entry, struct mmdb_value *value,
			  const char *const *path);
	int (*read_node)(const struct mmdb_db *db, uint32_t number,
			 struct mmdb_node *node);
	const char *(*strerror)(int err);
};

/* Load it, for the rest of the process's life. Returns 0 or -ENOENT. */
int mmdb_load(struct mmdb *mmdb);

#endif
