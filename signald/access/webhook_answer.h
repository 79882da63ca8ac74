/* webhook_answer.h: what the operator's own server says of who wants in. */
#ifndef SIGNALD_ACCESS_WEBHOOK_ANSWER_H
#define SIGNALD_ACCESS_WEBHOOK_ANSWER_H

#include "access/claims.h"

#define WEBHOOK_MAX_ANSWER 16384
#define WEBHOOK_MAX_REASON 200
#define WEBHOOK_MAX_CACHE_S 3600

struct webhook_answer {
	bool is_allowed;
	struct claims claims;		     /* when it is; owned */
	char reason[WEBHOOK_MAX_REASON + 1]; /* when it is not; may be "" */
	unsigned cache_s;		     /* how long it may be kept */
};

/*
 * Read {"allowed": true, "subject": …, "room": …, "role": …, "rights": […],
 * "ttl": …, "metadata": {…}, "exp": …, "cache": …} or {"allowed": false,
 * "reason": …, "cache": …}; docs/access.md tells their forms. Other members are
 * ignored; where allowed is false, all but reason and cache.
 *
 * body    any bytes
 * now_s   Unix time
 * answer  its claims are to be cleared when this returns 0
 * why     a sentence, without a full stop, that says what would be right; set
 *         with any error
 *
 * Returns 0, -EINVAL, -ENOMEM; -ETIME when exp is not after now_s.
 */
int webhook_answer_read(struct span body, uint64_t now_s,
			struct webhook_answer *answer, const char **why);

#endif
