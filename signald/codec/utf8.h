/* utf8.h: UTF-8 checked as the bytes arrive (RFC 3629). */
#ifndef SIGNALD_CODEC_UTF8_H
#define SIGNALD_CODEC_UTF8_H

#include "base/span.h"

/* Zero-initialised at the start of a text. */
struct utf8_state {
	uint8_t missing; /* continuation bytes still to come */
	uint8_t lower;	 /* bounds of the next one, 0 when any will do */
	uint8_t upper;
};

/*
 * Check the next bytes of a text. Fails at the first byte that no valid text
 * can have there (RFC 6455, 8.1: fail fast), also in the middle of a character.
 *
 * Returns 0 or -EILSEQ. The text is whole when utf8_is_whole().
 */
int utf8_check(struct utf8_state *state, struct span bytes);

static inline bool utf8_is_whole(const struct utf8_state *state)
{
	return !state->missing;
}

/* The whole of text is valid UTF-8. */
bool utf8_is_valid(struct span text);

#endif
