/* rule.c: the table of rules, and the engine that holds a file against it. */
#include "rule.h"

#include <limits.h>
#include <stdlib.h>

#include "match.h"
#include "version.h"

/*
 * A rule asks about every line of its option (of every option, when it names
 * none), or once about the whole file. It holds for coturn from since on and
 * below before; 0 is no limit. {} is what the matcher has to say.
 */
struct rule {
	const char *id;
	enum rule_severity severity;
	const char *option;
	unsigned since, before;
	bool (*on_line)(struct match *match);
	bool (*on_file)(struct match *match);
	const char *why;
	const char *instead;
};

#define LINE(id, severity, option, matcher, why, instead)                      \
	{                                                                      \
		id, RULE_##severity, option, 0, 0, matcher, NULL, why, instead \
	}
#define LINE_BEFORE(id, severity, option, before, matcher, why, instead)    \
	{                                                                   \
		id, RULE_##severity, option, 0, before, matcher, NULL, why, \
			instead                                             \
	}
#define LINE_SINCE(id, severity, option, since, matcher, why, instead)     \
	{                                                                  \
		id, RULE_##severity, option, since, 0, matcher, NULL, why, \
			instead                                            \
	}
#define FILE_(id, severity, option, matcher, why, instead)                     \
	{                                                                      \
		id, RULE_##severity, option, 0, 0, NULL, matcher, why, instead \
	}
#define FILE_BEFORE(id, severity, option, before, matcher, why, instead)    \
	{                                                                   \
		id, RULE_##severity, option, 0, before, NULL, matcher, why, \
			instead                                             \
	}

/* clang-format off */
static const struct rule rules[] = {
	/* Who may use the relay. */
	FILE_("open-relay", DANGER, NULL, match_open_relay,
	      "nothing says how users log in, and coturn then asks nobody for credentials: anyone may relay through this server",
	      "use-auth-secret and static-auth-secret=SECRET (turnconf secret makes one)"),
	LINE("no-auth", DANGER, "no-auth", match_enabled,
	     "no-auth lets anyone relay through this server",
	     "use-auth-secret and static-auth-secret=SECRET"),
	FILE_("auth-contradiction", DANGER, NULL, match_auth_contradiction,
	      "no-auth beside another way to log in ends coturn at its start",
	      "take no-auth out"),
	FILE_("two-auth-mechanisms", WARNING, NULL, match_two_mechanisms,
	      "beside a shared secret lt-cred-mech is without effect, and coturn warns of it at every start",
	      "take lt-cred-mech out"),
	LINE("user-ignored", WARNING, "user", match_user_beside_secret,
	     "beside a shared secret coturn silently ignores fixed users",
	     "take the line out, or run a second server for fixed users"),
	FILE_("no-realm", WARNING, NULL, match_no_realm,
	      "without a realm coturn takes the host's domain name, often none, and credentials made for another realm fail",
	      "realm=your.domain"),
	LINE("secret-weak", DANGER, "static-auth-secret", match_weak_secret,
	     "the secret can be guessed from one credential, offline: {}",
	     "static-auth-secret=SECRET, one that turnconf secret makes"),
	LINE("secret-mangled", WARNING, "static-auth-secret", match_mangled_secret,
	     "the secret has quotes, blanks, a leading = or other characters that coturn cuts off or reads another way than signald",
	     "a secret of A-Z a-z 0-9 _ - only (turnconf secret makes one)"),
	LINE("separator", WARNING, "rest-api-separator", match_separator,
	     "signald and every other maker of TURN REST credentials puts a : between expiry and user",
	     "take the line out"),
	LINE("oauth-overflow", DANGER, "oauth", match_enabled,
	     "a crafted access token overflows a buffer before coturn 4.10.0 (CVE-2026-43994), and signald makes no such tokens",
	     "take the line out"),
	LINE("nonce-for-ever", WARNING, "stale-nonce", match_zero,
	     "a nonce that never goes stale lets a recorded request be sent again",
	     "stale-nonce=600"),
	LINE("server-relay", DANGER, "server-relay", match_enabled,
	     "server-relay is outside the standard and lets strangers relay between servers",
	     "take the line out"),
	LINE_BEFORE("mobility-quota", WARNING, "mobility", VERSION(4, 17, 0), match_enabled,
	     "moving an allocation gets around the quotas before coturn 4.17.0, and no browser asks for it",
	     "take the line out"),

	/* Who may be relayed to. */
	FILE_("inside-open", DANGER, NULL, match_inside_open,
	      "clients may relay into networks that are nobody's business: {}",
	      "{}"),
	FILE_("special-open", WARNING, NULL, match_special_open,
	      "clients may relay to addresses that belong to nobody: {}",
	      "{}"),
	LINE("allow-loopback", DANGER, "allow-loopback-peers", match_enabled,
	     "every service on this host's loopback is open to every client",
	     "take the line out; for tests, give relay-ip an address that is not loopback"),
	LINE_BEFORE("deny-cidr", DANGER, "denied-peer-ip", VERSION(4, 11, 0), match_cidr,
	     "coturn knows no CIDR: it logs an error, ignores {} and runs without the rule",
	     "{}"),
	LINE_SINCE("deny-cidr-fatal", DANGER, "denied-peer-ip", VERSION(4, 11, 0), match_cidr,
	     "coturn knows no CIDR and ends at its start over {}",
	     "{}"),
	LINE("deny-bad", DANGER, "denied-peer-ip", match_bad_range,
	     "\"{}\" is no address or range: coturn runs without the rule (before 4.11.0), ends, or asks DNS for it",
	     "denied-peer-ip=FIRST-LAST"),
	LINE("deny-all", DANGER, "denied-peer-ip", match_no_limit,
	     "\"{}\" has :: or 0.0.0.0 or nothing at an end where coturn takes it for no limit, so it denies far more than it says, IPv4 too",
	     "start at ::1 (coturn refuses :: itself); 0.0.0.0-0.255.255.255 for 0.0.0.0/8"),
	LINE("deny-mixed", DANGER, "denied-peer-ip", match_mixed_range,
	     "a range from one address family into the other denies nothing of use",
	     "one line for each family"),
	LINE("deny-backward", DANGER, "denied-peer-ip", match_backward_range,
	     "the range ends before it starts and denies nothing",
	     "denied-peer-ip=FIRST-LAST"),
	LINE("deny-unaligned", DANGER, "denied-peer-ip", match_unaligned_range,
	     "before coturn 4.16.0 IPv6 ranges compare byte by byte, so this one leaves holes",
	     "{}"),
	LINE("allow-cidr", WARNING, "allowed-peer-ip", match_cidr,
	     "coturn knows no CIDR: {} is an error, and from 4.11.0 on coturn ends over it",
	     "{}"),
	LINE("allow-bad", WARNING, "allowed-peer-ip", match_bad_range,
	     "\"{}\" is no address or range",
	     "allowed-peer-ip=FIRST-LAST"),
	LINE("allow-all", DANGER, "allowed-peer-ip", match_no_limit,
	     "\"{}\" has :: or 0.0.0.0 or nothing at an end where coturn takes it for no limit, so it allows far more than it says, and allowed wins over denied",
	     "allowed-peer-ip=ADDRESS"),
	LINE("allow-inside", DANGER, "allowed-peer-ip", match_allows_inside,
	     "allowed wins over denied, so clients may relay to: {}",
	     "take the line out; only an own relay-ip may have to be allowed"),
	LINE("external-bad", DANGER, "external-ip", match_external_bad,
	     "\"{}\" is not PUBLIC or PUBLIC/PRIVATE in addresses, and clients are told the relay's own address",
	     "external-ip=PUBLIC/PRIVATE"),
	LINE("external-allows", WARNING, "external-ip", match_external_private,
	     "the part behind the / is allowed as a peer, whatever denied-peer-ip says, and {} is no relay-ip of this file",
	     "external-ip=PUBLIC/PRIVATE with PRIVATE one of the relay-ip lines"),
	LINE("relay-denied", WARNING, "relay-ip", match_relay_denied,
	     "{} is itself denied as a peer, so two clients that are both relayed here get 403 and never meet",
	     "external-ip=PUBLIC/{} behind NAT; allowed-peer-ip={} on a network of your own"),
	LINE("relay-denied", WARNING, "listening-ip", match_relay_denied,
	     "{} is relayed from, as no relay-ip is given, and denied as a peer, so two clients that are both relayed here get 403 and never meet",
	     "external-ip=PUBLIC/{} behind NAT; allowed-peer-ip={} on a network of your own"),
	FILE_("tcp-relay", WARNING, "no-tcp-relay", match_absent,
	      "clients may have coturn open TCP connections to peers (RFC 6062), which WebRTC never needs",
	      "no-tcp-relay"),

	/* How much. */
	FILE_("no-user-quota", WARNING, NULL, match_no_user_quota,
	      "one user may take every relay port",
	      "user-quota=N: TURN URLs x connections of one user x 2"),
	FILE_("no-total-quota", NOTE, "total-quota", match_absent,
	      "nothing bounds the allocations of all users together",
	      "total-quota=N, at most the number of relay ports"),
	FILE_("no-max-bps", NOTE, "max-bps", match_absent,
	      "nothing bounds the bytes per second of one allocation",
	      "max-bps=1000000 (bytes; 8 Mbit/s), or max-bps=0 to say so"),
	FILE_("capacity-alone", DANGER, NULL, match_capacity_alone,
	      "bps-capacity without max-bps ends coturn at its start",
	      "max-bps=N beside it"),

	/* What coturn reads another way, or not at all. */
	LINE("unknown-option", WARNING, NULL, match_unknown,
	     "coturn knows no option \"{}\" and ignores the line",
	     "{}"),
	LINE("removed-option", WARNING, NULL, match_removed,
	     "{}, and the line is ignored",
	     "take the line out"),
	LINE("later-option", WARNING, NULL, match_too_new,
	     "{}, and the line is ignored",
	     "take the line out, or run coturn {}"),
	LINE("deprecated-option", NOTE, NULL, match_noisy,
	     "{} does nothing in this version but a complaint in the log",
	     "take the line out"),
	LINE("long-line", WARNING, NULL, match_piece,
	     "coturn reads 1023 characters of a line and takes the rest for a line of its own",
	     "a shorter line"),
	LINE("nul", WARNING, NULL, match_nul,
	     "coturn sees nothing of the line behind a NUL",
	     "take the NUL out"),
	LINE("inline-comment", WARNING, NULL, match_inline_comment,
	     "a comment has to start its line: here it becomes part of the value",
	     "the comment on a line of its own"),
	LINE("semicolon", WARNING, NULL, match_semicolon,
	     "coturn keeps a ; at the end as part of the line and warns of it",
	     "take the ; off"),
	LINE("bad-boolean", DANGER, NULL, match_bad_flag,
	     "{} takes a boolean, and coturn ends over another value at its start",
	     "{}, or {}=no"),
	LINE("ignored-value", WARNING, NULL, match_ignored_value,
	     "{} is on as soon as it is named: its value is not read",
	     "take the line out to turn it off"),
	LINE("bad-number", WARNING, NULL, match_bad_number,
	     "{} is no such number: coturn takes the sign and digits it starts with, or 0, which for limits means none",
	     "digits only"),
	LINE_BEFORE("bad-port", WARNING, NULL, VERSION(4, 13, 0), match_bad_port,
	     "\"{}\" is no port, and coturn uses what is left of it in 16 bits",
	     "a number from 0 to 65535"),
	LINE_SINCE("bad-port-fatal", DANGER, NULL, VERSION(4, 13, 0), match_bad_port,
	     "\"{}\" is no port, and coturn ends over it at its start",
	     "a number from 0 to 65535"),
	LINE("bad-address", WARNING, NULL, match_bad_address,
	     "\"{}\" is not an address; a name is looked up once, at the start, if at all",
	     "an address in digits"),
	FILE_("ports-backward", DANGER, NULL, match_ports_backward,
	      "min-port is above max-port: there is no port to relay from",
	      "min-port=49152 and max-port=65535"),
	FILE_("no-relay-at-all", DANGER, NULL, match_no_relay_at_all,
	      "no-udp-relay beside no-tcp-relay ends coturn at its start",
	      "no-tcp-relay alone"),
	LINE("multiplex-peer", WARNING, "multiplex-peer", match_present,
	     "clients of a thread share one port and are told apart by their peer's address, so two that talk to one peer collide",
	     "take the line out"),
	LINE("secure-stun", WARNING, "secure-stun", match_enabled,
	     "browsers send no credentials to stun: URLs and get no answer",
	     "take the line out"),

	/* Where it listens. */
	LINE("listening-ip-foreign", DANGER, "listening-ip", match_foreign_address,
	     "this host has no address {}: coturn tries for a minute, answers nobody meanwhile and ends",
	     "an address of this host (check --elsewhere when the file is for another)"),
	LINE("relay-ip-foreign", DANGER, "relay-ip", match_foreign_address,
	     "this host has no address {}: every allocation fails",
	     "an address of this host (check --elsewhere when the file is for another)"),
	FILE_("no-listening-ip", NOTE, "listening-ip", match_absent,
	      "coturn listens on every address the host has when it starts, and warns of it",
	      "listening-ip=ADDRESS"),
	LINE("privileged-port", NOTE, "listening-port", match_privileged_port,
	     "port {} needs CAP_NET_BIND_SERVICE: without it coturn tries for a minute, answers nobody meanwhile and ends",
	     "AmbientCapabilities=CAP_NET_BIND_SERVICE in coturn's unit, or a port from 1024 on"),
	LINE("privileged-port", NOTE, "tls-listening-port", match_privileged_port,
	     "port {} needs CAP_NET_BIND_SERVICE: without it coturn tries for a minute, answers nobody meanwhile and ends",
	     "AmbientCapabilities=CAP_NET_BIND_SERVICE in coturn's unit, or a port from 1024 on"),
	LINE("proxy-port", WARNING, "tcp-proxy-port", match_open_proxy,
	     "whoever reaches this port chooses the client address coturn believes, and all other TCP and TLS listeners are gone",
	     "listening-ip=127.0.0.1 beside the proxy, or a firewall that lets it through only; and a server of its own for it"),

	/* TLS. */
	LINE("seclevel", DANGER, "cipher-list", match_seclevel,
	     "@SECLEVEL in the cipher list brings back TLS 1.0 and keys too short to trust",
	     "cipher-list=ECDHE+AESGCM:ECDHE+CHACHA20"),
	FILE_("no-certificate", WARNING, NULL, match_no_certificate,
	      "without a certificate and key coturn runs all the same, and has no TLS listener",
	      "cert=FILE and pkey=FILE, or no-tls (and no-dtls before 4.17.0)"),
	FILE_("bad-certificate", DANGER, NULL, match_bad_certificate,
	      "{}: coturn runs all the same, without TLS or with one that no client trusts",
	      "cert=FILE and pkey=FILE that fit together and can be read"),
	FILE_("old-tls", WARNING, NULL, match_old_tls,
	      "TLS 1.0 and 1.1 are allowed",
	      "{}"),
	FILE_("open-dtls", WARNING, NULL, match_open_dtls,
	      "before coturn 4.17.0 the DTLS listener can be made to run out of memory, and browsers do not use it",
	      "no-dtls"),
	LINE_BEFORE("no-tls-1-2", DANGER, "no-tlsv1_2", VERSION(4, 7, 0), match_enabled,
	     "builds that know no TLS 1.3 (Debian's 4.6.1) are left without any TLS",
	     "take the line out"),
	LINE("weak-dh", WARNING, "dh566", match_enabled,
	     "566-bit Diffie-Hellman can be broken", "take the line out"),
	LINE("weak-dh", WARNING, "dh1066", match_enabled,
	     "1066-bit Diffie-Hellman can be broken", "take the line out"),

	/* Administration, logs, databases. */
	FILE_("cli-on", WARNING, NULL, match_cli_on,
	      "the telnet administration can end sessions and, before coturn 4.13.0, overwrite files, and is not guarded by loopback and a hashed password",
	      "{}"),
	FILE_("cli-without-password", NOTE, NULL, match_cli_noise,
	      "the telnet administration has no password, so coturn logs an error and leaves it off",
	      "{}"),
	LINE("cli-exposed", DANGER, "cli-ip", match_open_cli,
	     "the telnet administration, unencrypted, is on {}",
	     "cli-ip=127.0.0.1"),
	LINE("cli-password-clear", WARNING, "cli-password", match_clear_cli_password,
	     "the telnet administration's password stands here in clear",
	     "cli-password=HASH, as turnadmin -P -p PASSWORD prints it"),
	LINE_BEFORE("web-admin-hole", DANGER, "web-admin", VERSION(4, 9, 0), match_enabled,
	     "the web administration's password check is broken before coturn 4.9.0",
	     "take the line out"),
	LINE_SINCE("web-admin", WARNING, "web-admin", VERSION(4, 9, 0), match_enabled,
	     "the web administration is one more way in",
	     "take the line out"),
	LINE("web-admin-exposed", DANGER, "web-admin-ip", match_open_web_admin,
	     "the web administration is on {}",
	     "web-admin-ip=127.0.0.1"),
	LINE_BEFORE("redis-format", DANGER, "redis-statsdb", VERSION(4, 13, 0), match_unpatched,
	     "a user name with percent signs ends coturn, or worse, before 4.13.0 (GHSA-4g7c-p5wg-j4hp); signald makes no such names, others with the secret can",
	     "take the line out, or run coturn 4.13.0"),
	LINE_BEFORE("redis-user-format", DANGER, "redis-userdb", VERSION(4, 13, 0), match_users_in_redis,
	     "anybody, without a credential, ends this coturn by a user name with percent signs, before 4.13.0 (GHSA-4g7c-p5wg-j4hp)",
	     "use-auth-secret instead of users in Redis, or run coturn 4.13.0"),
	FILE_("open-prometheus", WARNING, NULL, match_open_prometheus,
	      "the metrics are on every address, for everyone",
	      "prometheus-address=127.0.0.1 (from 4.6.3 on), or a firewall"),
	LINE("prometheus-users", WARNING, "prometheus-username-labels", match_present,
	     "time-limited user names are always new, so the metrics grow without end",
	     "take the line out"),
	LINE("verbose", NOTE, "verbose", match_enabled,
	     "every user's name and address goes to the log", "take the line out"),
	LINE("verbose", NOTE, "Verbose", match_enabled,
	     "every user's name and address and every packet goes to the log", "take the line out"),
	FILE_BEFORE("tells-version", NOTE, "no-software-attribute", VERSION(4, 7, 0), match_absent,
	      "coturn tells its version to everyone who asks",
	      "no-software-attribute"),
	FILE_("default-log", NOTE, "log-file", match_absent,
	      "without log-file coturn starts a new file under /var/log at every start",
	      "log-file=stdout"),
	FILE_("readable-by-all", WARNING, NULL, match_readable_by_all,
	      "the file holds a secret and everyone on this host may read it (mode {})",
	      "mode 0640, owned by root and coturn's group"),
};
/* clang-format on */

#define RULES_COUNT (sizeof(rules) / sizeof(rules[0]))

struct advisory {
	const char *id;
	unsigned since, before;
	const char *text;
};

/* clang-format off */
static const struct advisory advisories[] = {
	{"CVE-2020-26262", 0, VERSION(4, 5, 2),
	 "peers 0.0.0.0 and :: lead to this host's loopback; fixed in 4.5.2"},
	{"CVE-2025-69217", VERSION(4, 6, 3), VERSION(4, 8, 0),
	 "nonces and relay ports can be foreseen; fixed in 4.8.0"},
	{"CVE-2026-40613", 0, VERSION(4, 10, 0),
	 "crafted messages are read out of alignment, which ends coturn on some processors; fixed in 4.10.0"},
	{"sqlite-injection", 0, VERSION(4, 12, 0),
	 "names reach SQL unescaped, of administrators mostly; fixed in 4.12.0"},
	{"after-integrity", 0, VERSION(4, 15, 0),
	 "attributes behind MESSAGE-INTEGRITY are believed; fixed in 4.15.0"},
};
/* clang-format on */

static void append_filled(struct buf *out, const char *text,
			  const struct buf *fill)
{
	for (; *text; text++) {
		if (text[0] == '{' && text[1] == '}') {
			buf_append_span(out, buf_span(fill));
			text++;
		} else {
			buf_append(out, text, 1);
		}
	}
}

static void add_finding(struct rule_findings *findings, const struct rule *rule,
			const struct match *match)
{
	struct rule_finding *items = realloc(
		findings->items, (findings->count + 1) * sizeof(*items));
	struct rule_finding *finding;

	if (!items) {
		findings->failed = true;
		return;
	}
	findings->items = items;
	finding = &items[findings->count++];
	*finding = (struct rule_finding){.id = rule->id,
					 .severity = rule->severity,
					 .line = match->line_number};
	append_filled(&finding->why, rule->why, &match->detail);
	append_filled(&finding->instead, rule->instead, &match->advice);
	if (finding->why.failed || finding->instead.failed)
		findings->failed = true;
}

static void ask(const struct rule *rule, struct match *match,
		struct rule_findings *findings)
{
	bool found = match->line ? rule->on_line(match) : rule->on_file(match);

	if (found)
		add_finding(findings, rule, match);
	if (match->detail.failed || match->advice.failed)
		findings->failed = true;
	buf_clear(&match->detail);
	buf_clear(&match->advice);
}

/* A rule on an option says nothing where coturn does not know the option. */
static bool is_about(const struct rule *rule,
		     const struct rule_subject *subject,
		     const struct conffile_line *line)
{
	const struct option *option;

	if (!rule->option)
		return true;
	if (!span_equal(line->name, span_from(rule->option)))
		return false;
	option = option_find(line->name);
	return option && option_is_known(option, subject->version);
}

static void ask_every_line(const struct rule *rule,
			   const struct rule_subject *subject,
			   struct rule_findings *findings)
{
	struct conffile_reader reader = conffile_start(subject->text);
	struct conffile_line line;

	while (conffile_next(&reader, &line)) {
		struct match match = {.subject = subject,
				      .option = rule->option,
				      .line = &line,
				      .line_number = line.number};

		if (is_about(rule, subject, &line))
			ask(rule, &match, findings);
	}
}

static bool is_for(const struct rule *rule, unsigned version)
{
	return version >= rule->since &&
	       (!rule->before || version < rule->before);
}

/* Behind all lines: the file as a whole. */
static unsigned place_of(const struct rule_finding *finding)
{
	return finding->line ? finding->line : UINT_MAX;
}

/* By line; those of one line stay in the table's order. */
static void sort(struct rule_findings *findings)
{
	for (size_t i = 1; i < findings->count; i++) {
		struct rule_finding finding = findings->items[i];
		size_t j = i;

		for (; j &&
		       place_of(&findings->items[j - 1]) > place_of(&finding);
		     j--)
			findings->items[j] = findings->items[j - 1];
		findings->items[j] = finding;
	}
}

void rule_check(const struct rule_subject *subject,
		struct rule_findings *findings)
{
	for (size_t i = 0; i < RULES_COUNT; i++) {
		struct match match = {.subject = subject,
				      .option = rules[i].option};

		if (!is_for(&rules[i], subject->version))
			continue;
		if (rules[i].on_line)
			ask_every_line(&rules[i], subject, findings);
		else
			ask(&rules[i], &match, findings);
	}
	sort(findings);
}

bool rule_is_misread(const struct rule_finding *finding)
{
	static const char *const ids[] = {
		"deny-cidr",   "deny-cidr-fatal", "deny-bad",
		"allow-cidr",  "allow-bad",	  "external-bad",
		"bad-boolean", "bad-number",	  "bad-port",
		"bad-address", "bad-port-fatal",  "user-ignored",
	};

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
		if (!strcmp(finding->id, ids[i]))
			return true;
	return false;
}

const char *rule_id(size_t index)
{
	return index < RULES_COUNT ? rules[index].id : NULL;
}

void rule_findings_clear(struct rule_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		buf_clear(&findings->items[i].why);
		buf_clear(&findings->items[i].instead);
	}
	free(findings->items);
	*findings = (struct rule_findings){0};
}

const char *rule_severity_name(enum rule_severity severity)
{
	static const char *const names[] = {"danger", "warning", "note"};

	return names[severity];
}

void rule_each_advisory(unsigned version,
			void (*on_note)(const char *id, const char *text,
					void *arg),
			void *arg)
{
	for (size_t i = 0; i < sizeof(advisories) / sizeof(advisories[0]);
	     i++) {
		if (version >= advisories[i].since &&
		    version < advisories[i].before)
			on_note(advisories[i].id, advisories[i].text, arg);
	}
}
