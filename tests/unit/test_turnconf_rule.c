/* test_turnconf_rule.c: each rule finds its trap, and nothing where none is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "turnconf/deny.h"
#include "turnconf/rule.h"
#include "turnconf/version.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))
#define SECRET "k7Wq2mZx-9_bTgRv4LpYcJ1nHd8sFa3E"
#define DEBIAN VERSION(4, 6, 1)

/* In front of the deny list: nothing to find for 4.6.1. */
static const char *const clean[] = {
	"listening-ip=8.8.4.10",
	"relay-ip=8.8.4.10",
	"realm=example.org",
	"use-auth-secret",
	"static-auth-secret=" SECRET,
	"no-tls",
	"no-dtls",
	"user-quota=20",
	"total-quota=200",
	"max-bps=1000000",
	"no-tcp-relay",
	"no-cli",
	"no-software-attribute",
	"log-file=stdout",
};

static const struct host host = {
	.addresses = {{.text = "8.8.4.10"}, {.text = "10.0.0.5"}},
	.addresses_count = 2,
	.first_free_port = 1024,
};

/*
 * For the file without the lines of these options (words parted by blanks) and
 * with these lines at its end, the rule speaks; with the other lines it does
 * not. version is 4.6.1 where it is 0.
 */
struct rule_case {
	const char *id;
	unsigned version;
	const char *without;
	const char *trap;
	const char *fine;
};

/* clang-format off */
static const struct rule_case cases[] = {
	{"open-relay", 0, "use-auth-secret static-auth-secret", "", "use-auth-secret"},
	{"open-relay", 0, "use-auth-secret static-auth-secret", "lt-cred-mech=no", "lt-cred-mech"},
	{"open-relay", 0, "use-auth-secret static-auth-secret", "#use-auth-secret", "user=a:b"},
	{"no-auth", 0, "use-auth-secret static-auth-secret", "no-auth", "no-auth=no"},
	{"auth-contradiction", 0, "", "no-auth", "no-auth=no"},
	{"two-auth-mechanisms", 0, "", "lt-cred-mech", "lt-cred-mech=0"},
	{"user-ignored", 0, "", "user=a:b", "#user=a:b"},
	{"no-realm", 0, "realm", "", "realm=a"},
	{"no-realm", 0, "realm", "realm=", "realm=a"},
	{"secret-weak", 0, "static-auth-secret", "static-auth-secret=kT4x9", "static-auth-secret=kT4x9mWb-3Zq_7rL"},
	{"secret-weak", 0, "static-auth-secret", "static-auth-secret=", "static-auth-secret=kT4x9mWb-3Zq_7rL"},
	{"secret-weak", 0, "static-auth-secret", "static-auth-secret=Change-Me-0123456789", "static-auth-secret=kT4x9mWb-3Zq_7rL"},
	{"secret-weak", 0, "static-auth-secret", "static-auth-secret=aaaaaaaaaaaaaaaaaaaab", "static-auth-secret=kT4x9mWb-3Zq_7rL"},
	{"secret-mangled", 0, "static-auth-secret", "static-auth-secret=\"" SECRET "\"", "static-auth-secret=" SECRET},
	{"secret-mangled", 0, "static-auth-secret", "static-auth-secret==" SECRET, "static-auth-secret = " SECRET},
	{"secret-mangled", 0, "static-auth-secret", "static-auth-secret=a b" SECRET, "static-auth-secret " SECRET "=="},
	{"secret-mangled", 0, "static-auth-secret", "static-auth-secret=\xc3\xa4" SECRET, "static-auth-secret=" SECRET},
	{"separator", 0, "", "rest-api-separator=-", "rest-api-separator=:"},
	{"oauth-overflow", 0, "", "oauth", "oauth=no"},
	{"nonce-for-ever", 0, "", "stale-nonce=0", "stale-nonce"},
	{"nonce-for-ever", 0, "", "stale-nonce=never", "stale-nonce=600"},
	{"nonce-for-ever", 0, "", "stale-nonce=-0", "stale-nonce=-1"},
	{"server-relay", 0, "", "server-relay", "server-relay=off"},
	{"mobility-quota", 0, "", "mobility", "mobility=no"},

	{"inside-open", 0, "denied-peer-ip=10.0.0.0-10.255.255.255", "", "denied-peer-ip=10.0.0.0-10.255.255.255"},
	{"inside-open", 0, "denied-peer-ip=10.0.0.0-10.255.255.255", "denied-peer-ip=10.0.0.0-10.255.255.254", "denied-peer-ip=9.9.9.9-11.1.1.1"},
	{"inside-open", 0, "denied-peer-ip=10.0.0.0-10.255.255.255", "denied-peer-ip=10.0.0.0/8", "denied-peer-ip 10.0.0.0 - 10.255.255.255"},
	{"inside-open", 0, "denied-peer-ip=::100-::ffff:ffff", "", "denied-peer-ip=::100-::ffff:ffff"},
	{"inside-open", 0, "denied-peer-ip=224.0.0.0-239.255.255.255 denied-peer-ip=240.0.0.0-255.255.255.255 denied-peer-ip=ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "no-multicast-peers=no", "no-multicast-peers"},
	{"special-open", 0, "denied-peer-ip=203.0.113.0-203.0.113.255", "", "denied-peer-ip=203.0.113.0-203.0.113.255"},
	{"allow-loopback", 0, "", "allow-loopback-peers", "allow-loopback-peers=no"},
	{"deny-cidr", 0, "", "denied-peer-ip=1.2.3.0/24", "denied-peer-ip=1.2.3.0-1.2.3.255"},
	{"deny-cidr-fatal", VERSION(4, 11, 0), "no-cli", "denied-peer-ip=1.2.3.0/24", "denied-peer-ip=1.2.3.0-1.2.3.255"},
	{"deny-bad", 0, "", "denied-peer-ip=intranet", "denied-peer-ip=1.2.3.4"},
	{"deny-bad", 0, "", "denied-peer-ip=1.2.3.4;", "denied-peer-ip=1.2.3.4"},
	{"deny-bad", 0, "", "denied-peer-ip=1.2.3.4, 1.2.3.5", "denied-peer-ip=1.2.3.4"},
	{"deny-all", 0, "", "denied-peer-ip=0.0.0.0", "denied-peer-ip=0.0.0.0-0.255.255.255"},
	{"deny-all", 0, "", "denied-peer-ip=::", "denied-peer-ip=::1"},
	{"deny-all", 0, "", "denied-peer-ip=::-::ffff:ffff", "denied-peer-ip=::1-::ff"},
	{"deny-all", 0, "", "denied-peer-ip=", "denied-peer-ip=1.2.3.4"},
	{"deny-all", 0, "", "denied-peer-ip=1.2.3.4-", "denied-peer-ip=1.2.3.4"},
	{"deny-mixed", 0, "", "denied-peer-ip=1.2.3.4-::1", "denied-peer-ip=::1"},
	{"deny-backward", 0, "", "denied-peer-ip=1.2.3.4-1.2.3.3", "denied-peer-ip=1.2.3.3-1.2.3.4"},
	{"deny-unaligned", 0, "", "denied-peer-ip=2a00::10-2a00::1:5", "denied-peer-ip=2a00::-2a00::ffff"},
	{"allow-cidr", 0, "", "allowed-peer-ip=1.2.3.0/24", "allowed-peer-ip=1.2.3.0-1.2.3.255"},
	{"allow-bad", 0, "", "allowed-peer-ip=friend", "allowed-peer-ip=1.2.3.4"},
	{"allow-all", 0, "", "allowed-peer-ip=0.0.0.0", "allowed-peer-ip=1.2.3.4"},
	{"allow-inside", 0, "", "allowed-peer-ip=10.0.0.7", "allowed-peer-ip=1.2.3.4"},
	{"allow-inside", 0, "relay-ip", "relay-ip=10.0.0.5\nallowed-peer-ip=10.0.0.4-10.0.0.5", "relay-ip=10.0.0.5\nallowed-peer-ip=10.0.0.5"},
	{"external-bad", 0, "", "external-ip=turn.example.org", "external-ip=8.8.9.9"},
	{"external-bad", 0, "", "external-ip=8.8.9.9/lan", "external-ip=8.8.9.9/8.8.4.10"},
	{"external-allows", 0, "", "external-ip=8.8.9.9/10.0.0.7", "external-ip=8.8.9.9/8.8.4.10"},
	{"relay-denied", 0, "relay-ip", "relay-ip=10.0.0.5", "relay-ip=10.0.0.5\nexternal-ip=8.8.9.9/10.0.0.5"},
	{"relay-denied", 0, "relay-ip", "relay-ip=10.0.0.5\nexternal-ip=8.8.9.9", "relay-ip=10.0.0.5\nallowed-peer-ip=10.0.0.5"},
	{"relay-denied", 0, "relay-ip listening-ip", "listening-ip=10.0.0.5", "listening-ip=10.0.0.5\nrelay-ip=8.8.4.10"},
	{"tcp-relay", 0, "no-tcp-relay", "", "no-tcp-relay"},

	{"no-user-quota", 0, "user-quota", "", "user-quota=5"},
	{"no-user-quota", 0, "user-quota", "user-quota=0", "user-quota=5"},
	{"no-total-quota", 0, "total-quota", "", "total-quota=5"},
	{"no-max-bps", 0, "max-bps", "", "max-bps=0"},
	{"capacity-alone", 0, "max-bps", "max-bps=0\nbps-capacity=5000", "max-bps=500\nbps-capacity=5000"},

	{"unknown-option", 0, "", "deny-peer-ip=1.2.3.4", "denied-peer-ip=1.2.3.4"},
	{"removed-option", VERSION(4, 7, 0), "", "no-tlsv1", "no-tlsv1_2=no"},
	{"later-option", 0, "", "dtls", "fingerprint"},
	{"deprecated-option", VERSION(4, 10, 0), "no-cli", "no-cli", "fingerprint"},
	{"inline-comment", 0, "", "fingerprint # yes", "# yes\nfingerprint"},
	{"inline-comment", 0, "realm", "realm=a.b # our realm", "realm=a#b"},
	{"semicolon", 0, "realm", "realm=a;", "realm=a"},
	{"semicolon", 0, "", "fingerprint;", "fingerprint"},
	{"bad-boolean", 0, "", "no-udp=maybe", "no-udp=no"},
	{"ignored-value", 0, "use-auth-secret", "use-auth-secret=false", "use-auth-secret=yes"},
	{"bad-number", 0, "user-quota", "user-quota=twelve", "user-quota=12"},
	{"bad-number", 0, "user-quota", "user-quota=12 # x", "user-quota=12"},
	{"bad-number", 0, "user-quota", "user-quota=", "user-quota=12"},
	{"bad-number", 0, "user-quota", "user-quota=99999999999", "user-quota=2147483647"},
	{"bad-number", 0, "max-bps", "max-bps=8M", "max-bps=10000000000"},
	{"bad-number", 0, "", "stale-nonce=1h", "stale-nonce="},
	{"bad-number", 0, "", "stale-nonce=-1", "stale-nonce=1"},
	{"bad-number", 0, "max-bps", "max-bps=10000000000x", "max-bps=10000000000"},
	{"capacity-alone", 0, "max-bps", "bps-capacity=9\nmax-bps=x", "bps-capacity=9\nmax-bps=1000x"},
	{"no-user-quota", 0, "user-quota", "user-quota=# 100", "user-quota=100 # c"},
	{"bad-port", 0, "", "listening-port=65536", "listening-port=65535"},
	{"bad-port", 0, "", "min-port=", "min-port=50000"},
	{"bad-port-fatal", VERSION(4, 13, 0), "no-cli", "max-port=-1", "max-port=60000"},
	{"bad-address", 0, "", "cli-ip=localhost", "cli-ip=127.0.0.1"},
	{"bad-address", 0, "", "listening-ip=8.8.4.10:3478", "listening-ip=8.8.4.10"},
	{"ports-backward", 0, "", "min-port=60000\nmax-port=50000", "min-port=50000\nmax-port=60000"},
	{"no-relay-at-all", 0, "", "no-udp-relay", "no-udp-relay=no"},
	{"multiplex-peer", VERSION(4, 12, 0), "no-cli", "multiplex-peer", "udp-recvmmsg"},
	{"secure-stun", 0, "", "secure-stun", "secure-stun=no"},
	{"nul", 0, "", "fingerprint\x01", "fingerprint"},

	{"listening-ip-foreign", 0, "", "listening-ip=8.8.4.99", "listening-ip=127.0.0.2"},
	{"relay-ip-foreign", 0, "", "relay-ip=2a00::1", "relay-ip=8.8.4.10"},
	{"no-listening-ip", 0, "listening-ip", "", "listening-ip=8.8.4.10"},
	{"privileged-port", 0, "", "listening-port=1023", "listening-port=1024"},
	{"privileged-port", 0, "", "tls-listening-port=443", "tls-listening-port=5349"},
	{"proxy-port", 0, "", "tcp-proxy-port=5555", "#tcp-proxy-port=5555"},
	{"proxy-port", 0, "listening-ip", "tcp-proxy-port=5555\nlistening-ip=127.0.0.1\nlistening-ip=8.8.4.10",
	 "tcp-proxy-port=5555\nlistening-ip=127.0.0.1\nlistening-ip=::1"},
	{"proxy-port", 0, "listening-ip", "tcp-proxy-port=5555", "listening-ip=127.0.0.1"},

	{"seclevel", 0, "", "cipher-list=ALL:@SECLEVEL=0", "cipher-list=ECDHE+AESGCM"},
	{"no-certificate", 0, "no-tls", "cert=/c.pem", "no-tls"},
	{"no-certificate", 0, "no-dtls", "no-dtls=no", "no-dtls"},
	{"bad-certificate", 0, "no-tls", "cert=/nowhere/c.pem\npkey=/nowhere/k.pem", "no-tls"},
	{"old-tls", 0, "no-tls", "cert=/c\npkey=/k\nno-tlsv1", "cert=/c\npkey=/k\nno-tlsv1\nno-tlsv1_1"},
	{"old-tls", VERSION(4, 7, 0), "no-tls", "cert=/c\npkey=/k\ntlsv1_1", "cert=/c\npkey=/k"},
	{"open-dtls", 0, "no-tls no-dtls", "cert=/c\npkey=/k", "cert=/c\npkey=/k\nno-dtls"},
	{"no-tls-1-2", 0, "", "no-tlsv1_2", "no-tlsv1_2=no"},
	{"weak-dh", 0, "", "dh566", "dh566=no"},
	{"weak-dh", 0, "", "dh1066", "dh1066=no"},

	{"cli-on", 0, "no-cli", "cli-password=x", "no-cli\ncli-password=x"},
	{"cli-on", 0, "no-cli", "cli-password=$5$aa$bb\ncli-ip=8.8.4.10", "cli-password=$5$aa$bb\ncli-ip=::1"},
	{"cli-on", 0, "no-cli", "cli-password=x\ncli-ip=127.0.0.1", "cli-password=$5$aa$bb"},
	{"cli-on", VERSION(4, 10, 0), "no-cli", "cli\ncli-password=x", "cli-password=x"},
	{"cli-without-password", 0, "no-cli", "", "no-cli"},
	{"cli-without-password", VERSION(4, 10, 0), "no-cli", "cli", ""},
	{"cli-exposed", 0, "no-cli", "cli-password=x\ncli-ip=8.8.4.10", "cli-password=x\ncli-ip=127.0.0.1"},
	{"cli-exposed", 0, "no-cli", "cli-password=x\ncli-ip=0.0.0.0", "cli-password=x\ncli-ip=::1"},
	{"cli-exposed", 0, "no-cli", "cli-password=x\ncli-ip=0.0.0.0", "cli-ip=0.0.0.0"},
	{"cli-exposed", VERSION(4, 10, 0), "no-cli", "cli\ncli-password=x\ncli-ip=0.0.0.0", "cli-password=x\ncli-ip=0.0.0.0"},
	{"cli-password-clear", 0, "", "cli-password=hunter2", "cli-password=$5$aa$bb"},
	{"web-admin-hole", 0, "", "web-admin", "web-admin=no"},
	{"web-admin", VERSION(4, 9, 0), "", "web-admin", "web-admin=no"},
	{"web-admin-exposed", 0, "", "web-admin\nweb-admin-ip=8.8.4.10", "web-admin\nweb-admin-ip=127.0.0.1"},
	{"web-admin-exposed", 0, "", "web-admin\nweb-admin-ip=8.8.4.10", "web-admin-ip=8.8.4.10"},
	{"redis-format", 0, "", "redis-statsdb=ip=127.0.0.1", "redis-userdb=ip=127.0.0.1"},
	{"redis-user-format", 0, "use-auth-secret static-auth-secret", "lt-cred-mech\nredis-userdb=ip=127.0.0.1", "redis-userdb=ip=127.0.0.1"},
	{"redis-user-format", 0, "use-auth-secret static-auth-secret", "lt-cred-mech\nredis-userdb=ip=127.0.0.1",
	 "lt-cred-mech\nredis-userdb=ip=127.0.0.1\nuse-auth-secret"},
	{"open-prometheus", VERSION(4, 6, 3), "", "prometheus", "prometheus\nprometheus-address=127.0.0.1"},
	{"open-prometheus", VERSION(4, 6, 3), "", "prometheus\nprometheus-address=0.0.0.0", "prometheus-address=0.0.0.0"},
	{"open-prometheus", VERSION(4, 6, 3), "", "prometheus\nprometheus-address=::", "prometheus\nprometheus-address=::1"},
	{"prometheus-users", 0, "", "prometheus-username-labels", "#"},
	{"verbose", 0, "", "verbose", "verbose=no"},
	{"verbose", 0, "", "Verbose", "Verbose=no"},
	{"tells-version", 0, "no-software-attribute", "", "no-software-attribute"},
	{"default-log", 0, "log-file", "", "log-file=stdout"},
};
/* clang-format on */

/* The same trap where another version has none: the hole is mended, or coturn
 * does what the line was for by itself. */
static const struct {
	const char *id;
	unsigned version;
	const char *without;
	const char *lines;
} mended[] = {
	{"mobility-quota", VERSION(4, 17, 0), "", "mobility"},
	{"web-admin-hole", VERSION(4, 9, 0), "", "web-admin"},
	{"redis-format", VERSION(4, 13, 0), "", "redis-statsdb=x"},
	{"redis-user-format", VERSION(4, 13, 0),
	 "use-auth-secret static-auth-secret", "lt-cred-mech\nredis-userdb=x"},
	{"open-dtls", VERSION(4, 17, 0), "no-tls no-dtls", "cert=/c\npkey=/k"},
	{"old-tls", VERSION(4, 7, 0), "no-tls", "cert=/c\npkey=/k"},
	{"cli-without-password", VERSION(4, 10, 0), "no-cli", ""},
	{"tells-version", VERSION(4, 7, 0), "no-software-attribute", ""},
	{"deny-unaligned", VERSION(4, 16, 0), "",
	 "denied-peer-ip=2a00::10-2a00::1:5"},
	{"deny-cidr", VERSION(4, 11, 0), "", "denied-peer-ip=1.2.3.0/24"},
	{"inside-open", VERSION(4, 13, 1),
	 "denied-peer-ip=169.254.0.0-169.254.255.255", ""},
	{"inside-open", VERSION(4, 16, 0),
	 "denied-peer-ip=::100-::ffff:ffff denied-peer-ip=::1:0-::ffff:ffff "
	 "denied-peer-ip=::100:0-::ffff:ffff",
	 ""},
};

/* One of the words is the line, or the option before its "=". */
static bool is_left_out(const char *line, const char *words)
{
	struct span rest = span_from(words);
	struct span name = span_of(line, strcspn(line, "="));
	struct span word;

	while (span_next_item(&rest, ' ', &word)) {
		if (span_equal(word, span_from(line)) || span_equal(word, name))
			return true;
	}
	return false;
}

/* The clean file without some lines and with others; how many lines stand in
 * front of those. */
static unsigned write_file(struct buf *text, const char *without,
			   const char *lines)
{
	unsigned count = 0;

	for (size_t i = 0; i < LEN(clean); i++) {
		if (is_left_out(clean[i], without))
			continue;
		buf_append_format(text, "%s\n", clean[i]);
		count++;
	}
	for (size_t i = 0; i < deny_ranges_count; i++) {
		char line[128];

		(void)snprintf(line, sizeof(line), "denied-peer-ip=%s",
			       deny_ranges[i].range);
		if (is_left_out(line, without))
			continue;
		buf_append_format(text, "%s\n", line);
		count++;
	}
	buf_append_format(text, "%s\n", lines);
	assert_false(text->failed);
	return count;
}

static void check_text(struct span text, unsigned version,
		       struct rule_findings *findings)
{
	struct rule_subject subject = {.path = "/nowhere/turnserver.conf",
				       .text = text,
				       .version = version,
				       .host = &host,
				       .now_s = 1800000000};

	rule_check(&subject, findings);
	assert_false(findings->failed);
}

static const struct rule_finding *find(const struct rule_findings *findings,
				       const char *id)
{
	for (size_t i = 0; i < findings->count; i++) {
		if (!strcmp(findings->items[i].id, id))
			return &findings->items[i];
	}
	return NULL;
}

/* Something is said, to the end, and nothing of the secret. */
static void assert_well_said(const struct rule_finding *finding)
{
	struct span texts[] = {buf_span(&finding->why),
			       buf_span(&finding->instead)};

	for (size_t i = 0; i < LEN(texts); i++) {
		assert_true(texts[i].len > 2);
		assert_null(memmem(texts[i].ptr, texts[i].len, "{}", 2));
		assert_null(memmem(texts[i].ptr, texts[i].len, SECRET,
				   strlen(SECRET)));
		assert_null(memmem(texts[i].ptr, texts[i].len, "hunter2", 7));
	}
}

static bool speaks(const char *id, unsigned version, const char *without,
		   const char *lines)
{
	struct rule_findings findings = {0};
	const struct rule_finding *finding;
	struct buf text = {0};
	unsigned before = write_file(&text, without, lines);

	/* A NUL cannot stand in a C string. */
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\x01')
			text.ptr[i] = '\0';
	}
	check_text(buf_span(&text), version ? version : DEBIAN, &findings);
	finding = find(&findings, id);
	if (finding) {
		assert_well_said(finding);
		assert_true(!finding->line || finding->line > before);
	}
	rule_findings_clear(&findings);
	buf_clear(&text);
	return finding;
}

static void the_clean_file_has_no_findings(void **state)
{
	struct rule_findings findings = {0};
	struct buf text = {0};

	(void)state;
	(void)write_file(&text, "", "");
	check_text(buf_span(&text), DEBIAN, &findings);
	for (size_t i = 0; i < findings.count; i++)
		print_error("%s\n", findings.items[i].id);
	assert_int_equal(findings.count, 0);
	buf_clear(&text);
}

static void each_trap_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		if (!speaks(cases[i].id, cases[i].version, cases[i].without,
			    cases[i].trap))
			fail_msg("%s is silent about \"%s\"", cases[i].id,
				 cases[i].trap);
	}
}

static void nothing_is_found_where_there_is_no_trap(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		if (speaks(cases[i].id, cases[i].version, cases[i].without,
			   cases[i].fine))
			fail_msg("%s speaks of \"%s\"", cases[i].id,
				 cases[i].fine);
	}
}

static void what_a_version_mended_is_no_trap_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < LEN(mended); i++) {
		if (speaks(mended[i].id, mended[i].version, mended[i].without,
			   mended[i].lines))
			fail_msg("%s speaks of \"%s\"", mended[i].id,
				 mended[i].lines);
	}
}

static void every_rule_has_its_case(void **state)
{
	/* These need a file of their own, below. */
	static const char *const apart[] = {"long-line", "readable-by-all"};

	(void)state;
	for (size_t i = 0; rule_id(i); i++) {
		bool found = false;

		for (size_t j = 0; j < LEN(cases); j++)
			found = found || !strcmp(cases[j].id, rule_id(i));
		for (size_t j = 0; j < LEN(apart); j++)
			found = found || !strcmp(apart[j], rule_id(i));
		if (!found)
			fail_msg("no case for %s", rule_id(i));
	}
}

static void a_line_that_is_too_long_is_told_of_once(void **state)
{
	char line[1100];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "realm=", 6);
	line[1022] = '\0';
	assert_false(speaks("long-line", 0, "realm", line));
	line[1022] = 'x';
	line[sizeof(line) - 1] = '\0';
	assert_true(speaks("long-line", 0, "realm", line));
	assert_false(speaks("unknown-option", 0, "realm", line));
}

static bool is_readable_by_all(const char *path, mode_t mode, const char *text)
{
	struct rule_subject subject = {.path = path,
				       .text = span_from(text),
				       .version = DEBIAN,
				       .host = &host};
	struct rule_findings findings = {0};
	bool found;

	assert_int_equal(chmod(path, mode), 0);
	rule_check(&subject, &findings);
	found = find(&findings, "readable-by-all");
	rule_findings_clear(&findings);
	return found;
}

static void a_secret_that_all_may_read_is_found(void **state)
{
	char path[] = "/tmp/turnconf-rule-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	assert_true(is_readable_by_all(path, 0644, "user=a:b"));
	assert_false(is_readable_by_all(path, 0640, "user=a:b"));
	assert_false(is_readable_by_all(path, 0644, "realm=a"));
	assert_int_equal(unlink(path), 0);
}

static void a_file_for_elsewhere_is_not_held_against_this_host(void **state)
{
	struct rule_subject subject = {
		.path = "/",
		.text = SPAN("listening-ip=8.8.4.99\nrelay-ip=8.8.4.98\n"
			     "listening-port=80\ncert=/no\npkey=/no\n"),
		.version = DEBIAN};
	struct rule_findings findings = {0};

	(void)state;
	rule_check(&subject, &findings);
	assert_null(find(&findings, "listening-ip-foreign"));
	assert_null(find(&findings, "relay-ip-foreign"));
	assert_null(find(&findings, "privileged-port"));
	assert_null(find(&findings, "bad-certificate"));
	rule_findings_clear(&findings);
}

/* What "instead" says, for a file with these lines more. */
static void assert_instead(const char *id, const char *without,
			   const char *lines, const char *instead)
{
	struct rule_findings findings = {0};
	const struct rule_finding *finding;
	struct buf text = {0};

	(void)write_file(&text, without, lines);
	check_text(buf_span(&text), DEBIAN, &findings);
	finding = find(&findings, id);
	assert_non_null(finding);
	if (!span_equal(buf_span(&finding->instead), span_from(instead)))
		fail_msg("%s: %.*s", id, (int)finding->instead.len,
			 finding->instead.ptr);
	rule_findings_clear(&findings);
	buf_clear(&text);
}

static void the_advice_is_exact(void **state)
{
	(void)state;
	assert_instead("deny-cidr", "", "denied-peer-ip=10.9.0.0/16",
		       "denied-peer-ip=10.9.0.0-10.9.255.255");
	assert_instead("unknown-option", "", "total_quotas=1",
		       "did you mean total-quota?");
	assert_instead("inside-open",
		       "denied-peer-ip=10.0.0.0-10.255.255.255 "
		       "denied-peer-ip=fc00::-fdff:ffff:ffff:ffff:ffff:ffff:"
		       "ffff:ffff",
		       "",
		       "denied-peer-ip=10.0.0.0-10.255.255.255\n"
		       "denied-peer-ip=fc00::-fdff:ffff:ffff:ffff:ffff:ffff:"
		       "ffff:ffff");
	assert_instead("deny-unaligned", "",
		       "denied-peer-ip=2a00::fff0-2a00::1:f",
		       "denied-peer-ip=2a00::fff0-2a00::ffff, "
		       "denied-peer-ip=2a00::1:0-2a00::1:f");
	assert_instead("later-option", "", "dtls",
		       "take the line out, or run coturn 4.17.0");
}

static void findings_come_in_the_order_of_the_lines(void **state)
{
	struct rule_findings findings = {0};
	size_t i = 1;

	(void)state;
	check_text(SPAN("verbose\nfoo\nno-udp=maybe\n\nno-auth;\n"), DEBIAN,
		   &findings);
	assert_true(findings.count > 5);
	assert_int_equal(findings.items[0].line, 1);
	for (; findings.items[i].line; i++)
		assert_true(findings.items[i - 1].line <=
			    findings.items[i].line);
	assert_int_equal(findings.items[i - 1].line, 5);
	/* Those on the whole file come last. */
	assert_true(i < findings.count);
	for (; i < findings.count; i++)
		assert_int_equal(findings.items[i].line, 0);
	rule_findings_clear(&findings);
}

static void count_advisory(const char *id, const char *text, void *arg)
{
	assert_non_null(strstr(text, "fixed in "));
	assert_true(strlen(id) > 3);
	(*(size_t *)arg)++;
}

static void versions_with_holes_say_so(void **state)
{
	size_t counts[3] = {0};

	(void)state;
	rule_each_advisory(VERSION(4, 5, 1), count_advisory, &counts[0]);
	rule_each_advisory(DEBIAN, count_advisory, &counts[1]);
	rule_each_advisory(VERSION_NEWEST, count_advisory, &counts[2]);
	assert_int_equal(counts[0], 4);
	assert_int_equal(counts[1], 3);
	assert_int_equal(counts[2], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clean_file_has_no_findings),
		cmocka_unit_test(each_trap_is_found),
		cmocka_unit_test(nothing_is_found_where_there_is_no_trap),
		cmocka_unit_test(what_a_version_mended_is_no_trap_there),
		cmocka_unit_test(every_rule_has_its_case),
		cmocka_unit_test(a_line_that_is_too_long_is_told_of_once),
		cmocka_unit_test(a_secret_that_all_may_read_is_found),
		cmocka_unit_test(
			a_file_for_elsewhere_is_not_held_against_this_host),
		cmocka_unit_test(the_advice_is_exact),
		cmocka_unit_test(findings_come_in_the_order_of_the_lines),
		cmocka_unit_test(versions_with_holes_say_so),
	};

	return cmocka_run_group_tests_name("turnconf rule", tests, NULL, NULL);
}
