/* test_rules_doc.c: the rules in docs/events.md are rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "rules/rules.h"

#define PAGE "docs/events.md"
#define BLOCK_BEGIN "\n```rules\n"
#define BLOCK_END "\n```\n"

static char page[65536];

static int read_page(void **state)
{
	FILE *file = fopen(PAGE, "r");
	size_t len;

	(void)state;
	if (!file)
		return -1;
	len = fread(page, 1, sizeof(page) - 1, file);
	page[len] = '\0';
	return fclose(file);
}

static void check_block(struct span text)
{
	struct config_error error;
	struct ruleset *rules;

	if (rules_parse(&rules, text, "block", &error))
		fail_msg("%s\nin:\n%.*s", error.text, (int)text.len, text.ptr);
	rules_free(rules);
}

static void every_block_of_rules_parses(void **state)
{
	const char *at = page;
	size_t count = 0;

	(void)state;
	while ((at = strstr(at, BLOCK_BEGIN))) {
		const char *begin = at + strlen(BLOCK_BEGIN);
		const char *end = strstr(begin, BLOCK_END);

		assert_non_null(end);
		check_block(span_of(begin, (size_t)(end + 1 - begin)));
		at = end;
		count++;
	}
	assert_int_equal(count, 4);
}

static void every_preset_has_its_heading(void **state)
{
	char heading[64];

	(void)state;
	for (size_t i = 0; rules_preset_name(i); i++) {
		(void)snprintf(heading, sizeof(heading), "\n### %s\n",
			       rules_preset_name(i));
		if (!strstr(page, heading))
			fail_msg("no heading for %s", rules_preset_name(i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_block_of_rules_parses),
		cmocka_unit_test(every_preset_has_its_heading),
	};

	return cmocka_run_group_tests(tests, read_page, NULL);
}
