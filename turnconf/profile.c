/* profile.c: writes turnserver.conf from the one configuration. */
#include "profile.h"

#include <errno.h>
#include <stdio.h>

#include "address.h"
#include "base/cert.h"
#include "clipassword.h"
#include "command.h"
#include "profile_parts.h"
#include "version.h"

/* From here on coturn looks for its default certificate even with no-tls, and
 * warns when there is none. */
#define LOOKS_FOR_CERT_SINCE VERSION(4, 15, 0)

/* Before, a user name that has percent signs ends a coturn that keeps its users
 * in Redis, and anybody can send one (GHSA-4g7c-p5wg-j4hp). */
#define METRICS_ADDRESS_SINCE VERSION(4, 6, 3)
#define KEEPS_USERS_SINCE VERSION(4, 13, 0)
#define REDIS_TIMEOUT_S 5

/* A client may have as many allocations again while it restarts ICE: the old
 * ones live on until they expire. */
#define ALLOCATIONS_PER_URL 2

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
		writer_comment(writer,
			       "The second coturn: signald alone talks to it, "
			       "for clients that came to listen.tls.");
	writer_comment(writer,
		       "It holds a secret: mode 0640, root and coturn's group, "
		       "or 0600 and coturn's own.");
	if (writer_is_development(writer))
		writer_comment(writer,
			       "DEVELOPMENT: relaying to the relay's own "
			       "address is allowed, and with it to every "
			       "service on it.");
}

static int put_external(struct writer *writer)
{
	char value[2 * HOST_ADDRESS_CAP];

	if (!writer->external[0][0])
		return 0;
	writer_comment(writer,
		       "Clients are told the first address. coturn allows the "
		       "second one as a peer, whatever is");
	writer_comment(writer,
		       "denied below: services on it are open to clients "
		       "unless a firewall closes them.");
	(void)snprintf(value, sizeof(value), "%s/%s", writer->external[0],
		       writer->external[1]);
	return writer_put(writer, "external-ip", value);
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
	struct sockaddr_storage tunnel = {0};
	int err;

	/* profile_read_addresses() has refused what is none. */
	(void)address_parse_port(span_from(writer->config->turn.tunnel),
				 &tunnel);
	writer_comment(writer,
		       "Behind a PROXY protocol header, which says the "
		       "client's address: nobody but signald may get here.");
	err = writer_put_number(writer, "tcp-proxy-port",
				address_port(&tunnel));
	return err ? err : writer_put(writer, "no-udp", NULL);
}

static int put_listeners(struct writer *writer)
{
	const struct config *config = writer->config;
	int err;

	if (writer->target->is_tunnel)
		return put_tunnel_listener(writer);
	err = writer_put_number(writer, "listening-port", config->turn.port);
	if (!err && !wants_udp(config))
		err = writer_put(writer, "no-udp", NULL);
	if (!err && !config->turn.tcp)
		err = writer_put(writer, "no-tcp", NULL);
	return err;
}

static int put_network(struct writer *writer)
{
	int err;

	buf_append_str(writer->out, "\n");
	err = writer_put_list(writer, "listening-ip", &writer->listening);
	if (!err)
		err = writer_put_list(writer, "relay-ip", &writer->relay);
	if (!err)
		err = put_external(writer);
	if (!err)
		err = put_listeners(writer);
	if (!err)
		err = writer_put_number(writer, "min-port",
					first_relay_port(writer));
	if (!err)
		err = writer_put_number(writer, "max-port",
					last_relay_port(writer));
	return err;
}

/* Those of a file change while coturn runs: it looks for them in its database.
 */
static int put_secrets(struct writer *writer)
{
	struct span rest = span_from(writer->config->turn.secret);
	struct span item;
	int err = 0;

	if (writer->config->turn.secret_file && !writer->target->has_secrets) {
		writer_comment(writer,
			       "The secrets are in userdb: turnconf secrets "
			       "puts them there, before coturn starts.");
		return 0;
	}
	while (!err && rest.len && span_next_item(&rest, ',', &item)) {
		char secret[CONFIG_MAX_SECRET + 1];

		/* A longer one config_load() has refused. */
		(void)span_copy(item, secret, sizeof(secret));
		err = writer_put(writer, "static-auth-secret", secret);
		crypto_wipe(secret, sizeof(secret));
	}
	return err;
}

static int put_secret_users(struct writer *writer)
{
	int err = writer_put(writer, "use-auth-secret", NULL);

	return err ? err : put_secrets(writer);
}

static int put_redis_users(struct writer *writer)
{
	const struct config *config = writer->config;
	struct sockaddr_storage redis = {0};
	struct buf value = {0};
	char ip[ADDRESS_CAP];
	int err;

	/* What is none config_load() has refused. */
	(void)address_parse_port(span_from(config->turn.redis), &redis);
	address_format_ip(&redis, ip);
	writer_comment(writer, "A key turn/realm/REALM/user/NAME/key in Redis "
			       "for each credential, by signald.");
	buf_append_format(&value, "ip=%s port=%u dbname=%u connect_timeout=%d",
			  ip, address_port(&redis), config->turn.redis_db,
			  REDIS_TIMEOUT_S);
	if (*config->turn.redis_password)
		buf_append_format(&value, " password=%s",
				  config->turn.redis_password);
	buf_append(&value, "", 1);
	err = writer_put(writer, "lt-cred-mech", NULL);
	if (!err)
		err = value.failed
			      ? -ENOMEM
			      : writer_put(writer, "redis-userdb", value.ptr);
	buf_wipe(&value);
	return err;
}

static int put_users(struct writer *writer)
{
	int err;

	buf_append_str(writer->out, "\n");
	err = writer_put(writer, "realm", writer->config->turn.realm);
	if (!err)
		err = config_keeps_users(writer->config)
			      ? put_redis_users(writer)
			      : put_secret_users(writer);
	if (!err)
		err = writer_put_number(writer, "stale-nonce", 600);
	return err;
}

static int put_no_tls(struct writer *writer)
{
	static const char *const off[] = {"no-tls", "no-dtls", NULL};
	int err = writer_put_all(writer, off);

	if (err || writer->target->version < LOOKS_FOR_CERT_SINCE)
		return err;
	err = writer_put(writer, "cert", "");
	return err ? err : writer_put(writer, "pkey", "");
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

	err = writer_put_number(writer, "tls-listening-port",
				config->turn.tls_port);
	if (!err)
		err = writer_put(writer, "cert", config->coturn.cert);
	if (!err)
		err = writer_put(writer, "pkey", config->coturn.key);
	if (!err)
		err = writer_put(writer, "cipher-list",
				 "ECDHE+AESGCM:ECDHE+CHACHA20");
	if (!err)
		err = writer_put_all(writer, on);
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
	writer_comment(writer,
		       "One user: TURN URLs x watchers of a broadcaster x 2. "
		       "Rates are bytes per second.");
	err = writer_put_number(writer, "user-quota", user_quota);
	if (!err)
		err = writer_put_number(writer, "total-quota", total_quota);
	if (!err)
		err = writer_put_number(writer, "max-bps",
					(uint64_t)config->coturn.max_kbps *
						125);
	if (!err && config->coturn.capacity_kbps)
		err = writer_put_number(writer, "bps-capacity",
					(uint64_t)config->coturn.capacity_kbps *
						125);
	if (!err)
		err = writer_put_number(writer, "max-allocate-lifetime", 3600);
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
	return err ? err : writer_put(writer, "cli-password", hash);
}

/* Of loopback: the configuration has no other. */
static int put_cli(struct writer *writer)
{
	const char *cli = writer->target->is_tunnel
				  ? writer->config->turn.tunnel_cli
				  : writer->config->turn.cli;
	struct sockaddr_storage address;
	char ip[ADDRESS_CAP];
	int err;

	if (address_parse_port(span_from(cli), &address))
		return writer_put(writer, "no-cli", NULL);
	address_format_ip(&address, ip);
	err = writer_put(writer, "cli", NULL);
	if (!err)
		err = writer_put(writer, "cli-ip", ip);
	if (!err)
		err = writer_put_number(writer, "cli-port",
					address_port(&address));
	return err ? err : put_cli_password(writer);
}

static const char *metrics_of(const struct writer *writer)
{
	return writer->target->is_tunnel ? writer->config->coturn.tunnel_metrics
					 : writer->config->coturn.metrics;
}

/* A build without them passes over the lines. */
static int put_metrics(struct writer *writer)
{
	struct sockaddr_storage address;
	char ip[ADDRESS_CAP];
	int err;

	if (address_parse_port(span_from(metrics_of(writer)), &address))
		return 0;
	address_format_ip(&address, ip);
	err = writer_put(writer, "prometheus", NULL);
	if (!err)
		err = writer_put(writer, "prometheus-address", ip);
	return err ? err
		   : writer_put_number(writer, "prometheus-port",
				       address_port(&address));
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
		return writer_put(writer, "pidfile", path);
	if (len > 4 && !strcmp(path + len - 4, ".pid"))
		len -= 4;
	buf_append(&name, path, len);
	buf_append_str(&name, "-tunnel.pid");
	buf_append(&name, "", 1);
	err = name.failed ? -ENOMEM : writer_put(writer, "pidfile", name.ptr);
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
	err = writer_put_all(writer, habits);
	if (!err)
		err = put_cli(writer);
	if (!err)
		err = put_metrics(writer);
	if (!err)
		err = writer_put(writer, "log-file", "stdout");
	if (!err && !config_keeps_users(writer->config))
		err = writer_put(writer, "userdb",
				 writer->config->coturn.userdb);
	return err ? err : put_pidfile(writer);
}

/* --- what must hold before a line is written --- */

static int check_tls(struct writer *writer)
{
	const struct config *config = writer->config;
	char why[CERT_MAX_ERROR];

	if (!config->turn.tls || writer->target->is_tunnel)
		return 0;
	if (!config->coturn.cert[0] || !config->coturn.key[0])
		return writer_fail(writer,
				   "turn.tls needs coturn.cert and "
				   "coturn.key: coturn would run without TLS");
	if (cert_check(config->coturn.cert, config->coturn.key,
		       writer->target->now_s, why))
		return writer_fail(writer, "turn.tls: %s", why);
	return 0;
}

static int check_secrets(struct writer *writer)
{
	if (!writer->config->turn.secret[0])
		return writer_fail(writer,
				   "turn.secret is not set (turnconf secret "
				   "makes one)");
	if (!writer->config->coturn.userdb[0])
		return writer_fail(writer,
				   "coturn.userdb is empty, and coturn would "
				   "make a file of its own choice");
	return 0;
}

static int check_users(struct writer *writer)
{
	const struct profile_target *target = writer->target;

	if (!config_keeps_users(writer->config))
		return check_secrets(writer);
	if (target->version >= KEEPS_USERS_SINCE || target->is_patched)
		return 0;
	return writer_fail(writer,
			   "turn.credentials = redis: anybody, without a "
			   "credential, ends a coturn before 4.13.0 that keeps "
			   "its users in Redis (GHSA-4g7c-p5wg-j4hp): run "
			   "4.13.0 or turn.credentials = secret; --patched if "
			   "yours has the patch");
}

static int check_values(struct writer *writer)
{
	const struct config *config = writer->config;

	if (writer->target->version < VERSION_OLDEST)
		return writer_fail(writer,
				   "coturn before 4.5.2 lets peers reach the "
				   "host's own services (CVE-2020-26262): "
				   "take a newer one");
	if (!count_urls(writer))
		return writer_fail(writer,
				   "turn.udp, turn.tcp and turn.tls are all "
				   "off: nothing to relay with");
	if (config->coturn.capacity_kbps &&
	    (!config->coturn.max_kbps ||
	     config->coturn.max_kbps > config->coturn.capacity_kbps))
		return writer_fail(writer,
				   "coturn.capacity_kbps is shared out in "
				   "parts of coturn.max_kbps, which must be "
				   "set and not above it");
	if (*metrics_of(writer) &&
	    writer->target->version < METRICS_ADDRESS_SINCE)
		return writer_fail(writer,
				   "coturn before 4.6.3 shows its metrics to "
				   "everybody: leave coturn.metrics and "
				   "coturn.tunnel_metrics empty, or take a "
				   "newer one");
	return check_tls(writer);
}

int profile_generate(const struct config *config,
		     const struct profile_target *target, struct buf *out,
		     char error[PROFILE_MAX_ERROR])
{
	static int (*const steps[])(struct writer *) = {
		check_values, check_users, profile_read_addresses,
		profile_read_external, profile_check_relays};
	static int (*const sections[])(struct writer *) = {
		put_network, put_users,	 put_tls,
		put_limits,  put_habits, profile_put_peers};
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
