/* json.h: JSON checked and sliced in one pass, without a tree (RFC 8259). */
#ifndef SIGNALD_CODEC_JSON_H
#define SIGNALD_CODEC_JSON_H

#include <sys/types.h>

#include "base/span.h"

#define JSON_MAX_DEPTH 64

/* Names that leave those of jansson alone, for files that use both. */
enum json_type {
	JSON_TYPE_NULL,
	JSON_TYPE_BOOL,
	JSON_TYPE_NUMBER,
	JSON_TYPE_STRING,
	JSON_TYPE_ARRAY,
	JSON_TYPE_OBJECT,
};

/*
 * Check that text is exactly one JSON value, with white space around it.
 * UTF-8 is the caller's to check (the WebSocket layer has done it).
 *
 * Returns 0, -EINVAL for anything else (a lone surrogate escape is allowed by
 * the grammar and passes), -E2BIG when nested deeper than JSON_MAX_DEPTH. Never
 * recurses on input.
 */
int json_validate(struct span text);

/*
 * Check the whole of text, which must be an object, and pick the raw values of
 * some of its own members in the same pass.
 *
 * names   names_count names to look for, of characters that need no escape; a
 *         member's name is compared after its escapes are decoded
 * values  names_count spans: the raw value (a string with its quotes), or
 *         {NULL, 0} where the object has no such member
 *
 * Returns 0, -EINVAL, -E2BIG as json_validate(); -EEXIST when a wanted name
 * stands there twice (RFC 8259, 4: receivers disagree on which one counts);
 * -ENOTSUP for valid JSON that is not an object. After -EEXIST values holds the
 * last of each; after any other error it is not to be used.
 */
int json_pick(struct span text, const struct span *names, size_t names_count,
	      struct span *values);

/*
 * Check the whole of text, which must be an array, and slice its first elements
 * in the same pass.
 *
 * elements  room for max raw values; those beyond count stay as they were
 * count     how many the array has, also beyond max
 *
 * Returns 0, -EINVAL, -E2BIG as json_validate(); -ENOTSUP for valid JSON that
 * is not an array. After an error elements is not to be used.
 */
int json_slice(struct span text, struct span *elements, size_t max,
	       size_t *count);

/*
 * Cut the next token off validated JSON: a bracket, a brace, a comma, a colon,
 * or a whole string, number or word. Lets a caller walk over deep values with a
 * stack of its own.
 *
 * Returns an empty span at the end.
 */
struct span json_next_token(struct span *rest);

/* The type of a raw, validated value; JSON_TYPE_NULL for one that is missing.
 */
enum json_type json_type_of(struct span raw);

/*
 * Decode a raw, validated string into UTF-8.
 *
 * out  cap bytes, NUL-terminated on success; len without the NUL
 *
 * Returns 0, -EINVAL when raw is no string or holds a lone surrogate or NUL,
 * -ENOSPC when out is too small.
 */
int json_decode_string(struct span raw, char *out, size_t cap, size_t *len);

/*
 * The same without a copy where there is no escape: *string then points into
 * raw, and may be longer than cap; else into space, of cap bytes.
 */
int json_read_string(struct span raw, char *space, size_t cap,
		     struct span *string);

/*
 * Read a raw, validated number that is a whole one between 0 and max.
 *
 * Returns 0, -EINVAL for another type, a sign, a fraction or an exponent,
 * -ERANGE above max.
 */
int json_to_u64(struct span raw, uint64_t max, uint64_t *value);

#endif
