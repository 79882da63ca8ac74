/* test_file_watch.c: a file that has been written is seen, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <time.h>

#include "policy/file_watch.h"
#include "state_dir.h"

#define NAME "file"

static int setup(void **state)
{
	(void)state;
	return state_dir_make();
}

static int teardown(void **state)
{
	(void)state;
	return state_dir_remove();
}

/* A clock of files may stand for some milliseconds. */
static void let_it_move(void)
{
	struct file_stamp before, now;

	state_write("clock", "");
	before = file_stamp(state_path("clock"));
	do {
		state_write("clock", "");
		now = file_stamp(state_path("clock"));
	} while (file_stamp_is_same(&before, &now));
}

static void it_is_looked_at_once_a_second(void **state)
{
	struct file_watch watch = {.due_ms = 0};

	(void)state;
	state_write(NAME, "a");
	assert_true(file_watch_changed(&watch, state_path(NAME), 5000));
	assert_false(file_watch_changed(&watch, state_path(NAME), 6000));
	let_it_move();
	state_write(NAME, "b");
	assert_false(file_watch_changed(&watch, state_path(NAME), 6999));
	assert_true(file_watch_changed(&watch, state_path(NAME), 7000));
	assert_false(file_watch_changed(&watch, state_path(NAME), 8000));
}

static void a_file_that_goes_and_comes_back_is_another(void **state)
{
	struct file_watch watch = {.due_ms = 0};

	(void)state;
	assert_false(file_watch_changed(&watch, state_path(NAME), 0));
	state_write(NAME, "a");
	assert_true(file_watch_changed(&watch, state_path(NAME), 1000));
	assert_int_equal(unlink(state_path(NAME)), 0);
	assert_false(file_watch_changed(&watch, state_path(NAME), 2000));
	let_it_move();
	state_write(NAME, "a");
	assert_true(file_watch_changed(&watch, state_path(NAME), 3000));
}

/* As cp -p and mv leave it, of the same length. */
static void a_time_that_was_set_back_hides_nothing(void **state)
{
	struct file_watch watch = {.due_ms = 0};
	struct stat before;
	char path[512];

	(void)state;
	state_write(NAME, "a");
	(void)snprintf(path, sizeof(path), "%s", state_path(NAME));
	assert_int_equal(stat(path, &before), 0);
	assert_true(file_watch_changed(&watch, path, 0));
	let_it_move();
	state_write(NAME, "b");
	assert_int_equal(
		utimensat(AT_FDCWD, path,
			  (struct timespec[2]){before.st_atim, before.st_mtim},
			  0),
		0);
	assert_true(file_watch_changed(&watch, path, 1000));
}

static void a_right_to_read_it_is_a_change(void **state)
{
	struct file_watch watch = {.due_ms = 0};

	(void)state;
	state_write(NAME, "a");
	assert_int_equal(chmod(state_path(NAME), 0), 0);
	assert_true(file_watch_changed(&watch, state_path(NAME), 0));
	let_it_move();
	assert_int_equal(chmod(state_path(NAME), 0600), 0);
	assert_true(file_watch_changed(&watch, state_path(NAME), 1000));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_looked_at_once_a_second),
		TEST(a_file_that_goes_and_comes_back_is_another),
		TEST(a_time_that_was_set_back_hides_nothing),
		TEST(a_right_to_read_it_is_a_change),
	};

	return cmocka_run_group_tests_name("file_watch", tests, NULL, NULL);
}
