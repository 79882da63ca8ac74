/* proof.h: proves once that a TURN server relays. */
#ifndef SIGNALD_TURN_PROOF_H
#define SIGNALD_TURN_PROOF_H

#include "codec/turncred.h"
#include "turn/link.h"

/*
 * What a client does, in this order: an allocation with a credential, a
 * permission for the relayed address's own IP, a datagram through the relay to
 * that address itself, which comes back the same way; then the allocation is
 * given back.
 */
enum proof_step {
	PROOF_CONNECT,
	PROOF_ALLOCATE,
	PROOF_PERMISSION,
	PROOF_RELAY,
	PROOF_RELEASE,
};

struct proof_target {
	struct link_target link;
	int relay_family; /* AF_INET, AF_INET6; AF_UNSPEC: the server's usual */
	unsigned timeout_ms; /* for all of it */
};

struct proof_result {
	bool is_ok;
	/* It is this machine that lacks something: memory, sockets, IPv6. That
	 * tells nothing about the server. */
	bool is_ours;
	enum proof_step step;	/* the one that failed */
	unsigned round_trip_ms; /* of the relayed datagram */
	const char *reason;	/* a sentence for the operator; NULL when ok */
	/* What is odd about its certificate, though it relays; or NULL. */
	const char *certificate_trouble;
};

struct proof;

/*
 * Begin a proof.
 *
 * target   copied
 * cred     one that the server is to take; copied
 * on_done  is told the result, once, never in the call itself; the proof is
 *          still its owner's to free then, in on_done or later
 *
 * An allocation that cannot be given back in order, because the proof timed out
 * or is freed too early, is given up with one last message over UDP, so that it
 * does not use up the quota; over TCP it ends with the connection.
 *
 * Returns 0 or -ENOMEM.
 */
int proof_new(struct proof **proofp, struct loop *loop,
	      const struct proof_target *target, const struct turncred *cred,
	      void (*on_done)(const struct proof_result *result, void *arg),
	      void *arg);

/* At any time, on_done is not called any more; takes NULL. */
void proof_free(struct proof *proof);

#endif
