/* jwks.c: keys of tokens from a JSON Web Key Set (RFC 7517). */
#include <errno.h>

#include "access/jwks.h"
#include "base/crypto.h"
#include "codec/json.h"
#include "codec/utf8.h"

#define MAX_KEY_OPS 16
#define WORD_CAP 32 /* of a short word's escapes */
#define NUMBER_CAP (PUBKEY_MAX_MODULUS + 8)
#define NUMBER_TEXT_CAP (NUMBER_CAP * 2)

enum member { KTY, KID, USE, KEY_OPS, ALG, N, E, CRV, X, Y, MEMBERS_COUNT };

static const struct span names[MEMBERS_COUNT] = {
	[KTY] = SPAN_INIT("kty"), [KID] = SPAN_INIT("kid"),
	[USE] = SPAN_INIT("use"), [KEY_OPS] = SPAN_INIT("key_ops"),
	[ALG] = SPAN_INIT("alg"), [N] = SPAN_INIT("n"),
	[E] = SPAN_INIT("e"),	  [CRV] = SPAN_INIT("crv"),
	[X] = SPAN_INIT("x"),	  [Y] = SPAN_INIT("y"),
};

static bool is_word(struct span raw, struct span word)
{
	char space[WORD_CAP];
	struct span own;

	return !json_read_string(raw, space, sizeof(space), &own) &&
	       span_equal(own, word);
}

static bool is_word_or_none(struct span raw, struct span word)
{
	return !raw.ptr || is_word(raw, word);
}

static bool lists_word(struct span raw, struct span word)
{
	struct span elements[MAX_KEY_OPS];
	size_t count;

	if (json_type_of(raw) != JSON_TYPE_ARRAY ||
	    json_slice(raw, elements, MAX_KEY_OPS, &count))
		return false;
	for (size_t i = 0; i < count && i < MAX_KEY_OPS; i++)
		if (is_word(elements[i], word))
			return true;
	return false;
}

/* Decode base64url of at most cap bytes. Returns how many, or an error. */
static long read_number(struct span raw, void *out, size_t cap)
{
	char space[NUMBER_TEXT_CAP];
	struct span text;

	if (json_read_string(raw, space, sizeof(space), &text))
		return -EINVAL;
	return crypto_base64url_decode(text, out, cap);
}

static int read_rsa(const struct span *members, struct pubkey *key)
{
	char n[NUMBER_CAP], e[NUMBER_CAP];
	long n_len = read_number(members[N], n, sizeof(n));
	long e_len = read_number(members[E], e, sizeof(e));

	if (n_len < 0 || e_len < 0)
		return -EINVAL;
	return pubkey_set_rsa(key, span_of(n, (size_t)n_len),
			      span_of(e, (size_t)e_len));
}

/* Both numbers at their full length (RFC 7518, 6.2.1.2). */
static int read_p256(const struct span *members, struct pubkey *key)
{
	key->kind = PUBKEY_P256;
	if (!is_word(members[CRV], SPAN("P-256")) ||
	    read_number(members[X], key->p256.x, sizeof(key->p256.x)) !=
		    PUBKEY_P256_BYTES ||
	    read_number(members[Y], key->p256.y, sizeof(key->p256.y)) !=
		    PUBKEY_P256_BYTES)
		return -EINVAL;
	return 0;
}

static bool is_for_tokens(const struct span *members, struct span algorithm)
{
	return is_word_or_none(members[USE], SPAN("sig")) &&
	       is_word_or_none(members[ALG], algorithm) &&
	       (!members[KEY_OPS].ptr ||
		lists_word(members[KEY_OPS], SPAN("verify")));
}

/* Returns -EINVAL for one to pass over. */
static int read_key(const struct span *members, enum jwt_algorithm only,
		    struct pubkey *key)
{
	if (is_word(members[KTY], SPAN("RSA")) && only != JWT_ES256 &&
	    is_for_tokens(members, SPAN("RS256")))
		return read_rsa(members, key);
	if (is_word(members[KTY], SPAN("EC")) && only != JWT_RS256 &&
	    is_for_tokens(members, SPAN("ES256")))
		return read_p256(members, key);
	return -EINVAL;
}

static int take(struct span raw, enum jwt_algorithm only, struct jwt_keys *keys)
{
	struct span members[MEMBERS_COUNT], kid = {NULL, 0};
	char kid_space[JWT_MAX_KID + 1];
	struct pubkey pubkey;

	if (json_pick(raw, names, MEMBERS_COUNT, members) ||
	    (members[KID].ptr && json_read_string(members[KID], kid_space,
						  sizeof(kid_space), &kid)) ||
	    read_key(members, only, &pubkey))
		return -EINVAL;
	return jwt_keys_add_public(keys, kid, &pubkey);
}

static int list(struct span set, struct span *elements, size_t *count)
{
	const struct span name = SPAN("keys");
	struct span raw = {NULL, 0};

	if (!utf8_is_valid(set) || json_pick(set, &name, 1, &raw) ||
	    json_type_of(raw) != JSON_TYPE_ARRAY ||
	    json_slice(raw, elements, JWKS_MAX_LISTED, count))
		return -EINVAL;
	return 0;
}

/* Returns 0, -ENOSPC, -ENOMEM. */
static int take_all(const struct span *elements, size_t count,
		    enum jwt_algorithm only, struct jwt_keys *keys)
{
	for (size_t i = 0; i < count; i++) {
		int err = take(elements[i], only, keys);

		if (err && err != -EINVAL)
			return err;
	}
	return 0;
}

static int refuse(const char *text, const char **why)
{
	*why = text;
	return -EINVAL;
}

int jwks_read(struct span set, enum jwt_algorithm only, struct jwt_keys *keys,
	      const char **why)
{
	struct span elements[JWKS_MAX_LISTED];
	size_t count;
	int err;

	if (set.len > JWKS_MAX_BYTES)
		return refuse("a set of keys has at most 262144 bytes", why);
	if (list(set, elements, &count))
		return refuse("a set of keys must be a JSON object with keys, "
			      "an array",
			      why);
	if (count > JWKS_MAX_LISTED)
		return refuse("a set of keys has at most 64 of them", why);
	err = take_all(elements, count, only, keys);
	if (!err && keys->count)
		return 0;
	jwt_keys_clear(keys);
	if (err == -ENOSPC)
		return refuse("more than 32 keys of the set could sign tokens",
			      why);
	if (!err)
		return refuse("no key of the set can sign tokens here: it must "
			      "have an RSA key of 2048 to 4096 bits for RS256, "
			      "or one of P-256 for ES256",
			      why);
	*why = "out of memory";
	return err;
}
