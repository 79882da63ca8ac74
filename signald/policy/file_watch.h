/* file_watch.h: has a file been written since it was last looked at? */
#ifndef SIGNALD_POLICY_FILE_WATCH_H
#define SIGNALD_POLICY_FILE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* One look at a file: another one is another file, another content, or another
 * right to read it. All zero: there is none. */
struct file_stamp {
	uint64_t device, inode, size, changed_ns;
};

struct file_stamp file_stamp(const char *path);
bool file_stamp_is_same(const struct file_stamp *a, const struct file_stamp *b);

/* Zero-initialised: nothing has been seen yet. */
struct file_watch {
	struct file_stamp seen;
	uint64_t due_ms;
};

/*
 * Look at the file, at most once a second. True the first time, never for a
 * file that is not there.
 *
 * now_ms  monotonic
 */
bool file_watch_changed(struct file_watch *watch, const char *path,
			uint64_t now_ms);

#endif
