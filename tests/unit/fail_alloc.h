/*
 * fail_alloc.h: makes one chosen allocation of a test program fail.
 *
 * Include it in one file of the program: it defines malloc() and its kin, which
 * so serve every library too, and passes calls on to the C library, or to
 * AddressSanitizer where that is built in, so both still see every block.
 *
 *	for (long n = 1;; n++) {
 *		fail_alloc_at(n);
 *		err = thing_new(&thing);
 *		if (!fail_alloc_stop())
 *			break;
 *		assert_int_equal(err, -ENOMEM);
 *	}
 */
#ifndef SIGNALD_TESTS_FAIL_ALLOC_H
#define SIGNALD_TESTS_FAIL_ALLOC_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAIL_ALLOC_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FAIL_ALLOC_ASAN 1
#endif

#ifdef FAIL_ALLOC_ASAN
#define FAIL_ALLOC_REAL(name) __interceptor_##name
#else
#define FAIL_ALLOC_REAL(name) __libc_##name
#endif

extern void *FAIL_ALLOC_REAL(malloc)(size_t size);
extern void *FAIL_ALLOC_REAL(calloc)(size_t count, size_t size);
extern void *FAIL_ALLOC_REAL(realloc)(void *old, size_t size);

/* Allocations until the one that fails, that one included; 0: none fails. */
static long fail_alloc_left;
static bool fail_alloc_has_failed;

/* The n-th allocation from now on fails (1: the next), the others do not. */
static inline void fail_alloc_at(long n)
{
	fail_alloc_has_failed = false;
	fail_alloc_left = n;
}

/* All allocations succeed again; returns whether the chosen one came. */
static inline bool fail_alloc_stop(void)
{
	fail_alloc_left = 0;
	return fail_alloc_has_failed;
}

static bool fail_alloc_is_due(void)
{
	if (!fail_alloc_left || --fail_alloc_left)
		return false;
	fail_alloc_has_failed = true;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fail_alloc_is_due() ? NULL : FAIL_ALLOC_REAL(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
	return fail_alloc_is_due() ? NULL
				   : FAIL_ALLOC_REAL(calloc)(count, size);
}

void *realloc(void *old, size_t size)
{
	return fail_alloc_is_due() ? NULL : FAIL_ALLOC_REAL(realloc)(old, size);
}

/* The C library's own of these would call the ones above, AddressSanitizer's
 * would not. */
void *reallocarray(void *old, size_t count, size_t size)
{
	size_t len;

	if (__builtin_mul_overflow(count, size, &len)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, len);
}

char *strndup(const char *str, size_t max)
{
	size_t len = strnlen(str, max);
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	copy[len] = '\0';
	return memcpy(copy, str, len);
}

char *strdup(const char *str)
{
	return strndup(str, strlen(str));
}

#endif
