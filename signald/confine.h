/* confine.h: what the process gives up before it speaks to strangers. */
#ifndef SIGNALD_CONFINE_H
#define SIGNALD_CONFINE_H

#define CONFINE_MAX_ERROR 200

/*
 * Before anything is opened: no core dumps, in which secrets would lie, and no
 * other process of this user may look into ours. With the sanitizers, whose
 * leak check traces its own process, only the former.
 */
void confine_memory(void);

/*
 * Could confine_become() take this name?
 *
 * Returns 0, or -ENOENT with a sentence in error.
 */
int confine_check_user(const char *name, char error[CONFINE_MAX_ERROR]);

/*
 * As root become another user and keep of root's rights the one to bind ports
 * below 1024, until confine_drop_rights(). Not as root it must be this user
 * already.
 *
 * name  of a user, or "" to stay who we are
 *
 * Returns 0, or a negative errno with a sentence in error.
 */
int confine_become(const char *name, char error[CONFINE_MAX_ERROR]);

/*
 * When all is bound: no right of root is left, and no program that is started
 * can have more than we have. Returns 0 or a negative errno.
 */
int confine_drop_rights(void);

enum confine_processes { CONFINE_TO_ONE, CONFINE_MAY_FORK };

/*
 * Leave the process the system calls that a running signald needs: files, its
 * sockets (TCP, UDP, Unix, and asking for this host's addresses), threads. All
 * else fails with EPERM, for good: to start a program, to start a process
 * unless it is to fork, to listen, to trace, to make memory executable that can
 * be written, other sockets.
 *
 * Returns 0; -ENOTSUP with the sanitizers, which need more than that; or
 * another negative errno where the system has no such filters.
 */
int confine_calls(enum confine_processes processes);

#endif
