/* replay.c: run a fuzz target over files and folders of inputs, without a
 * fuzzer. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static int fail(const char *path)
{
	(void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return -1;
}

/* The input lies in a block of just its size, so ASan sees one byte too far. */
static int run_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(size ? size : 1);
	int result = -1;

	if (!file || !data || fread(data, 1, size, file) != size)
		(void)fail(path);
	else
		result = LLVMFuzzerTestOneInput(data, size) ? -1 : 1;
	if (file)
		(void)fclose(file);
	free(data);
	return result;
}

static int run_path(const char *path);

static int run_folder(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int count = 0;

	if (!dir)
		return fail(path);
	while (count >= 0 && (entry = readdir(dir))) {
		char name[PATH_MAX];
		int added;

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path,
			       entry->d_name);
		added = run_path(name);
		count = added < 0 ? -1 : count + added;
	}
	(void)closedir(dir);
	return count;
}

/* Returns how many inputs were run, -1 when one could not be read. */
static int run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return fail(path);
	if (S_ISDIR(st.st_mode))
		return run_folder(path);
	return run_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int count = run_path(argv[i]);

		if (count < 0)
			return 1;
		total += count;
	}
	(void)printf("%d inputs replayed\n", total);
	return total ? 0 : 1; /* an empty corpus would prove nothing */
}
