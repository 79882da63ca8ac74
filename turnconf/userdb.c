/* userdb.c: the secrets in coturn's SQLite file. */
#include "userdb.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"
#include "sqlite.h"

#define TURNADMIN "turnadmin"
#define BUSY_MS 5000

struct writer {
	const struct userdb *db;
	struct sqlite sqlite;
	struct sqlite3 *connection;
	char *error;
};

__attribute__((format(printf, 3, 4))) static int
fail(struct writer *writer, int err, const char *format, ...)
{
	va_list args;
	int len = snprintf(writer->error, USERDB_MAX_ERROR,
			   "coturn.userdb %s: ", writer->db->path);

	if (len < 0 || len >= USERDB_MAX_ERROR)
		return err;
	va_start(args, format);
	(void)vsnprintf(writer->error + len, (size_t)(USERDB_MAX_ERROR - len),
			format, args);
	va_end(args);
	return err;
}

/* --- a file that is not there --- */

/* coturn's programs write a log at every run, where they can first. */
static void remove_log(pid_t pid)
{
	static const char *const folders[] = {"/var/log/turnserver", "/var/log",
					      "/var/tmp", "/tmp", "."};

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		char pattern[64];
		glob_t found;

		(void)snprintf(pattern, sizeof(pattern), "%s/turn_%d_*.log",
			       folders[i], (int)pid);
		if (glob(pattern, GLOB_NOSORT, NULL, &found))
			continue;
		for (size_t j = 0; j < found.gl_pathc; j++)
			(void)unlink(found.gl_pathv[j]);
		globfree(&found);
	}
}

/* By having it list what there is. Its exit code says nothing. */
static int make_file(struct writer *writer)
{
	const struct userdb *db = writer->db;
	const char *const argv[] = {TURNADMIN, "-b", db->path, "-r",
				    db->realm, "-S", NULL};
	mode_t mask = umask(S_IRWXG | S_IRWXO);
	char out[4096];
	pid_t pid = 0;
	ssize_t len = program_run(argv, out, sizeof(out), &pid);

	(void)umask(mask);
	if (pid)
		remove_log(pid);
	if (len == -ENOENT)
		return fail(writer, -ENOENT,
			    TURNADMIN " cannot be run; it comes with coturn");
	if (len < 0 || access(db->path, F_OK))
		return fail(writer, -EACCES,
			    "cannot be made: is its folder there, and may this "
			    "user write in it?");
	return 0;
}

/* --- whose it is --- */

static int stat_folder(const char *path, struct stat *st)
{
	char copy[PATH_MAX];

	if (span_copy(span_from(path), copy, sizeof(copy)))
		return -ENAMETOOLONG;
	return stat(dirname(copy), st) ? -errno : 0;
}

/* What root makes is for whom the folder is made for. */
static void give_to_folders_owner(const struct userdb *db)
{
	struct stat folder;

	if (!geteuid() && !stat_folder(db->path, &folder))
		(void)!chown(db->path, folder.st_uid, folder.st_gid);
}

/* Its owner can make the log that it is to be read with. */
static bool can_have_log(const struct userdb *db)
{
	struct stat folder, file;

	return !stat_folder(db->path, &folder) && !stat(db->path, &file) &&
	       folder.st_uid == file.st_uid;
}

/* --- what is in it --- */

static int fail_sql(struct writer *writer)
{
	return fail(writer, -EIO, "%s",
		    writer->sqlite.errmsg(writer->connection));
}

static int execute(struct writer *writer, const char *sql)
{
	return writer->sqlite.exec(writer->connection, sql, NULL, NULL, NULL)
		       ? fail_sql(writer)
		       : 0;
}

/* With one value, or two. */
static int execute_with(struct writer *writer, const char *sql,
			struct span first, struct span second)
{
	const struct sqlite *sqlite = &writer->sqlite;
	struct sqlite3_stmt *statement = NULL;
	int rc;

	rc = sqlite->prepare_v2(writer->connection, sql, -1, &statement, NULL);
	if (!rc)
		rc = sqlite->bind_text(statement, 1, first.ptr, (int)first.len,
				       NULL);
	if (!rc && second.len)
		rc = sqlite->bind_text(statement, 2, second.ptr,
				       (int)second.len, NULL);
	if (!rc)
		rc = sqlite->step(statement);
	rc = rc == SQLITE_DONE ? 0 : fail_sql(writer);
	(void)sqlite->finalize(statement);
	return rc;
}

static int replace_all(struct writer *writer, struct span secrets)
{
	struct span realm = span_from(writer->db->realm);
	struct span secret;
	int err =
		execute_with(writer, "DELETE FROM turn_secret WHERE realm = ?",
			     realm, SPAN(""));

	while (!err && secrets.len && span_next_item(&secrets, ',', &secret))
		err = execute_with(writer,
				   "INSERT INTO turn_secret (realm, value) "
				   "VALUES (?, ?)",
				   realm, secret);
	return err;
}

static int write_all(struct writer *writer, struct span secrets)
{
	int err = execute(writer, "PRAGMA secure_delete = on");

	if (!err && can_have_log(writer->db))
		err = execute(writer, "PRAGMA journal_mode = WAL");
	if (!err)
		err = execute(writer, "BEGIN IMMEDIATE");
	if (!err)
		err = replace_all(writer, secrets);
	return err ? err : execute(writer, "COMMIT");
}

/* The connection is to be closed, whatever this returns. */
static int open_file(struct writer *writer)
{
	const struct sqlite *sqlite = &writer->sqlite;

	if (sqlite->open_v2(writer->db->path, &writer->connection,
			    SQLITE_OPEN_READWRITE, NULL))
		return fail_sql(writer);
	(void)sqlite->busy_timeout(writer->connection, BUSY_MS);
	return 0;
}

static int open_and_write(struct writer *writer, struct span secrets)
{
	int err = open_file(writer);

	if (!err)
		err = write_all(writer, secrets);
	/* What was not committed is undone. */
	(void)writer->sqlite.close(writer->connection);
	return err;
}

/* Threads of a coturn that makes it by itself may get into each other's way,
 * and leave it without a table. */
static bool is_made(struct writer *writer)
{
	const struct sqlite *sqlite = &writer->sqlite;
	struct sqlite3_stmt *statement = NULL;
	bool is = !access(writer->db->path, F_OK) && !open_file(writer) &&
		  !sqlite->prepare_v2(writer->connection,
				      "SELECT 1 FROM turn_secret", -1,
				      &statement, NULL);

	(void)sqlite->finalize(statement);
	(void)sqlite->close(writer->connection);
	writer->connection = NULL;
	return is;
}

int userdb_sync(const struct userdb *db, struct span secrets,
		char error[USERDB_MAX_ERROR])
{
	struct writer writer = {.db = db, .error = error};
	bool is_new = access(db->path, F_OK) != 0;
	int err;

	if (sqlite_load(&writer.sqlite))
		return fail(&writer, -ENOENT,
			    "libsqlite3 cannot be loaded; a coturn that can "
			    "read this file brings it");
	if (!is_made(&writer)) {
		err = make_file(&writer);
		if (err)
			return err;
		if (is_new)
			give_to_folders_owner(db);
	}
	return open_and_write(&writer, secrets);
}
