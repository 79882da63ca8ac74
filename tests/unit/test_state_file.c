/* test_state_file.c: what is written stays written, the name too. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "policy/state_file.h"
#include "state_dir.h"

/* The folder of the last fsync() of one; 0: there was none. */
static ino_t synced_folder;
static int sync_error;

/* In place of the C library's. */
int fsync(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	if (!S_ISDIR(status.st_mode))
		return (int)syscall(SYS_fsync, fd);
	/* The new name is there by then. */
	assert_string_equal(state_read("file"), "new");
	synced_folder = status.st_ino;
	errno = sync_error;
	return sync_error ? -1 : 0;
}

static int setup(void **state)
{
	(void)state;
	synced_folder = 0;
	sync_error = 0;
	return state_dir_make();
}

static int teardown(void **state)
{
	(void)state;
	return state_dir_remove();
}

static int write_new(void)
{
	char path[STATE_FILE_PATH_CAP];

	assert_int_equal(state_file_path(state_dir, "file", path), 0);
	return state_file_write(path, SPAN("new"));
}

static void a_file_is_the_old_or_the_new_one_and_its_name_lasts(void **state)
{
	struct stat status;

	(void)state;
	state_write("file", "old");
	assert_int_equal(write_new(), 0);
	assert_string_equal(state_read("file"), "new");
	assert_int_equal(state_files_count(), 1);
	assert_int_equal(stat(state_dir, &status), 0);
	assert_int_equal(synced_folder, status.st_ino);
}

static void a_folder_that_cannot_be_synced_shows(void **state)
{
	(void)state;
	sync_error = EIO;
	assert_int_equal(write_new(), -EIO);
	/* Some file systems have no such thing. */
	sync_error = EINVAL;
	assert_int_equal(write_new(), 0);
}

static void a_path_without_a_folder_is_of_this_one(void **state)
{
	char before[512];

	(void)state;
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(state_dir), 0);
	assert_int_equal(state_file_write("file", SPAN("new")), 0);
	assert_int_equal(chdir(before), 0);
	assert_string_equal(state_read("file"), "new");
	assert_int_not_equal(synced_folder, 0);
}

static void what_cannot_be_written_leaves_the_old_one(void **state)
{
	(void)state;
	state_write("file", "old");
	state_limit_files(1);
	assert_int_equal(write_new(), -EFBIG);
	state_limit_files(RLIM_INFINITY);
	assert_string_equal(state_read("file"), "old");
	assert_int_equal(synced_folder, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_the_old_or_the_new_one_and_its_name_lasts),
		TEST(a_folder_that_cannot_be_synced_shows),
		TEST(a_path_without_a_folder_is_of_this_one),
		TEST(what_cannot_be_written_leaves_the_old_one),
	};

	return cmocka_run_group_tests_name("state_file", tests, NULL, NULL);
}
