/* ctl_http.c: one request to a running signald, waited for. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "admin/key.h"
#include "ctl_http.h"
#include "policy/state_file.h"

#define WAIT_S 10
#define LONG_WAIT_S 120
#define MOST_BYTES ((size_t)64 << 20)
#define MOST_HEAD 16384

#define FAIL(...) (void)snprintf(why, cap, __VA_ARGS__)

/* --- where it is --- */

/* One that listens everywhere is reached at loopback. */
static void split_address(struct ctl_target *target, struct span address)
{
	const char *colon = memrchr(address.ptr, ':', address.len);
	size_t host_end = (size_t)(colon - address.ptr);
	struct span host = span_of(address.ptr, host_end);

	if (host.len && host.ptr[0] == '[')
		host = span_of(host.ptr + 1, host.len - 2);
	(void)span_copy(host, target->host, sizeof(target->host));
	if (!strcmp(target->host, "0.0.0.0"))
		(void)strcpy(target->host, "127.0.0.1");
	else if (!strcmp(target->host, "::"))
		(void)strcpy(target->host, "::1");
	(void)span_copy(span_skip(address, host_end + 1), target->port,
			sizeof(target->port));
	(void)snprintf(target->name, sizeof(target->name),
		       strchr(target->host, ':') ? "[%s]:%s" : "%s:%s",
		       target->host, target->port);
}

static int read_made_key(struct ctl_target *target, const char *dir, char *why,
			 size_t cap)
{
	char path[STATE_FILE_PATH_CAP];
	ssize_t len = state_file_path(dir, ADMIN_KEY_FILE, path);

	if (!len)
		len = state_file_read(path, target->key, CTL_MAX_KEY);
	if (len < 0) {
		FAIL("%s/" ADMIN_KEY_FILE ": %s; signald makes it when it "
		     "starts, and only its user and root may read it",
		     dir, strerror((int)-len));
		return -EINVAL;
	}
	target->key[strcspn(target->key, "\n")] = '\0';
	return 0;
}

int ctl_find(struct ctl_target *target, const struct config *config, char *why,
	     size_t cap)
{
	*target = (struct ctl_target){.from = "listen.metrics"};
	if (!*config->listen.metrics) {
		FAIL("listen.metrics is empty: there is no admin API");
		return -EINVAL;
	}
	split_address(target, span_from(config->listen.metrics));
	if (*config->admin.key)
		return span_copy(span_from(config->admin.key), target->key,
				 sizeof(target->key));
	if (*config->state.dir)
		return read_made_key(target, config->state.dir, why, cap);
	FAIL("there is no key: the configuration has neither state.dir nor "
	     "admin.key (is --config FILE missing?)");
	return -EINVAL;
}

void ctl_find_public(struct ctl_target *target, const struct config *config)
{
	struct span rest = span_from(config->listen.address);
	struct span first = rest;

	*target = (struct ctl_target){.from = "listen.address",
				      .is_proxied = config->proxy.protocol};
	(void)span_next_item(&rest, ',', &first);
	split_address(target, first);
}

/* --- the request --- */

void ctl_encode(struct buf *out, struct span text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
				    "mnopqrstuvwxyz0123456789-_~";

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c && strchr(plain, c))
			buf_append(out, &c, 1);
		else
			buf_append_format(out, "%%%02X", c);
	}
}

static time_t patience_of(const struct ctl_request *request)
{
	if (request->wait_s)
		return request->wait_s;
	return strcmp(request->method, "DELETE") ? WAIT_S : LONG_WAIT_S;
}

static void set_patience(int fd, time_t seconds)
{
	const struct timeval wait = {.tv_sec = seconds};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
}

static int connect_to(const struct ctl_target *target, time_t patience_s)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICHOST};
	struct addrinfo *found;
	int fd, err = 0;

	if (getaddrinfo(target->host, target->port, &hints, &found))
		return -EADDRNOTAVAIL;
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		set_patience(fd, patience_s);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen))
		err = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
	freeaddrinfo(found);
	if (!err)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return err;
}

static int send_request(int fd, const struct ctl_target *target,
			const struct ctl_request *request)
{
	struct buf out = {0};
	size_t sent = 0;
	int err;

	/* A connection of its own, for no client (PROXY protocol, 2.1). */
	if (target->is_proxied)
		buf_append_str(&out, "PROXY UNKNOWN\r\n");
	buf_append_format(&out, "%s %s HTTP/1.1\r\nHost: %s\r\n",
			  request->method, request->path, target->name);
	if (*target->key)
		buf_append_format(&out, "Authorization: Bearer %s\r\n",
				  target->key);
	buf_append_format(&out,
			  "Content-Length: %zu\r\nConnection: close\r\n\r\n",
			  request->body.len);
	buf_append_span(&out, request->body);
	err = out.failed ? -ENOMEM : 0;
	while (!err && sent < out.len) {
		ssize_t n =
			send(fd, out.ptr + sent, out.len - sent, MSG_NOSIGNAL);

		if (n < 0)
			err = -errno;
		else
			sent += (size_t)n;
	}
	buf_wipe(&out);
	return err;
}

/* --- the answer --- */

/* Everything until its end. */
static int receive(int fd, struct buf *in, size_t most)
{
	while (in->len < most) {
		ssize_t n;

		if (buf_reserve(in, 65536))
			return -ENOMEM;
		n = recv(fd, in->ptr + in->len, 65536, 0);
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!n)
			return 0;
		in->len += (size_t)n;
		if (most == MOST_HEAD &&
		    memmem(in->ptr, in->len, "\r\n\r\n", 4))
			return 0;
	}
	return -EFBIG;
}

/* Take the head off. Returns the status, or -EPROTO. */
static int take_head(struct buf *in)
{
	const char *end =
		in->len ? memmem(in->ptr, in->len, "\r\n\r\n", 4) : NULL;
	int status;

	if (!end || in->len < sizeof("HTTP/1.1 200") ||
	    memcmp(in->ptr, "HTTP/1.1 ", 9) != 0)
		return -EPROTO;
	status = (int)strtol(in->ptr + 9, NULL, 10);
	buf_consume(in, (size_t)(end - in->ptr) + 4);
	return status < 100 || status > 599 ? -EPROTO : status;
}

static int read_stream(int fd, const struct ctl_request *request,
		       struct buf *in)
{
	char bytes[4096];
	ssize_t n;

	set_patience(fd, 60); /* signald says something every 15 s */
	request->on_bytes(buf_span(in), request->arg);
	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		request->on_bytes(span_of(bytes, (size_t)n), request->arg);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return -ECONNRESET;
}

static int read_answer(int fd, const struct ctl_request *request,
		       struct ctl_answer *answer)
{
	bool is_stream = request->on_bytes;
	int err =
		receive(fd, &answer->body, is_stream ? MOST_HEAD : MOST_BYTES);

	if (err)
		return err;
	answer->status = take_head(&answer->body);
	if (answer->status < 0)
		return answer->status;
	return is_stream && answer->status == 200
		       ? read_stream(fd, request, &answer->body)
		       : 0;
}

int ctl_ask(const struct ctl_target *target, const struct ctl_request *request,
	    struct ctl_answer *answer, char *why, size_t cap)
{
	int fd = connect_to(target, patience_of(request));
	int err = fd < 0 ? fd : 0;

	if (err) {
		FAIL("no signald answers at %s (%s): %s", target->name,
		     target->from, strerror(-err));
		return -EINVAL;
	}
	err = send_request(fd, target, request);
	if (!err)
		err = read_answer(fd, request, answer);
	(void)close(fd);
	if (!err)
		return 0;
	if (target->is_proxied)
		FAIL("%s: no answer: with proxy.protocol = yes signald serves "
		     "who comes from proxy.trusted alone, which has to have "
		     "this host's own address",
		     target->name);
	else if (err == -EPROTO)
		FAIL("what answers at %s is not signald: it speaks no HTTP",
		     target->name);
	else
		FAIL("%s: %s", target->name,
		     err == -ECONNRESET ? "signald has ended the connection"
					: strerror(-err));
	return -EINVAL;
}
