/* config_webhook.h: what webhooks tell of, and where they may go. */
#ifndef SIGNALD_POLICY_CONFIG_WEBHOOK_H
#define SIGNALD_POLICY_CONFIG_WEBHOOK_H

#include <stdbool.h>

/* Of what webhooks.url may be told. */
enum config_webhook_event {
	WEBHOOK_ROOM_OPENED = 1 << 0,
	WEBHOOK_ROOM_CLOSED = 1 << 1,
	WEBHOOK_PEER_JOINED = 1 << 2,
	WEBHOOK_PEER_LEFT = 1 << 3,
	WEBHOOK_PEER_ROLE = 1 << 4,
	WEBHOOK_REFUSED_EVENT = 1 << 5,
	WEBHOOK_RELAY_STARTED = 1 << 6,
	WEBHOOK_RELAY_ENDED = 1 << 7,
};

#define CONFIG_WEBHOOK_EVENTS                                            \
	"all, or one or more of room.opened, room.closed, peer.joined, " \
	"peer.left, "                                                    \
	"peer.role, refused, relay.started, relay.ended, parted by commas"

/* Read a list of their names, or "all". Returns 0 with the bits, or -EINVAL for
 * one that is none, or for none at all. */
int config_webhook_events(const char *list, unsigned *events);

const char *config_webhook_event_name(enum config_webhook_event event);

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
