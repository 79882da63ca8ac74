/* sqlite.h: SQLite, from the library that coturn itself brings. */
#ifndef TURNCONF_SQLITE_H
#define TURNCONF_SQLITE_H

struct sqlite3;
struct sqlite3_stmt;

enum { SQLITE_DONE = 101 };
enum { SQLITE_OPEN_READWRITE = 2 };

/* As the functions of SQLite's C interface with sqlite3_ in front. */
struct sqlite {
	int (*open_v2)(const char *path, struct sqlite3 **db, int flags,
		       const char *vfs);
	int (*close)(struct sqlite3 *db);
	int (*busy_timeout)(struct sqlite3 *db, int ms);
	int (*exec)(struct sqlite3 *db, const char *sql,
		    int (*each)(void *, int, char **, char **), void *arg,
		    char **message);
	int (*prepare_v2)(struct sqlite3 *db, const char *sql, int len,
			  struct sqlite3_stmt **statement, const char **tail);
	int (*bind_text)(struct sqlite3_stmt *statement, int at,
			 const char *text, int len, void (*destroy)(void *));
	int (*step)(struct sqlite3_stmt *statement);
	int (*finalize)(struct sqlite3_stmt *statement);
	const char *(*errmsg)(struct sqlite3 *db);
};

/* Load it, for the rest of the process's life. Returns 0 or -ENOENT. */
int sqlite_load(struct sqlite *sqlite);

#endif
