/* spool_parts.h: a spool and its files, for the sources that it is made of. */
#ifndef SIGNALD_POLICY_SPOOL_PARTS_H
#define SIGNALD_POLICY_SPOOL_PARTS_H

#include "policy/spool.h"
#include "policy/state_file.h"

#define SPOOL_NUMBER_LEN 20 /* digits of a number, in a name and in acked */
#define SPOOL_CHUNK 262144  /* bytes of a file that are looked at at once */
#define SPOOL_BOOT_CAP 64
#define SPOOL_STREAM_FILE "stream"

/*
 * In the folder:
 *
 *   stream   ID BOOT open|clean     written at the beginning and at the end
 *   acked    NUMBER                 of 20 digits, overwritten in place; locked
 *                                   by whoever has the folder open
 *   NUMBER.log                      records from that number on, in lines
 */
struct spool_part {
	uint64_t first; /* in its name */
	uint64_t last;	/* first - 1: it has none */
	size_t bytes;
	struct spool_part *next;
};

struct spool {
	char *dir;
	size_t max_bytes;
	char stream[CRYPTO_ID_LEN + 1];
	char boot[SPOOL_BOOT_CAP];
	struct spool_part *oldest, *newest; /* there is one at least */
	int fd;				    /* of the newest */
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
	const struct spool_part *at_part;
	size_t at_offset;
};

/* The path of a file of the folder. Returns 0 or a negative errno. */
int spool_path(const struct spool *spool, const char *name,
	       char path[STATE_FILE_PATH_CAP]);
int spool_part_path(const struct spool *spool, uint64_t first,
		    char path[STATE_FILE_PATH_CAP]);

/* Returns the descriptor, or a negative errno. */
int spool_part_open(const struct spool *spool, uint64_t first, int flags);

/* One without records. Returns it, or NULL without memory. */
struct spool_part *spool_part_new(uint64_t first);

/* Put it behind the newest. It is the spool's then. */
void spool_part_add(struct spool *spool, struct spool_part *part);

/* Begin a file, the newest from now on. Returns 0, or a negative errno; then
 * the file before stays the newest. */
int spool_part_begin(struct spool *spool, uint64_t first);

/* Write down what is acknowledged. Lost, it costs that some are read again. */
void spool_save_acked(const struct spool *spool);

/* Write down which stream it is, and how it stands: open or clean. Returns 0 or
 * a negative errno. */
int spool_save_stream(const struct spool *spool, const char *how);

#endif
