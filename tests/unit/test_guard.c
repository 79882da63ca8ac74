/* test_guard.c: a server that cannot be tried says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pool_rig.h"
#include "turn/guard.h"

static struct pool_rig rig;
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

static const struct guard_ops ops = {.pick = pick, .on_verdict = on_verdict};

static int setup(void **state)
{
	(void)state;
	return pool_rig_start(&rig);
}

static int teardown(void **state)
{
	(void)state;
	guard_clear(&guard);
	pool_rig_end(&rig);
	return 0;
}

static void without_a_credential_it_is_untried_and_says_why(void **state)
{
	static const char reason[] = "Redis, where credentials are kept, takes "
				     "none to try it with";

	(void)state;
	guard_init(&guard, rig.loop, rig.pool->servers, POOL_FRONT, &ops, NULL);
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

	return cmocka_run_group_tests_name("guard", tests, setup, teardown);
}
