/* file_watch.c: has a file been written since it was last looked at? */
#include <sys/stat.h>

#include "policy/file_watch.h"

#define EVERY_MS 1000

struct file_stamp file_stamp(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return (struct file_stamp){.inode = 0};
	return (struct file_stamp){
		.device = st.st_dev,
		.inode = st.st_ino,
		.size = (uint64_t)st.st_size,
		/* A time of writing can be set back, and mv and cp do so. */
		.changed_ns = (uint64_t)st.st_ctim.tv_sec * 1000000000ull +
			      (uint64_t)st.st_ctim.tv_nsec,
	};
}

bool file_stamp_is_same(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && a->changed_ns == b->changed_ns;
}

bool file_watch_changed(struct file_watch *watch, const char *path,
			uint64_t now_ms)
{
	struct file_stamp now;
	bool has_changed;

	if (now_ms < watch->due_ms)
		return false;
	watch->due_ms = now_ms + EVERY_MS;
	now = file_stamp(path);
	if (!now.inode)
		return false;
	has_changed = !file_stamp_is_same(&watch->seen, &now);
	watch->seen = now;
	return has_changed;
}
