/* userdb.h: the secrets in coturn's SQLite file. */
#ifndef TURNCONF_USERDB_H
#define TURNCONF_USERDB_H

#include "base/span.h"

#define USERDB_MAX_ERROR 512

struct userdb {
	const char *path;
	const char *realm;
};

/*
 * Make the file hold exactly these secrets for the realm, at one moment. coturn
 * looks there at every new allocation, so this holds from now on. What is there
 * of other realms stays. A file that is not there, or without a table, is made
 * by coturn's turnadmin, for coturn and its owner alone: a coturn that makes it
 * refuses everybody meanwhile, and where two of its threads do, for good.
 *
 * coturn waits for nobody who writes the file: who asks it for an allocation in
 * that moment would be refused. Hence the file gets a write-ahead log, beside
 * which it can be read at any time; for that whoever runs coturn must be able
 * to make files in its folder.
 *
 * secrets  list, parted by commas; may be empty
 * error    one sentence, when it fails
 *
 * Returns 0, or a negative errno with *error set.
 */
int userdb_sync(const struct userdb *db, struct span secrets,
		char error[USERDB_MAX_ERROR]);

#endif
