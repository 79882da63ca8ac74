/* profile.c: writes turnserver.conf from the one configuration. */
#include "profile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/cert.h"
#include "clipassword.h"
#include "conffile.h"
#include "deny.h"
#include "option.h"
#include "version.h"

#define MAX_ADDRESSES HOST_MAX_ADDRESSES
#define MAX_SECRET 256

/* From here on coturn looks for its default certificate even with no-tls, and
 * warns when there is none. */
#define LOOKS_FOR_CERT_SINCE VERSION(4, 15, 0)

/* A client may have as many allocations again while it restarts ICE: the old
 * ones live on until they expire. */
#define ALLOCATIONS_PER_URL 2

struct addresses {
	char items[MAX_ADDRESSES][HOST_ADDRESS_CAP];
	size_t count;
};

struct writer {
	const struct config *config;
	const struct profile_target *target;
	struct addresses listening;
	struct addresses relay;
	char external[2][HOST_ADDRESS_CAP]; /* public and private, or empty */
	char cli_address[HOST_ADDRESS_CAP];
	uint64_t cli_port;
	struct buf *out;
	char *error;
};

__attribute__((format(printf, 2, 3))) static int fail(struct writer *writer,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(writer->error, PROFILE_MAX_ERROR, format, args);
	va_end(args);
	return -EINVAL;
}

static bool is_development(const struct writer *writer)
{
	return !strcmp(writer->config->coturn.profile, "development");
}

/* --- the addresses --- */

static int add_address(struct writer *writer, struct addresses *list,
		       struct span text)
{
	if (list->count == MAX_ADDRESSES ||
	    span_copy(text, list->items[list->count], HOST_ADDRESS_CAP))
		return fail(writer,
			    "too many addresses, or too long a one: "
			    "\"%.*s\"",
			    (int)text.len, text.ptr);

	list->count++;
	return 0;
}

static int split_list(struct writer *writer, struct addresses *list,
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
		return fail(writer, "this host has no address but loopback: "
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
		return fail(writer, "this host has no default route: set "
				    "coturn.relay_ip");
	return err;
}

/* The host of turn.tunnel: there signald connects to it. */
static int take_tunnel_address(struct writer *writer)
{
	struct span address = span_from(writer->config->turn.tunnel);
	const char *colon = memrchr(address.ptr, ':', address.len);

	if (!colon)
		return fail(writer, "turn.tunnel is not set: it says where the "
				    "second coturn listens, as 127.0.0.1:3479");
	address.len = (size_t)(colon - address.ptr);
	if (address.ptr[0] == '[')
		address = span_of(address.ptr + 1, address.len - 2);
	writer->listening.count = 0;
	return add_address(writer, &writer->listening, address);
}

static int read_addresses(struct writer *writer)
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
	return fail(writer,
		    "coturn.external_ip does not say which of %zu relay "
		    "addresses it stands for: write PUBLIC/PRIVATE",
		    found);
}

static int check_private(struct writer *writer, const struct iprange *pub)
{
	struct iprange address;

	if (iprange_parse(span_from(writer->external[1]), &address) ||
	    !iprange_is_single(&address) || address.is_v6 != pub->is_v6)
		return fail(writer,
			    "coturn.external_ip: \"%s\" is not an address of "
			    "the same family as \"%s\"",
			    writer->external[1], writer->external[0]);
	for (size_t i = 0; i < writer->relay.count; i++) {
		struct iprange own = iprange_of(writer->relay.items[i]);

		if (iprange_contains(&own, &address))
			return 0;
	}
	return fail(writer,
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

static int read_external(struct writer *writer)
{
	struct span rest = span_from(writer->config->coturn.external_ip);
	struct iprange pub;
	struct span item;

	if (!rest.len)
		return 0;
	if (!span_next_item(&rest, '/', &item) || iprange_parse(item, &pub) ||
	    !iprange_is_single(&pub) ||
	    span_copy(item, writer->external[0], HOST_ADDRESS_CAP))
		return fail(writer, "coturn.external_ip is not PUBLIC or "
				    "PUBLIC/PRIVATE");
	if (is_nowhere(&pub))
		return fail(writer, "coturn.external_ip: no client reaches %s",
			    writer->external[0]);

	if (!span_next_item(&rest, '/', &item))
		return guess_private(writer, pub.is_v6);
	if (span_copy(item, writer->external[1], HOST_ADDRESS_CAP))
		return fail(writer, "coturn.external_ip is too long");
	return check_private(writer, &pub);
}

static const char *cli_of(const struct writer *writer)
{
	return writer->target->is_tunnel ? writer->config->turn.tunnel_cli
					 : writer->config->turn.cli;
}

/* Whoever reaches it may stop coturn: it is for this host alone. */
static int read_cli(struct writer *writer)
{
	struct span text = span_from(cli_of(writer));
	struct iprange v4 = iprange_of("127.0.0.0-127.255.255.255");
	struct iprange v6 = iprange_of("::1");
	const char *colon = strrchr(text.ptr, ':');
	struct iprange address;
	struct span port;

	if (!text.len)
		return 0;
	port = span_from(colon + 1);
	text.len = (size_t)(colon - text.ptr);
	if (text.ptr[0] == '[')
		text = span_of(text.ptr + 1, text.len - 2);
	if (!iprange_parse(text, &address) &&
	    (iprange_contains(&v4, &address) ||
	     iprange_contains(&v6, &address)) &&
	    !span_copy(text, writer->cli_address, HOST_ADDRESS_CAP) &&
	    !span_to_u64(port, UINT16_MAX, &writer->cli_port))
		return 0;
	return fail(writer,
		    "%s %s: coturn's administration takes orders "
		    "unencrypted, so it must be on loopback, as 127.0.0.1:5766",
		    writer->target->is_tunnel ? "turn.tunnel_cli" : "turn.cli",
		    cli_of(writer));
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
		return fail(writer,
			    "coturn.relay_ip %s: coturn refuses it as a peer "
			    "(%s), whatever is allowed, and relayed clients "
			    "would not meet; give an address of a network "
			    "interface, or run it in a network namespace",
			    text, denied->meaning);
	if (is_development(writer) || is_private_end(writer, &address))
		return 0;
	return fail(writer,
		    "coturn.relay_ip %s is not a public address (%s): set "
		    "coturn.external_ip to the public one behind a NAT, to "
		    "%s/%s to serve a network of your own, "
		    "coturn.relay_ip to the addresses that are to relay, or "
		    "coturn.profile to development",
		    text, denied->meaning, text, text);
}

static int check_relays(struct writer *writer)
{
	int err = 0;

	for (size_t i = 0; i < writer->relay.count && !err; i++)
		err = check_relay(writer, writer->relay.items[i]);
	return err;
}

/* --- the lines --- */

static void comment(struct writer *writer, const char *text)
{
	buf_append_format(writer->out, "# %s\n", text);
}

/* coturn has to read back what is written here. */
static int check_line(struct writer *writer, struct span text, const char *name,
		      const char *value)
{
	struct conffile_reader reader = conffile_start(text);
	struct conffile_line line;

	if (conffile_next(&reader, &line) && !line.has_nul &&
	    span_equal(line.name, span_from(name)) &&
	    span_equal(line.value, span_from(value)) && !reader.rest.len &&
	    text.ptr[text.len - 2] != ';')
		return 0;
	return fail(writer,
		    "coturn has no way to read this value of %s: quotes, "
		    "blanks at its ends, a ; behind it or a new line in it, "
		    "or too long",
		    name);
}

/* An option that this coturn has not, or only grumbles at, is left out. */
static int put(struct writer *writer, const char *name, const char *value)
{
	const struct option *option = option_find(span_from(name));
	size_t start = writer->out->len;

	if (!option || !option_is_quiet(option, writer->target->version))
		return 0;
	buf_append_str(writer->out, name);
	if (value)
		buf_append_format(writer->out, "=%s", value);
	buf_append_str(writer->out, "\n");
	if (writer->out->failed)
		return -ENOMEM;
	return check_line(writer, span_skip(buf_span(writer->out), start), name,
			  value ? value : "");
}

static int put_number(struct writer *writer, const char *name, uint64_t number)
{
	char text[21];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	return put(writer, name, text);
}

static int put_all(struct writer *writer, const char *const *names)
{
	int err = 0;

	for (; *names && !err; names++)
		err = put(writer, *names, NULL);
	return err;
}

static int put_list(struct writer *writer, const char *name,
		    const struct addresses *list)
{
	int err = 0;

	for (size_t i = 0; i < list->count && !err; i++)
		err = put(writer, name, list->items[i]);
	return err;
}

/* --- the sections --- */

static void put_head(struct writer *writer)
{
	char version[VERSION_TEXT_CAP];

	version_format(writer->target->version, version);
	buf_append_format(writer->out,
			  "# Made by turnconf for coturn %s, profile %s. "
			  "Change signald.conf, not this file.\n",
			  version, writer->config->coturn.profile);
	if (writer->target->is_tunnel)
		comment(writer, "The second coturn: signald alone talks to it, "
				"for clients that came to listen.tls.");
	comment(writer,
		"It holds a secret: mode 0640, root and coturn's group, "
		"or 0600 and coturn's own.");
	if (is_development(writer))
		comment(writer, "DEVELOPMENT: relaying to the relay's own "
				"address is allowed, and with it to every "
				"service on it.");
}

static int put_external(struct writer *writer)
{
	char value[2 * HOST_ADDRESS_CAP];

	if (!writer->external[0][0])
		return 0;
	comment(writer, "Clients are told the first address. coturn allows the "
			"second one as a peer, whatever is");
	comment(writer, "denied below: services on it are open to clients "
			"unless a firewall closes them.");
	(void)snprintf(value, sizeof(value), "%s/%s", writer->external[0],
		       writer->external[1]);
	return put(writer, "external-ip", value);
}

/* UDP also serves STUN Bindings, to clients and to signald's own probe. */
static bool wants_udp(const struct config *config)
{
	return config->turn.udp || config->turn.stun;
}

static unsigned first_relay_port(const struct writer *writer)
{
	return writer->target->is_tunnel
		       ? writer->config->coturn.tunnel_min_port
		       : writer->config->coturn.min_port;
}

static unsigned last_relay_port(const struct writer *writer)
{
	return writer->target->is_tunnel
		       ? writer->config->coturn.tunnel_max_port
		       : writer->config->coturn.max_port;
}

/* With tcp-proxy-port coturn has no other TCP listener. */
static int put_tunnel_listener(struct writer *writer)
{
	const char *colon = strrchr(writer->config->turn.tunnel, ':');
	int err;

	comment(writer, "Behind a PROXY protocol header, which says the "
			"client's address: nobody but signald may get here.");
	err = put(writer, "tcp-proxy-port", colon + 1);
	return err ? err : put(writer, "no-udp", NULL);
}

static int put_listeners(struct writer *writer)
{
	const struct config *config = writer->config;
	int err;

	if (writer->target->is_tunnel)
		return put_tunnel_listener(writer);
	err = put_number(writer, "listening-port", config->turn.port);
	if (!err && !wants_udp(config))
		err = put(writer, "no-udp", NULL);
	if (!err && !config->turn.tcp)
		err = put(writer, "no-tcp", NULL);
	return err;
}

static int put_network(struct writer *writer)
{
	int err;

	buf_append_str(writer->out, "\n");
	err = put_list(writer, "listening-ip", &writer->listening);
	if (!err)
		err = put_list(writer, "relay-ip", &writer->relay);
	if (!err)
		err = put_external(writer);
	if (!err)
		err = put_listeners(writer);
	if (!err)
		err = put_number(writer, "min-port", first_relay_port(writer));
	if (!err)
		err = put_number(writer, "max-port", last_relay_port(writer));
	return err;
}

/* Those of a file change while coturn runs: it looks for them in its database.
 */
static int put_secrets(struct writer *writer)
{
	struct span rest = span_from(writer->config->turn.secret);
	struct span item;
	int err = 0;

	if (writer->config->turn.secret_file) {
		comment(writer, "The secrets are in userdb: turnconf secrets "
				"puts them there, before coturn starts.");
		return 0;
	}
	while (!err && rest.len && span_next_item(&rest, ',', &item)) {
		char secret[MAX_SECRET + 1];

		if (span_copy(item, secret, sizeof(secret)))
			return fail(writer, "turn.secret: a secret has at most "
					    "256 characters");
		err = put(writer, "static-auth-secret", secret);
		crypto_wipe(secret, sizeof(secret));
	}
	return err;
}

static int put_users(struct writer *writer)
{
	int err;

	buf_append_str(writer->out, "\n");
	err = put(writer, "realm", writer->config->turn.realm);
	if (!err)
		err = put(writer, "use-auth-secret", NULL);
	if (!err)
		err = put_secrets(writer);
	if (!err)
		err = put_number(writer, "stale-nonce", 600);
	return err;
}

static int put_no_tls(struct writer *writer)
{
	static const char *const off[] = {"no-tls", "no-dtls", NULL};
	int err = put_all(writer, off);

	if (err || writer->target->version < LOOKS_FOR_CERT_SINCE)
		return err;
	err = put(writer, "cert", "");
	return err ? err : put(writer, "pkey", "");
}

static int put_tls(struct writer *writer)
{
	static const char *const on[] = {"no-tlsv1", "no-tlsv1_1", "no-dtls",
					 NULL};
	const struct config *config = writer->config;
	int err;

	buf_append_str(writer->out, "\n");
	if (!config->turn.tls || writer->target->is_tunnel)
		return put_no_tls(writer);

	err = put_number(writer, "tls-listening-port", config->turn.tls_port);
	if (!err)
		err = put(writer, "cert", config->coturn.cert);
	if (!err)
		err = put(writer, "pkey", config->coturn.key);
	if (!err)
		err = put(writer, "cipher-list", "ECDHE+AESGCM:ECDHE+CHACHA20");
	if (!err)
		err = put_all(writer, on);
	return err;
}

static unsigned count_urls(const struct writer *writer)
{
	const struct config *config = writer->config;

	if (writer->target->is_tunnel)
		return 1;
	return (unsigned)config->turn.udp + config->turn.tcp + config->turn.tls;
}

/* Each allocation holds one port of one relay address; the family with the most
 * addresses carries the most. */
static uint64_t count_relay_ports(const struct writer *writer)
{
	uint64_t ports = last_relay_port(writer) - first_relay_port(writer) + 1;
	uint64_t v6 = 0;

	for (size_t i = 0; i < writer->relay.count; i++)
		v6 += iprange_of(writer->relay.items[i]).is_v6;
	if (v6 > writer->relay.count - v6)
		return ports * v6;
	return ports * (writer->relay.count - v6);
}

static int put_limits(struct writer *writer)
{
	const struct config *config = writer->config;
	uint64_t user_quota = (uint64_t)count_urls(writer) *
			      config->rooms.max_watchers_per_broadcaster *
			      ALLOCATIONS_PER_URL;
	uint64_t total_quota = config->coturn.total_quota
				       ? config->coturn.total_quota
				       : count_relay_ports(writer);
	int err;

	buf_append_str(writer->out, "\n");
	comment(writer, "One user: TURN URLs x watchers of a broadcaster x 2. "
			"Rates are bytes per second.");
	err = put_number(writer, "user-quota", user_quota);
	if (!err)
		err = put_number(writer, "total-quota", total_quota);
	if (!err)
		err = put_number(writer, "max-bps",
				 (uint64_t)config->coturn.max_kbps * 125);
	if (!err && config->coturn.capacity_kbps)
		err = put_number(writer, "bps-capacity",
				 (uint64_t)config->coturn.capacity_kbps * 125);
	if (!err)
		err = put_number(writer, "max-allocate-lifetime", 3600);
	return err;
}

/* By it signald ends allocations. A salt of its own for each file: equal
 * passwords do not look equal. */
static int put_cli_password(struct writer *writer)
{
	uint8_t salt[CLIPASSWORD_SALT_LEN];
	char hash[CLIPASSWORD_CAP];
	int err;

	crypto_random(salt, sizeof(salt));
	err = clipassword_hash(span_from(writer->config->turn.cli_password),
			       salt, hash);
	return err ? err : put(writer, "cli-password", hash);
}

static int put_cli(struct writer *writer)
{
	int err;

	if (!cli_of(writer)[0])
		return put(writer, "no-cli", NULL);
	err = put(writer, "cli", NULL);
	if (!err)
		err = put(writer, "cli-ip", writer->cli_address);
	if (!err)
		err = put_number(writer, "cli-port", writer->cli_port);
	return err ? err : put_cli_password(writer);
}

/* Two coturns cannot share it: "x.pid" becomes "x-tunnel.pid". */
static int put_pidfile(struct writer *writer)
{
	const char *path = writer->config->coturn.pidfile;
	size_t len = strlen(path);
	struct buf name = {0};
	int err = 0;

	if (!len)
		return 0;
	if (!writer->target->is_tunnel)
		return put(writer, "pidfile", path);
	if (len > 4 && !strcmp(path + len - 4, ".pid"))
		len -= 4;
	buf_append(&name, path, len);
	buf_append_str(&name, "-tunnel.pid");
	buf_append(&name, "", 1);
	err = name.failed ? -ENOMEM : put(writer, "pidfile", name.ptr);
	buf_clear(&name);
	return err;
}

static int put_habits(struct writer *writer)
{
	static const char *const habits[] = {
		"fingerprint",
		"no-tcp-relay",
		"no-software-attribute",
		"no-rfc5780",
		"response-origin-only-with-rfc5780",
		"no-stun-backward-compatibility",
		"no-auth-pings",
		"no-dynamic-ip-list",
		"no-dynamic-realms",
		"no-stdout-log",
		NULL,
	};
	int err;

	buf_append_str(writer->out, "\n");
	err = put_all(writer, habits);
	if (!err)
		err = put_cli(writer);
	if (!err)
		err = put(writer, "log-file", "stdout");
	if (!err)
		err = put(writer, "userdb", writer->config->coturn.userdb);
	return err ? err : put_pidfile(writer);
}

/* A box is a range that every coturn compares alike. */
static int put_denied(struct writer *writer, const struct iprange_box *box)
{
	struct iprange range = {.is_v6 = box->is_v6};
	char text[IPRANGE_TEXT_CAP];

	memcpy(range.first, box->low, sizeof(range.first));
	memcpy(range.last, box->high, sizeof(range.last));
	iprange_format(&range, text);
	return put(writer, "denied-peer-ip", text);
}

static int put_own_denied(struct writer *writer, struct span item)
{
	struct iprange_box boxes[IPRANGE_MAX_BOXES];
	struct iprange range;
	size_t count;
	int err = 0;

	if (iprange_parse(item, &range))
		return fail(writer,
			    "coturn.deny_peers: \"%.*s\" is no "
			    "address or FIRST-LAST",
			    (int)item.len, item.ptr);
	if (iprange_ends_at_zero(&range) ||
	    (range.is_v6 && iprange_starts_at_zero(&range)))
		return fail(writer, "coturn.deny_peers: coturn takes :: and "
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

static int put_peers(struct writer *writer)
{
	int err;

	buf_append_str(writer->out, "\n");
	comment(writer, "No way into anybody's network. coturn takes no CIDR, "
			"and :: at an end for no limit.");
	err = put(writer, "no-multicast-peers", NULL);
	for (size_t i = 0; i < deny_ranges_count && !err; i++)
		err = put(writer, "denied-peer-ip", deny_ranges[i].range);
	if (!err)
		err = put_all_own_denied(writer);
	if (!err && is_development(writer)) {
		comment(writer, "Development only, see the top.");
		err = put_list(writer, "allowed-peer-ip", &writer->relay);
	}
	return err;
}

/* --- what must hold before a line is written --- */

static int check_tls(struct writer *writer)
{
	const struct config *config = writer->config;
	char why[CERT_MAX_ERROR];

	if (!config->turn.tls || writer->target->is_tunnel)
		return 0;
	if (!config->coturn.cert[0] || !config->coturn.key[0])
		return fail(writer, "turn.tls needs coturn.cert and "
				    "coturn.key: coturn would run without TLS");
	if (cert_check(config->coturn.cert, config->coturn.key,
		       writer->target->now_s, why))
		return fail(writer, "turn.tls: %s", why);
	return 0;
}

static int check_values(struct writer *writer)
{
	const struct config *config = writer->config;

	if (writer->target->version < VERSION_OLDEST)
		return fail(writer, "coturn before 4.5.2 lets peers reach the "
				    "host's own services (CVE-2020-26262): "
				    "take a newer one");
	if (!config->turn.secret[0])
		return fail(writer, "turn.secret is not set (turnconf secret "
				    "makes one)");
	if (!count_urls(writer))
		return fail(writer, "turn.udp, turn.tcp and turn.tls are all "
				    "off: nothing to relay with");
	if (!config->coturn.userdb[0])
		return fail(writer, "coturn.userdb is empty, and coturn would "
				    "make a file of its own choice");
	if (config->coturn.capacity_kbps &&
	    (!config->coturn.max_kbps ||
	     config->coturn.max_kbps > config->coturn.capacity_kbps))
		return fail(writer, "coturn.capacity_kbps is shared out in "
				    "parts of coturn.max_kbps, which must be "
				    "set and not above it");
	return check_tls(writer);
}

int profile_generate(const struct config *config,
		     const struct profile_target *target, struct buf *out,
		     char error[PROFILE_MAX_ERROR])
{
	static int (*const steps[])(struct writer *) = {
		check_values, read_addresses, read_external, check_relays,
		read_cli};
	static int (*const sections[])(struct writer *) = {
		put_network, put_users,	 put_tls,
		put_limits,  put_habits, put_peers};
	struct writer writer = {
		.config = config, .target = target, .out = out, .error = error};
	int err = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++)
		err = steps[i](&writer);
	if (err)
		return err;

	put_head(&writer);
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && !err;
	     i++)
		err = sections[i](&writer);
	return out->failed ? -ENOMEM : err;
}
