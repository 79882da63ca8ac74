/* test_lasting.c: a key that is made once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "policy/lasting.h"
#include "state_dir.h"

#define NAME "key"

static int setup(void **state)
{
	(void)state;
	return state_dir_make();
}

static int teardown(void **state)
{
	(void)state;
	state_limit_files(RLIM_INFINITY);
	return state_dir_remove();
}

static void a_key_is_the_same_at_every_start(void **state)
{
	uint8_t first[LASTING_KEY_BYTES], again[LASTING_KEY_BYTES];
	struct stat st;

	(void)state;
	assert_int_equal(lasting_key(state_dir, NAME, first), 0);
	assert_int_equal(lasting_key(state_dir, NAME, again), 0);
	assert_memory_equal(first, again, sizeof(first));
	assert_int_equal(state_files_count(), 1);
	assert_int_equal(stat(state_path(NAME), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(lasting_key(state_dir, "other", again), 0);
	assert_memory_not_equal(first, again, sizeof(first));
}

static void without_a_folder_it_is_a_new_one(void **state)
{
	uint8_t first[LASTING_KEY_BYTES], again[LASTING_KEY_BYTES];

	(void)state;
	assert_int_equal(lasting_key("", NAME, first), 0);
	assert_int_equal(lasting_key("", NAME, again), 0);
	assert_memory_not_equal(first, again, sizeof(first));
	assert_int_equal(state_files_count(), 0);
}

static void a_file_that_is_not_ours_is_refused_and_kept(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/A\n",
	};
	uint8_t key[LASTING_KEY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		state_write(NAME, texts[i]);
		assert_int_equal(lasting_key(state_dir, NAME, key), -EINVAL);
		assert_string_equal(state_read(NAME), texts[i]);
	}
	state_write(NAME, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
	assert_int_equal(lasting_key(state_dir, NAME, key), 0);
}

static void a_full_disk_is_told_and_leaves_no_half_key(void **state)
{
	uint8_t key[LASTING_KEY_BYTES];

	(void)state;
	state_limit_files(5);
	assert_true(lasting_key(state_dir, NAME, key) < 0);
	state_limit_files(RLIM_INFINITY);
	assert_int_equal(access(state_path(NAME), F_OK), -1);
	assert_int_equal(lasting_key(state_dir, NAME, key), 0);
}

static void a_folder_that_is_none_is_told(void **state)
{
	uint8_t key[LASTING_KEY_BYTES];
	char longest[5000];

	(void)state;
	assert_int_equal(lasting_key(state_path("none"), NAME, key), -ENOENT);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(lasting_key(longest, NAME, key), -ENAMETOOLONG);
}

static void another_takes_its_place_and_stays(void **state)
{
	uint8_t first[LASTING_KEY_BYTES], second[LASTING_KEY_BYTES];
	uint8_t again[LASTING_KEY_BYTES];

	(void)state;
	assert_int_equal(lasting_key(state_dir, NAME, first), 0);
	assert_int_equal(lasting_key_renew(state_dir, NAME, second), 0);
	assert_memory_not_equal(first, second, sizeof(first));
	assert_int_equal(lasting_key(state_dir, NAME, again), 0);
	assert_memory_equal(second, again, sizeof(again));
	assert_int_equal(state_files_count(), 1);
	state_limit_files(10);
	assert_int_not_equal(lasting_key_renew(state_dir, NAME, first), 0);
	state_limit_files(RLIM_INFINITY);
	assert_int_equal(lasting_key(state_dir, NAME, again), 0);
	assert_memory_equal(second, again, sizeof(again));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_is_the_same_at_every_start),
		TEST(without_a_folder_it_is_a_new_one),
		TEST(a_file_that_is_not_ours_is_refused_and_kept),
		TEST(a_full_disk_is_told_and_leaves_no_half_key),
		TEST(a_folder_that_is_none_is_told),
		TEST(another_takes_its_place_and_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
