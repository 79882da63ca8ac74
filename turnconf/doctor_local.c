/* doctor_local.c: what can be seen on this machine without asking anybody. */
#include <errno.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <unistd.h>

#include "address.h"
#include "base/cert.h"
#include "conffile.h"
#include "doctor.h"
#include "policy/config_name.h"
#include "profile.h"
#include "rule.h"
#include "sockets.h"
#include "version.h"

#define TURNSERVER "turnserver"

/* --- signald's configuration --- */

static void check_mode(struct doctor *doctor)
{
	const char *relay = config_open_relay(doctor->config);

	if (!relay)
		return;
	doctor_say(doctor, "configuration", DOCTOR_WARNING,
		   "access.mode is auto, and open as signald listens on "
		   "loopback alone: behind a proxy whoever reaches that may "
		   "relay through %s",
		   relay);
	doctor_advise(doctor, "set access.mode = guest, or a stricter one");
}

void doctor_check_config(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	const char *file = doctor->arguments->config;

	check_mode(doctor);
	if (config->shows_secrets)
		doctor_say(doctor, "configuration", DOCTOR_WARNING, "%s: %s",
			   file, CONFIG_SHOWS_SECRETS);
	if (*config->turn.host) {
		doctor_say(doctor, "configuration", DOCTOR_OK,
			   "%s: clients are sent to %s",
			   file ? file : "no file", config->turn.host);
	} else if (config->servers_count) {
		doctor_say(doctor, "configuration", DOCTOR_OK,
			   "%s: clients are sent to other machines' TURN "
			   "servers",
			   file ? file : "no file");
		return;
	} else {
		doctor_say(doctor, "configuration", DOCTOR_FAILED,
			   "turn.host is not set: clients are given no TURN "
			   "server");
		doctor_advise(doctor,
			      "set turn.host to the name that clients know "
			      "this server by");
		return;
	}
	if (strcmp(config->coturn.profile, "development") != 0)
		return;
	doctor_say(doctor, "configuration", DOCTOR_WARNING,
		   "coturn.profile is development: clients may relay to the "
		   "relay's own address");
	doctor_advise(doctor, "for a server of the internet: coturn.profile = "
			      "production");
}

/* --- the installed coturn --- */

/* A machine that sends its clients to others' TURN servers has none. */
static bool needs_coturn(const struct config *config)
{
	return *config->turn.host || !config->servers_count;
}

static void add_advisory(const char *id, const char *text, void *arg)
{
	doctor_say(arg, "coturn", DOCTOR_WARNING, "%s: %s", id, text);
	doctor_advise(arg, "see whether your distribution has mended it, or "
			   "take a newer coturn");
}

void doctor_check_version(struct doctor *doctor)
{
	const char *given = doctor->arguments->coturn_version;
	char text[VERSION_TEXT_CAP];
	int err;

	if (!needs_coturn(doctor->config))
		return;
	err = given ? version_parse(span_from(given), &doctor->version)
		    : version_detect(TURNSERVER, &doctor->version);
	if (err) {
		doctor_say(doctor, "coturn", DOCTOR_FAILED,
			   "%s cannot be asked for its version: %s", TURNSERVER,
			   strerror(-err));
		doctor_advise(doctor, "apt-get install coturn, or put it into "
				      "PATH, or give --coturn-version");
		return;
	}
	version_format(doctor->version, text);
	doctor_say(doctor, "coturn", DOCTOR_OK, "version %s", text);
	if (doctor->version > VERSION_NEWEST)
		doctor->version = VERSION_NEWEST;
	rule_each_advisory(doctor->version, add_advisory, doctor);
}

/* --- coturn's configuration --- */

/* The hash of a password has other salt each time. */
static bool is_same_line(const struct conffile_line *a,
			 const struct conffile_line *b)
{
	return span_equal(a->name, b->name) &&
	       (span_equal(a->value, b->value) ||
		span_equal(a->name, SPAN("cli-password")));
}

static bool is_same_file(struct span a, struct span b)
{
	struct conffile_reader read_a = conffile_start(a);
	struct conffile_reader read_b = conffile_start(b);
	struct conffile_line line_a, line_b;

	while (conffile_next(&read_a, &line_a)) {
		if (!conffile_next(&read_b, &line_b) ||
		    !is_same_line(&line_a, &line_b))
			return false;
	}
	return !conffile_next(&read_b, &line_b);
}

/* A word of a command line, as a shell takes it, and a blank behind it. */
static void advise_word(struct doctor *doctor, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_./:=,@%+-";

	if (!word[strspn(word, plain)]) {
		doctor_advise(doctor, "%s ", word);
		return;
	}
	doctor_advise(doctor, "'");
	for (; *word; word++) {
		if (*word == '\'')
			doctor_advise(doctor, "'\\''");
		else
			doctor_advise(doctor, "%c", *word);
	}
	doctor_advise(doctor, "' ");
}

/* One --set; a secret is not shown, and neither is what may be one. */
static void advise_set(struct doctor *doctor, const char *set)
{
	struct span name = {set, strcspn(set, "=")};
	bool names_file = false;
	const struct config_key *key =
		config_find(name, CONFIG_DOTTED, &names_file);

	doctor_advise(doctor, "--set ");
	if (key && (names_file || !config_type_is_secret(key->type)))
		advise_word(doctor, set);
	else
		doctor_advise(doctor, "%.*s=... ", (int)name.len, name.ptr);
}

/* The command that writes what is asked for, with the same configuration. */
static void advise_generate(struct doctor *doctor, const char *path,
			    bool is_tunnel)
{
	const struct arguments *arguments = doctor->arguments;
	const char *rewriting = doctor_rewriting(path, is_tunnel);

	if (rewriting) {
		doctor_advise(doctor, "%s", rewriting);
		return;
	}
	doctor_advise(doctor, "turnconf generate %s%s",
		      is_tunnel ? "--tunnel " : "",
		      arguments->patched ? "--patched " : "");
	if (arguments->coturn_version)
		doctor_advise(doctor, "--coturn-version %s ",
			      arguments->coturn_version);
	if (arguments->config) {
		doctor_advise(doctor, "--config ");
		advise_word(doctor, arguments->config);
	}
	for (size_t i = 0; i < arguments->sets_count; i++)
		advise_set(doctor, arguments->sets[i]);
	doctor_advise(doctor, "--output %s, then restart coturn", path);
}

static void compare(struct doctor *doctor, const char *path, struct span text,
		    bool is_tunnel)
{
	struct conffile_line secret;
	struct profile_target target = {
		.version = doctor->version,
		.host = doctor->host,
		.now_s = doctor->now_s,
		.is_tunnel = is_tunnel,
		.has_secrets =
			conffile_find(text, "static-auth-secret", &secret),
		.is_patched = doctor->arguments->patched};
	char error[PROFILE_MAX_ERROR] = "out of memory";
	struct buf wanted = {0};

	if (profile_generate(doctor->config, &target, &wanted, error)) {
		doctor_say(doctor, "turnserver.conf", DOCTOR_FAILED,
			   "turnconf generate would write none: %s", error);
	} else if (!is_same_file(buf_span(&wanted), text)) {
		doctor_say(doctor, "turnserver.conf", DOCTOR_FAILED,
			   "%s is not what signald's configuration asks for "
			   "today: a key, this host's addresses or coturn's "
			   "version have changed since",
			   path);
		advise_generate(doctor, path, is_tunnel);
	} else {
		doctor_say(doctor, "turnserver.conf", DOCTOR_OK,
			   "%s is what signald's configuration asks for", path);
	}
	buf_wipe(&wanted);
}

static void tell_findings(struct doctor *doctor, const char *path,
			  struct span text)
{
	struct rule_subject subject = {.path = path,
				       .text = text,
				       .version = doctor->version,
				       .host = doctor->host,
				       .now_s = doctor->now_s,
				       .is_patched =
					       doctor->arguments->patched};
	struct rule_findings findings = {0};
	size_t counts[3] = {0};

	rule_check(&subject, &findings);
	for (size_t i = 0; i < findings.count; i++)
		counts[findings.items[i].severity]++;
	doctor->failed |= findings.failed;
	rule_findings_clear(&findings);
	if (!counts[RULE_DANGER] && !counts[RULE_WARNING])
		return;
	doctor_say(doctor, "turnserver.conf",
		   counts[RULE_DANGER] ? DOCTOR_FAILED : DOCTOR_WARNING,
		   "%s has %zu dangers and %zu warnings", path,
		   counts[RULE_DANGER], counts[RULE_WARNING]);
	doctor_advise(doctor, "turnconf check %s%s names them",
		      subject.is_patched ? "--patched " : "", path);
}

static void check_file(struct doctor *doctor, const char *given, bool is_tunnel)
{
	char found[PATH_MAX];
	const char *path = given;
	struct buf text = {0};
	bool is_missing;
	const char *why;

	if (!given) {
		doctor_find_turnserver(doctor->arguments->config, is_tunnel,
				       found);
		path = found;
	}
	is_missing = access(path, F_OK) && errno == ENOENT;
	if (command_try_file(path, &text, &why)) {
		doctor_say(doctor, "turnserver.conf",
			   given ? DOCTOR_FAILED : DOCTOR_WARNING,
			   is_missing ? "there is no file %s"
				      : "%s cannot be read: %s",
			   path, why);
		doctor_advise(doctor,
			      "%s, or say where coturn's configuration is: "
			      "--%s FILE",
			      is_missing ? "write it (turnconf generate)"
					 : "run this as root",
			      is_tunnel ? "tunnel-turnserver" : "turnserver");
	} else {
		compare(doctor, path, buf_span(&text), is_tunnel);
		tell_findings(doctor, path, buf_span(&text));
	}
	buf_wipe(&text);
}

/* Without coturn's version it is not known which file would be right. */
void doctor_check_file(struct doctor *doctor)
{
	const struct arguments *arguments = doctor->arguments;

	if (!doctor->version)
		return;
	check_file(doctor, arguments->turnserver, false);
	if (doctor->config->turn.tunnel[0])
		check_file(doctor, arguments->tunnel_turnserver, true);
}

/* --- the clock --- */

/* Credentials hold from one second to another, by coturn's clock and signald's.
 */
void doctor_check_clock(struct doctor *doctor)
{
	struct timex state = {0};

	if (adjtimex(&state) < 0 || !(state.status & STA_UNSYNC)) {
		doctor_say(doctor, "clock", DOCTOR_OK,
			   "the kernel says that it is kept right");
		return;
	}
	doctor_say(doctor, "clock", DOCTOR_WARNING,
		   "the kernel knows of nobody who keeps it right, and "
		   "credentials expire by it");
	doctor_advise(doctor,
		      "run an NTP client, such as systemd-timesyncd or chrony; "
		      "in a container see to the host's");
}

/* --- ports --- */

struct door {
	const char *what;
	enum sockets_protocol protocol;
	const char *remedy;
};

static const struct door coturn_udp = {
	"coturn", SOCKETS_UDP, "is coturn running? systemctl status coturn"};
static const struct door coturn_tcp = {
	"coturn", SOCKETS_TCP, "is coturn running? systemctl status coturn"};
static const struct door coturn_tls = {
	"coturn's TLS", SOCKETS_TCP,
	"coturn starts without TLS when it cannot read the certificate or "
	"key: see its log"};
static const struct door coturn_cli = {
	"coturn's administration", SOCKETS_TCP,
	"signald ends no relay of who was kicked without it: turnconf "
	"generate, then restart coturn"};
static const struct door coturn_tunnel_cli = {
	"the second coturn's administration", SOCKETS_TCP,
	"signald ends no relay of who was kicked without it: turnconf "
	"generate --tunnel, then restart that coturn"};
static const struct door coturn_tunnel = {
	"the second coturn", SOCKETS_TCP,
	"does it run, with the file of turnconf generate --tunnel?"};
static const struct door signald_tcp = {"signald", SOCKETS_TCP,
					"is signald running?"};

static void check_door(struct doctor *doctor, const struct door *door,
		       const struct sockaddr_storage *address)
{
	const char *protocol = door->protocol == SOCKETS_UDP ? "UDP" : "TCP";
	int is_open = sockets_is_open(door->protocol, address);
	char text[ADDRESS_CAP];

	address_format(address, text);
	if (is_open > 0) {
		doctor_say(doctor, "ports", DOCTOR_OK, "%s has %s %s open",
			   door->what, protocol, text);
	} else if (is_open < 0) {
		doctor_say(doctor, "ports", DOCTOR_WARNING,
			   "cannot tell whether %s %s is open: %s", protocol,
			   text, strerror(-is_open));
	} else {
		doctor_say(doctor, "ports", DOCTOR_FAILED,
			   "nobody has %s %s open, where %s should be",
			   protocol, text, door->what);
		doctor_advise(doctor, "%s", door->remedy);
	}
}

static void check_coturn_at(struct doctor *doctor, struct span ip)
{
	const struct config *config = doctor->config;
	struct sockaddr_storage address;

	if (address_parse(ip, config->turn.port, &address))
		return;
	if (config->turn.udp || config->turn.stun)
		check_door(doctor, &coturn_udp, &address);
	if (config->turn.tcp)
		check_door(doctor, &coturn_tcp, &address);
	address_set_port(&address, config->turn.tls_port);
	if (config->turn.tls)
		check_door(doctor, &coturn_tls, &address);
}

static void check_coturn(struct doctor *doctor)
{
	struct span rest = span_from(doctor->config->coturn.listening_ip);
	const struct host *host = doctor->host;
	struct sockaddr_storage cli;
	struct span item;

	if (!rest.len) {
		for (size_t i = 0; i < host->addresses_count; i++) {
			if (!host->addresses[i].is_loopback &&
			    !host->addresses[i].is_link_local)
				check_coturn_at(
					doctor,
					span_from(host->addresses[i].text));
		}
	}
	while (span_next_item(&rest, ',', &item))
		check_coturn_at(doctor, item);
	if (!address_parse_port(span_from(doctor->config->turn.cli), &cli))
		check_door(doctor, &coturn_cli, &cli);
}

static void check_signald(struct doctor *doctor, const char *list)
{
	struct span rest = span_from(list);
	struct sockaddr_storage address;
	struct span item;

	while (span_next_item(&rest, ',', &item)) {
		if (!address_parse_port(item, &address))
			check_door(doctor, &signald_tcp, &address);
	}
}

void doctor_check_ports(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	struct sockaddr_storage tunnel;

	check_signald(doctor, config->listen.address);
	check_signald(doctor, config->listen.tls);
	if (!address_parse_port(span_from(config->turn.tunnel), &tunnel)) {
		check_door(doctor, &coturn_tunnel, &tunnel);
		if (!address_parse_port(span_from(config->turn.tunnel_cli),
					&tunnel))
			check_door(doctor, &coturn_tunnel_cli, &tunnel);
	}
	if (*config->turn.host)
		check_coturn(doctor);
}

/* --- certificates --- */

static void check_pair(struct doctor *doctor, const char *cert, const char *key,
		       const char *remedy)
{
	char why[CERT_MAX_ERROR];

	if (cert_check(cert, key, doctor->now_s, why)) {
		doctor_say(doctor, "certificate", DOCTOR_FAILED, "%s", why);
		doctor_advise(doctor, "%s", remedy);
		return;
	}
	doctor_say(doctor, "certificate", DOCTOR_OK,
		   "%s and its key fit together and are valid", cert);
}

void doctor_check_certificate(struct doctor *doctor)
{
	const struct config *config = doctor->config;

	if (config->turn.tls)
		check_pair(doctor, config->coturn.cert, config->coturn.key,
			   "renew it, see that coturn's user can read both "
			   "files, and send coturn SIGUSR2");
	if (config->listen.tls[0])
		check_pair(doctor, config->tls.cert, config->tls.key,
			   "renew it, and see that signald's user can read "
			   "both files: it takes them up by itself");
}
