/* server_routes.c: who answers on which path. */
#include <string.h>

#include "server_parts.h"

/* A page of a foreign origin that loads a module from here gets it, but its
 * browser keeps it from the page: whoever wonders why finds it in the log. */
static void reply_file(struct web_exchange *exchange,
		       const struct web_request *request, void *arg)
{
	if (request->origin_verdict == ORIGIN_FOREIGN)
		web_note_foreign(exchange, request);
	files_reply(arg, exchange, request);
}

/* Who asks clients' address for what is for operators hears where it is, though
 * not by which address. A page of that name is served. */
static void reply_operators_path(struct web_exchange *exchange,
				 const struct web_request *request, void *arg)
{
	struct files *files = arg;

	if (files && request->head->method & (HTTP_GET | HTTP_HEAD) &&
	    files_has(files, request->path))
		reply_file(exchange, request, files);
	else
		web_reply_problem(exchange, 404,
				  "there is nothing here; operators find this "
				  "path on the address of listen.metrics",
				  NULL);
}

/* The other way round, where there are no files. */
static void reply_clients_path(struct web_exchange *exchange,
			       const struct web_request *request, void *arg)
{
	(void)request;
	(void)arg;
	web_reply_problem(exchange, 404,
			  "there is nothing here; this path is on the address "
			  "of listen.address",
			  NULL);
}

static struct web_route operators_path(struct server *server, const char *path)
{
	return (struct web_route){.path = path,
				  .methods = HTTP_GET | HTTP_POST | HTTP_DELETE,
				  .cors = WEB_CORS,
				  .handler = reply_operators_path,
				  .arg = server->files,
				  .is_prefix = path[strlen(path) - 1] == '/'};
}

static struct web_route clients_path(const char *path)
{
	return (struct web_route){.path = path,
				  .methods = HTTP_GET | HTTP_POST,
				  .handler = reply_clients_path};
}

void server_write_routes(struct server *server)
{
	struct api *api = &server->api;
	const struct web_route routes[] = {
		{.path = "/v1/ice",
		 .methods = HTTP_GET | HTTP_POST,
		 .cors = WEB_CORS,
		 .handler = api_handle_ice,
		 .arg = api},
		{.path = "/v1/ws",
		 .methods = HTTP_GET,
		 .cors = WEB_CORS,
		 .handler = native_handle,
		 .arg = server->native},
		{.path = "/v1/tickets",
		 .methods = HTTP_POST,
		 .handler = api_handle_tickets,
		 .arg = api},
		{.path = "/v1/check",
		 .methods = HTTP_GET,
		 .handler = api_handle_check,
		 .arg = api},
		{.path = "/healthz",
		 .methods = HTTP_GET,
		 .handler = api_handle_healthz,
		 .arg = api},
		{.path = "/readyz",
		 .methods = HTTP_GET,
		 .handler = api_handle_readyz,
		 .arg = api},
		{.path = "/version",
		 .methods = HTTP_GET,
		 .handler = api_handle_version,
		 .arg = api},
		operators_path(server, "/metrics"),
		operators_path(server, ADMIN_PREFIX),
		{.methods = HTTP_GET,
		 .cors = WEB_CORS,
		 .handler = server->files ? reply_file : NULL,
		 .arg = server->files},
	};
	const size_t fixed_count = sizeof(routes) / sizeof(*routes) - 1;
	struct web_route *at = server->routes;

	memcpy(at, routes, fixed_count * sizeof(*routes));
	at += fixed_count;
	if (server->socketio)
		*at++ = socketio_route(server->socketio);
	/* For pages of one's own: beside the client's files, since http.root
	 * is theirs. */
	if (server->scripts)
		*at++ = (struct web_route){
			.path = "/ice-shim.js",
			.methods = HTTP_GET,
			.handler = reply_file,
			.arg = server->scripts,
		};
	*at = routes[fixed_count]; /* every other path */
}

void server_write_operator_routes(struct server *server)
{
	struct api *api = &server->api;
	const struct web_route routes[] = {
		{.path = "/metrics",
		 .methods = HTTP_GET,
		 .handler = api_handle_metrics,
		 .arg = api},
		{.path = ADMIN_PREFIX,
		 .methods = HTTP_GET | HTTP_POST | HTTP_DELETE,
		 .handler = admin_handle,
		 .arg = server->admin,
		 .is_prefix = true,
		 .is_raw = true,
		 .may_lack_length = true},
		clients_path("/healthz"),
		clients_path("/readyz"),
		clients_path("/version"),
		clients_path("/v1/ice"),
		{.methods = HTTP_GET, .handler = admin_pages_handle},
	};

	memcpy(server->operator_routes, routes, sizeof(routes));
}
