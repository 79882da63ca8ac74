/* config_together.c: what configuration keys mean to each other. */
#include <assert.h>
#include <stdio.h>

#include "policy/config_error.h"
#include "policy/config_loader.h"
#include "policy/config_value.h"
#include "policy/config_webhook.h"

/* Two numbers of which the first must not be the greater one. */
static const struct order {
	const char *low, *high;
	bool may_equal;
} orders[] = {
	{"http.max_target_bytes", "http.max_head_bytes", true},
	{"websocket.ping_interval_s", "websocket.silence_timeout_s", false},
	{"websocket.max_message_bytes", "output.max_queued_bytes", true},
	{"turn.min_ttl_s", "turn.ttl_s", true},
	{"turn.ttl_s", "turn.max_ttl_s", true},
	{"coturn.min_port", "coturn.max_port", true},
	{"coturn.tunnel_min_port", "coturn.tunnel_max_port", true},
};

/* Keys that mean nothing without another one. */
static const struct need {
	const char *key, *needed;
} needs[] = {
	{"listen.tls", "tls.cert"},
	{"listen.tls", "tls.key"},
	{"tls.cert", "tls.key"},
	{"tls.key", "tls.cert"},
	{"turn.tunnel", "listen.tls"},
	{"listen.redirect", "listen.tls"},
	{"http.challenges", "listen.redirect"},
	{"turn.host", "turn.realm"},
	{"turn.cli", "turn.cli_password"},
	{"turn.tunnel_cli", "turn.cli_password"},
	{"coturn.cert", "coturn.key"},
	{"access.webhook_url", "access.webhook_secret"},
	{"webhooks.url", "webhooks.secret"},
	{"webhooks.url", "state.dir"},
	{"coturn.key", "coturn.cert"},
};

static const struct config_key *key_of(const char *name)
{
	bool by_file;
	const struct config_key *key =
		config_find(span_from(name), CONFIG_DOTTED, &by_file);

	assert(key);
	return key;
}

/* Say in front of the sentence who gave the key its value. */
static void place_key(struct loader *loader, const struct config_key *key)
{
	const struct giver *giver = &loader->own.givers[key - config_keys];
	struct config_name name =
		config_spell(key, spelling_of(giver->source), giver->by_file);
	char where[256];

	if (giver->source == FROM_FILE)
		(void)snprintf(where, sizeof(where), "%s:%u",
			       loader->sources->file, giver->line);
	else if (giver->source != FROM_DEFAULT)
		(void)snprintf(where, sizeof(where), "%s %s",
			       giver->source == FROM_SET ? "--set"
							 : "environment",
			       name.text);
	else
		return;
	config_error_place(loader->error, where);
}

static bool is_from_default(const struct loader *loader,
			    const struct config_key *key)
{
	return loader->own.givers[key - config_keys].source == FROM_DEFAULT;
}

static int check_order(struct loader *loader, const struct order *order)
{
	const struct config_key *low = key_of(order->low);
	const struct config_key *high = key_of(order->high);
	char low_text[CONFIG_MAX_NUMBER], high_text[CONFIG_MAX_NUMBER];
	unsigned low_value = config_value_uint(loader->own.config, low);
	unsigned high_value = config_value_uint(loader->own.config, high);
	int err;

	if (low_value < high_value ||
	    (low_value == high_value && order->may_equal))
		return 0;
	err = config_refuse(
		loader->error, "%s = %s must be %s %s = %s", order->low,
		config_value_text(loader->own.config, low, low_text),
		order->may_equal ? "at most" : "below", order->high,
		config_value_text(loader->own.config, high, high_text));
	place_key(loader, is_from_default(loader, low) ? high : low);
	return err;
}

static bool is_empty(const struct config *config, const struct config_key *key)
{
	char scratch[CONFIG_MAX_NUMBER];

	return !*config_value_text(config, key, scratch);
}

static int check_need(struct loader *loader, const struct need *need)
{
	const struct config_key *key = key_of(need->key);
	int err;

	if (is_empty(loader->own.config, key) ||
	    !is_empty(loader->own.config, key_of(need->needed)))
		return 0;
	err = config_refuse(loader->error, "%s needs %s, which is empty",
			    need->key, need->needed);
	place_key(loader, key);
	return err;
}

/* What says who may relay. */
static int check_credentials(struct loader *loader)
{
	const struct config *config = loader->own.config;
	bool keeps_users = config_keeps_users(config);
	const char *key = keeps_users ? "turn.credentials" : "turn.host";
	int err;

	if (keeps_users ? *config->turn.redis
			: (!*config->turn.host || *config->turn.secret))
		return 0;
	err = keeps_users
		      ? config_refuse(loader->error,
				      "turn.credentials = redis needs "
				      "turn.redis, which is empty")
		      : config_refuse(loader->error, "turn.host needs "
						     "turn.secret, which is "
						     "empty");
	place_key(loader, key_of(key));
	return err;
}

/* What is kept for a peer that was away must fit its next connection's output,
 * or its return would end that. The default just gives way to less output. */
static int check_session(struct loader *loader)
{
	const struct config *config = loader->own.config;
	const struct config_key *key = key_of("session.max_bytes");
	unsigned most = config->output.max_queued_bytes / 4;
	int err;

	if (config->session.max_bytes <= most || is_from_default(loader, key))
		return 0;
	err = config_refuse(loader->error,
			    "session.max_bytes = %u must be at most %u, a "
			    "quarter of output.max_queued_bytes = %u",
			    config->session.max_bytes, most,
			    config->output.max_queued_bytes);
	place_key(loader, key);
	return err;
}

/* Nobody could connect at all. */
static int check_proxy(struct loader *loader)
{
	const struct config *config = loader->own.config;
	int err;

	if (!config->proxy.protocol || *config->proxy.trusted)
		return 0;
	err = config_refuse(loader->error,
			    "proxy.protocol = yes needs proxy.trusted, which "
			    "is empty");
	place_key(loader, key_of("proxy.protocol"));
	return err;
}

/* Two coturns on one host: neither knows which ports the other has taken. */
static int check_relay_ports(struct loader *loader)
{
	const struct config *config = loader->own.config;
	unsigned first = config->coturn.tunnel_min_port;
	unsigned last = config->coturn.tunnel_max_port;
	int err;

	if (!*config->turn.tunnel || last < config->coturn.min_port ||
	    first > config->coturn.max_port)
		return 0;
	err = config_refuse(loader->error,
			    "the relay ports of the coturn at turn.tunnel, "
			    "coturn.tunnel_min_port to tunnel_max_port (%u to "
			    "%u), must lie outside coturn.min_port to max_port "
			    "(%u to %u)",
			    first, last, config->coturn.min_port,
			    config->coturn.max_port);
	place_key(loader, key_of("turn.tunnel"));
	return err;
}

/* Nobody opens a relay to the world by mistake. */
static int check_mode(struct loader *loader)
{
	const struct config *config = loader->own.config;
	int err;

	if (strcmp(config->access.mode, "open") != 0 ||
	    config->access.open_in_public || !config_is_public(config))
		return 0;
	err = config_refuse(
		loader->error,
		"access.mode = open lets everybody in, and listen.address is "
		"not of this machine alone: use guest, or say "
		"access.open_in_public = yes if strangers may use the relay at "
		"your cost");
	place_key(loader, key_of("access.mode"));
	return err;
}

/* Keys that say which keys sign tokens, and what may be signed with them. */
static const struct {
	const char *key;
	const char *algorithms; /* of token_algorithm, parted by "|" */
} token_sources[] = {
	{"access.token_secret", "auto|HS256"},
	{"access.token_key", "auto|RS256|ES256"},
	{"access.token_jwks", "auto|RS256|ES256"},
};

static int check_algorithm(struct loader *loader, size_t source)
{
	const char *chosen = loader->own.config->access.token_algorithm;
	int err;

	if (strstr(token_sources[source].algorithms, chosen))
		return 0;
	err = config_refuse(loader->error,
			    "access.token_algorithm = %s does not go with %s: "
			    "it must be one of %s",
			    chosen, token_sources[source].key,
			    token_sources[source].algorithms);
	place_key(loader, key_of("access.token_algorithm"));
	return err;
}

static int check_token_source(struct loader *loader)
{
	const char *found = NULL;
	int err = 0;

	for (size_t i = 0;
	     i < sizeof(token_sources) / sizeof(*token_sources) && !err; i++) {
		const struct config_key *key = key_of(token_sources[i].key);

		if (is_empty(loader->own.config, key))
			continue;
		err = check_algorithm(loader, i);
		if (!err && found) {
			err = config_refuse(loader->error,
					    "%s and %s: only one of them may "
					    "say which keys sign tokens",
					    found, token_sources[i].key);
			place_key(loader, key);
		}
		found = token_sources[i].key;
	}
	return err;
}

/* What is asked for keys must not be asked in the clear, and what is shown by
 * --print-config must not hold a password. */
static int check_jwks(struct loader *loader)
{
	const char *set = loader->own.config->access.token_jwks;
	const char *host = strstr(set, "://");
	int err;

	if (!host || (!strncmp(set, "https://", 8) && host[3] &&
		      !memchr(host + 3, '@', strcspn(host + 3, "/"))))
		return 0;
	err = config_refuse(loader->error,
			    "access.token_jwks must be a file, or a URL that "
			    "begins with https:// and a host");
	place_key(loader, key_of("access.token_jwks"));
	return err;
}

/* Why nobody could ever come in, or NULL. */
static const char *find_lack(const struct config *config)
{
	bool has_token_keys = *config->access.token_secret ||
			      *config->access.token_key ||
			      *config->access.token_jwks;

	if (!strcmp(config->access.mode, "key") && !*config->access.keys)
		return "access.mode = key needs access.keys, which is empty "
		       "(signald key NAME makes one)";
	if (!strcmp(config->access.mode, "token") && !has_token_keys)
		return "access.mode = token needs access.token_secret, "
		       "access.token_key or access.token_jwks, which are empty";
	return NULL;
}

static int check_mode_keys(struct loader *loader)
{
	const char *why = find_lack(loader->own.config);
	int err;

	if (!why)
		return 0;
	err = config_refuse(loader->error, "%s", why);
	place_key(loader, key_of("access.mode"));
	return err;
}

static int check_tokens(struct loader *loader)
{
	int err = check_token_source(loader);

	if (!err)
		err = check_mode_keys(loader);
	return err ? err : check_jwks(loader);
}

static int check_webhook_url(struct loader *loader, const char *name,
			     const char *url)
{
	int err;

	if (config_webhook_is_allowed(url))
		return 0;
	err = config_refuse(loader->error, "%s must be " CONFIG_WEBHOOK_RULE,
			    name);
	place_key(loader, key_of(name));
	return err;
}

/* Who decides in access.mode = webhook. */
static int check_access_webhook(struct loader *loader)
{
	const struct config *config = loader->own.config;
	int err = 0;

	if (!*config->access.webhook_url) {
		if (strcmp(config->access.mode, "webhook") != 0)
			return 0;
		err = config_refuse(loader->error,
				    "access.mode = webhook needs "
				    "access.webhook_url, which is empty");
		place_key(loader, key_of("access.mode"));
		return err;
	}
	return check_webhook_url(loader, "access.webhook_url",
				 config->access.webhook_url);
}

static int check_webhooks(struct loader *loader)
{
	const struct config *config = loader->own.config;
	unsigned events;
	int err;

	if (config_webhook_events(config->webhooks.events, &events)) {
		err = config_refuse(
			loader->error,
			"webhooks.events must be " CONFIG_WEBHOOK_EVENTS);
		place_key(loader, key_of("webhooks.events"));
		return err;
	}
	if (!*config->webhooks.url)
		return 0;
	return check_webhook_url(loader, "webhooks.url", config->webhooks.url);
}

int loader_check_together(struct loader *loader)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]) && !err; i++)
		err = check_order(loader, &orders[i]);
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]) && !err; i++)
		err = check_need(loader, &needs[i]);
	if (!err)
		err = check_credentials(loader);
	if (!err)
		err = check_session(loader);
	if (!err)
		err = check_proxy(loader);
	if (!err)
		err = check_mode(loader);
	if (!err)
		err = check_tokens(loader);
	if (!err)
		err = check_access_webhook(loader);
	if (!err)
		err = check_webhooks(loader);
	return err ? err : check_relay_ports(loader);
}
