/* guard.h: one coturn of a server, tried every hour for where it lets in. */
#ifndef SIGNALD_TURN_GUARD_H
#define SIGNALD_TURN_GUARD_H

#include "turn/pool.h"
#include "turn/reach.h"

struct guard;

struct guard_ops {
	/* A way to it that works now; false when there is none. */
	bool (*pick)(const struct guard *guard, struct link_target *link,
		     void *arg);
	/* The safety after a round. */
	void (*on_verdict)(struct guard *guard, void *arg);
};

/* What is known, or what a round has found out as far as it is. */
struct guard_finding {
	enum pool_safety safety;
	bool is_exposed;
	char reason[REACH_REASON_CAP]; /* why it is unsafe, or not known */
	char exposed[NET_ADDR_CAP];    /* what of this host was reached */
};

struct guard {
	struct loop *loop;
	const struct pool_server *server; /* borrowed */
	enum pool_process process;
	const struct guard_ops *ops;
	void *arg;
	struct loop_timer timer;
	struct link_target link; /* the way it is tried over, in this round */
	struct usercred_grant grant; /* of the credential it is tried with */
	struct reach *reach;	     /* NULL between two */
	bool is_of_v6;		     /* which family is tried now */
	bool was_inconclusive;	     /* in this round */
	struct guard_finding known, round;
};

void guard_init(struct guard *guard, struct loop *loop,
		const struct pool_server *server, enum pool_process process,
		const struct guard_ops *ops, void *arg);
void guard_clear(struct guard *guard);

/* It lives: try it now, unless that is being done; then every hour, and sooner
 * where nothing could be found out. */
void guard_start(struct guard *guard);

#endif
