/* clientfiles.c: the Socket.IO client that pages load from /socket.io/. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/files.h"
#include "socketio/clientfiles.h"

#define ETAG_CAP 32

/* Of which client a file is; 1 << version. */
enum {
	OF_2 = 1u << 2,
	OF_4 = 1u << 4,
};

#define SCRIPT "application/javascript; charset=utf-8"
#define SOURCE_MAP "application/json; charset=utf-8"

static const struct entry {
	const char *name;
	const char *type;
	unsigned clients;
} entries[] = {
	{"socket.io.js", SCRIPT, OF_2 | OF_4},
	{"socket.io.js.map", SOURCE_MAP, OF_2 | OF_4},
	{"socket.io.slim.js", SCRIPT, OF_2},
	{"socket.io.slim.js.map", SOURCE_MAP, OF_2},
	{"socket.io.min.js", SCRIPT, OF_4},
	{"socket.io.min.js.map", SOURCE_MAP, OF_4},
	{"socket.io.esm.min.js", SCRIPT, OF_4},
	{"socket.io.esm.min.js.map", SOURCE_MAP, OF_4},
	{"socket.io.msgpack.min.js", SCRIPT, OF_4},
	{"socket.io.msgpack.min.js.map", SOURCE_MAP, OF_4},
};

enum { ENTRIES_COUNT = sizeof(entries) / sizeof(*entries) };

/* A file that was asked for; content is NULL until then. */
struct loaded {
	struct blob *content;
	char etag[ETAG_CAP];
};

struct clientfiles {
	char folder[PATH_MAX]; /* of this version */
	unsigned version;
	struct loaded loaded[ENTRIES_COUNT];
};

int clientfiles_new(struct clientfiles **filesp, const char *folder,
		    unsigned version)
{
	struct clientfiles *files = calloc(1, sizeof(*files));
	int len;

	if (!files)
		return -ENOMEM;
	files->version = version;
	len = snprintf(files->folder, sizeof(files->folder), "%s/%u", folder,
		       version);
	/* No such path can be: as if the folder were not there. */
	if (!*folder || len >= (int)sizeof(files->folder))
		files->folder[0] = '\0';
	*filesp = files;
	return 0;
}

void clientfiles_free(struct clientfiles *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < ENTRIES_COUNT; i++)
		blob_unref(files->loaded[i].content);
	free(files);
}

/* The row of a name that the served client has, or -1. */
static int find_entry(const struct clientfiles *files, const char *name)
{
	for (int i = 0; i < ENTRIES_COUNT; i++)
		if (entries[i].clients & 1u << files->version &&
		    !strcmp(entries[i].name, name))
			return i;
	return -1;
}

/* Digits, letters, dots and dashes: it goes into a header. */
static bool is_version(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
		    c != '.' && c != '-')
			return false;
	}
	return text.len && text.len <= ETAG_CAP - sizeof("\"\"");
}

static int read_etag(int folder_fd, char etag[ETAG_CAP])
{
	struct blob *content;
	struct span version;
	int err = files_read(folder_fd, "VERSION", &content);

	if (err)
		return err;
	version = span_of(content->bytes, content->len);
	while (version.len && version.ptr[version.len - 1] == '\n')
		version.len--;
	if (is_version(version))
		(void)snprintf(etag, ETAG_CAP, "\"%.*s\"", (int)version.len,
			       version.ptr);
	else
		err = -EINVAL;
	blob_unref(content);
	return err;
}

static int load(const struct clientfiles *files, const char *name,
		struct loaded *loaded)
{
	int folder_fd = open(files->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err;

	if (folder_fd < 0)
		return -errno;
	err = read_etag(folder_fd, loaded->etag);
	if (!err)
		err = files_read(folder_fd, name, &loaded->content);
	(void)close(folder_fd);
	return err;
}

static void reply_not_installed(struct web_exchange *exchange)
{
	web_reply_problem(exchange, 404,
			  "the Socket.IO client files are not installed: run "
			  "scripts/fetch-clients (it needs npm) and name their "
			  "folder in socketio.client_files",
			  NULL);
}

/* The reference server's own headers, the two of its 304 as well. */
static void reply_file(struct web_exchange *exchange,
		       const struct web_request *request, const char *type,
		       const struct loaded *file)
{
	char headers[96];

	(void)snprintf(headers, sizeof(headers),
		       "Cache-Control: public, max-age=0\r\nETag: %s\r\n",
		       file->etag);
	if (files_is_unchanged(request->head, file->etag))
		web_reply(exchange, &(struct web_response){.status = 304,
							   .headers = headers});
	else
		web_reply(exchange, &(struct web_response){
					    .status = 200,
					    .content_type = type,
					    .file = file->content,
					    .headers = headers,
				    });
}

void clientfiles_reply(struct clientfiles *files, struct web_exchange *exchange,
		       const struct web_request *request, const char *name)
{
	int row = find_entry(files, name);

	if (row < 0)
		web_reply_problem(exchange, 404,
				  "this Socket.IO client has no such file",
				  NULL);
	else if (!files->loaded[row].content &&
		 load(files, name, &files->loaded[row]))
		reply_not_installed(exchange);
	else
		reply_file(exchange, request, entries[row].type,
			   &files->loaded[row]);
}
