/* map.h: a hash map from byte strings to pointers, safe against chosen keys. */
#ifndef SIGNALD_BASE_MAP_H
#define SIGNALD_BASE_MAP_H

#include "base/span.h"

/*
 * Keys are borrowed: they must live, unchanged, inside the value they lead to.
 * The hash is keyed with random bits, since strangers choose room names.
 */
struct map;

/* An empty map, or NULL when memory ran out. */
struct map *map_new(void);

/* Frees the map, not its values; takes NULL. */
void map_free(struct map *map);

/* Returns 0, -EEXIST when the key is there already, -ENOMEM. */
int map_put(struct map *map, struct span key, void *value);

/* The value, or NULL. */
void *map_get(const struct map *map, struct span key);

/* Take the key out; its value, or NULL when it was not there. */
void *map_remove(struct map *map, struct span key);

size_t map_count(const struct map *map);

/*
 * Walk through all values in no particular order: start with *at = 0; returns
 * NULL at the end. Nothing may be put in meanwhile; where something is removed,
 * others may be missed.
 */
void *map_next(const struct map *map, size_t *at);

#endif
