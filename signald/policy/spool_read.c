/* spool_read.c: what of a spool is still to be had. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/spool_line.h"
#include "policy/spool_parts.h"

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
	const struct spool_part *part;
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
static void move_on(struct look *look, const struct spool_part *part)
{
	if (look->batch->count)
		return;
	look->spool->at_part = part;
	look->spool->at_offset = look->offset;
}

static int look_at_chunk(struct look *look, const struct spool_part *part,
			 int fd, char *chunk)
{
	size_t left = part->bytes - look->offset;
	ssize_t len = pread(fd, chunk, left < SPOOL_CHUNK ? left : SPOOL_CHUNK,
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

static int look_at_part(struct look *look, const struct spool_part *part,
			char *chunk)
{
	int fd = spool_part_open(look->spool, part->first, O_RDONLY);
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
	char *chunk = malloc(SPOOL_CHUNK);
	int err = chunk ? 0 : -ENOMEM;

	*batch = (struct spool_batch){.count = 0};
	/* A file that cannot be read is passed over: its numbers are missing.
	 */
	for (const struct spool_part *part = spool->at_part;
	     part && !look.is_full && err != -ENOMEM; part = part->next)
		err = look_at_part(&look, part, chunk);
	free(chunk);
	if (batch->texts.failed)
		err = -ENOMEM;
	if (batch->count && batch->first > spool->acked + 1)
		batch->missing_from = spool->acked + 1;
	return batch->count && err != -ENOMEM ? 0 : err;
}
