/* fuzz_spool.c: whatever lies in the file of a spool, it opens, gives rising
 * numbers, and takes new records. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fuzz.h"
#include "policy/spool.h"
#include "policy/state_file.h"

static char dir[64];

static void make_dir(void)
{
	if (*dir)
		return;
	/* In memory, where there is such a place: it is synced each time. */
	(void)snprintf(dir, sizeof(dir), "%s/fuzz-spool.XXXXXX",
		       access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	MUST(mkdtemp(dir));
}

static const char *path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, struct span bytes)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		      0600);

	MUST(fd >= 0 && !file_write_all(fd, bytes) && !close(fd));
}

static void remove_all(void)
{
	static const char *const names[] = {"stream", "acked",
					    "00000000000000000001.log",
					    "00000000000000000007.log"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		(void)unlink(path_of(names[i]));
}

/* Read it to its end. Returns the last number. */
static uint64_t drain(struct spool *spool)
{
	uint64_t last = 0;

	for (;;) {
		struct spool_batch batch;
		size_t count;

		MUST(!spool_read(spool, 3, 1000, &batch));
		count = batch.count;
		buf_clear(&batch.texts);
		if (!count)
			return last;
		MUST(batch.first > last &&
		     batch.last == batch.first + count - 1);
		MUST(batch.missing_from < batch.first);
		last = batch.last;
		spool_ack(spool, last);
	}
}

static void check_files(struct span bytes)
{
	const char *cut = bytes.len ? memchr(bytes.ptr, '\0', bytes.len) : NULL;
	size_t len = cut ? (size_t)(cut - bytes.ptr) : bytes.len;
	struct spool *spool;
	uint64_t last;

	write_file("00000000000000000001.log", span_of(bytes.ptr, len));
	if (cut)
		write_file("00000000000000000007.log",
			   span_skip(bytes, len + 1));
	MUST(!spool_open(&spool, dir, SPOOL_MIN_BYTES));
	MUST(drain(spool) <= spool_last(spool));
	spool_put(spool, SPAN("{}"));
	MUST(!spool_flush(spool));
	last = drain(spool);
	MUST(last == spool_last(spool));
	spool_close(spool);
	remove_all();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	make_dir();
	check_files(span_of(data, size));
	return 0;
}
