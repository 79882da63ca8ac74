/* ctl_health.h: is the signald of a configuration ready? For HEALTHCHECK of a
 * container, which may have no other program. */
#ifndef SIGNALD_CTL_HEALTH_H
#define SIGNALD_CTL_HEALTH_H

#include "policy/config.h"

/*
 * Ask /readyz of the first listen.address, and print "ready", or why it is not.
 * A few seconds at most.
 *
 * Returns an exit code, 0 or 1.
 */
int ctl_check_health(const struct config *config);

#endif
