/* issue.h: the commands that make keys and tokens. */
#ifndef SIGNALD_ISSUE_H
#define SIGNALD_ISSUE_H

#include "policy/config.h"

/* signald key NAME: print a key for a backend, and what the configuration is
 * told of it. Returns an exit code, having said why it is not 0. */
int issue_key(int argc, char **argv);

/* What signald token --help says. */
void issue_token_help(void);

/* --help, or -h. */
bool issue_is_help(const char *argument);

/* signald token CLAIMS: print a token of the configuration's secret. Returns
 * the same. */
int issue_token(const struct config *config, const char *claims);

#endif
