/* json.c: JSON checked and sliced in one pass, without a tree (RFC 8259). */
#include <endian.h>
#include <errno.h>

/* JSON_PORTABLE leaves SSE2 out, so that tests reach the other way as well. */
#if defined(__SSE2__) && !defined(JSON_PORTABLE)
#define JSON_SSE2 1
#include <emmintrin.h>
#else
#define JSON_SSE2 0
#endif

#include "codec/json.h"

/*
 * Every skip_ function takes where to begin and where the text ends, and
 * returns where it stopped, or NULL when the grammar is broken there. All of
 * them may be called with at == end.
 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *skip_space(const char *at, const char *end)
{
	while (at < end && (unsigned char)*at <= ' ' && is_space(*at))
		at++;
	return at;
}

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

/* To the first special byte, or to the end. */
static inline const char *skip_plain(const char *at, const char *end)
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

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits as a number, or -1. */
static int read_hex4(const char *at, const char *end)
{
	int unit = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(at[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* What the letter of a two-character escape stands for; 0 for all others. */
static const char escapes[256] = {
	['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
	['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

/* at  at the backslash */
static inline const char *skip_escape(const char *at, const char *end)
{
	if (end - at < 2)
		return NULL;
	if (escapes[(unsigned char)at[1]])
		return at + 2;
	if (at[1] != 'u' || read_hex4(at + 2, end) < 0)
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
 * at  behind the opening quote; returns the place behind the closing one
 *
 * An SDP is one long string with a pair of escapes in every line. All of a
 * block's escapes are stepped through before the next one is loaded, at a place
 * that does not depend on where they were: the processor reads ahead.
 */
static const char *skip_string(const char *at, const char *end)
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

static const char *skip_scalar(const char *at, const char *end)
{
	if (at == end)
		return NULL;
	switch (*at) {
	case '"':
		return skip_string(at + 1, end);
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

/* The colon behind a member's name, with white space around it. */
static inline const char *skip_colon(const char *at, const char *end)
{
	at = skip_space(at, end);
	if (at == end || *at != ':')
		return NULL;
	return skip_space(at + 1, end);
}

/* A member's name and its colon. */
static inline const char *skip_name(const char *at, const char *end)
{
	if (at == end || *at != '"')
		return NULL;
	at = skip_string(at + 1, end);
	return at ? skip_colon(at, end) : NULL;
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
		at = skip_space(at + 1, end);
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
		at = skip_space(at, end);
		if (at == end)
			return NULL;
		if (*at == ',') {
			at = skip_space(at + 1, end);
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

/*
 * A value of any type.
 *
 * err  becomes -E2BIG when being nested deeper than depth_max is the reason for
 *      NULL
 */
static const char *skip_value(const char *at, const char *end,
			      unsigned depth_max, int *err)
{
	struct nest nest = {.depth_max = depth_max};

	do {
		bool is_empty;

		at = open_levels(&nest, at, end, &is_empty, err);
		if (at && !is_empty)
			at = skip_scalar(at, end);
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
	at = skip_value(skip_space(text.ptr, end), end, JSON_MAX_DEPTH, &err);
	return at && skip_space(at, end) == end ? 0 : err;
}

static size_t encode_utf8(unsigned point, char out[4])
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xc0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (char)(0xe0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

/*
 * The code point of a \u escape, or of two that are a surrogate pair.
 *
 * at  at the backslash; moves behind the escape
 *
 * Returns it, or -1 for a surrogate that stands alone (RFC 8259, 8.2).
 */
static int decode_unicode(const char **at, const char *end)
{
	int high = read_hex4(*at + 2, end), low;

	*at += 6;
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || end - *at < 6 || (*at)[0] != '\\' ||
	    (*at)[1] != 'u')
		return -1;
	low = read_hex4(*at + 2, end);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	*at += 6;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/*
 * Decode the next piece of a validated string's inside: a run of bytes that
 * stand for themselves, or one escape.
 *
 * at     moves behind it; must not be at end
 * space  holds what an escape stands for
 *
 * Returns the bytes, none (NULL) for a lone surrogate.
 */
static struct span decode_piece(const char **at, const char *end, char space[4])
{
	const char *start = *at;
	int point;

	if (*start != '\\') {
		*at = skip_plain(start, end);
		return span_of(start, (size_t)(*at - start));
	}
	space[0] = escapes[(unsigned char)start[1]];
	if (space[0]) {
		*at += 2;
		return span_of(space, 1);
	}
	point = decode_unicode(at, end);
	if (point < 0)
		return span_of(NULL, 0);
	return span_of(space, encode_utf8((unsigned)point, space));
}

/* Whether a validated string's inside stands for the bytes of name. */
static bool decodes_to(struct span inside, struct span name)
{
	const char *at = inside.ptr, *end = at + inside.len;
	char space[4];

	while (at < end) {
		struct span piece = decode_piece(&at, end, space);

		if (!piece.len || !span_has_prefix(name, piece))
			return false;
		name = span_skip(name, piece.len);
	}
	return !name.len;
}

/* What json_pick() was asked for, and what came of it. */
struct pick {
	const struct span *names;
	size_t names_count;
	struct span *values;
	bool has_duplicate;
	int err; /* why a NULL was returned */
};

/*
 * Find the wanted name that stands at a place, with its closing quote. Its
 * length comes from our side, so the processor need not wait for a scan of the
 * text to know where to go on.
 *
 * at  behind the opening quote; moves behind the closing one when found
 */
static struct span *find_plain(const struct pick *pick, const char **at,
			       const char *end)
{
	size_t left = (size_t)(end - *at);

	for (size_t i = 0; i < pick->names_count; i++) {
		struct span name = pick->names[i];

		if (left > name.len && (*at)[name.len] == '"' &&
		    span_equal(span_of(*at, name.len), name)) {
			*at += name.len + 1;
			return &pick->values[i];
		}
	}
	return NULL;
}

/* Find the wanted name that a validated one with escapes stands for. */
static struct span *find_escaped(const struct pick *pick, struct span inside)
{
	if (!inside.len || !memchr(inside.ptr, '\\', inside.len))
		return NULL;
	for (size_t i = 0; i < pick->names_count; i++) {
		if (decodes_to(inside, pick->names[i]))
			return &pick->values[i];
	}
	return NULL;
}

/*
 * A member's name and its colon.
 *
 * wanted  where to put the value, NULL for a name nobody asked for
 */
static const char *pick_name(const struct pick *pick, const char *at,
			     const char *end, struct span **wanted)
{
	const char *name;

	if (at == end || *at != '"')
		return NULL;
	name = ++at;
	*wanted = find_plain(pick, &at, end);
	if (!*wanted) {
		at = skip_string(name, end);
		if (!at)
			return NULL;
		*wanted = find_escaped(pick,
				       span_of(name, (size_t)(at - 1 - name)));
	}
	return skip_colon(at, end);
}

/* One member, its value kept if it is wanted. */
static const char *pick_member(struct pick *pick, const char *at,
			       const char *end)
{
	struct span *wanted;
	const char *value = pick_name(pick, at, end, &wanted);

	if (!value)
		return NULL;
	at = skip_value(value, end, JSON_MAX_DEPTH - 1, &pick->err);
	if (at && wanted) {
		pick->has_duplicate |= wanted->ptr != NULL;
		*wanted = span_of(value, (size_t)(at - value));
	}
	return at;
}

/*
 * Behind a member or an element of the outermost level: its comma, or the
 * closing bracket (*has_ended).
 */
static inline const char *skip_comma(const char *at, const char *end,
				     char closing, bool *has_ended)
{
	at = skip_space(at, end);
	if (at == end)
		return NULL;
	*has_ended = *at == closing;
	if (*has_ended)
		return at + 1;
	return *at == ',' ? skip_space(at + 1, end) : NULL;
}

/* All members and the closing brace; at behind the opening one. */
static const char *pick_members(struct pick *pick, const char *at,
				const char *end)
{
	bool has_ended = false;

	at = skip_space(at, end);
	if (at < end && *at == '}')
		return at + 1;
	while (at && !has_ended) {
		at = pick_member(pick, at, end);
		if (at)
			at = skip_comma(at, end, '}', &has_ended);
	}
	return at;
}

/* The verdict on a text that does not begin with the bracket asked for. */
static int judge_other_type(struct span text)
{
	int err = json_validate(text);

	return err ? err : -ENOTSUP;
}

int json_pick(struct span text, const struct span *names, size_t names_count,
	      struct span *values)
{
	struct pick pick = {names, names_count, values, false, -EINVAL};
	const char *at, *end;

	for (size_t i = 0; i < names_count; i++)
		values[i] = span_of(NULL, 0);
	if (!text.len)
		return -EINVAL;
	end = text.ptr + text.len;
	at = skip_space(text.ptr, end);
	if (at == end || *at != '{')
		return judge_other_type(text);
	at = pick_members(&pick, at + 1, end);
	if (!at || skip_space(at, end) != end)
		return pick.err;
	return pick.has_duplicate ? -EEXIST : 0;
}

/* What json_slice() was asked for, and what came of it. */
struct slice {
	struct span *elements;
	size_t max;
	size_t count;
	int err; /* why a NULL was returned */
};

static const char *slice_element(struct slice *slice, const char *at,
				 const char *end)
{
	const char *value = at;

	at = skip_value(value, end, JSON_MAX_DEPTH - 1, &slice->err);
	if (at && slice->count < slice->max)
		slice->elements[slice->count] =
			span_of(value, (size_t)(at - value));
	slice->count++;
	return at;
}

/* All elements and the closing bracket; at behind the opening one. */
static const char *slice_elements(struct slice *slice, const char *at,
				  const char *end)
{
	bool has_ended = false;

	at = skip_space(at, end);
	if (at < end && *at == ']')
		return at + 1;
	while (at && !has_ended) {
		at = slice_element(slice, at, end);
		if (at)
			at = skip_comma(at, end, ']', &has_ended);
	}
	return at;
}

int json_slice(struct span text, struct span *elements, size_t max,
	       size_t *count)
{
	struct slice slice = {elements, max, 0, -EINVAL};
	const char *at, *end;

	if (!text.len)
		return -EINVAL;
	end = text.ptr + text.len;
	at = skip_space(text.ptr, end);
	if (at == end || *at != '[')
		return judge_other_type(text);
	at = slice_elements(&slice, at + 1, end);
	if (!at || skip_space(at, end) != end)
		return slice.err;
	*count = slice.count;
	return 0;
}

/* Where a token of validated JSON ends. */
static const char *skip_token(const char *at, const char *end)
{
	return memchr("{}[]:,", *at, 6) ? at + 1 : skip_scalar(at, end);
}

struct span json_next_token(struct span *rest)
{
	const char *at, *end, *next = NULL;

	if (!rest->len)
		return span_of(NULL, 0);
	end = rest->ptr + rest->len;
	at = skip_space(rest->ptr, end);
	if (at < end)
		next = skip_token(at, end);
	if (!next)
		next = at = end;
	*rest = span_of(next, (size_t)(end - next));
	return span_of(at, (size_t)(next - at));
}

enum json_type json_type_of(struct span raw)
{
	switch (raw.len ? *raw.ptr : 'n') {
	case '{':
		return JSON_TYPE_OBJECT;
	case '[':
		return JSON_TYPE_ARRAY;
	case '"':
		return JSON_TYPE_STRING;
	case 't':
	case 'f':
		return JSON_TYPE_BOOL;
	case 'n':
		return JSON_TYPE_NULL;
	default:
		return JSON_TYPE_NUMBER;
	}
}

int json_decode_string(struct span raw, char *out, size_t cap, size_t *len)
{
	const char *at, *end;
	size_t used = 0;
	char space[4];

	if (json_type_of(raw) != JSON_TYPE_STRING)
		return -EINVAL;
	at = raw.ptr + 1;
	end = raw.ptr + raw.len - 1;
	while (at < end) {
		struct span piece = decode_piece(&at, end, space);

		if (!piece.len || !*piece.ptr)
			return -EINVAL; /* a lone surrogate, a NUL */
		if (cap - used < piece.len)
			return -ENOSPC;
		memcpy(out + used, piece.ptr, piece.len);
		used += piece.len;
	}
	if (used == cap)
		return -ENOSPC;
	out[used] = '\0';
	*len = used;
	return 0;
}

int json_to_u64(struct span raw, uint64_t max, uint64_t *value)
{
	for (size_t i = 0; i < raw.len; i++) {
		if (!is_digit(raw.ptr[i]))
			return -EINVAL;
	}
	return span_to_u64(raw, max, value);
}
