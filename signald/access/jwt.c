/* jwt.c: JSON Web Tokens: who signed this, and is it for us, and now? */
#include <errno.h>

#include "access/jwt.h"
#include "base/crypto.h"
#include "codec/json.h"
#include "codec/utf8.h"

#define MAX_AUDIENCES 32
#define NAME_CAP 256 /* of an issuer's or an audience's escapes */

static const char *const fault_names[JWT_FAULTS_COUNT] = {
	[JWT_OK] = "ok",
	[JWT_PENDING] = "pending",
	[JWT_UNAVAILABLE] = "unavailable",
	[JWT_MALFORMED] = "malformed",
	[JWT_WRONG_ALGORITHM] = "wrong-algorithm",
	[JWT_UNKNOWN_KEY] = "unknown-key",
	[JWT_BAD_SIGNATURE] = "bad-signature",
	[JWT_EXPIRED] = "expired",
	[JWT_NOT_YET] = "not-yet",
	[JWT_WRONG_ISSUER] = "wrong-issuer",
	[JWT_WRONG_AUDIENCE] = "wrong-audience",
	[JWT_BAD_CLAIMS] = "bad-claims",
};

const char *jwt_fault_name(enum jwt_fault fault)
{
	return fault_names[fault];
}

/* One token while it is checked. */
struct check {
	const struct jwt_rules *rules;
	struct span token;
	/* its parts, decoded, in space */
	struct span header, payload, signature;
	char space[JWT_MAX_BYTES];
	const char *why;
};

static enum jwt_fault refuse(struct check *check, enum jwt_fault fault,
			     const char *why)
{
	check->why = why;
	return fault;
}

/* --- the form --- */

/* Decode the next part behind those before; a signature may be empty, where
 * there should be none. Returns 0 or -EINVAL. */
static int take_part(struct check *check, struct span *rest, size_t *used,
		     struct span *part)
{
	struct span text;
	long len;

	if (!span_next_item(rest, '.', &text))
		return -EINVAL;
	len = crypto_base64url_decode(text, check->space + *used,
				      sizeof(check->space) - *used);
	if (len < 0)
		return -EINVAL;
	*part = span_of(check->space + *used, (size_t)len);
	*used += (size_t)len;
	return 0;
}

static bool has_blank(struct span token)
{
	return memchr(token.ptr, ' ', token.len) ||
	       memchr(token.ptr, '\t', token.len);
}

static enum jwt_fault take_apart(struct check *check)
{
	struct span rest = check->token;
	size_t used = 0;

	if (!rest.len)
		return refuse(check, JWT_MALFORMED, "there is no token");
	if (rest.len > JWT_MAX_BYTES)
		return refuse(check, JWT_MALFORMED,
			      "a token has at most 8192 bytes");
	/* They are cut off a list's items. */
	if (has_blank(rest) || take_part(check, &rest, &used, &check->header) ||
	    take_part(check, &rest, &used, &check->payload) ||
	    take_part(check, &rest, &used, &check->signature) || rest.ptr)
		return refuse(check, JWT_MALFORMED,
			      "a token is three parts of base64url without "
			      "padding, with dots between");
	return JWT_OK;
}

/* --- the header (RFC 7515, 4.1) --- */

struct header {
	struct span alg, kid;
	char alg_space[16], kid_space[JWT_MAX_KID + 1];
};

enum header_member { ALG, KID, CRIT, HEADER_COUNT };

static const struct span header_names[HEADER_COUNT] = {
	[ALG] = SPAN_INIT("alg"),
	[KID] = SPAN_INIT("kid"),
	[CRIT] = SPAN_INIT("crit"),
};

static enum jwt_fault read_kid(struct check *check, struct span raw,
			       struct header *header)
{
	header->kid = span_of(NULL, 0);
	if (!raw.ptr)
		return JWT_OK;
	if (json_read_string(raw, header->kid_space, sizeof(header->kid_space),
			     &header->kid))
		return refuse(check, JWT_MALFORMED,
			      "kid must be a string of at most 128 bytes");
	/* An empty one would be taken for none. */
	if (!header->kid.len)
		return refuse(check, JWT_UNKNOWN_KEY, "kid is empty");
	return JWT_OK;
}

static enum jwt_fault read_header(struct check *check, struct header *header)
{
	struct span members[HEADER_COUNT];

	if (!utf8_is_valid(check->header) ||
	    json_pick(check->header, header_names, HEADER_COUNT, members))
		return refuse(check, JWT_MALFORMED,
			      "the header must be one JSON object of UTF-8, "
			      "with each member once");
	if (members[CRIT].ptr)
		return refuse(check, JWT_MALFORMED,
			      "the header has crit: no extension is known "
			      "here");
	if (json_read_string(members[ALG], header->alg_space,
			     sizeof(header->alg_space), &header->alg))
		return refuse(check, JWT_MALFORMED,
			      "the header must have alg, a string");
	return read_kid(check, members[KID], header);
}

/* --- the signature --- */

static enum jwt_fault choose_key(struct check *check,
				 const struct jwt_keys *keys,
				 const struct jwt_key **key)
{
	struct header header;
	enum jwt_algorithm algorithm;
	enum jwt_fault fault = read_header(check, &header);

	if (fault)
		return fault;
	algorithm = jwt_algorithm_parse(header.alg);
	if (!jwt_keys_have(keys, algorithm))
		return refuse(check, JWT_WRONG_ALGORITHM,
			      "alg is not the algorithm of any key here");
	*key = jwt_keys_find(keys, algorithm, header.kid);
	if (*key)
		return JWT_OK;
	return refuse(check, JWT_UNKNOWN_KEY,
		      header.kid.len ? "no key of this kid and algorithm is "
				       "known here"
				     : "kid must say which of several keys "
				       "signed it");
}

static enum jwt_fault check_signature(struct check *check,
				      const struct jwt_keys *keys)
{
	const struct jwt_key *key;
	enum jwt_fault fault = choose_key(check, keys, &key);

	if (fault)
		return fault;
	switch (jwt_key_verify(key, check->token, check->signature)) {
	case 0:
		return JWT_OK;
	case -ENOMEM:
		return refuse(check, JWT_UNAVAILABLE, "out of memory");
	case -EINVAL:
		return refuse(check, JWT_MALFORMED,
			      "the header cannot be read");
	default:
		return refuse(check, JWT_BAD_SIGNATURE,
			      "the signature is not of the key that signs "
			      "tokens for this server");
	}
}

/* --- the claims (RFC 7519, 4.1) --- */

enum member { ISS, AUD, EXP, NBF, MEMBERS_COUNT };

static const struct span names[MEMBERS_COUNT] = {
	[ISS] = SPAN_INIT("iss"),
	[AUD] = SPAN_INIT("aud"),
	[EXP] = SPAN_INIT("exp"),
	[NBF] = SPAN_INIT("nbf"),
};

static enum jwt_fault check_time(struct check *check, struct span exp,
				 struct span nbf, uint64_t now_s)
{
	unsigned leeway_s = check->rules->leeway_s;
	uint64_t end_s, begin_s = 0;

	if (claims_is_milliseconds(exp))
		return refuse(check, JWT_BAD_CLAIMS, CLAIMS_EXP_IN_MS);
	if (claims_is_milliseconds(nbf))
		return refuse(check, JWT_BAD_CLAIMS,
			      "nbf is in milliseconds; it must be seconds");
	if (claims_read_time(exp, &end_s))
		return refuse(check, JWT_BAD_CLAIMS,
			      "exp must be there: the Unix time, in seconds, "
			      "at which the token ends");
	if (nbf.ptr && claims_read_time(nbf, &begin_s))
		return refuse(check, JWT_BAD_CLAIMS,
			      "nbf must be Unix time in seconds, a plain "
			      "number");
	if (now_s >= end_s + leeway_s)
		return refuse(check, JWT_EXPIRED, "exp is in the past");
	if (now_s + leeway_s < begin_s)
		return refuse(check, JWT_NOT_YET, "nbf is in the future");
	return JWT_OK;
}

static bool is_text(struct span raw, const char *text)
{
	char space[NAME_CAP];
	struct span own;

	return !json_read_string(raw, space, sizeof(space), &own) &&
	       span_equal(own, span_from(text));
}

/* One string, or an array of them (RFC 7519, 4.1.3). */
static bool has_audience(struct span raw, const char *audience)
{
	struct span elements[MAX_AUDIENCES];
	size_t count;

	if (json_type_of(raw) != JSON_TYPE_ARRAY)
		return is_text(raw, audience);
	if (json_slice(raw, elements, MAX_AUDIENCES, &count))
		return false;
	for (size_t i = 0; i < count && i < MAX_AUDIENCES; i++)
		if (is_text(elements[i], audience))
			return true;
	return false;
}

static enum jwt_fault check_parties(struct check *check, struct span iss,
				    struct span aud)
{
	const struct jwt_rules *rules = check->rules;

	if (*rules->issuer && !is_text(iss, rules->issuer))
		return refuse(check, JWT_WRONG_ISSUER,
			      "iss is not access.token_issuer");
	/* A token for somebody else must not be taken for one for us. */
	if (!*rules->audience && aud.ptr)
		return refuse(check, JWT_WRONG_AUDIENCE,
			      "aud is there, and access.token_audience does "
			      "not say who we are");
	if (*rules->audience && !has_audience(aud, rules->audience))
		return refuse(check, JWT_WRONG_AUDIENCE,
			      "aud does not name access.token_audience");
	return JWT_OK;
}

static enum jwt_fault read_claims(struct check *check, struct claims *claims)
{
	/* Whether it has ended was seen to, with the leeway. */
	int err = claims_read(check->payload, 0, claims, &check->why);

	if (err)
		return err == -ENOMEM ? JWT_UNAVAILABLE : JWT_BAD_CLAIMS;
	claims->expires_at_s += check->rules->leeway_s;
	return JWT_OK;
}

static enum jwt_fault check_claims(struct check *check, uint64_t now_s,
				   struct claims *claims)
{
	struct span members[MEMBERS_COUNT];
	enum jwt_fault fault;

	if (json_pick(check->payload, names, MEMBERS_COUNT, members))
		return refuse(check, JWT_BAD_CLAIMS,
			      "the claims must be one JSON object, with each "
			      "member once");
	fault = check_time(check, members[EXP], members[NBF], now_s);
	if (!fault)
		fault = check_parties(check, members[ISS], members[AUD]);
	return fault ? fault : read_claims(check, claims);
}

enum jwt_fault jwt_check(const struct jwt_keys *keys,
			 const struct jwt_rules *rules, struct span token,
			 uint64_t now_s, struct claims *claims,
			 const char **why)
{
	struct check check = {.rules = rules, .token = token, .why = NULL};
	enum jwt_fault fault = take_apart(&check);

	if (!fault)
		fault = check_signature(&check, keys);
	if (!fault)
		fault = check_claims(&check, now_s, claims);
	if (fault)
		*why = check.why;
	crypto_wipe(check.space, sizeof(check.space));
	return fault;
}
