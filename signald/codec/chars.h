/* chars.h: what single ASCII characters are, whatever the locale. */
#ifndef SIGNALD_CODEC_CHARS_H
#define SIGNALD_CODEC_CHARS_H

#include <stdbool.h>

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Of a hexadecimal digit in any case; -1 for anything else. */
static inline int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
