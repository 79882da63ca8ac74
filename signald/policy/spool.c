/* spool.c: numbered records on disk, until somebody has them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "policy/spool_line.h"
#include "policy/spool_parts.h"

#define PARTS 8 /* files that hold max_bytes */
#define NAME_FORMAT "%020" PRIu64 ".log"
#define NAME_CAP (SPOOL_NUMBER_LEN + 5)

/* --- files --- */

int spool_path(const struct spool *spool, const char *name,
	       char path[STATE_FILE_PATH_CAP])
{
	return state_file_path(spool->dir, name, path);
}

int spool_part_path(const struct spool *spool, uint64_t first,
		    char path[STATE_FILE_PATH_CAP])
{
	char name[NAME_CAP];

	(void)snprintf(name, sizeof(name), NAME_FORMAT, first);
	return spool_path(spool, name, path);
}

int spool_part_open(const struct spool *spool, uint64_t first, int flags)
{
	char path[STATE_FILE_PATH_CAP];
	int err = spool_part_path(spool, first, path);
	int fd;

	if (err)
		return err;
	fd = open(path, flags | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

struct spool_part *spool_part_new(uint64_t first)
{
	struct spool_part *part = calloc(1, sizeof(*part));

	if (!part)
		return NULL;
	part->first = first;
	part->last = first - 1;
	return part;
}

void spool_part_add(struct spool *spool, struct spool_part *part)
{
	if (spool->newest)
		spool->newest->next = part;
	else
		spool->oldest = part;
	spool->newest = part;
}

int spool_part_begin(struct spool *spool, uint64_t first)
{
	/* First of all: without memory no file is left behind. */
	struct spool_part *part = spool_part_new(first);
	int fd;

	if (!part)
		return -ENOMEM;
	fd = spool_part_open(spool, first, O_RDWR | O_CREAT | O_APPEND);
	if (fd < 0) {
		free(part);
		return fd;
	}
	spool_part_add(spool, part);
	if (spool->fd >= 0)
		(void)close(spool->fd);
	spool->fd = fd;
	return 0;
}

/* How many numbers of it are not acknowledged. */
static uint64_t waiting_in(const struct spool_part *part, uint64_t acked)
{
	uint64_t from = acked + 1 > part->first ? acked + 1 : part->first;

	return part->last >= from ? part->last - from + 1 : 0;
}

/* Never the newest. */
static void end_oldest(struct spool *spool)
{
	struct spool_part *part = spool->oldest;
	char path[STATE_FILE_PATH_CAP];

	if (!spool_part_path(spool, part->first, path))
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
	if (spool->pending.cap > SPOOL_CHUNK)
		buf_clear(&spool->pending);
	spool->pending.len = 0;
	spool->pending_count = 0;
}

/* What was written of it is taken back, as far as can be. */
static int lose_pending(struct spool *spool, int err)
{
	const struct spool_part *part = spool->newest;

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
		err = spool_part_begin(spool, spool->pending_first);
	if (!err)
		spool->is_spoilt = false;
	while (spool->bytes + len > spool->max_bytes &&
	       spool->oldest != spool->newest)
		end_oldest(spool);
	return err;
}

int spool_flush(struct spool *spool)
{
	struct spool_part *part;
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

void spool_save_acked(const struct spool *spool)
{
	char text[SPOOL_NUMBER_LEN + 2];

	(void)snprintf(text, sizeof(text), "%020" PRIu64 "\n", spool->acked);
	if (pwrite(spool->acked_fd, text, SPOOL_NUMBER_LEN + 1, 0) < 0)
		return;
}

void spool_ack(struct spool *spool, uint64_t number)
{
	if (number <= spool->acked || number > spool->last)
		return;
	spool->acked = number;
	spool_save_acked(spool);
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
	for (const struct spool_part *part = spool->oldest; part;
	     part = part->next)
		facts->waiting += waiting_in(part, spool->acked);
}

void spool_set_max(struct spool *spool, size_t max_bytes)
{
	spool->max_bytes = max_bytes;
}

/* --- the end --- */

const char *spool_strerror(int err)
{
	return err == -EBUSY ? "another signald uses this folder: each needs a "
			       "state.dir of its own, and one that is still "
			       "ending must have ended"
			     : strerror(-err);
}

int spool_save_stream(const struct spool *spool, const char *how)
{
	char path[STATE_FILE_PATH_CAP], text[256];
	int err = spool_path(spool, SPOOL_STREAM_FILE, path);

	if (err)
		return err;
	(void)snprintf(text, sizeof(text), "%s %s %s\n", spool->stream,
		       spool->boot, how);
	return state_file_write(path, span_from(text));
}

static void end_well(struct spool *spool)
{
	(void)spool_flush(spool);
	if (spool->fd >= 0 && spool->acked_fd >= 0 && !fdatasync(spool->fd) &&
	    !fdatasync(spool->acked_fd))
		(void)spool_save_stream(spool, "clean");
}

void spool_close(struct spool *spool)
{
	if (!spool)
		return;
	if (spool->at_part)
		end_well(spool);
	while (spool->oldest) {
		struct spool_part *part = spool->oldest;

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
