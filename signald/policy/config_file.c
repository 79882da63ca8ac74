/* config_file.c: the INI file and the files that hold secrets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "policy/config_error.h"
#include "policy/config_file.h"
#include "policy/config_ini.h"
#include "policy/config_name.h"

#define MAX_FILE_BYTES 262144
#define MAX_SECRET_BYTES 4096
#define CONFIG_MAX_SECTION 63 /* of those there are, blanks included */

/* Fill bytes, cap of them; returns how many there were, or -errno. */
static ssize_t read_whole(int fd, char *bytes, size_t cap)
{
	size_t len = 0;

	while (len < cap) {
		ssize_t n = read(fd, bytes + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/*
 * refused  mode bits the file must not have
 *
 * Returns a descriptor or -EINVAL.
 */
static int open_file(const char *path, mode_t refused,
		     struct config_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || !(st.st_mode & refused)))
		return fd;
	if (fd < 0) {
		(void)config_refuse(error, "%s", strerror(errno));
		return -EINVAL;
	}
	(void)close(fd);
	(void)config_refuse(error, "others may write this file; chmod o-w "
				   "makes it safe");
	return -EINVAL;
}

/*
 * Read what is left of a file, at most max bytes.
 *
 * bytesp  NUL-terminated; the caller wipes and frees them
 *
 * Returns the length, -EINVAL or -ENOMEM.
 */
static ssize_t load(int fd, size_t max, char **bytesp,
		    struct config_error *error)
{
	char *bytes = malloc(max + 1);
	ssize_t len;

	if (!bytes) {
		(void)config_refuse_memory(error);
		return -ENOMEM;
	}
	len = read_whole(fd, bytes, max + 1);
	if (len >= 0 && (size_t)len <= max) {
		bytes[len] = '\0';
		*bytesp = bytes;
		return len;
	}
	if (len < 0)
		(void)config_refuse(error, "%s", strerror((int)-len));
	else
		(void)config_refuse(error, "longer than %zu bytes", max);
	crypto_wipe(bytes, max + 1);
	free(bytes);
	return -EINVAL;
}

ssize_t config_file_load(const char *path, size_t max, mode_t refused,
			 char **bytesp, struct config_error *error)
{
	int fd = open_file(path, refused, error);
	ssize_t len;

	if (fd < 0)
		return fd;
	len = load(fd, max, bytesp, error);
	(void)close(fd);
	return len;
}

int config_file_read_secret(const char *path, char **secretp,
			    struct config_error *error)
{
	char *bytes;
	ssize_t len = config_file_load(path, MAX_SECRET_BYTES, S_IWOTH, &bytes,
				       error);

	if (len < 0)
		return (int)len;
	if (len && bytes[len - 1] == '\n')
		bytes[--len] = '\0';
	if (len && bytes[len - 1] == '\r')
		bytes[--len] = '\0';
	if (!len || strlen(bytes) != (size_t)len) {
		crypto_wipe(bytes, (size_t)len);
		free(bytes);
		return config_refuse(error, "holds %s",
				     len ? "a NUL byte" : "nothing");
	}
	*secretp = bytes;
	return 0;
}

/* Entries are handed on with the section they stand in. */
struct reader {
	char section[CONFIG_MAX_SECTION + 1];
	config_line_cb *on_line;
	void *arg;
	struct config_error *error;
};

static int on_section(struct span name, unsigned line, void *arg)
{
	struct reader *reader = arg;
	struct span server;
	const char *nearest = config_guess_section(name);
	char sections[256];
	int err = config_has_section(name) ? 0
					   : config_server_name(name, &server);

	(void)line;
	if (!err)
		return span_copy(name, reader->section,
				 sizeof(reader->section));
	if (err == -EINVAL)
		return config_refuse(reader->error,
				     "the NAME of [turn NAME] must be 1 to %d "
				     "characters of A-Z a-z 0-9 _ -",
				     CONFIG_MAX_SERVER_NAME);
	if (nearest)
		return config_refuse(
			reader->error,
			"unknown section [%.*s]; did you mean [%s]?",
			(int)(name.len < 40 ? name.len : 40), name.ptr,
			nearest);
	config_list_sections(sections, sizeof(sections));
	return config_refuse(
		reader->error,
		"unknown section [%.*s]; there are %s, and [turn NAME]",
		(int)(name.len < 40 ? name.len : 40), name.ptr, sections);
}

static int on_entry(const char *key, struct span value, unsigned line,
		    void *arg)
{
	struct reader *reader = arg;

	return reader->on_line(
		&(struct config_line){line, reader->section, key, value.ptr},
		reader->arg);
}

int config_file_read(const char *path, config_line_cb *on_line, void *arg,
		     struct config_error *error)
{
	static const struct config_ini_ops ops = {on_section, on_entry,
						  "[section]"};
	struct reader reader = {.on_line = on_line, .arg = arg, .error = error};
	char where[256];
	unsigned line;
	char *bytes;
	ssize_t len = config_file_load(path, MAX_FILE_BYTES, 0, &bytes, error);
	int err;

	if (len < 0) {
		config_error_place(error, path);
		return (int)len;
	}
	err = config_ini_parse(span_of(bytes, (size_t)len), &ops, &reader,
			       &line, error);
	if (err) {
		(void)snprintf(where, sizeof(where), "%s:%u", path, line);
		config_error_place(error, where);
	}
	crypto_wipe(bytes, (size_t)len);
	free(bytes);
	return err;
}
