/* rotate.h: a new secret for an old one, while both serve. */
#ifndef TURNCONF_ROTATE_H
#define TURNCONF_ROTATE_H

#include <stdio.h>

#include "policy/config.h"
#include "userdb.h"

#define ROTATE_MAX_ERROR 768

/*
 * Make coturn's file hold the secrets that signald's configuration reads from a
 * file, and none where they stand in the configuration itself: those are in
 * turnserver.conf.
 *
 * config  its secret is read again
 *
 * Returns 0, or a negative errno with *error set.
 */
int rotate_sync(struct config *config, char error[ROTATE_MAX_ERROR]);

/*
 * A fresh secret goes into coturn's file and to the top of the secret's file,
 * so that signald signs with it; when the last credential of the old one has
 * expired, that is taken out of both. All that must be known is in the files:
 * what is interrupted goes on when it is called again.
 *
 * config  its secret is read again
 * say     told what happens, and for how long
 *
 * Returns 0, or a negative errno with *error set.
 */
int rotate(struct config *config, FILE *say, char error[ROTATE_MAX_ERROR]);

/*
 * The same without waiting: a fresh secret takes the place of all that there
 * were, whose credentials make no allocation any more.
 */
int rotate_at_once(struct config *config, FILE *say,
		   char error[ROTATE_MAX_ERROR]);

#endif
