/* profile_address.c: where coturn listens and relays. */
#include <errno.h>

#include "address.h"
#include "deny.h"
#include "profile_parts.h"
#include "version.h"

static int add_address(struct writer *writer, struct writer_addresses *list,
		       struct span text)
{
	if (list->count == WRITER_MAX_ADDRESSES ||
	    span_copy(text, list->items[list->count], HOST_ADDRESS_CAP))
		return writer_fail(writer,
				   "too many addresses, or too long a one: "
				   "\"%.*s\"",
				   (int)text.len, text.ptr);

	list->count++;
	return 0;
}

static int split_list(struct writer *writer, struct writer_addresses *list,
		      const char *text)
{
	struct span rest = span_from(text);
	struct span item;
	int err = 0;

	while (!err && span_next_item(&rest, ',', &item)) {
		if (item.len)
			err = add_address(writer, list, item);
	}
	return err;
}

/* All that coturn would find by itself, which it does with a warning. */
static int find_listening(struct writer *writer)
{
	const struct host *host = writer->target->host;
	int err = 0;

	for (size_t i = 0; i < host->addresses_count && !err; i++) {
		const struct host_address *own = &host->addresses[i];

		if (!own->is_loopback && !own->is_link_local)
			err = add_address(writer, &writer->listening,
					  span_from(own->text));
	}
	if (!err && !writer->listening.count)
		return writer_fail(writer,
				   "this host has no address but loopback: "
				   "set coturn.listening_ip");
	return err;
}

/* coturn takes turns among its relay addresses, so one that the internet does
 * not reach would fail every second client: only those of the default route. */
static int find_relay(struct writer *writer)
{
	char address[HOST_ADDRESS_CAP];
	int err = 0;

	if (!host_default_address(false, address))
		err = add_address(writer, &writer->relay, span_from(address));
	if (!err && !host_default_address(true, address))
		err = add_address(writer, &writer->relay, span_from(address));
	if (!err && !writer->relay.count)
		return writer_fail(writer,
				   "this host has no default route: set "
				   "coturn.relay_ip");
	return err;
}

/* The host of turn.tunnel: there signald connects to it. */
static int take_tunnel_address(struct writer *writer)
{
	struct sockaddr_storage address;
	char ip[ADDRESS_CAP];

	if (address_parse_port(span_from(writer->config->turn.tunnel),
			       &address))
		return writer_fail(writer,
				   "turn.tunnel is not set: it says where the "
				   "second coturn listens, as 127.0.0.1:3479");
	address_format_ip(&address, ip);
	writer->listening.count = 0;
	return add_address(writer, &writer->listening, span_from(ip));
}

int profile_read_addresses(struct writer *writer)
{
	const struct config *config = writer->config;
	int err;

	err = split_list(writer, &writer->listening,
			 config->coturn.listening_ip);
	if (!err)
		err = split_list(writer, &writer->relay,
				 config->coturn.relay_ip);
	if (err)
		return err;

	/* As coturn has it: it relays from where it listens. */
	if (!writer->relay.count && writer->listening.count)
		writer->relay = writer->listening;
	if (writer->target->is_tunnel)
		err = take_tunnel_address(writer);
	else if (!writer->listening.count)
		err = find_listening(writer);
	if (!err && !writer->relay.count)
		err = find_relay(writer);
	return err;
}

/* The relay address that external_ip stands for when it names none: the only
 * one of its family. */
static int guess_private(struct writer *writer, bool is_v6)
{
	size_t found = 0;

	for (size_t i = 0; i < writer->relay.count; i++) {
		struct iprange own = iprange_of(writer->relay.items[i]);

		if (own.is_v6 != is_v6)
			continue;
		memcpy(writer->external[1], writer->relay.items[i],
		       HOST_ADDRESS_CAP);
		found++;
	}
	if (found == 1)
		return 0;
	return writer_fail(writer,
			   "coturn.external_ip does not say which of %zu relay "
			   "addresses it stands for: write PUBLIC/PRIVATE",
			   found);
}

static int check_private(struct writer *writer, const struct iprange *pub)
{
	struct iprange address;

	if (iprange_parse(span_from(writer->external[1]), &address) ||
	    !iprange_is_single(&address) || address.is_v6 != pub->is_v6)
		return writer_fail(
			writer,
			"coturn.external_ip: \"%s\" is not an address of "
			"the same family as \"%s\"",
			writer->external[1], writer->external[0]);
	for (size_t i = 0; i < writer->relay.count; i++) {
		struct iprange own = iprange_of(writer->relay.items[i]);

		if (iprange_contains(&own, &address))
			return 0;
	}
	return writer_fail(writer,
			   "coturn.external_ip names %s, which is not in "
			   "coturn.relay_ip",
			   writer->external[1]);
}

/* An address of no use to anybody but this host. */
static bool is_nowhere(const struct iprange *address)
{
	struct iprange v4 = iprange_of("127.0.0.0-127.255.255.255");
	struct iprange v6 = iprange_of("::1");

	return iprange_starts_at_zero(address) ||
	       iprange_contains(&v4, address) || iprange_contains(&v6, address);
}

int profile_read_external(struct writer *writer)
{
	struct span rest = span_from(writer->config->coturn.external_ip);
	struct iprange pub;
	struct span item;

	if (!rest.len)
		return 0;
	if (!span_next_item(&rest, '/', &item) || iprange_parse(item, &pub) ||
	    !iprange_is_single(&pub) ||
	    span_copy(item, writer->external[0], HOST_ADDRESS_CAP))
		return writer_fail(writer,
				   "coturn.external_ip is not PUBLIC or "
				   "PUBLIC/PRIVATE");
	if (is_nowhere(&pub))
		return writer_fail(writer,
				   "coturn.external_ip: no client reaches %s",
				   writer->external[0]);

	if (!span_next_item(&rest, '/', &item))
		return guess_private(writer, pub.is_v6);
	if (span_copy(item, writer->external[1], HOST_ADDRESS_CAP))
		return writer_fail(writer, "coturn.external_ip is too long");
	return check_private(writer, &pub);
}

static const struct deny_range *find_denied(const struct iprange *address)
{
	for (size_t i = 0; i < deny_ranges_count; i++) {
		struct iprange range = iprange_of(deny_ranges[i].range);

		if (iprange_contains(&range, address))
			return &deny_ranges[i];
	}
	return NULL;
}

/* What coturn refuses before it looks at allowed-peer-ip. */
static bool is_refused_always(const struct writer *writer,
			      const struct iprange *address,
			      const struct deny_range *denied)
{
	struct iprange loopback = iprange_of("::1");

	return iprange_contains(&loopback, address) ||
	       (denied->built_in &&
		writer->target->version >= denied->built_in);
}

/* An address may be written in more than one way. */
static bool is_private_end(const struct writer *writer,
			   const struct iprange *address)
{
	struct iprange end;

	return !iprange_parse(span_from(writer->external[1]), &end) &&
	       iprange_contains(&end, address);
}

/* Two clients that are both relayed here talk to each other's relay address,
 * so it must pass as a peer. */
static int check_relay(struct writer *writer, const char *text)
{
	struct iprange address = iprange_of(text);
	const struct deny_range *denied = find_denied(&address);

	if (!denied)
		return 0;
	if (is_refused_always(writer, &address, denied))
		return writer_fail(
			writer,
			"coturn.relay_ip %s: coturn refuses it as a peer "
			"(%s), whatever is allowed, and relayed clients "
			"would not meet; give an address of a network "
			"interface, or run it in a network namespace",
			text, denied->meaning);
	if (writer_is_development(writer) || is_private_end(writer, &address))
		return 0;
	return writer_fail(
		writer,
		"coturn.relay_ip %s is not a public address (%s): set "
		"coturn.external_ip to the public one behind a NAT, to "
		"%s/%s to serve a network of your own, "
		"coturn.relay_ip to the addresses that are to relay, or "
		"coturn.profile to development",
		text, denied->meaning, text, text);
}

int profile_check_relays(struct writer *writer)
{
	int err = 0;

	for (size_t i = 0; i < writer->relay.count && !err; i++)
		err = check_relay(writer, writer->relay.items[i]);
	return err;
}
