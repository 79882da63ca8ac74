/* library.c: libraries that need not be there. */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "base/library.h"

int library_load(const char *name, const struct library_function *functions,
		 size_t count, void *into)
{
	void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return -ENOENT;
	for (size_t i = 0; i < count; i++) {
		void *function = dlsym(library, functions[i].name);

		if (!function)
			return -ENOENT;
		memcpy((char *)into + functions[i].offset, &function,
		       sizeof(function));
	}
	return 0;
}
