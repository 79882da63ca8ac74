/* link.c: a socket to a TURN server, which hands out whole messages. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codec/turn.h"
#include "turn/link_tls.h"

#define FIRST_BYTE_OF_CHANNEL 0x40

static void end_with(struct link *link, int err)
{
	link_close(link);
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
	return len > LINK_CAP ? -EMSGSIZE : len;
}

static void cut_stream(struct link *link)
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

/* A whole message would have been cut off: there is room. */
static ssize_t receive(struct link *link)
{
	char *into = link->in + link->in_len;
	size_t cap = sizeof(link->in) - link->in_len;

	if (link->ssl)
		return link_tls_read(link, into, cap);
	return recv(link->fd, into, cap, 0);
}

static void read_stream(struct link *link)
{
	/* OpenSSL may hold more of a record, of which the socket tells no more.
	 */
	do {
		ssize_t len = receive(link);

		if (len > 0) {
			link->in_len += (size_t)len;
			cut_stream(link);
		} else if (!len) {
			end_with(link, -EPIPE);
		} else if (!is_transient(errno)) {
			end_with(link, -errno);
		}
	} while (link->ssl && SSL_pending(link->ssl));
}

/* One for each turn of the loop, however many there are; a longer one is cut
 * off, and no message any more. */
static void read_datagram(struct link *link)
{
	ssize_t len = recv(link->fd, link->in, sizeof(link->in), 0);

	if (len > 0)
		link->ops->on_message(span_of(link->in, (size_t)len),
				      link->arg);
	else if (len < 0 && !is_transient(errno))
		end_with(link, -errno);
}

static ssize_t put(struct link *link)
{
	if (link->ssl)
		return link_tls_write(link, link->out, link->out_len);
	return send(link->fd, link->out, link->out_len, MSG_NOSIGNAL);
}

static int flush(struct link *link)
{
	ssize_t len = put(link);

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

static int begin_reading(struct link *link)
{
	link->is_connected = true;
	link->is_open = !link->ssl;
	return event_add(link->readable, NULL) ? -ENOMEM : 0;
}

static int finish_connecting(struct link *link)
{
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &err, &len))
		return -errno;
	return err ? -err : begin_reading(link);
}

static int shake_hands(struct link *link)
{
	int err = link_tls_handshake(link);

	if (err == LINK_TLS_WANTS_WRITE)
		return event_add(link->writable, NULL) ? -ENOMEM : 0;
	if (err == -EAGAIN)
		return 0;
	link->is_open = !err;
	return err;
}

/* What stands before the first message: TCP's connection, then TLS. */
static void get_ready(struct link *link)
{
	int err = link->is_connected ? 0 : finish_connecting(link);

	if (!err && link->ssl)
		err = shake_hands(link);
	if (err)
		end_with(link, err);
	else if (link->is_open)
		link->ops->on_open(link->arg);
}

static void readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;

	(void)fd;
	(void)what;
	loop_enter(link->loop);
	if (!link->is_open)
		get_ready(link);
	else if (link->is_stream)
		read_stream(link);
	else
		read_datagram(link);
}

static void writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct link *link = arg;
	int err;

	(void)fd;
	(void)what;
	loop_enter(link->loop);
	if (!link->is_open) {
		get_ready(link);
		return;
	}
	err = flush(link);
	if (err)
		end_with(link, err);
}

static int watch(struct link *link)
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
static int connect_to(struct link *link, const struct link_target *target)
{
	struct sockaddr_storage sockaddr;
	socklen_t len = net_addr_to(&target->addr, &sockaddr);
	int type = link->is_stream ? SOCK_STREAM : SOCK_DGRAM;
	int err = 0;

	link->fd = socket(sockaddr.ss_family,
			  type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0)
		return -errno;
	if (connect(link->fd, (struct sockaddr *)&sockaddr, len) &&
	    errno != EINPROGRESS)
		return -errno;
	if (target->transport == LINK_TLS)
		err = link_tls_start(link, target);
	return err ? err : watch(link);
}

int link_open(struct link *link, struct loop *loop,
	      const struct link_target *target, const struct link_ops *ops,
	      void *arg)
{
	int err;

	link->loop = loop;
	link->ops = ops;
	link->arg = arg;
	link->fd = -1;
	link->certificate_err = X509_V_OK;
	link->is_stream = target->transport != LINK_UDP;
	err = connect_to(link, target);
	if (err)
		link_close(link);
	return err;
}

int link_send(struct link *link, struct span message)
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

void link_close(struct link *link)
{
	if (link->readable)
		event_free(link->readable);
	if (link->writable)
		event_free(link->writable);
	SSL_free(link->ssl);
	if (link->fd >= 0)
		(void)close(link->fd);
	link->readable = NULL;
	link->writable = NULL;
	link->ssl = NULL;
	link->fd = -1;
	link->is_open = false;
}
