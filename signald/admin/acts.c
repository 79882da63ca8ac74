/* acts.c: what operators do: kick, mute, drain, reload. */
#include <errno.h>

#include "admin/parts.h"
#include "base/log.h"
#include "codec/json.h"

#define MAX_MUTE_S 86400u

void admin_kick_peer(const struct admin_ask *ask)
{
	int err;

	if (!kicked_is_id(ask->name)) {
		admin_refuse(ask, 400,
			     "no peer has such an id: it has 1 to 96 bytes, "
			     "and no white space in it");
		return;
	}
	err = admin_kick(ask->admin, ask->name);
	if (err == -ENOENT)
		admin_refuse(ask, 404, "there is no peer of this id");
	else if (err)
		admin_refuse(ask, 500,
			     "the peer is gone, but that could not be kept: it "
			     "may come back after a restart; the log says why");
	else
		admin_reply_nothing(ask);
}

/* {"seconds": N} */
static int read_seconds(const struct admin_ask *ask, uint64_t *seconds)
{
	const struct span name = SPAN("seconds");
	struct span value = {NULL, 0};

	if (json_pick(ask->request->body, &name, 1, &value) || !value.ptr)
		return -EINVAL;
	return json_to_u64(value, MAX_MUTE_S, seconds);
}

void admin_mute_peer(const struct admin_ask *ask)
{
	uint64_t seconds;

	if (read_seconds(ask, &seconds))
		admin_refuse(ask, 400,
			     "the body must be {\"seconds\": N}, with N from 0 "
			     "(it may speak again) to 86400 (a day)");
	else if (hub_mute(ask->admin->parts.hub, ask->name, (unsigned)seconds))
		admin_refuse(ask, 404, "there is no peer of this id");
	else
		admin_reply_nothing(ask);
}

void admin_drain(const struct admin_ask *ask)
{
	const struct admin_parts *parts = &ask->admin->parts;
	struct buf body = {0};

	parts->ops->drain(parts->arg);
	buf_append_str(&body, "{\"draining\":true}\n");
	admin_reply(ask, 202, &body);
}

/* Of a list of keys parted by ", ". */
static void write_keys(struct buf *out, struct span keys)
{
	struct span key;
	const char *separator = "[";

	while (keys.len && span_next_item(&keys, ',', &key)) {
		buf_append_str(out, separator);
		buf_append_json(out, key);
		separator = ",";
	}
	buf_append_str(out, *separator == '[' ? "[]" : "]");
}

void admin_reload(const struct admin_ask *ask)
{
	struct admin *admin = ask->admin;
	struct admin_reload result = {.refused = ""};
	struct buf body = {0};

	admin->parts.ops->reload(&result, admin->parts.arg);
	if (*result.refused) {
		admin_refuse(ask, 422, result.refused);
		return;
	}
	buf_append_str(&body, "{\"reloaded\":true,\"needsRestart\":");
	write_keys(&body, span_from(result.restart));
	buf_append_str(&body, "}\n");
	admin_reply(ask, 200, &body);
}

static void set_drained(const struct admin_ask *ask, bool is_drained)
{
	const struct admin_parts *parts = &ask->admin->parts;
	struct pool *pool = *parts->pool;

	for (size_t i = 0; i < pool->count; i++) {
		struct pool_server *server = &pool->servers[i];

		if (!span_equal(ask->name, span_from(server->name)))
			continue;
		if (server->is_drained != is_drained) {
			server->is_drained = is_drained;
			log_info(is_drained ? "turn.drained" : "turn.restored",
				 log_str("server", server->name));
			parts->ops->on_pool_change(parts->arg);
		}
		admin_reply_nothing(ask);
		return;
	}
	admin_refuse(ask, 404,
		     "there is no TURN server of this name; GET "
		     "/v1/admin/pool names them");
}

void admin_drain_server(const struct admin_ask *ask)
{
	set_drained(ask, true);
}

void admin_restore_server(const struct admin_ask *ask)
{
	set_drained(ask, false);
}
