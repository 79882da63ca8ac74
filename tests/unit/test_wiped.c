/* test_wiped.c: when who knew a secret is gone, it stands nowhere in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policy/config.h"
#include "state_dir.h"
#include "turn/pool.h"

#define SECRET_LEN 28
#define SECRETS_COUNT 4
#define STEP_BYTES 4096

/* The secrets, with every bit turned round, so that this test does not find
 * itself. */
static char hidden[SECRETS_COUNT][SECRET_LEN];

static void make_secrets(void)
{
	for (int i = 0; i < SECRETS_COUNT; i++)
		for (int c = 0; c < SECRET_LEN; c++)
			hidden[i][c] = (char)~('A' + (i * 7 + c * 5) % 26);
}

/* Put one in a file, past every buffer. */
static void write_secret(int fd, int number)
{
	for (int c = 0; c < SECRET_LEN; c++) {
		char plain = (char)~hidden[number][c];

		assert_int_equal(write(fd, &plain, 1), 1);
	}
}

static void write_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void write_config(void)
{
	int fd = open(state_path("conf"), O_WRONLY | O_CREAT, 0600);
	int secret = open(state_path("secret"), O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0 && secret >= 0);
	write_secret(secret, 0);
	write_text(fd, "[turn]\nhost = a.example\nsecret_file = ");
	write_text(fd, state_path("secret"));
	write_text(fd, "\ncli = 127.0.0.1:5766\ncli_password = ");
	write_secret(fd, 1);
	write_text(fd, "\nredis_password = ");
	write_secret(fd, 2);
	write_text(fd, "\n[turn eu]\nhost = b.example\nsecret = ");
	write_secret(fd, 3);
	write_text(fd, "\n");
	(void)close(secret);
	(void)close(fd);
}

static bool is_secret(const char *at, int number)
{
	for (int c = 0; c < SECRET_LEN; c++)
		if (at[c] != (char)~hidden[number][c])
			return false;
	return true;
}

/* How often a secret stands in some bytes of this process. Read by way of the
 * kernel: a page that is gone meanwhile is an error and no crash. */
static int count_in(int memory, size_t begin, size_t end, int number)
{
	char bytes[STEP_BYTES + SECRET_LEN];
	int count = 0;

	for (size_t at = begin; at < end; at += STEP_BYTES) {
		ssize_t len = pread(memory, bytes, sizeof(bytes), (off_t)at);

		for (ssize_t i = 0; i < STEP_BYTES && i + SECRET_LEN <= len;
		     i++)
			count += is_secret(bytes + i, number);
	}
	return count;
}

/* In the heap, data and stack. */
static int count_everywhere(int number)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	size_t begin, end, offset;
	char line[512], rights[8];
	int count = 0;

	assert_true(maps && memory >= 0);
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%zx-%zx %7s %zx", &begin, &end, rights,
			   &offset) == 4 &&
		    rights[1] == 'w' && end - begin < 256 << 20)
			count += count_in(memory, begin, end, number);
	(void)fclose(maps);
	(void)close(memory);
	return count;
}

static void use_secrets(void)
{
	const struct config_sources sources = {.file = state_path("conf")};
	struct config_error error;
	struct config *config;
	struct pool *pool;

	assert_int_equal(config_load(&config, &sources, &error), 0);
	assert_int_equal(pool_new(&pool, config), 0);
	for (int i = 0; i < SECRETS_COUNT; i++)
		assert_true(count_everywhere(i) > 0);
	assert_int_equal(config_reread_secret(config, &error), 0);
	pool_free(pool);
	config_free(config);
}

static void a_configuration_leaves_no_secret(void **state)
{
	(void)state;
#ifdef __SANITIZE_ADDRESS__
	return; /* what is freed and what is spilled lie elsewhere there */
#endif
	make_secrets();
	write_config();
	use_secrets();
	for (int i = 0; i < SECRETS_COUNT; i++)
		assert_int_equal(count_everywhere(i), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_configuration_leaves_no_secret),
	};
	int failed;

	if (state_dir_make())
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)state_dir_remove();
	return failed;
}
