/* rotate_command.h: turnconf secrets and turnconf rotate. */
#ifndef TURNCONF_ROTATE_COMMAND_H
#define TURNCONF_ROTATE_COMMAND_H

#include "command.h"

/* Both return the exit code, after a complaint where there is one. */
int rotate_run_secrets(const struct arguments *arguments);
int rotate_run(const struct arguments *arguments);

#endif
