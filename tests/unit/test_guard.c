/* test_guard.c: a server that cannot be tried says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/log.h"
#include "turn/guard.h"

static char none[] = "", host[] = "192.0.2.1", realm[] = "r";
static char nobody[] = "127.0.0.1:1";
static struct config config;
static struct loop *loop;
static struct usercred *usercred;
static struct pool *pool;
static struct guard guard;
static int verdicts;

static bool pick(const struct guard *of, struct link_target *link, void *arg)
{
	(void)of;
	(void)link;
	(void)arg;
	return true;
}

static void on_verdict(struct guard *of, void *arg)
{
	(void)of;
	(void)arg;
	verdicts++;
}

static void on_redis(void *arg)
{
	(void)arg;
}

static const struct guard_ops ops = {.pick = pick, .on_verdict = on_verdict};

static int setup(void **state)
{
	(void)state;
	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	config.turn.host = host;
	config.turn.addresses = config.turn.secret = config.turn.region = none;
	config.turn.tunnel = config.listen.tls = none;
	config.turn.realm = realm;
	config.turn.redis = nobody;
	config.turn.udp = true;
	if (loop_new(&loop, &config, 10) ||
	    usercred_new(&usercred, loop, SPAN("a key"), on_redis, NULL) ||
	    pool_new(&pool, &config))
		return -1;
	pool_use_redis(pool, usercred);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guard_clear(&guard);
	pool_free(pool);
	usercred_free(usercred);
	loop_free(loop);
	return 0;
}

static void without_a_credential_it_is_untried_and_says_why(void **state)
{
	static const char reason[] = "Redis, where credentials are kept, takes "
				     "none to try it with";

	(void)state;
	guard_init(&guard, loop, pool->servers, POOL_FRONT, &ops, NULL);
	guard_start(&guard);
	assert_int_equal(verdicts, 1);
	assert_int_equal(guard.known.safety, POOL_UNTRIED);
	assert_string_equal(guard.known.reason, reason);
	/* Nothing of what was known is taken back. */
	guard.known = (struct guard_finding){.safety = POOL_UNSAFE,
					     .reason = "it lets in"};
	guard_start(&guard);
	assert_int_equal(verdicts, 2);
	assert_int_equal(guard.known.safety, POOL_UNSAFE);
	assert_string_equal(guard.known.reason, "it lets in");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			without_a_credential_it_is_untried_and_says_why),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("guard", tests, setup, teardown);
}
