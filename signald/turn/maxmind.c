/* maxmind.c: where an address is, by a MaxMind database. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/config_error.h"
#include "turn/maxmind.h"
#include "turn/mmdb.h"

#define MAX_FILE_BYTES (256 << 20)

/* A tree of IPv6 addresses has 128 levels; one more is put off at each. */
#define MAX_PUT_OFF 130

/* The first record of countries stands behind some hundred of them. */
#define NODES_LOOKED_AT 100000

struct maxmind {
	struct mmdb library;
	struct mmdb_db db;
	bool is_open;
};

/* --- one record --- */

static struct span read_text(const struct maxmind *db, struct mmdb_entry entry,
			     const char *const *path)
{
	struct mmdb_value value;

	if (db->library.aget_value(&entry, &value, path) != MMDB_SUCCESS ||
	    !value.has_data || value.type != MMDB_TEXT)
		return SPAN("");
	return span_of(value.text, value.len);
}

static void add_subdivision(struct place *place, struct span country,
			    struct span subdivision)
{
	char name[PLACE_MAX_NAME + 1];
	int len = snprintf(name, sizeof(name), "%.*s-%.*s", (int)country.len,
			   country.ptr, (int)subdivision.len, subdivision.ptr);

	if (country.len && subdivision.len && (size_t)len < sizeof(name))
		place_add(place, span_from(name));
}

static void read_record(const struct maxmind *db, struct mmdb_entry entry,
			struct place *place)
{
	static const char *const subdivision_path[] = {"subdivisions", "0",
						       "iso_code", NULL};
	static const char *const country_path[] = {"country", "iso_code", NULL};
	static const char *const continent_path[] = {"continent", "code", NULL};
	struct span country = read_text(db, entry, country_path);

	add_subdivision(place, country, read_text(db, entry, subdivision_path));
	place_add(place, country);
	place_add(place, read_text(db, entry, continent_path));
}

void maxmind_find(const struct maxmind *db, const struct net_addr *addr,
		  struct place *place)
{
	struct sockaddr_storage sockaddr;
	struct mmdb_found found;
	int err;

	(void)net_addr_to(addr, &sockaddr);
	found = db->library.lookup_sockaddr(
		&db->db, (const struct sockaddr *)&sockaddr, &err);
	/* A database of IPv4 alone has an error for an IPv6 address. */
	if (err == MMDB_SUCCESS && found.is_found)
		read_record(db, found.entry, place);
}

/* --- is it one of countries? --- */

static bool has_place(const struct maxmind *db, struct mmdb_entry entry)
{
	struct place place = {.count = 0};

	read_record(db, entry, &place);
	return place.count;
}

/* Databases of providers, of domains and so on are read as well, and would say
 * of nobody where they are. */
static bool has_any_place(const struct maxmind *db)
{
	uint64_t put_off[MAX_PUT_OFF] = {0};
	size_t count = 1;

	for (unsigned i = 0; count && i < NODES_LOOKED_AT; i++) {
		struct mmdb_node node;

		if (db->library.read_node(&db->db, (uint32_t)put_off[--count],
					  &node) != MMDB_SUCCESS)
			return false;
		for (int side = 1; side >= 0; side--) {
			if (node.types[side] == MMDB_RECORD_OF_DATA &&
			    has_place(db, node.entries[side]))
				return true;
			if (node.types[side] == MMDB_SEARCH_NODE &&
			    count < MAX_PUT_OFF)
				put_off[count++] = node.records[side];
		}
	}
	return false;
}

/* --- the file --- */

static int copy(int from, int to, struct config_error *error)
{
	ssize_t len;

	do
		len = sendfile(to, from, NULL, 1 << 20);
	while (len > 0 || (len < 0 && errno == EINTR));
	return len ? config_refuse(error, "cannot be read: %s", strerror(errno))
		   : 0;
}

static int check_file(int fd, struct config_error *error)
{
	struct stat st;

	if (fstat(fd, &st))
		return config_refuse(error, "cannot be read: %s",
				     strerror(errno));
	if (!S_ISREG(st.st_mode))
		return config_refuse(error, "is no file");
	if (st.st_size > MAX_FILE_BYTES)
		return config_refuse(error, "is longer than %d MiB",
				     MAX_FILE_BYTES >> 20);
	return 0;
}

/* Returns a descriptor or a negative errno. */
static int load(const char *path, struct config_error *error)
{
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), to, err;

	if (from < 0)
		return config_refuse(error, "cannot be opened: %s",
				     strerror(errno));
	to = memfd_create("regions", MFD_CLOEXEC);
	err = to < 0 ? config_refuse_memory(error) : check_file(from, error);
	if (!err)
		err = copy(from, to, error);
	(void)close(from);
	if (!err)
		return to;
	if (to >= 0)
		(void)close(to);
	return err;
}

/* The library maps what it opens, and a file that is cut short while it is
 * written again would end us by SIGBUS: it is given a copy. */
static int open_copy(struct maxmind *db, const char *path,
		     struct config_error *error)
{
	int fd = load(path, error), err;
	char name[64];

	if (fd < 0)
		return fd;
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	err = db->library.open(name, 0, &db->db);
	(void)close(fd);
	if (err != MMDB_SUCCESS)
		return config_refuse(error, "is no MaxMind database: %s",
				     db->library.strerror(err));
	db->is_open = true;
	if (!has_any_place(db))
		return config_refuse(error,
				     "has no codes of countries or continents: "
				     "take a database of countries or cities, "
				     "such as GeoLite2-Country.mmdb");
	return 0;
}

int maxmind_new(struct maxmind **dbp, const char *path,
		struct config_error *error)
{
	struct maxmind *db = calloc(1, sizeof(*db));
	int err;

	if (!db)
		return config_refuse_memory(error);
	if (mmdb_load(&db->library))
		err = config_refuse(error, "is read by " MMDB_LIBRARY
					   ", which is not installed (Debian's "
					   "package libmaxminddb0)");
	else
		err = open_copy(db, path, error);
	if (!err) {
		*dbp = db;
		return 0;
	}
	if (err == -EINVAL)
		config_error_place(error, path);
	maxmind_free(db);
	return err;
}

void maxmind_free(struct maxmind *db)
{
	if (!db)
		return;
	if (db->is_open)
		db->library.close(&db->db);
	free(db);
}
