/* clientfiles.h: the Socket.IO client that pages load from /socket.io/. */
#ifndef SIGNALD_SOCKETIO_CLIENTFILES_H
#define SIGNALD_SOCKETIO_CLIENTFILES_H

#include "net/web.h"

struct clientfiles;

/*
 * folder   with the folders 4 and 2, as scripts/fetch-clients lays them out; it
 *          may be empty or not there yet, and files that come later are found
 * version  4 or 2: which of the two is served
 *
 * Returns 0 or -ENOMEM.
 */
int clientfiles_new(struct clientfiles **filesp, const char *folder,
		    unsigned version);

/* Takes NULL. */
void clientfiles_free(struct clientfiles *files);

/*
 * Answer a GET or HEAD for the file name ("socket.io.js"): 404 for a name that
 * the client of this version has not, and for a file that is not installed.
 */
void clientfiles_reply(struct clientfiles *files, struct web_exchange *exchange,
		       const struct web_request *request, const char *name);

#endif
