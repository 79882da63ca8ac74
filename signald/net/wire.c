/* wire.c: the socket of a connection, plain or under TLS. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/wire.h"

#define MAX_IOV 64

/* What one record of TLS holds (RFC 8446, 5.1), and how many are encrypted
 * before the socket is asked whether it takes them. */
#define RECORD_BYTES 16384
#define RECORDS_AT_ONCE 2

int wire_start_tls(struct wire *wire, struct tls_server *server)
{
	wire->tls = tls_new(server, wire->fd);
	return wire->tls ? 0 : -ENOMEM;
}

ssize_t wire_skip(struct wire *wire, char *scratch, size_t cap)
{
	ssize_t len = recv(wire->fd, scratch, cap, 0);

	if (len > 0)
		return len;
	if (!len)
		return -ENODATA;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

ssize_t wire_read(struct wire *wire, char *into, size_t cap)
{
	return wire->tls ? tls_read(wire->tls, into, cap)
			 : wire_skip(wire, into, cap);
}

bool wire_is_over(const struct wire *wire)
{
	return wire->tls && tls_is_over(wire->tls);
}

static ssize_t send_plain(struct wire *wire, struct outq *out)
{
	struct iovec iov[MAX_IOV];
	struct msghdr message = {.msg_iov = iov};
	ssize_t sent;

	message.msg_iovlen = (size_t)outq_peek(out, iov, MAX_IOV);
	if (message.msg_iovlen == 1)
		sent = send(wire->fd, iov[0].iov_base, iov[0].iov_len,
			    MSG_NOSIGNAL);
	else
		sent = sendmsg(wire->fd, &message, MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	outq_consume(out, (size_t)sent);
	return sent;
}

/* The first record's worth of the queue, which is not empty: where it lies if
 * it is one piece, else gathered in scratch. */
static struct span gather(const struct outq *out, char scratch[RECORD_BYTES])
{
	struct iovec iov[MAX_IOV] = {{NULL, 0}};
	int count = outq_peek(out, iov, MAX_IOV);
	size_t len =
		iov[0].iov_len < RECORD_BYTES ? iov[0].iov_len : RECORD_BYTES;

	if (count == 1 || len == RECORD_BYTES)
		return span_of(iov[0].iov_base, len);
	len = 0;
	for (int i = 0; i < count && len < RECORD_BYTES; i++) {
		size_t room = RECORD_BYTES - len;
		size_t n = iov[i].iov_len < room ? iov[i].iov_len : room;

		memcpy(scratch + len, iov[i].iov_base, n);
		len += n;
	}
	return span_of(scratch, len);
}

static int encrypt_some(struct wire *wire, struct outq *out)
{
	char scratch[RECORD_BYTES];

	for (int i = 0; i < RECORDS_AT_ONCE && out->bytes; i++) {
		struct span record = gather(out, scratch);
		int err = tls_write(wire->tls, record);

		if (err)
			return err;
		outq_consume(out, record.len);
	}
	return 0;
}

ssize_t wire_send(struct wire *wire, struct outq *out)
{
	int err = 0;

	if (!wire->tls)
		return send_plain(wire, out);
	if (!tls_unsent(wire->tls))
		err = encrypt_some(wire, out);
	return err ? err : tls_flush(wire->tls);
}

int wire_write(struct wire *wire, struct span bytes)
{
	int err = tls_write(wire->tls, bytes);
	ssize_t sent;

	if (err)
		return err;
	sent = tls_flush(wire->tls);
	return sent < 0 ? (int)sent : 0;
}

ssize_t wire_flush(struct wire *wire)
{
	return wire->tls ? tls_flush(wire->tls) : 0;
}

size_t wire_unsent(const struct wire *wire)
{
	return wire->tls ? tls_unsent(wire->tls) : 0;
}

void wire_end(struct wire *wire)
{
	if (wire->tls)
		tls_end(wire->tls);
	(void)shutdown(wire->fd, SHUT_WR);
}

void wire_close(struct wire *wire)
{
	tls_free(wire->tls);
	wire->tls = NULL;
	(void)close(wire->fd);
}
