/* side.c: all of the TURN servers' side, as one configuration has it. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "turn/side.h"

int side_init(struct side *side, const struct config *config,
	      const struct clock *clock, struct usercred *usercred,
	      struct span user_key)
{
	struct side made = {.pool = NULL};
	struct icelist_parts parts = {.clock = clock};
	int err = pool_new(&made.pool, config);

	if (err)
		return err;
	pool_use_redis(made.pool, usercred);
	if (*config->turn.regions)
		err = regions_new(&made.regions, config->turn.regions);
	parts.pool = made.pool;
	parts.regions = made.regions;
	if (!err)
		err = icelist_new(&made.icelist, config, &parts, user_key);
	if (err)
		side_clear(&made);
	else
		*side = made;
	return err;
}

void side_read_regions(struct side *side, struct side *before)
{
	struct config_error error;

	if (!side->regions)
		return;
	if (!regions_read(side->regions, &error))
		log_info("turn.regions",
			 log_str("file", regions_path(side->regions)));
	else if (before && before->regions &&
		 regions_adopt(side->regions, before->regions))
		log_error("turn.regions_refused", log_str("error", error.text));
	else
		log_error("turn.no_regions", log_str("error", error.text));
}

void side_clear(struct side *side)
{
	probe_free(side->probe);
	icelist_free(side->icelist);
	regions_free(side->regions);
	pool_free(side->pool);
	if (side->dns)
		evdns_base_free(side->dns, 1);
	*side = (struct side){.pool = NULL};
}

void side_replace(struct side *side, struct side *by)
{
	pool_adopt(by->pool, side->pool);
	by->dns = side->dns;
	side->dns = NULL;
	side_clear(side);
	*side = *by;
	*by = (struct side){.pool = NULL};
}

void side_follow_regions(struct side *side, uint64_t now_ms)
{
	struct config_error error;
	int err = side->regions ? regions_follow(side->regions, now_ms, &error)
				: 0;

	if (err < 0)
		log_error("turn.regions_refused", log_str("error", error.text));
	else if (err)
		log_info("turn.regions",
			 log_str("file", regions_path(side->regions)));
}

int side_prove(struct side *side, struct loop *loop,
	       void (*on_change)(void *arg), void *arg)
{
	int err;

	if (!loop->config->turn.probe || !pool_has_relays(side->pool))
		return 0;
	err = probe_new(&side->probe, loop, side->pool, &side->dns, on_change,
			arg);
	if (err)
		pool_forget_liveness(side->pool);
	return err;
}

bool side_renew(struct side *side)
{
	if (side->probe)
		probe_renew(side->probe);
	return side->probe;
}

void side_note_gone(struct side *side, const char *server)
{
	bool is_behind = !strcmp(server, CONFIG_TUNNEL_SERVER);

	if (side->probe)
		probe_renew_process(side->probe,
				    is_behind ? CONFIG_OWN_SERVER : server,
				    is_behind ? POOL_BEHIND : POOL_FRONT);
}

/* --- administration --- */

static void add_cli(struct relay_admin_server *used, size_t *count,
		    const char *name, const char *address,
		    const struct config *config)
{
	if (*address)
		used[(*count)++] = (struct relay_admin_server){
			name, address, config->turn.cli_password};
	else if (*config->turn.host)
		log_warn("turn.no_cli", log_str("server", name),
			 log_str("means", "who is kicked goes on relaying "
					  "through it for as long as it "
					  "likes"));
}

/* used has room for two more than there are further servers. */
static size_t list_clis(const struct config *config,
			struct relay_admin_server *used)
{
	size_t count = 0;

	add_cli(used, &count, CONFIG_OWN_SERVER, config->turn.cli, config);
	if (*config->turn.tunnel)
		add_cli(used, &count, CONFIG_TUNNEL_SERVER,
			config->turn.tunnel_cli, config);
	for (size_t i = 0; i < config->servers_count; i++)
		add_cli(used, &count, config->servers[i].name,
			config->servers[i].config->turn.cli,
			config->servers[i].config);
	return count;
}

static bool has_same_cli(const struct config *a, const struct config *b)
{
	return !strcmp(a->turn.cli, b->turn.cli) &&
	       !strcmp(a->turn.cli_password, b->turn.cli_password);
}

static bool has_same_relays(const struct config *a, const struct config *b)
{
	bool is_same = has_same_cli(a, b) &&
		       !strcmp(a->turn.host, b->turn.host) &&
		       !strcmp(a->turn.tunnel, b->turn.tunnel) &&
		       !strcmp(a->turn.tunnel_cli, b->turn.tunnel_cli) &&
		       a->turn.strict == b->turn.strict &&
		       a->servers_count == b->servers_count;

	for (size_t i = 0; is_same && i < a->servers_count; i++)
		is_same = !strcmp(a->servers[i].name, b->servers[i].name) &&
			  has_same_cli(a->servers[i].config,
				       b->servers[i].config);
	return is_same;
}

int side_watch(struct relay_admin *admin, const struct config *config,
	       const struct config *before)
{
	struct relay_admin_server *used;
	size_t count;
	int err;

	relay_admin_note_ttl(admin);
	if (before && has_same_relays(before, config))
		return 0;
	used = calloc(config->servers_count + 2, sizeof(*used));
	if (!used)
		return -ENOMEM;
	count = list_clis(config, used);
	err = relay_admin_set_servers(admin, used, count);
	free(used);
	return err;
}
