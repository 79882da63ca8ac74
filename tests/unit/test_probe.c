/* test_probe.c: servers are proven, also when memory was lacking once. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fail_alloc.h"

#include "pool_rig.h"
#include "turn/probe_watch.h"

static struct pool_rig rig;
static struct evdns_base *dns;

static int setup(void **state)
{
	(void)state;
	return pool_rig_start(&rig);
}

static int teardown(void **state)
{
	(void)state;
	pool_rig_end(&rig);
	return 0;
}

static int start(struct probe **probep)
{
	return probe_new(probep, rig.loop, rig.pool, &dns, pool_rig_ignore,
			 NULL);
}

/* The allocation that fails is one of its last: those before are of TLS, and
 * many. */
#define TRIED 4

static long count_allocations(void)
{
	struct probe *probe;
	long last;

	fail_alloc_at(LONG_MAX);
	assert_int_equal(start(&probe), 0);
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
		if (start(&probe))
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

	return cmocka_run_group_tests_name("probe", tests, setup, teardown);
}
