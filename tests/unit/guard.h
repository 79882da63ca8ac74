/* guard.h: copies of bytes that end exactly where memory becomes unreadable. */
#ifndef SIGNALD_TESTS_GUARD_H
#define SIGNALD_TESTS_GUARD_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bytes in front of the unreadable page: whole pages that hold len. */
static inline size_t guard_room(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

/*
 * A writable copy of len bytes whose end is the start of an unreadable page, so
 * that one byte read too far ends the program. bytes may be NULL where len is
 * 0.
 */
static inline char *guard_copy(const void *bytes, size_t len)
{
	size_t room = guard_room(len);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *base = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (base == MAP_FAILED || mprotect(base + room, page, PROT_NONE))
		abort();
	if (len)
		memcpy(base + room - len, bytes, len);
	return base + room - len;
}

/* len  as given to guard_copy() */
static inline void guard_free(char *copy, size_t len)
{
	size_t room = guard_room(len);

	(void)munmap(copy + len - room, room + (size_t)sysconf(_SC_PAGESIZE));
}

#endif
