/* match_peers.c: questions about who may be relayed to. */
#include "match.h"

#include <errno.h>
#include <stdlib.h>

#include "deny.h"
#include "version.h"

/* From here on IPv6 compares in order, not byte by byte. */
#define ORDERED_SINCE VERSION(4, 16, 0)

bool match_cidr(struct match *match)
{
	struct iprange range;
	char text[IPRANGE_TEXT_CAP];

	if (iprange_parse_cidr(match->line->value, &range))
		return false;

	iprange_format(&range, text);
	buf_append_span(&match->detail, match->line->value);
	buf_append_format(&match->advice, "%.*s=%s", (int)match->line->name.len,
			  match->line->name.ptr, text);
	return true;
}

/* An empty end is an address to coturn, and one of another rule. */
static bool has_empty_end(struct span value)
{
	const char *dash = value.len ? memchr(value.ptr, '-', value.len) : NULL;
	struct span last;

	if (!dash)
		return !value.len;
	last = span_trim(span_skip(value, (size_t)(dash - value.ptr) + 1));
	return dash == value.ptr || !last.len;
}

bool match_bad_range(struct match *match)
{
	struct iprange range;

	if (iprange_parse(match->line->value, &range) != -EINVAL ||
	    !iprange_parse_cidr(match->line->value, &range) ||
	    has_empty_end(match->line->value))
		return false;

	buf_append_span(&match->detail, match->line->value);
	return true;
}

static bool is_everything(struct span value)
{
	struct iprange range;
	int err;

	if (has_empty_end(value))
		return true;
	err = iprange_parse(value, &range);
	if (err == -EINVAL || err == -EXDEV)
		return false;
	if (iprange_ends_at_zero(&range))
		return true;
	return range.is_v6 && iprange_starts_at_zero(&range);
}

bool match_no_limit(struct match *match)
{
	if (!is_everything(match->line->value))
		return false;

	buf_append_span(&match->detail, match->line->value);
	return true;
}

bool match_mixed_range(struct match *match)
{
	struct iprange range;

	return iprange_parse(match->line->value, &range) == -EXDEV;
}

bool match_backward_range(struct match *match)
{
	struct iprange range;

	return iprange_parse(match->line->value, &range) == -ERANGE &&
	       !is_everything(match->line->value);
}

bool match_unaligned_range(struct match *match)
{
	struct iprange_box boxes[IPRANGE_MAX_BOXES];
	struct iprange range;
	size_t count;

	if (match->subject->version >= ORDERED_SINCE ||
	    iprange_parse(match->line->value, &range) || !range.is_v6 ||
	    is_everything(match->line->value))
		return false;
	count = iprange_to_boxes(&range, boxes);
	if (count == 1)
		return false;

	/* The lines of our own list overlap, so that they need not be taken
	 * apart: what one leaves out another has. */
	for (size_t i = 0; i < deny_ranges_count; i++) {
		struct iprange known = iprange_of(deny_ranges[i].range);

		if (iprange_contains(&known, &range) &&
		    iprange_contains(&range, &known))
			return false;
	}
	for (size_t i = 0; i < count; i++) {
		struct iprange part = {.is_v6 = true};
		char text[IPRANGE_TEXT_CAP];

		memcpy(part.first, boxes[i].low, sizeof(part.first));
		memcpy(part.last, boxes[i].high, sizeof(part.last));
		iprange_format(&part, text);
		buf_append_format(&match->advice, "%s%.*s=%s", i ? ", " : "",
				  (int)match->line->name.len,
				  match->line->name.ptr, text);
	}
	return true;
}

/* --- what the deny lines leave open --- */

struct boxes {
	struct iprange_box *items;
	size_t count;
	bool has_everything;
	bool failed; /* out of memory: some are missing */
};

static void add_boxes(struct boxes *boxes, struct span value, unsigned version)
{
	struct iprange_box *items;
	struct iprange range;

	if (is_everything(value))
		boxes->has_everything = true;
	if (iprange_parse(value, &range))
		return;
	items = realloc(boxes->items,
			(boxes->count + IPRANGE_MAX_BOXES) * sizeof(*items));
	if (!items) {
		boxes->failed = true;
		return;
	}

	boxes->items = items;
	if (!range.is_v6 || version >= ORDERED_SINCE)
		boxes->count += iprange_to_boxes(&range, items + boxes->count);
	else if (iprange_to_byte_box(&range, items + boxes->count))
		boxes->count++;
}

static void add_range(struct boxes *boxes, const char *range, unsigned version)
{
	add_boxes(boxes, span_from(range), version);
}

/* All that is denied: by lines, by no-multicast-peers, by coturn itself. */
static struct boxes read_denied(const struct rule_subject *subject)
{
	struct conffile_reader reader = conffile_start(subject->text);
	struct conffile_line line;
	struct boxes boxes = {0};

	while (conffile_next(&reader, &line)) {
		if (span_equal(line.name, SPAN("denied-peer-ip")))
			add_boxes(&boxes, line.value, subject->version);
	}
	add_range(&boxes, "::1", subject->version);
	if (match_is_on(subject, "no-multicast-peers")) {
		add_range(&boxes, "224.0.0.0-255.255.255.255",
			  subject->version);
		add_range(&boxes,
			  "ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			  subject->version);
	}
	return boxes;
}

static bool is_built_in(const struct deny_range *range, unsigned version)
{
	return range->built_in && version >= range->built_in;
}

/* Some ranges mean the same: it is said once. */
static void append_meaning(struct buf *list, const char *meaning)
{
	struct span rest = buf_span(list);
	const struct span wanted = span_from(meaning);

	for (; rest.len >= wanted.len; rest = span_skip(rest, 1))
		if (span_has_prefix(rest, wanted))
			return;
	buf_append_format(list, "%s%s", list->len ? "; " : "", meaning);
}

static bool list_open(struct match *match, bool is_inside)
{
	struct boxes boxes = read_denied(match->subject);
	size_t open = 0;

	for (size_t i = 0; i < deny_ranges_count; i++) {
		struct iprange range = iprange_of(deny_ranges[i].range);

		if (deny_ranges[i].is_inside != is_inside ||
		    is_built_in(&deny_ranges[i], match->subject->version) ||
		    iprange_is_covered(&range, boxes.items, boxes.count))
			continue;
		append_meaning(&match->detail, deny_ranges[i].meaning);
		buf_append_format(&match->advice, "%sdenied-peer-ip=%s",
				  open ? "\n" : "", deny_ranges[i].range);
		open++;
	}
	free(boxes.items);
	if (boxes.failed)
		match->detail.failed = true;
	return open && !boxes.has_everything;
}

bool match_inside_open(struct match *match)
{
	return list_open(match, true);
}

bool match_special_open(struct match *match)
{
	return list_open(match, false);
}

/* --- who is allowed all the same --- */

/* The address is one of those the file relays from: clients that are both
 * relayed here meet there, so it has to be allowed. */
static bool is_own_relay(const struct rule_subject *subject,
			 const struct iprange *address)
{
	struct conffile_reader reader = conffile_start(subject->text);
	bool has_relay_ip = match_has(subject, "relay-ip");
	const char *name = has_relay_ip ? "relay-ip" : "listening-ip";
	struct conffile_line line;
	struct iprange own;

	while (conffile_next(&reader, &line)) {
		if (span_equal(line.name, span_from(name)) &&
		    !match_address(line.value, &own) &&
		    iprange_contains(&own, address))
			return true;
	}
	return false;
}

bool match_allows_inside(struct match *match)
{
	struct iprange allowed;
	size_t inside = 0;

	if (iprange_parse(match->line->value, &allowed) ||
	    is_own_relay(match->subject, &allowed))
		return false;

	for (size_t i = 0; i < deny_ranges_count; i++) {
		struct iprange range = iprange_of(deny_ranges[i].range);

		if (!iprange_overlaps(&allowed, &range))
			continue;
		append_meaning(&match->detail, deny_ranges[i].meaning);
		inside++;
	}
	return inside;
}

/* external-ip's parts; priv is empty without a "/". */
static void split_external(struct span value, struct span *pub,
			   struct span *priv)
{
	const char *slash =
		value.len ? memchr(value.ptr, '/', value.len) : NULL;
	size_t len = slash ? (size_t)(slash - value.ptr) : value.len;

	*pub = span_of(value.ptr, len);
	*priv = slash ? span_skip(value, len + 1) : span_of(value.ptr, 0);
}

bool match_external_bad(struct match *match)
{
	struct iprange address;
	struct span pub, priv;

	split_external(match->line->value, &pub, &priv);
	if (!match_address(pub, &address) &&
	    (pub.len == match->line->value.len ||
	     !match_address(priv, &address)))
		return false;

	buf_append_span(&match->detail, match->line->value);
	return true;
}

bool match_external_private(struct match *match)
{
	struct iprange address;
	struct span pub, priv;

	split_external(match->line->value, &pub, &priv);
	if (match_address(priv, &address) ||
	    is_own_relay(match->subject, &address))
		return false;

	buf_append_span(&match->detail, priv);
	return true;
}

static bool is_denied(struct match *match, const struct iprange *address)
{
	const struct rule_subject *subject = match->subject;
	struct boxes boxes = read_denied(subject);
	bool denied = iprange_is_covered(address, boxes.items, boxes.count);

	free(boxes.items);
	if (boxes.failed)
		match->detail.failed = true;
	for (size_t i = 0; i < deny_ranges_count && !denied; i++) {
		struct iprange range = iprange_of(deny_ranges[i].range);

		denied = is_built_in(&deny_ranges[i], subject->version) &&
			 iprange_contains(&range, address);
	}
	return denied;
}

static bool is_allowed(const struct rule_subject *subject,
		       const struct iprange *address)
{
	struct conffile_reader reader = conffile_start(subject->text);
	struct conffile_line line;
	struct span pub, priv;
	struct iprange range;

	while (conffile_next(&reader, &line)) {
		if (span_equal(line.name, SPAN("allowed-peer-ip")) &&
		    !iprange_parse(line.value, &range) &&
		    iprange_contains(&range, address))
			return true;
		if (!span_equal(line.name, SPAN("external-ip")))
			continue;
		split_external(line.value, &pub, &priv);
		if (!match_address(priv, &range) &&
		    iprange_contains(&range, address))
			return true;
	}
	return false;
}

/* Without relay-ip the listening addresses are relayed from. */
static bool is_relay_line(const struct match *match)
{
	return span_equal(match->line->name, SPAN("relay-ip")) ||
	       !match_has(match->subject, "relay-ip");
}

bool match_relay_denied(struct match *match)
{
	struct iprange address;

	if (!is_relay_line(match) ||
	    match_address(match->line->value, &address) ||
	    iprange_starts_at_zero(&address) || !is_denied(match, &address) ||
	    is_allowed(match->subject, &address))
		return false;

	buf_append_span(&match->detail, match->line->value);
	buf_append_format(&match->advice, "%.*s", (int)match->line->value.len,
			  match->line->value.ptr);
	return true;
}
