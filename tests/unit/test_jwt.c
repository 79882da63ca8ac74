/* test_jwt.c: a token is taken when its key says so, and for nothing else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "access/jwks.h"
#include "access/jwt.h"
#include "fail_alloc.h"
#include "guard.h"
#include "jwt_rig.h"

#define NOW_S 1700000000
#define ANN "{\"sub\":\"ann\",\"exp\":1700000600}"

static struct jwt_rig rig;
static struct jwt_keys secret, rsa, p256;
static const char *why;

static const struct jwt_rules any = {.issuer = "", .audience = ""};

/* As a key file or a set would give it. */
static void add_public(struct jwt_keys *keys, const EVP_PKEY *key,
		       const char *more)
{
	struct buf set = {0};

	buf_append_str(&set, "{\"keys\":[");
	rig_append_jwk(&set, key, more);
	buf_append_str(&set, "]}");
	if (jwks_read(buf_span(&set), JWT_ALGORITHM_NONE, keys, &why))
		abort();
	buf_clear(&set);
}

static int setup(void **state)
{
	(void)state;
	jwt_rig_make(&rig);
	add_public(&rsa, rig.rsa, "");
	add_public(&p256, rig.p256, "");
	return jwt_keys_add_secret(&secret, SPAN(RIG_SECRET));
}

static int teardown(void **state)
{
	(void)state;
	jwt_keys_clear(&secret);
	jwt_keys_clear(&rsa);
	jwt_keys_clear(&p256);
	jwt_rig_clear(&rig);
	return 0;
}

/* The text lies before an unreadable page. */
static enum jwt_fault check(const struct jwt_keys *keys,
			    const struct jwt_rules *rules, struct span text)
{
	struct claims claims = {.rights = 0};
	char *copy = guard_copy(text.ptr, text.len);
	enum jwt_fault fault;

	why = NULL;
	fault = jwt_check(keys, rules, span_of(copy, text.len), NOW_S, &claims,
			  &why);
	guard_free(copy, text.len);
	assert_int_equal(!fault, !why);
	if (fault)
		assert_null(claims.metadata);
	claims_clear(&claims);
	return fault;
}

static void assert_fault(enum jwt_fault fault, enum jwt_fault expected,
			 const char *what)
{
	if (fault != expected)
		fail_msg("%s: %s (%s), and not %s", what, jwt_fault_name(fault),
			 why ? why : "", jwt_fault_name(expected));
}

static void check_token(const struct jwt_keys *keys,
			const struct jwt_rules *rules, EVP_PKEY *key,
			const char *header, const char *claims,
			enum jwt_fault expected)
{
	struct buf token = rig_token(key, header, claims);
	char what[200];

	(void)snprintf(what, sizeof(what), "%.80s %.100s", header, claims);
	assert_fault(check(keys, rules, buf_span(&token)), expected, what);
	buf_clear(&token);
}

static void a_token_of_each_algorithm_is_taken(void **state)
{
	(void)state;
	check_token(&secret, &any, NULL, "{\"alg\":\"HS256\"}", ANN, JWT_OK);
	check_token(&rsa, &any, rig.rsa, "{\"typ\":\"JWT\",\"alg\":\"RS256\"}",
		    ANN, JWT_OK);
	check_token(&p256, &any, rig.p256, "{\"alg\":\"ES25\\u0036\"}", ANN,
		    JWT_OK);
}

static void its_claims_are_read(void **state)
{
	const struct jwt_rules rules = {
		.issuer = "", .audience = "", .leeway_s = 60};
	struct buf token = rig_token(
		NULL, "{\"alg\":\"HS256\"}",
		"{\"sub\":\"ann\",\"room\":\"k*\",\"metadata\":{\"a\":1},"
		"\"exp\":1700000600}");
	struct claims claims;

	(void)state;
	assert_int_equal(jwt_check(&secret, &rules, buf_span(&token), NOW_S,
				   &claims, &why),
			 JWT_OK);
	assert_string_equal(claims.subject, "ann");
	assert_string_equal(claims.room, "k*");
	assert_string_equal(claims.metadata, "{\"a\":1}");
	assert_int_equal(claims.expires_at_s, 1700000660);
	claims_clear(&claims);
	buf_clear(&token);
}

/* Of what the token says of itself, nothing chooses how it is verified. */
static void the_keys_algorithm_counts_and_not_the_tokens(void **state)
{
	static const char *const others[] = {
		"none",	 "None",  "NONE",   "HS384", "HS512",
		"RS384", "RS512", "PS256",  "ES384", "ES512",
		"EdDSA", "rs256", "RS256 ", "dir",   "",
	};
	char header[64];

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		(void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}",
			       others[i]);
		check_token(&secret, &any, NULL, header, ANN,
			    JWT_WRONG_ALGORITHM);
		check_token(&rsa, &any, rig.rsa, header, ANN,
			    JWT_WRONG_ALGORITHM);
		check_token(&p256, &any, rig.p256, header, ANN,
			    JWT_WRONG_ALGORITHM);
	}
	check_token(&secret, &any, rig.rsa, "{\"alg\":\"RS256\"}", ANN,
		    JWT_WRONG_ALGORITHM);
	check_token(&rsa, &any, NULL, "{\"alg\":\"HS256\"}", ANN,
		    JWT_WRONG_ALGORITHM);
	check_token(&p256, &any, NULL, "{\"alg\":\"HS256\"}", ANN,
		    JWT_WRONG_ALGORITHM);
	check_token(&p256, &any, rig.rsa, "{\"alg\":\"RS256\"}", ANN,
		    JWT_WRONG_ALGORITHM);
}

static void an_unsigned_token_is_of_the_wrong_algorithm(void **state)
{
	struct buf token = rig_token(NULL, "{\"alg\":\"none\"}", ANN);

	(void)state;
	while (token.ptr[token.len - 1] != '.')
		token.len--;
	assert_fault(check(&secret, &any, buf_span(&token)),
		     JWT_WRONG_ALGORITHM, "none, with the last dot");
	assert_fault(check(&rsa, &any, buf_span(&token)), JWT_WRONG_ALGORITHM,
		     "none, with the last dot");
	buf_clear(&token);
}

/* The public key, which everybody knows, is no secret (RFC 8725, 2.1). */
static void a_public_key_is_not_taken_for_a_secret(void **state)
{
	static const char header[] = "{\"alg\":\"HS256\"}";
	char pem[2048];
	uint8_t mac[32];
	struct buf token = {0};
	BIO *bio = BIO_new(BIO_s_mem());
	int len;

	(void)state;
	assert_int_equal(PEM_write_bio_PUBKEY(bio, rig.rsa), 1);
	len = BIO_read(bio, pem, sizeof(pem));
	rig_append_base64url(&token, header, strlen(header));
	buf_append_str(&token, ".");
	rig_append_base64url(&token, ANN, strlen(ANN));
	(void)HMAC(EVP_sha256(), pem, len, (uint8_t *)token.ptr, token.len, mac,
		   NULL);
	buf_append_str(&token, ".");
	rig_append_base64url(&token, mac, sizeof(mac));
	assert_fault(check(&rsa, &any, buf_span(&token)), JWT_WRONG_ALGORITHM,
		     "HS256 with the public key");
	buf_clear(&token);
	BIO_free(bio);
}

static void another_key_did_not_sign_it(void **state)
{
	struct jwt_keys others = {.count = 0};

	(void)state;
	check_token(&rsa, &any, rig.other_rsa, "{\"alg\":\"RS256\"}", ANN,
		    JWT_BAD_SIGNATURE);
	check_token(&p256, &any, rig.other_p256, "{\"alg\":\"ES256\"}", ANN,
		    JWT_BAD_SIGNATURE);
	assert_int_equal(
		jwt_keys_add_secret(&others,
				    SPAN("fedcba9876543210fedcba9876543210")),
		0);
	check_token(&others, &any, NULL, "{\"alg\":\"HS256\"}", ANN,
		    JWT_BAD_SIGNATURE);
	jwt_keys_clear(&others);
}

/* As OpenSSL writes it, and not as RFC 7518, 3.4 has it; and other lengths. */
static void a_signature_has_its_one_form(void **state)
{
	struct buf token =
		rig_token_as(rig.p256, "{\"alg\":\"ES256\"}", ANN, true);
	static const size_t lengths[] = {0, 1, 2, 31, 33, 62, 63, 65, 66, 128};
	struct jwt_keys *keys[] = {&secret, &rsa, &p256};
	static const char *const headers[] = {"{\"alg\":\"HS256\"}",
					      "{\"alg\":\"RS256\"}",
					      "{\"alg\":\"ES256\"}"};
	static const uint8_t zeros[128];

	(void)state;
	assert_fault(check(&p256, &any, buf_span(&token)), JWT_BAD_SIGNATURE,
		     "DER");
	buf_clear(&token);
	for (size_t i = 0; i < 3 * 10; i++) {
		rig_append_base64url(&token, headers[i % 3],
				     strlen(headers[i % 3]));
		buf_append_str(&token, ".");
		rig_append_base64url(&token, ANN, strlen(ANN));
		buf_append_str(&token, ".");
		rig_append_base64url(&token, zeros, lengths[i / 3]);
		assert_fault(check(keys[i % 3], &any, buf_span(&token)),
			     JWT_BAD_SIGNATURE, headers[i % 3]);
		token.len = 0;
	}
	buf_clear(&token);
}

/* r = s = 0 satisfied a verifier that did not look (CVE-2022-21449). */
static void zeros_are_no_signature(void **state)
{
	static const uint8_t zeros[64];
	struct buf token = {0};

	(void)state;
	rig_append_base64url(&token, "{\"alg\":\"ES256\"}", 15);
	buf_append_str(&token, ".");
	rig_append_base64url(&token, ANN, strlen(ANN));
	buf_append_str(&token, ".");
	rig_append_base64url(&token, zeros, sizeof(zeros));
	assert_fault(check(&p256, &any, buf_span(&token)), JWT_BAD_SIGNATURE,
		     "zeros");
	buf_clear(&token);
}

/* Every bit of it counts. */
static void a_changed_character_is_noticed(void **state)
{
	struct buf token = rig_token(NULL, "{\"alg\":\"HS256\"}", ANN);

	(void)state;
	for (size_t i = 0; i < token.len; i++) {
		char before = token.ptr[i];

		for (unsigned c = 0; c <= UINT8_MAX; c++) {
			enum jwt_fault fault;

			token.ptr[i] = (char)c;
			fault = check(&secret, &any, buf_span(&token));
			assert_int_equal(!fault, (char)c == before);
		}
		token.ptr[i] = before;
	}
	buf_clear(&token);
}

static void a_shortened_or_lengthened_one_is_none(void **state)
{
	struct buf tokens[] = {
		rig_token(NULL, "{\"alg\":\"HS256\"}", ANN),
		rig_token(rig.rsa, "{\"alg\":\"RS256\"}", ANN),
		rig_token(rig.p256, "{\"alg\":\"ES256\"}", ANN),
	};
	const struct jwt_keys *keys[] = {&secret, &rsa, &p256};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct buf *token = &tokens[i];

		for (size_t len = 0; len < token->len; len++) {
			assert_true(
				check(keys[i], &any, span_of(token->ptr, len)));
			assert_true(check(keys[i], &any,
					  span_skip(buf_span(token), len + 1)));
		}
		for (unsigned c = 0; c <= UINT8_MAX; c++) {
			buf_append(token, &(char){(char)c}, 1);
			assert_true(check(keys[i], &any, buf_span(token)));
			token->len--;
		}
		buf_clear(token);
	}
}

static void what_is_no_jws_is_malformed(void **state)
{
	struct buf token = rig_token(NULL, "{\"alg\":\"HS256\"}", ANN);
	static const char *const texts[] = {
		"",
		".",
		"..",
		"...",
		"a",
		"e30.e30",
		"e30.e30.e30",
		"e30.e30.e30.e30.e30",
		"eyJhbGciOiJIUzI1NiJ9.A===.A===", /* libcjose aborts */
		"eyJhbGciOiJIUzI1NiJ9.e30=.AAAA",
		"A===.A===.A===",
		"eyJhbGciOiJIUzI1NiJ9.e3+.AAAA",
		"eyJhbGciOiJIUzI1NiJ9.e31.AAAA", /* bits are left over */
		" eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
		"eyJhbGciOiJIUzI1NiJ9.e30 .AAAA",
		"eyJhbGciOiJIUzI1NiJ9.e30.AAAA\n",
		"{\"alg\":\"HS256\"}.{}.x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_fault(check(&secret, &any, span_from(texts[i])),
			     JWT_MALFORMED, texts[i]);
	buf_append_str(&token, ".");
	assert_fault(check(&secret, &any, buf_span(&token)), JWT_MALFORMED,
		     "a dot behind it");
	buf_append_str(&token, "AAAA");
	assert_fault(check(&secret, &any, buf_span(&token)), JWT_MALFORMED,
		     "a fourth part");
	buf_clear(&token);
}

static void a_header_that_is_unclear_is_malformed(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\",\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"al\\u0067\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\",\"kid\":\"a\"}",
		"{\"alg\":\"HS256\",\"kid\":7}",
		"{\"alg\":\"HS256\",\"kid\":null}",
		"{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}",
		"{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}",
		"{\"alg\":\"HS256\"} ,",
		"{\"alg\":\"HS256\",\"x\":\"\xff\"}",
		"{\"alg\":\"HS256\",\"x\":\"\\u0000\"}",
		"{\"alg\":256}",
		"{\"alg\":null}",
		"{\"alg\":[\"HS256\"]}",
		"{}",
		"[\"alg\",\"HS256\"]",
		"\"HS256\"",
		"x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
		check_token(&secret, &any, NULL, headers[i], ANN,
			    JWT_MALFORMED);
}

static void a_token_has_a_limit(void **state)
{
	char claims[JWT_MAX_BYTES];
	size_t len = 6075; /* of which base64url makes 8100 */
	struct buf token;

	(void)state;
	(void)snprintf(claims, sizeof(claims), "%s", ANN);
	memset(claims + strlen(ANN), ' ', len - strlen(ANN));
	claims[len] = '\0';
	token = rig_token(NULL, "{\"alg\":\"HS256\"}", claims);
	assert_true(token.len > 8100 && token.len <= JWT_MAX_BYTES);
	assert_fault(check(&secret, &any, buf_span(&token)), JWT_OK, "long");
	buf_clear(&token);
	memset(claims + len, ' ', 60);
	claims[len + 60] = '\0';
	token = rig_token(NULL, "{\"alg\":\"HS256\"}", claims);
	assert_true(token.len > JWT_MAX_BYTES);
	assert_fault(check(&secret, &any, buf_span(&token)), JWT_MALFORMED,
		     "too long");
	buf_clear(&token);
}

static void a_token_has_its_time_and_clocks_may_differ(void **state)
{
	static const struct {
		unsigned leeway_s;
		const char *claims;
		enum jwt_fault fault;
	} cases[] = {
		{0, "{\"exp\":1700000001}", JWT_OK},
		{0, "{\"exp\":1700000001.5}", JWT_OK},
		{0, "{\"exp\":1700000000}", JWT_EXPIRED},
		{60, "{\"exp\":1699999941}", JWT_OK},
		{60, "{\"exp\":1699999940}", JWT_EXPIRED},
		{60, "{\"exp\":0}", JWT_EXPIRED},
		{0, "{\"nbf\":1700000000,\"exp\":1700000600}", JWT_OK},
		{0, "{\"nbf\":1700000001,\"exp\":1700000600}", JWT_NOT_YET},
		{60, "{\"nbf\":1700000060,\"exp\":1700000600}", JWT_OK},
		{60, "{\"nbf\":1700000061,\"exp\":1700000600}", JWT_NOT_YET},
		{60, "{}", JWT_BAD_CLAIMS},
		{60, "{\"exp\":null}", JWT_BAD_CLAIMS},
		{60, "{\"exp\":\"1700000600\"}", JWT_BAD_CLAIMS},
		{60, "{\"exp\":1700000600000}", JWT_BAD_CLAIMS},
		{60, "{\"nbf\":\"\",\"exp\":1700000600}", JWT_BAD_CLAIMS},
		{60, "{\"nbf\":null,\"exp\":1700000600}", JWT_BAD_CLAIMS},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_token(&secret,
			    &(struct jwt_rules){.issuer = "",
						.audience = "",
						.leeway_s = cases[i].leeway_s},
			    NULL, "{\"alg\":\"HS256\"}", cases[i].claims,
			    cases[i].fault);
}

static void milliseconds_are_told_from_what_is_no_time(void **state)
{
	static const struct {
		const char *claims, *why;
	} cases[] = {
		{"{\"exp\":1700000600000}",
		 "exp is in milliseconds; it must be seconds"},
		{"{\"exp\":1700000600,\"nbf\":1700000000000}",
		 "nbf is in milliseconds; it must be seconds"},
		{"{\"exp\":1700000600000000}",
		 "exp must be there: the Unix time, in seconds, at which the "
		 "token ends"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		check_token(&secret, &any, NULL, "{\"alg\":\"HS256\"}",
			    cases[i].claims, JWT_BAD_CLAIMS);
		assert_string_equal(why, cases[i].why);
	}
}

static void a_token_is_for_somebody_and_of_somebody(void **state)
{
	static const struct {
		const char *issuer, *audience, *claims;
		enum jwt_fault fault;
	} cases[] = {
		{"me", "", "\"iss\":\"me\"", JWT_OK},
		{"me", "", "\"iss\":\"m\\u0065\"", JWT_OK},
		{"me", "", "\"iss\":\"you\"", JWT_WRONG_ISSUER},
		{"me", "", "\"iss\":\"me2\"", JWT_WRONG_ISSUER},
		{"me", "", "\"iss\":[\"me\"]", JWT_WRONG_ISSUER},
		{"me", "", "\"sub\":\"me\"", JWT_WRONG_ISSUER},
		{"", "", "\"iss\":\"anybody\"", JWT_OK},
		{"", "us", "\"aud\":\"us\"", JWT_OK},
		{"", "us", "\"aud\":[\"them\",\"us\"]", JWT_OK},
		{"", "us", "\"aud\":[\"them\"]", JWT_WRONG_AUDIENCE},
		{"", "us", "\"aud\":[]", JWT_WRONG_AUDIENCE},
		{"", "us", "\"aud\":\"usher\"", JWT_WRONG_AUDIENCE},
		{"", "us", "\"aud\":{\"us\":1}", JWT_WRONG_AUDIENCE},
		{"", "us", "\"sub\":\"us\"", JWT_WRONG_AUDIENCE},
		{"", "", "\"aud\":\"them\"", JWT_WRONG_AUDIENCE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct jwt_rules rules = {
			.issuer = cases[i].issuer,
			.audience = cases[i].audience,
		};
		char claims[120];

		(void)snprintf(claims, sizeof(claims),
			       "{%s,\"exp\":1700000600}", cases[i].claims);
		check_token(&secret, &rules, NULL, "{\"alg\":\"HS256\"}",
			    claims, cases[i].fault);
	}
}

static void claims_that_are_unclear_are_bad(void **state)
{
	static const char *const claims[] = {
		"{\"exp\":1700000600,\"exp\":1800000000}",
		"{\"exp\":1700000600,\"sub\":\"a\",\"sub\":\"b\"}",
		"{\"exp\":1700000600,\"rights\":[\"all\"]}",
		"{\"exp\":1700000600,\"room\":7}",
		"{\"exp\":1700000600,\"x\":\"\xff\"}",
		"[{\"exp\":1700000600}]",
		"{\"exp\":1700000600}x",
		"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(claims) / sizeof(*claims); i++)
		check_token(&secret, &any, NULL, "{\"alg\":\"HS256\"}",
			    claims[i], JWT_BAD_CLAIMS);
}

/* A forged token learns nothing of what its claims would be worth. */
static void the_signature_is_looked_at_first(void **state)
{
	(void)state;
	check_token(&rsa, &any, rig.other_rsa, "{\"alg\":\"RS256\"}",
		    "{\"exp\":1}", JWT_BAD_SIGNATURE);
	check_token(&rsa, &any, rig.other_rsa, "{\"alg\":\"RS256\"}", "x",
		    JWT_BAD_SIGNATURE);
}

static void of_several_keys_the_one_of_its_kid_counts(void **state)
{
	struct jwt_keys keys = {.count = 0};
	struct buf set = {0};

	(void)state;
	buf_append_str(&set, "{\"keys\":[");
	rig_append_jwk(&set, rig.rsa, ",\"kid\":\"a\"");
	buf_append_str(&set, ",");
	rig_append_jwk(&set, rig.other_rsa, ",\"kid\":\"b\"");
	buf_append_str(&set, ",");
	rig_append_jwk(&set, rig.p256, ",\"kid\":\"a\"");
	buf_append_str(&set, "]}");
	assert_int_equal(
		jwks_read(buf_span(&set), JWT_ALGORITHM_NONE, &keys, &why), 0);
	assert_int_equal(keys.count, 3);
	check_token(&keys, &any, rig.rsa,
		    "{\"alg\":\"RS256\",\"kid\":\"\\u0061\"}", ANN, JWT_OK);
	check_token(&keys, &any, rig.other_rsa,
		    "{\"alg\":\"RS256\",\"kid\":\"b\"}", ANN, JWT_OK);
	check_token(&keys, &any, rig.other_rsa,
		    "{\"alg\":\"RS256\",\"kid\":\"a\"}", ANN,
		    JWT_BAD_SIGNATURE);
	check_token(&keys, &any, rig.rsa, "{\"alg\":\"RS256\",\"kid\":\"c\"}",
		    ANN, JWT_UNKNOWN_KEY);
	check_token(&keys, &any, rig.rsa, "{\"alg\":\"RS256\",\"kid\":\"\"}",
		    ANN, JWT_UNKNOWN_KEY);
	check_token(&keys, &any, rig.rsa, "{\"alg\":\"RS256\"}", ANN,
		    JWT_UNKNOWN_KEY);
	check_token(&keys, &any, rig.p256, "{\"alg\":\"ES256\"}", ANN, JWT_OK);
	check_token(&keys, &any, rig.p256, "{\"alg\":\"ES256\",\"kid\":\"b\"}",
		    ANN, JWT_UNKNOWN_KEY);
	jwt_keys_clear(&keys);
	buf_clear(&set);
}

/* A secret and a key file have no kid: backends may send one all the same. */
static void the_only_key_needs_no_kid(void **state)
{
	(void)state;
	check_token(&secret, &any, NULL, "{\"alg\":\"HS256\",\"kid\":\"2026\"}",
		    ANN, JWT_OK);
	check_token(&rsa, &any, rig.rsa, "{\"alg\":\"RS256\",\"kid\":\"2026\"}",
		    ANN, JWT_OK);
}

static void a_short_secret_is_none(void **state)
{
	struct jwt_keys keys = {.count = 0};

	(void)state;
	assert_int_equal(jwt_keys_add_secret(&keys, span_of(RIG_SECRET, 31)),
			 -EINVAL);
	assert_int_equal(keys.count, 0);
}

static void without_keys_no_token_is_taken(void **state)
{
	struct jwt_keys keys = {.count = 0};

	(void)state;
	check_token(&keys, &any, NULL, "{\"alg\":\"HS256\"}", ANN,
		    JWT_WRONG_ALGORITHM);
	check_token(&keys, &any, NULL, "{\"alg\":\"none\"}", ANN,
		    JWT_WRONG_ALGORITHM);
}

static void every_fault_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < JWT_FAULTS_COUNT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(jwt_fault_name(i),
						jwt_fault_name(j));
}

static void without_memory_nothing_is_the_tokens_fault(void **state)
{
	struct buf token = rig_token(NULL, "{\"alg\":\"HS256\"}", ANN);
	struct claims claims;
	enum jwt_fault fault;

	(void)state;
	fail_alloc_at(1);
	fault = jwt_check(&secret, &any, buf_span(&token), NOW_S, &claims,
			  &why);
	assert_true(fail_alloc_stop());
	assert_fault(fault, JWT_UNAVAILABLE, "no memory");
	assert_string_equal(why, "out of memory");
	buf_clear(&token);
}

static void keys_without_memory_are_not_taken(void **state)
{
	bool has_failed = true;

	(void)state;
	for (long n = 1; has_failed; n++) {
		struct jwt_keys keys = {.count = 0};
		int err;

		fail_alloc_at(n);
		err = jwt_keys_add_secret(&keys, SPAN(RIG_SECRET));
		has_failed = fail_alloc_stop();
		assert_int_equal(err, has_failed ? -ENOMEM : 0);
		assert_int_equal(keys.count, has_failed ? 0 : 1);
		jwt_keys_clear(&keys);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_of_each_algorithm_is_taken),
		cmocka_unit_test(its_claims_are_read),
		cmocka_unit_test(the_keys_algorithm_counts_and_not_the_tokens),
		cmocka_unit_test(an_unsigned_token_is_of_the_wrong_algorithm),
		cmocka_unit_test(a_public_key_is_not_taken_for_a_secret),
		cmocka_unit_test(another_key_did_not_sign_it),
		cmocka_unit_test(a_signature_has_its_one_form),
		cmocka_unit_test(zeros_are_no_signature),
		cmocka_unit_test(a_changed_character_is_noticed),
		cmocka_unit_test(a_shortened_or_lengthened_one_is_none),
		cmocka_unit_test(what_is_no_jws_is_malformed),
		cmocka_unit_test(a_header_that_is_unclear_is_malformed),
		cmocka_unit_test(a_token_has_a_limit),
		cmocka_unit_test(a_token_has_its_time_and_clocks_may_differ),
		cmocka_unit_test(milliseconds_are_told_from_what_is_no_time),
		cmocka_unit_test(a_token_is_for_somebody_and_of_somebody),
		cmocka_unit_test(claims_that_are_unclear_are_bad),
		cmocka_unit_test(the_signature_is_looked_at_first),
		cmocka_unit_test(of_several_keys_the_one_of_its_kid_counts),
		cmocka_unit_test(the_only_key_needs_no_kid),
		cmocka_unit_test(a_short_secret_is_none),
		cmocka_unit_test(without_keys_no_token_is_taken),
		cmocka_unit_test(every_fault_has_a_name_of_its_own),
		cmocka_unit_test(without_memory_nothing_is_the_tokens_fault),
		cmocka_unit_test(keys_without_memory_are_not_taken),
	};

	return cmocka_run_group_tests_name("jwt", tests, setup, teardown);
}
