/* endpoint.h: one way to one TURN server, proven again and again. */
#ifndef SIGNALD_TURN_ENDPOINT_H
#define SIGNALD_TURN_ENDPOINT_H

#include "turn/dialog.h"
#include "turn/pool.h"
#include "turn/proof.h"

enum endpoint_state { ENDPOINT_UNKNOWN, ENDPOINT_UP, ENDPOINT_DOWN };

/*
 * It is down after two failures in a row, and up after the first proof that
 * succeeds, or after two when it was down before: one lost packet is no end,
 * and one lucky one no beginning. What this machine lacks counts as neither.
 */
struct endpoint {
	struct loop *loop;
	const struct pool_server *server; /* borrowed */
	enum pool_transport transport;
	struct link_target link; /* its host is the server's */
	void (*on_change)(struct endpoint *endpoint, void *arg);
	void *arg;
	struct loop_timer timer;
	struct usercred_grant grant; /* of the credential it is made with */
	struct proof *proof;	     /* NULL between two */
	uint64_t began_ms;	     /* the last one */
	enum endpoint_state state;
	unsigned
		streak; /* results of the other kind than the state, in a row */
	unsigned round_trip_ms;	       /* of the last success */
	char error[DIALOG_REASON_CAP]; /* of the last failure; "" after one */
	char certificate[DIALOG_REASON_CAP]; /* what is odd about it, or "" */
};

/*
 * Begin to prove: at once, then every turn.probe_interval_s; sooner while it is
 * not settled.
 *
 * endpoint   filled with zeros; stays where it is until endpoint_clear()
 * link       host is borrowed
 * on_change  told every change of state
 */
void endpoint_init(struct endpoint *endpoint, struct loop *loop,
		   const struct pool_server *server,
		   enum pool_transport transport,
		   const struct link_target *link,
		   void (*on_change)(struct endpoint *endpoint, void *arg),
		   void *arg);
void endpoint_clear(struct endpoint *endpoint);

/* What was known of it is old: prove it at once. One that was up is so again
 * after the first proof that succeeds; on_change is not told of the time
 * between. */
void endpoint_prove_anew(struct endpoint *endpoint);

#endif
