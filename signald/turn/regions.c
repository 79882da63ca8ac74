/* regions.c: in which region a client's address is. */
#include <errno.h>
#include <stdlib.h>

#include "policy/file_watch.h"
#include "turn/maxmind.h"
#include "turn/region_table.h"
#include "turn/regions.h"

/* One of the two, or neither while no file was any good. */
struct regions {
	char *path;
	struct file_watch watch;
	struct region_table *table;
	struct maxmind *maxmind;
};

static bool is_maxmind(const char *path)
{
	size_t len = strlen(path);

	return len > 5 &&
	       span_equal_nocase(span_of(path + len - 5, 5), SPAN(".mmdb"));
}

int regions_new(struct regions **regionsp, const char *path)
{
	struct regions *regions = calloc(1, sizeof(*regions));

	if (!regions)
		return -ENOMEM;
	regions->path = strdup(path);
	if (!regions->path) {
		free(regions);
		return -ENOMEM;
	}
	*regionsp = regions;
	return 0;
}

static void forget(struct regions *regions)
{
	region_table_free(regions->table);
	maxmind_free(regions->maxmind);
	regions->table = NULL;
	regions->maxmind = NULL;
}

void regions_free(struct regions *regions)
{
	if (!regions)
		return;
	forget(regions);
	free(regions->path);
	free(regions);
}

const char *regions_path(const struct regions *regions)
{
	return regions->path;
}

/* What is known of addresses goes from one to the other. */
static void move(struct regions *to, struct regions *from)
{
	forget(to);
	to->table = from->table;
	to->maxmind = from->maxmind;
	from->table = NULL;
	from->maxmind = NULL;
}

static int read_file(struct regions *regions, struct config_error *error)
{
	struct regions made = {.table = NULL};
	int err = is_maxmind(regions->path)
			  ? maxmind_new(&made.maxmind, regions->path, error)
			  : region_table_new(&made.table, regions->path, error);

	if (err)
		return err;
	move(regions, &made);
	return 0;
}

int regions_read(struct regions *regions, struct config_error *error)
{
	/* Looked at first: what is written meanwhile is seen as a change. */
	(void)file_watch_changed(&regions->watch, regions->path, 0);
	return read_file(regions, error);
}

int regions_follow(struct regions *regions, uint64_t now_ms,
		   struct config_error *error)
{
	int err;

	if (!file_watch_changed(&regions->watch, regions->path, now_ms))
		return 0;
	err = read_file(regions, error);
	return err ? err : 1;
}

bool regions_adopt(struct regions *regions, struct regions *from)
{
	if (strcmp(regions->path, from->path) != 0 ||
	    (!from->table && !from->maxmind))
		return false;
	move(regions, from);
	return true;
}

void regions_find(const struct regions *regions, const struct net_addr *addr,
		  struct place *place)
{
	if (regions->maxmind)
		maxmind_find(regions->maxmind, addr, place);
	else if (regions->table)
		place_add(place, region_table_find(regions->table, addr));
}
