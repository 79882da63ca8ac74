/* test_token.c: resume tokens: nothing but what we signed is one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "guard.h"
#include "policy/token.h"

#define START_S 1700000000
#define ID "Zk1aZk1aZk1aZk1aZk1aZk"

static struct keyring *ring;

static const struct token plain = {
	.kind = TOKEN_PEER,
	.role = 2,
	.lacks = 0x41,
	.flags = 0x82,
	.generation = 7,
	.expires_at_s = START_S + 600,
	.max_ttl_s = 90,
	.id = SPAN_INIT(ID),
	.place = SPAN_INIT("kitchen"),
	.user = SPAN_INIT("ada"),
};

static int setup(void **state)
{
	(void)state;
	return keyring_new(&ring, "", START_S);
}

static int teardown(void **state)
{
	(void)state;
	keyring_free(ring);
	return 0;
}

static struct buf write_token(const struct token *token)
{
	struct buf text = {0};

	assert_int_equal(token_write(ring, token, &text), 0);
	return text;
}

/* The text lies before an unreadable page. */
static int read_as(struct span text, enum token_kind kind, uint64_t now_s,
		   char space[TOKEN_CAP], struct token *token)
{
	char *copy = guard_copy(text.ptr, text.len);
	int err = token_read(ring, span_of(copy, text.len), kind, now_s, space,
			     token);

	guard_free(copy, text.len);
	return err;
}

static int read_plain(struct span text)
{
	char space[TOKEN_CAP];
	struct token token;

	return read_as(text, TOKEN_PEER, START_S, space, &token);
}

static void assert_comes_back(const struct token *written)
{
	struct buf text = write_token(written);
	char space[TOKEN_CAP];
	struct token read;

	assert_int_equal(
		read_as(buf_span(&text), written->kind, START_S, space, &read),
		0);
	assert_int_equal(read.kind, written->kind);
	assert_int_equal(read.role, written->role);
	assert_int_equal(read.lacks, written->lacks);
	assert_int_equal(read.flags, written->flags);
	assert_int_equal(read.max_ttl_s, written->max_ttl_s);
	assert_true(span_equal(read.user, written->user));
	assert_int_equal(read.generation, written->generation);
	assert_int_equal(read.expires_at_s, written->expires_at_s);
	assert_true(span_equal(read.id, written->id));
	assert_true(span_equal(read.place, written->place));
	buf_clear(&text);
}

static void what_is_written_is_read_again(void **state)
{
	char id[TOKEN_MAX_ID], place[TOKEN_MAX_PLACE];
	struct token token = plain;

	(void)state;
	assert_comes_back(&token);
	token.kind = TOKEN_SOCKET;
	assert_comes_back(&token);
	memset(id, 'i', sizeof(id));
	memset(place, '\xff', sizeof(place));
	token = (struct token){
		.kind = TOKEN_PEER,
		.role = UINT8_MAX,
		.generation = UINT32_MAX,
		.expires_at_s = UINT64_MAX,
		.id = span_of(id, sizeof(id)),
		.place = span_of(place, sizeof(place)),
	};
	assert_comes_back(&token);
	token.id.len = 0;
	token.place.len = 0;
	token.generation = 0;
	assert_comes_back(&token);
}

/* It is put into JSON and into URLs as it is. */
static void a_token_is_url_safe_and_short(void **state)
{
	struct buf text = write_token(&plain);

	(void)state;
	assert_int_equal(strspn(text.ptr, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "abcdefghijklmnopqrstuvwxyz"
					  "0123456789-_"),
			 text.len);
	assert_true(text.len <= 110);
	buf_clear(&text);
}

static void a_token_ends_at_its_second(void **state)
{
	struct buf text = write_token(&plain);
	char space[TOKEN_CAP];
	struct token token;

	(void)state;
	assert_int_equal(read_as(buf_span(&text), TOKEN_PEER,
				 plain.expires_at_s - 1, space, &token),
			 0);
	token = (struct token){0};
	assert_int_equal(read_as(buf_span(&text), TOKEN_PEER,
				 plain.expires_at_s, space, &token),
			 -ETIME);
	assert_true(span_equal(token.id, plain.id));
	assert_int_equal(token.generation, plain.generation);
	buf_clear(&text);
}

static void one_kind_is_not_taken_for_another(void **state)
{
	struct buf text = write_token(&plain);
	char space[TOKEN_CAP];
	struct token token;

	(void)state;
	assert_int_equal(
		read_as(buf_span(&text), TOKEN_SOCKET, START_S, space, &token),
		-EINVAL);
	buf_clear(&text);
}

static void what_is_too_long_for_a_token_is_refused(void **state)
{
	char longest[TOKEN_MAX_PLACE + 1];
	struct token token = plain;
	struct buf text = {0};

	(void)state;
	memset(longest, 'x', sizeof(longest));
	token.id = span_of(longest, TOKEN_MAX_ID + 1);
	assert_int_equal(token_write(ring, &token, &text), -EINVAL);
	token.id = plain.id;
	token.place = span_of(longest, TOKEN_MAX_PLACE + 1);
	assert_int_equal(token_write(ring, &token, &text), -EINVAL);
	assert_int_equal(text.len, 0);
	buf_clear(&text);
}

/* Every bit of it counts. */
static void a_changed_character_is_noticed(void **state)
{
	struct buf text = write_token(&plain);

	(void)state;
	for (size_t i = 0; i < text.len; i++) {
		char before = text.ptr[i];

		for (unsigned c = 0; c <= UINT8_MAX; c++) {
			text.ptr[i] = (char)c;
			assert_int_equal(read_plain(buf_span(&text)),
					 (char)c == before ? 0 : -EINVAL);
		}
		text.ptr[i] = before;
	}
	buf_clear(&text);
}

static void a_shortened_or_lengthened_one_is_none(void **state)
{
	struct buf text = write_token(&plain);
	size_t len = text.len;

	(void)state;
	for (size_t i = 0; i < len; i++)
		assert_int_equal(read_plain(span_of(text.ptr, i)), -EINVAL);
	for (size_t i = 1; i < len; i++)
		assert_int_equal(read_plain(span_of(text.ptr + i, len - i)),
				 -EINVAL);
	for (size_t i = 0; i < 300; i++) {
		buf_append_str(&text, "A");
		assert_int_equal(read_plain(buf_span(&text)), -EINVAL);
	}
	buf_clear(&text);
}

static void a_token_of_another_servers_key_is_none(void **state)
{
	struct buf text = write_token(&plain);

	(void)state;
	keyring_free(ring);
	assert_int_equal(keyring_new(&ring, "", START_S), 0);
	assert_int_equal(read_plain(buf_span(&text)), -EINVAL);
	buf_clear(&text);
}

static void a_token_outlives_a_change_of_keys_and_not_two(void **state)
{
	struct token token = plain;
	struct buf text, next;

	(void)state;
	token.expires_at_s = UINT64_MAX;
	text = write_token(&token);
	assert_int_equal(keyring_rotate(ring, START_S + KEYRING_SIGNS_S), 0);
	next = write_token(&token);
	assert_int_equal(read_plain(buf_span(&text)), 0);
	assert_int_equal(read_plain(buf_span(&next)), 0);
	assert_int_equal(keyring_rotate(ring, START_S + KEYRING_LIVES_S), 0);
	assert_int_equal(read_plain(buf_span(&text)), -EINVAL);
	assert_int_equal(read_plain(buf_span(&next)), 0);
	buf_clear(&text);
	buf_clear(&next);
}

/* What we signed, though of another shape: not even we can make one that reads
 * beyond itself. */
static void lengths_that_do_not_fit_are_refused(void **state)
{
	/* Behind both strings stands the length of a third, 0. */
	static const struct {
		uint8_t id_len, place_len, extra;
		int err;
	} cases[] = {
		{2, 2, 1, 0},	      {2, 2, 0, -EINVAL},   {2, 2, 2, -EINVAL},
		{2, 3, 0, -EINVAL},   {3, 2, 0, -EINVAL},   {6, 0, 0, -EINVAL},
		{255, 2, 0, -EINVAL}, {2, 255, 0, -EINVAL}, {5, 0, 0, -EINVAL},
		{4, 0, 0, -EINVAL},   {0, 0, 4, -EINVAL}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t bytes[64] = {2, TOKEN_PEER, 0, 0};
		char text[CRYPTO_BASE64_LEN(sizeof(bytes)) + 1];
		size_t len = 22;
		uint8_t key;

		bytes[10] = 0x7f; /* it expires late */
		bytes[len] = cases[i].id_len;
		bytes[len + 1] = 'i';
		bytes[len + 2] = 'd';
		bytes[len + 3] = cases[i].place_len;
		bytes[len + 4] = 'i';
		bytes[len + 5] = 'n';
		len += 6 + cases[i].extra;
		assert_int_equal(keyring_sign(ring, span_of(bytes, len), &key,
					      bytes + len),
				 0);
		bytes[3] = key;
		len += KEYRING_MAC_BYTES;
		assert_int_equal(
			read_plain(span_of(text,
					   crypto_base64url(bytes, len, text))),
			cases[i].err);
	}
}

static void a_token_without_memory_is_not_written_or_not_read(void **state)
{
	bool has_failed = true;
	struct buf good = write_token(&plain);
	char space[TOKEN_CAP];
	struct token token;

	(void)state;
	for (long n = 1; has_failed; n++) {
		struct buf text = {0};
		int err;

		fail_alloc_at(n);
		err = token_write(ring, &plain, &text);
		has_failed = fail_alloc_stop();
		assert_true(!err || (has_failed && err == -ENOMEM));
		if (!err)
			assert_int_equal(read_plain(buf_span(&text)), 0);
		buf_clear(&text);
	}
	has_failed = true;
	for (long n = 1; has_failed; n++) {
		int err;

		fail_alloc_at(n);
		err = token_read(ring, buf_span(&good), TOKEN_PEER, START_S,
				 space, &token);
		has_failed = fail_alloc_stop();
		assert_true(!err || has_failed);
	}
	buf_clear(&good);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_written_is_read_again),
		TEST(a_token_is_url_safe_and_short),
		TEST(a_token_ends_at_its_second),
		TEST(one_kind_is_not_taken_for_another),
		TEST(what_is_too_long_for_a_token_is_refused),
		TEST(a_changed_character_is_noticed),
		TEST(a_shortened_or_lengthened_one_is_none),
		TEST(a_token_of_another_servers_key_is_none),
		TEST(a_token_outlives_a_change_of_keys_and_not_two),
		TEST(lengths_that_do_not_fit_are_refused),
		TEST(a_token_without_memory_is_not_written_or_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
