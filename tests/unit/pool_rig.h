/* pool_rig.h: a pool of one server, whose credentials are kept in a Redis that
 * is not there: nothing is ever sent. */
#ifndef TESTS_POOL_RIG_H
#define TESTS_POOL_RIG_H

#include "base/log.h"
#include "turn/pool.h"

struct pool_rig {
	struct config config;
	struct loop *loop;
	struct usercred *usercred;
	struct pool *pool;
};

static void pool_rig_ignore(void *arg)
{
	(void)arg;
}

/* Returns 0 or -1. */
static int pool_rig_start(struct pool_rig *rig)
{
	static char none[] = "", host[] = "127.0.0.1", realm[] = "r";
	static char nobody[] = "127.0.0.1:1";
	struct config *config = &rig->config;

	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	config->turn.host = host;
	config->turn.addresses = config->turn.secret = config->turn.region =
		none;
	config->turn.tunnel = config->listen.tls = none;
	config->turn.realm = realm;
	config->turn.redis = nobody;
	config->turn.udp = config->turn.tcp = true;
	config->turn.port = 3478;
	if (loop_new(&rig->loop, config, 10) ||
	    usercred_new(&rig->usercred, rig->loop, SPAN("a key"),
			 pool_rig_ignore, NULL) ||
	    pool_new(&rig->pool, config))
		return -1;
	pool_use_redis(rig->pool, rig->usercred);
	return 0;
}

static void pool_rig_end(struct pool_rig *rig)
{
	pool_free(rig->pool);
	usercred_free(rig->usercred);
	loop_free(rig->loop);
}

#endif
