/* bucket.h: token buckets, which say whether one more may pass, or when. */
#ifndef SIGNALD_POLICY_BUCKET_H
#define SIGNALD_POLICY_BUCKET_H

#include "base/span.h"

/*
 * A bucket holds `burst` tokens and gets one more each `token_ns`, up to its
 * burst; a token_ns of 0 is no limit. It is remembered as one number: when it
 * will be full again.
 */
struct bucket_rate {
	uint64_t token_ns;
	uint64_t burst;
};

/* count tokens in period_ms, on the average; 0 of either is no limit. */
struct bucket_rate bucket_rate(unsigned count, unsigned period_ms,
			       unsigned burst);

/*
 * Buckets of one rate, found by keys. A key that is not here has a full bucket,
 * and memory is bounded: where there is no room for one more, the fullest is
 * forgotten, so that somebody who is being limited is only forgotten when
 * everybody else here is limited even more.
 */
struct buckets;

/* most  buckets at once, 1 or more. Returns 0 or -ENOMEM. */
int bucket_table_new(struct buckets **bucketsp, size_t most);

/* Takes NULL. */
void bucket_table_free(struct buckets *buckets);

/* Fewer than there are: the fullest are forgotten. */
void bucket_table_set_most(struct buckets *buckets, size_t most);

size_t bucket_table_count(const struct buckets *buckets);

/* What one bucket costs, with what it is found by. */
#define BUCKET_BYTES 40

/* What is in use now, in bytes: BUCKET_BYTES for each, their number rounded up
 * to a power of two, and a hundred or so. */
size_t bucket_table_bytes(const struct buckets *buckets);

/*
 * Take one token from the bucket of a key.
 *
 * now_ms  of any clock that is the same for all calls; one that stands still,
 *         leaps or goes back does no more harm than its time
 *
 * Returns 0, or in how many ms there will be one (1 or more; nothing was taken
 * then). Where memory runs out the token is given.
 */
uint64_t bucket_take(struct buckets *buckets, const struct bucket_rate *rate,
		     struct span key, uint64_t now_ms);

/* As bucket_take() would answer, without taking anything. */
uint64_t bucket_wait_ms(struct buckets *buckets, const struct bucket_rate *rate,
			struct span key, uint64_t now_ms);

/* Put a token back that need not have been taken. */
void bucket_give(struct buckets *buckets, const struct bucket_rate *rate,
		 struct span key);

/*
 * A single bucket inside its owner, for what cannot be refused any more: it may
 * go into debt. Zero-initialised it is full.
 *
 * full_ns  when it will be full again
 *
 * Returns 0, or in how many ms the debt will be paid.
 */
static inline uint64_t bucket_charge(uint64_t *full_ns,
				     const struct bucket_rate *rate,
				     uint64_t tokens, uint64_t now_ms)
{
	uint64_t now_ns = now_ms * 1000000;
	uint64_t paid_ns = now_ns + rate->burst * rate->token_ns;

	if (*full_ns < now_ns)
		*full_ns = now_ns;
	*full_ns += tokens * rate->token_ns;
	return *full_ns <= paid_ns ? 0 : (*full_ns - paid_ns) / 1000000 + 1;
}

#endif
