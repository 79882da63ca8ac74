/* match_whole.c: questions about the file as a whole. */
#include "match.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/cert.h"
#include "version.h"

#define CLI_OFF_SINCE VERSION(4, 10, 0)
#define OLD_TLS_OFF_SINCE VERSION(4, 7, 0)
#define DTLS_OFF_SINCE VERSION(4, 17, 0)

bool match_has(const struct rule_subject *subject, const char *option)
{
	struct conffile_line line;

	return conffile_find(subject->text, option, &line);
}

bool match_is_on(const struct rule_subject *subject, const char *option)
{
	const struct option *known = option_find(span_from(option));
	struct conffile_line line;

	if (!known || !option_is_known(known, subject->version) ||
	    !conffile_find(subject->text, option, &line))
		return false;
	return known->kind != OPTION_FLAG ||
	       conffile_to_bool(line.value) == CONFFILE_YES;
}

static bool has_value(const struct rule_subject *subject, const char *option)
{
	struct conffile_line line;

	return conffile_find(subject->text, option, &line) && line.value.len;
}

bool match_absent(struct match *match)
{
	return !match_has(match->subject, match->option);
}

static bool has_secret(const struct rule_subject *subject)
{
	return match_has(subject, "use-auth-secret") ||
	       match_has(subject, "static-auth-secret");
}

/* coturn that is not told how to ask for credentials asks for none. A user
 * account turns them on; no-auth is a rule of its own. */
bool match_open_relay(struct match *match)
{
	return !has_secret(match->subject) &&
	       !match_is_on(match->subject, "lt-cred-mech") &&
	       !match_has(match->subject, "user") &&
	       !match_is_on(match->subject, "no-auth") &&
	       !match_is_on(match->subject, "stun-only");
}

bool match_auth_contradiction(struct match *match)
{
	return match_is_on(match->subject, "no-auth") &&
	       (has_secret(match->subject) ||
		match_is_on(match->subject, "lt-cred-mech"));
}

bool match_two_mechanisms(struct match *match)
{
	return has_secret(match->subject) &&
	       match_is_on(match->subject, "lt-cred-mech");
}

bool match_no_realm(struct match *match)
{
	return !has_value(match->subject, "realm");
}

/* The option's last value as a number; absent is 0. */
static int64_t number_of(const struct rule_subject *subject, const char *option,
			 int64_t absent)
{
	struct conffile_line line;
	bool is_plain;

	if (!conffile_find(subject->text, option, &line))
		return absent;
	return match_number(line.value, &is_plain);
}

bool match_no_user_quota(struct match *match)
{
	struct conffile_line line;

	if (conffile_find(match->subject->text, "user-quota", &line))
		match->line_number = line.number;
	return !number_of(match->subject, "user-quota", 0);
}

bool match_capacity_alone(struct match *match)
{
	return number_of(match->subject, "bps-capacity", 0) &&
	       !number_of(match->subject, "max-bps", 0);
}

bool match_no_relay_at_all(struct match *match)
{
	return match_is_on(match->subject, "no-udp-relay") &&
	       match_is_on(match->subject, "no-tcp-relay");
}

bool match_ports_backward(struct match *match)
{
	return number_of(match->subject, "min-port", 49152) >
	       number_of(match->subject, "max-port", 65535);
}

/* --- TLS --- */

static bool has_dtls(const struct rule_subject *subject)
{
	if (subject->version >= DTLS_OFF_SINCE)
		return match_is_on(subject, "dtls");
	return !match_is_on(subject, "no-dtls");
}

static bool wants_tls(const struct rule_subject *subject)
{
	return !match_is_on(subject, "no-tls") || has_dtls(subject);
}

/* TLS listeners would start: they are not off, and there is a certificate. */
static bool serves_tls(const struct rule_subject *subject)
{
	return wants_tls(subject) && has_value(subject, "cert") &&
	       has_value(subject, "pkey");
}

bool match_no_certificate(struct match *match)
{
	return wants_tls(match->subject) && !serves_tls(match->subject);
}

bool match_bad_certificate(struct match *match)
{
	const struct rule_subject *subject = match->subject;
	struct conffile_line cert, key;
	char cert_path[CONFFILE_MAX_LINE + 1];
	char key_path[CONFFILE_MAX_LINE + 1];
	char why[CERT_MAX_ERROR];

	if (!subject->host || !serves_tls(subject) ||
	    match_has(subject, "pkey-pwd") ||
	    !conffile_find(subject->text, "cert", &cert) ||
	    !conffile_find(subject->text, "pkey", &key))
		return false;
	if (span_copy(cert.value, cert_path, sizeof(cert_path)) ||
	    span_copy(key.value, key_path, sizeof(key_path)) ||
	    !cert_check(cert_path, key_path, subject->now_s, why))
		return false;

	match->line_number = cert.number;
	buf_append_str(&match->detail, why);
	return true;
}

bool match_old_tls(struct match *match)
{
	const struct rule_subject *subject = match->subject;

	if (!serves_tls(subject))
		return false;
	if (subject->version >= OLD_TLS_OFF_SINCE) {
		buf_append_str(&match->advice, "take tlsv1 and tlsv1_1 out");
		return match_is_on(subject, "tlsv1") ||
		       match_is_on(subject, "tlsv1_1");
	}
	buf_append_str(&match->advice, "no-tlsv1 and no-tlsv1_1");
	return !match_is_on(subject, "no-tlsv1") ||
	       !match_is_on(subject, "no-tlsv1_1");
}

bool match_open_dtls(struct match *match)
{
	return match->subject->version < DTLS_OFF_SINCE &&
	       serves_tls(match->subject) && has_dtls(match->subject);
}

/* --- administration and metrics --- */

static bool has_cli(const struct rule_subject *subject)
{
	if (subject->version >= CLI_OFF_SINCE)
		return match_is_on(subject, "cli");
	return !match_is_on(subject, "no-cli");
}

bool match_serves_cli(const struct rule_subject *subject)
{
	return has_cli(subject) && match_has(subject, "cli-password");
}

/* As signald wants it: on loopback (where it is without cli-ip), and its
 * password not to be read here. */
static bool has_guarded_cli(const struct rule_subject *subject)
{
	struct conffile_line line;

	if (conffile_find(subject->text, "cli-ip", &line) &&
	    !match_is_loopback(line.value))
		return false;
	return conffile_find(subject->text, "cli-password", &line) &&
	       match_is_hash(line.value);
}

bool match_cli_on(struct match *match)
{
	buf_append_str(&match->advice, match->subject->version >= CLI_OFF_SINCE
					       ? "take cli out"
					       : "no-cli");
	return match_serves_cli(match->subject) &&
	       !has_guarded_cli(match->subject);
}

/* Without a password the command line stays off, with an error in the log. */
bool match_cli_noise(struct match *match)
{
	buf_append_str(&match->advice, match->subject->version >= CLI_OFF_SINCE
					       ? "take cli out"
					       : "no-cli");
	return has_cli(match->subject) &&
	       !match_has(match->subject, "cli-password");
}

bool match_open_prometheus(struct match *match)
{
	const struct rule_subject *subject = match->subject;
	struct conffile_line line;
	struct iprange address;

	if (!match_is_on(subject, "prometheus"))
		return false;
	if (!match_is_on(subject, "prometheus-address") ||
	    !conffile_find(subject->text, "prometheus-address", &line))
		return true;
	match->line_number = line.number;
	return !match_address(line.value, &address) &&
	       iprange_starts_at_zero(&address);
}

static bool holds_secrets(const struct rule_subject *subject)
{
	struct conffile_reader reader = conffile_start(subject->text);
	struct conffile_line line;

	while (conffile_next(&reader, &line)) {
		const struct option *option = option_find(line.name);

		if (option && option->kind == OPTION_SECRET)
			return true;
	}
	return false;
}

bool match_readable_by_all(struct match *match)
{
	const struct rule_subject *subject = match->subject;
	struct stat status;

	if (!subject->host || stat(subject->path, &status) ||
	    !S_ISREG(status.st_mode) || !(status.st_mode & S_IROTH) ||
	    !holds_secrets(subject))
		return false;

	buf_append_format(&match->detail, "%03o",
			  (unsigned)(status.st_mode & 0777));
	return true;
}
