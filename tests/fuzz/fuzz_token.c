/* fuzz_token.c: nothing is a resume token but what we signed, just as it is. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "policy/token.h"

#define NOW_S 1700000000

static struct keyring *ring;

/* Its keys are random: no corpus can hold a token of theirs. */
static void make_ring(void)
{
	if (!ring)
		MUST(!keyring_new(&ring, "", NOW_S));
}

/* The text lies in a block of its own size, so that ASan sees one byte too far.
 */
static int read_text(struct span text, char space[TOKEN_CAP],
		     struct token *token)
{
	char *copy = malloc(text.len ? text.len : 1);
	int err;

	MUST(copy);
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	err = token_read(ring, span_of(copy, text.len), TOKEN_PEER, NOW_S,
			 space, token);
	free(copy);
	return err;
}

static void check_foreign(struct span text)
{
	char space[TOKEN_CAP];
	struct token token;

	MUST(read_text(text, space, &token) < 0);
}

static void check_inside(struct span part, const char space[TOKEN_CAP])
{
	MUST(part.ptr >= space && part.ptr + part.len <= space + TOKEN_CAP);
}

/* Written again, an accepted token is the same text. */
static void check_accepted(const struct token *token,
			   const char space[TOKEN_CAP], struct span text)
{
	struct buf again = {0};

	check_inside(token->id, space);
	check_inside(token->place, space);
	check_inside(token->user, space);
	if (token->id.len > TOKEN_MAX_ID ||
	    token->place.len > TOKEN_MAX_PLACE ||
	    token->user.len > TOKEN_MAX_USER)
		return;
	MUST(!token_write(ring, token, &again));
	MUST(span_equal(buf_span(&again), text));
	buf_clear(&again);
}

/* The bytes, signed by us: whatever they are, they are read within bounds. */
static void check_signed(const uint8_t *data, size_t size)
{
	char text[CRYPTO_BASE64_LEN(TOKEN_CAP) + 1], space[TOKEN_CAP];
	uint8_t bytes[TOKEN_CAP], key;
	struct token token;
	size_t len;
	int err;

	if (size < 4 || size > sizeof(bytes) - KEYRING_MAC_BYTES)
		return;
	memcpy(bytes, data, size);
	bytes[3] = 0;
	MUST(!keyring_sign(ring, span_of(bytes, size), &key, bytes + size));
	bytes[3] = key;
	len = crypto_base64url(bytes, size + KEYRING_MAC_BYTES, text);
	err = read_text(span_of(text, len), space, &token);
	MUST(!err || err == -EINVAL || err == -ETIME);
	if (err != -EINVAL)
		check_accepted(&token, space, span_of(text, len));
}

/* A token of ours with one character replaced by one of the input. */
static void check_changed(const uint8_t *data, size_t size)
{
	const struct token ours = {
		.kind = TOKEN_PEER,
		.expires_at_s = NOW_S + 1,
		.id = SPAN("Zk1aZk1aZk1aZk1aZk1aZk"),
		.place = SPAN("kitchen"),
	};
	struct buf text = {0};
	char *at;

	if (size < 2)
		return;
	MUST(!token_write(ring, &ours, &text));
	at = &text.ptr[data[0] % text.len];
	if (*at != (char)data[1]) {
		*at = (char)data[1];
		check_foreign(buf_span(&text));
	}
	buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	make_ring();
	check_foreign(span_of(data, size));
	check_signed(data, size);
	check_changed(data, size);
	return 0;
}
