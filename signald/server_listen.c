/* server_listen.c: the addresses that a server listens on. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "server_parts.h"

#define FIRST_UNPRIVILEGED_PORT 1024

/* What an address is for, as the log has it. */
struct purpose {
	const char *name;
	listener_accept_fn *on_accept;
	void *arg;
};

/* By a socket that was inherited for this address, which is *from then, or by
 * one of our own. */
static int open_listener(struct server *server, const struct net_addr *addr,
			 const struct purpose *purpose,
			 const struct inherited_socket **from)
{
	struct listener **listener =
		&server->listeners[server->listeners_count];
	int fd;

	*from = inherited_take(&server->inherited, addr, &fd);
	return *from ? listener_new_inherited(listener, server->conns, fd,
					      purpose->on_accept, purpose->arg)
		     : listener_new(listener, server->conns, addr,
				    purpose->on_accept, purpose->arg);
}

static void log_address(const struct listener *listener,
			const struct purpose *purpose,
			const struct inherited_socket *from)
{
	char name[NET_ADDR_CAP];

	net_addr_format(listener_addr(listener), name);
	if (from)
		log_info("server.listen", log_str("address", name),
			 log_str("for", purpose->name),
			 log_str("inherited", from->name));
	else
		log_info("server.listen", log_str("address", name),
			 log_str("for", purpose->name));
}

/* Why an address cannot be listened on, and what to do about it. */
static const char *describe(int err, const struct net_addr *addr)
{
	if (err == -EACCES && addr->port < FIRST_UNPRIVILEGED_PORT)
		return "Permission denied: a port below 1024 is for root, who "
		       "becomes process.user then, or for a socket unit of "
		       "systemd's (signald.socket)";
	if (err == -EADDRINUSE)
		return "Address already in use: ss -ltnp, as root, says by "
		       "which program";
	return strerror(-err);
}

static int listen_on(struct server *server, struct span text,
		     const struct purpose *purpose)
{
	const struct inherited_socket *from = NULL;
	struct net_addr addr = {0};
	int err = net_addr_parse(text, &addr);

	if (!err && server->listeners_count == SERVER_MAX_LISTENERS)
		err = -E2BIG;
	if (!err)
		err = open_listener(server, &addr, purpose, &from);
	if (err) {
		log_error("server.fail", log_str("what", "listen"),
			  log_span("address", text),
			  log_str("error", describe(err, &addr)));
		return err;
	}
	log_address(server->listeners[server->listeners_count++], purpose,
		    from);
	return 0;
}

static int listen_on_all(struct server *server, const char *addresses,
			 const struct purpose *purpose)
{
	struct span rest = span_from(addresses);
	struct span item;
	int err = 0;

	while (!err && rest.len && span_next_item(&rest, ',', &item))
		err = listen_on(server, item, purpose);
	return err;
}

static int listen_for_operators(struct server *server)
{
	const struct purpose metrics = {"metrics", web_accept,
					server->operator_web};
	const char *address = server->config->listen.metrics;
	int err;

	if (!*address)
		return 0;
	err = listen_on(server, span_from(address), &metrics);
	if (!err)
		listener_serve_operators(
			server->listeners[server->listeners_count - 1]);
	return err;
}

static int listen_everywhere(struct server *server)
{
	const struct config *config = server->config;
	const struct purpose http = {"http", proxied_accept,
				     &server->plain_clients};
	const struct purpose tls = {"tls", proxied_accept,
				    &server->tls_clients};
	const struct purpose redirect = {"redirect", proxied_accept,
					 &server->redirect_clients};
	int err;

	server->plain_clients = (struct proxied){web_accept, server->web};
	server->tls_clients = (struct proxied){front_accept, &server->front};
	server->redirect_clients =
		(struct proxied){web_accept, server->redirect.web};
	err = listen_on_all(server, config->listen.address, &http);
	if (!err)
		err = listen_on_all(server, config->listen.tls, &tls);
	if (!err)
		err = listen_on_all(server, config->listen.redirect, &redirect);
	return err ? err : listen_for_operators(server);
}

/* Somebody was to be served there, and would wait for ever. */
static int refuse_left(const struct inherited *inherited)
{
	const struct inherited_socket *left = inherited_left(inherited);
	char name[NET_ADDR_CAP];

	if (!left)
		return 0;
	net_addr_format(&left->addr, name);
	log_error("server.fail", log_str("what", "listen"),
		  log_str("address", name), log_str("inherited", left->name),
		  log_str("error",
			  "a socket was inherited for it, and none of "
			  "listen.address, listen.tls, listen.redirect and "
			  "listen.metrics has this address: add it there, or "
			  "take it from the socket unit"));
	return -EADDRNOTAVAIL;
}

int server_listen(struct server *server)
{
	char why[INHERITED_MAX_ERROR];
	int err = inherited_init(&server->inherited, why);

	if (err) {
		log_error("server.fail", log_str("what", "listen"),
			  log_str("error", why));
		return err;
	}
	err = listen_everywhere(server);
	return err ? err : refuse_left(&server->inherited);
}

void server_end_listening(struct server *server)
{
	for (size_t i = 0; i < server->listeners_count; i++)
		listener_free(server->listeners[i]);
	server->listeners_count = 0;
	inherited_clear(&server->inherited);
}

void server_on_conn_freed(void *arg)
{
	struct server *server = arg;

	for (size_t i = 0; i < server->listeners_count; i++)
		listener_resume(server->listeners[i]);
}
