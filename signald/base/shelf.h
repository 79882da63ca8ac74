/* shelf.h: small pieces that come and go in one order, side by side in memory.
 */
#ifndef SIGNALD_BASE_SHELF_H
#define SIGNALD_BASE_SHELF_H

#include "base/buf.h"

#define SHELF_POOL_CAP 64

/* Emptied blobs of several shelves, kept for the next ones: the last that was
 * given back is still in the processor's cache. Zero-initialised is empty. */
struct shelf_pool {
	struct blob *blobs[SHELF_POOL_CAP];
	unsigned len;
};

void shelf_pool_clear(struct shelf_pool *pool);

/* What its pieces are written to, one behind the other. With no more than its
 * pool, or all zero, it is empty and holds no memory. */
struct shelf {
	struct shelf_pool *pool; /* NULL for none */
	struct blob *blob;
};

/*
 * The memory that a piece of so many bytes will take, in bytes: itself, and
 * what it leaves empty, as it does not fit behind the one before.
 */
size_t shelf_cost(const struct shelf *shelf, size_t len);

/*
 * Copy the spans' bytes, one after the other, to the end of what was put there
 * before; or, where they are many, into a blob of their own.
 *
 * share  becomes the copy, with a reference for shelf_take()
 *
 * Returns 0 or -ENOMEM.
 */
int shelf_put(struct shelf *shelf, const struct span *parts, size_t parts_count,
	      struct share *share);

/* Give the reference of a share back: one that was put there, or another. */
void shelf_take(struct shelf *shelf, const struct share *share);

/* Nothing more is put there for now: the memory goes with the last piece. */
void shelf_close(struct shelf *shelf);

#endif
