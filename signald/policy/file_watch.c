/* file_watch.c: has a file been written since it was last looked at? */
#include "policy/file_watch.h"

#define EVERY_MS 1000

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool file_watch_changed(struct file_watch *watch, const char *path,
			uint64_t now_ms)
{
	bool has_changed;
	struct stat st;

	if (now_ms < watch->due_ms)
		return false;
	watch->due_ms = now_ms + EVERY_MS;
	if (stat(path, &st))
		return false;
	has_changed = !is_same(&watch->seen, &st);
	watch->seen = st;
	return has_changed;
}
