/* rotate.c: a new secret for an old one, while both serve. */
#include "rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "output.h"
#include "secret.h"

/* signald looks at the file every second, and clocks differ a little. */
#define SLACK_S 5

__attribute__((format(printf, 3, 4))) static int fail(char *error, int err,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, ROTATE_MAX_ERROR, format, args);
	va_end(args);
	return err;
}

static struct userdb userdb_of(const struct config *config)
{
	return (struct userdb){.path = config->coturn.userdb,
			       .realm = config->turn.realm};
}

static int sync_to(const struct config *config, struct span secrets,
		   char *error)
{
	const struct userdb db = userdb_of(config);

	return userdb_sync(&db, secrets, error);
}

/* One at a time, from reading the secret's file to having written. Returns a
 * descriptor to close, or a negative errno. */
static int lock(const struct config *config, char *error)
{
	char copy[PATH_MAX];
	const char *folder;
	int fd;

	if (span_copy(span_from(config->turn.secret_file), copy, sizeof(copy)))
		return fail(error, -ENAMETOOLONG, "turn.secret_file: too long");
	folder = dirname(copy);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX)) {
		int err = -errno;

		if (fd >= 0)
			(void)close(fd);
		return fail(error, err, "%s: %s", folder, strerror(-err));
	}
	return fd;
}

static int reread(struct config *config, char *error)
{
	struct config_error why;
	int err = config_reread_secret(config, &why);

	return err < 0 ? fail(error, err, "%s", why.text) : 0;
}

/* Read the secrets under the lock, and do something with them. */
static int with_lock(struct config *config,
		     int (*act)(struct config *config, char *error),
		     char *error)
{
	int fd = lock(config, error);
	int err;

	if (fd < 0)
		return fd;
	err = reread(config, error);
	if (!err)
		err = act(config, error);
	(void)close(fd);
	return err;
}

static int sync_all(struct config *config, char *error)
{
	return sync_to(config, span_from(config->turn.secret), error);
}

int rotate_sync(struct config *config, char error[ROTATE_MAX_ERROR])
{
	if (!config->turn.secret_file)
		return sync_to(config, SPAN(""), error);
	return with_lock(config, sync_all, error);
}

/* A line for each. */
static int write_secrets(const struct config *config, struct span secrets,
			 char *error)
{
	struct buf text = {0};
	struct span item;
	int err;

	while (secrets.len && span_next_item(&secrets, ',', &item)) {
		buf_append_span(&text, item);
		buf_append_str(&text, "\n");
	}
	err = text.failed ? -ENOMEM
			  : output_replace(config->turn.secret_file,
					   buf_span(&text));
	buf_wipe(&text);
	return err ? fail(error, err, "%s: %s", config->turn.secret_file,
			  strerror(-err))
		   : 0;
}

static bool has_old(const struct config *config)
{
	return strchr(config->turn.secret, ',');
}

/* coturn knows it before signald signs with it. */
static int put_fresh_first(struct config *config, char *error)
{
	char fresh[SECRET_CAP];
	struct buf list = {0};
	int err;

	secret_make(fresh);
	buf_append_format(&list, "%s,%s", fresh, config->turn.secret);
	crypto_wipe(fresh, sizeof(fresh));
	err = list.failed ? fail(error, -ENOMEM, "out of memory")
			  : sync_to(config, buf_span(&list), error);
	if (!err)
		err = write_secrets(config, buf_span(&list), error);
	buf_wipe(&list);
	return err ? err : reread(config, error);
}

/* Returns 1 where a rotation is under way already. */
static int begin(struct config *config, char *error)
{
	int err;

	if (!has_old(config))
		return put_fresh_first(config, error);
	err = sync_all(config, error);
	return err ? err : 1;
}

/* Unix time at which no credential of an old secret is good any more. */
static int find_end(const struct config *config, int64_t *ends_at_s,
		    char *error)
{
	struct stat st;

	if (stat(config->turn.secret_file, &st))
		return fail(error, -errno, "%s: %s", config->turn.secret_file,
			    strerror(errno));
	*ends_at_s =
		(int64_t)st.st_mtim.tv_sec + config->turn.max_ttl_s + SLACK_S;
	return 0;
}

/* Exactly: time() may be a moment behind what is waited by. */
static int64_t now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec;
}

static void wait_until(int64_t ends_at_s)
{
	const struct timespec until = {.tv_sec = ends_at_s};

	while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL) ==
	       EINTR)
		;
}

static int wait_out(const struct config *config, FILE *say, char *error)
{
	int64_t ends_at_s = 0, left_s;
	int err = find_end(config, &ends_at_s, error);

	if (err)
		return err;
	left_s = ends_at_s - now_s();
	if (left_s <= 0)
		return 0;
	(void)fprintf(say,
		      "The old secret goes in %lld s, when its last credential "
		      "has expired (turn.max_ttl_s). Until then\n"
		      "both are good; interrupted, the same command goes on "
		      "from here.\n",
		      (long long)left_s);
	(void)fflush(say);
	wait_until(ends_at_s);
	return 0;
}

/* signald signs with the first already, so the order is of no matter to it;
 * what is in coturn's file only is taken out by the next sync. */
static int remove_old(struct config *config, char *error)
{
	struct span first = config_signing_secret(config->turn.secret);
	int err = write_secrets(config, first, error);

	return err ? err : sync_to(config, first, error);
}

/* Of what it waited for, that is. */
static int remove_expired(struct config *config, char *error)
{
	int64_t ends_at_s = 0;
	int err = find_end(config, &ends_at_s, error);

	if (err)
		return err;
	if (ends_at_s > now_s())
		return fail(error, -EAGAIN,
			    "%s was written by somebody else meanwhile: start "
			    "again",
			    config->turn.secret_file);
	return remove_old(config, error);
}

/* None of those there were stays, also of a rotation that is under way. */
static int replace_all(struct config *config, char *error)
{
	int err = put_fresh_first(config, error);

	return err ? err : remove_old(config, error);
}

/* The databases of other hosts are out of reach. */
static int check_alone(const struct config *config, char *error)
{
	for (size_t i = 0; i < config->servers_count; i++) {
		const struct config_server *server = &config->servers[i];

		if (!strcmp(server->config->turn.secret, config->turn.secret))
			return fail(error, -EINVAL,
				    "[turn %s] has the same secret, and its "
				    "coturn's database is not known here: give "
				    "it a secret of its own first",
				    server->name);
	}
	return 0;
}

static int check_can(const struct config *config, char *error)
{
	if (!config->turn.secret_file)
		return fail(error, -EINVAL,
			    "turn.secret stands in the configuration itself, "
			    "which nobody but you changes: put it into a file "
			    "of its own, name that in turn.secret_file, and "
			    "start coturn with what turnconf generate writes "
			    "then");
	return check_alone(config, error);
}

static void tell_fresh(FILE *say)
{
	(void)fputs("A fresh secret signs from now on.\n", say);
}

static void tell_void(FILE *say)
{
	(void)fputs("The old secret is void.\n", say);
}

int rotate(struct config *config, FILE *say, char error[ROTATE_MAX_ERROR])
{
	int err = check_can(config, error);

	if (err)
		return err;
	err = with_lock(config, begin, error);
	if (err < 0)
		return err;
	if (err)
		(void)fputs("Going on: there is an old secret yet.\n", say);
	else
		tell_fresh(say);
	err = wait_out(config, say, error);
	if (!err)
		err = with_lock(config, remove_expired, error);
	if (!err)
		tell_void(say);
	return err;
}

int rotate_at_once(struct config *config, FILE *say,
		   char error[ROTATE_MAX_ERROR])
{
	int err = check_can(config, error);

	if (!err)
		err = with_lock(config, replace_all, error);
	if (err)
		return err;
	tell_fresh(say);
	tell_void(say);
	return 0;
}
