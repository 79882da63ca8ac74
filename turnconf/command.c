/* command.c: how turnconf's commands begin and complain. */
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "version.h"

#define TURNSERVER "turnserver"

/* A turnserver.conf is a page or two. */
#define MAX_FILE_BYTES 262144

int command_complain(const char *format, ...)
{
	va_list args;

	(void)fputs("turnconf: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fputc('\n', stderr);
	return EXIT_USAGE;
}

int command_find_version(const struct arguments *arguments, unsigned *version)
{
	const char *given = arguments->coturn_version;
	int err;

	if (given) {
		struct span text = span_from(given);

		if (strspn(given, "0123456789.") != text.len ||
		    version_parse(text, version))
			return command_complain(
				"--coturn-version must be X.Y.Z, not "
				"\"%s\"",
				given);
	} else {
		err = version_detect(TURNSERVER, version);
		if (err)
			return command_complain(
				"cannot tell which coturn is "
				"installed (%s): give "
				"--coturn-version X.Y.Z",
				err == -EPROTO ? TURNSERVER " --version "
							    "prints none"
					       : strerror(-err));
	}
	if (*version > VERSION_NEWEST) {
		char newest[VERSION_TEXT_CAP];

		version_format(VERSION_NEWEST, newest);
		(void)command_complain(
			"this coturn is newer than the newest known, "
			"%s, and taken for it",
			newest);
	}
	return 0;
}

int command_read_host(struct host *host)
{
	int err = host_read(host);

	return err ? command_complain("cannot read this host's addresses: %s",
				      strerror(-err))
		   : 0;
}

int command_try_file(const char *path, struct buf *text, const char **why)
{
	FILE *file = fopen(path, "re");
	size_t n = 0;

	*why = NULL;
	if (!file) {
		*why = strerror(errno);
		return -EINVAL;
	}
	do {
		text->len += n;
		if (text->len > MAX_FILE_BYTES || buf_reserve(text, 4096))
			break;
		n = fread(text->ptr + text->len, 1, 4096, file);
	} while (n);

	if (ferror(file))
		*why = strerror(errno);
	else if (text->len > MAX_FILE_BYTES)
		*why = "too long for a turnserver.conf";
	else if (text->failed)
		*why = "out of memory";
	(void)fclose(file);
	return *why ? -EINVAL : 0;
}

int command_read_file(const char *path, struct buf *text)
{
	const char *why;

	return command_try_file(path, text, &why)
		       ? command_complain("%s: %s", path, why)
		       : 0;
}

uint64_t command_now_s(void)
{
	struct clock clock;

	clock_update(&clock);
	return clock_wall_s(&clock);
}

int command_load_config(const struct arguments *arguments,
			struct config **configp)
{
	struct config_sources sources = {
		.file = arguments->config,
		.sets = arguments->sets,
		.sets_count = arguments->sets_count,
		.environ = (const char *const *)environ,
	};
	struct config_error error;

	if (config_load(configp, &sources, &error))
		return command_complain("%s", error.text);
	return 0;
}
