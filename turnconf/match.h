/* match.h: the questions that rules ask of a file. */
#ifndef TURNCONF_MATCH_H
#define TURNCONF_MATCH_H

#include "conffile.h"
#include "option.h"
#include "rule.h"

/*
 * One question under way. A matcher says yes or no; with a yes it may leave a
 * text for the {} in the rule's "why" and one for that in its "instead".
 */
struct match {
	const struct rule_subject *subject;
	const char *option;		  /* the rule's, may be NULL */
	const struct conffile_line *line; /* NULL: ask about the whole file */
	unsigned line_number;		  /* where the finding stands */
	struct buf detail;
	struct buf advice;
};

/* Line by line: match_value.c. */
bool match_enabled(struct match *match);
bool match_present(struct match *match);
bool match_unknown(struct match *match);
bool match_removed(struct match *match);
bool match_too_new(struct match *match);
bool match_noisy(struct match *match);
bool match_piece(struct match *match);
bool match_nul(struct match *match);
bool match_inline_comment(struct match *match);
bool match_semicolon(struct match *match);
bool match_bad_flag(struct match *match);
bool match_ignored_value(struct match *match);
bool match_bad_number(struct match *match);
bool match_bad_port(struct match *match);
bool match_bad_address(struct match *match);
bool match_zero(struct match *match);
bool match_seclevel(struct match *match);
bool match_weak_secret(struct match *match);
bool match_mangled_secret(struct match *match);
bool match_separator(struct match *match);
bool match_user_beside_secret(struct match *match);
bool match_clear_cli_password(struct match *match);
bool match_open_cli(struct match *match);
bool match_open_web_admin(struct match *match);
bool match_unpatched(struct match *match);
bool match_users_in_redis(struct match *match);
bool match_open_proxy(struct match *match);
bool match_foreign_address(struct match *match);
bool match_privileged_port(struct match *match);

/* Peer ranges: match_peers.c. */
bool match_cidr(struct match *match);
bool match_bad_range(struct match *match);
bool match_no_limit(struct match *match);
bool match_mixed_range(struct match *match);
bool match_backward_range(struct match *match);
bool match_unaligned_range(struct match *match);
bool match_allows_inside(struct match *match);
bool match_external_private(struct match *match);
bool match_external_bad(struct match *match);
bool match_relay_denied(struct match *match);
bool match_inside_open(struct match *match);
bool match_special_open(struct match *match);

/* The whole file: match_whole.c. */
bool match_absent(struct match *match);
bool match_open_relay(struct match *match);
bool match_auth_contradiction(struct match *match);
bool match_two_mechanisms(struct match *match);
bool match_no_realm(struct match *match);
bool match_no_user_quota(struct match *match);
bool match_capacity_alone(struct match *match);
bool match_no_relay_at_all(struct match *match);
bool match_ports_backward(struct match *match);
bool match_no_certificate(struct match *match);
bool match_bad_certificate(struct match *match);
bool match_old_tls(struct match *match);
bool match_open_dtls(struct match *match);
bool match_cli_on(struct match *match);
bool match_cli_noise(struct match *match);
bool match_open_prometheus(struct match *match);
bool match_readable_by_all(struct match *match);

/* The file has the option and its last line turns it on. */
bool match_is_on(const struct rule_subject *subject, const char *option);
bool match_has(const struct rule_subject *subject, const char *option);

/* The telnet administration listens: it is on, and has a password. */
bool match_serves_cli(const struct rule_subject *subject);

/* The value of cli-password is a hash of it. */
bool match_is_hash(struct span value);

/* value is an address of this host alone. */
bool match_is_loopback(struct span value);

/* What atoi() reads: blanks, a sign, digits, and never mind the rest. is_plain
 * says whether value is digits and nothing else. */
int64_t match_number(struct span value, bool *is_plain);

/* value is one address, well formed; 0 or -EINVAL. */
int match_address(struct span value, struct iprange *address);

#endif
