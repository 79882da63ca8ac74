/* fuzz_jwt.c: no bytes are a token but what our key has signed, and no claims
 * or sets of keys lead anywhere but to what they say. */
#include <string.h>

#include "access/jwks.h"
#include "access/jwt.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "fuzz.h"

#define NOW_S 1700000000
#define SECRET "0123456789abcdef0123456789abcdef"

static struct jwt_keys keys;
static struct crypto_hmac *hmac;
static const struct jwt_rules rules = {
	.issuer = "", .audience = "us", .leeway_s = 60};

static void make_keys(void)
{
	if (keys.count)
		return;
	MUST(!jwt_keys_add_secret(&keys, SPAN(SECRET)));
	MUST(!crypto_hmac_new(&hmac, CRYPTO_SHA256, SPAN(SECRET)));
}

static void check_claims(struct claims *claims)
{
	MUST(strlen(claims->subject) <= CLAIMS_MAX_SUBJECT);
	MUST(strlen(claims->room) <= CLAIMS_MAX_ROOM);
	MUST(strlen(claims->role) <= CLAIMS_MAX_ROLE);
	MUST(!(claims->rights & ~RIGHTS_ALL));
	MUST(claims->ttl_s <= CLAIMS_MAX_TTL_S);
	MUST(!claims->metadata || *claims->metadata == '{');
	claims_clear(claims);
}

/* The text lies in a block of its own size, so that ASan sees one byte too far.
 */
static enum jwt_fault check_text(struct span text)
{
	char *copy = malloc(text.len ? text.len : 1);
	const char *why = NULL;
	struct claims claims;
	enum jwt_fault fault;

	MUST(copy);
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	fault = jwt_check(&keys, &rules, span_of(copy, text.len), NOW_S,
			  &claims, &why);
	MUST(!fault == !why);
	if (!fault) {
		MUST(claims.expires_at_s > NOW_S);
		check_claims(&claims);
	}
	free(copy);
	return fault;
}

static void append_base64url(struct buf *out, const void *bytes, size_t len)
{
	char *text = malloc(CRYPTO_BASE64_LEN(len) + 1);

	MUST(text);
	buf_append(out, text, crypto_base64url(bytes, len, text));
	free(text);
}

/* Whether the part behind the last dot is our HMAC of what is before. */
static bool is_signed(struct span token)
{
	const char *dot = token.len ? memrchr(token.ptr, '.', token.len) : NULL;
	uint8_t mac[CRYPTO_SHA256_LEN];
	struct buf text = {0};
	struct span rest;
	bool is_ours;

	if (!dot)
		return false;
	rest = span_skip(token, (size_t)(dot + 1 - token.ptr));
	MUST(!crypto_hmac_sign(
		hmac, span_of(token.ptr, (size_t)(dot - token.ptr)), mac));
	append_base64url(&text, mac, sizeof(mac));
	is_ours = span_equal(buf_span(&text), rest);
	buf_clear(&text);
	return is_ours;
}

/* The bytes as they are: a good one has our signature. */
static void check_foreign(struct span text)
{
	enum jwt_fault fault = check_text(text);

	MUST(is_signed(text) || (fault > JWT_PENDING && fault < JWT_EXPIRED));
}

/* A line of a header and the claims behind it, signed by us; and the same once
 * more with a character of it replaced. */
static void check_signed(struct span text)
{
	const char *end = text.len ? memchr(text.ptr, '\n', text.len) : NULL;
	uint8_t mac[CRYPTO_SHA256_LEN];
	struct buf token = {0};
	size_t len;

	if (!end)
		return;
	len = (size_t)(end - text.ptr);
	append_base64url(&token, text.ptr, len);
	buf_append_str(&token, ".");
	append_base64url(&token, end + 1, text.len - len - 1);
	MUST(!crypto_hmac_sign(hmac, buf_span(&token), mac));
	buf_append_str(&token, ".");
	append_base64url(&token, mac, sizeof(mac));
	(void)check_text(buf_span(&token));
	token.ptr[token.len / 2] = token.ptr[token.len / 2] == 'A' ? 'B' : 'A';
	if (!is_signed(buf_span(&token)))
		MUST(check_text(buf_span(&token)) != JWT_OK);
	buf_clear(&token);
}

static void check_set(struct span text)
{
	struct jwt_keys set = {.count = 0};
	const char *why = NULL;
	int err = jwks_read(text, JWT_ALGORITHM_NONE, &set, &why);

	MUST(!err == !why && !err == !!set.count);
	MUST(!jwt_keys_have(&set, JWT_HS256));
	jwt_keys_clear(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	const char *why;
	struct claims claims;

	make_keys();
	check_foreign(text);
	check_signed(text);
	check_set(text);
	if (!claims_read(text, NOW_S, &claims, &why))
		check_claims(&claims);
	return 0;
}
