/* notify.c: tells the service manager how we are: sd_notify(3), by itself. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/notify.h"
#include "base/span.h"

#define MAX_WAIT_US 500000
#define MAX_STATES 128

/* The address as sd_notify(3) writes it. */
static int parse_address(const char *name, struct notify *notify)
{
	size_t len = strlen(name);

	if ((*name != '/' && *name != '@') || len < 2 ||
	    len >= sizeof(notify->to.sun_path))
		return -EINVAL;
	notify->to.sun_family = AF_UNIX;
	memcpy(notify->to.sun_path, name, len + 1);
	notify->to_len =
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (*name == '@')
		notify->to.sun_path[0] = '\0';
	else
		notify->to_len++; /* the NUL */
	return 0;
}

static int parse_watchdog(const char *usec, const char *pid,
			  struct notify *notify)
{
	uint64_t number;

	if (!usec)
		return 0;
	if (pid && (span_to_u64(span_from(pid), UINT32_MAX, &number) ||
		    number != (uint64_t)getpid()))
		return 0; /* another's */
	if (span_to_u64(span_from(usec), UINT64_MAX, &number) || !number)
		return -EINVAL;
	notify->keep_alive_ms = number / 2000;
	if (!notify->keep_alive_ms)
		notify->keep_alive_ms = 1;
	return 0;
}

static int open_socket(struct notify *notify)
{
	const struct timeval wait = {.tv_usec = MAX_WAIT_US};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	notify->fd = fd;
	notify->is_on = true;
	return 0;
}

int notify_init(struct notify *notify)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int err;

	memset(notify, 0, sizeof(*notify));
	if (!name)
		return 0;
	err = parse_address(name, notify);
	if (!err)
		err = parse_watchdog(getenv("WATCHDOG_USEC"),
				     getenv("WATCHDOG_PID"), notify);
	if (!err)
		err = open_socket(notify);
	if (err)
		notify->keep_alive_ms = 0;
	return err;
}

static int send_text(const struct notify *notify, const char *text, size_t len,
		     int flags)
{
	if (!notify->is_on)
		return 0;
	/* To the address anew each time: the manager may have started anew. */
	if (sendto(notify->fd, text, len, flags | MSG_NOSIGNAL,
		   (const struct sockaddr *)&notify->to, notify->to_len) < 0)
		return -errno;
	return 0;
}

/* What follows a line's end would be a line of its own. */
static size_t write_status(char *out, const char *status)
{
	size_t len = strnlen(status, NOTIFY_MAX_STATUS);

	for (size_t i = 0; i < len; i++)
		out[i] = (unsigned char)status[i] < ' ' ? ' ' : status[i];
	out[len] = '\n';
	return len + 1;
}

static int send_states(const struct notify *notify, const char *states,
		       const char *status, int flags)
{
	static const char name[] = "STATUS=";
	char text[MAX_STATES + sizeof(name) + NOTIFY_MAX_STATUS + 1];
	size_t len = strlen(states);

	if (len > MAX_STATES)
		return -EINVAL;
	memcpy(text, states, len);
	if (status) {
		memcpy(text + len, name, sizeof(name) - 1);
		len += sizeof(name) - 1;
		len += write_status(text + len, status);
	}
	return send_text(notify, text, len, flags);
}

int notify_tell(const struct notify *notify, const char *states,
		const char *status)
{
	return send_states(notify, states, status, 0);
}

int notify_mention(const struct notify *notify, const char *states,
		   const char *status)
{
	return send_states(notify, states, status, MSG_DONTWAIT);
}

int notify_tell_reloading(const struct notify *notify)
{
	struct timespec now;
	char states[MAX_STATES];

	/* Of this very moment, as the manager compares it with its own. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(states, sizeof(states),
		       "RELOADING=1\nMONOTONIC_USEC=%llu\n",
		       (unsigned long long)now.tv_sec * 1000000 +
			       (unsigned long long)now.tv_nsec / 1000);
	return notify_mention(notify, states, NULL);
}

void notify_keep_alive(struct notify *notify, uint64_t mono_ms)
{
	static const char text[] = "WATCHDOG=1\n";

	if (!notify->keep_alive_ms || mono_ms < notify->next_ms)
		return;
	/* One that finds no room is tried at the next turn. */
	if (!send_text(notify, text, sizeof(text) - 1, MSG_DONTWAIT))
		notify->next_ms = mono_ms + notify->keep_alive_ms;
}

void notify_clear(struct notify *notify)
{
	if (notify->is_on)
		(void)close(notify->fd);
	memset(notify, 0, sizeof(*notify));
}
