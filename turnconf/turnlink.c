/* turnlink.c: sockets that are waited for, and TLS on top of them. */
#include "turnlink.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "address.h"
#include "base/clock.h"
#include "codec/turn.h"

struct turnlink {
	enum turnlink_transport transport;
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	char in[TURNLINK_CAP]; /* of a stream: what came behind a message */
	size_t in_len;
};

uint64_t turnlink_now_ms(void)
{
	struct clock clock;

	clock_update(&clock);
	return clock.mono_ms;
}

void turnlink_free(struct turnlink *link)
{
	if (!link)
		return;
	SSL_free(link->ssl);
	SSL_CTX_free(link->context);
	if (link->fd >= 0)
		(void)close(link->fd);
	free(link);
}

bool turnlink_is_stream(const struct turnlink *link)
{
	return link->transport != TURNLINK_UDP;
}

/* --- waiting --- */

/* Returns 0, -ETIMEDOUT, or a negative errno. */
static int wait_for(const struct turnlink *link, short events,
		    uint64_t until_ms)
{
	struct pollfd poll_fd = {.fd = link->fd, .events = events};
	uint64_t now_ms = turnlink_now_ms();
	int n;

	if (now_ms >= until_ms)
		return -ETIMEDOUT;
	n = poll(&poll_fd, 1, (int)(until_ms - now_ms));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n ? 0 : -ETIMEDOUT;
}

/* What TLS needs before it can go on; -EPIPE at the stream's end. */
static int wait_for_tls(const struct turnlink *link, int result,
			uint64_t until_ms)
{
	int error = SSL_get_error(link->ssl, result);
	int saved = errno;

	if (error == SSL_ERROR_WANT_READ)
		return wait_for(link, POLLIN, until_ms);
	if (error == SSL_ERROR_WANT_WRITE)
		return wait_for(link, POLLOUT, until_ms);
	ERR_clear_error();
	if (error == SSL_ERROR_ZERO_RETURN)
		return -EPIPE;
	if (error == SSL_ERROR_SYSCALL)
		return saved ? -saved : -EPIPE;
	return -EPROTO;
}

/* --- opening --- */

static int open_socket(struct turnlink *link,
		       const struct sockaddr_storage *addr, uint64_t until_ms)
{
	int type = turnlink_is_stream(link) ? SOCK_STREAM : SOCK_DGRAM;
	int error = 0;
	socklen_t len = sizeof(error);
	int err;

	link->fd =
		socket(addr->ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0)
		return -errno;
	if (!connect(link->fd, (const struct sockaddr *)addr,
		     address_length(addr)))
		return 0;
	if (errno != EINPROGRESS)
		return -errno;

	err = wait_for(link, POLLOUT, until_ms);
	if (err)
		return err;
	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	return -error;
}

static bool is_address(const char *name)
{
	struct sockaddr_storage unused;

	return !address_parse(span_from(name), 0, &unused);
}

/* Who the server is, is for turnlink_certificate() to look at, and whether that
 * is proven for turnlink_distrust(): nothing is refused here. */
static int start_tls(struct turnlink *link, const char *name, uint64_t until_ms)
{
	int result;
	int err;

	link->context = SSL_CTX_new(TLS_client_method());
	if (link->context && SSL_CTX_set_default_verify_paths(link->context))
		link->ssl = SSL_new(link->context);
	if (!link->ssl || !SSL_set_fd(link->ssl, link->fd))
		return -ENOMEM;
	/* Nothing is lost with an end that is not said. */
	(void)SSL_set_options(link->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* Addresses are no names in TLS (RFC 6066, 3). */
	if (*name && !is_address(name) &&
	    !SSL_set_tlsext_host_name(link->ssl, (char *)(uintptr_t)name))
		return -ENOMEM;

	while ((result = SSL_connect(link->ssl)) != 1) {
		err = wait_for_tls(link, result, until_ms);
		if (err)
			return err == -ETIMEDOUT ? err : -EPROTO;
	}
	return 0;
}

int turnlink_open(struct turnlink **linkp, const struct sockaddr_storage *addr,
		  enum turnlink_transport transport, const char *name,
		  unsigned timeout_ms)
{
	uint64_t until_ms = turnlink_now_ms() + timeout_ms;
	struct turnlink *link = calloc(1, sizeof(*link));
	int err;

	if (!link)
		return -ENOMEM;
	link->fd = -1;
	link->transport = transport;
	err = open_socket(link, addr, until_ms);
	if (!err && transport == TURNLINK_TLS)
		err = start_tls(link, name, until_ms);
	if (err) {
		turnlink_free(link);
		return err;
	}
	*linkp = link;
	return 0;
}

/* --- sending and receiving --- */

/* A request is small against what a socket takes at once. */
int turnlink_send(struct turnlink *link, struct span message)
{
	if (link->ssl)
		return SSL_write(link->ssl, message.ptr, (int)message.len) ==
				       (int)message.len
			       ? 0
			       : -EPIPE;
	if (send(link->fd, message.ptr, message.len, MSG_NOSIGNAL) ==
	    (ssize_t)message.len)
		return 0;
	return -errno;
}

ssize_t turnlink_read(struct turnlink *link, char *out, size_t cap,
		      uint64_t until_ms)
{
	for (;;) {
		int err;

		if (link->ssl) {
			int n = SSL_read(link->ssl, out, (int)cap);

			if (n > 0)
				return n;
			err = wait_for_tls(link, n, until_ms);
			if (err == -EPIPE)
				return 0;
		} else {
			ssize_t n = recv(link->fd, out, cap, 0);

			if (n >= 0)
				return n;
			if (errno != EAGAIN && errno != EINTR)
				return -errno;
			err = wait_for(link, POLLIN, until_ms);
		}
		if (err)
			return err;
	}
}

/* The first message of a stream's bytes, if it is whole: its length, 0 when
 * there have to be more, -EPROTO. */
static ssize_t take_message(struct turnlink *link, char *out)
{
	ssize_t len = turn_frame_len(span_of(link->in, link->in_len));

	if (len == -EAGAIN)
		return 0;
	if (len < 0 || len > (ssize_t)sizeof(link->in))
		return -EPROTO;
	if ((size_t)len > link->in_len)
		return 0;
	memcpy(out, link->in, (size_t)len);
	link->in_len -= (size_t)len;
	memmove(link->in, link->in + len, link->in_len);
	return len;
}

ssize_t turnlink_receive(struct turnlink *link, char *out, uint64_t until_ms)
{
	if (!turnlink_is_stream(link))
		return turnlink_read(link, out, TURNLINK_CAP, until_ms);
	for (;;) {
		ssize_t n = take_message(link, out);

		if (n)
			return n;
		n = turnlink_read(link, link->in + link->in_len,
				  sizeof(link->in) - link->in_len, until_ms);
		if (n <= 0)
			return n ? n : -EPIPE;
		link->in_len += (size_t)n;
	}
}

/* --- the certificate --- */

static uint64_t to_unix_s(const ASN1_TIME *time)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0;
	int seconds = 0;

	if (epoch)
		(void)ASN1_TIME_diff(&days, &seconds, epoch, time);
	ASN1_TIME_free(epoch);
	return days < 0 || seconds < 0
		       ? 0
		       : (uint64_t)days * 86400 + (uint64_t)seconds;
}

int turnlink_certificate(const struct turnlink *link, const char *name,
			 uint64_t *ends_at_s, bool *is_for_name)
{
	X509 *x509 = link->ssl ? SSL_get1_peer_certificate(link->ssl) : NULL;

	if (!x509)
		return -ENOENT;
	*ends_at_s = to_unix_s(X509_get0_notAfter(x509));
	*is_for_name = !*name || X509_check_ip_asc(x509, name, 0) == 1 ||
		       X509_check_host(x509, name, 0, 0, NULL) == 1;
	X509_free(x509);
	ERR_clear_error();
	return 0;
}

const char *turnlink_distrust(const struct turnlink *link)
{
	long verdict = link->ssl ? SSL_get_verify_result(link->ssl) : X509_V_OK;

	return verdict == X509_V_OK ? NULL
				    : X509_verify_cert_error_string(verdict);
}
