/* config_webhook.h: where webhooks may go. */
#ifndef SIGNALD_POLICY_CONFIG_WEBHOOK_H
#define SIGNALD_POLICY_CONFIG_WEBHOOK_H

#include <stdbool.h>

/* What config_webhook_is_allowed() allows, to stand behind "must be". */
#define CONFIG_WEBHOOK_RULE                                                \
	"a URL that begins with https:// and a host, or with http:// and " \
	"localhost or a private address (127.0.0.0/8, 10.0.0.0/8, "        \
	"172.16.0.0/12, 192.168.0.0/16, ::1, fc00::/7), with no user in it"

/*
 * A URL is https://, or http:// where nobody outside can listen: the address of
 * this machine, or a private one, as it stands there. It must hold no user, as
 * it is printed.
 */
bool config_webhook_is_allowed(const char *url);

#endif
