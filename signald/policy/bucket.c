/* bucket.c: token buckets, which say whether one more may pass, or when. */
#include <errno.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/siphash.h"
#include "policy/bucket.h"

#define NS_PER_MS 1000000ull
#define FIRST_CAP 64
#define NOWHERE UINT32_MAX

/* A key's hash, keyed twice: strangers cannot make two keys meet. */
struct bucket_id {
	uint64_t a, b;
};

struct bucket {
	struct bucket_id id;
	uint64_t full_ns; /* when it will be full again */
	uint32_t slot;	  /* that points here */
};

/*
 *   heap    the buckets, the fullest in front: of one rate, the fullest is the
 *           one that is full again first
 *   slots   where in the heap a key's bucket is; open addressing with linear
 *           probing, at most half full; a removal shifts its run back
 *
 * Both grow by doubling, and never shrink: a flood that came once may come
 * again.
 */
struct buckets {
	struct bucket *heap;
	uint32_t *slots;
	size_t count;
	size_t cap; /* of heap; there are twice as many slots */
	size_t most;
	uint64_t seed[4];
};

struct bucket_rate bucket_rate(unsigned count, unsigned period_ms,
			       unsigned burst)
{
	if (!count || !burst)
		return (struct bucket_rate){0, 0};
	return (struct bucket_rate){period_ms * NS_PER_MS / count, burst};
}

int bucket_table_new(struct buckets **bucketsp, size_t most)
{
	struct buckets *buckets = calloc(1, sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	buckets->most = most;
	crypto_random(buckets->seed, sizeof(buckets->seed));
	*bucketsp = buckets;
	return 0;
}

void bucket_table_free(struct buckets *buckets)
{
	if (!buckets)
		return;
	free(buckets->heap);
	free(buckets->slots);
	free(buckets);
}

size_t bucket_table_count(const struct buckets *buckets)
{
	return buckets->count;
}

size_t bucket_table_bytes(const struct buckets *buckets)
{
	return sizeof(*buckets) + buckets->cap * (sizeof(*buckets->heap) +
						  2 * sizeof(*buckets->slots));
}

static struct bucket_id id_of(const struct buckets *buckets, struct span key)
{
	return (struct bucket_id){siphash(buckets->seed, key),
				  siphash(buckets->seed + 2, key)};
}

/* --- slots --- */

static size_t slot_mask(const struct buckets *buckets)
{
	return 2 * buckets->cap - 1;
}

/* The slot that points to its bucket, or the free one where it would be. */
static size_t find_slot(const struct buckets *buckets,
			const struct bucket_id *id)
{
	size_t slot = id->a & slot_mask(buckets);

	while (buckets->slots[slot] != NOWHERE) {
		const struct bucket_id *there =
			&buckets->heap[buckets->slots[slot]].id;

		if (there->a == id->a && there->b == id->b)
			break;
		slot = (slot + 1) & slot_mask(buckets);
	}
	return slot;
}

static void point(struct buckets *buckets, size_t slot, uint32_t at)
{
	buckets->slots[slot] = at;
	buckets->heap[at].slot = (uint32_t)slot;
}

static void free_slot(struct buckets *buckets, size_t gap)
{
	size_t mask = slot_mask(buckets);
	size_t at = (gap + 1) & mask;

	while (buckets->slots[at] != NOWHERE) {
		size_t home = buckets->heap[buckets->slots[at]].id.a & mask;

		/* It may move back where that is not in front of its home. */
		if (((at - home) & mask) >= ((at - gap) & mask)) {
			point(buckets, gap, buckets->slots[at]);
			gap = at;
		}
		at = (at + 1) & mask;
	}
	buckets->slots[gap] = NOWHERE;
}

/* --- heap --- */

static void put(struct buckets *buckets, size_t at, const struct bucket *bucket)
{
	buckets->heap[at] = *bucket;
	buckets->slots[bucket->slot] = (uint32_t)at;
}

/* Where the bucket belongs that is emptier than it was when it was at `at`. */
static void sink(struct buckets *buckets, size_t at)
{
	struct bucket bucket = buckets->heap[at];
	size_t child;

	for (; (child = 2 * at + 1) < buckets->count; at = child) {
		if (child + 1 < buckets->count &&
		    buckets->heap[child + 1].full_ns <
			    buckets->heap[child].full_ns)
			child++;
		if (buckets->heap[child].full_ns >= bucket.full_ns)
			break;
		put(buckets, at, &buckets->heap[child]);
	}
	put(buckets, at, &bucket);
}

static void rise(struct buckets *buckets, size_t at)
{
	struct bucket bucket = buckets->heap[at];

	while (at && buckets->heap[(at - 1) / 2].full_ns > bucket.full_ns) {
		put(buckets, at, &buckets->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(buckets, at, &bucket);
}

static void forget_fullest(struct buckets *buckets)
{
	struct bucket last = buckets->heap[buckets->count - 1];
	size_t slot = buckets->heap[0].slot;

	buckets->count--;
	if (buckets->count) {
		put(buckets, 0, &last);
		sink(buckets, 0);
	}
	free_slot(buckets, slot);
}

void bucket_table_set_most(struct buckets *buckets, size_t most)
{
	buckets->most = most;
	while (buckets->count > most)
		forget_fullest(buckets);
}

/* Returns 0 or -ENOMEM, then all is as before. */
static int grow(struct buckets *buckets)
{
	size_t cap = buckets->cap ? 2 * buckets->cap : FIRST_CAP;
	uint32_t *slots = malloc(2 * cap * sizeof(*slots));
	struct bucket *heap =
		slots ? realloc(buckets->heap, cap * sizeof(*heap)) : NULL;

	if (!heap) {
		free(slots);
		return -ENOMEM;
	}
	memset(slots, 0xff, 2 * cap * sizeof(*slots));
	free(buckets->slots);
	buckets->heap = heap;
	buckets->slots = slots;
	buckets->cap = cap;
	for (size_t i = 0; i < buckets->count; i++) {
		size_t slot = find_slot(buckets, &heap[i].id);

		point(buckets, slot, (uint32_t)i);
	}
	return 0;
}

/* Room for one more. Returns 0 or -ENOMEM. */
static int make_room(struct buckets *buckets)
{
	if (buckets->count >= buckets->most)
		forget_fullest(buckets);
	return buckets->count < buckets->cap ? 0 : grow(buckets);
}

/* --- tokens --- */

static struct bucket *find(struct buckets *buckets, const struct bucket_id *id)
{
	uint32_t at =
		buckets->cap ? buckets->slots[find_slot(buckets, id)] : NOWHERE;

	return at == NOWHERE ? NULL : &buckets->heap[at];
}

/* When it would be full again with one token less, and in how many ms that may
 * be; a clock that went back, or a rate that was changed, cannot make it
 * emptier than empty. */
static uint64_t judge(const struct bucket *bucket,
		      const struct bucket_rate *rate, uint64_t now_ms,
		      uint64_t *full_ns)
{
	uint64_t now_ns = now_ms * NS_PER_MS;
	uint64_t empty_ns = now_ns + rate->burst * rate->token_ns;
	uint64_t from_ns =
		bucket && bucket->full_ns > now_ns ? bucket->full_ns : now_ns;

	if (from_ns > empty_ns)
		from_ns = empty_ns;
	*full_ns = from_ns + rate->token_ns;
	if (*full_ns <= empty_ns)
		return 0;
	return (*full_ns - empty_ns + NS_PER_MS - 1) / NS_PER_MS;
}

static void add(struct buckets *buckets, const struct bucket_id *id,
		uint64_t full_ns)
{
	size_t slot;

	if (make_room(buckets))
		return;
	slot = find_slot(buckets, id);
	buckets->heap[buckets->count] =
		(struct bucket){.id = *id, .full_ns = full_ns};
	point(buckets, slot, (uint32_t)buckets->count);
	buckets->count++;
	rise(buckets, buckets->count - 1);
}

uint64_t bucket_take(struct buckets *buckets, const struct bucket_rate *rate,
		     struct span key, uint64_t now_ms)
{
	struct bucket_id id;
	struct bucket *bucket;
	uint64_t full_ns, wait_ms;

	if (!rate->token_ns)
		return 0;
	id = id_of(buckets, key);
	bucket = find(buckets, &id);
	wait_ms = judge(bucket, rate, now_ms, &full_ns);
	if (wait_ms)
		return wait_ms;
	if (!bucket) {
		add(buckets, &id, full_ns);
		return 0;
	}
	bucket->full_ns = full_ns;
	/* After a clock went back it may be fuller than it was. */
	rise(buckets, (size_t)(bucket - buckets->heap));
	bucket = find(buckets, &id);
	sink(buckets, (size_t)(bucket - buckets->heap));
	return 0;
}

uint64_t bucket_wait_ms(struct buckets *buckets, const struct bucket_rate *rate,
			struct span key, uint64_t now_ms)
{
	struct bucket_id id;
	uint64_t full_ns;

	if (!rate->token_ns)
		return 0;
	id = id_of(buckets, key);
	return judge(find(buckets, &id), rate, now_ms, &full_ns);
}

void bucket_give(struct buckets *buckets, const struct bucket_rate *rate,
		 struct span key)
{
	struct bucket_id id = id_of(buckets, key);
	struct bucket *bucket = find(buckets, &id);

	if (!bucket || !rate->token_ns)
		return;
	bucket->full_ns -= bucket->full_ns < rate->token_ns ? bucket->full_ns
							    : rate->token_ns;
	rise(buckets, (size_t)(bucket - buckets->heap));
}
