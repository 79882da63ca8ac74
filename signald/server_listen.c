/* server_listen.c: the addresses that a server listens on. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "server_parts.h"

/* What an address is for, as the log has it. */
struct purpose {
	const char *name;
	listener_accept_fn *on_accept;
	void *arg;
};

static int listen_on(struct server *server, struct span text,
		     const struct purpose *purpose)
{
	struct net_addr addr;
	char name[NET_ADDR_CAP];
	int err = net_addr_parse(text, &addr);

	if (!err && server->listeners_count == SERVER_MAX_LISTENERS)
		err = -E2BIG;
	if (!err)
		err = listener_new(&server->listeners[server->listeners_count],
				   server->conns, &addr, purpose->on_accept,
				   purpose->arg);
	if (err) {
		log_error("server.fail", log_str("what", "listen"),
			  log_span("address", text),
			  log_str("error", strerror(-err)));
		return err;
	}
	net_addr_format(
		listener_addr(server->listeners[server->listeners_count++]),
		name);
	log_info("server.listen", log_str("address", name),
		 log_str("for", purpose->name));
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

int server_listen(struct server *server)
{
	const struct config *config = server->config;
	const struct purpose http = {"http", proxied_accept,
				     &server->plain_clients};
	const struct purpose tls = {"tls", proxied_accept,
				    &server->tls_clients};
	const struct purpose metrics = {"metrics", web_accept,
					server->operator_web};
	int err;

	server->plain_clients = (struct proxied){web_accept, server->web};
	server->tls_clients = (struct proxied){front_accept, &server->front};
	err = listen_on_all(server, config->listen.address, &http);
	if (!err)
		err = listen_on_all(server, config->listen.tls, &tls);
	if (err || !*config->listen.metrics)
		return err;
	err = listen_on(server, span_from(config->listen.metrics), &metrics);
	if (!err)
		listener_serve_operators(
			server->listeners[server->listeners_count - 1]);
	return err;
}

void server_on_conn_freed(void *arg)
{
	struct server *server = arg;

	for (size_t i = 0; i < server->listeners_count; i++)
		listener_resume(server->listeners[i]);
}
