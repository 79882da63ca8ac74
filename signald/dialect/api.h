/* api.h: the HTTP faces: the ICE list, health, version and metrics. */
#ifndef SIGNALD_DIALECT_API_H
#define SIGNALD_DIALECT_API_H

#include "net/web.h"
#include "turn/icelist.h"

/* What the handlers below need to know of the server; arg of each of them. */
struct api {
	struct icelist *const *icelist; /* the one in force */
	bool is_draining;
	bool is_turn_alive;
	const char *turn_detail; /* why it is not */
	uint64_t started_at_s;	 /* Unix time */
};

web_handler api_handle_ice;	/* /v1/ice */
web_handler api_handle_healthz; /* /healthz */
web_handler api_handle_readyz;	/* /readyz */
web_handler api_handle_version; /* /version */
web_handler api_handle_metrics; /* /metrics, on its own address */

#endif
