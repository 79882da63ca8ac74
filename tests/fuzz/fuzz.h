/* fuzz.h: what a fuzz target offers, to libFuzzer and to replay.c alike. */
#ifndef SIGNALD_TESTS_FUZZ_H
#define SIGNALD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* One input. Returns 0; a broken promise aborts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Like assert(), but there in release builds too. */
#define MUST(condition)                                                        \
	do {                                                                   \
		if (!(condition)) {                                            \
			(void)fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, \
				      __LINE__, #condition);                   \
			abort();                                               \
		}                                                              \
	} while (0)

#endif
