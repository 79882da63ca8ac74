/* server_routes.c: who answers on which path. */
#include <string.h>

#include "server_parts.h"

static void reply_file(struct web_exchange *exchange,
		       const struct web_request *request, void *arg)
{
	files_reply(arg, exchange, request);
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
		{.path = "/turn",
		 .methods = HTTP_GET,
		 .handler = api_handle_turn,
		 .arg = api},
		{.path = "/kick",
		 .methods = HTTP_POST,
		 .handler = api_handle_kick,
		 .arg = api},
		{.path = NULL},
	};

	memcpy(server->operator_routes, routes, sizeof(routes));
}
