/* limit.h: how much one address, one user or one connection may ask for. */
#ifndef SIGNALD_POLICY_LIMIT_H
#define SIGNALD_POLICY_LIMIT_H

#include "base/clock.h"
#include "policy/bucket.h"
#include "policy/config.h"

/* docs/limits.md tells of each; keys are those of [limits]. */
enum limit_kind {
	/* by address: four bytes of IPv4, the first eight of IPv6 */
	LIMIT_CONNECTIONS, /* accepted */
	LIMIT_REQUESTS,
	LIMIT_HANDSHAKES,
	LIMIT_JOINS,
	LIMIT_CREDENTIALS,
	LIMIT_ROOMS,
	LIMIT_AUTH, /* its failures */
	/* by user: the subject of claims; by the id of a peer that returns.
	 * Each has a table of its own: whoever can choose what it is called
	 * must not be able to take what is another's. */
	LIMIT_USER,
	LIMIT_PEER,
	LIMIT_BUCKETS, /* how many kinds are buckets in tables */
	/* by connection, or at once by address */
	LIMIT_MESSAGES = LIMIT_BUCKETS,
	LIMIT_SEATS,
	LIMIT_KINDS,
};

struct limits;

/* clock is borrowed. Returns 0 or -ENOMEM. */
int limits_new(struct limits **limitsp, const struct config *config,
	       const struct clock *clock);

/* Takes NULL. */
void limits_free(struct limits *limits);

/* Another configuration is in effect; what was used stays used. */
void limits_configure(struct limits *limits, const struct config *config);

/*
 * Ask for one more, which is counted if it may be. limits may be NULL: then
 * everything may.
 *
 * kind  one of the buckets
 * key   an empty one is nobody's, and has no limit
 *
 * Returns 0, or in how many ms it will be possible again; that was counted as
 * refused and logged, once a second at most for each kind.
 */
uint64_t limit_take(struct limits *limits, enum limit_kind kind,
		    struct span key);

/* It was charged to somebody to whom it need not have been. */
void limit_give(struct limits *limits, enum limit_kind kind, struct span key);

/*
 * Who tries secrets. Ask limit_auth_wait_ms() before looking at one: 0, or in
 * how many ms this address may try again (refused and counted); and tell
 * limit_auth_failed() of each that was wrong.
 */
uint64_t limit_auth_wait_ms(struct limits *limits, struct span network);
void limit_auth_failed(struct limits *limits, struct span network);

/* A connection of that address begins. Returns 0, -EBUSY when it has as many as
 * it may (counted and logged), -ENOMEM. Each 0 is ended by limit_leave(). */
int limit_enter(struct limits *limits, struct span network);
void limit_leave(struct limits *limits, struct span network);

/* The same for those who were here before, by themselves: somebody who comes
 * back needs a seat while the one of before is still taken. Nothing is counted
 * or logged. */
int limit_enter_returned(struct limits *limits, struct span network);
void limit_leave_returned(struct limits *limits, struct span network);

/* Count and log that somebody is slowed down by a limit of its connection. */
void limit_note(struct limits *limits, enum limit_kind kind, struct span key);

/* What one connection may send, for bucket_charge(). */
struct limit_flow {
	struct bucket_rate messages;
	struct bucket_rate bytes;
};

const struct limit_flow *limit_flow(const struct limits *limits);

/* Seconds for Retry-After and retryAfter, rounded up. */
static inline uint64_t limit_retry_s(uint64_t wait_ms)
{
	return (wait_ms + 999) / 1000;
}

/* What the tables hold now, in bytes. */
size_t limits_bytes(const struct limits *limits);

#endif
