/* test_config_namespace.c: the items of socketio.namespaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "policy/config_namespace.h"

static void assert_span(struct span s, const char *text)
{
	assert_true(span_equal(s, span_from(text)));
}

static void items_are_read_one_after_the_other(void **state)
{
	struct span rest =
		SPAN(" /=tutorial, /chat = generic+recovery ,/x=/etc/x=y");
	struct config_namespace item;

	(void)state;
	assert_int_equal(config_namespace_next(&rest, &item), 1);
	assert_span(item.name, "/");
	assert_span(item.rules, "tutorial");
	assert_false(item.is_recoverable);
	assert_int_equal(config_namespace_next(&rest, &item), 1);
	assert_span(item.name, "/chat");
	assert_span(item.rules, "generic");
	assert_true(item.is_recoverable);
	assert_int_equal(config_namespace_next(&rest, &item), 1);
	assert_span(item.name, "/x");
	assert_span(item.rules, "/etc/x=y");
	assert_false(item.is_recoverable);
	assert_int_equal(config_namespace_next(&rest, &item), 0);
}

static void what_is_no_item_is_refused(void **state)
{
	static const char *const bad[] = {
		"/",	      "=tutorial", "chat=generic", "/ch at=generic",
		"/chat=",     "/chat= ",   "/=+recovery",  "/a\"b=generic",
		"/é=generic",
	};
	struct config_namespace item;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct span rest = span_from(bad[i]);

		print_message("# %s\n", bad[i]);
		assert_int_equal(config_namespace_next(&rest, &item), -EINVAL);
	}
}

static void a_name_has_64_bytes_at_most(void **state)
{
	char text[CONFIG_MAX_NAMESPACE + 16];
	struct config_namespace item;
	struct span rest;

	(void)state;
	for (int len = CONFIG_MAX_NAMESPACE; len <= CONFIG_MAX_NAMESPACE + 1;
	     len++) {
		(void)snprintf(text, sizeof(text), "/%0*d=generic", len - 1, 0);
		rest = span_from(text);
		assert_int_equal(config_namespace_next(&rest, &item),
				 len == CONFIG_MAX_NAMESPACE ? 1 : -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_read_one_after_the_other),
		cmocka_unit_test(what_is_no_item_is_refused),
		cmocka_unit_test(a_name_has_64_bytes_at_most),
	};

	return cmocka_run_group_tests_name("namespaces", tests, NULL, NULL);
}
