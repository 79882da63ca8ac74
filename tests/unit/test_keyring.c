/* test_keyring.c: keys that sign for a day, are good for another, and outlive
 * the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "fail_alloc.h"
#include "policy/keyring.h"
#include "state_dir.h"

#define START_S 1700000000
#define MESSAGE SPAN("who, where, until when")

struct signature {
	uint8_t key;
	uint8_t mac[KEYRING_MAC_BYTES];
};

static struct keyring *ring;

static int setup(void **state)
{
	(void)state;
	ring = NULL;
	return state_dir_make();
}

static int teardown(void **state)
{
	(void)state;
	state_limit_files(RLIM_INFINITY);
	keyring_free(ring);
	return state_dir_remove();
}

static void start(uint64_t now_s)
{
	keyring_free(ring);
	ring = NULL;
	assert_int_equal(keyring_new(&ring, state_dir, now_s), 0);
}

static struct signature sign(struct span message)
{
	struct signature signature;

	assert_int_equal(
		keyring_sign(ring, message, &signature.key, signature.mac), 0);
	return signature;
}

static bool is_good(struct span message, const struct signature *signature)
{
	return keyring_verify(ring, message, signature->key, signature->mac);
}

static void what_was_signed_is_verified_and_nothing_else_is(void **state)
{
	struct signature signature, other;

	(void)state;
	start(START_S);
	signature = sign(MESSAGE);
	assert_true(is_good(MESSAGE, &signature));
	assert_false(is_good(SPAN("who, where, until whom"), &signature));
	assert_false(is_good(SPAN(""), &signature));
	for (unsigned bit = 0; bit < 8 * KEYRING_MAC_BYTES; bit++) {
		other = signature;
		other.mac[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(is_good(MESSAGE, &other));
	}
	for (unsigned key = 0; key <= UINT8_MAX; key++) {
		other = signature;
		other.key = (uint8_t)key;
		assert_int_equal(is_good(MESSAGE, &other),
				 key == signature.key);
	}
}

static void a_restart_knows_what_was_signed_before(void **state)
{
	struct signature signature;

	(void)state;
	start(START_S);
	signature = sign(MESSAGE);
	start(START_S + 3600);
	assert_true(is_good(MESSAGE, &signature));
	assert_int_equal(sign(MESSAGE).key, signature.key);
}

static void without_a_folder_keys_end_with_the_process(void **state)
{
	struct keyring *other;
	struct signature signature;

	(void)state;
	assert_int_equal(keyring_new(&ring, "", START_S), 0);
	assert_int_equal(keyring_new(&other, "", START_S), 0);
	signature = sign(MESSAGE);
	assert_true(is_good(MESSAGE, &signature));
	assert_false(
		keyring_verify(other, MESSAGE, signature.key, signature.mac));
	keyring_free(other);
	assert_int_equal(state_files_count(), 0);
}

static void no_two_keys_are_alike(void **state)
{
	enum { RINGS = 32 };
	struct signature signatures[RINGS];

	(void)state;
	for (size_t i = 0; i < RINGS; i++) {
		keyring_free(ring);
		ring = NULL;
		assert_int_equal(keyring_new(&ring, "", START_S), 0);
		signatures[i] = sign(MESSAGE);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(signatures[i].mac,
						signatures[j].mac,
						KEYRING_MAC_BYTES);
	}
}

static void keys_are_readable_by_their_owner_alone(void **state)
{
	struct stat st;

	(void)state;
	start(START_S);
	assert_int_equal(stat(state_path(KEYRING_FILE), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(state_files_count(), 1);
}

static void a_key_signs_for_a_day_and_is_good_for_another(void **state)
{
	struct signature first, second;

	(void)state;
	start(START_S);
	first = sign(MESSAGE);
	assert_int_equal(keyring_rotate(ring, START_S + KEYRING_SIGNS_S - 1),
			 0);
	assert_int_equal(sign(MESSAGE).key, first.key);
	assert_int_equal(keyring_rotate(ring, START_S + KEYRING_SIGNS_S), 0);
	second = sign(MESSAGE);
	assert_int_not_equal(second.key, first.key);
	assert_true(is_good(MESSAGE, &first));
	/* also by who starts now */
	start(START_S + KEYRING_LIVES_S - 1);
	assert_true(is_good(MESSAGE, &first));
	assert_true(is_good(MESSAGE, &second));
	assert_int_equal(keyring_rotate(ring, START_S + KEYRING_SIGNS_S +
						      KEYRING_LIVES_S),
			 0);
	assert_false(is_good(MESSAGE, &first));
	assert_false(is_good(MESSAGE, &second));
}

/* At a long stop, or a clock put right: no key of then is good. */
static void a_keyring_of_long_ago_is_made_anew(void **state)
{
	struct signature signature;

	(void)state;
	start(START_S);
	signature = sign(MESSAGE);
	start(START_S + KEYRING_LIVES_S);
	assert_false(is_good(MESSAGE, &signature));
}

/* The numbers begin again behind 255, and no two keys that live share one. */
static void keys_rotate_for_years(void **state)
{
	uint64_t now_s = START_S;
	struct signature last;

	(void)state;
	start(now_s);
	last = sign(MESSAGE);
	for (int day = 0; day < 600; day++) {
		struct signature next;

		now_s += KEYRING_SIGNS_S;
		if (day % 7)
			assert_int_equal(keyring_rotate(ring, now_s), 0);
		else
			start(now_s);
		next = sign(MESSAGE);
		assert_int_not_equal(next.key, last.key);
		assert_true(is_good(MESSAGE, &last));
		assert_true(is_good(MESSAGE, &next));
		last = next;
	}
	assert_int_equal(state_files_count(), 1);
}

/* A correction by seconds must not void every token there is. */
static void a_clock_set_back_a_little_keeps_the_keys(void **state)
{
	struct signature signature;

	(void)state;
	start(START_S);
	signature = sign(MESSAGE);
	assert_int_equal(keyring_rotate(ring, START_S - 1), 0);
	assert_true(is_good(MESSAGE, &signature));
	assert_int_equal(sign(MESSAGE).key, signature.key);
	start(START_S - 3600);
	assert_true(is_good(MESSAGE, &signature));
}

/* Else a key of a wrong century would sign for a hundred years. */
static void a_clock_set_back_much_keeps_none(void **state)
{
	const uint64_t wrong_s = START_S + 100ull * 365 * 86400;
	struct signature signature;

	(void)state;
	start(wrong_s);
	signature = sign(MESSAGE);
	assert_int_equal(keyring_rotate(ring, START_S), 0);
	assert_false(is_good(MESSAGE, &signature));
	signature = sign(MESSAGE);
	start(START_S + 1);
	assert_true(is_good(MESSAGE, &signature));
}

static void a_key_of_the_future_signs_for_a_day_at_most(void **state)
{
	struct signature signature;

	(void)state;
	start(START_S);
	signature = sign(MESSAGE);
	assert_int_equal(keyring_rotate(ring, START_S - KEYRING_SIGNS_S), 0);
	assert_int_not_equal(sign(MESSAGE).key, signature.key);
	assert_true(is_good(MESSAGE, &signature));
}

static void a_file_that_is_not_ours_is_refused_and_left_alone(void **state)
{
	static const char key[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	char broken[16][512];
	size_t count = 0;

	(void)state;
	(void)snprintf(broken[count++], 512, "hello\n");
	(void)snprintf(broken[count++], 512, "1 1700000000\n");
	(void)snprintf(broken[count++], 512, "1 1700000000 \n");
	(void)snprintf(broken[count++], 512, "1 1700000000 AAAA\n");
	(void)snprintf(broken[count++], 512, "1 1700000000 %sA\n", key);
	(void)snprintf(broken[count++], 512, "1 1700000000 %.42sB\n", key);
	(void)snprintf(broken[count++], 512, "1 1700000000 %s x\n", key);
	(void)snprintf(broken[count++], 512, "256 1700000000 %s\n", key);
	(void)snprintf(broken[count++], 512, "-1 1700000000 %s\n", key);
	(void)snprintf(broken[count++], 512, "1 now %s\n", key);
	(void)snprintf(broken[count++], 512,
		       "1 1700000000 %s\n2 1700000000 %.10s", key, key);
	(void)snprintf(broken[count++], 512,
		       "5 9 %s\n4 9 %s\n3 9 %s\n2 9 %s\n1 9 %s\n", key, key,
		       key, key, key);
	for (size_t i = 0; i < count; i++) {
		state_write(KEYRING_FILE, broken[i]);
		if (keyring_new(&ring, state_dir, START_S) != -EINVAL)
			fail_msg("%s", broken[i]);
		assert_null(ring);
		assert_string_equal(state_read(KEYRING_FILE), broken[i]);
	}
}

static void a_file_of_a_thousand_bytes_is_not_ours(void **state)
{
	char text[2000];

	(void)state;
	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	state_write(KEYRING_FILE, text);
	assert_int_equal(keyring_new(&ring, state_dir, START_S), -EINVAL);
}

static void an_empty_file_is_filled(void **state)
{
	struct signature signature;

	(void)state;
	state_write(KEYRING_FILE, "");
	start(START_S);
	signature = sign(MESSAGE);
	start(START_S);
	assert_true(is_good(MESSAGE, &signature));
}

static void a_folder_that_is_none_is_refused(void **state)
{
	char missing[5000];

	(void)state;
	assert_int_equal(keyring_new(&ring, state_path("none"), START_S),
			 -ENOENT);
	state_write("file", "");
	assert_int_equal(keyring_new(&ring, state_path("file"), START_S),
			 -ENOTDIR);
	assert_int_equal(mkdir(state_path(KEYRING_FILE), 0700), 0);
	assert_int_equal(keyring_new(&ring, state_dir, START_S), -EISDIR);
	memset(missing, 'x', sizeof(missing) - 1);
	missing[sizeof(missing) - 1] = '\0';
	assert_int_equal(keyring_new(&ring, missing, START_S), -ENAMETOOLONG);
	assert_null(ring);
}

static void a_full_disk_refuses_to_start(void **state)
{
	(void)state;
	state_limit_files(10);
	assert_int_equal(keyring_new(&ring, state_dir, START_S), -EFBIG);
	assert_null(ring);
	state_limit_files(RLIM_INFINITY);
	start(START_S);
}

/* Half a file would be as bad as none: the whole one is kept, and its keys. */
static void a_full_disk_keeps_the_keys_there_are(void **state)
{
	struct signature signature;
	char before[1024];

	(void)state;
	start(START_S);
	signature = sign(MESSAGE);
	(void)snprintf(before, sizeof(before), "%s", state_read(KEYRING_FILE));
	state_limit_files(10);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			keyring_rotate(ring, START_S + KEYRING_SIGNS_S),
			-EFBIG);
		assert_true(is_good(MESSAGE, &signature));
		assert_int_equal(sign(MESSAGE).key, signature.key);
		assert_string_equal(state_read(KEYRING_FILE), before);
	}
	state_limit_files(RLIM_INFINITY);
	assert_int_equal(keyring_rotate(ring, START_S + KEYRING_SIGNS_S), 0);
	assert_int_not_equal(sign(MESSAGE).key, signature.key);
	assert_true(is_good(MESSAGE, &signature));
}

/* Whichever allocation fails, the keys are those before, or all is well. */
static void a_rotation_without_memory_keeps_the_keys_there_are(void **state)
{
	uint64_t now_s = START_S;
	bool has_failed = true;

	(void)state;
	start(START_S);
	for (long n = 1; has_failed; n++) {
		struct signature signature = sign(MESSAGE);
		int err;

		now_s += KEYRING_SIGNS_S;
		fail_alloc_at(n);
		err = keyring_rotate(ring, now_s);
		has_failed = fail_alloc_stop();
		assert_true(!err || (has_failed && err == -ENOMEM));
		assert_int_equal(sign(MESSAGE).key == signature.key, err != 0);
	}
}

static void a_keyring_without_memory_is_none(void **state)
{
	struct signature signature;
	bool has_failed = true;
	unsigned refused = 0;

	(void)state;
	start(START_S);
	signature = sign(MESSAGE);
	for (long n = 1; has_failed; n++) {
		int err;

		keyring_free(ring);
		ring = NULL;
		fail_alloc_at(n);
		err = keyring_new(&ring, state_dir, START_S);
		has_failed = fail_alloc_stop();
		assert_true(!err || (has_failed && err == -ENOMEM && !ring));
		refused += err != 0;
	}
	assert_true(refused > 2);
	assert_true(is_good(MESSAGE, &signature));
}

static void
keys_are_changed_before_their_time_and_those_of_before_stay(void **state)
{
	struct signature signatures[5];

	(void)state;
	start(START_S);
	assert_int_equal(keyring_grace_s(ring, START_S), 0);
	for (size_t i = 0; i < 4; i++) {
		signatures[i] = sign(MESSAGE);
		if (i < 3)
			assert_int_equal(keyring_renew(ring,
						       START_S + 100 * (i + 1),
						       KEYRING_KEEP_EARLIER),
					 0);
	}
	assert_int_equal(keyring_grace_s(ring, START_S + 300),
			 KEYRING_LIVES_S - 100);
	/* One would have to go before its time. */
	assert_int_equal(
		keyring_renew(ring, START_S + 400, KEYRING_KEEP_EARLIER),
		-EBUSY);
	start(START_S + 400);
	for (size_t i = 0; i < 4; i++)
		assert_true(is_good(MESSAGE, &signatures[i]));
	assert_int_equal(sign(MESSAGE).key, signatures[3].key);
	/* The first is two days old. */
	assert_int_equal(keyring_renew(ring, START_S + KEYRING_LIVES_S,
				       KEYRING_KEEP_EARLIER),
			 0);
	assert_false(is_good(MESSAGE, &signatures[0]));
	assert_true(is_good(MESSAGE, &signatures[1]));
}

static void what_earlier_keys_signed_is_void_where_they_are(void **state)
{
	struct signature before, after;

	(void)state;
	start(START_S);
	before = sign(MESSAGE);
	assert_int_equal(keyring_renew(ring, START_S + 1, KEYRING_VOID_EARLIER),
			 0);
	after = sign(MESSAGE);
	assert_int_equal(keyring_grace_s(ring, START_S + 1), 0);
	for (int i = 0; i < 2; i++) {
		assert_false(is_good(MESSAGE, &before));
		assert_true(is_good(MESSAGE, &after));
		start(START_S + 2);
	}
	state_limit_files(10);
	assert_int_not_equal(
		keyring_renew(ring, START_S + 3, KEYRING_VOID_EARLIER), 0);
	assert_true(is_good(MESSAGE, &after));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_signed_is_verified_and_nothing_else_is),
		TEST(a_restart_knows_what_was_signed_before),
		TEST(without_a_folder_keys_end_with_the_process),
		TEST(no_two_keys_are_alike),
		TEST(keys_are_readable_by_their_owner_alone),
		TEST(a_key_signs_for_a_day_and_is_good_for_another),
		TEST(a_keyring_of_long_ago_is_made_anew),
		TEST(keys_rotate_for_years),
		TEST(a_clock_set_back_a_little_keeps_the_keys),
		TEST(a_clock_set_back_much_keeps_none),
		TEST(a_key_of_the_future_signs_for_a_day_at_most),
		TEST(a_file_that_is_not_ours_is_refused_and_left_alone),
		TEST(a_file_of_a_thousand_bytes_is_not_ours),
		TEST(an_empty_file_is_filled),
		TEST(a_folder_that_is_none_is_refused),
		TEST(a_full_disk_refuses_to_start),
		TEST(a_full_disk_keeps_the_keys_there_are),
		TEST(a_rotation_without_memory_keeps_the_keys_there_are),
		TEST(a_keyring_without_memory_is_none),
		TEST(keys_are_changed_before_their_time_and_those_of_before_stay),
		TEST(what_earlier_keys_signed_is_void_where_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
