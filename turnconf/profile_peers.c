/* profile_peers.c: whom clients may not be relayed to. */
#include <errno.h>

#include "deny.h"
#include "profile_parts.h"

/* A box is a range that every coturn compares alike. */
static int put_denied(struct writer *writer, const struct iprange_box *box)
{
	struct iprange range = {.is_v6 = box->is_v6};
	char text[IPRANGE_TEXT_CAP];

	memcpy(range.first, box->low, sizeof(range.first));
	memcpy(range.last, box->high, sizeof(range.last));
	iprange_format(&range, text);
	return writer_put(writer, "denied-peer-ip", text);
}

static int put_own_denied(struct writer *writer, struct span item)
{
	struct iprange_box boxes[IPRANGE_MAX_BOXES];
	struct iprange range;
	size_t count;
	int err = 0;

	if (iprange_parse(item, &range))
		return writer_fail(writer,
				   "coturn.deny_peers: \"%.*s\" is no "
				   "address or FIRST-LAST",
				   (int)item.len, item.ptr);
	if (iprange_ends_at_zero(&range) ||
	    (range.is_v6 && iprange_starts_at_zero(&range)))
		return writer_fail(writer,
				   "coturn.deny_peers: coturn takes :: and "
				   "0.0.0.0 at an end for no limit and would "
				   "deny everybody; both are refused anyway");

	count = iprange_to_boxes(&range, boxes);
	for (size_t i = 0; i < count && !err; i++)
		err = put_denied(writer, &boxes[i]);
	return err;
}

static int put_all_own_denied(struct writer *writer)
{
	struct span rest = span_from(writer->config->coturn.deny_peers);
	struct span item;
	int err = 0;

	while (!err && span_next_item(&rest, ',', &item)) {
		if (item.len)
			err = put_own_denied(writer, item);
	}
	return err;
}

int profile_put_peers(struct writer *writer)
{
	int err;

	buf_append_str(writer->out, "\n");
	writer_comment(writer,
		       "No way into anybody's network. coturn takes no CIDR, "
		       "and :: at an end for no limit.");
	err = writer_put(writer, "no-multicast-peers", NULL);
	for (size_t i = 0; i < deny_ranges_count && !err; i++)
		err = writer_put(writer, "denied-peer-ip",
				 deny_ranges[i].range);
	if (!err)
		err = put_all_own_denied(writer);
	if (!err && writer_is_development(writer)) {
		writer_comment(writer, "Development only, see the top.");
		err = writer_put_list(writer, "allowed-peer-ip",
				      &writer->relay);
	}
	return err;
}
