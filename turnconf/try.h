/* try.h: uses the servers of an ICE list as a browser would. */
#ifndef TURNCONF_TRY_H
#define TURNCONF_TRY_H

#include "command.h"

/* turnconf try; returns the exit code. */
int try_run(const struct arguments *arguments);

#endif
