/* inherited.c: listening sockets that whoever started us has opened. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/inherited.h"

/* How many there are; none where they are another process's. */
static int read_count(uint64_t *count, char error[INHERITED_MAX_ERROR])
{
	const char *pid = getenv("LISTEN_PID");
	const char *fds = getenv("LISTEN_FDS");
	uint64_t number;

	*count = 0;
	if (!pid || !fds || span_to_u64(span_from(pid), UINT32_MAX, &number) ||
	    number != (uint64_t)getpid())
		return 0;
	if (span_to_u64(span_from(fds), INHERITED_MAX, count)) {
		(void)snprintf(error, INHERITED_MAX_ERROR,
			       "LISTEN_FDS is no number from 0 to %d",
			       INHERITED_MAX);
		return -EINVAL;
	}
	return 0;
}

static int read_option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = 0;

	return getsockopt(fd, level, name, &value, &len) ? -errno : value;
}

/* What is wrong with it; NULL when nothing is. */
static const char *judge(int fd, const struct sockaddr_storage *at)
{
	if (at->ss_family != AF_INET && at->ss_family != AF_INET6)
		return "it is not of IPv4 or IPv6 (ListenStream=ADDRESS:PORT)";
	if (read_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
		return "it is not of TCP (ListenStream=)";
	if (read_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return "it does not listen (Accept=no)";
	if (at->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(
		    &((const struct sockaddr_in6 *)at)->sin6_addr) &&
	    read_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1)
		return "it is of [::] and takes IPv4 as well "
		       "(BindIPv6Only=ipv6-only)";
	return NULL;
}

static int prepare(struct inherited_socket *socket,
		   char error[INHERITED_MAX_ERROR])
{
	struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(at);
	const char *fault;
	int flags = fcntl(socket->fd, F_GETFL);

	if (flags < 0 || getsockname(socket->fd, (struct sockaddr *)&at, &len))
		fault = "it is not an open socket";
	else
		fault = judge(socket->fd, &at);
	if (!fault && (fcntl(socket->fd, F_SETFD, FD_CLOEXEC) ||
		       fcntl(socket->fd, F_SETFL, flags | O_NONBLOCK)))
		fault = "its flags cannot be set";
	if (fault) {
		(void)snprintf(error, INHERITED_MAX_ERROR,
			       "inherited socket %d%s%s: %s", socket->fd,
			       *socket->name ? ", " : "", socket->name, fault);
		return -EINVAL;
	}
	net_addr_from(&socket->addr, (struct sockaddr *)&at);
	return 0;
}

int inherited_init(struct inherited *inherited, char error[INHERITED_MAX_ERROR])
{
	const char *names = getenv("LISTEN_FDNAMES");
	struct span rest = names ? span_from(names) : SPAN("");
	uint64_t count;
	int err = read_count(&count, error);

	inherited->count = 0;
	for (uint64_t i = 0; !err && i < count; i++) {
		struct inherited_socket *socket = &inherited->sockets[i];
		struct span name = SPAN("");

		socket->fd = INHERITED_FIRST_FD + (int)i;
		if (!rest.len || !span_next_item(&rest, ':', &name) ||
		    span_copy(name, socket->name, sizeof(socket->name)))
			*socket->name = '\0';
		err = prepare(socket, error);
		if (!err)
			inherited->count++;
	}
	return err;
}

const struct inherited_socket *inherited_take(struct inherited *inherited,
					      const struct net_addr *addr,
					      int *fdp)
{
	for (size_t i = 0; i < inherited->count; i++) {
		struct inherited_socket *socket = &inherited->sockets[i];

		if (socket->fd < 0 || !net_addr_is_same(&socket->addr, addr))
			continue;
		*fdp = socket->fd;
		socket->fd = -1;
		return socket;
	}
	return NULL;
}

const struct inherited_socket *inherited_left(const struct inherited *inherited)
{
	for (size_t i = 0; i < inherited->count; i++)
		if (inherited->sockets[i].fd >= 0)
			return &inherited->sockets[i];
	return NULL;
}

void inherited_clear(struct inherited *inherited)
{
	for (size_t i = 0; i < inherited->count; i++)
		if (inherited->sockets[i].fd >= 0)
			(void)close(inherited->sockets[i].fd);
	inherited->count = 0;
}
