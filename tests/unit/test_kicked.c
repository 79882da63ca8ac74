/* test_kicked.c: who was sent away stays away, also after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "fail_alloc.h"
#include "policy/kicked.h"
#include "state_dir.h"

#define START_S 1700000000
#define LATER_S (START_S + 1000)

static struct kicked *kicked;

static int setup(void **state)
{
	(void)state;
	kicked = NULL;
	return state_dir_make();
}

static int teardown(void **state)
{
	(void)state;
	state_limit_files(RLIM_INFINITY);
	kicked_free(kicked);
	return state_dir_remove();
}

static void start(uint64_t now_s)
{
	kicked_free(kicked);
	kicked = NULL;
	assert_int_equal(kicked_new(&kicked, state_dir, KICKED_FILE, now_s), 0);
}

static int add(const char *id, uint64_t expires_at_s)
{
	return kicked_add(kicked, span_from(id), expires_at_s);
}

static bool has(const char *id, uint64_t now_s)
{
	return kicked_has(kicked, span_from(id), now_s);
}

static void who_is_kicked_is_so_until_it_expires(void **state)
{
	(void)state;
	start(START_S);
	assert_false(has("ada", START_S));
	assert_int_equal(add("ada", LATER_S), 0);
	assert_true(has("ada", START_S));
	assert_true(has("ada", LATER_S - 1));
	assert_false(has("ada", LATER_S));
	assert_false(has("ad", START_S));
	assert_false(has("ada ", START_S));
	assert_false(has("", START_S));
}

/* Until then it is cheaper to let them be. */
static void who_has_expired_is_taken_out_in_time(void **state)
{
	char id[32];

	(void)state;
	start(START_S);
	assert_int_equal(add("ada", LATER_S), 0);
	for (int i = 1; i < 1500; i++) {
		(void)snprintf(id, sizeof(id), "peer-%d", i);
		assert_int_equal(kicked_sweep(kicked, START_S + 1), 0);
		assert_int_equal(add(id, START_S + 1), 0);
	}
	assert_true(kicked_count(kicked) < 1024);
	assert_true(has("ada", LATER_S - 1));
	start(START_S); /* what the file has */
	assert_true(kicked_count(kicked) < 1024);
	assert_true(has("ada", LATER_S - 1));
}

static void a_restart_forgives_nobody(void **state)
{
	(void)state;
	start(START_S);
	assert_int_equal(add("ada", LATER_S), 0);
	assert_int_equal(add("/chat#bob", LATER_S), 0);
	start(START_S + 1);
	assert_true(has("ada", START_S + 1));
	assert_true(has("/chat#bob", START_S + 1));
	start(START_S + 2);
	assert_true(has("ada", START_S + 2));
	assert_false(has("ada", LATER_S));
}

/* What is written is there before the answer is. */
static void a_crash_forgives_nobody(void **state)
{
	struct kicked *next;

	(void)state;
	start(START_S);
	assert_int_equal(add("ada", LATER_S), 0);
	assert_int_equal(kicked_new(&next, state_dir, KICKED_FILE, START_S), 0);
	assert_true(kicked_has(next, SPAN("ada"), START_S));
	kicked_free(next);
}

static void without_a_folder_the_list_ends_with_the_process(void **state)
{
	(void)state;
	assert_int_equal(kicked_new(&kicked, "", KICKED_FILE, START_S), 0);
	assert_int_equal(add("ada", LATER_S), 0);
	assert_true(has("ada", START_S));
	assert_int_equal(state_files_count(), 0);
}

static void the_later_expiry_counts(void **state)
{
	(void)state;
	start(START_S);
	assert_int_equal(add("ada", LATER_S), 0);
	assert_int_equal(add("ada", LATER_S - 500), 0);
	assert_true(has("ada", LATER_S - 1));
	assert_int_equal(add("ada", LATER_S + 500), 0);
	assert_true(has("ada", LATER_S + 499));
	start(START_S);
	assert_true(has("ada", LATER_S + 499));
	assert_false(has("ada", LATER_S + 500));
}

static void a_start_leaves_out_who_has_expired(void **state)
{
	(void)state;
	start(START_S);
	assert_int_equal(add("ada", START_S + 5), 0);
	assert_int_equal(add("bob", START_S + 6), 0);
	start(START_S + 5);
	assert_false(has("ada", START_S));
	assert_true(has("bob", START_S + 5));
	assert_string_equal(state_read(KICKED_FILE), "1700000006 bob\n");
	assert_int_equal(state_files_count(), 1);
}

static void an_id_that_cannot_be_written_is_refused(void **state)
{
	char longest[KICKED_MAX_ID + 2];

	(void)state;
	start(START_S);
	assert_int_equal(add("", LATER_S), -EINVAL);
	assert_int_equal(add("a b", LATER_S), -EINVAL);
	assert_int_equal(add("a\nb", LATER_S), -EINVAL);
	assert_int_equal(add("\ta", LATER_S), -EINVAL);
	assert_int_equal(kicked_add(kicked, SPAN("a\0b"), LATER_S), -EINVAL);
	memset(longest, 'i', sizeof(longest));
	longest[KICKED_MAX_ID + 1] = '\0';
	assert_int_equal(add(longest, LATER_S), -EINVAL);
	longest[KICKED_MAX_ID] = '\0';
	assert_int_equal(add(longest, UINT64_MAX), 0);
	assert_int_equal(add("\xc3\xa4\x7f\"%s", LATER_S), 0);
	start(START_S);
	assert_true(has(longest, UINT64_MAX - 1));
	assert_true(has("\xc3\xa4\x7f\"%s", START_S));
}

/* A crash in the middle of writing: the lines before are good, and so are those
 * that come now. */
static void a_torn_last_line_spoils_no_other(void **state)
{
	static const char *const torn[] = {"1", "1700001000", "1700001000 ",
					   "1700001000 ev"};

	(void)state;
	for (size_t i = 0; i < sizeof(torn) / sizeof(*torn); i++) {
		char text[128];

		(void)snprintf(text, sizeof(text), "1700001000 ada\n%s",
			       torn[i]);
		state_write(KICKED_FILE, text);
		start(START_S);
		assert_true(has("ada", START_S));
		assert_false(has("eve", START_S));
		assert_int_equal(add("bob", LATER_S), 0);
		start(START_S);
		assert_true(has("ada", START_S));
		assert_true(has("bob", START_S));
	}
}

static void lines_that_are_not_ours_are_passed_over(void **state)
{
	char text[1000], *at = text + 500;

	(void)state;
	memset(text, 'x', 500);
	(void)snprintf(at, sizeof(text) - 500, "%s",
		       "\n"
		       "\n"
		       "now ada\n"
		       "-1 ada\n"
		       "99999999999999999999999 ada\n"
		       "1700001000\n"
		       "1700001000 bob\n");
	state_write(KICKED_FILE, text);
	start(START_S);
	assert_false(has("ada", START_S));
	assert_true(has("bob", START_S));
}

static void a_folder_that_is_none_is_refused(void **state)
{
	char missing[5000];

	(void)state;
	assert_int_equal(
		kicked_new(&kicked, state_path("none"), KICKED_FILE, START_S),
		-ENOENT);
	state_write("file", "");
	assert_int_equal(
		kicked_new(&kicked, state_path("file"), KICKED_FILE, START_S),
		-ENOTDIR);
	memset(missing, 'x', sizeof(missing) - 1);
	missing[sizeof(missing) - 1] = '\0';
	assert_int_equal(kicked_new(&kicked, missing, KICKED_FILE, START_S),
			 -ENAMETOOLONG);
	assert_null(kicked);
}

/* Else it would be taken for an empty one, and written anew. */
static void a_file_that_cannot_be_read_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkdir(state_path(KICKED_FILE), 0700), 0);
	assert_int_equal(kicked_new(&kicked, state_dir, KICKED_FILE, START_S),
			 -EIO);
	assert_null(kicked);
	assert_int_equal(state_files_count(), 1);
}

static void a_full_disk_refuses_to_start_and_keeps_the_file(void **state)
{
	(void)state;
	start(START_S);
	assert_int_equal(add("ada", LATER_S), 0);
	kicked_free(kicked);
	kicked = NULL;
	state_limit_files(5);
	assert_int_equal(kicked_new(&kicked, state_dir, KICKED_FILE, START_S),
			 -EFBIG);
	assert_null(kicked);
	state_limit_files(RLIM_INFINITY);
	start(START_S);
	assert_true(has("ada", START_S));
}

/* It is kicked for now, which the caller is told; and what was cut short does
 * not swallow who is kicked when there is room again. */
static void a_full_disk_is_told_and_forgives_nobody_else(void **state)
{
	(void)state;
	start(START_S);
	assert_int_equal(add("ada", LATER_S), 0);
	state_limit_files(strlen(state_read(KICKED_FILE)) + 5);
	assert_int_equal(add("bob", LATER_S), -EFBIG);
	assert_true(has("bob", START_S));
	state_limit_files(RLIM_INFINITY);
	assert_int_equal(add("eve", LATER_S), 0);
	start(START_S);
	assert_true(has("ada", START_S));
	assert_true(has("eve", START_S));
	assert_false(has("bob", START_S));
}

/* The folder may have been removed meanwhile. */
static void a_file_that_cannot_be_written_is_told(void **state)
{
	(void)state;
	start(START_S);
	assert_int_equal(state_dir_remove(), 0);
	assert_int_equal(add("ada", LATER_S), -ENOENT);
	assert_true(has("ada", START_S));
	assert_int_equal(mkdir(state_dir, 0700), 0);
}

static void thousands_may_be_kicked(void **state)
{
	char id[32];

	(void)state;
	assert_int_equal(kicked_new(&kicked, "", KICKED_FILE, START_S), 0);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(id, sizeof(id), "peer-%d", i);
		assert_int_equal(add(id, LATER_S), 0);
	}
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(id, sizeof(id), "peer-%d", i);
		assert_true(has(id, START_S));
	}
}

static void all_are_met_once_and_may_be_forgotten_one_by_one(void **state)
{
	uint64_t expires_at_s, sum = 0;
	struct span id;
	size_t at = 0;

	(void)state;
	start(START_S);
	assert_int_equal(add("ada", LATER_S), 0);
	assert_int_equal(add("bob", START_S + 1), 0);
	while (kicked_next(kicked, &at, &id, &expires_at_s)) {
		assert_true(kicked_has(kicked, id, expires_at_s - 1));
		sum += expires_at_s;
	}
	assert_int_equal(sum, (uint64_t)LATER_S + START_S + 1);
	assert_int_equal(kicked_count(kicked), 2);
	kicked_forget(kicked, SPAN("ada"));
	kicked_forget(kicked, SPAN("eve"));
	assert_int_equal(kicked_count(kicked), 1);
	assert_false(has("ada", START_S));
	start(START_S);
	assert_true(has("ada", START_S));
}

static void two_lists_share_a_folder(void **state)
{
	struct kicked *other;

	(void)state;
	start(START_S);
	assert_int_equal(kicked_new(&other, state_dir, "other", START_S), 0);
	assert_int_equal(add("ada", LATER_S), 0);
	assert_int_equal(kicked_add(other, SPAN("bob"), LATER_S), 0);
	kicked_free(other);
	assert_int_equal(kicked_new(&other, state_dir, "other", START_S), 0);
	start(START_S);
	assert_true(has("ada", START_S) && !has("bob", START_S));
	assert_true(kicked_has(other, SPAN("bob"), START_S));
	assert_int_equal(kicked_count(other), 1);
	kicked_free(other);
}

/* Whichever allocation fails, no list is made, or it is whole. */
static void a_list_without_memory_is_none_or_whole(void **state)
{
	bool has_failed = true;
	unsigned refused = 0;

	(void)state;
	start(START_S);
	assert_int_equal(add("ada", LATER_S), 0);
	assert_int_equal(add("bob", LATER_S), 0);
	for (long n = 1; has_failed; n++) {
		int err;

		kicked_free(kicked);
		kicked = NULL;
		fail_alloc_at(n);
		err = kicked_new(&kicked, state_dir, KICKED_FILE, START_S);
		has_failed = fail_alloc_stop();
		assert_true(!err || (has_failed && err == -ENOMEM && !kicked));
		refused += err != 0;
	}
	assert_true(refused > 4);
	assert_true(has("ada", START_S) && has("bob", START_S));
}

static void a_kick_without_memory_is_told(void **state)
{
	bool has_failed = true;

	(void)state;
	assert_int_equal(kicked_new(&kicked, "", KICKED_FILE, START_S), 0);
	for (long n = 1; has_failed; n++) {
		int err;

		fail_alloc_at(n);
		err = add("ada", LATER_S);
		has_failed = fail_alloc_stop();
		assert_int_equal(err, has_failed ? -ENOMEM : 0);
		assert_int_equal(has("ada", START_S), !has_failed);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_is_kicked_is_so_until_it_expires),
		TEST(who_has_expired_is_taken_out_in_time),
		TEST(a_restart_forgives_nobody),
		TEST(a_crash_forgives_nobody),
		TEST(without_a_folder_the_list_ends_with_the_process),
		TEST(the_later_expiry_counts),
		TEST(a_start_leaves_out_who_has_expired),
		TEST(an_id_that_cannot_be_written_is_refused),
		TEST(a_torn_last_line_spoils_no_other),
		TEST(lines_that_are_not_ours_are_passed_over),
		TEST(a_folder_that_is_none_is_refused),
		TEST(a_file_that_cannot_be_read_is_refused),
		TEST(a_full_disk_refuses_to_start_and_keeps_the_file),
		TEST(a_full_disk_is_told_and_forgives_nobody_else),
		TEST(a_file_that_cannot_be_written_is_told),
		TEST(thousands_may_be_kicked),
		TEST(all_are_met_once_and_may_be_forgotten_one_by_one),
		TEST(two_lists_share_a_folder),
		TEST(a_list_without_memory_is_none_or_whole),
		TEST(a_kick_without_memory_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
