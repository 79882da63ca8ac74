/* proof_link.c: a socket to a TURN server, which hands out whole messages. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codec/turn.h"
#include "turn/proof_link.h"

#define FIRST_BYTE_OF_CHANNEL 0x40

static void end_with(struct proof_link *link, int err)
{
	proof_link_close(link);
	link->ops->on_error(err, link->arg);
}

static bool is_transient(int err)
{
	return err == EAGAIN || err == EWOULDBLOCK || err == EINTR;
}

/* As turn_frame_len(), but for what we can never be sent: nobody binds a
 * channel here, and what looks like one is something else than TURN. */
static ssize_t message_len(struct span bytes)
{
	ssize_t len;

	if (bytes.len && (uint8_t)bytes.ptr[0] >= FIRST_BYTE_OF_CHANNEL)
		return -EPROTO;
	len = turn_frame_len(bytes);
	return len > PROOF_LINK_CAP ? -EMSGSIZE : len;
}

static void cut_stream(struct proof_link *link)
{
	struct span rest = span_of(link->in, link->in_len);
	ssize_t len = message_len(rest);

	while (len > 0 && (size_t)len <= rest.len) {
		link->ops->on_message(span_of(rest.ptr, (size_t)len),
				      link->arg);
		if (link->fd < 0)
			return;
		rest = span_skip(rest, (size_t)len);
		len = message_len(rest);
	}
	if (len < 0 && len != -EAGAIN) {
		end_with(link, (int)len);
		return;
	}
	memmove(link->in, rest.ptr, rest.len);
	link->in_len = rest.len;
}

static void read_stream(struct proof_link *link)
{
	/* A whole message would have been cut off: there is room. */
	ssize_t len = recv(link->fd, link->in + link->in_len,
			   sizeof(link->in) - link->in_len, 0);

	if (len > 0) {
		link->in_len += (size_t)len;
		cut_stream(link);
	} else if (!len) {
		end_with(link, -EPIPE);
	} else if (!is_transient(errno)) {
		end_with(link, -errno);
	}
}

/* One for each turn of the loop, however many there are; a longer one is cut
 * off, and no message any more. */
static void read_datagram(struct proof_link *link)
{
	ssize_t len = recv(link->fd, link->in, sizeof(link->in), 0);

	if (len > 0)
		link->ops->on_message(span_of(link->in, (size_t)len),
				      link->arg);
	else if (len < 0 && !is_transient(errno))
		end_with(link, -errno);
}

static void readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct proof_link *link = arg;

	(void)fd;
	(void)what;
	loop_enter(link->loop);
	if (link->is_stream)
		read_stream(link);
	else
		read_datagram(link);
}

static int begin_reading(struct proof_link *link)
{
	link->is_open = true;
	return event_add(link->readable, NULL) ? -ENOMEM : 0;
}

static int flush(struct proof_link *link)
{
	ssize_t len = send(link->fd, link->out, link->out_len, MSG_NOSIGNAL);

	if (len < 0 && !is_transient(errno))
		return -errno;
	if (len > 0) {
		link->out_len -= (size_t)len;
		memmove(link->out, link->out + len, link->out_len);
	}
	if (link->out_len && event_add(link->writable, NULL))
		return -ENOMEM;
	return 0;
}

static int finish_connecting(struct proof_link *link)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &err, &len))
		return -errno;
	return err ? -err : begin_reading(link);
}

static void writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct proof_link *link = arg;
	bool was_open = link->is_open;
	int err;

	(void)fd;
	(void)what;
	loop_enter(link->loop);
	err = was_open ? flush(link) : finish_connecting(link);
	if (err)
		end_with(link, err);
	else if (!was_open)
		link->ops->on_open(link->arg);
}

static int watch(struct proof_link *link)
{
	struct event_base *base = link->loop->base;

	link->readable = event_new(base, link->fd, EV_READ | EV_PERSIST,
				   readable_cb, link);
	link->writable = event_new(base, link->fd, EV_WRITE, writable_cb, link);
	if (!link->readable || !link->writable)
		return -ENOMEM;
	if (!link->is_stream)
		return begin_reading(link);
	return event_add(link->writable, NULL) ? -ENOMEM : 0;
}

/* A connected socket, over UDP too: its errors are seen, and nobody else's
 * answers. */
static int connect_to(struct proof_link *link, const struct net_addr *addr)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = net_addr_to(addr, &sockaddr);
	int type = link->is_stream ? SOCK_STREAM : SOCK_DGRAM;

	link->fd = socket(sockaddr.ss_family,
			  type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0)
		return -errno;
	if (connect(link->fd, (struct sockaddr *)&sockaddr, len) &&
	    errno != EINPROGRESS)
		return -errno;
	return watch(link);
}

int proof_link_open(struct proof_link *link, struct loop *loop,
		    const struct net_addr *addr, enum proof_transport transport,
		    const struct proof_link_ops *ops, void *arg)
{
	int err;

	link->loop = loop;
	link->ops = ops;
	link->arg = arg;
	link->is_stream = transport == PROOF_TCP;
	err = connect_to(link, addr);
	if (err)
		proof_link_close(link);
	return err;
}

int proof_link_send(struct proof_link *link, struct span message)
{
	bool was_waiting = link->out_len;

	if (!link->is_stream) {
		if (send(link->fd, message.ptr, message.len, MSG_NOSIGNAL) < 0)
			return is_transient(errno) ? 0 : -errno;
		return 0;
	}
	if (message.len > sizeof(link->out) - link->out_len)
		return -ENOBUFS;
	memcpy(link->out + link->out_len, message.ptr, message.len);
	link->out_len += message.len;
	return was_waiting ? 0 : flush(link);
}

void proof_link_close(struct proof_link *link)
{
	if (link->readable)
		event_free(link->readable);
	if (link->writable)
		event_free(link->writable);
	if (link->fd >= 0)
		(void)close(link->fd);
	link->readable = NULL;
	link->writable = NULL;
	link->fd = -1;
	link->is_open = false;
}
