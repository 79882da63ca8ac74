/* span.h: a borrowed run of bytes, the way every parser hands out slices. */
#ifndef SIGNALD_BASE_SPAN_H
#define SIGNALD_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Not terminated by a NUL; ptr may be NULL only where len is 0. */
struct span {
	const char *ptr;
	size_t len;
};

/* A span over a string literal: SPAN("offer"); in static tables SPAN_INIT. */
#define SPAN_INIT(literal)                     \
	{                                      \
		(literal), sizeof(literal) - 1 \
	}
#define SPAN(literal) ((struct span)SPAN_INIT(literal))

static inline struct span span_of(const void *ptr, size_t len)
{
	return (struct span){ptr, len};
}

static inline size_t spans_len(const struct span *spans, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += spans[i].len;
	return len;
}

/* Copy them one behind the other to where there is room for all. */
static inline void spans_copy(char *out, const struct span *spans, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (spans[i].len)
			memcpy(out, spans[i].ptr, spans[i].len);
		out += spans[i].len;
	}
}

/* str  a C string, borrowed for as long as the span lives */
static inline struct span span_from(const char *str)
{
	return (struct span){str, strlen(str)};
}

static inline bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (!a.len || !memcmp(a.ptr, b.ptr, a.len));
}

/* Equal but for the case of ASCII letters (header names, schemes). */
static inline bool span_equal_nocase(struct span a, struct span b)
{
	return a.len == b.len && (!a.len || !strncasecmp(a.ptr, b.ptr, a.len));
}

static inline bool span_has_prefix(struct span s, struct span prefix)
{
	return s.len >= prefix.len &&
	       span_equal(span_of(s.ptr, prefix.len), prefix);
}

/* The first n bytes cut off; n must not be above s.len. */
static inline struct span span_skip(struct span s, size_t n)
{
	return (struct span){s.ptr + n, s.len - n};
}

/* Blanks and tabs cut off at both ends. */
struct span span_trim(struct span s);

/*
 * The next item of a list, cut at sep and trimmed; *rest moves behind it.
 *
 * Returns false when the list is used up. "a,,b" has an empty item in the
 * middle.
 */
bool span_next_item(struct span *rest, char sep, struct span *item);

/*
 * A decimal number: digits only, no sign, no blanks.
 *
 * Returns 0, -EINVAL for anything else or an empty span, -ERANGE above max.
 */
int span_to_u64(struct span s, uint64_t max, uint64_t *value);

/*
 * Copy into dst with a terminating NUL.
 *
 * Returns 0, -ENOSPC when cap has no room for it all, -EINVAL for a NUL inside.
 */
int span_copy(struct span s, char *dst, size_t cap);

#endif
