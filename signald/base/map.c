/* map.c: a hash map from byte strings to pointers, safe against chosen keys. */
#include <errno.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/map.h"
#include "base/siphash.h"

#define MAP_MIN_SLOTS 16

/*
 * Open addressing with linear probing; a power of two of slots, at most three
 * quarters full. A removal shifts the following entries of its run back, so
 * there are no tombstones and a map that shrinks stays fast.
 */
struct map_slot {
	uint64_t hash;
	struct span key;
	void *value; /* NULL: free */
};

struct map {
	struct map_slot *slots;
	size_t slots_count;
	size_t count;
	uint64_t seed[2];
};

struct map *map_new(void)
{
	struct map *map = calloc(1, sizeof(*map));

	if (!map)
		return NULL;
	map->slots_count = MAP_MIN_SLOTS;
	map->slots = calloc(map->slots_count, sizeof(*map->slots));
	if (!map->slots) {
		free(map);
		return NULL;
	}
	crypto_random(map->seed, sizeof(map->seed));
	return map;
}

void map_free(struct map *map)
{
	if (!map)
		return;
	free(map->slots);
	free(map);
}

/* The slot that holds the key, or the free one where it would go. */
static struct map_slot *find(const struct map *map, uint64_t hash,
			     struct span key)
{
	size_t mask = map->slots_count - 1;
	size_t at = hash & mask;

	while (map->slots[at].value && !(map->slots[at].hash == hash &&
					 span_equal(map->slots[at].key, key)))
		at = (at + 1) & mask;
	return &map->slots[at];
}

static int resize(struct map *map, size_t slots_count)
{
	struct map_slot *old = map->slots;
	size_t old_count = map->slots_count;
	struct map_slot *slots = calloc(slots_count, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	map->slots = slots;
	map->slots_count = slots_count;
	for (size_t i = 0; i < old_count; i++)
		if (old[i].value)
			*find(map, old[i].hash, old[i].key) = old[i];
	free(old);
	return 0;
}

int map_put(struct map *map, struct span key, void *value)
{
	uint64_t hash = siphash(map->seed, key);
	struct map_slot *slot = find(map, hash, key);

	if (slot->value)
		return -EEXIST;
	if ((map->count + 1) * 4 > map->slots_count * 3) {
		if (resize(map, map->slots_count * 2))
			return -ENOMEM;
		slot = find(map, hash, key);
	}
	*slot = (struct map_slot){hash, key, value};
	map->count++;
	return 0;
}

void *map_get(const struct map *map, struct span key)
{
	return find(map, siphash(map->seed, key), key)->value;
}

/* Close the gap at slot `gap`: move back what would not be found past it. */
static void shift_back(struct map *map, size_t gap)
{
	size_t mask = map->slots_count - 1;

	for (size_t at = (gap + 1) & mask; map->slots[at].value;
	     at = (at + 1) & mask) {
		size_t home = map->slots[at].hash & mask;

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		map->slots[gap] = map->slots[at];
		gap = at;
	}
	map->slots[gap].value = NULL;
}

void *map_remove(struct map *map, struct span key)
{
	struct map_slot *slot = find(map, siphash(map->seed, key), key);
	void *value = slot->value;

	if (!value)
		return NULL;
	shift_back(map, (size_t)(slot - map->slots));
	map->count--;
	/* Shrinking is a courtesy: without memory for it the map stays large.
	 */
	if (map->slots_count > MAP_MIN_SLOTS &&
	    map->count * 8 < map->slots_count)
		(void)resize(map, map->slots_count / 2);
	return value;
}

size_t map_count(const struct map *map)
{
	return map->count;
}

void *map_next(const struct map *map, size_t *at)
{
	while (*at < map->slots_count) {
		void *value = map->slots[(*at)++].value;

		if (value)
			return value;
	}
	return NULL;
}
