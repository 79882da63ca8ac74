/* state_dir.h: a folder of its own for each test, and a disk that is full. */
#ifndef SIGNALD_TESTS_STATE_DIR_H
#define SIGNALD_TESTS_STATE_DIR_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char state_dir[64];

static inline int state_dir_make(void)
{
	(void)snprintf(state_dir, sizeof(state_dir), "/tmp/state.XXXXXX");
	return mkdtemp(state_dir) ? 0 : -1;
}

static inline const char *state_path(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", state_dir, name);
	return path;
}

/* How many files there are. */
static inline int state_files_count(void)
{
	DIR *dir = opendir(state_dir);
	const struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		(void)closedir(dir);
	return count;
}

static inline int state_dir_remove(void)
{
	DIR *dir = opendir(state_dir);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)remove(state_path(entry->d_name));
	if (dir)
		(void)closedir(dir);
	return rmdir(state_dir);
}

static inline void state_write(const char *name, const char *text)
{
	FILE *file = fopen(state_path(name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* The whole file, NUL-terminated. */
static inline const char *state_read(const char *name)
{
	static char text[1024];
	FILE *file = fopen(state_path(name), "r");
	size_t len;

	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[len] = '\0';
	return text;
}

/* From now on no file of this process can grow beyond that, as on a full disk;
 * RLIM_INFINITY ends it. */
static inline void state_limit_files(rlim_t bytes)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
