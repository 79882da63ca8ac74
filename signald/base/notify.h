/* notify.h: tells the service manager how we are: sd_notify(3), by itself. */
#ifndef SIGNALD_BASE_NOTIFY_H
#define SIGNALD_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOTIFY_MAX_STATUS 1024

/* Zero-initialised it tells nobody. */
struct notify {
	bool is_on; /* somebody wants to hear */
	int fd;
	struct sockaddr_un to;
	socklen_t to_len;
	uint64_t keep_alive_ms; /* between two signs of life; 0: none */
	uint64_t next_ms;
};

/*
 * What the environment says: NOTIFY_SOCKET, a path or, behind an @, an abstract
 * name; WATCHDOG_USEC, which WATCHDOG_PID may give to another process.
 *
 * Returns 0, also where there is nobody to tell; -EINVAL for a socket or a
 * number that is none; or another negative errno. Nobody is told then.
 */
int notify_init(struct notify *notify);

/*
 * Send one message, and wait half a second at most until there is room for it.
 *
 * states  lines such as "READY=1\n"; may be ""
 * status  for people, one line, cut where it is too long; NULL for none
 *
 * Returns 0 or a negative errno.
 */
int notify_tell(const struct notify *notify, const char *states,
		const char *status);

/* The same of what may be told later as well: it never waits, -EAGAIN instead.
 */
int notify_mention(const struct notify *notify, const char *states,
		   const char *status);

/* A reload begins; notify_tell() of "READY=1\n" ends it. The same errors. */
int notify_tell_reloading(const struct notify *notify);

/*
 * Give a sign of life, if it is time for one: twice in what the watchdog
 * allows. To be called again and again by what must not stand still.
 */
void notify_keep_alive(struct notify *notify, uint64_t mono_ms);

void notify_clear(struct notify *notify);

#endif
