/* library.h: libraries that need not be there. */
#ifndef SIGNALD_BASE_LIBRARY_H
#define SIGNALD_BASE_LIBRARY_H

#include <stddef.h>

/* A function, and where its pointer goes. */
struct library_function {
	const char *name;
	size_t offset;
};

/*
 * Load a library for the rest of the process's life, and fill a struct with its
 * functions.
 *
 * name  as the dynamic linker finds it: "libm.so.6"
 * into  the struct that the offsets are of; not whole where this fails
 *
 * Returns 0, or -ENOENT where the library or a function of it is not there.
 */
int library_load(const char *name, const struct library_function *functions,
		 size_t count, void *into);

#endif
