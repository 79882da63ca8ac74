/* hex.h: bytes in lower-case hexadecimal. */
#ifndef SIGNALD_BASE_HEX_H
#define SIGNALD_BASE_HEX_H

#include <stddef.h>

/* Characters of n bytes. */
#define HEX_LEN(n) (2 * (n))

/* out holds HEX_LEN(len) + 1 bytes; it is NUL-terminated. */
void hex_write(const void *bytes, size_t len, char *out);

#endif
