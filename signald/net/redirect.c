/* redirect.c: plain HTTP beside TLS: what a certificate authority asks for, and
 * the way to https for everybody else. */
#include "net/redirect.h"

#define HTTPS_PORT 443
#define ALL_METHODS (HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE)

/* A Host without its port; the parser has seen that it is an authority. */
static struct span name_of(struct span host)
{
	size_t len = 0;

	if (host.len && host.ptr[0] == '[') {
		const char *end = memchr(host.ptr, ']', host.len);

		return end ? span_of(host.ptr, (size_t)(end + 1 - host.ptr))
			   : host;
	}
	while (len < host.len && host.ptr[len] != ':')
		len++;
	return span_of(host.ptr, len);
}

static void write_location(struct buf *out, const struct http_request *head,
			   uint16_t port)
{
	buf_append_str(out, "Location: https://");
	buf_append_span(out, name_of(head->host));
	if (port != HTTPS_PORT)
		buf_append_format(out, ":%u", (unsigned)port);
	buf_append_span(out, head->path);
	if (head->query.len) {
		buf_append_str(out, "?");
		buf_append_span(out, head->query);
	}
	/* The port of listen.tls may be another one tomorrow. */
	buf_append_str(out, "\r\nCache-Control: no-store\r\n");
}

static void reply_elsewhere(struct web_exchange *exchange,
			    const struct web_request *request, void *arg)
{
	const struct redirect *redirect = arg;
	uint16_t port = net_addr_first_port(
		span_from(redirect->loop->config->listen.tls));
	struct buf location = {0};

	if (!name_of(request->head->host).len) {
		web_reply_problem(exchange, 400,
				  "this server is reached by https; the "
				  "request names no host to go to: send Host",
				  NULL);
		return;
	}
	write_location(&location, request->head, port);
	buf_append(&location, "", 1);
	web_reply_problem(exchange, location.failed ? 500 : 308,
			  "this server is reached by https",
			  location.failed ? NULL : location.ptr);
	buf_clear(&location);
}

static void reply_challenge(struct web_exchange *exchange,
			    const struct web_request *request, void *arg)
{
	const struct redirect *redirect = arg;

	if (redirect->challenges)
		files_reply(redirect->challenges, exchange, request);
	else
		web_reply_problem(exchange, 404,
				  "http.challenges is empty: no certificate "
				  "authority is answered here",
				  NULL);
}

int redirect_init(struct redirect *redirect, struct conn_set *conns,
		  struct loop *loop)
{
	const char *challenges = loop->config->http.challenges;
	int err = 0;

	redirect->loop = loop;
	redirect->routes[0] = (struct web_route){.path = REDIRECT_CHALLENGES,
						 .methods = HTTP_GET,
						 .handler = reply_challenge,
						 .arg = redirect,
						 .is_prefix = true};
	redirect->routes[1] = (struct web_route){.methods = ALL_METHODS,
						 .handler = reply_elsewhere,
						 .arg = redirect};
	if (*challenges)
		err = files_new(&redirect->challenges, challenges);
	return err ? err : web_new(&redirect->web, conns, redirect->routes);
}

void redirect_clear(struct redirect *redirect)
{
	web_free(redirect->web);
	files_free(redirect->challenges);
	*redirect = (struct redirect){0};
}
