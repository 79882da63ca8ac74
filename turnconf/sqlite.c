/* sqlite.c: SQLite, from the library that coturn itself brings. */
#include "sqlite.h"

#include <stddef.h>

#include "base/library.h"

#define LIBRARY "libsqlite3.so.0"

static const struct library_function functions[] = {
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
	return library_load(LIBRARY, functions,
			    sizeof(functions) / sizeof(*functions), sqlite);
}
