/* sqlite.c: SQLite, from the library that coturn itself brings. */
#include "sqlite.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define LIBRARY "libsqlite3.so.0"

static const struct {
	const char *name;
	size_t offset;
} functions[] = {
	{"sqlite3_open_v2", offsetof(struct sqlite, open_v2)},
	{"sqlite3_close", offsetof(struct sqlite, close)},
	{"sqlite3_busy_timeout", offsetof(struct sqlite, busy_timeout)},
	{"sqlite3_exec", offsetof(struct sqlite, exec)},
	{"sqlite3_prepare_v2", offsetof(struct sqlite, prepare_v2)},
	{"sqlite3_bind_text", offsetof(struct sqlite, bind_text)},
	{"sqlite3_step", offsetof(struct sqlite, step)},
	{"sqlite3_finalize", offsetof(struct sqlite, finalize)},
	{"sqlite3_errmsg", offsetof(struct sqlite, errmsg)},
};

int sqlite_load(struct sqlite *sqlite)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		void *function =
			library ? dlsym(library, functions[i].name) : NULL;

		if (!function)
			return -ENOENT;
		memcpy((char *)sqlite + functions[i].offset, &function,
		       sizeof(function));
	}
	return 0;
}
