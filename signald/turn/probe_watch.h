/* probe_watch.h: what a probe keeps of each server; for probe*.c alone. */
#ifndef SIGNALD_TURN_PROBE_WATCH_H
#define SIGNALD_TURN_PROBE_WATCH_H

#include "turn/endpoint.h"
#include "turn/guard.h"
#include "turn/probe.h"

#define WATCH_MAX_ADDRESSES 8

struct watch {
	struct probe *probe;
	struct pool_server *server;
	/* Each transport that it offers, at each address. */
	struct endpoint *endpoints;
	size_t endpoints_count;
	struct guard guards[POOL_PROCESSES];
	struct evdns_getaddrinfo_request *lookup; /* NULL between two */
	struct loop_timer lookup_timer;
	struct net_addr addresses[WATCH_MAX_ADDRESSES];
	size_t addresses_count;
	char lookup_error[DIALOG_REASON_CAP];
};

struct probe {
	struct loop *loop;
	struct pool *pool;
	void (*on_change)(void *arg);
	void *arg;
	SSL_CTX *tls;
	struct evdns_base *dns; /* borrowed; NULL: nobody can be asked */
	struct watch *watches;	/* one for each server of the pool */
};

#endif
