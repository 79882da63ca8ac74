/* listener.c: accepts connections, and waits when there is no room for more. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/member.h"
#include "net/listener.h"
#include "policy/metric.h"

#define BACKLOG 4096
#define MAX_ACCEPTS_PER_TURN 64
#define PAUSE_MS 500
#define WARN_EVERY_MS 10000

struct listener {
	struct conn_set *set;
	listener_accept_fn *on_accept;
	void *arg;
	struct net_addr addr;
	struct event *event;
	struct loop_timer pause; /* ends a pause that nobody ends before */
	uint64_t warned_ms;	 /* when a pause was last logged; 0: never */
	bool is_paused;
	bool is_operators;
	int fd;
};

static size_t ignore_bytes(struct conn *conn, char *bytes, size_t len,
			   void *arg)
{
	(void)conn;
	(void)bytes;
	(void)arg;
	return len;
}

static const struct conn_ops no_ops = {.on_bytes = ignore_bytes};

/* Descriptors, memory or the configured number ran out: others wait in the
 * kernel's queue until a connection ends, or half a second has passed. */
static void pause_accepting(struct listener *listener, const char *reason)
{
	struct loop *loop = conn_set_loop(listener->set);

	metric_add(METRIC_ACCEPT_PAUSES, !listener->is_paused);
	if (!listener->warned_ms ||
	    loop->clock.mono_ms - listener->warned_ms >= WARN_EVERY_MS) {
		listener->warned_ms = loop->clock.mono_ms;
		log_warn("listener.pause", log_str("reason", reason),
			 log_int("connections", conn_set_count(listener->set)));
	}
	listener->is_paused = true;
	(void)event_del(listener->event);
	loop_timer_start(loop, &listener->pause,
			 loop->clock.mono_ms + PAUSE_MS);
}

void listener_resume(struct listener *listener)
{
	if (!listener->is_paused)
		return;
	listener->is_paused = false;
	loop_timer_stop(&listener->pause);
	(void)event_add(listener->event, NULL);
}

static void pause_ended(struct loop_timer *timer)
{
	listener_resume(container_of(timer, struct listener, pause));
}

static bool is_full(const struct listener *listener)
{
	return conn_set_count(listener->set) >=
	       conn_set_loop(listener->set)->config->listen.max_connections;
}

void listener_serve_operators(struct listener *listener)
{
	listener->is_operators = true;
}

/* Returns false when there is nothing more to accept now. */
static bool accept_one(struct listener *listener)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	struct net_addr peer;
	struct conn *conn;
	const int on = 1;
	int fd;

	if (!listener->is_operators && is_full(listener)) {
		pause_accepting(listener, "listen.max_connections reached");
		return false;
	}
	fd = accept4(listener->fd, (struct sockaddr *)&from, &from_len,
		     SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			pause_accepting(listener, strerror(errno));
		return errno == ECONNABORTED || errno == EINTR;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	net_addr_from(&peer, (struct sockaddr *)&from);
	conn = conn_new(listener->set, fd, &peer, &no_ops, NULL);
	if (conn && (listener->is_operators || conn_admit(conn)))
		listener->on_accept(conn, listener->arg);
	return true;
}

static void accept_cb(evutil_socket_t fd, short what, void *arg)
{
	struct listener *listener = arg;

	(void)fd;
	(void)what;
	loop_enter(conn_set_loop(listener->set));
	for (int i = 0; i < MAX_ACCEPTS_PER_TURN; i++)
		if (!accept_one(listener))
			return;
}

static int open_socket(const struct net_addr *addr, int *fdp)
{
	struct sockaddr_storage at;
	socklen_t len = net_addr_to(addr, &at);
	const int on = 1;
	int err = 0;
	int fd = socket(at.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* An IPv6 address means IPv6 only; [::] and 0.0.0.0 can stand together.
	 */
	if (addr->is_v6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
				 sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, len) || listen(fd, BACKLOG))
		err = -errno;
	if (err)
		(void)close(fd);
	else
		*fdp = fd;
	return err;
}

/* fd is the listener's, also on failure. */
static int new_on(struct listener **listenerp, struct conn_set *set, int fd,
		  listener_accept_fn *on_accept, void *arg)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	struct sockaddr_storage bound;
	socklen_t bound_len = sizeof(bound);

	if (!listener) {
		(void)close(fd);
		return -ENOMEM;
	}
	listener->set = set;
	listener->on_accept = on_accept;
	listener->arg = arg;
	listener->pause.fire = pause_ended;
	listener->fd = fd;
	(void)getsockname(fd, (struct sockaddr *)&bound, &bound_len);
	net_addr_from(&listener->addr, (struct sockaddr *)&bound);
	listener->event = event_new(conn_set_loop(set)->base, fd,
				    EV_READ | EV_PERSIST, accept_cb, listener);
	if (!listener->event || event_add(listener->event, NULL)) {
		listener_free(listener);
		return -ENOMEM;
	}
	*listenerp = listener;
	return 0;
}

int listener_new(struct listener **listenerp, struct conn_set *set,
		 const struct net_addr *addr, listener_accept_fn *on_accept,
		 void *arg)
{
	int fd = -1;
	int err = open_socket(addr, &fd);

	return err ? err : new_on(listenerp, set, fd, on_accept, arg);
}

int listener_new_inherited(struct listener **listenerp, struct conn_set *set,
			   int fd, listener_accept_fn *on_accept, void *arg)
{
	/* With a queue as long as that of our own. */
	(void)listen(fd, BACKLOG);
	return new_on(listenerp, set, fd, on_accept, arg);
}

const struct net_addr *listener_addr(const struct listener *listener)
{
	return &listener->addr;
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	loop_timer_stop(&listener->pause);
	if (listener->event)
		event_free(listener->event);
	if (listener->fd >= 0)
		(void)close(listener->fd);
	free(listener);
}
