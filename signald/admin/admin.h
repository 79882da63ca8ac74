/* admin.h: what operators ask for, and do: /v1/admin/ and their page. */
#ifndef SIGNALD_ADMIN_ADMIN_H
#define SIGNALD_ADMIN_ADMIN_H

#include "hub/hub.h"
#include "net/web.h"
#include "policy/keyring.h"
#include "policy/kicked.h"
#include "turn/icelist.h"
#include "turn/probe.h"
#include "turn/relay_admin.h"

struct admin;
struct notices;

/* What the server does for an operator. */
struct admin_reload {
	char refused[CONFIG_MAX_ERROR]; /* why; "" where it was not */
	char restart[CONFIG_MAX_ERROR]; /* keys that wait for a restart */
};

struct admin_ops {
	/* Both as the signals do it. */
	void (*drain)(void *arg); /* nothing when it drains already */
	void (*reload)(struct admin_reload *result, void *arg);
	/* Other TURN servers can be offered than before. */
	void (*on_pool_change)(void *arg);
	/* Resume tokens that are out are good no more. */
	void (*on_tokens_void)(void *arg);
};

/* All borrowed. */
struct admin_parts {
	struct loop *loop;
	struct conn_set *conns;
	struct hub *hub;
	struct keyring *keyring;
	struct notices *notices;
	struct kicked *kicked;
	struct relay_admin *relay_admin;
	struct icelist *const *icelist; /* those in force */
	struct pool *const *pool;
	struct probe *const *probe; /* NULL where nothing is proven */
	const bool *is_draining;
	const struct admin_ops *ops;
	void *arg; /* of ops */
};

/*
 * Read the key, or make one in state.dir where there is none, and take note of
 * what is logged from now on.
 *
 * Returns 0, -ENOMEM, or as lasting_key() does for state.dir/ADMIN_KEY_FILE.
 */
int admin_new(struct admin **adminp, const struct admin_parts *parts);

/* Its connections must be gone; takes NULL. */
void admin_free(struct admin *admin);

/* Send a peer away for good. Returns 0, -ENOENT when there is no such peer and
 * never can be; or why that could not be kept over a restart, which is logged.
 */
int admin_kick(const struct admin *admin, struct span id);

/* Called every 100 ms or so. */
void admin_tick(struct admin *admin);

/* The key of the configuration in force, after a reload; where it cannot be
 * read, which is logged, there is none. */
void admin_configure(struct admin *admin);

/* Everything below ADMIN_PREFIX; arg is the admin. */
#define ADMIN_PREFIX "/v1/admin/"
web_handler admin_handle;

#endif
