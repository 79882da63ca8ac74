/* spool.c: numbered records on disk, until somebody has them. */
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
#include "policy/spool.h"
#include "policy/spool_line.h"
#include "policy/state_file.h"

#define PARTS 8 /* files that hold max_bytes */
#define NUMBER_LEN 20
#define NAME_FORMAT "%020" PRIu64 ".log"
#define NAME_LEN (NUMBER_LEN + 4)
#define CHUNK 262144
#define STREAM_FILE "stream"
#define ACKED_FILE "acked"
#define BOOT_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_CAP 64

/*
 * In the folder:
 *
 *   stream   ID BOOT open|clean     written at the beginning and at the end
 *   acked    NUMBER                 of 20 digits, overwritten in place; locked
 *                                   by whoever has the folder open
 *   NUMBER.log                      records from that number on, in lines
 */
struct part {
	uint64_t first; /* in its name */
	uint64_t last;	/* first - 1: it has none */
	size_t bytes;
	struct part *next;
};

struct spool {
	char *dir;
	size_t max_bytes;
	char stream[CRYPTO_ID_LEN + 1];
	char boot[BOOT_CAP];
	struct part *oldest, *newest; /* there is one at least */
	int fd;			      /* of the newest */
	int acked_fd;
	size_t bytes;
	uint64_t last;
	uint64_t acked;
	uint64_t dropped;
	bool is_spoilt; /* behind the newest file's records lies something */
	struct buf pending;
	size_t pending_count;
	uint64_t pending_first;
	/* Where the first record that is not acknowledged may be. */
	const struct part *at_part;
	size_t at_offset;
};

/* --- files --- */

static int path_of(const struct spool *spool, const char *name,
		   char path[STATE_FILE_PATH_CAP])
{
	return state_file_path(spool->dir, name, path);
}

static int part_path(const struct spool *spool, uint64_t first,
		     char path[STATE_FILE_PATH_CAP])
{
	char name[NAME_LEN + 1];

	(void)snprintf(name, sizeof(name), NAME_FORMAT, first);
	return path_of(spool, name, path);
}

/* Returns the descriptor, or a negative errno. */
static int open_part(const struct spool *spool, uint64_t first, int flags)
{
	char path[STATE_FILE_PATH_CAP];
	int err = part_path(spool, first, path);
	int fd;

	if (err)
		return err;
	fd = open(path, flags | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static struct part *new_part(uint64_t first)
{
	struct part *part = calloc(1, sizeof(*part));

	if (!part)
		return NULL;
	part->first = first;
	part->last = first - 1;
	return part;
}

static void add_part(struct spool *spool, struct part *part)
{
	if (spool->newest)
		spool->newest->next = part;
	else
		spool->oldest = part;
	spool->newest = part;
}

/* Returns 0; the file before stays the newest with an error. */
static int begin_part(struct spool *spool, uint64_t first)
{
	struct part *part = new_part(first);
	int fd;

	if (!part)
		return -ENOMEM;
	fd = open_part(spool, first, O_RDWR | O_CREAT | O_APPEND);
	if (fd < 0) {
		free(part);
		return fd;
	}
	add_part(spool, part);
	if (spool->fd >= 0)
		(void)close(spool->fd);
	spool->fd = fd;
	return 0;
}

/* How many numbers of it are not acknowledged. */
static uint64_t waiting_in(const struct part *part, uint64_t acked)
{
	uint64_t from = acked + 1 > part->first ? acked + 1 : part->first;

	return part->last >= from ? part->last - from + 1 : 0;
}

/* Never the newest. */
static void end_oldest(struct spool *spool)
{
	struct part *part = spool->oldest;
	char path[STATE_FILE_PATH_CAP];

	if (!part_path(spool, part->first, path))
		(void)unlink(path);
	spool->dropped += waiting_in(part, spool->acked);
	spool->bytes -= part->bytes;
	spool->oldest = part->next;
	if (spool->at_part == part) {
		spool->at_part = part->next;
		spool->at_offset = 0;
	}
	free(part);
}

/* --- what was put --- */

static size_t part_bytes(const struct spool *spool)
{
	return spool->max_bytes / PARTS;
}

uint64_t spool_last(const struct spool *spool)
{
	return spool->last;
}

const char *spool_stream(const struct spool *spool)
{
	return spool->stream;
}

void spool_skip(struct spool *spool)
{
	spool->last++;
	spool->dropped++;
}

void spool_put(struct spool *spool, struct span text)
{
	uint64_t number = spool->last + 1;
	size_t before = spool->pending.len;

	if (text.len <= SPOOL_MAX_RECORD)
		spool_line_write(&spool->pending, number, text);
	if (spool->pending.failed || spool->pending.len == before) {
		spool->pending.len = before;
		spool->pending.failed = false;
		spool_skip(spool);
		return;
	}
	if (!spool->pending_count++)
		spool->pending_first = number;
	spool->last = number;
	/* As much as a file is to have. */
	if (spool->pending.len >= part_bytes(spool))
		(void)spool_flush(spool);
}

static void forget_pending(struct spool *spool)
{
	if (spool->pending.cap > CHUNK)
		buf_clear(&spool->pending);
	spool->pending.len = 0;
	spool->pending_count = 0;
}

/* What was written of it is taken back, as far as can be. */
static int lose_pending(struct spool *spool, int err)
{
	const struct part *part = spool->newest;

	if (ftruncate(spool->fd, (off_t)part->bytes))
		spool->is_spoilt = true;
	spool->dropped += spool->pending_count;
	forget_pending(spool);
	return err;
}

static int make_room(struct spool *spool)
{
	size_t len = spool->pending.len;
	size_t most = part_bytes(spool);
	int err = 0;

	if (spool->is_spoilt ||
	    (spool->newest->bytes && spool->newest->bytes + len > most))
		err = begin_part(spool, spool->pending_first);
	if (!err)
		spool->is_spoilt = false;
	while (spool->bytes + len > spool->max_bytes &&
	       spool->oldest != spool->newest)
		end_oldest(spool);
	return err;
}

int spool_flush(struct spool *spool)
{
	struct part *part;
	int err;

	if (!spool->pending_count)
		return 0;
	err = make_room(spool);
	if (!err)
		err = file_write_all(spool->fd, buf_span(&spool->pending));
	if (err)
		return lose_pending(spool, err);
	part = spool->newest;
	part->last = spool->last;
	part->bytes += spool->pending.len;
	spool->bytes += spool->pending.len;
	forget_pending(spool);
	return 0;
}

/* --- what is read --- */

static void take_record(struct spool_batch *batch, uint64_t number,
			struct span text)
{
	if (batch->count++)
		buf_append_str(&batch->texts, ",");
	else
		batch->first = number;
	buf_append_span(&batch->texts, text);
	batch->last = number;
}

/* What one look at a file brings. */
struct look {
	struct spool *spool;
	struct spool_batch *batch;
	size_t max_count, max_bytes;
	const struct part *part;
	size_t offset; /* behind what was taken, and what is of no use */
	bool is_full;
};

/* A number that is of another file is damage. */
static bool is_wanted(const struct look *look, uint64_t number)
{
	const struct spool_batch *batch = look->batch;

	return number >= look->part->first && number <= look->part->last &&
	       number > look->spool->acked &&
	       (!batch->count || number > batch->last);
}

/* In one batch no number is missing: it is in front of one that some are. */
static bool ends_before(const struct look *look, uint64_t number,
			struct span text)
{
	const struct spool_batch *batch = look->batch;

	return batch->count == look->max_count ||
	       (batch->count &&
		(number != batch->last + 1 ||
		 batch->texts.len + text.len > look->max_bytes));
}

/* Returns whether there may be more in the bytes. */
static bool take_next(struct look *look, struct span *rest)
{
	size_t before = rest->len;
	struct span at = *rest, text;
	uint64_t number;
	int found = spool_line_take(&at, &number, &text);

	if (!found)
		return false;
	if (found > 0 && is_wanted(look, number)) {
		look->is_full = ends_before(look, number, text);
		if (look->is_full)
			return false;
		take_record(look->batch, number, text);
	}
	*rest = at;
	look->offset += before - at.len;
	return true;
}

/* Only what is acknowledged, or of no use, lies in front of the first record
 * that is wanted: it is not looked at again. */
static void move_on(struct look *look, const struct part *part)
{
	if (look->batch->count)
		return;
	look->spool->at_part = part;
	look->spool->at_offset = look->offset;
}

static int look_at_chunk(struct look *look, const struct part *part, int fd,
			 char *chunk)
{
	size_t left = part->bytes - look->offset;
	ssize_t len = pread(fd, chunk, left < CHUNK ? left : CHUNK,
			    (off_t)look->offset);
	size_t before = look->offset;
	struct span rest;

	if (len <= 0)
		return len < 0 ? -errno : -EIO;
	rest = span_of(chunk, (size_t)len);
	while (take_next(look, &rest))
		move_on(look, part);
	/* No line is so long: these bytes are none. */
	if (look->offset == before && !look->is_full)
		look->offset += (size_t)len;
	return 0;
}

static int look_at_part(struct look *look, const struct part *part, char *chunk)
{
	int fd = open_part(look->spool, part->first, O_RDONLY);
	int err = fd < 0 ? fd : 0;

	look->part = part;
	look->offset =
		part == look->spool->at_part ? look->spool->at_offset : 0;
	while (!err && !look->is_full && look->offset < part->bytes)
		err = look_at_chunk(look, part, fd, chunk);
	if (fd >= 0)
		(void)close(fd);
	return err;
}

int spool_read(struct spool *spool, size_t max_count, size_t max_bytes,
	       struct spool_batch *batch)
{
	struct look look = {.spool = spool,
			    .batch = batch,
			    .max_count = max_count,
			    .max_bytes = max_bytes};
	char *chunk = malloc(CHUNK);
	int err = chunk ? 0 : -ENOMEM;

	*batch = (struct spool_batch){.count = 0};
	/* A file that cannot be read is passed over: its numbers are missing.
	 */
	for (const struct part *part = spool->at_part;
	     part && !look.is_full && err != -ENOMEM; part = part->next)
		err = look_at_part(&look, part, chunk);
	free(chunk);
	if (batch->texts.failed)
		err = -ENOMEM;
	if (batch->count && batch->first > spool->acked + 1)
		batch->missing_from = spool->acked + 1;
	return batch->count && err != -ENOMEM ? 0 : err;
}

/* Lost, it costs that some are read again. */
static void save_acked(const struct spool *spool)
{
	char text[NUMBER_LEN + 2];

	(void)snprintf(text, sizeof(text), "%020" PRIu64 "\n", spool->acked);
	if (pwrite(spool->acked_fd, text, NUMBER_LEN + 1, 0) < 0)
		return;
}

void spool_ack(struct spool *spool, uint64_t number)
{
	if (number <= spool->acked || number > spool->last)
		return;
	spool->acked = number;
	save_acked(spool);
	while (spool->oldest != spool->newest && spool->oldest->last <= number)
		end_oldest(spool);
}

void spool_facts(const struct spool *spool, struct spool_facts *facts)
{
	*facts = (struct spool_facts){
		.waiting = spool->pending_count,
		.bytes = spool->bytes,
		.dropped = spool->dropped,
	};
	for (const struct part *part = spool->oldest; part; part = part->next)
		facts->waiting += waiting_in(part, spool->acked);
}

/* --- beginning and end --- */

void spool_set_max(struct spool *spool, size_t max_bytes)
{
	spool->max_bytes = max_bytes;
}

static int save_stream(const struct spool *spool, const char *how)
{
	char path[STATE_FILE_PATH_CAP], text[256];
	int err = path_of(spool, STREAM_FILE, path);

	if (err)
		return err;
	(void)snprintf(text, sizeof(text), "%s %s %s\n", spool->stream,
		       spool->boot, how);
	return state_file_write(path, span_from(text));
}

static void read_boot(char out[BOOT_CAP])
{
	ssize_t len = state_file_read(BOOT_FILE, out, BOOT_CAP);

	len = len < 0 ? 0 : len;
	out[len] = '\0';
	out[strcspn(out, " \n")] = '\0';
	if (!*out)
		(void)snprintf(out, BOOT_CAP, "-");
}

/* Returns 0 with whether records may be lost, or a negative errno. */
static int load_stream(struct spool *spool, bool *may_lack)
{
	char path[STATE_FILE_PATH_CAP], text[256];
	int err = path_of(spool, STREAM_FILE, path);
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
	char path[STATE_FILE_PATH_CAP], text[NUMBER_LEN + 2];
	int err = path_of(spool, ACKED_FILE, path);
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
	*is_known = len == NUMBER_LEN + 1 && text[NUMBER_LEN] == '\n' &&
		    !span_to_u64(span_of(text, NUMBER_LEN), SPOOL_MOST_NUMBER,
				 &spool->acked);
	return 0;
}

static int is_part(const struct dirent *entry)
{
	struct span name = span_from(entry->d_name);
	uint64_t first;

	return name.len == NAME_LEN &&
	       !strcmp(entry->d_name + NUMBER_LEN, ".log") &&
	       !span_to_u64(span_of(name.ptr, NUMBER_LEN), SPOOL_MOST_NUMBER,
			    &first) &&
	       first;
}

static int take_part(struct spool *spool, const char *name)
{
	char path[STATE_FILE_PATH_CAP];
	int err = path_of(spool, name, path);
	struct part *part;
	struct stat status;
	uint64_t first;

	if (err)
		return err;
	if (stat(path, &status) ||
	    span_to_u64(span_of(name, NUMBER_LEN), SPOOL_MOST_NUMBER, &first))
		return -errno;
	part = new_part(first);
	if (!part)
		return -ENOMEM;
	add_part(spool, part);
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
static ssize_t read_end(const struct spool *spool, const struct part *part,
			char *chunk)
{
	size_t len = part->bytes < CHUNK ? part->bytes : CHUNK;
	int fd = open_part(spool, part->first, O_RDONLY);
	ssize_t found;

	if (fd < 0)
		return fd;
	found = pread(fd, chunk, len, (off_t)(part->bytes - len));
	(void)close(fd);
	return found;
}

/* Of a file that is not the newest: without a record at its end it may have had
 * all numbers up to those of the next. */
static void find_last(const struct spool *spool, struct part *part, char *chunk)
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
	char *chunk = malloc(CHUNK);

	if (!chunk)
		return -ENOMEM;
	for (struct part *part = spool->oldest; part != spool->newest;
	     part = part->next)
		find_last(spool, part, chunk);
	free(chunk);
	return 0;
}

/* A crash may have left half a line at its end. */
static int open_newest(struct spool *spool)
{
	struct part *part = spool->newest;
	char path[STATE_FILE_PATH_CAP];
	struct buf bytes = {0};
	int err = part_path(spool, part->first, path);
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
	spool->fd = open_part(spool, part->first, O_RDWR | O_APPEND);
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
		err = begin_part(spool, spool->last + 1);
	if (err)
		return err;
	spool->at_part = spool->oldest;
	save_acked(spool);
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
		err = save_stream(spool, "open");
	if (err) {
		spool_close(spool);
		return err;
	}
	*spoolp = spool;
	return 0;
}

const char *spool_strerror(int err)
{
	return err == -EBUSY ? "another signald uses this folder: each needs a "
			       "state.dir of its own, and one that is still "
			       "ending must have ended"
			     : strerror(-err);
}

static void end_well(struct spool *spool)
{
	(void)spool_flush(spool);
	if (spool->fd >= 0 && spool->acked_fd >= 0 && !fdatasync(spool->fd) &&
	    !fdatasync(spool->acked_fd))
		(void)save_stream(spool, "clean");
}

void spool_close(struct spool *spool)
{
	if (!spool)
		return;
	if (spool->at_part)
		end_well(spool);
	while (spool->oldest) {
		struct part *part = spool->oldest;

		spool->oldest = part->next;
		free(part);
	}
	if (spool->fd >= 0)
		(void)close(spool->fd);
	if (spool->acked_fd >= 0)
		(void)close(spool->acked_fd);
	buf_clear(&spool->pending);
	free(spool->dir);
	free(spool);
}
