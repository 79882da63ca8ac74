/* token.c: resume tokens: signed proof of who a peer is, and where. */
#include <errno.h>

#include "policy/token.h"

#define VERSION 2

/*
 *   version kind role key lacks flags | generation (4) | expires_at_s (8)
 *   | max_ttl_s (4) | length, id | length, place | length, user | MAC (16)
 *
 * Numbers are big-endian. The MAC is over everything before it, with 0 for the
 * key: with the number of another it would not verify.
 */
#define FIXED_BYTES 22

static void put_number(uint8_t *out, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static uint64_t get_number(const uint8_t *in, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | in[i];
	return value;
}

static size_t put_string(uint8_t *out, struct span string)
{
	out[0] = (uint8_t)string.len;
	if (string.len)
		memcpy(out + 1, string.ptr, string.len);
	return 1 + string.len;
}

int token_write(const struct keyring *ring, const struct token *token,
		struct buf *out)
{
	char text[CRYPTO_BASE64_LEN(TOKEN_CAP) + 1];
	uint8_t bytes[TOKEN_CAP], mac[KEYRING_MAC_BYTES], key;
	size_t len = FIXED_BYTES;
	int err;

	if (token->id.len > TOKEN_MAX_ID ||
	    token->place.len > TOKEN_MAX_PLACE ||
	    token->user.len > TOKEN_MAX_USER)
		return -EINVAL;
	bytes[0] = VERSION;
	bytes[1] = (uint8_t)token->kind;
	bytes[2] = token->role;
	bytes[4] = token->lacks;
	bytes[5] = token->flags;
	put_number(bytes + 6, token->generation, 4);
	put_number(bytes + 10, token->expires_at_s, 8);
	put_number(bytes + 18, token->max_ttl_s, 4);
	len += put_string(bytes + len, token->id);
	len += put_string(bytes + len, token->place);
	len += put_string(bytes + len, token->user);
	bytes[3] = 0;
	err = keyring_sign(ring, span_of(bytes, len), &key, mac);
	if (err)
		return err;
	bytes[3] = key;
	memcpy(bytes + len, mac, sizeof(mac));
	len += sizeof(mac);
	buf_append(out, text, crypto_base64url(bytes, len, text));
	return out->failed ? -ENOMEM : 0;
}

/* A string of the payload; moves *rest behind it. */
static int take_string(struct span *rest, struct span *string)
{
	size_t len;

	if (!rest->len)
		return -EINVAL;
	len = (unsigned char)rest->ptr[0];
	if (rest->len - 1 < len)
		return -EINVAL;
	*string = span_of(rest->ptr + 1, len);
	*rest = span_skip(*rest, 1 + len);
	return 0;
}

int token_read(const struct keyring *ring, struct span text,
	       enum token_kind kind, uint64_t now_s, char space[TOKEN_CAP],
	       struct token *token)
{
	long decoded = crypto_base64url_decode(text, space, TOKEN_CAP);
	uint8_t *bytes = (uint8_t *)space;
	struct span rest;
	size_t len;
	uint8_t key;

	if (decoded < FIXED_BYTES + KEYRING_MAC_BYTES || bytes[0] != VERSION ||
	    bytes[1] != (uint8_t)kind)
		return -EINVAL;
	len = (size_t)decoded - KEYRING_MAC_BYTES;
	key = bytes[3];
	bytes[3] = 0;
	if (!keyring_verify(ring, span_of(bytes, len), key, bytes + len))
		return -EINVAL;
	rest = span_of(bytes + FIXED_BYTES, len - FIXED_BYTES);
	if (take_string(&rest, &token->id) ||
	    take_string(&rest, &token->place) ||
	    take_string(&rest, &token->user) || rest.len)
		return -EINVAL;
	token->kind = kind;
	token->role = bytes[2];
	token->lacks = bytes[4];
	token->flags = bytes[5];
	token->generation = (uint32_t)get_number(bytes + 6, 4);
	token->expires_at_s = get_number(bytes + 10, 8);
	token->max_ttl_s = (uint32_t)get_number(bytes + 18, 4);
	return token->expires_at_s > now_s ? 0 : -ETIME;
}
