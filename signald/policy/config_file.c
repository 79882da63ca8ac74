/* config_file.c: the INI file and the files that hold secrets. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ini.h>

#include "base/crypto.h"
#include "policy/config_error.h"
#include "policy/config_file.h"
#include "policy/config_name.h"

#define MAX_FILE_BYTES 262144
#define MAX_SECRET_BYTES 4096

/* Of libinih's line buffer, the newline and the NUL included. */
#define MAX_LINE_BYTES 4096

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

static ssize_t load_path(const char *path, size_t max, mode_t refused,
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
	ssize_t len = load_path(path, MAX_SECRET_BYTES, S_IWOTH, &bytes, error);

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

/*
 * libinih asks on_read() for a line, then calls on_entry() for what it made of
 * it. So the line number is counted here, and what libinih would take in
 * silence (cut lines, text behind "]") is refused before it sees it.
 */
struct reader {
	struct span rest;
	unsigned number; /* of the line read last */
	config_line_cb *on_line;
	void *arg;
	struct config_error *error;
	int err; /* the first one; ends the reading */
};

static int check_section(struct span line, struct config_error *error)
{
	struct span name = span_skip(line, 1);
	char sections[256];

	if (!name.len || name.ptr[name.len - 1] != ']')
		return config_refuse(error, "a section is written [name], "
					    "with nothing behind it");
	name.len--;
	if (config_has_section(name))
		return 0;
	config_list_sections(sections, sizeof(sections));
	return config_refuse(error, "unknown section [%.*s]; there are %s",
			     (int)(name.len < 40 ? name.len : 40), name.ptr,
			     sections);
}

static int check_line(struct span line, struct config_error *error)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.ptr[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return config_refuse(error,
					     "holds the control "
					     "character 0x%02x",
					     c);
	}
	line = span_trim(line);
	return line.len && line.ptr[0] == '[' ? check_section(line, error) : 0;
}

/* Cut the next line off, without its newline (LF or CRLF). */
static struct span next_line(struct reader *reader)
{
	const char *end = memchr(reader->rest.ptr, '\n', reader->rest.len);
	struct span line = reader->rest;

	if (end)
		line.len = (size_t)(end - line.ptr);
	reader->rest = span_skip(reader->rest, line.len + (end != NULL));
	reader->number++;
	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	/* Some editors start a file with a byte order mark. */
	if (reader->number == 1 && span_has_prefix(line, SPAN("\xef\xbb\xbf")))
		line = span_skip(line, 3);
	return line;
}

/* The fgets() of libinih. */
static char *on_read(char *str, int cap, void *arg)
{
	struct reader *reader = arg;
	struct span line;

	if (reader->err || !reader->rest.len)
		return NULL;
	line = next_line(reader);
	if (line.len + sizeof("\r\n") > (size_t)cap)
		reader->err = config_refuse(reader->error,
					    "longer than %d bytes", cap - 3);
	else
		reader->err = check_line(line, reader->error);
	if (reader->err)
		return NULL;
	(void)span_copy(line, str, (size_t)cap);
	return str;
}

/* libinih's way of saying yes is 1. */
static int on_entry(void *arg, const char *section, const char *name,
		    const char *value)
{
	struct reader *reader = arg;
	struct config_line line = {reader->number, section, name, value};

	if (!*section)
		reader->err = config_refuse(reader->error,
					    "%.40s stands before any [section]",
					    name);
	else
		reader->err = reader->on_line(&line, reader->arg);
	return !reader->err;
}

/* Debian's libinih takes its options at run time. */
static void choose_dialect(void)
{
	static char comment_marks[] = "#;";

	ini_start_comment_prefixes = comment_marks;
	ini_allow_inline_comments = false;
	ini_allow_multiline = false;
	ini_allow_no_value = false;
	ini_stop_on_first_error = true;
	ini_use_stack = true;
	ini_max_line = MAX_LINE_BYTES;
}

static int parse(struct reader *reader)
{
	int result;

	choose_dialect();
	result = ini_parse_stream(on_read, reader, on_entry, reader);
	if (result && !reader->err)
		reader->err =
			config_refuse(reader->error, "neither [section] nor "
						     "name = value");
	return reader->err;
}

int config_file_read(const char *path, config_line_cb *on_line, void *arg,
		     struct config_error *error)
{
	struct reader reader = {.on_line = on_line, .arg = arg, .error = error};
	char where[256];
	char *bytes;
	ssize_t len = load_path(path, MAX_FILE_BYTES, 0, &bytes, error);

	if (len < 0) {
		config_error_place(error, path);
		return (int)len;
	}
	reader.rest = span_of(bytes, (size_t)len);
	if (parse(&reader)) {
		(void)snprintf(where, sizeof(where), "%s:%u", path,
			       reader.number);
		config_error_place(error, where);
	}
	crypto_wipe(bytes, (size_t)len);
	free(bytes);
	return reader.err;
}
