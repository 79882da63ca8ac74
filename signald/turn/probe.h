/* probe.h: asks the TURN server for a STUN Binding, again and again. */
#ifndef SIGNALD_TURN_PROBE_H
#define SIGNALD_TURN_PROBE_H

#include "net/loop.h"

struct probe;

/*
 * Begin to ask turn.probe every turn.probe_interval_s (every second while it
 * does not answer). Nothing is known of it until it first answers, or three
 * questions in a row have stayed without an answer; a network that is not there
 * yet counts as no answer.
 *
 * on_change  is told every change; detail says in words what is wrong, or NULL
 *
 * Returns 0, -EINVAL for an address that cannot be, -ENOMEM.
 */
int probe_new(struct probe **probep, struct loop *loop,
	      void (*on_change)(bool is_alive, const char *detail, void *arg),
	      void *arg);

/* Takes NULL. */
void probe_free(struct probe *probe);

#endif
