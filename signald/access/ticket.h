/* ticket.h: what a backend gets for a client of its: good once, and soon. */
#ifndef SIGNALD_ACCESS_TICKET_H
#define SIGNALD_ACCESS_TICKET_H

#include "access/claims.h"
#include "base/clock.h"
#include "base/crypto.h"

#define TICKET_PREFIX "tk_"
#define TICKET_LEN (sizeof(TICKET_PREFIX) - 1 + CRYPTO_ID_LEN)
#define TICKET_LIVES_S 30

/* All that are out. They live as long as the process. */
struct tickets;

/* clock is borrowed. Returns 0 or -ENOMEM. */
int tickets_new(struct tickets **ticketsp, const struct clock *clock);
void tickets_free(struct tickets *tickets); /* takes NULL */

/*
 * Make one that stands for these claims.
 *
 * claims  moved into it, and cleared, when this returns 0
 *
 * Returns 0, -ENOSPC when too many are out, -ENOMEM.
 */
int tickets_make(struct tickets *tickets, struct claims *claims,
		 char ticket[TICKET_LEN + 1]);

/*
 * Take one out: it is good for nothing more.
 *
 * Returns 0 with its claims, for claims_clear(); -ENOENT when it was used, is
 * too old, or never was.
 */
int tickets_take(struct tickets *tickets, struct span ticket,
		 struct claims *claims);

#endif
