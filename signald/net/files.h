/* files.h: static files from a folder, kept in memory while they are asked for.
 */
#ifndef SIGNALD_NET_FILES_H
#define SIGNALD_NET_FILES_H

#include "net/web.h"

struct files;

/* root  a folder. Returns 0, -ENOTDIR and other errors of open(), -ENOMEM. */
int files_new(struct files **filesp, const char *root);

/* Takes NULL. */
void files_free(struct files *files);

/*
 * Answer a GET or HEAD from the folder: index.html for a folder, NAME.html for
 * a NAME without an ending; 404 for what is not there, for a name that begins
 * with a dot (but .well-known), for anything but a regular file, and for files
 * over 16 MiB.
 */
void files_reply(struct files *files, struct web_exchange *exchange,
		 const struct web_request *request);

/* Would files_reply() answer this path with a file? */
bool files_has(struct files *files, const char *path);

/*
 * Read a regular file of at most 16 MiB.
 *
 * folder_fd  where name is looked for, as with openat()
 *
 * Returns 0, and *contentp is the caller's to unref; -EISDIR for anything but a
 * regular file, -EFBIG, -ENOMEM, and the errors of open() and fstat().
 */
int files_read(int folder_fd, const char *name, struct blob **contentp);

/* If-None-Match names this ETag, with or without W/ (RFC 9110, 13.1.2). */
bool files_is_unchanged(const struct http_request *head, const char *etag);

#endif
