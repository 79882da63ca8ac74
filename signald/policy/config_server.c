/* config_server.c: the keys of further TURN servers, from [turn NAME]. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "policy/config_error.h"
#include "policy/config_loader.h"
#include "policy/config_value.h"

/* The one that ends the table included. */
static size_t count_rows(void)
{
	size_t count = 1;

	while (config_keys[count - 1].section)
		count++;
	return count;
}

int loader_part_init(struct loader_part *part)
{
	part->config = calloc(1, sizeof(*part->config));
	part->givers = calloc(count_rows(), sizeof(*part->givers));
	if (!part->config || !part->givers)
		return -ENOMEM;
	for (const struct config_key *key = config_keys; key->section; key++) {
		int err = config_value_set(part->config, key,
					   span_from(key->initial));

		assert(err != -EINVAL); /* our own table's mistake */
		if (err)
			return err;
	}
	return 0;
}

/* Room for one more; nothing of the others changes. */
static int grow(struct loader *loader)
{
	struct config *config = loader->own.config;
	size_t count = config->servers_count + 1;
	struct config_server *servers =
		realloc(config->servers, count * sizeof(*servers));
	struct loader_part *parts;

	if (!servers)
		return -ENOMEM;
	config->servers = servers;
	parts = realloc(loader->servers, count * sizeof(*parts));
	if (!parts)
		return -ENOMEM;
	loader->servers = parts;
	return 0;
}

struct loader_part *loader_part_of(struct loader *loader, struct span server)
{
	struct config *config = loader->own.config;
	size_t i = 0;
	int err;

	while (i < config->servers_count &&
	       !span_equal(span_from(config->servers[i].name), server))
		i++;
	if (i < config->servers_count)
		return &loader->servers[i];
	if (grow(loader))
		return NULL;
	config->servers[i] = (struct config_server){.config = NULL};
	(void)span_copy(server, config->servers[i].name,
			sizeof(config->servers[i].name));
	loader->servers[i] = (struct loader_part){.config = NULL};
	config->servers_count++;
	loader->servers_count++;
	err = loader_part_init(&loader->servers[i]);
	/* What there is of it is freed with the others. */
	config->servers[i].config = loader->servers[i].config;
	return err ? NULL : &loader->servers[i];
}

void loader_clear(struct loader *loader)
{
	for (size_t i = 0; i < loader->servers_count; i++)
		free(loader->servers[i].givers);
	free(loader->servers);
	free(loader->own.givers);
}

const struct config_key *loader_secret_key(void)
{
	bool by_file;

	return config_find(SPAN("turn.secret"), CONFIG_DOTTED, &by_file);
}

/* One secret for all is the usual thing. */
static int inherit_secret(struct loader *loader, struct config *server)
{
	const char *secret = loader->own.config->turn.secret;

	if (*server->turn.secret)
		return 0;
	if (config_value_set(server, loader_secret_key(), span_from(secret)))
		return config_refuse_memory(loader->error);
	return 0;
}

/* In logs it could not be told from one that has the name already. */
static int check_name(struct loader *loader, const char *name)
{
	if (!strcmp(name, CONFIG_OWN_SERVER))
		return config_refuse(loader->error,
				     "the server of [turn] is called %s: "
				     "[turn %s] needs another name",
				     name, name);
	if (!strcmp(name, CONFIG_TUNNEL_SERVER))
		return config_refuse(loader->error,
				     "the coturn at turn.tunnel is called %s: "
				     "[turn %s] needs another name",
				     name, name);
	return 0;
}

static int check_server(struct loader *loader,
			const struct config_server *server)
{
	const struct config *config = server->config;

	if (check_name(loader, server->name))
		return -EINVAL;
	if (!*config->turn.host)
		return config_refuse(loader->error, "[turn %s] needs a host",
				     server->name);
	if (*config->turn.cli && !*config->turn.cli_password)
		return config_refuse(loader->error,
				     "[turn %s] has cli, which needs "
				     "cli_password",
				     server->name);
	if (!config_keeps_users(loader->own.config) && !*config->turn.secret)
		return config_refuse(loader->error,
				     "[turn %s] needs a secret, its own or "
				     "that of [turn]",
				     server->name);
	return 0;
}

int loader_complete(struct loader *loader)
{
	struct config *config = loader->own.config;
	int err = 0;

	for (size_t i = 0; i < config->servers_count && !err; i++) {
		struct config_server *server = &config->servers[i];

		err = inherit_secret(loader, server->config);
		if (!err)
			err = check_server(loader, server);
	}
	return err;
}
