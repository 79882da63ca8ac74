/* test_map.c: the hash map, beside a plain array that must agree with it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/map.h"

#define KEYS 3000

struct entry {
	char key[16];
	bool is_in;
};

static struct span key_of(const struct entry *entry)
{
	return span_from(entry->key);
}

static void what_was_put_is_found_until_it_is_removed(void **state)
{
	struct map *map = map_new();
	struct entry a = {.key = "a"}, b = {.key = "b"};

	(void)state;
	assert_null(map_get(map, SPAN("a")));
	assert_int_equal(map_put(map, key_of(&a), &a), 0);
	assert_int_equal(map_put(map, key_of(&b), &b), 0);
	assert_int_equal(map_put(map, SPAN("a"), &b), -EEXIST);
	assert_ptr_equal(map_get(map, SPAN("a")), &a);
	assert_ptr_equal(map_remove(map, SPAN("a")), &a);
	assert_null(map_remove(map, SPAN("a")));
	assert_null(map_get(map, SPAN("a")));
	assert_ptr_equal(map_get(map, SPAN("b")), &b);
	assert_int_equal(map_count(map), 1);
	map_free(map);
}

static void an_empty_key_and_keys_with_nul_are_keys(void **state)
{
	struct map *map = map_new();
	int x, y;

	(void)state;
	assert_int_equal(map_put(map, span_of(NULL, 0), &x), 0);
	assert_int_equal(map_put(map, span_of("\0", 1), &y), 0);
	assert_ptr_equal(map_get(map, SPAN("")), &x);
	assert_ptr_equal(map_get(map, span_of("\0", 1)), &y);
	map_free(map);
}

/* Removal shifts runs back: after each of many random changes every key must
 * still be found, and no removed one. */
static void thousands_of_random_changes_agree_with_an_array(void **state)
{
	struct entry *entries = calloc(KEYS, sizeof(*entries));
	struct map *map = map_new();
	size_t count = 0;

	(void)state;
	srand(7);
	for (int i = 0; i < KEYS; i++)
		(void)snprintf(entries[i].key, sizeof(entries[i].key), "key-%d",
			       i);
	for (int i = 0; i < 20 * KEYS; i++) {
		struct entry *entry = &entries[rand() % KEYS];

		if (entry->is_in)
			assert_ptr_equal(map_remove(map, key_of(entry)), entry);
		else
			assert_int_equal(map_put(map, key_of(entry), entry), 0);
		entry->is_in = !entry->is_in;
		count += entry->is_in ? 1 : (size_t)-1;
		assert_int_equal(map_count(map), count);
	}
	for (int i = 0; i < KEYS; i++)
		assert_ptr_equal(map_get(map, key_of(&entries[i])),
				 entries[i].is_in ? &entries[i] : NULL);
	for (int i = 0; i < KEYS; i++)
		if (entries[i].is_in)
			assert_ptr_equal(map_remove(map, key_of(&entries[i])),
					 &entries[i]);
	assert_int_equal(map_count(map), 0);
	map_free(map);
	free(entries);
}

static void a_walk_meets_every_value_once(void **state)
{
	struct entry entries[100] = {0};
	struct map *map = map_new();
	struct entry *entry;
	size_t at = 0, met = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(entries[i].key, sizeof(entries[i].key), "%d", i);
		assert_int_equal(map_put(map, key_of(&entries[i]), &entries[i]),
				 0);
	}
	while ((entry = map_next(map, &at))) {
		assert_false(entry->is_in);
		entry->is_in = true;
		met++;
	}
	assert_int_equal(met, 100);
	map_free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found_until_it_is_removed),
		cmocka_unit_test(an_empty_key_and_keys_with_nul_are_keys),
		cmocka_unit_test(
			thousands_of_random_changes_agree_with_an_array),
		cmocka_unit_test(a_walk_meets_every_value_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
