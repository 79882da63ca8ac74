/* spool_load.c: what an earlier process has left of a spool. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "policy/spool_line.h"
#include "policy/spool_parts.h"

#define NAME_LEN (SPOOL_NUMBER_LEN + 4) /* and ".log" */
#define ACKED_FILE "acked"
#define BOOT_FILE "/proc/sys/kernel/random/boot_id"

static void read_boot(char out[SPOOL_BOOT_CAP])
{
	ssize_t len = state_file_read(BOOT_FILE, out, SPOOL_BOOT_CAP);

	len = len < 0 ? 0 : len;
	out[len] = '\0';
	out[strcspn(out, " \n")] = '\0';
	if (!*out)
		(void)snprintf(out, SPOOL_BOOT_CAP, "-");
}

/* Returns 0 with whether records may be lost, or a negative errno. */
static int load_stream(struct spool *spool, bool *may_lack)
{
	char path[STATE_FILE_PATH_CAP], text[256];
	int err = spool_path(spool, SPOOL_STREAM_FILE, path);
	struct span rest, id, boot;
	ssize_t len;

	if (err)
		return err;
	len = state_file_read(path, text, sizeof(text));
	if (len == -ENOENT) {
		crypto_new_id(spool->stream);
		*may_lack = false;
		return 0;
	}
	if (len < 0)
		return (int)len;
	rest = span_of(text, (size_t)len);
	if (!span_next_item(&rest, ' ', &id) ||
	    !span_next_item(&rest, ' ', &boot) || id.len != CRYPTO_ID_LEN ||
	    span_copy(id, spool->stream, sizeof(spool->stream)))
		return -EINVAL;
	*may_lack = !span_equal(boot, span_from(spool->boot)) &&
		    !span_equal(rest, SPAN("clean\n"));
	return 0;
}

/* One file has the lock for all: others would give the same numbers. File
 * systems without locks are let be. */
static int lock(const struct spool *spool)
{
	return flock(spool->acked_fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK
		       ? -EBUSY
		       : 0;
}

/* Returns 0 with whether it is known, or a negative errno. */
static int load_acked(struct spool *spool, bool *is_known)
{
	char path[STATE_FILE_PATH_CAP], text[SPOOL_NUMBER_LEN + 2];
	int err = spool_path(spool, ACKED_FILE, path);
	ssize_t len;

	if (err)
		return err;
	spool->acked_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (spool->acked_fd < 0)
		return -errno;
	err = lock(spool);
	if (err)
		return err;
	len = pread(spool->acked_fd, text, sizeof(text), 0);
	*is_known = len == SPOOL_NUMBER_LEN + 1 &&
		    text[SPOOL_NUMBER_LEN] == '\n' &&
		    !span_to_u64(span_of(text, SPOOL_NUMBER_LEN),
				 SPOOL_MOST_NUMBER, &spool->acked);
	return 0;
}

static int is_part(const struct dirent *entry)
{
	struct span name = span_from(entry->d_name);
	uint64_t first;

	return name.len == NAME_LEN &&
	       !strcmp(entry->d_name + SPOOL_NUMBER_LEN, ".log") &&
	       !span_to_u64(span_of(name.ptr, SPOOL_NUMBER_LEN),
			    SPOOL_MOST_NUMBER, &first) &&
	       first;
}

static int take_part(struct spool *spool, const char *name)
{
	char path[STATE_FILE_PATH_CAP];
	int err = spool_path(spool, name, path);
	struct spool_part *part;
	struct stat status;
	uint64_t first;

	if (err)
		return err;
	if (stat(path, &status) || span_to_u64(span_of(name, SPOOL_NUMBER_LEN),
					       SPOOL_MOST_NUMBER, &first))
		return -errno;
	part = spool_part_new(first);
	if (!part)
		return -ENOMEM;
	spool_part_add(spool, part);
	part->bytes = (size_t)status.st_size;
	spool->bytes += part->bytes;
	return 0;
}

static int list_parts(struct spool *spool)
{
	struct dirent **entries;
	int count = scandir(spool->dir, &entries, is_part, alphasort);
	int err = count < 0 ? -errno : 0;

	for (int i = 0; i < count; i++) {
		if (!err)
			err = take_part(spool, entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return err;
}

/* Where the last whole record of the newest file ends, and its number. */
static size_t find_end(struct span bytes, uint64_t *last)
{
	struct span rest = bytes, text;
	uint64_t number;
	size_t end = 0;
	int found;

	while ((found = spool_line_take(&rest, &number, &text)) != 0) {
		if (found < 0 || number <= *last)
			continue;
		*last = number;
		end = bytes.len - rest.len;
	}
	return end;
}

/* Returns how many bytes of its end there are in chunk, or a negative errno. */
static ssize_t read_end(const struct spool *spool,
			const struct spool_part *part, char *chunk)
{
	size_t len = part->bytes < SPOOL_CHUNK ? part->bytes : SPOOL_CHUNK;
	int fd = spool_part_open(spool, part->first, O_RDONLY);
	ssize_t found;

	if (fd < 0)
		return fd;
	found = pread(fd, chunk, len, (off_t)(part->bytes - len));
	(void)close(fd);
	return found;
}

/* Of a file that is not the newest: without a record at its end it may have had
 * all numbers up to those of the next. */
static void find_last(const struct spool *spool, struct spool_part *part,
		      char *chunk)
{
	uint64_t most = part->next->first - 1;
	uint64_t last = part->first - 1;
	ssize_t len = part->bytes ? read_end(spool, part, chunk) : 0;

	if (len > 0)
		(void)find_end(span_of(chunk, (size_t)len), &last);
	part->last = (part->bytes && last < part->first) || last > most ? most
									: last;
}

static int find_lasts(const struct spool *spool)
{
	char *chunk = malloc(SPOOL_CHUNK);

	if (!chunk)
		return -ENOMEM;
	for (struct spool_part *part = spool->oldest; part != spool->newest;
	     part = part->next)
		find_last(spool, part, chunk);
	free(chunk);
	return 0;
}

/* A crash may have left half a line at its end. */
static int open_newest(struct spool *spool)
{
	struct spool_part *part = spool->newest;
	char path[STATE_FILE_PATH_CAP];
	struct buf bytes = {0};
	int err = spool_part_path(spool, part->first, path);
	size_t end;

	if (!err)
		err = file_read_all(path, part->bytes + 1, &bytes);
	if (err) {
		buf_clear(&bytes);
		return err;
	}
	end = find_end(buf_span(&bytes), &part->last);
	buf_clear(&bytes);
	spool->bytes -= part->bytes - end;
	part->bytes = end;
	spool->fd = spool_part_open(spool, part->first, O_RDWR | O_APPEND);
	if (spool->fd < 0)
		return spool->fd;
	return ftruncate(spool->fd, (off_t)end) ? -errno : 0;
}

/* Returns 0 with whether it is known what was acknowledged, and whether records
 * may be lost; or a negative errno. */
static int load_files(struct spool *spool, bool *is_known, bool *may_lack)
{
	int err = load_acked(spool, is_known);

	if (!err)
		err = load_stream(spool, may_lack);
	if (!err)
		err = list_parts(spool);
	if (!err)
		err = find_lasts(spool);
	if (!err && spool->newest)
		err = open_newest(spool);
	return err;
}

/* There is an at_part when all of it is loaded. */
static int load(struct spool *spool)
{
	bool may_lack = false, is_known = false;
	int err = load_files(spool, &is_known, &may_lack);

	if (err)
		return err;
	if (spool->newest)
		spool->last = spool->newest->last;
	if (spool->oldest && !is_known)
		spool->acked = spool->oldest->first - 1;
	if (spool->acked > spool->last)
		spool->last = spool->acked;
	if (may_lack)
		spool->last += SPOOL_JUMP;
	if (!spool->newest || may_lack)
		err = spool_part_begin(spool, spool->last + 1);
	if (err)
		return err;
	spool->at_part = spool->oldest;
	spool_save_acked(spool);
	return 0;
}

int spool_open(struct spool **spoolp, const char *dir, size_t max_bytes)
{
	struct spool *spool = calloc(1, sizeof(*spool));
	int err = 0;

	if (!spool)
		return -ENOMEM;
	spool->fd = -1;
	spool->acked_fd = -1;
	spool->max_bytes = max_bytes;
	spool->dir = strdup(dir);
	if (!spool->dir)
		err = -ENOMEM;
	else if (mkdir(dir, 0700) && errno != EEXIST)
		err = -errno;
	read_boot(spool->boot);
	if (!err)
		err = load(spool);
	if (!err)
		err = spool_save_stream(spool, "open");
	if (err) {
		spool_close(spool);
		return err;
	}
	*spoolp = spool;
	return 0;
}
