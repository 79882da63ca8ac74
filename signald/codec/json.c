/* json.c: the grammar of JSON, checked in one pass (RFC 8259). */
#include <endian.h>
#include <errno.h>

/* JSON_PORTABLE leaves SSE2 out, so that tests reach the other way as well. */
#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#define JSON_SSE2 1
#include <emmintrin.h>
#else
#define JSON_SSE2 0
#endif

#include "codec/chars.h"
#include "codec/json_scan.h"

/* Whether a byte cannot stand for itself inside a string (RFC 8259, 7). */
static bool is_special(char c)
{
	return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

/*
 * Strings are most of every message, so they are read in blocks: special_bits()
 * says which bytes of a block are special, BLOCK_BITS bits for each, the first
 * byte in the lowest.
 */
#if JSON_SSE2

#define BLOCK_LEN 16
#define BLOCK_BITS 1

static inline uint64_t special_bits(const char *at)
{
	const __m128i control = _mm_set1_epi8(0x1f);
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i hits = _mm_cmpeq_epi8(_mm_max_epu8(bytes, control), control);

	hits = _mm_or_si128(hits, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
	hits = _mm_or_si128(hits, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
	return (unsigned)_mm_movemask_epi8(hits);
}

#else

#define BLOCK_LEN 8
#define BLOCK_BITS 8
#define EACH_BYTE(c) (0x0101010101010101u * (uint64_t)(c))

/* The top bit of every byte that is zero; no carry leaves its byte. */
static inline uint64_t zero_bits(uint64_t bytes)
{
	uint64_t low = EACH_BYTE(0x7f);

	return ~(((bytes & low) + low) | bytes | low);
}

static inline uint64_t special_bits(const char *at)
{
	uint64_t bytes;

	memcpy(&bytes, at, sizeof(bytes));
	bytes = le64toh(bytes);
	return zero_bits(bytes & EACH_BYTE(0xe0)) |
	       zero_bits(bytes ^ EACH_BYTE('"')) |
	       zero_bits(bytes ^ EACH_BYTE('\\'));
}

#endif

static inline const char *first_special(const char *at, uint64_t bits)
{
	return at + __builtin_ctzll(bits) / BLOCK_BITS;
}

const char *json_skip_plain(const char *at, const char *end)
{
	while (end - at >= BLOCK_LEN) {
		uint64_t bits = special_bits(at);

		if (bits)
			return first_special(at, bits);
		at += BLOCK_LEN;
	}
	while (at < end && !is_special(*at))
		at++;
	return at;
}

int json_read_hex4(const char *at, const char *end)
{
	int unit = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(at[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

const char json_escapes[256] = {
	['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
	['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

/* at  at the backslash */
static inline const char *skip_escape(const char *at, const char *end)
{
	if (end - at < 2)
		return NULL;
	if (json_escapes[(unsigned char)at[1]])
		return at + 2;
	if (at[1] != 'u' || json_read_hex4(at + 2, end) < 0)
		return NULL;
	return at + 6;
}

/* The end of a string's last bytes, too few for a block. */
static const char *skip_string_tail(const char *at, const char *end)
{
	while (at && at < end) {
		if (*at == '"')
			return at + 1;
		if (*at == '\\')
			at = skip_escape(at, end);
		else if (is_special(*at))
			return NULL;
		else
			at++;
	}
	return NULL;
}

/*
 * An SDP is one long string with a pair of escapes in every line. All of a
 * block's escapes are stepped through before the next one is loaded, at a place
 * that does not depend on where they were: the processor reads ahead.
 */
const char *json_skip_string(const char *at, const char *end)
{
	while (end - at >= BLOCK_LEN) {
		const char *next = at + BLOCK_LEN;
		uint64_t bits = special_bits(at);

		while (bits) {
			const char *hit = first_special(at, bits);

			if (*hit == '"')
				return hit + 1;
			if (*hit != '\\')
				return NULL; /* a control character */
			hit = skip_escape(hit, end);
			if (!hit)
				return NULL;
			if (hit >= next) {
				next = hit;
				break;
			}
			bits &= ~(uint64_t)0 << (hit - at) * BLOCK_BITS;
		}
		at = next;
	}
	return skip_string_tail(at, end);
}

/* At least one digit. */
static const char *skip_digits(const char *at, const char *end)
{
	if (at == end || !is_digit(*at))
		return NULL;
	while (at < end && is_digit(*at))
		at++;
	return at;
}

static const char *skip_fraction(const char *at, const char *end)
{
	if (at < end && *at == '.')
		return skip_digits(at + 1, end);
	return at;
}

static const char *skip_exponent(const char *at, const char *end)
{
	if (at == end || (*at != 'e' && *at != 'E'))
		return at;
	at++;
	if (at < end && (*at == '+' || *at == '-'))
		at++;
	return skip_digits(at, end);
}

static const char *skip_number(const char *at, const char *end)
{
	if (at < end && *at == '-')
		at++;
	/* A zero ends the whole part: a digit behind it is refused later. */
	if (at < end && *at == '0')
		at++;
	else
		at = skip_digits(at, end);
	if (at)
		at = skip_fraction(at, end);
	return at ? skip_exponent(at, end) : NULL;
}

static const char *skip_word(const char *at, const char *end, struct span word)
{
	return span_has_prefix(span_of(at, (size_t)(end - at)), word)
		       ? at + word.len
		       : NULL;
}

const char *json_skip_scalar(const char *at, const char *end)
{
	if (at == end)
		return NULL;
	switch (*at) {
	case '"':
		return json_skip_string(at + 1, end);
	case 't':
		return skip_word(at, end, SPAN("true"));
	case 'f':
		return skip_word(at, end, SPAN("false"));
	case 'n':
		return skip_word(at, end, SPAN("null"));
	default:
		return skip_number(at, end);
	}
}

/* A member's name and its colon. */
static inline const char *skip_name(const char *at, const char *end)
{
	if (at == end || *at != '"')
		return NULL;
	at = json_skip_string(at + 1, end);
	return at ? json_skip_colon(at, end) : NULL;
}

/*
 * The open arrays and objects around a place in the text: instead of recursing,
 * one bit for each level says which of the two it is.
 */
struct nest {
	uint64_t is_object; /* bit 0 for the innermost level */
	unsigned depth;
	unsigned depth_max;
};

_Static_assert(JSON_MAX_DEPTH <= 64, "one bit of nest.is_object per level");

static char closing_of(const struct nest *nest)
{
	return nest->is_object & 1 ? '}' : ']';
}

/*
 * Open arrays and objects for as long as their first thing is another one.
 *
 * at   where a value must begin
 * err  becomes -E2BIG when that is the reason for NULL
 *
 * Returns where a scalar must begin, or the closing bracket of an array or
 * object that is empty (*is_empty).
 */
static const char *open_levels(struct nest *nest, const char *at,
			       const char *end, bool *is_empty, int *err)
{
	*is_empty = false;
	while (at && at < end && (*at == '{' || *at == '[')) {
		if (nest->depth == nest->depth_max) {
			*err = -E2BIG;
			return NULL;
		}
		nest->depth++;
		nest->is_object = nest->is_object << 1 | (*at == '{');
		at = json_skip_space(at + 1, end);
		if (at < end && *at == closing_of(nest)) {
			*is_empty = true;
			return at;
		}
		if (nest->is_object & 1)
			at = skip_name(at, end);
	}
	return at;
}

/*
 * Behind a value: close what is closed there, up to a comma.
 *
 * Returns where the next value must begin, or, when no level is open any more,
 * the place behind the last one.
 */
static const char *close_levels(struct nest *nest, const char *at,
				const char *end)
{
	while (nest->depth) {
		at = json_skip_space(at, end);
		if (at == end)
			return NULL;
		if (*at == ',') {
			at = json_skip_space(at + 1, end);
			return nest->is_object & 1 ? skip_name(at, end) : at;
		}
		if (*at != closing_of(nest))
			return NULL;
		at++;
		nest->depth--;
		nest->is_object >>= 1;
	}
	return at;
}

const char *json_skip_value(const char *at, const char *end, unsigned depth_max,
			    int *err)
{
	struct nest nest = {.depth_max = depth_max};

	do {
		bool is_empty;

		at = open_levels(&nest, at, end, &is_empty, err);
		if (at && !is_empty)
			at = json_skip_scalar(at, end);
		if (at)
			at = close_levels(&nest, at, end);
	} while (at && nest.depth);
	return at;
}

int json_validate(struct span text)
{
	const char *at, *end;
	int err = -EINVAL;

	if (!text.len)
		return err;
	end = text.ptr + text.len;
	at = json_skip_value(json_skip_space(text.ptr, end), end,
			     JSON_MAX_DEPTH, &err);
	return at && json_skip_space(at, end) == end ? 0 : err;
}
