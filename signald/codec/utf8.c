/* utf8.c: UTF-8 checked as the bytes arrive (RFC 3629). */
#include <errno.h>

#include "codec/utf8.h"

#define BLOCK_LEN 16
#define HIGH_BITS 0x8080808080808080u

/*
 * What a first byte asks of the bytes behind it (RFC 3629, 4): how many, and
 * the bounds of the very next one where they are narrower than 80 to bf.
 * Narrower ones keep out over-long forms, surrogates and what is above
 * U+10FFFF. Bytes that start nothing miss none.
 */
static const struct utf8_state leads[256] = {
	[0xc2 ... 0xdf] = {.missing = 1}, [0xe0] = {2, 0xa0, 0xbf},
	[0xe1 ... 0xec] = {.missing = 2}, [0xed] = {2, 0x80, 0x9f},
	[0xee ... 0xef] = {.missing = 2}, [0xf0] = {3, 0x90, 0xbf},
	[0xf1 ... 0xf3] = {.missing = 3}, [0xf4] = {3, 0x80, 0x8f},
};

static const uint8_t *skip_ascii(const uint8_t *at, const uint8_t *end)
{
	while (end - at >= BLOCK_LEN) {
		uint64_t words[2];

		memcpy(words, at, BLOCK_LEN);
		if ((words[0] | words[1]) & HIGH_BITS)
			break;
		at += BLOCK_LEN;
	}
	while (at < end && *at < 0x80)
		at++;
	return at;
}

static bool is_expected(const struct utf8_state *state, uint8_t byte)
{
	if (!state->lower)
		return (byte & 0xc0) == 0x80;
	return byte >= state->lower && byte <= state->upper;
}

int utf8_check(struct utf8_state *state, struct span bytes)
{
	const uint8_t *at = (const uint8_t *)bytes.ptr;
	struct utf8_state now = *state;
	const uint8_t *end;

	if (!bytes.len)
		return 0; /* at may be NULL */
	end = at + bytes.len;
	while (at < end) {
		if (now.missing) {
			if (!is_expected(&now, *at++))
				return -EILSEQ;
			now = (struct utf8_state){.missing = now.missing - 1};
			continue;
		}
		at = skip_ascii(at, end);
		if (at == end)
			break;
		now = leads[*at++];
		if (!now.missing)
			return -EILSEQ;
	}
	*state = now;
	return 0;
}

bool utf8_is_valid(struct span text)
{
	struct utf8_state state = {0};

	return !utf8_check(&state, text) && utf8_is_whole(&state);
}
