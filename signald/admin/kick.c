/* kick.c: a peer is sent away: its connection, its tokens, what it relays. */
#include <errno.h>
#include <string.h>

#include "admin/parts.h"
#include "base/log.h"
#include "hub/session.h"
#include "policy/keyring.h"

/* Whoever has that id, or had it, relays no more. What goes wrong is logged. */
static void end_relay(const struct admin_parts *parts, struct span id)
{
	char user[TURNCRED_MAX_USER + 1];
	int err = icelist_user_of(*parts->icelist, ICELIST_PEER, id, user);

	if (err == -ENOENT)
		return;
	if (!err)
		err = relay_admin_end_user(parts->relay_admin, span_from(user));
	if (err)
		log_error("state.fail", log_str("what", RELAY_ADMIN_FILE),
			  log_str("error", strerror(-err)));
}

/* It is void for as long as any token of its could be good. */
static int void_tokens(const struct admin_parts *parts, struct span id)
{
	uint64_t now_s = clock_wall_s(&parts->loop->clock);
	int err = kicked_sweep(parts->kicked, now_s);

	if (!err)
		err = kicked_add(parts->kicked, id, now_s + KEYRING_LIVES_S);
	if (err)
		log_error("state.fail", log_str("what", KICKED_FILE),
			  log_str("error", strerror(-err)));
	return err == -ENOENT ? -EIO : err;
}

int admin_kick(const struct admin *admin, struct span id)
{
	const struct admin_parts *parts = &admin->parts;
	int err = hub_kick(parts->hub, id, "kicked");

	/* Who left by itself may have kept what relays for it too. */
	end_relay(parts, id);
	/* And may still come back after a restart. */
	if (err && hub_is_settled(parts->hub))
		return -ENOENT;
	log_info("peer.kick", log_span("id", id));
	return void_tokens(parts, id);
}
