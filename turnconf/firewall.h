/* firewall.h: the rules that keep relayed datagrams from this host's services.
 */
#ifndef TURNCONF_FIREWALL_H
#define TURNCONF_FIREWALL_H

#include "command.h"

/* turnconf firewall; returns the exit code. */
int firewall_run(const struct arguments *arguments);

#endif
