/* tls.c: TLS on one connected socket, the server's end. */
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/tls.h"
#include "net/tls_inside.h"
#include "policy/metric.h"

/* A buffer that grew beyond this is not kept for the next connection. */
#define SPARE_BYTES 262144

/* A client that makes us answer (alerts, key updates) and reads no answer is
 * not listened to any more. What its owner writes stays below this. */
#define MOST_UNSENT_BYTES 262144

struct tls {
	struct tls_server *server;
	SSL *ssl;
	struct buf out; /* encrypted; memory is borrowed from the server */
	size_t sent;	/* of out */
	int fd;
	int end; /* what the end was, as tls_read() tells it; 0: none yet */
	bool is_drained; /* the socket had no more in this tls_read() */
	bool has_eof;
	bool is_shaken;
};

/* --- what OpenSSL calls --- */

/* Once for each tls_read(): a second time would only be told EAGAIN. */
static int read_socket(BIO *bio, char *into, int len)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (tls->is_drained) {
		BIO_set_retry_read(bio);
		return -1;
	}
	tls->is_drained = true;
	n = recv(tls->fd, into, (size_t)len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n < 0)
		tls->end = -errno;
	tls->has_eof = n == 0;
	return (int)n;
}

static int write_buffer(BIO *bio, const char *bytes, int len)
{
	struct tls *tls = BIO_get_data(bio);

	if (!tls->out.ptr) {
		tls->out = tls->server->spare;
		tls->server->spare = (struct buf){0};
	}
	buf_append(&tls->out, bytes, (size_t)len);
	return tls->out.failed ? -1 : len;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
	struct tls *tls = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_EOF)
		return tls->has_eof;
	return command == BIO_CTRL_FLUSH;
}

static int create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *tls_io_new(void)
{
	BIO_METHOD *io = BIO_meth_new(
		BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "signald");

	if (!io)
		return NULL;
	if (BIO_meth_set_read(io, read_socket) &&
	    BIO_meth_set_write(io, write_buffer) &&
	    BIO_meth_set_ctrl(io, control) && BIO_meth_set_create(io, create))
		return io;
	BIO_meth_free(io);
	return NULL;
}

/* --- beginning and end --- */

struct tls *tls_new(struct tls_server *server, int fd)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	BIO *bio = NULL;

	if (!tls)
		return NULL;
	tls->server = server;
	tls->fd = fd;
	tls->ssl = SSL_new(server->ctx);
	if (tls->ssl)
		bio = BIO_new(server->io);
	if (!bio) {
		tls_free(tls);
		ERR_clear_error();
		return NULL;
	}
	BIO_set_data(bio, tls);
	SSL_set_bio(tls->ssl, bio, bio);
	SSL_set_accept_state(tls->ssl);
	return tls;
}

/* The next connection that writes takes the buffer over. */
static void give_back(struct tls *tls)
{
	tls->out.len = 0;
	tls->sent = 0;
	if (tls->server->spare.ptr || tls->out.cap > SPARE_BYTES ||
	    tls->out.failed)
		buf_clear(&tls->out);
	else
		tls->server->spare = tls->out;
	tls->out = (struct buf){0};
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	if (tls->out.ptr)
		give_back(tls);
	SSL_free(tls->ssl);
	free(tls);
}

/* --- reading --- */

/* Why SSL_read() gave nothing; 0 when it only needs more to come. */
static int judge(struct tls *tls, int result)
{
	int error = SSL_get_error(tls->ssl, result);

	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ)
		return 0;
	if (tls->end)
		return tls->end; /* the socket's */
	return error == SSL_ERROR_ZERO_RETURN ? -ENODATA : -EPROTO;
}

static void count_handshake(struct tls *tls)
{
	if (tls->is_shaken)
		return;
	if (SSL_is_init_finished(tls->ssl)) {
		tls->is_shaken = true;
		metric_add(METRIC_TLS_HANDSHAKES_OK, 1);
	} else if (tls->end) {
		metric_add(METRIC_TLS_HANDSHAKES_FAILED, 1);
	}
}

ssize_t tls_read(struct tls *tls, char *into, size_t cap)
{
	size_t len = 0;

	if (tls->end)
		return tls->end;
	tls->is_drained = false;
	ERR_clear_error();
	while (len < cap) {
		int n = SSL_read(tls->ssl, into + len, (int)(cap - len));

		if (n <= 0) {
			tls->end = judge(tls, n);
			break;
		}
		len += (size_t)n;
	}
	count_handshake(tls);
	/* A handshake's answer, a key update's, an alert. */
	if (tls_flush(tls) < 0 && !tls->end)
		tls->end = -EPIPE;
	if (tls_unsent(tls) > MOST_UNSENT_BYTES && !tls->end)
		tls->end = -ENOBUFS;
	return len ? (ssize_t)len : tls->end;
}

bool tls_is_over(const struct tls *tls)
{
	return tls->end;
}

bool tls_is_shaken(const struct tls *tls)
{
	return tls->is_shaken;
}

enum tls_protocol tls_protocol(const struct tls *tls)
{
	const unsigned char *name;
	unsigned len;

	SSL_get0_alpn_selected(tls->ssl, &name, &len);
	if (!len)
		return TLS_PROTOCOL_ANY;
	return span_has_prefix(span_of(name, len), SPAN("http/"))
		       ? TLS_PROTOCOL_HTTP
		       : TLS_PROTOCOL_TURN;
}

/* --- writing --- */

int tls_write(struct tls *tls, struct span bytes)
{
	if (!bytes.len)
		return 0;
	ERR_clear_error();
	if (SSL_write(tls->ssl, bytes.ptr, (int)bytes.len) > 0)
		return 0;
	return tls->out.failed ? -ENOMEM : -EPROTO;
}

size_t tls_unsent(const struct tls *tls)
{
	return tls->out.len - tls->sent;
}

ssize_t tls_flush(struct tls *tls)
{
	ssize_t n;

	if (!tls_unsent(tls))
		return 0;
	n = send(tls->fd, tls->out.ptr + tls->sent, tls_unsent(tls),
		 MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	tls->sent += (size_t)n;
	if (!tls_unsent(tls))
		give_back(tls);
	return n;
}

void tls_end(struct tls *tls)
{
	if (!tls->is_shaken || (tls->end && tls->end != -ENODATA))
		return;
	ERR_clear_error();
	(void)SSL_shutdown(tls->ssl);
	(void)tls_flush(tls);
}
