/* inherited.h: listening sockets that whoever started us has opened. */
#ifndef SIGNALD_NET_INHERITED_H
#define SIGNALD_NET_INHERITED_H

#include "net/addr.h"

#define INHERITED_FIRST_FD 3
#define INHERITED_MAX 16
#define INHERITED_MAX_NAME 64
#define INHERITED_MAX_ERROR 200

struct inherited_socket {
	struct net_addr addr;
	int fd; /* -1 when it was taken */
	char name[INHERITED_MAX_NAME];
};

/* By sd_listen_fds(3): from descriptor 3 on, as LISTEN_FDS has it, if
 * LISTEN_PID is ours; LISTEN_FDNAMES calls them by names. */
struct inherited {
	struct inherited_socket sockets[INHERITED_MAX];
	size_t count;
};

/*
 * Find those that the environment tells of. They must listen, for TCP; and one
 * of [::] for IPv6 alone, as 0.0.0.0 is an address of its own here.
 *
 * Returns 0, also where there are none; or -EINVAL with a sentence in error.
 */
int inherited_init(struct inherited *inherited,
		   char error[INHERITED_MAX_ERROR]);

/*
 * Take the one that is bound to this address and port.
 *
 * fdp  its descriptor, the caller's from here on
 *
 * Returns it, for its name; NULL where there is none left.
 */
const struct inherited_socket *inherited_take(struct inherited *inherited,
					      const struct net_addr *addr,
					      int *fdp);

/* One that nobody took; NULL when there is none. */
const struct inherited_socket *
inherited_left(const struct inherited *inherited);

/* Closes what nobody took. */
void inherited_clear(struct inherited *inherited);

#endif
