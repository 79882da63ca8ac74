/* courier.h: brings what is in the spool to webhooks.url, once at least. */
#ifndef SIGNALD_ADMIN_COURIER_H
#define SIGNALD_ADMIN_COURIER_H

#include "net/loop.h"
#include "policy/spool.h"

/*
 * One request is under way at a time, so that all comes in order; each has as
 * much as is there, up to a bound. What is not answered with 2xx is sent again,
 * after a second, then two, and so on to a minute, for as long as it takes.
 */
struct courier;

/* loop, spool  must outlive it. Returns 0 or -ENOMEM. */
int courier_new(struct courier **courierp, struct loop *loop,
		struct spool *spool);
void courier_free(struct courier *courier); /* takes NULL */

/* There is something new in the spool. */
void courier_wake(struct courier *courier);

/* The loop has another configuration: what had to wait is tried at once. */
void courier_configure(struct courier *courier);

#endif
