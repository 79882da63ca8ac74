/* right.h: what somebody may do, in every dialect. */
#ifndef SIGNALD_POLICY_RIGHT_H
#define SIGNALD_POLICY_RIGHT_H

#include "base/span.h"

enum right {
	RIGHT_JOIN = 1 << 0,	  /* enter a room */
	RIGHT_PUBLISH = 1 << 1,	  /* be its broadcaster */
	RIGHT_WATCH = 1 << 2,	  /* be a watcher */
	RIGHT_SIGNAL = 1 << 3,	  /* send to one peer of the room */
	RIGHT_BROADCAST = 1 << 4, /* send to all of them */
	RIGHT_TURN = 1 << 5,	  /* get TURN credentials */
	RIGHT_KICK = 1 << 6,	  /* be an operator, and send others away */
};

#define RIGHTS_ALL 0x7fu

/* Of whoever may come in and is not said to have others. */
#define RIGHTS_USUAL (RIGHTS_ALL & ~(unsigned)RIGHT_KICK)

/* The right of that name, as in "turn"; 0 when there is none. */
unsigned right_parse(struct span name);

/* The name of one right. */
const char *right_name(enum right right);

#endif
