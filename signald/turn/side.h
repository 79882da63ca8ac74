/* side.h: all of the TURN servers' side, as one configuration has it. */
#ifndef SIGNALD_TURN_SIDE_H
#define SIGNALD_TURN_SIDE_H

#include "turn/icelist.h"
#include "turn/probe.h"
#include "turn/relay_admin.h"

struct side {
	struct pool *pool;
	struct regions *regions; /* NULL where turn.regions is empty */
	struct icelist *icelist;
	struct probe *probe;	/* NULL where nothing is proven */
	struct evdns_base *dns; /* of all configurations; NULL until needed */
};

/*
 * Make all but the probe, which begins when the configuration is in force, and
 * with no region known yet.
 *
 * usercred  where credentials are kept, borrowed; NULL: nowhere
 * user_key  as for icelist_new()
 *
 * Returns 0 or -ENOMEM, side as it was.
 */
int side_init(struct side *side, const struct config *config,
	      const struct clock *clock, struct usercred *usercred,
	      struct span user_key);
void side_clear(struct side *side);

/*
 * Read the file of regions, if there is one, and log it. Where it is no good,
 * what before has read of the same file is taken from it; without that there
 * are no regions until the file is better.
 *
 * before  the one that is about to be replaced; NULL at the start
 */
void side_read_regions(struct side *side, struct side *before);

/* In place of another one, which is cleared: what is known of servers that are
 * the same in both stays known. */
void side_replace(struct side *side, struct side *by);

/*
 * Read the file of regions anew when it has changed, which is logged; one that
 * is no good changes nothing.
 *
 * now_ms  monotonic
 */
void side_follow_regions(struct side *side, uint64_t now_ms);

/*
 * Prove the servers, where the configuration wants it and there are any that
 * relay. on_change as for probe_new(). Returns 0 or -ENOMEM: no server is given
 * to clients then.
 */
int side_prove(struct side *side, struct loop *loop,
	       void (*on_change)(void *arg), void *arg);

/* Nothing could be proven for a while: prove all anew, as probe_renew() does.
 * Returns false where nothing is proven. */
bool side_renew(struct side *side);

/* A coturn has ended: see relay_admin_set_gone(). It is offered again when it
 * has been proven. */
void side_note_gone(struct side *side, const char *server);

/*
 * Tell admin where the servers' administrations are, and log when there are
 * none.
 *
 * before  the configuration that was in force; nothing is told when nothing
 *         has changed. NULL at the start.
 *
 * Returns 0, -ENOMEM, -EINVAL for an address that is none.
 */
int side_watch(struct relay_admin *admin, const struct config *config,
	       const struct config *before);

#endif
