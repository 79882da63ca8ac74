/* jwt_key.c: keys that tokens are verified with, each for one algorithm. */
#include <errno.h>
#include <stdlib.h>

#include <cjose/jwk.h>
#include <cjose/jws.h>

#include "access/jwt_key.h"
#include "base/crypto.h"

/*
 * What libcjose (0.6.2.1) leaves to who calls it, and where we see to it:
 * - it takes the algorithm from the token, also RS384 or PS256 for an RSA key,
 *   and reads beyond a key that is none of HS256: jwt.c compares the algorithm
 *   with that of the key before, and looks only at keys of that one
 * - it aborts at base64 such as "A===", also in a JWK: jwt.c and jwks.c decode
 *   first, with our own codec, and what is not canonical goes no further; JWKs
 *   are never given to it, but their numbers
 * - it compares as many bytes of an HMAC as it should have, not as it has, and
 *   cuts any signature of ECDSA in halves: is_length_right()
 * - it takes the last of two members of one name, and knows no "crit": jwt.c
 * - it frees a secret without wiping it: free_key()
 * - it copies a token's parts to where memory lacked: has_memory()
 */
#define HS256_BYTES 32
#define ES256_BYTES 64

struct jwt_key {
	enum jwt_algorithm algorithm;
	cjose_jwk_t *jwk;
	size_t signature_len;
	size_t kid_len;
	char kid[JWT_MAX_KID];
};

static const struct {
	struct span name;
	enum jwt_algorithm algorithm;
} algorithms[] = {
	{SPAN_INIT("HS256"), JWT_HS256},
	{SPAN_INIT("RS256"), JWT_RS256},
	{SPAN_INIT("ES256"), JWT_ES256},
};

enum jwt_algorithm jwt_algorithm_parse(struct span name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++)
		if (span_equal(name, algorithms[i].name))
			return algorithms[i].algorithm;
	return JWT_ALGORITHM_NONE;
}

static void free_key(struct jwt_key *key)
{
	cjose_err err;

	if (key->jwk && key->algorithm == JWT_HS256)
		crypto_wipe(cjose_jwk_get_keydata(key->jwk, &err),
			    cjose_jwk_get_keysize(key->jwk, &err) / 8);
	if (key->jwk)
		(void)cjose_jwk_release(key->jwk);
	free(key);
}

/* Takes the jwk, also when it fails. */
static int add(struct jwt_keys *keys, const struct jwt_key *like)
{
	struct jwt_key *key = malloc(sizeof(*key));

	if (!key) {
		(void)cjose_jwk_release(like->jwk);
		return -ENOMEM;
	}
	*key = *like;
	keys->keys[keys->count++] = key;
	return 0;
}

static int error_of(const cjose_err *err)
{
	return err->code == CJOSE_ERR_NO_MEMORY ? -ENOMEM : -EINVAL;
}

int jwt_keys_add_secret(struct jwt_keys *keys, struct span secret)
{
	struct jwt_key key = {
		.algorithm = JWT_HS256,
		.signature_len = HS256_BYTES,
	};
	cjose_err err;

	if (secret.len < JWT_MIN_SECRET)
		return -EINVAL;
	if (keys->count == JWT_MAX_KEYS)
		return -ENOSPC;
	key.jwk = cjose_jwk_create_oct_spec((const uint8_t *)secret.ptr,
					    secret.len, &err);
	return key.jwk ? add(keys, &key) : error_of(&err);
}

/* The library's structs are for writing to as well, though it only reads. */
static cjose_jwk_t *import_rsa(const struct pubkey *pubkey, cjose_err *err)
{
	struct pubkey copy = *pubkey;
	const cjose_jwk_rsa_keyspec spec = {
		.n = copy.rsa.n,
		.nlen = copy.rsa.n_len,
		.e = copy.rsa.e,
		.elen = copy.rsa.e_len,
	};

	return cjose_jwk_create_RSA_spec(&spec, err);
}

static cjose_jwk_t *import_p256(const struct pubkey *pubkey, cjose_err *err)
{
	struct pubkey copy = *pubkey;
	const cjose_jwk_ec_keyspec spec = {
		.crv = CJOSE_JWK_EC_P_256,
		.x = copy.p256.x,
		.xlen = sizeof(copy.p256.x),
		.y = copy.p256.y,
		.ylen = sizeof(copy.p256.y),
	};

	return cjose_jwk_create_EC_spec(&spec, err);
}

int jwt_keys_add_public(struct jwt_keys *keys, struct span kid,
			const struct pubkey *pubkey)
{
	bool is_rsa = pubkey->kind == PUBKEY_RSA;
	struct jwt_key key = {
		.algorithm = is_rsa ? JWT_RS256 : JWT_ES256,
		.signature_len = is_rsa ? pubkey->rsa.n_len : ES256_BYTES,
		.kid_len = kid.len,
	};
	cjose_err err;

	if (kid.len > JWT_MAX_KID)
		return -EINVAL;
	if (keys->count == JWT_MAX_KEYS)
		return -ENOSPC;
	if (kid.len)
		memcpy(key.kid, kid.ptr, kid.len);
	key.jwk = is_rsa ? import_rsa(pubkey, &err) : import_p256(pubkey, &err);
	/* What is no point of the curve is called a lack of memory, too. */
	if (!key.jwk)
		return is_rsa ? error_of(&err) : -EINVAL;
	return add(keys, &key);
}

void jwt_keys_clear(struct jwt_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		free_key(keys->keys[i]);
	*keys = (struct jwt_keys){.count = 0};
}

bool jwt_keys_have(const struct jwt_keys *keys, enum jwt_algorithm algorithm)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->keys[i]->algorithm == algorithm)
			return true;
	return false;
}

static bool is_meant(const struct jwt_key *key, bool is_alone, struct span kid)
{
	if (!kid.len || (is_alone && !key->kid_len))
		return true;
	return span_equal(span_of(key->kid, key->kid_len), kid);
}

const struct jwt_key *jwt_keys_find(const struct jwt_keys *keys,
				    enum jwt_algorithm algorithm,
				    struct span kid)
{
	const struct jwt_key *found = NULL;

	for (size_t i = 0; i < keys->count; i++) {
		const struct jwt_key *key = keys->keys[i];

		if (key->algorithm != algorithm ||
		    !is_meant(key, keys->count == 1, kid))
			continue;
		if (found)
			return NULL;
		found = key;
	}
	return found;
}

static int verify(cjose_jws_t *jws, const cjose_jwk_t *jwk)
{
	cjose_err err = {.code = CJOSE_ERR_NONE};

	if (cjose_jws_verify(jws, jwk, &err))
		return 0;
	return err.code == CJOSE_ERR_NO_MEMORY ? -ENOMEM : -EBADMSG;
}

/* Room for the token's parts, decoded and as they are, and for its header as a
 * tree. What is free here is free a moment later: nobody else runs meanwhile.
 */
static bool has_memory(struct span token)
{
	size_t len = 8 * token.len + 16384;
	char *room = malloc(len);

	if (!room)
		return false;
	/* A compiler leaves a block out that nobody uses. */
	crypto_wipe(room, 1);
	free(room);
	return true;
}

int jwt_key_verify(const struct jwt_key *key, struct span token,
		   struct span signature)
{
	cjose_err err = {.code = CJOSE_ERR_NONE};
	cjose_jws_t *jws;
	int result;

	if (signature.len != key->signature_len)
		return -EBADMSG;
	if (!has_memory(token))
		return -ENOMEM;
	jws = cjose_jws_import(token.ptr, token.len, &err);
	if (!jws)
		return error_of(&err);
	result = verify(jws, key->jwk);
	cjose_jws_release(jws);
	return result;
}
