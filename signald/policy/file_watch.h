/* file_watch.h: has a file been written since it was last looked at? */
#ifndef SIGNALD_POLICY_FILE_WATCH_H
#define SIGNALD_POLICY_FILE_WATCH_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised: nothing has been seen yet. */
struct file_watch {
	struct stat seen;
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
