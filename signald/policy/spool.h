/* spool.h: numbered records on disk, until somebody has them. */
#ifndef SIGNALD_POLICY_SPOOL_H
#define SIGNALD_POLICY_SPOOL_H

#include "base/buf.h"
#include "base/crypto.h"

/*
 * A queue in a folder of its own. Records get rising numbers and are appended
 * to the last of some files; a file goes when all of it is acknowledged, or
 * when there is no room for more, the oldest first: what was in it is dropped,
 * and its numbers are missing.
 *
 * What spool_flush() has written outlives the process, however it ends. When
 * the machine itself goes down the last seconds may be lost; the numbers then
 * go on SPOOL_JUMP higher, so that none is given twice.
 */
struct spool;

#define SPOOL_JUMP 1000000
#define SPOOL_MAX_RECORD 16384
#define SPOOL_MIN_BYTES 65536

/*
 * Open the queue, which is made where there is none; what a crash has left half
 * written is cut off.
 *
 * dir        the folder; its parent is there
 * max_bytes  of all records, SPOOL_MIN_BYTES or more
 *
 * Returns 0, -EBUSY when another process has it open, or another negative
 * errno.
 */
int spool_open(struct spool **spoolp, const char *dir, size_t max_bytes);

/* What an error of spool_open() means to operators. */
const char *spool_strerror(int err);

/* Flushes it, too. Takes NULL. */
void spool_close(struct spool *spool);

void spool_set_max(struct spool *spool, size_t max_bytes);

/* An id that is another when the numbers begin anew: the folder is a new one.
 */
const char *spool_stream(const struct spool *spool);

/* The number of the last record that was put, also by a process before; 0 for
 * none. */
uint64_t spool_last(const struct spool *spool);

/*
 * Put a record, which has the number spool_last() + 1, behind the others. It is
 * in memory until spool_flush(), or until there are many. One that is too long,
 * or for which there is no memory, is dropped, and its number is missing.
 *
 * text  at most SPOOL_MAX_RECORD bytes without a newline
 */
void spool_put(struct spool *spool, struct span text);

/* Use a number up, as if its record were dropped. */
void spool_skip(struct spool *spool);

/* Write what was put, by one call. Returns 0, or a negative errno: that is
 * dropped. */
int spool_flush(struct spool *spool);

/* The first records that are not acknowledged. */
struct spool_batch {
	struct buf texts; /* parted by commas */
	size_t count;
	uint64_t first, last; /* their numbers, where there are any: without
				 gaps */
	/* Numbers in front of the first that are missing: from this one on; 0:
	 * none is. */
	uint64_t missing_from;
};

/*
 * Read some; to be cleared with buf_clear(&batch->texts) also after an error.
 *
 * max_bytes  of their texts, but for the first
 *
 * Returns 0, also when there is none, or a negative errno.
 */
int spool_read(struct spool *spool, size_t max_count, size_t max_bytes,
	       struct spool_batch *batch);

/* All up to this number has come to where it should. */
void spool_ack(struct spool *spool, uint64_t number);

struct spool_facts {
	/* Records that are not acknowledged. Numbers that were jumped over are
	 * none; those that went missing in the midst of a file are counted:
	 * finding them would need all of it to be read. */
	uint64_t waiting;
	uint64_t bytes;	  /* of all files */
	uint64_t dropped; /* since it was opened */
};

void spool_facts(const struct spool *spool, struct spool_facts *facts);

#endif
