/* config.c: put the configuration together from all its sources. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "policy/config.h"
#include "policy/config_error.h"
#include "policy/config_file.h"
#include "policy/config_loader.h"
#include "policy/config_value.h"

/* One value as a source gives it. */
struct entry {
	enum source source;
	unsigned line; /* of the file */
	struct span name;
	const char *value;
};

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
			     "unknown key %.*s%s; signald --help lists all",
			     len, entry->name.ptr,
			     entry->source == FROM_ENVIRON
				     ? ": variables that begin with SIGNALD_ "
				       "are signald's keys"
				     : "");
}

/* A source gives a key once: twice is an oversight, but for --set, where a
 * script appends its user's wishes to its own. */
static int check_once(struct loader *loader, const struct entry *entry,
		      const struct giver *giver, const struct config_key *key,
		      bool by_file)
{
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
	if (config_type_is_secret(key->type))
		return config_refuse(loader->error, "%s.%s must be %s",
				     key->section, key->name, rule);
	/* Who writes quotes sees that they are part of the value. */
	if (*value == '"')
		return config_refuse(loader->error,
				     "%s.%s must be %s, without quotes, not "
				     "%.80s",
				     key->section, key->name, rule, value);
	return config_refuse(loader->error, "%s.%s must be %s, not \"%.80s\"",
			     key->section, key->name, rule, value);
}

static int set_value(struct loader *loader, struct config *config,
		     const struct config_key *key, const char *value)
{
	int err = config_value_set(config, key, span_from(value));

	if (err == -EINVAL)
		return refuse_value(loader, key, value);
	return err ? config_refuse_memory(loader->error) : 0;
}

/* A file has a secret in each line, with empty ones between as it likes. */
static void join_lines(char *text)
{
	char *out = text;
	size_t len;

	for (char *line = text; *line; line += len) {
		len = strcspn(line, "\n");
		size_t used = len && line[len - 1] == '\r' ? len - 1 : len;

		if (used && out != text)
			*out++ = ',';
		memmove(out, line, used);
		out += used;
		len += line[len] == '\n';
	}
	*out = '\0';
}

static int set_from_file(struct loader *loader, struct config *config,
			 const struct config_key *key, const char *path)
{
	char *secret = NULL;
	int err = config_file_read_secret(path, &secret, loader->error);

	if (!err) {
		size_t len = strlen(secret);

		if (key->type == CONFIG_SECRETS)
			join_lines(secret);
		err = *secret ? set_value(loader, config, key, secret)
			      : config_refuse(loader->error, "nothing in it");
		crypto_wipe(secret, len);
		free(secret);
	}
	if (err == -EINVAL)
		config_error_place(loader->error, path);
	return err;
}

/* Where a list of secrets came from, to look there again. */
static int note_secret_file(struct loader *loader, struct config *config,
			    const char *path)
{
	char *copy = path ? strdup(path) : NULL;

	if (path && !copy)
		return config_refuse_memory(loader->error);
	free(config->turn.secret_file);
	config->turn.secret_file = copy;
	return 0;
}

static int take_key(struct loader *loader, struct loader_part *part,
		    const struct entry *entry, const struct config_key *key,
		    bool by_file)
{
	struct giver *giver = &part->givers[key - config_keys];
	int err = check_once(loader, entry, giver, key, by_file);

	if (err)
		return err;
	err = by_file ? set_from_file(loader, part->config, key, entry->value)
		      : set_value(loader, part->config, key, entry->value);
	if (!err && key->type == CONFIG_SECRETS)
		err = note_secret_file(loader, part->config,
				       by_file ? entry->value : NULL);
	if (!err)
		*giver = (struct giver){entry->source, by_file, entry->line};
	loader->has_secret |= entry->source == FROM_FILE && !by_file &&
			      config_type_is_secret(key->type) && *entry->value;
	return err;
}

/* "turn fra.host": host, of the server of that name, which a first key of it
 * brings about. */
static int take_of_server(struct loader *loader, const struct entry *entry,
			  struct span server, struct span rest)
{
	struct loader_part *part = loader_part_of(loader, server);
	struct entry own = *entry;
	const struct config_key *key;
	char name[CONFIG_MAX_NAME];
	bool by_file;
	int len;

	if (!part)
		return config_refuse_memory(loader->error);
	len = snprintf(name, sizeof(name), "turn.%.*s",
		       (int)(rest.len < 60 ? rest.len : 60), rest.ptr);
	own.name = span_of(name, (size_t)len);
	key = config_find(own.name, CONFIG_DOTTED, &by_file);
	if (!key)
		return refuse_unknown(loader, &own);
	if (!key->is_per_server)
		return config_refuse(loader->error,
				     "%s is one for all servers: it belongs "
				     "into [turn]",
				     name);
	return take_key(loader, part, &own, key, by_file);
}

static int take(struct loader *loader, const struct entry *entry)
{
	const char *dot = memchr(entry->name.ptr, '.', entry->name.len);
	size_t at = dot ? (size_t)(dot - entry->name.ptr) : entry->name.len;
	const struct config_key *key;
	struct span server;
	bool by_file;

	if (!config_server_name(span_of(entry->name.ptr, at), &server))
		return take_of_server(
			loader, entry, server,
			span_skip(entry->name, at + (dot ? 1 : 0)));
	key = config_find(entry->name, spelling_of(entry->source), &by_file);
	if (!key)
		return refuse_unknown(loader, entry);
	return take_key(loader, &loader->own, entry, key, by_file);
}

static int take_defaults(struct loader *loader)
{
	if (loader_part_init(&loader->own))
		return config_refuse_memory(loader->error);
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

static bool is_open_file(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISREG(status.st_mode) &&
	       status.st_mode & S_IROTH;
}

/* No error: who runs the machine may be alone on it. */
static int look_at_file(struct loader *loader)
{
	const char *file = loader->sources->file;

	loader->own.config->shows_secrets =
		loader->has_secret && is_open_file(file);
	return 0;
}

/* Kubernetes describes a service called "signald" to every container in
 * variables of these names, which are no wish of the operator; and from the
 * domain docker/signald/configure makes a configuration. */
static bool is_for_others(struct span name)
{
	return span_equal(name, SPAN("SIGNALD_DOMAIN")) ||
	       span_equal(name, SPAN("SIGNALD_PORT")) ||
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
	if (is_for_others(entry.name))
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
	bool is_public = key && !config_type_is_secret(key->type);
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

int config_load(struct config **configp, const struct config_sources *sources,
		struct config_error *error)
{
	static int (*const steps[])(struct loader *) = {
		take_defaults,	       take_file, look_at_file,
		take_environ,	       take_sets, loader_complete,
		loader_check_together,
	};
	struct loader loader = {.sources = sources, .error = error};
	int err = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++)
		err = steps[i](&loader);
	if (err)
		config_free(loader.own.config);
	else
		*configp = loader.own.config;
	loader_clear(&loader);
	return err;
}

/* Servers without a secret of their own have that of [turn]. */
static int hand_on_secret(struct config *config, const char *before,
			  struct config_error *error)
{
	for (size_t i = 0; i < config->servers_count; i++) {
		struct config *server = config->servers[i].config;

		if (!server->turn.secret_file &&
		    !strcmp(server->turn.secret, before) &&
		    config_value_set(server, loader_secret_key(),
				     span_from(config->turn.secret)))
			return config_refuse_memory(error);
	}
	return 0;
}

int config_reread_secret(struct config *config, struct config_error *error)
{
	struct loader loader = {.own = {.config = config}, .error = error};
	char *before = strdup(config->turn.secret);
	int err;

	if (!before)
		return config_refuse_memory(error);
	err = set_from_file(&loader, config, loader_secret_key(),
			    config->turn.secret_file);
	if (!err && strcmp(before, config->turn.secret) != 0) {
		err = hand_on_secret(config, before, error);
		if (!err)
			err = 1;
	}
	crypto_wipe(before, strlen(before));
	free(before);
	return err;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->servers_count; i++)
		config_free(config->servers[i].config);
	free(config->servers);
	for (const struct config_key *key = config_keys; key->section; key++)
		config_value_clear(config, key);
	free(config->turn.secret_file);
	free(config);
}

unsigned config_first_relay_port(const struct config *config)
{
	if (*config->turn.tunnel &&
	    config->coturn.tunnel_min_port < config->coturn.min_port)
		return config->coturn.tunnel_min_port;
	return config->coturn.min_port;
}

static int refuse_lacking_secret(struct config_error *error,
				 const char *section)
{
	return config_refuse(error,
			     "turn.credentials = redis is in force after a "
			     "restart; until then [%s] needs a secret: restart "
			     "signald, or give the secret until you do",
			     section);
}

/* Who moves to Redis takes the secrets out, which it needs a restart for. */
static int check_kept_secrets(const struct config *config,
			      struct config_error *error)
{
	if (config_keeps_users(config))
		return 0;
	if (*config->turn.host && !*config->turn.secret)
		return refuse_lacking_secret(error, "turn");
	for (size_t i = 0; i < config->servers_count; i++) {
		const struct config_server *server = &config->servers[i];
		char section[sizeof("turn ") + CONFIG_MAX_SERVER_NAME];

		(void)snprintf(section, sizeof(section), "turn %s",
			       server->name);
		if (!*server->config->turn.secret)
			return refuse_lacking_secret(error, section);
	}
	return 0;
}

int config_keep_restart(struct config *config, const struct config *start,
			struct config_error *error)
{
	for (const struct config_key *key = config_keys; key->section; key++) {
		char scratch[CONFIG_MAX_NUMBER];
		const char *text = config_value_text(start, key, scratch);

		if (key->reload == CONFIG_RESTART &&
		    config_value_set(config, key, span_from(text)))
			return config_refuse_memory(error);
	}
	return check_kept_secrets(config, error);
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
