/* test_jwks.c: of a set of keys, or a key's file, those that sign tokens. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/x509.h>
#include <sys/stat.h>

#include "access/jwks.h"
#include "guard.h"
#include "jwt_rig.h"
#include "state_dir.h"

static struct jwt_rig rig;
static struct jwt_keys keys;
static const char *why;

static int setup_group(void **state)
{
	(void)state;
	jwt_rig_make(&rig);
	return 0;
}

static int teardown_group(void **state)
{
	(void)state;
	jwt_rig_clear(&rig);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return state_dir_make();
}

static int teardown(void **state)
{
	(void)state;
	jwt_keys_clear(&keys);
	return state_dir_remove();
}

/* The text lies before an unreadable page. Returns the keys that were taken. */
static size_t read_only(struct span text, enum jwt_algorithm only)
{
	char *copy = guard_copy(text.ptr, text.len);
	int err;

	jwt_keys_clear(&keys);
	why = NULL;
	err = jwks_read(span_of(copy, text.len), only, &keys, &why);
	guard_free(copy, text.len);
	assert_int_equal(!err, !why);
	assert_int_equal(!err, !!keys.count);
	return keys.count;
}

static size_t read_set(const struct buf *set)
{
	return read_only(buf_span(set), JWT_ALGORITHM_NONE);
}

static void begin_set(struct buf *set)
{
	set->len = 0;
	buf_append_str(set, "{\"keys\":[");
}

static void add_key(struct buf *set, const EVP_PKEY *key, const char *more)
{
	if (set->ptr[set->len - 1] != '[')
		buf_append_str(set, ",");
	rig_append_jwk(set, key, more);
}

static size_t read_one(const EVP_PKEY *key, const char *more)
{
	struct buf set = {0};
	size_t count;

	begin_set(&set);
	add_key(&set, key, more);
	buf_append_str(&set, "]}");
	count = read_set(&set);
	buf_clear(&set);
	return count;
}

static void keys_of_both_kinds_are_taken(void **state)
{
	struct buf set = {0};

	(void)state;
	begin_set(&set);
	add_key(&set, rig.rsa, ",\"kid\":\"a\",\"use\":\"sig\",\"x5t\":\"-\"");
	add_key(&set, rig.p256,
		",\"kid\":\"b\",\"alg\":\"ES256\",\"key_ops\":[\"verify\"]");
	buf_append_str(&set, "]}");
	assert_int_equal(read_set(&set), 2);
	assert_non_null(jwt_keys_find(&keys, JWT_RS256, SPAN("a")));
	assert_non_null(jwt_keys_find(&keys, JWT_ES256, SPAN("b")));
	assert_null(jwt_keys_find(&keys, JWT_ES256, SPAN("a")));
	assert_int_equal(read_only(buf_span(&set), JWT_RS256), 1);
	assert_false(jwt_keys_have(&keys, JWT_ES256));
	assert_int_equal(read_only(buf_span(&set), JWT_ES256), 1);
	assert_false(jwt_keys_have(&keys, JWT_RS256));
	buf_clear(&set);
}

static void keys_for_other_things_are_passed_over(void **state)
{
	static const char *const mores[] = {
		",\"use\":\"enc\"",
		",\"use\":7",
		",\"alg\":\"RS512\"",
		",\"alg\":\"HS256\"",
		",\"alg\":\"RSA-OAEP\"",
		",\"key_ops\":[\"sign\"]",
		",\"key_ops\":\"verify\"",
		",\"kid\":7",
		",\"kid\":\"a\",\"kid\":\"b\"",
		",\"kty\":\"oct\"",
	};
	struct buf set = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(mores) / sizeof(*mores); i++) {
		assert_int_equal(read_one(rig.rsa, mores[i]), 0);
		begin_set(&set);
		add_key(&set, rig.rsa, mores[i]);
		add_key(&set, rig.p256, "");
		buf_append_str(&set, "]}");
		assert_int_equal(read_set(&set), 1);
	}
	buf_clear(&set);
}

/* Whatever it is called: everybody has read it. */
static void a_secret_in_a_set_is_none(void **state)
{
	(void)state;
	assert_int_equal(
		read_only(SPAN("{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\","
			       "\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYm"
			       "NkZWY\"}]}"),
			  JWT_ALGORITHM_NONE),
		0);
	assert_int_equal(
		read_only(SPAN("{\"keys\":[{\"kty\":\"oct\",\"alg\":\"HS256\","
			       "\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYm"
			       "NkZWY\"}]}"),
			  JWT_HS256),
		0);
}

#define ZEROS_32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void keys_that_are_not_well_made_are_passed_over(void **state)
{
	static const char *const texts[] = {
		"{}",
		"7",
		"{\"kty\":\"RSA\"}",
		"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"n\":\"A===\",\"e\":\"A===\"}",
		"{\"kty\":\"RSA\",\"n\":7,\"e\":7}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
		/* no point of the curve */
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" ZEROS_32
		"\",\"y\":\"" ZEROS_32 "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" ZEROS_32
		"\",\"y\":\"" ZEROS_32 "\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ZEROS_32 "\"}",
	};
	struct buf set = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		begin_set(&set);
		buf_append_format(&set, "%s]}", texts[i]);
		assert_int_equal(read_set(&set), 0);
	}
	buf_clear(&set);
}

static void rsa_keys_have_a_sound_size_and_exponent(void **state)
{
	uint8_t n[600];
	struct pubkey key;

	(void)state;
	memset(n, 0xff, sizeof(n));
	assert_int_equal(
		pubkey_set_rsa(&key, span_of(n, 256), SPAN("\x01\x00\x01")), 0);
	assert_int_equal(key.rsa.e_len, 3);
	assert_int_equal(pubkey_set_rsa(&key, span_of(n, 512), SPAN("\x03")),
			 0);
	assert_int_equal(pubkey_set_rsa(&key, span_of(n, 255), SPAN("\x03")),
			 -EINVAL);
	assert_int_equal(pubkey_set_rsa(&key, span_of(n, 513), SPAN("\x03")),
			 -EINVAL);
	assert_int_equal(pubkey_set_rsa(&key, span_of(n, 256), SPAN("\x01")),
			 -EINVAL);
	assert_int_equal(pubkey_set_rsa(&key, span_of(n, 256), SPAN("\x02")),
			 -EINVAL);
	assert_int_equal(pubkey_set_rsa(&key, span_of(n, 256), SPAN("\0\0")),
			 -EINVAL);
	assert_int_equal(pubkey_set_rsa(&key, span_of(n, 256),
					SPAN("\x01\x01\x01\x01\x01")),
			 -EINVAL);
	n[0] = 0; /* some put one in front */
	assert_int_equal(pubkey_set_rsa(&key, span_of(n, 257), SPAN("\x03")),
			 0);
	assert_int_equal(key.rsa.n_len, 256);
	n[255] = 2;
	assert_int_equal(
		pubkey_set_rsa(&key, span_of(n + 1, 255), SPAN("\x03")),
		-EINVAL);
}

static void what_is_no_set_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "a set of keys must be a JSON object with keys"},
		{"{}", "a set of keys must be a JSON object with keys"},
		{"[]", "a set of keys must be a JSON object with keys"},
		{"{\"keys\":{}}", "a set of keys must be a JSON object wi"},
		{"{\"keys\":[],\"keys\":[]}", "a set of keys must be a JSON"},
		{"{\"keys\":[\"\xff\"]}", "a set of keys must be a JSON obj"},
		{"<html>", "a set of keys must be a JSON object with keys"},
		{"{\"keys\":[]}", "no key of the set can sign tokens here"},
	};
	struct buf set = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(
			read_only(span_from(cases[i].text), JWT_ALGORITHM_NONE),
			0);
		assert_memory_equal(why, cases[i].why, strlen(cases[i].why));
	}
	begin_set(&set);
	for (int i = 0; i < JWKS_MAX_LISTED + 1; i++)
		buf_append_str(&set, i ? ",{}" : "{}");
	buf_append_str(&set, "]}");
	assert_int_equal(read_set(&set), 0);
	assert_string_equal(why, "a set of keys has at most 64 of them");
	begin_set(&set);
	for (int i = 0; i < JWT_MAX_KEYS + 1; i++)
		add_key(&set, rig.p256, "");
	buf_append_str(&set, "]}");
	assert_int_equal(read_set(&set), 0);
	assert_string_equal(why, "more than 32 keys of the set could sign "
				 "tokens");
	while (set.len <= JWKS_MAX_BYTES)
		buf_append_str(&set, " ");
	assert_int_equal(read_set(&set), 0);
	assert_string_equal(why, "a set of keys has at most 262144 bytes");
	buf_clear(&set);
}

/* --- a key's file --- */

static char file_why[PUBKEY_MAX_ERROR];

static int read_file(struct pubkey *key)
{
	(void)snprintf(file_why, sizeof(file_why), "unsaid");
	return pubkey_read(state_path("key"), key, file_why);
}

static void a_public_key_is_read_from_its_file(void **state)
{
	struct pubkey key;

	(void)state;
	rig_write_public(rig.rsa, state_path("key"));
	assert_int_equal(read_file(&key), 0);
	assert_int_equal(key.kind, PUBKEY_RSA);
	assert_int_equal(key.rsa.n_len, 256);
	assert_int_equal(jwt_keys_add_public(&keys, SPAN(""), &key), 0);
	rig_write_public(rig.p256, state_path("key"));
	assert_int_equal(read_file(&key), 0);
	assert_int_equal(key.kind, PUBKEY_P256);
	assert_int_equal(jwt_keys_add_public(&keys, SPAN(""), &key), 0);
	assert_true(jwt_keys_have(&keys, JWT_RS256));
	assert_true(jwt_keys_have(&keys, JWT_ES256));
}

static void a_certificate_has_a_key(void **state)
{
	X509 *cert = X509_new();
	FILE *file = fopen(state_path("key"), "w");
	struct pubkey key;

	(void)state;
	assert_int_equal(X509_set_pubkey(cert, rig.rsa), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), 60);
	assert_true(X509_sign(cert, rig.rsa, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(file, cert), 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(read_file(&key), 0);
	assert_int_equal(key.kind, PUBKEY_RSA);
	X509_free(cert);
}

static void assert_file_refused(const char *begin)
{
	struct pubkey key;

	assert_int_equal(read_file(&key), -EINVAL);
	if (strncmp(file_why, begin, strlen(begin)) != 0)
		fail_msg("said: %s\nnot: %s", file_why, begin);
}

static void write_generated(EVP_PKEY *key)
{
	rig_write_public(key, state_path("key"));
	EVP_PKEY_free(key);
}

static void a_file_of_another_key_is_refused_with_a_reason(void **state)
{
	FILE *file;

	(void)state;
	assert_file_refused("cannot be read: No such file or directory");
	state_write("key", "");
	assert_file_refused("holds no key: it must be a public key");
	state_write("key", "-----BEGIN PUBLIC KEY-----\nx\n");
	assert_file_refused("holds no key: it must be a public key");
	state_write("key", "-----BEGIN CERTIFICATE-----\nx\n");
	assert_file_refused("holds no key: it must be a public key");
	file = fopen(state_path("key"), "w");
	assert_int_equal(
		PEM_write_PrivateKey(file, rig.rsa, NULL, NULL, 0, NULL, NULL),
		1);
	assert_int_equal(fclose(file), 0);
	assert_file_refused("holds a private key: give its public one");
	write_generated(EVP_RSA_gen(1024));
	assert_file_refused("holds an RSA key of 1024 bits: it must have 2048 "
			    "to 4096");
	write_generated(EVP_EC_gen("P-384"));
	assert_file_refused("holds a key of the curve secp384r1: it must be "
			    "of P-256");
	write_generated(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	assert_file_refused("holds a key that is neither RSA nor of the cur");
	assert_int_equal(unlink(state_path("key")), 0);
	assert_int_equal(mkdir(state_path("key"), 0700), 0);
	assert_file_refused("cannot be read: Is a directory");
	assert_int_equal(rmdir(state_path("key")), 0);
	assert_int_equal(mkfifo(state_path("key"), 0600), 0);
	assert_file_refused("cannot be read: Invalid argument");
	assert_int_equal(unlink(state_path("key")), 0);
	file = fopen(state_path("key"), "w");
	assert_int_equal(ftruncate(fileno(file), 65537), 0);
	assert_int_equal(fclose(file), 0);
	assert_file_refused("cannot be read: File too large");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_of_both_kinds_are_taken),
		TEST(keys_for_other_things_are_passed_over),
		TEST(a_secret_in_a_set_is_none),
		TEST(keys_that_are_not_well_made_are_passed_over),
		TEST(rsa_keys_have_a_sound_size_and_exponent),
		TEST(what_is_no_set_is_refused),
		TEST(a_public_key_is_read_from_its_file),
		TEST(a_certificate_has_a_key),
		TEST(a_file_of_another_key_is_refused_with_a_reason),
	};

	return cmocka_run_group_tests_name("jwks", tests, setup_group,
					   teardown_group);
}
