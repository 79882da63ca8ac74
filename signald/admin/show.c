/* show.c: what operators see: rooms, peers, TURN servers, the server itself. */
#include <stdlib.h>

#include "admin/pages.h"
#include "admin/parts.h"
#include "policy/metric.h"

#define MOST_LISTED 100
#define NAME_CAP 512

static void write_flag(struct buf *out, const char *name, bool is_set)
{
	buf_append_format(out, ",\"%s\":%s", name, is_set ? "true" : "false");
}

static void write_count(struct buf *out, const char *name, uint64_t count)
{
	buf_append_format(out, ",\"%s\":%llu", name, (unsigned long long)count);
}

/* --- rooms and peers --- */

static void write_room(struct buf *out, const struct room *room)
{
	buf_append_str(out, "{\"name\":");
	buf_append_json(out, room->name);
	write_count(out, "peers", room_count(room));
	write_count(out, "away", room_away_count(room));
	write_count(out, "broadcasters", room->broadcasters_count);
	write_count(out, "watchers", room->audience.count);
	buf_append_str(out, ",\"since\":");
	admin_write_time(out, room->since_s);
}

static void write_network(struct buf *out, const struct peer *peer)
{
	struct buf network = {0};

	if (peer->arg && peer->ops->write_network)
		peer->ops->write_network(peer, &network);
	admin_write_text(out, "network", buf_span(&network));
	buf_clear(&network);
}

/* The name by which TURN servers know a peer whose ICE list came as it joined:
 * that of native clients. Others ask for theirs as an address. */
static void write_relay(struct buf *out, const struct admin *admin,
			const struct peer *peer, bool has_session)
{
	const struct admin_parts *parts = &admin->parts;
	bool is_native = peer->arg && peer->ops->dialect &&
			 !strcmp(peer->ops->dialect, "native");
	char user[TURNCRED_MAX_USER + 1];

	if ((!is_native && !has_session) ||
	    icelist_user_of(*parts->icelist, ICELIST_PEER,
			    span_of(peer->id, peer->id_len), user)) {
		buf_append_str(out, ",\"relay\":null");
		return;
	}
	buf_append_format(out, ",\"relay\":{\"user\":\"%s\"", user);
	write_count(
		out, "allocations",
		relay_admin_allocations(parts->relay_admin, span_from(user)));
	buf_append_str(out, "}");
}

static void write_peer(struct buf *out, const struct admin *admin,
		       const struct peer *peer)
{
	const char *dialect = peer->ops->dialect;
	struct census_facts facts;

	census_facts(peer, &facts);
	buf_append_str(out, "{\"id\":");
	buf_append_json(out, span_of(peer->id, peer->id_len));
	admin_write_text(out, "room", hub_room_name(peer->room));
	admin_write_text(out, "role", span_from(hub_role_name(peer->role)));
	admin_write_text(out, "name", peer->name);
	admin_write_text(out, "dialect",
			 dialect ? span_from(dialect) : (struct span){NULL, 0});
	write_network(out, peer);
	buf_append_str(out, ",\"since\":");
	admin_write_time(out, facts.since_s);
	write_flag(out, "away", peer->is_away);
	write_count(out, "mutedSeconds", facts.muted_s);
	write_relay(out, admin, peer, facts.has_session);
	if (facts.has_session)
		buf_append_format(out,
				  ",\"session\":{\"keptMessages\":%zu,"
				  "\"keptBytes\":%zu}}",
				  facts.kept_messages, facts.kept_bytes);
	else
		buf_append_str(out, ",\"session\":null}");
}

/* A list, and the place where the next page goes on. */
static void end_list(struct buf *out, struct span next)
{
	buf_append_str(out, "]");
	admin_write_text(out, "next", next);
	buf_append_str(out, "}\n");
}

/* What pages of names are asked for. */
struct list_ask {
	struct census_page page;
	char after[NAME_CAP];
	char containing[NAME_CAP];
};

/* Returns false after an answer. */
static bool read_text(const struct admin_ask *ask, const char *name,
		      char out[NAME_CAP], struct span *text)
{
	int err = http_query_get(ask->request->head->query, span_from(name),
				 out, NAME_CAP);

	*text = err ? SPAN("") : span_from(out);
	if (!err || err == -ENOENT)
		return true;
	admin_refuse(ask, 400,
		     "after and contains are at most 511 bytes of UTF-8, "
		     "percent-encoded");
	return false;
}

static bool read_list(const struct admin_ask *ask, struct list_ask *list)
{
	uint64_t most = MOST_LISTED;

	if (!admin_read_number(ask, "limit", 1, CENSUS_MAX_PAGE, &most))
		return false;
	list->page.most = most;
	return read_text(ask, "after", list->after, &list->page.after) &&
	       read_text(ask, "contains", list->containing,
			 &list->page.containing);
}

void admin_list_rooms(const struct admin_ask *ask)
{
	const struct room *found[CENSUS_MAX_PAGE];
	struct list_ask list;
	struct buf body = {0};
	bool has_more;
	size_t count;

	if (!read_list(ask, &list))
		return;
	count = census_rooms(ask->admin->parts.hub, &list.page, found,
			     &has_more);
	buf_append_str(&body, "{\"rooms\":[");
	for (size_t i = 0; i < count; i++) {
		buf_append_str(&body, i ? "," : "");
		write_room(&body, found[i]);
		buf_append_str(&body, "}");
	}
	end_list(&body,
		 has_more ? found[count - 1]->name : (struct span){NULL, 0});
	admin_reply(ask, 200, &body);
}

void admin_list_peers(const struct admin_ask *ask)
{
	const struct peer *found[CENSUS_MAX_PAGE];
	struct list_ask list;
	struct buf body = {0};
	bool has_more;
	size_t count;

	if (!read_list(ask, &list))
		return;
	count = census_peers(ask->admin->parts.hub, &list.page, found,
			     &has_more);
	buf_append_str(&body, "{\"peers\":[");
	for (size_t i = 0; i < count; i++) {
		buf_append_str(&body, i ? "," : "");
		write_peer(&body, ask->admin, found[i]);
	}
	end_list(&body, has_more ? span_of(found[count - 1]->id,
					   found[count - 1]->id_len)
				 : (struct span){NULL, 0});
	admin_reply(ask, 200, &body);
}

struct room_page {
	const struct admin *admin;
	struct buf *body;
	uint64_t left;
	bool is_begun;
};

static bool add_peer(const struct peer *peer, void *arg)
{
	struct room_page *page = arg;

	if (!page->left)
		return false;
	page->left--;
	buf_append_str(page->body, page->is_begun ? "," : "");
	page->is_begun = true;
	write_peer(page->body, page->admin, peer);
	return true;
}

void admin_show_room(const struct admin_ask *ask)
{
	const struct room *room = census_room(ask->admin->parts.hub, ask->name);
	struct buf body = {0};
	struct room_page page = {
		.admin = ask->admin, .body = &body, .left = MOST_LISTED};
	uint64_t after = 0, next;

	if (!admin_read_number(ask, "limit", 1, CENSUS_MAX_PAGE, &page.left) ||
	    !admin_read_number(ask, "after", 0, UINT64_MAX, &after))
		return;
	if (!room) {
		admin_refuse(ask, 404, "there is no room of this name");
		return;
	}
	write_room(&body, room);
	buf_append_str(&body, ",\"members\":[");
	next = hub_list_room(room, after, add_peer, &page);
	buf_append_str(&body, "],\"next\":");
	if (next)
		buf_append_u64(&body, next);
	else
		buf_append_str(&body, "null");
	buf_append_str(&body, "}\n");
	admin_reply(ask, 200, &body);
}

void admin_show_peer(const struct admin_ask *ask)
{
	const struct peer *peer = census_peer(ask->admin->parts.hub, ask->name);
	struct buf body = {0};

	if (!peer) {
		admin_refuse(ask, 404, "there is no peer of this id");
		return;
	}
	write_peer(&body, ask->admin, peer);
	buf_append_str(&body, "\n");
	admin_reply(ask, 200, &body);
}

/* --- the server --- */

static void write_relaying(struct buf *out, const struct relay_admin *relays)
{
	struct relay_census census;

	relay_admin_census(relays, &census);
	if (!census.is_known) {
		buf_append_str(out, ",\"relaying\":null");
		return;
	}
	buf_append_format(out,
			  ",\"relaying\":{\"peers\":%llu,\"others\":%llu,"
			  "\"allocations\":%llu}",
			  (unsigned long long)census.peers,
			  (unsigned long long)census.others,
			  (unsigned long long)census.allocations);
}

void admin_show_status(const struct admin_ask *ask)
{
	const struct admin *admin = ask->admin;
	const struct admin_parts *parts = &admin->parts;
	uint64_t now_s = clock_wall_s(&parts->loop->clock);
	enum config_mode mode = config_mode(parts->loop->config);
	struct buf body = {0};

	buf_append_str(&body, "{\"version\":");
	buf_append_json(&body, SPAN(SIGNALD_VERSION));
	buf_append_str(&body, ",\"startedAt\":");
	admin_write_time(&body, admin->started_at_s);
	write_count(&body, "uptimeSeconds",
		    now_s > admin->started_at_s ? now_s - admin->started_at_s
						: 0);
	write_flag(&body, "draining", *parts->is_draining);
	admin_write_text(&body, "mode", span_from(config_mode_name(mode)));
	admin_write_text(&body, "modeMeans",
			 span_from(config_mode_means(mode)));
	write_count(&body, "connections", conn_set_count(parts->conns));
	write_count(&body, "rooms", hub_rooms_count(parts->hub));
	write_count(&body, "peers", hub_peers_count(parts->hub));
	write_count(&body, "away", (uint64_t)metric_values[METRIC_PEERS_AWAY]);
	write_flag(&body, "turn", pool_is_alive(*parts->pool));
	write_relaying(&body, parts->relay_admin);
	buf_append_str(&body, "}\n");
	admin_reply(ask, 200, &body);
}

/* What bounds what strangers can do, as the configuration in force has it. */
static bool is_limit(const struct config_key *key)
{
	static const char *const sections[] = {
		"limits",   "rooms",   "http",	 "websocket",
		"socketio", "session", "output", "listen"};

	if (key->type != CONFIG_UINT)
		return false;
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		if (!strcmp(key->section, sections[i]))
			return true;
	return false;
}

void admin_show_limits(const struct admin_ask *ask)
{
	const char *config = (const char *)ask->admin->parts.loop->config;
	const char *separator = "";
	struct buf body = {0};

	buf_append_str(&body, "{\"limits\":[");
	for (const struct config_key *key = config_keys; key->section; key++) {
		unsigned value;

		if (!is_limit(key))
			continue;
		memcpy(&value, config + key->offset, sizeof(value));
		buf_append_format(&body,
				  "%s{\"key\":\"%s.%s\",\"value\":%u,"
				  "\"meaning\":",
				  separator, key->section, key->name, value);
		buf_append_json(&body, span_from(key->help));
		buf_append_str(&body, "}");
		separator = ",";
	}
	buf_append_str(&body, "]}\n");
	admin_reply(ask, 200, &body);
}

void admin_show_pool(const struct admin_ask *ask)
{
	const struct admin_parts *parts = &ask->admin->parts;
	struct buf body = {0};

	probe_write_json(*parts->probe, *parts->pool, &body);
	admin_reply(ask, 200, &body);
}

void admin_show_document(const struct admin_ask *ask)
{
	struct buf body = {0};

	buf_append_span(&body, admin_pages_document());
	admin_reply(ask, 200, &body);
}
