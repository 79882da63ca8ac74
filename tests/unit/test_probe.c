/* test_probe.c: servers are proven, also when memory was lacking once. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fail_alloc.h"

#include "base/log.h"
#include "turn/probe_watch.h"

static char none[] = "", secret[] = "north-north-north-north";
static char host[] = "127.0.0.1", nobody[] = "127.0.0.1:1", realm[] = "r";
static struct config config;
static struct loop *loop;
static struct usercred *usercred; /* that reaches nobody: nothing is sent */
static struct pool *pool;
static struct evdns_base *dns;

static void on_change(void *arg)
{
	(void)arg;
}

static int setup(void **state)
{
	(void)state;
	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	config.turn.host = host;
	config.turn.secret = secret;
	config.turn.addresses = config.turn.region = none;
	config.turn.tunnel = config.listen.tls = none;
	config.turn.realm = realm;
	config.turn.redis = nobody;
	config.turn.udp = config.turn.tcp = true;
	config.turn.port = 3478;
	if (loop_new(&loop, &config, 10) ||
	    usercred_new(&usercred, loop, SPAN("a key"), on_change, NULL) ||
	    pool_new(&pool, &config))
		return -1;
	pool_use_redis(pool, usercred);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pool_free(pool);
	usercred_free(usercred);
	loop_free(loop);
	return 0;
}

/* The allocation that fails is one of its last: those before are of TLS, and
 * many. */
#define TRIED 4

static long count_allocations(void)
{
	struct probe *probe;
	long last;

	fail_alloc_at(LONG_MAX);
	assert_int_equal(probe_new(&probe, loop, pool, &dns, on_change, NULL),
			 0);
	last = LONG_MAX - fail_alloc_left;
	(void)fail_alloc_stop();
	probe_free(probe);
	return last;
}

static void an_address_that_lacked_memory_is_proven_later(void **state)
{
	bool has_lacked = false;
	long last;

	(void)state;
	(void)count_allocations(); /* with what OpenSSL makes once */
	last = count_allocations();
	for (long n = last; n > last - TRIED; n--) {
		struct probe *probe = NULL;
		struct watch *watch;

		fail_alloc_at(n);
		if (probe_new(&probe, loop, pool, &dns, on_change, NULL))
			probe = NULL;
		(void)fail_alloc_stop();
		watch = probe ? probe->watches : NULL;
		if (watch && !watch->endpoints) {
			has_lacked = true;
			assert_true(
				wheel_is_running(&watch->lookup_timer.wheel));
			watch->lookup_timer.fire(&watch->lookup_timer);
			assert_int_equal(watch->endpoints_count, 2);
		}
		probe_free(probe);
	}
	assert_true(has_lacked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_that_lacked_memory_is_proven_later),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("probe", tests, setup, teardown);
}
