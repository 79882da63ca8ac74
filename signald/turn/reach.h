/* reach.h: tries whether a TURN server relays to where nobody is let in. */
#ifndef SIGNALD_TURN_REACH_H
#define SIGNALD_TURN_REACH_H

#include "codec/turncred.h"
#include "turn/link.h"

#define REACH_MAX_OWN 8
#define REACH_REASON_CAP 192

enum reach_verdict {
	REACH_UNKNOWN, /* it could not be tried to the end */
	REACH_SAFE, /* every attempt was refused: 403, or 443 for another family
		     */
	REACH_UNSAFE, /* one was not */
	REACH_NONE,   /* it relays nothing of that address family */
};

struct reach_target {
	struct link_target link;
	int relay_family; /* AF_INET or AF_INET6: what is relayed to */
	unsigned timeout_ms;
	/* The relay's own addresses, without ports, which coturn lets in: where
	 * they are this host's, it is tried whether a datagram comes through
	 * to a port that is no relay port. */
	struct net_addr own[REACH_MAX_OWN];
	size_t own_count;
	unsigned first_relay_port;
};

struct reach_result {
	enum reach_verdict verdict;
	bool is_exposed; /* a service of this host could be reached */
	/* A sentence: what was let in, or why nothing is known; "". */
	char reason[REACH_REASON_CAP];
	char exposed[NET_ADDR_CAP]; /* where */
};

struct reach;

/*
 * Begin. Tried are loopback, link-local, private and shared networks, the
 * cloud's metadata service, over IPv6 also in their mapped and translated
 * forms, and the private addresses of this host (RFC 6890).
 *
 * cred, on_done  as for proof_new()
 *
 * Returns 0 or -ENOMEM.
 */
int reach_new(struct reach **reachp, struct loop *loop,
	      const struct reach_target *target, const struct turncred *cred,
	      void (*on_done)(const struct reach_result *result, void *arg),
	      void *arg);

/* At any time, on_done is not called any more; takes NULL. */
void reach_free(struct reach *reach);

#endif
