/* iprange.c: parses address ranges and says what they leave open. */
#include "iprange.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>

/* A file with thousands of crossing ranges could cut a range into ever smaller
 * pieces; past this many the answer is "not covered". */
#define MAX_PIECES 20000u

static size_t width(bool is_v6)
{
	return is_v6 ? 16 : 4;
}

static int compare(const struct iprange *a, const uint8_t *x, const uint8_t *y)
{
	return memcmp(x, y, width(a->is_v6));
}

static struct span cut_blanks(struct span s)
{
	while (s.len && s.ptr[0] == ' ')
		s = span_skip(s, 1);
	while (s.len && s.ptr[s.len - 1] == ' ')
		s.len--;
	return s;
}

static int parse_address(struct span text, bool *is_v6, uint8_t out[16])
{
	char buf[INET6_ADDRSTRLEN + 1];

	text = cut_blanks(text);
	if (!text.len || span_copy(text, buf, sizeof(buf)))
		return -EINVAL;

	memset(out, 0, 16);
	if (inet_pton(AF_INET, buf, out) == 1) {
		*is_v6 = false;
		return 0;
	}
	if (inet_pton(AF_INET6, buf, out) == 1) {
		*is_v6 = true;
		return 0;
	}
	return -EINVAL;
}

int iprange_parse(struct span text, struct iprange *range)
{
	const char *dash = text.len ? memchr(text.ptr, '-', text.len) : NULL;
	size_t first_len = dash ? (size_t)(dash - text.ptr) : text.len;
	struct iprange parsed;
	bool last_is_v6;

	if (parse_address(span_of(text.ptr, first_len), &parsed.is_v6,
			  parsed.first))
		return -EINVAL;
	memcpy(parsed.last, parsed.first, sizeof(parsed.last));
	if (dash) {
		if (parse_address(span_skip(text, first_len + 1), &last_is_v6,
				  parsed.last))
			return -EINVAL;
		if (last_is_v6 != parsed.is_v6)
			return -EXDEV;
	}

	*range = parsed;
	return compare(range, range->first, range->last) > 0 ? -ERANGE : 0;
}

int iprange_parse_cidr(struct span text, struct iprange *range)
{
	const char *slash = text.len ? memchr(text.ptr, '/', text.len) : NULL;
	struct iprange parsed;
	uint64_t bits;
	size_t len;

	if (!slash)
		return -EINVAL;
	len = (size_t)(slash - text.ptr);
	if (parse_address(span_of(text.ptr, len), &parsed.is_v6, parsed.first))
		return -EINVAL;
	if (span_to_u64(span_skip(text, len + 1), width(parsed.is_v6) * 8,
			&bits))
		return -EINVAL;

	memcpy(parsed.last, parsed.first, sizeof(parsed.last));
	for (size_t bit = bits; bit < width(parsed.is_v6) * 8; bit++) {
		uint8_t mask = (uint8_t)(0x80u >> bit % 8);

		parsed.first[bit / 8] &= (uint8_t)~mask;
		parsed.last[bit / 8] |= mask;
	}
	*range = parsed;
	return 0;
}

struct iprange iprange_of(const char *text)
{
	struct iprange range = {0};
	int err = iprange_parse(span_from(text), &range);

	assert(!err);
	(void)err;
	return range;
}

void iprange_format(const struct iprange *range, char out[IPRANGE_TEXT_CAP])
{
	int family = range->is_v6 ? AF_INET6 : AF_INET;
	char first[INET6_ADDRSTRLEN];
	char last[INET6_ADDRSTRLEN];

	(void)inet_ntop(family, range->first, first, sizeof(first));
	(void)inet_ntop(family, range->last, last, sizeof(last));
	if (iprange_is_single(range))
		(void)snprintf(out, IPRANGE_TEXT_CAP, "%s", first);
	else
		(void)snprintf(out, IPRANGE_TEXT_CAP, "%s-%s", first, last);
}

bool iprange_is_single(const struct iprange *range)
{
	return !compare(range, range->first, range->last);
}

static bool is_zero(const struct iprange *range, const uint8_t *address)
{
	static const uint8_t zero[16];

	return !compare(range, address, zero);
}

bool iprange_starts_at_zero(const struct iprange *range)
{
	return is_zero(range, range->first);
}

bool iprange_ends_at_zero(const struct iprange *range)
{
	return is_zero(range, range->last);
}

bool iprange_overlaps(const struct iprange *a, const struct iprange *b)
{
	return a->is_v6 == b->is_v6 && compare(a, a->first, b->last) <= 0 &&
	       compare(a, b->first, a->last) <= 0;
}

bool iprange_contains(const struct iprange *outer, const struct iprange *inner)
{
	return outer->is_v6 == inner->is_v6 &&
	       compare(outer, outer->first, inner->first) <= 0 &&
	       compare(outer, inner->last, outer->last) <= 0;
}

/* Every byte of address behind at is fill. */
static bool is_filled(const struct iprange *range, const uint8_t *address,
		      size_t at, uint8_t fill)
{
	for (size_t i = at + 1; i < width(range->is_v6); i++) {
		if (address[i] != fill)
			return false;
	}
	return true;
}

static void add_box(const struct iprange *range, const uint8_t *low,
		    const uint8_t *high, struct iprange_box *boxes,
		    size_t *count)
{
	struct iprange_box *box = &boxes[(*count)++];

	box->is_v6 = range->is_v6;
	memcpy(box->low, low, sizeof(box->low));
	memcpy(box->high, high, sizeof(box->high));
}

/*
 * Where the two ends first differ, at byte d, the range is
 *
 *   first ... prefix.first[d].ff.ff    a ragged low edge, itself a range
 *   prefix.first[d]+1.00.00 ... prefix.last[d]-1.ff.ff    one box
 *   prefix.last[d].00.00 ... last      a ragged high edge, itself a range
 *
 * An edge that is not ragged belongs to the box. Each step goes at least one
 * byte deeper, and an edge has no edge of the other kind: 15 + 1 + 15 boxes.
 */
static void cut(const struct iprange *range, struct iprange_box *boxes,
		size_t *count)
{
	struct iprange low = *range, middle = *range, high = *range;
	size_t n = width(range->is_v6);
	size_t d = 0;
	bool low_is_ragged, high_is_ragged;

	while (d < n && range->first[d] == range->last[d])
		d++;
	low_is_ragged = d < n && !is_filled(range, range->first, d, 0x00);
	high_is_ragged = d < n && !is_filled(range, range->last, d, 0xff);

	if (low_is_ragged) {
		memcpy(low.last, range->first, d + 1);
		memset(low.last + d + 1, 0xff, n - d - 1);
		cut(&low, boxes, count);
		middle.first[d]++;
		memset(middle.first + d + 1, 0, n - d - 1);
	}
	if (high_is_ragged) {
		memcpy(high.first, range->last, d + 1);
		memset(high.first + d + 1, 0, n - d - 1);
		middle.last[d]--;
		memset(middle.last + d + 1, 0xff, n - d - 1);
	}
	if (d == n || middle.first[d] <= middle.last[d])
		add_box(range, middle.first, middle.last, boxes, count);
	if (high_is_ragged)
		cut(&high, boxes, count);
}

size_t iprange_to_boxes(const struct iprange *range,
			struct iprange_box boxes[IPRANGE_MAX_BOXES])
{
	size_t count = 0;

	cut(range, boxes, &count);
	return count;
}

bool iprange_to_byte_box(const struct iprange *range, struct iprange_box *box)
{
	size_t count = 0;

	for (size_t i = 0; i < width(range->is_v6); i++) {
		if (range->first[i] > range->last[i])
			return false;
	}
	add_box(range, range->first, range->last, box, &count);
	return true;
}

static bool boxes_overlap(const struct iprange_box *a,
			  const struct iprange_box *b)
{
	if (a->is_v6 != b->is_v6)
		return false;
	for (size_t i = 0; i < width(a->is_v6); i++) {
		if (a->low[i] > b->high[i] || b->low[i] > a->high[i])
			return false;
	}
	return true;
}

/* Cut off, dimension by dimension, what of the region sticks out of one box;
 * each piece must be covered by the boxes behind it. */
static bool is_region_covered(struct iprange_box region,
			      const struct iprange_box *boxes, size_t count,
			      unsigned *budget)
{
	size_t k = 0;

	while (k < count && !boxes_overlap(&region, &boxes[k]))
		k++;
	if (k == count || !(*budget)--)
		return false;

	for (size_t i = 0; i < width(region.is_v6); i++) {
		struct iprange_box piece = region;

		if (region.low[i] < boxes[k].low[i]) {
			piece.high[i] = (uint8_t)(boxes[k].low[i] - 1);
			if (!is_region_covered(piece, boxes + k + 1,
					       count - k - 1, budget))
				return false;
			region.low[i] = boxes[k].low[i];
		}
		piece = region;
		if (region.high[i] > boxes[k].high[i]) {
			piece.low[i] = (uint8_t)(boxes[k].high[i] + 1);
			if (!is_region_covered(piece, boxes + k + 1,
					       count - k - 1, budget))
				return false;
			region.high[i] = boxes[k].high[i];
		}
	}
	return true;
}

bool iprange_is_covered(const struct iprange *range,
			const struct iprange_box *boxes, size_t boxes_count)
{
	struct iprange_box pieces[IPRANGE_MAX_BOXES];
	size_t count = iprange_to_boxes(range, pieces);
	unsigned budget = MAX_PIECES;

	for (size_t i = 0; i < count; i++) {
		if (!is_region_covered(pieces[i], boxes, boxes_count, &budget))
			return false;
	}
	return true;
}
