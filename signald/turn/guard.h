/* guard.h: one TURN server, tried every hour for where it lets clients in. */
#ifndef SIGNALD_TURN_GUARD_H
#define SIGNALD_TURN_GUARD_H

#include "turn/pool.h"
#include "turn/reach.h"

struct guard {
	struct loop *loop;
	const struct pool_server *server; /* borrowed */
	void (*on_verdict)(struct guard *guard, void *arg);
	void *arg;
	struct loop_timer timer;
	struct link_target link; /* the way it is tried over */
	struct reach *reach;	 /* NULL between two */
	bool is_of_v6;		 /* which family is tried now */
	bool was_inconclusive;	 /* in this round */
	enum pool_safety safety,
		round;		      /* known; of this round as far as it is */
	bool is_exposed, was_exposed; /* in this round, in the one before */
	char reason[REACH_REASON_CAP]; /* why it is unsafe, or not known */
	char exposed[NET_ADDR_CAP];    /* what of this host was reached */
};

/* on_verdict  told the safety after every round */
void guard_init(struct guard *guard, struct loop *loop,
		const struct pool_server *server,
		void (*on_verdict)(struct guard *guard, void *arg), void *arg);
void guard_clear(struct guard *guard);

/* It lives, over this way: try it now, unless that is being done; then every
 * hour, and sooner where nothing could be found out. */
void guard_start(struct guard *guard, const struct link_target *link);

#endif
