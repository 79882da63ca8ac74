/* config_mode.c: who may come in, as access.mode has it. */
#include "policy/config.h"
#include "policy/config_value.h"
#include "policy/network.h"

static const char *const names[] = {
	[MODE_OPEN] = "open",	[MODE_GUEST] = "guest",	    [MODE_KEY] = "key",
	[MODE_TOKEN] = "token", [MODE_WEBHOOK] = "webhook",
};

static bool has_public(const char *addresses)
{
	struct span rest = span_from(addresses);
	struct span address;

	while (rest.len && span_next_item(&rest, ',', &address))
		if (!config_is_loopback(address))
			return true;
	return false;
}

bool config_is_public(const struct config *config)
{
	return has_public(config->listen.address) ||
	       has_public(config->listen.tls);
}

bool config_shows_metrics(const struct config *config)
{
	return has_public(config->listen.metrics);
}

static bool is_loopback_host(const char *host)
{
	struct network ip;

	return !strcmp(host, "localhost") ||
	       (!network_parse(span_from(host), &ip) &&
		network_list_has("127.0.0.0/8, ::1", ip.is_v6, ip.ip));
}

const char *config_open_relay(const struct config *config)
{
	if (strcmp(config->access.mode, "auto") != 0 ||
	    config_is_public(config) ||
	    !strcmp(config->coturn.profile, "development"))
		return NULL;
	if (*config->turn.host && !is_loopback_host(config->turn.host))
		return config->turn.host;
	for (size_t i = 0; i < config->servers_count; i++)
		if (!is_loopback_host(config->servers[i].config->turn.host))
			return config->servers[i].config->turn.host;
	return NULL;
}

const char *config_mode_name(enum config_mode mode)
{
	return names[mode];
}

const char *config_mode_means(enum config_mode mode)
{
	static const char *const meanings[] = {
		[MODE_OPEN] = "whoever reaches it may do everything",
		[MODE_GUEST] = ("pages of this server and of http.origins may "
				"enter any room and relay; all others need a "
				"key, a ticket or a token"),
		[MODE_KEY] = "all need an API key, or a ticket got with one",
		[MODE_TOKEN] = "all need a token, a ticket or an API key",
		[MODE_WEBHOOK] = ("access.webhook_url decides of all who show "
				  "no ticket and no API key"),
	};

	return meanings[mode];
}

enum config_mode config_mode(const struct config *config)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(config->access.mode, names[i]))
			return (enum config_mode)i;
	return config_is_public(config) ? MODE_GUEST : MODE_OPEN;
}
