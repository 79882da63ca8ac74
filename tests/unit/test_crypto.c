/* test_crypto.c: hashes, base64 and secrets against their standards' vectors.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "base/crypto.h"
#include "base/hex.h"
#include "guard.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEN(s) s s s s s s s s s s

static void assert_hex(const uint8_t *bytes, size_t len, const char *want)
{
	char hex[2 * CRYPTO_SHA256_LEN + 1];

	hex_write(bytes, len, hex);
	assert_string_equal(hex, want);
}

/* FIPS 180-4's examples, and those of NIST's byte-oriented vectors. */
static const struct {
	struct span text;
	const char *sha1, *sha256;
} digests[] = {
	{{NULL, 0},
	 "da39a3ee5e6b4b0d3255bfef95601890afd80709",
	 "e3b0c44298fc1c149afbf4c8996fb924"
	 "27ae41e4649b934ca495991b7852b855"},
	{SPAN_INIT("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d",
	 "ba7816bf8f01cfea414140de5dae2223"
	 "b00361a396177a9cb410ff61f20015ad"},
	{SPAN_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
	 "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
	 "248d6a61d20638b8e5c026930c3e6039"
	 "a33ce45964ff2167f6ecedd419db06c1"},
};

static void digests_are_those_of_the_standard(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(digests); i++) {
		uint8_t out[CRYPTO_SHA256_LEN];

		crypto_sha1(digests[i].text, out);
		assert_hex(out, CRYPTO_SHA1_LEN, digests[i].sha1);
		crypto_sha256(digests[i].text, out);
		assert_hex(out, CRYPTO_SHA256_LEN, digests[i].sha256);
	}
}

/* RFC 1321, A.5 */
static const struct {
	struct span text;
	const char *md5;
} md5s[] = {
	{SPAN_INIT(""), "d41d8cd98f00b204e9800998ecf8427e"},
	{SPAN_INIT("a"), "0cc175b9c0f1b6a831c399e269772661"},
	{SPAN_INIT("abc"), "900150983cd24fb0d6963f7d28e17f72"},
	{SPAN_INIT("message digest"), "f96b697d7cb7938d525a2f31aaf161d0"},
	{SPAN_INIT("abcdefghijklmnopqrstuvwxyz"),
	 "c3fcd3d76192e4007dfb496cca67e13b"},
	{SPAN_INIT("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		   "0123456789"),
	 "d174ab98d277d9f5a5611c2c9f419d9f"},
	{SPAN_INIT("1234567890123456789012345678901234567890"
		   "1234567890123456789012345678901234567890"),
	 "57edf4a22be3c955ac49da2e2107b67a"},
};

static void md5_is_that_of_the_standard_wherever_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(md5s); i++) {
		struct span text = md5s[i].text;

		for (size_t cut = 0; cut <= text.len; cut++) {
			struct span parts[] = {span_of(text.ptr, cut),
					       span_skip(text, cut)};
			uint8_t out[CRYPTO_MD5_LEN];

			assert_int_equal(crypto_md5(parts, 2, out), 0);
			assert_hex(out, sizeof(out), md5s[i].md5);
		}
	}
}

static void md5_may_be_forbidden(void **state)
{
	struct span text = SPAN("abc");
	uint8_t out[CRYPTO_MD5_LEN];

	(void)state;
	assert_int_equal(EVP_set_default_properties(NULL, "fips=yes"), 1);
	assert_int_equal(crypto_md5(&text, 1, out), -ENOTSUP);
	assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
	assert_int_equal(crypto_md5(&text, 1, out), 0);
}

#define KEY_OF_AA_80 TEN("\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa")
#define KEY_OF_AA_131 KEY_OF_AA_80 TEN("\xaa\xaa\xaa\xaa\xaa") "\xaa"
#define KEY_OF_25                                                              \
	"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11" \
	"\x12\x13\x14\x15\x16\x17\x18\x19"

static const struct {
	enum crypto_hash hash;
	struct span key, text;
	const char *hmac;
} hmacs[] = {
	/* RFC 2202, 3 */
	{CRYPTO_SHA1, SPAN_INIT(TEN("\x0b") TEN("\x0b")), SPAN_INIT("Hi There"),
	 "b617318655057264e28bc0b6fb378c8ef146be00"},
	{CRYPTO_SHA1, SPAN_INIT("Jefe"),
	 SPAN_INIT("what do ya want for nothing?"),
	 "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
	{CRYPTO_SHA1, SPAN_INIT(TEN("\xaa") TEN("\xaa")),
	 SPAN_INIT(TEN("\xdd\xdd\xdd\xdd\xdd")),
	 "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
	{CRYPTO_SHA1, SPAN_INIT(KEY_OF_25),
	 SPAN_INIT(TEN("\xcd\xcd\xcd\xcd\xcd")),
	 "4c9007f4026250c6bc8414f9bf50c86c2d7235da"},
	{CRYPTO_SHA1, SPAN_INIT(TEN("\x0c") TEN("\x0c")),
	 SPAN_INIT("Test With Truncation"),
	 "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"},
	{CRYPTO_SHA1, SPAN_INIT(KEY_OF_AA_80),
	 SPAN_INIT("Test Using Larger Than Block-Size Key - Hash Key First"),
	 "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
	{CRYPTO_SHA1, SPAN_INIT(KEY_OF_AA_80),
	 SPAN_INIT("Test Using Larger Than Block-Size Key and Larger Than One "
		   "Block-Size Data"),
	 "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
	/* RFC 4231, 4 (case 5 cuts its result off, which we never do) */
	{CRYPTO_SHA256, SPAN_INIT(TEN("\x0b") TEN("\x0b")),
	 SPAN_INIT("Hi There"),
	 "b0344c61d8db38535ca8afceaf0bf12b"
	 "881dc200c9833da726e9376c2e32cff7"},
	{CRYPTO_SHA256, SPAN_INIT("Jefe"),
	 SPAN_INIT("what do ya want for nothing?"),
	 "5bdcc146bf60754e6a042426089575c7"
	 "5a003f089d2739839dec58b964ec3843"},
	{CRYPTO_SHA256, SPAN_INIT(TEN("\xaa") TEN("\xaa")),
	 SPAN_INIT(TEN("\xdd\xdd\xdd\xdd\xdd")),
	 "773ea91e36800e46854db8ebd09181a7"
	 "2959098b3ef8c122d9635514ced565fe"},
	{CRYPTO_SHA256, SPAN_INIT(KEY_OF_25),
	 SPAN_INIT(TEN("\xcd\xcd\xcd\xcd\xcd")),
	 "82558a389a443c0ea4cc819899f2083a"
	 "85f0faa3e578f8077a2e3ff46729665b"},
	{CRYPTO_SHA256, SPAN_INIT(KEY_OF_AA_131),
	 SPAN_INIT("Test Using Larger Than Block-Size Key - Hash Key First"),
	 "60e431591ee0b67f0d8a26aacbf5b77f"
	 "8e0bc6213728c5140546040f0ee37f54"},
	{CRYPTO_SHA256, SPAN_INIT(KEY_OF_AA_131),
	 SPAN_INIT("This is a test using a larger than block-size key and a "
		   "larger than block-size data. The key needs to be hashed "
		   "before being used by the HMAC algorithm."),
	 "9b09ffa71b942fcb27635fbcd5b0e944"
	 "bfdc63644f0713938a7f51535c3a35e2"},
};

static size_t hash_len(enum crypto_hash hash)
{
	return hash == CRYPTO_SHA1 ? CRYPTO_SHA1_LEN : CRYPTO_SHA256_LEN;
}

static void hmacs_are_those_of_the_standard(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hmacs); i++) {
		uint8_t out[CRYPTO_SHA256_LEN];
		struct crypto_hmac *hmac;

		assert_int_equal(
			crypto_hmac_new(&hmac, hmacs[i].hash, hmacs[i].key), 0);
		assert_int_equal(crypto_hmac_sign(hmac, hmacs[i].text, out), 0);
		assert_hex(out, hash_len(hmacs[i].hash), hmacs[i].hmac);
		crypto_hmac_free(hmac);
	}
}

static void a_message_may_lie_in_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(hmacs); i++) {
		struct span text = hmacs[i].text;
		struct crypto_hmac *hmac;

		assert_int_equal(
			crypto_hmac_new(&hmac, hmacs[i].hash, hmacs[i].key), 0);
		for (size_t cut = 0; cut <= text.len; cut++) {
			struct span parts[] = {span_of(text.ptr, cut),
					       {NULL, 0},
					       span_skip(text, cut)};
			uint8_t out[CRYPTO_SHA256_LEN];

			assert_int_equal(
				crypto_hmac_sign_parts(hmac, parts, 3, out), 0);
			assert_hex(out, hash_len(hmacs[i].hash), hmacs[i].hmac);
		}
		crypto_hmac_free(hmac);
	}
}

static void one_key_signs_many_messages(void **state)
{
	char key[] = "Jefe";
	uint8_t out[CRYPTO_SHA1_LEN];
	struct crypto_hmac *hmac;

	(void)state;
	assert_int_equal(crypto_hmac_new(&hmac, CRYPTO_SHA1, span_from(key)),
			 0);
	memset(key, 'x', sizeof(key)); /* it is copied */
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(crypto_hmac_sign(hmac, SPAN("other"), out), 0);
		assert_int_equal(crypto_hmac_sign(hmac, hmacs[1].text, out), 0);
		assert_hex(out, sizeof(out), hmacs[1].hmac);
	}
	crypto_hmac_free(hmac);
	crypto_hmac_free(NULL);
}

static void an_empty_key_is_refused(void **state)
{
	struct crypto_hmac *hmac = NULL;

	(void)state;
	assert_int_equal(crypto_hmac_new(&hmac, CRYPTO_SHA1, SPAN("")),
			 -EINVAL);
	assert_null(hmac);
}

/* RFC 4648, 10, and bytes that show 62 and 63 in both alphabets. */
static const struct {
	struct span bytes;
	const char *base64, *base64url;
} encodings[] = {
	{SPAN_INIT(""), "", ""},
	{SPAN_INIT("f"), "Zg==", "Zg"},
	{SPAN_INIT("fo"), "Zm8=", "Zm8"},
	{SPAN_INIT("foo"), "Zm9v", "Zm9v"},
	{SPAN_INIT("foob"), "Zm9vYg==", "Zm9vYg"},
	{SPAN_INIT("fooba"), "Zm9vYmE=", "Zm9vYmE"},
	{SPAN_INIT("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
	{SPAN_INIT("\xfb\xff\xbf"), "+/+/", "-_-_"},
	{SPAN_INIT("\0\0\0\0"), "AAAAAA==", "AAAAAA"},
};

static void base64_is_that_of_the_standard(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(encodings); i++) {
		struct span bytes = encodings[i].bytes;
		char *copy = guard_copy(bytes.ptr, bytes.len);
		char out[CRYPTO_BASE64_LEN(6) + 1];
		uint8_t back[6];

		assert_int_equal(CRYPTO_BASE64_LEN(bytes.len),
				 strlen(encodings[i].base64));
		assert_int_equal(crypto_base64(copy, bytes.len, out),
				 strlen(encodings[i].base64));
		assert_string_equal(out, encodings[i].base64);
		assert_int_equal(crypto_base64_decode(span_from(out), back,
						      sizeof(back)),
				 bytes.len);
		assert_memory_equal(back, bytes.ptr, bytes.len);
		assert_int_equal(crypto_base64url(copy, bytes.len, out),
				 strlen(encodings[i].base64url));
		assert_string_equal(out, encodings[i].base64url);
		memset(back, 0, sizeof(back));
		assert_int_equal(crypto_base64url_decode(span_from(out), back,
							 sizeof(back)),
				 bytes.len);
		assert_memory_equal(back, bytes.ptr, bytes.len);
		guard_free(copy, bytes.len);
	}
}

static void only_canonical_base64_is_decoded(void **state)
{
	static const char *const broken[] = {
		"Zg",	  "Zg=",  "Zg===", "Zh==",    "Zm9=",
		"Z===",	  "====", "=Zg=",  "Zg=A",    "Zg==Zg==",
		"Zm9v\n", "Zm 9", "Zm-_",  "Zm\x80v", "Zm9vZg= =",
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		size_t len = strlen(broken[i]);
		char *copy = guard_copy(broken[i], len);

		if (crypto_base64_decode(span_of(copy, len), out,
					 sizeof(out)) != -EINVAL)
			fail_msg("%s", broken[i]);
		guard_free(copy, len);
	}
	assert_int_equal(crypto_base64_decode(SPAN("Zm\0v"), out, 16), -EINVAL);
}

static void only_canonical_base64url_is_decoded(void **state)
{
	static const char *const broken[] = {
		/* padding, the other alphabet, blanks, bits behind the end */
		"Zg==",	   "Zm8=",  "Zg=",  "=",      "Zm9v====", "Zm9vYg==",
		"Zm+v",	   "Zm9/",  "Zm 9", "Zm9v\n", "Zm\x80v",  "Zm9v.Zg",
		"Z",	   "Zm9vZ", "Zh",   "Zm9",    "Zm9vYh",	  "Zm9vYmF",
		"-_-_-_-", "A=A=",  "AA=A",
	};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		size_t len = strlen(broken[i]);
		char *copy = guard_copy(broken[i], len);

		if (crypto_base64url_decode(span_of(copy, len), out,
					    sizeof(out)) != -EINVAL)
			fail_msg("%s", broken[i]);
		guard_free(copy, len);
	}
	assert_int_equal(crypto_base64url_decode(SPAN("Zm\0v"), out, 16),
			 -EINVAL);
	assert_int_equal(crypto_base64url_decode(SPAN("Z\0"), out, 16),
			 -EINVAL);
}

/* Every text of two and of three characters: those that are decoded are
 * encoded again just so. */
static void a_decoded_text_is_the_only_one_of_its_bytes(void **state)
{
	unsigned good[4] = {0};

	(void)state;
	for (size_t len = 2; len <= 3; len++) {
		for (unsigned i = 0; i < 1u << (7 * len); i++) {
			char text[3], again[CRYPTO_BASE64_LEN(3) + 1];
			uint8_t bytes[3];
			long n;

			for (size_t k = 0; k < len; k++)
				text[k] = (char)(i >> (7 * k) & 127);
			n = crypto_base64url_decode(span_of(text, len), bytes,
						    sizeof(bytes));
			if (n < 0)
				continue;
			good[len]++;
			assert_int_equal(
				crypto_base64url(bytes, (size_t)n, again), len);
			assert_memory_equal(again, text, len);
		}
	}
	assert_int_equal(good[2], 1 << 8);
	assert_int_equal(good[3], 1 << 16);
}

static void decoding_stays_in_its_room(void **state)
{
	char *out = guard_copy("....", 4);

	(void)state;
	assert_int_equal(crypto_base64_decode(SPAN("Zm9vYmE="), out, 4),
			 -ENOSPC);
	assert_int_equal(crypto_base64_decode(SPAN("Zm9vYg=="), out, 4), 4);
	assert_memory_equal(out, "foob", 4);
	assert_int_equal(crypto_base64_decode(SPAN("Zg=="), out, 0), -ENOSPC);
	assert_int_equal(crypto_base64url_decode(SPAN("Zm9vYmE"), out, 4),
			 -ENOSPC);
	assert_int_equal(crypto_base64url_decode(SPAN("Zm9vYg"), out, 4), 4);
	assert_memory_equal(out, "foob", 4);
	assert_int_equal(crypto_base64url_decode(SPAN("Zg"), out, 0), -ENOSPC);
	guard_free(out, 4);
}

static void an_id_is_22_url_safe_characters_and_new(void **state)
{
	enum { IDS = 1000 };
	static char ids[IDS][CRYPTO_ID_LEN + 1];

	(void)state;
	for (size_t i = 0; i < IDS; i++) {
		crypto_new_id(ids[i]);
		assert_int_equal(strlen(ids[i]), CRYPTO_ID_LEN);
		assert_int_equal(strspn(ids[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
						"abcdefghijklmnopqrstuvwxyz"
						"0123456789-_"),
				 CRYPTO_ID_LEN);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(ids[i], ids[j]);
	}
}

static void secrets_are_equal_when_every_byte_is(void **state)
{
	(void)state;
	assert_true(crypto_equal(SPAN("secret"), SPAN("secret")));
	assert_false(crypto_equal(SPAN("secret"), SPAN("secreT")));
	assert_false(crypto_equal(SPAN("secret"), SPAN("Secret")));
	assert_false(crypto_equal(SPAN("secret"), SPAN("secret ")));
	assert_false(crypto_equal(SPAN("secret"), SPAN("")));
	assert_true(crypto_equal(SPAN(""), SPAN("")));
	assert_false(crypto_equal(SPAN("a\0b"), SPAN("a\0c")));
}

static void a_wiped_secret_is_gone(void **state)
{
	char secret[] = "secret";

	(void)state;
	crypto_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, "\0\0\0\0\0\0", sizeof(secret));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_those_of_the_standard),
		cmocka_unit_test(
			md5_is_that_of_the_standard_wherever_it_is_cut),
		cmocka_unit_test(md5_may_be_forbidden),
		cmocka_unit_test(hmacs_are_those_of_the_standard),
		cmocka_unit_test(a_message_may_lie_in_parts),
		cmocka_unit_test(one_key_signs_many_messages),
		cmocka_unit_test(an_empty_key_is_refused),
		cmocka_unit_test(base64_is_that_of_the_standard),
		cmocka_unit_test(only_canonical_base64_is_decoded),
		cmocka_unit_test(only_canonical_base64url_is_decoded),
		cmocka_unit_test(a_decoded_text_is_the_only_one_of_its_bytes),
		cmocka_unit_test(decoding_stays_in_its_room),
		cmocka_unit_test(an_id_is_22_url_safe_characters_and_new),
		cmocka_unit_test(secrets_are_equal_when_every_byte_is),
		cmocka_unit_test(a_wiped_secret_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
