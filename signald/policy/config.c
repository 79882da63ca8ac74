/* config.c: put the configuration together from all its sources. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "policy/config.h"
#include "policy/config_error.h"
#include "policy/config_file.h"
#include "policy/config_name.h"
#include "policy/config_value.h"

/* The weakest first, which is the order they are read in. */
enum source { FROM_DEFAULT, FROM_FILE, FROM_ENVIRON, FROM_SET };

/* One value as a source gives it. */
struct entry {
	enum source source;
	unsigned line; /* of the file */
	struct span name;
	const char *value;
};

/* Who gave a key the value it has now. */
struct giver {
	enum source source;
	bool by_file; /* as the name of a secret's file */
	unsigned line;
};

struct loader {
	const struct config_sources *sources;
	struct config *config;
	struct giver *givers; /* one for each row of config_keys */
	struct config_error *error;
};

static enum config_spelling spelling_of(enum source source)
{
	return source == FROM_ENVIRON ? CONFIG_ENVIRON : CONFIG_DOTTED;
}

/* A name nobody knows may carry a misspelt secret's value: never print that. */
static int refuse_unknown(struct loader *loader, const struct entry *entry)
{
	struct config_name guess;
	int len = entry->name.len < 80 ? (int)entry->name.len : 80;

	if (config_guess(entry->name, spelling_of(entry->source), &guess))
		return config_refuse(loader->error,
				     "unknown key %.*s; did you mean %s?", len,
				     entry->name.ptr, guess.text);
	return config_refuse(loader->error,
			     "unknown key %.*s; signald --help lists all", len,
			     entry->name.ptr);
}

/* A source gives a key once: twice is an oversight, but for --set, where a
 * script appends its user's wishes to its own. */
static int check_once(struct loader *loader, const struct entry *entry,
		      const struct config_key *key, bool by_file)
{
	const struct giver *giver = &loader->givers[key - config_keys];
	struct config_name name, file_name;

	if (giver->source != entry->source)
		return 0;
	name = config_spell(key, spelling_of(entry->source), by_file);
	if (giver->by_file != by_file) {
		name = config_spell(key, spelling_of(entry->source), false);
		file_name = config_spell(key, spelling_of(entry->source), true);
		return config_refuse(loader->error,
				     "both %s and %s are given; keep one",
				     name.text, file_name.text);
	}
	if (entry->source == FROM_FILE)
		return config_refuse(loader->error,
				     "%s is given twice, first in line %u",
				     name.text, giver->line);
	return 0;
}

static int refuse_value(struct loader *loader, const struct config_key *key,
			const char *value)
{
	char rule[160];

	config_value_rule(key, rule, sizeof(rule));
	if (key->type == CONFIG_SECRET)
		return config_refuse(loader->error, "%s.%s must be %s",
				     key->section, key->name, rule);
	return config_refuse(loader->error, "%s.%s must be %s, not \"%.80s\"",
			     key->section, key->name, rule, value);
}

static int set_value(struct loader *loader, const struct config_key *key,
		     const char *value)
{
	int err = config_value_set(loader->config, key, span_from(value));

	if (err == -EINVAL)
		return refuse_value(loader, key, value);
	return err ? config_refuse_memory(loader->error) : 0;
}

static int set_from_file(struct loader *loader, const struct config_key *key,
			 const char *path)
{
	char *secret = NULL;
	int err = config_file_read_secret(path, &secret, loader->error);

	if (!err) {
		err = set_value(loader, key, secret);
		crypto_wipe(secret, strlen(secret));
		free(secret);
	}
	if (err == -EINVAL)
		config_error_place(loader->error, path);
	return err;
}

static int take(struct loader *loader, const struct entry *entry)
{
	bool by_file;
	const struct config_key *key =
		config_find(entry->name, spelling_of(entry->source), &by_file);
	int err;

	if (!key)
		return refuse_unknown(loader, entry);
	err = check_once(loader, entry, key, by_file);
	if (err)
		return err;
	err = by_file ? set_from_file(loader, key, entry->value)
		      : set_value(loader, key, entry->value);
	if (err)
		return err;
	loader->givers[key - config_keys] =
		(struct giver){entry->source, by_file, entry->line};
	return 0;
}

static int take_defaults(struct loader *loader)
{
	for (const struct config_key *key = config_keys; key->section; key++) {
		int err = config_value_set(loader->config, key,
					   span_from(key->initial));

		assert(err != -EINVAL); /* our own table's mistake */
		if (err)
			return config_refuse_memory(loader->error);
	}
	return 0;
}

static int on_line(const struct config_line *line, void *arg)
{
	char name[128];
	struct entry entry = {FROM_FILE, .line = line->number,
			      .value = line->value};
	int len = snprintf(name, sizeof(name), "%s.%s", line->section,
			   line->name);

	if (len < 0 || (size_t)len >= sizeof(name))
		return config_refuse(((struct loader *)arg)->error,
				     "unknown key %.60s...", name);
	entry.name = span_of(name, (size_t)len);
	return take(arg, &entry);
}

static int take_file(struct loader *loader)
{
	if (!loader->sources->file)
		return 0;
	return config_file_read(loader->sources->file, on_line, loader,
				loader->error);
}

/* Kubernetes describes a service called "signald" to every container in
 * variables of these names, which are no wish of the operator. */
static bool is_kubernetes(struct span name)
{
	return span_equal(name, SPAN("SIGNALD_PORT")) ||
	       span_has_prefix(name, SPAN("SIGNALD_PORT_")) ||
	       span_has_prefix(name, SPAN("SIGNALD_SERVICE_"));
}

static int take_variable(struct loader *loader, const char *variable)
{
	const char *equals = strchr(variable, '=');
	struct config_error *error = loader->error;
	struct entry entry = {.source = FROM_ENVIRON};
	int err;

	if (!equals || !span_has_prefix(span_from(variable), SPAN("SIGNALD_")))
		return 0;
	entry.name = span_of(variable, (size_t)(equals - variable));
	entry.value = equals + 1;
	if (is_kubernetes(entry.name))
		return 0;
	err = take(loader, &entry);
	if (err == -EINVAL) {
		char where[CONFIG_MAX_NAME + 16];

		(void)snprintf(where, sizeof(where), "environment %.*s",
			       (int)(entry.name.len < CONFIG_MAX_NAME
					     ? entry.name.len
					     : CONFIG_MAX_NAME),
			       entry.name.ptr);
		config_error_place(error, where);
	}
	return err;
}

static int take_environ(struct loader *loader)
{
	const char *const *variable = loader->sources->environ;
	int err = 0;

	for (; variable && *variable && !err; variable++)
		err = take_variable(loader, *variable);
	return err;
}

/* "--set turn.ttl_s=5", but only the name where the value may be a secret. */
static void place_set(struct loader *loader, const char *set, struct span name)
{
	bool by_file;
	const struct config_key *key =
		config_find(name, CONFIG_DOTTED, &by_file);
	bool is_public = key && key->type != CONFIG_SECRET;
	size_t len = is_public ? strlen(set) : name.len;
	char where[128];

	(void)snprintf(where, sizeof(where), "--set %.*s",
		       (int)(len < 100 ? len : 100), set);
	config_error_place(loader->error, where);
}

static int take_set(struct loader *loader, const char *set)
{
	const char *equals = strchr(set, '=');
	struct entry entry = {.source = FROM_SET};
	int err;

	if (!equals)
		return config_refuse(loader->error,
				     "--set takes section.key=value");
	entry.name = span_of(set, (size_t)(equals - set));
	entry.value = equals + 1;
	err = take(loader, &entry);
	if (err == -EINVAL)
		place_set(loader, set, entry.name);
	return err;
}

static int take_sets(struct loader *loader)
{
	int err = 0;

	for (size_t i = 0; i < loader->sources->sets_count && !err; i++)
		err = take_set(loader, loader->sources->sets[i]);
	return err;
}

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
	{"turn.host", "turn.secret"},
	{"turn.host", "turn.realm"},
	{"turn.cli", "turn.cli_password"},
	{"turn.tunnel_cli", "turn.cli_password"},
	{"coturn.cert", "coturn.key"},
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
	const struct giver *giver = &loader->givers[key - config_keys];
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
	return loader->givers[key - config_keys].source == FROM_DEFAULT;
}

static int check_order(struct loader *loader, const struct order *order)
{
	const struct config_key *low = key_of(order->low);
	const struct config_key *high = key_of(order->high);
	char low_text[CONFIG_MAX_NUMBER], high_text[CONFIG_MAX_NUMBER];
	unsigned low_value = config_value_uint(loader->config, low);
	unsigned high_value = config_value_uint(loader->config, high);
	int err;

	if (low_value < high_value ||
	    (low_value == high_value && order->may_equal))
		return 0;
	err = config_refuse(loader->error, "%s = %s must be %s %s = %s",
			    order->low,
			    config_value_text(loader->config, low, low_text),
			    order->may_equal ? "at most" : "below", order->high,
			    config_value_text(loader->config, high, high_text));
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

	if (is_empty(loader->config, key) ||
	    !is_empty(loader->config, key_of(need->needed)))
		return 0;
	err = config_refuse(loader->error, "%s needs %s, which is empty",
			    need->key, need->needed);
	place_key(loader, key);
	return err;
}

/* Two coturns on one host: neither knows which ports the other has taken. */
static int check_relay_ports(struct loader *loader)
{
	const struct config *config = loader->config;
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

static int check_together(struct loader *loader)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]) && !err; i++)
		err = check_order(loader, &orders[i]);
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]) && !err; i++)
		err = check_need(loader, &needs[i]);
	return err ? err : check_relay_ports(loader);
}

/* The one that ends the table included. */
static size_t count_rows(void)
{
	size_t count = 1;

	while (config_keys[count - 1].section)
		count++;
	return count;
}

int config_load(struct config **configp, const struct config_sources *sources,
		struct config_error *error)
{
	static int (*const steps[])(struct loader *) = {
		take_defaults, take_file,      take_environ,
		take_sets,     check_together,
	};
	struct loader loader = {.sources = sources, .error = error};
	int err = 0;

	loader.config = calloc(1, sizeof(*loader.config));
	loader.givers = calloc(count_rows(), sizeof(*loader.givers));
	if (!loader.config || !loader.givers)
		err = config_refuse_memory(error);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++)
		err = steps[i](&loader);
	free(loader.givers);
	if (err)
		config_free(loader.config);
	else
		*configp = loader.config;
	return err;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (const struct config_key *key = config_keys; key->section; key++)
		config_value_clear(config, key);
	free(config);
}

/* Append item to a comma-separated list; false when it has no room. */
static bool append_item(char *list, size_t cap, const char *item)
{
	size_t len = strlen(list);
	int n = snprintf(list + len, cap - len, "%s%s", len ? ", " : "", item);

	if ((size_t)n < cap - len)
		return true;
	list[len] = '\0';
	return false;
}

void config_diff_restart(const struct config *before,
			 const struct config *after, char *out, size_t cap)
{
	assert(cap);
	out[0] = '\0';
	for (const struct config_key *key = config_keys; key->section; key++) {
		struct config_name name =
			config_spell(key, CONFIG_DOTTED, false);

		if (key->reload == CONFIG_RELOAD ||
		    config_value_equal(before, after, key))
			continue;
		if (!append_item(out, cap, name.text))
			return;
	}
}
