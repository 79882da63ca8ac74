/* config_webhook.c: what webhooks tell of, and where they may go. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "policy/config_webhook.h"
#include "policy/network.h"

static const struct {
	const char *name;
	enum config_webhook_event event;
} events_named[] = {
	{"room.opened", WEBHOOK_ROOM_OPENED},
	{"room.closed", WEBHOOK_ROOM_CLOSED},
	{"peer.joined", WEBHOOK_PEER_JOINED},
	{"peer.left", WEBHOOK_PEER_LEFT},
	{"peer.role", WEBHOOK_PEER_ROLE},
	{"refused", WEBHOOK_REFUSED_EVENT},
	{"relay.started", WEBHOOK_RELAY_STARTED},
	{"relay.ended", WEBHOOK_RELAY_ENDED},
};
#define EVENTS_COUNT (sizeof(events_named) / sizeof(*events_named))

static unsigned event_of(struct span name)
{
	for (size_t i = 0; i < EVENTS_COUNT; i++)
		if (span_equal(name, span_from(events_named[i].name)))
			return events_named[i].event;
	return 0;
}

int config_webhook_events(const char *list, unsigned *events)
{
	struct span rest = span_from(list), name;
	unsigned found = 0;

	if (span_equal(span_trim(rest), SPAN("all"))) {
		*events = UINT_MAX;
		return 0;
	}
	while (rest.len && span_next_item(&rest, ',', &name)) {
		unsigned event = event_of(name);

		if (!event)
			return -EINVAL;
		found |= event;
	}
	if (!found)
		return -EINVAL;
	*events = found;
	return 0;
}

const char *config_webhook_event_name(enum config_webhook_event event)
{
	for (size_t i = 0; i < EVENTS_COUNT; i++)
		if (events_named[i].event == event)
			return events_named[i].name;
	return "";
}

/* Of a URL: what is between "://" and the path. */
static struct span authority_of(struct span url, size_t scheme_len)
{
	struct span rest = span_skip(url, scheme_len);

	for (size_t i = 0; i < rest.len; i++)
		if (strchr("/?#", rest.ptr[i]))
			return span_of(rest.ptr, i);
	return rest;
}

/* The host without the port, and an IPv6 address without its brackets. */
static struct span host_of(struct span authority)
{
	const char *end;

	if (authority.len && *authority.ptr == '[') {
		end = memchr(authority.ptr, ']', authority.len);
		return end ? span_of(authority.ptr + 1,
				     (size_t)(end - authority.ptr - 1))
			   : (struct span){NULL, 0};
	}
	end = authority.len ? memchr(authority.ptr, ':', authority.len) : NULL;
	return end ? span_of(authority.ptr, (size_t)(end - authority.ptr))
		   : authority;
}

/* Names are looked up later, and may lead anywhere then. */
static bool is_private(struct span host)
{
	static const char networks[] =
		"127.0.0.0/8, ::1, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "
		"fc00::/7";
	struct network ip;

	if (span_equal(host, SPAN("localhost")))
		return true;
	return host.len && !memchr(host.ptr, '/', host.len) &&
	       !network_parse(host, &ip) &&
	       network_list_has(networks, ip.is_v6, ip.ip);
}

static bool is_host(struct span authority, struct span host)
{
	return host.len && !memchr(authority.ptr, '@', authority.len);
}

bool config_webhook_is_allowed(const char *url)
{
	const struct span secure = SPAN("https://"), clear = SPAN("http://");
	struct span text = span_from(url), authority;
	bool is_secure = span_has_prefix(text, secure);

	if (!is_secure && !span_has_prefix(text, clear))
		return false;
	authority = authority_of(text, is_secure ? secure.len : clear.len);
	return is_host(authority, host_of(authority)) &&
	       (is_secure || is_private(host_of(authority)));
}
