/* api.h: the HTTP faces: ICE list, health, version, metrics. */
#ifndef SIGNALD_DIALECT_API_H
#define SIGNALD_DIALECT_API_H

#include "access/access.h"
#include "net/tls_server.h"
#include "net/web.h"
#include "turn/icelist.h"
#include "turn/probe.h"

/* What the handlers below need to know of the server; arg of each of them. */
struct api {
	struct icelist *const *icelist; /* the one in force */
	struct access *access;
	const struct clock *clock;
	struct pool *const *pool;
	struct probe *const *probe;    /* NULL where nothing is proven */
	struct tls_server *const *tls; /* NULL where listen.tls is empty */
	bool is_draining;
	uint64_t started_at_s; /* Unix time */
};

web_handler api_handle_ice;	/* /v1/ice */
web_handler api_handle_tickets; /* POST /v1/tickets, for backends */
web_handler api_handle_healthz; /* /healthz */
web_handler api_handle_readyz;	/* /readyz */
web_handler api_handle_version; /* /version */
web_handler api_handle_check;	/* /v1/check, for /check and scripts/check */

/* On the operators' address. */
web_handler api_handle_metrics; /* /metrics */

#endif
