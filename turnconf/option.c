/* option.c: the table of coturn's options, from 4.5.2 to 4.17.1. */
#include "option.h"

#include "version.h"

#define ROW(name, kind, help)                      \
	{                                          \
		name, OPTION_##kind, 0, 0, 0, help \
	}
#define SINCE(name, kind, x, y, z, help)                          \
	{                                                         \
		name, OPTION_##kind, VERSION(x, y, z), 0, 0, help \
	}
#define GONE(name, kind, x, y, z, help)                           \
	{                                                         \
		name, OPTION_##kind, 0, VERSION(x, y, z), 0, help \
	}
#define NOISY(name, kind, x, y, z, help)                          \
	{                                                         \
		name, OPTION_##kind, 0, 0, VERSION(x, y, z), help \
	}

/* clang-format off */
const struct option options[] = {
	ROW("listening-device", TEXT, "takes the listening addresses from this network interface"),
	ROW("listening-port", PORT, "listens for UDP and plain TCP on this port (3478 without it)"),
	ROW("tls-listening-port", PORT, "listens for TLS and DTLS on this port (5349 without it)"),
	ROW("alt-listening-port", PORT, "second port for the NAT behaviour tests of RFC 5780"),
	ROW("alt-tls-listening-port", PORT, "second TLS port for the NAT behaviour tests of RFC 5780"),
	SINCE("tcp-proxy-port", PORT, 4, 5, 2, "takes TCP clients behind a PROXY protocol header on this port, and from nowhere else"),
	ROW("listening-ip", ADDRESS, "listens on this address of the host; may be given several times"),
	ROW("relay-device", TEXT, "takes the relay addresses from this network interface"),
	ROW("relay-ip", ADDRESS, "relays from this address of the host; may be given several times"),
	ROW("external-ip", TEXT, "tells clients this public address instead of the relay address; of PUBLIC/PRIVATE it also allows PRIVATE as a peer"),
	ROW("relay-threads", NUMBER, "threads that relay (one a processor without it)"),
	ROW("min-port", PORT, "first port that allocations are given"),
	ROW("max-port", PORT, "last port that allocations are given"),
	ROW("lt-cred-mech", FLAG, "asks for a user name and password (long-term credentials, RFC 8489)"),
	ROW("no-auth", FLAG, "asks for no credentials at all: an open relay"),
	ROW("user", SECRET, "a fixed user as NAME:PASSWORD; ignored beside a shared secret"),
	ROW("userdb", FILE, "SQLite file with users, secrets and address rules"),
	ROW("db", FILE, "the same as userdb"),
	ROW("psql-userdb", SECRET, "PostgreSQL database with users, secrets and address rules"),
	ROW("sql-userdb", SECRET, "the same as psql-userdb"),
	ROW("mysql-userdb", SECRET, "MySQL database with users, secrets and address rules"),
	ROW("mongo-userdb", SECRET, "MongoDB database with users, secrets and address rules"),
	ROW("redis-userdb", SECRET, "Redis database with users, secrets and address rules"),
	ROW("redis-statsdb", SECRET, "Redis database that is told of every allocation and its traffic"),
	SINCE("prometheus", SWITCH, 4, 5, 2, "serves metrics over HTTP, port 9641 (not in every build: Debian's has none)"),
	SINCE("prometheus-port", PORT, 4, 6, 1, "port of the metrics"),
	SINCE("prometheus-username-labels", SWITCH, 4, 6, 1, "gives every user name a metric of its own"),
	SINCE("prometheus-address", ADDRESS, 4, 6, 3, "address of the metrics (all without it)"),
	SINCE("prometheus-path", TEXT, 4, 7, 0, "path of the metrics"),
	SINCE("prometheus-tls", FLAG, 4, 14, 0, "serves the metrics over TLS"),
	SINCE("prometheus-cert", FILE, 4, 14, 0, "certificate of the metrics"),
	SINCE("prometheus-key", FILE, 4, 14, 0, "private key of the metrics"),
	ROW("use-auth-secret", SWITCH, "takes time-limited credentials made with a shared secret (TURN REST)"),
	ROW("static-auth-secret", SECRET, "the shared secret; given several times all are taken; turns use-auth-secret on"),
	SINCE("no-auth-pings", SWITCH, 4, 5, 2, "does not ask the database every few seconds whether it is there"),
	SINCE("no-dynamic-ip-list", SWITCH, 4, 5, 2, "does not read allowed and denied peers from the database"),
	SINCE("no-dynamic-realms", SWITCH, 4, 5, 2, "does not read realms from the database"),
	{"secret-ts-exp-time", OPTION_NOTHING, 0, VERSION(4, 7, 0), VERSION_OLDEST, "nothing any more"},
	ROW("realm", TEXT, "the realm that clients are asked to log in to"),
	ROW("server-name", TEXT, "name of this server in OAuth tokens"),
	ROW("oauth", FLAG, "takes OAuth access tokens (RFC 7635)"),
	ROW("user-quota", NUMBER, "allocations one user may have at once; 0 for any number"),
	ROW("total-quota", NUMBER, "allocations at once, all users together; 0 for any number"),
	ROW("max-bps", NUMBER, "bytes (not bits) per second that one allocation may move; 0 for any number"),
	ROW("bps-capacity", NUMBER, "bytes per second shared out among all allocations, max-bps for each"),
	ROW("verbose", FLAG, "logs users, addresses and every session"),
	ROW("Verbose", FLAG, "logs every packet as well"),
	ROW("daemon", FLAG, "goes to the background"),
	GONE("prod", FLAG, 4, 7, 0, "old name of no-software-attribute"),
	SINCE("no-software-attribute", FLAG, 4, 5, 2, "does not tell its version to everyone who asks"),
	SINCE("software-attribute", FLAG, 4, 7, 0, "tells its version to everyone who asks"),
	ROW("fingerprint", FLAG, "adds a FINGERPRINT to every answer"),
	ROW("check-origin-consistency", FLAG, "wants the same ORIGIN in all requests of a session"),
	ROW("no-udp", FLAG, "no UDP listener"),
	ROW("no-tcp", FLAG, "no plain TCP listener"),
	ROW("no-tls", FLAG, "no TLS listener"),
	NOISY("no-dtls", FLAG, 4, 17, 0, "no DTLS listener"),
	SINCE("dtls", FLAG, 4, 17, 0, "a DTLS listener"),
	ROW("no-udp-relay", FLAG, "no UDP allocations"),
	ROW("no-tcp-relay", FLAG, "no TCP allocations (RFC 6062): clients cannot open TCP connections to peers"),
	ROW("stale-nonce", NUMBER_OR, "seconds after which a client must take a new nonce; 0 for never"),
	SINCE("stateless-nonce", FLAG, 4, 16, 0, "checks nonces without remembering them"),
	SINCE("stateless-nonce-secret", SECRET, 4, 16, 0, "key of the stateless nonces, the same on all servers behind one address"),
	ROW("max-allocate-lifetime", NUMBER_OR, "longest lifetime a client may ask for, seconds; it may refresh for ever"),
	ROW("channel-lifetime", NUMBER_OR, "seconds a channel lives without a refresh"),
	ROW("permission-lifetime", NUMBER_OR, "seconds a permission lives without a refresh"),
	ROW("stun-only", FLAG, "answers STUN only and relays nothing"),
	ROW("no-stun", FLAG, "relays only and answers no STUN Binding"),
	ROW("cert", FILE, "certificate for TLS and DTLS (PEM)"),
	ROW("pkey", FILE, "its private key (PEM)"),
	ROW("pkey-pwd", SECRET, "password of the private key"),
	SINCE("raw-public-keys", FLAG, 4, 6, 3, "offers raw public keys beside the certificate (RFC 7250)"),
	ROW("log-file", FILE, "writes the log here; stdout for standard output"),
	ROW("no-stdout-log", FLAG, "does not copy the log to standard output"),
	ROW("syslog", FLAG, "logs to syslog"),
	ROW("simple-log", FLAG, "one log file of one name, not one a day and process"),
	SINCE("new-log-timestamp", SWITCH, 4, 5, 2, "writes date and time before each log line"),
	SINCE("new-log-timestamp-format", TEXT, 4, 5, 2, "format of that date and time (strftime)"),
	SINCE("log-min-level", TEXT, 4, 15, 0, "least important level that is logged"),
	ROW("aux-server", TEXT, "one more address and port to listen on"),
	ROW("udp-self-balance", FLAG, "spreads UDP clients over the auxiliary servers"),
	ROW("alternate-server", TEXT, "sends clients to another server (300 Try Alternate)"),
	ROW("tls-alternate-server", TEXT, "sends TLS clients to another server"),
	SINCE("tcp-alternate-server", TEXT, 4, 15, 0, "sends TCP clients to another server"),
	SINCE("udp-alternate-server", TEXT, 4, 15, 0, "sends UDP clients to another server"),
	ROW("rest-api-separator", TEXT, "character between expiry and user in a time-limited name (: without it)"),
	ROW("max-allocate-timeout", NUMBER, "seconds a client has to finish its first allocation"),
	ROW("no-multicast-peers", FLAG, "refuses multicast peers, 224.0.0.0 to 255.255.255.255 and ff00::/8"),
	ROW("allow-loopback-peers", FLAG, "lets clients reach services on this host's loopback"),
	ROW("allowed-peer-ip", PEERS, "allows these peers, whatever denied-peer-ip says"),
	ROW("denied-peer-ip", PEERS, "refuses these peers"),
	ROW("cipher-list", TEXT, "OpenSSL's list of ciphers for TLS up to 1.2"),
	ROW("pidfile", FILE, "writes its process id here"),
	ROW("secure-stun", FLAG, "asks for credentials for a STUN Binding too, which no browser gives"),
	ROW("CA-file", FILE, "asks clients for a certificate of this authority"),
	ROW("dh-file", FILE, "Diffie-Hellman parameters (PEM)"),
	ROW("proc-user", TEXT, "becomes this user once it listens"),
	ROW("proc-group", TEXT, "becomes this group once it listens"),
	ROW("mobility", FLAG, "lets allocations move to another client address (RFC 8016)"),
	NOISY("no-cli", FLAG, 4, 10, 0, "turns the telnet administration off"),
	SINCE("cli", FLAG, 4, 10, 0, "turns the telnet administration on"),
	ROW("cli-ip", ADDRESS, "address of the telnet administration (127.0.0.1 without it)"),
	ROW("cli-port", PORT, "port of the telnet administration (5766 without it)"),
	ROW("cli-password", SECRET, "password of the telnet administration, or its hash from turnadmin -P"),
	ROW("cli-max-output-sessions", NUMBER, "sessions the telnet administration lists at once"),
	ROW("web-admin", FLAG, "turns the web administration on"),
	ROW("web-admin-ip", ADDRESS, "address of the web administration (127.0.0.1 without it)"),
	ROW("web-admin-port", PORT, "port of the web administration (8080 without it)"),
	ROW("web-admin-listen-on-workers", FLAG, "serves the web administration on the relay's own ports too"),
	ROW("server-relay", FLAG, "relays for anybody between servers, outside the standard"),
	ROW("ec-curve-name", TEXT, "elliptic curve of TLS"),
	ROW("dh566", FLAG, "566-bit Diffie-Hellman parameters"),
	SINCE("dh1066", FLAG, 4, 5, 2, "1066-bit Diffie-Hellman parameters"),
	GONE("dh2066", FLAG, 4, 5, 2, "2066-bit Diffie-Hellman parameters, the default since"),
	GONE("ne", NUMBER, 4, 10, 0, "picks one of three ways to spread load over threads"),
	GONE("no-sslv2", NOTHING, 4, 7, 0, "nothing any more"),
	GONE("no-sslv3", NOTHING, 4, 7, 0, "nothing any more"),
	GONE("no-tlsv1", FLAG, 4, 7, 0, "no TLS 1.0"),
	GONE("no-tlsv1_1", FLAG, 4, 7, 0, "no TLS 1.1"),
	ROW("no-tlsv1_2", FLAG, "no TLS 1.2"),
	SINCE("tlsv1", FLAG, 4, 7, 0, "allows TLS 1.0"),
	SINCE("tlsv1_1", FLAG, 4, 7, 0, "allows TLS 1.1"),
	ROW("secret-key-file", FILE, "key that passwords in the database are encrypted with"),
	ROW("keep-address-family", FLAG, "relays from an address of the client's own family"),
	SINCE("allocation-default-address-family", TEXT, 4, 6, 1, "address family of an allocation that asks for none: ipv4, ipv6 or keep"),
	SINCE("acme-redirect", TEXT, 4, 5, 2, "sends HTTP requests of certificate authorities to this address"),
	SINCE("log-binding", FLAG, 4, 5, 2, "logs STUN Bindings when verbose"),
	SINCE("no-rfc5780", SWITCH, 4, 6, 1, "no NAT behaviour tests (RFC 5780)"),
	SINCE("rfc5780", SWITCH, 4, 7, 0, "NAT behaviour tests (RFC 5780)"),
	{"no-stun-backward-compatibility", OPTION_FLAG, VERSION(4, 6, 1), VERSION(4, 7, 0), 0, "no answers to STUN of before RFC 5389"},
	SINCE("stun-backward-compatibility", FLAG, 4, 7, 0, "adds the old MAPPED-ADDRESS to a STUN answer"),
	SINCE("rfc3489-compatibility", FLAG, 4, 16, 0, "answers STUN of before RFC 5389"),
	SINCE("rfc5766-channel-numbers", FLAG, 4, 16, 0, "takes channel numbers above 0x4FFF"),
	SINCE("response-origin-only-with-rfc5780", FLAG, 4, 6, 1, "leaves RESPONSE-ORIGIN out of a STUN answer"),
	SINCE("respond-http-unsupported", FLAG, 4, 6, 3, "answers HTTP requests with an error"),
	SINCE("version", SWITCH, 4, 6, 1, "has a meaning on the command line only"),
	SINCE("syslog-facility", TEXT, 4, 6, 1, "syslog facility"),
	SINCE("sock-buf-size", NUMBER, 4, 8, 0, "bytes of each socket's buffers"),
	SINCE("drop-invalid-packets", FLAG, 4, 8, 0, "drops what cannot be STUN before it is looked at"),
	SINCE("drop-invalid-packets-log", FLAG, 4, 8, 0, "logs each packet so dropped"),
	SINCE("cpus", NUMBER, 4, 8, 0, "processors to reckon with, for containers"),
	SINCE("include-reason-string", FLAG, 4, 10, 0, "puts a reason in words into error answers"),
	SINCE("udp-recvmmsg", FLAG, 4, 10, 0, "reads several datagrams at once"),
	SINCE("udp-recvmmsg-log", FLAG, 4, 12, 0, "logs how many it read"),
	SINCE("udp-sendmmsg-log", FLAG, 4, 13, 0, "logs how many it sent at once"),
	SINCE("udp-gso", FLAG, 4, 12, 0, "lets the kernel cut datagrams; only with multiplex-peer"),
	SINCE("multiplex-peer", SWITCH, 4, 12, 0, "relays all clients of a thread from one port"),
	SINCE("multiplex-peer-port", PORT, 4, 12, 0, "first port of multiplex-peer"),
	SINCE("multiplex-peer-max-peers", NUMBER, 4, 16, 0, "peers one session may have with multiplex-peer"),
	SINCE("unauthorized-ratelimit", FLAG, 4, 14, 0, "limits the 401 answers it sends to one address"),
	SINCE("unauthorized-ratelimit-rps", NUMBER, 4, 14, 0, "how many a second"),
	SINCE("drain-min-allocations", NUMBER, 4, 15, 0, "allocations left at which a draining server ends"),
};
/* clang-format on */

const size_t options_count = sizeof(options) / sizeof(options[0]);

/* Longer names than any option's are not worth a guess. */
#define MAX_NAME 48

const struct option *option_find(struct span name)
{
	for (size_t i = 0; i < options_count; i++) {
		if (span_equal(name, span_from(options[i].name)))
			return &options[i];
	}
	return NULL;
}

bool option_is_known(const struct option *option, unsigned version)
{
	return version >= option->since &&
	       (!option->removed || version < option->removed);
}

bool option_is_quiet(const struct option *option, unsigned version)
{
	return option_is_known(option, version) &&
	       (!option->noisy || version < option->noisy);
}

static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '_' ? '-' : c;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Letters to change, add or drop (Levenshtein), with case and _ aside. */
static size_t distance(struct span a, struct span b)
{
	size_t row[MAX_NAME + 1];

	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 0; i < a.len; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < b.len; j++) {
			size_t change = fold(a.ptr[i]) != fold(b.ptr[j]);
			size_t above = row[j + 1];

			row[j + 1] = smallest(above + 1, row[j] + 1,
					      diagonal + change);
			diagonal = above;
		}
	}
	return row[b.len];
}

const struct option *option_guess(struct span name, unsigned version)
{
	const struct option *best = NULL;
	size_t best_distance = name.len / 3 + 1;

	if (!name.len || name.len > MAX_NAME)
		return NULL;

	/* Dashes of the command line have no place in the file. */
	while (name.len && name.ptr[0] == '-')
		name = span_skip(name, 1);
	for (size_t i = 0; i < options_count; i++) {
		size_t d;

		if (!option_is_known(&options[i], version))
			continue;
		d = distance(name, span_from(options[i].name));
		if (d < best_distance) {
			best = &options[i];
			best_distance = d;
		}
	}
	return best;
}
