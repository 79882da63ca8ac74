/* span.c: cutting, comparing and reading borrowed runs of bytes. */
#include <errno.h>

#include "base/span.h"

struct span span_trim(struct span s)
{
	while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
		s = span_skip(s, 1);
	while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool span_next_item(struct span *rest, char sep, struct span *item)
{
	const char *end;

	if (!rest->ptr)
		return false;
	end = rest->len ? memchr(rest->ptr, sep, rest->len) : NULL;
	if (end) {
		*item = span_trim(
			span_of(rest->ptr, (size_t)(end - rest->ptr)));
		*rest = span_skip(*rest, (size_t)(end - rest->ptr) + 1);
	} else {
		*item = span_trim(*rest);
		*rest = (struct span){NULL, 0};
	}
	return true;
}

/* So many digits fit, whichever they are. */
#define SAFE_DIGITS 19

int span_to_u64(struct span s, uint64_t max, uint64_t *value)
{
	uint64_t sum = 0;

	if (!s.len)
		return -EINVAL;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';

		if (digit > 9)
			return -EINVAL;
		if (i >= SAFE_DIGITS && sum > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		sum = sum * 10 + digit;
	}
	if (sum > max)
		return -ERANGE;
	*value = sum;
	return 0;
}

int span_copy(struct span s, char *dst, size_t cap)
{
	if (s.len >= cap)
		return -ENOSPC;
	if (s.len && memchr(s.ptr, '\0', s.len))
		return -EINVAL;
	if (s.len)
		memcpy(dst, s.ptr, s.len);
	dst[s.len] = '\0';
	return 0;
}
