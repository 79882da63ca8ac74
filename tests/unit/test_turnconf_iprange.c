/* test_turnconf_iprange.c: ranges of addresses, and what they leave open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "policy/forbidden.h"
#include "turnconf/deny.h"
#include "turnconf/iprange.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static void ranges_are_parsed_and_written(void **state)
{
	static const char *const same[] = {"1.2.3.4", "1.2.3.4-1.2.3.9", "::1",
					   "fc00::-fdff::1",
					   "0.0.0.0-0.255.255.255"};
	char text[IPRANGE_TEXT_CAP];
	struct iprange range;

	(void)state;
	for (size_t i = 0; i < LEN(same); i++) {
		assert_int_equal(iprange_parse(span_from(same[i]), &range), 0);
		iprange_format(&range, text);
		assert_string_equal(text, same[i]);
	}
	assert_int_equal(iprange_parse(SPAN(" 1.2.3.4 - 1.2.3.9 "), &range), 0);
}

static void what_is_no_range_is_refused(void **state)
{
	static const struct {
		const char *text;
		int err;
	} cases[] = {
		{"", -EINVAL},
		{"-", -EINVAL},
		{"1.2.3", -EINVAL},
		{"1.2.3.4-", -EINVAL},
		{"1.2.3.4/8", -EINVAL},
		{"1.2.3.4;", -EINVAL},
		{"host", -EINVAL},
		{"1.2.3.4-5", -EINVAL},
		{"fe80::1%lo", -EINVAL},
		{"1.2.3.4-::1", -EXDEV},
		{"2.0.0.0-1.0.0.0", -ERANGE},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:0", -EINVAL},
	};
	struct iprange range;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++)
		assert_int_equal(
			iprange_parse(span_from(cases[i].text), &range),
			cases[i].err);
}

static void cidr_becomes_a_range(void **state)
{
	static const struct {
		const char *cidr, *range;
	} cases[] = {
		{"10.1.2.3/8", "10.0.0.0-10.255.255.255"},
		{"100.64.0.0/10", "100.64.0.0-100.127.255.255"},
		{"1.2.3.4/32", "1.2.3.4"},
		{"0.0.0.0/0", "0.0.0.0-255.255.255.255"},
		{"fe80::/10", "fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"::1/128", "::1"},
	};
	char text[IPRANGE_TEXT_CAP];
	struct iprange range;

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		assert_int_equal(
			iprange_parse_cidr(span_from(cases[i].cidr), &range),
			0);
		iprange_format(&range, text);
		assert_string_equal(text, cases[i].range);
	}
	assert_int_equal(iprange_parse_cidr(SPAN("10.0.0.0/33"), &range),
			 -EINVAL);
	assert_int_equal(iprange_parse_cidr(SPAN("10.0.0.0/"), &range),
			 -EINVAL);
	assert_int_equal(iprange_parse_cidr(SPAN("10.0.0.0"), &range), -EINVAL);
}

static bool is_in_box(const struct iprange_box *box, const uint8_t *address)
{
	size_t len = box->is_v6 ? 16 : 4;

	for (size_t i = 0; i < len; i++) {
		if (address[i] < box->low[i] || address[i] > box->high[i])
			return false;
	}
	return true;
}

/* The boxes hold an address exactly once if the range has it, else never. */
static void assert_boxes(const char *text)
{
	struct iprange range = iprange_of(text);
	struct iprange_box boxes[IPRANGE_MAX_BOXES];
	size_t count = iprange_to_boxes(&range, boxes);
	uint32_t first, last;

	memcpy(&first, range.first, 4);
	memcpy(&last, range.last, 4);
	first = ntohl(first);
	last = ntohl(last);
	assert_in_range(count, 1, IPRANGE_MAX_BOXES);
	for (int64_t at = (int64_t)first - 300; at <= (int64_t)last + 300;
	     at++) {
		uint32_t address = htonl((uint32_t)at);
		size_t hits = 0;

		for (size_t i = 0; i < count; i++)
			hits += is_in_box(&boxes[i], (uint8_t *)&address);
		assert_int_equal(hits, at >= first && at <= last);
	}
}

static void a_range_comes_apart_into_boxes_without_loss(void **state)
{
	(void)state;
	assert_boxes("1.2.3.4");
	assert_boxes("1.2.3.4-1.2.3.5");
	assert_boxes("1.2.3.0-1.2.3.255");
	assert_boxes("1.2.3.4-1.2.4.5");
	assert_boxes("1.2.3.255-1.2.4.0");
	assert_boxes("1.2.3.4-1.2.9.0");
	assert_boxes("1.2.0.0-1.3.255.255");
	assert_boxes("1.2.255.254-1.4.0.1");
	assert_boxes("1.254.255.255-2.0.0.0");
}

static void the_raggedest_range_has_the_most_boxes(void **state)
{
	struct iprange range =
		iprange_of("101:101:101:101:101:101:101:101-"
			   "fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe");
	struct iprange_box boxes[IPRANGE_MAX_BOXES];

	(void)state;
	assert_int_equal(iprange_to_boxes(&range, boxes), IPRANGE_MAX_BOXES);
}

/* Is range covered by the list, each compared in order? */
static bool covers(const char *range, const char *const *list, size_t count)
{
	struct iprange_box boxes[8 * IPRANGE_MAX_BOXES];
	struct iprange needed = iprange_of(range);
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct iprange item = iprange_of(list[i]);

		n += iprange_to_boxes(&item, boxes + n);
	}
	return iprange_is_covered(&needed, boxes, n);
}

static void coverage_sees_a_single_missing_address(void **state)
{
	static const char *const whole[] = {"10.0.0.0-10.9.255.255",
					    "10.10.0.0-10.255.255.255"};
	static const char *const hole[] = {"10.0.0.0-10.9.255.254",
					   "10.10.0.0-10.255.255.255"};
	static const char *const overlap[] = {"9.0.0.0-10.100.3.9",
					      "10.20.0.0-11.0.0.0"};
	static const char *const v6[] = {"::-ffff::"};

	(void)state;
	assert_true(covers("10.0.0.0-10.255.255.255", whole, 2));
	assert_false(covers("10.0.0.0-10.255.255.255", hole, 2));
	assert_true(covers("10.0.0.0-10.255.255.255", overlap, 2));
	assert_false(covers("10.0.0.0-10.255.255.255", whole, 1));
	assert_false(covers("10.0.0.0-10.255.255.255", NULL, 0));
	assert_false(covers("10.0.0.0-10.255.255.255", v6, 1));
}

/* As coturn before 4.16.0 compares: some address of ::/96 but :: slips
 * through any three of the four lines, and none through all. */
static void
byte_by_byte_it_takes_four_lines_for_compatible_addresses(void **state)
{
	static const char *const lines[] = {
		"::1-::ffff:ffff", "::100-::ffff:ffff", "::1:0-::ffff:ffff",
		"::100:0-::ffff:ffff"};
	static const char *const needed[] = {"::1-::ff", "::100-::ffff",
					     "::1:0-::ff:ffff",
					     "::100:0-::ffff:ffff"};

	(void)state;
	for (size_t without = 0; without <= LEN(lines); without++) {
		struct iprange_box boxes[LEN(lines)];
		bool all = true;
		size_t n = 0;

		for (size_t i = 0; i < LEN(lines); i++) {
			struct iprange line = iprange_of(lines[i]);

			if (i != without)
				assert_true(iprange_to_byte_box(&line,
								&boxes[n++]));
		}
		for (size_t i = 0; i < LEN(needed); i++) {
			struct iprange range = iprange_of(needed[i]);

			all = all && iprange_is_covered(&range, boxes, n);
		}
		assert_int_equal(all, without == LEN(lines));
	}
}

static void a_byte_box_can_be_empty(void **state)
{
	struct iprange range = iprange_of("2001:db8:0:1::10-2001:db8:0:2::5");
	struct iprange_box box;

	(void)state;
	assert_false(iprange_to_byte_box(&range, &box));
}

/* Thousands of crossing boxes must not take for ever. */
static void coverage_gives_up_in_time(void **state)
{
	struct iprange_box boxes[2000];
	struct iprange range =
		iprange_of("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");

	(void)state;
	for (size_t i = 0; i < LEN(boxes); i++) {
		boxes[i].is_v6 = true;
		memset(boxes[i].low, 0, 16);
		memset(boxes[i].high, 0xff, 16);
		boxes[i].low[i % 16] = (uint8_t)(1 + i / 16);
		boxes[i].high[(i + 5) % 16] = (uint8_t)(254 - i / 16);
	}
	assert_false(iprange_is_covered(&range, boxes, LEN(boxes)));
}

static void the_deny_list_has_no_end_that_coturn_misreads(void **state)
{
	(void)state;
	for (size_t i = 0; i < deny_ranges_count; i++) {
		struct iprange range = iprange_of(deny_ranges[i].range);

		assert_false(iprange_ends_at_zero(&range));
		assert_false(range.is_v6 && iprange_starts_at_zero(&range));
		assert_non_null(strchr(deny_ranges[i].meaning, ' '));
	}
}

static const struct deny_range *find_denied(const char *address)
{
	struct iprange wanted = iprange_of(address);

	for (size_t i = 0; i < deny_ranges_count; i++) {
		struct iprange range = iprange_of(deny_ranges[i].range);

		if (iprange_contains(&range, &wanted))
			return &deny_ranges[i];
	}
	return NULL;
}

static void the_deny_list_has_every_peer_that_is_tried_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < forbidden_peers_count; i++) {
		const struct deny_range *range =
			find_denied(forbidden_peers[i]);

		assert_non_null(range);
		assert_true(range->is_inside);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_parsed_and_written),
		cmocka_unit_test(what_is_no_range_is_refused),
		cmocka_unit_test(cidr_becomes_a_range),
		cmocka_unit_test(a_range_comes_apart_into_boxes_without_loss),
		cmocka_unit_test(the_raggedest_range_has_the_most_boxes),
		cmocka_unit_test(coverage_sees_a_single_missing_address),
		cmocka_unit_test(
			byte_by_byte_it_takes_four_lines_for_compatible_addresses),
		cmocka_unit_test(a_byte_box_can_be_empty),
		cmocka_unit_test(coverage_gives_up_in_time),
		cmocka_unit_test(the_deny_list_has_no_end_that_coturn_misreads),
		cmocka_unit_test(
			the_deny_list_has_every_peer_that_is_tried_out),
	};

	return cmocka_run_group_tests_name("turnconf iprange", tests, NULL,
					   NULL);
}
