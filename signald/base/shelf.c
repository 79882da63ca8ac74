/* shelf.c: small pieces that come and go in one order, side by side in memory.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/shelf.h"

/* A call's offer and some candidates. */
#define SHELF_BYTES 8000

/* A piece that would leave more than that empty stands alone. */
#define MAX_LEFT_EMPTY (SHELF_BYTES / 8)

void shelf_pool_clear(struct shelf_pool *pool)
{
	while (pool->len)
		blob_unref(pool->blobs[--pool->len]);
}

static bool has_room(const struct shelf_pool *pool)
{
	return pool && pool->len < SHELF_POOL_CAP;
}

/* Give a reference back; the last one of a shelf's blob is the pool's. */
static void unref(struct shelf_pool *pool, struct blob *blob)
{
	if (blob && blob->refs == 1 && blob->is_shelved && has_room(pool))
		pool->blobs[pool->len++] = blob;
	else
		blob_unref(blob);
}

void shelf_take(struct shelf *shelf, const struct share *share)
{
	unref(shelf->pool, share->blob);
}

void shelf_close(struct shelf *shelf)
{
	unref(shelf->pool, shelf->blob);
	shelf->blob = NULL;
}

static size_t room_on(const struct shelf *shelf)
{
	return shelf->blob ? SHELF_BYTES - shelf->blob->len : 0;
}

static bool stands_alone(const struct shelf *shelf, size_t len)
{
	return len > SHELF_BYTES / 2 ||
	       (len > room_on(shelf) && room_on(shelf) > MAX_LEFT_EMPTY);
}

size_t shelf_cost(const struct shelf *shelf, size_t len)
{
	if (stands_alone(shelf, len) || len <= room_on(shelf))
		return len;
	return len + room_on(shelf);
}

static struct blob *new_blob(struct shelf_pool *pool)
{
	struct blob *blob;

	if (!pool || !pool->len) {
		blob = blob_new_empty(SHELF_BYTES);
		if (blob)
			blob->is_shelved = true;
		return blob;
	}
	blob = pool->blobs[--pool->len];
	blob->len = 0;
	return blob;
}

int shelf_put(struct shelf *shelf, const struct span *parts, size_t parts_count,
	      struct share *share)
{
	size_t len = spans_len(parts, parts_count);
	struct blob *blob;

	if (stands_alone(shelf, len)) {
		blob = blob_new(parts, parts_count);
		if (!blob)
			return -ENOMEM;
		*share = share_of(blob);
		return 0;
	}
	if (len > room_on(shelf)) {
		blob = new_blob(shelf->pool);
		if (!blob)
			return -ENOMEM;
		shelf_close(shelf);
		shelf->blob = blob;
	}
	blob = blob_ref(shelf->blob);
	*share = (struct share){
		.blob = blob,
		.start = blob->len,
		.len = (uint32_t)len,
	};
	blob_append(blob, parts, parts_count);
	return 0;
}
