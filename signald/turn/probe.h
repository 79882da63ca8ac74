/* probe.h: proves the servers of a pool, each way to each of them. */
#ifndef SIGNALD_TURN_PROBE_H
#define SIGNALD_TURN_PROBE_H

#include <event2/dns.h>

#include "base/buf.h"
#include "net/loop.h"
#include "turn/pool.h"

struct probe;

/*
 * Begin: names are looked up (again every minute), every transport at every
 * address is proven every turn.probe_interval_s, and every server that lives is
 * tried for where it lets clients in. What is found out goes into the pool.
 *
 * pool       borrowed; outlives the probe
 * dnsp       made when it is NULL and a name is to be looked up; it is to live
 *            as long as the loop runs, since what was cancelled ends later
 * on_change  told when other servers can be offered than before
 *
 * Returns 0 or -ENOMEM.
 */
int probe_new(struct probe **probep, struct loop *loop, struct pool *pool,
	      struct evdns_base **dnsp, void (*on_change)(void *arg),
	      void *arg);
void probe_free(struct probe *probe); /* takes NULL */

/* What is known of who lives is old: no server can be offered until it has been
 * proven again, which begins at once. on_change is told of those proofs alone.
 */
void probe_renew(struct probe *probe);

/*
 * The same for one coturn, which has ended, and perhaps begun anew: whatever it
 * relayed is lost, and on_change is told at once.
 *
 * name     of the server in the pool; an unknown one changes nothing
 * process  which of its two
 */
void probe_renew_process(struct probe *probe, const char *name,
			 enum pool_process process);

/*
 * What is wrong with the TURN side, for readyz: a sentence; false when nothing
 * is. One server that works is enough, but none may be unsafe.
 *
 * probe  NULL where nothing is proven
 */
bool probe_trouble(const struct probe *probe, const struct pool *pool,
		   char *out, size_t cap);

/*
 * Whether that way to a server cannot be offered because it is still being
 * tried for the first time, and not because it was found wanting.
 *
 * probe   NULL where nothing is proven: then it is not
 * server  its index in the pool
 */
bool probe_is_trying(const struct probe *probe, size_t server,
		     enum pool_transport transport);

/* Every server and each way to it, as a JSON object. */
void probe_write_json(const struct probe *probe, const struct pool *pool,
		      struct buf *out);

/* The same as metrics. */
void probe_write_metrics(const struct probe *probe, struct buf *out);

#endif
