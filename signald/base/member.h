/* member.h: from a member of a struct to the struct. */
#ifndef SIGNALD_BASE_MEMBER_H
#define SIGNALD_BASE_MEMBER_H

#include <stddef.h>

/* The struct that a member of it lies in. */
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
