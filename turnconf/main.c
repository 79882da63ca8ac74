/* main.c: turnconf's command line. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crypto.h"
#include "command.h"
#include "conffile.h"
#include "doctor.h"
#include "firewall.h"
#include "output.h"
#include "policy/config_name.h"
#include "profile.h"
#include "report.h"
#include "rotate_command.h"
#include "secret.h"
#include "try.h"
#include "version.h"

static const char usage[] =
	"usage: turnconf COMMAND [OPTION]...\n"
	"\n"
	"  generate      write coturn's configuration from signald's\n"
	"  check FILE    say what is dangerous or ignored in a "
	"turnserver.conf\n"
	"  explain FILE  say what each line of it does\n"
	"  doctor        examine the server that runs here, or another\n"
	"  try FILE      use the servers of an ICE list, as a browser would\n"
	"  firewall      print nftables rules that close this host to the "
	"relay\n"
	"  secret        make a secret for turn.secret\n"
	"  secrets       put the secrets of turn.secret_file where coturn "
	"looks\n"
	"  rotate        replace the secret while both serve\n"
	"\n"
	"turnconf COMMAND --help tells more; --version prints the version.\n"
	"Exit code: 0 fine, 1 findings or nothing written, 2 wrong usage,\n"
	"or standard output that cannot be written.\n";

static const char generate_usage[] =
	"usage: turnconf generate [OPTION]...\n"
	"\n"
	"Write the turnserver.conf that goes with signald's configuration.\n"
	"\n"
	"  --config FILE            signald's configuration file\n"
	"  --set SECTION.KEY=VALUE  one value more, over the file's\n"
	"  --coturn-version X.Y.Z   for this coturn; else the installed one\n"
	"  --tunnel                 the file of the second coturn, at "
	"turn.tunnel\n"
	"  --patched                for turn.credentials = redis: it has the "
	"patch of\n"
	"                           GHSA-4g7c-p5wg-j4hp, whatever its version\n"
	"  --output FILE            write here, readable by coturn alone, "
	"instead of to\n"
	"                           standard output\n";

static const char check_usage[] =
	"usage: turnconf check [OPTION]... FILE\n"
	"\n"
	"Say what is dangerous or silently ignored in a turnserver.conf.\n"
	"\n"
	"  --coturn-version X.Y.Z  for this coturn; else the installed one\n"
	"  --elsewhere             the file is for another machine: look up "
	"no\n"
	"                          address, certificate or mode on this one\n"
	"  --patched               that coturn has the patch of "
	"GHSA-4g7c-p5wg-j4hp,\n"
	"                          whatever its version\n"
	"  --json                  as JSON\n"
	"\n"
	"Exit code: 0 nothing found, 1 findings, 2 wrong usage, or standard\n"
	"output that cannot be written.\n";

static const char explain_usage[] =
	"usage: turnconf explain [OPTION]... FILE\n"
	"\n"
	"Say what each line of a turnserver.conf does.\n"
	"\n"
	"  --coturn-version X.Y.Z  for this coturn; else the installed one\n";

static const char doctor_usage[] =
	"usage: turnconf doctor [OPTION]...\n"
	"\n"
	"Examine coturn and signald as they run on this machine: versions, "
	"files,\n"
	"ports, certificate, clock, addresses, and a relay as a client uses "
	"it;\n"
	"and the servers of [turn NAME], as far as they show from here.\n"
	"\n"
	"  --config FILE            signald's configuration file; else\n"
	"                           " DOCTOR_CONFIG " if it is there\n"
	"  --set SECTION.KEY=VALUE  one value more, over the file's\n"
	"  --turnserver FILE        coturn's configuration; else "
	"turnserver.conf "
	"beside\n"
	"                           signald's, in /run/signald-coturn (the "
	"units), or in\n"
	"                           /etc\n"
	"  --tunnel-turnserver FILE the second coturn's; else likewise\n"
	"  --stun ADDRESS[:PORT]    a STUN server outside, asked how it sees "
	"this machine\n"
	"  --server NAME            examine that server from here, from "
	"outside, with the\n"
	"                           same configuration; nothing of this "
	"machine\n"
	"  --coturn-version X.Y.Z   of coturn, where it cannot be asked\n"
	"  --patched                for turn.credentials = redis: coturn has "
	"the patch of\n"
	"                           GHSA-4g7c-p5wg-j4hp, whatever its version\n"
	"  --json                   as JSON\n"
	"\n"
	"Exit code: 0 nothing failed, though there may be warnings; 1 "
	"something failed;\n"
	"2 wrong usage, or a configuration that signald would refuse.\n";

static const char try_usage[] =
	"usage: turnconf try [--json] FILE\n"
	"\n"
	"Use each server of an ICE list as a browser would, from here: the "
	"answer of\n"
	"/v1/ice, in FILE or with - on standard input. It needs no secret and "
	"no\n"
	"configuration.\n"
	"\n"
	"  --json  as JSON\n"
	"\n"
	"Exit code: 0 nothing failed, 1 something failed, 2 wrong usage, or "
	"no ICE list.\n";

static const char firewall_usage[] =
	"usage: turnconf firewall [OPTION]...\n"
	"\n"
	"Print rules for \"nft -f -\" that keep relayed datagrams from this "
	"host's own\n"
	"UDP services; two relayed clients meet all the same.\n"
	"\n"
	"  --config FILE            signald's configuration file\n"
	"  --set SECTION.KEY=VALUE  one value more, over the file's\n"
	"  --user USER              whom coturn runs as; else turnserver\n";

static const char secret_usage[] =
	"usage: turnconf secret\n"
	"\n"
	"Print a fresh secret of 256 random bits in A-Z a-z 0-9 _ -.\n";

static const char secrets_usage[] =
	"usage: turnconf secrets [OPTION]...\n"
	"\n"
	"Make coturn's database hold exactly the secrets of turn.secret_file, "
	"and\n"
	"none where the secret stands in the configuration. For before coturn\n"
	"starts, as a user who may write coturn.userdb.\n"
	"\n"
	"  --config FILE            signald's configuration file\n"
	"  --set SECTION.KEY=VALUE  one value more, over the file's\n";

static const char rotate_usage[] =
	"usage: turnconf rotate [OPTION]...\n"
	"\n"
	"Make a fresh secret, have signald sign with it, wait until no "
	"credential of\n"
	"the old one is good any more (turn.max_ttl_s), and take that out. "
	"Neither\n"
	"signald nor coturn is restarted. Interrupted, it goes on when it is "
	"called\n"
	"again.\n"
	"\n"
	"  --config FILE            signald's configuration file\n"
	"  --set SECTION.KEY=VALUE  one value more, over the file's\n"
	"  --now-remove             do not wait: the old secret is known to "
	"somebody\n"
	"                           who must not use it\n";

enum argument {
	ARG_CONFIG,
	ARG_SET,
	ARG_COTURN,
	ARG_OUTPUT,
	ARG_TUNNEL,
	ARG_ELSEWHERE,
	ARG_JSON,
	ARG_USER,
	ARG_SERVER,
	ARG_STUN,
	ARG_TURNSERVER,
	ARG_TUNNEL_TURNSERVER,
	ARG_NOW,
	ARG_PATCHED,
	ARG_HELP,
	ARG_VERSION
};

struct command {
	const char *name;
	const char *usage;
	bool takes_file;
	struct option options[12];
	int (*run)(const struct arguments *arguments);
};

#define HELP_AND_VERSION                                  \
	{"help", no_argument, NULL, ARG_HELP},            \
	{                                                 \
		"version", no_argument, NULL, ARG_VERSION \
	}

/* --- generate --- */

static int write_output(const struct arguments *arguments, struct span text)
{
	int err;

	if (!arguments->output) {
		(void)fwrite(text.ptr, 1, text.len, stdout);
		return EXIT_FINE;
	}
	err = output_write(arguments->output, text);
	if (!err)
		return EXIT_FINE;

	(void)command_complain("%s: %s", arguments->output, strerror(-err));
	return EXIT_FINDINGS;
}

/* What check would find in it: a port that needs a capability, an address of
 * another machine. The operator may have meant it. */
static void tell_findings(const struct profile_target *target, struct span text)
{
	struct rule_subject subject = {.path = "/dev/null",
				       .text = text,
				       .version = target->version,
				       .host = target->host,
				       .now_s = target->now_s,
				       .is_patched = target->is_patched};
	struct rule_findings findings = {0};

	rule_check(&subject, &findings);
	for (size_t i = 0; i < findings.count; i++) {
		struct span why = buf_span(&findings.items[i].why);

		(void)command_complain(
			"%s: %.*s [%s]",
			rule_severity_name(findings.items[i].severity),
			(int)why.len, why.ptr, findings.items[i].id);
	}
	rule_findings_clear(&findings);
}

static int generate_for(const struct arguments *arguments,
			const struct config *config,
			const struct profile_target *target)
{
	char error[PROFILE_MAX_ERROR] = "out of memory";
	struct buf text = {0};
	int code = EXIT_FINDINGS;

	if (profile_generate(config, target, &text, error)) {
		(void)command_complain("%s", error);
	} else {
		tell_findings(target, buf_span(&text));
		code = write_output(arguments, buf_span(&text));
	}
	buf_wipe(&text);
	return code;
}

static int generate(const struct arguments *arguments)
{
	struct profile_target target = {.now_s = command_now_s(),
					.is_tunnel = arguments->tunnel,
					.is_patched = arguments->patched};
	struct config *config = NULL;
	struct host host;
	int code;

	code = command_load_config(arguments, &config);
	if (code)
		return code;

	code = command_find_version(arguments, &target.version);
	if (!code)
		code = command_read_host(&host);
	target.host = &host;
	if (!code)
		code = generate_for(arguments, config, &target);
	config_free(config);
	return code;
}

/* --- check, explain, secret --- */

/* turnserver.conf has no sections; signald's begins with one of its own. */
static bool is_signalds(struct span text)
{
	struct conffile_reader reader = conffile_start(text);
	struct conffile_line line;
	struct span section;

	if (!conffile_next(&reader, &line) ||
	    !span_has_prefix(line.name, SPAN("[")))
		return false;
	section = span_skip(line.name, 1);
	if (section.len && section.ptr[section.len - 1] == ']')
		section.len--;
	return config_has_section(section);
}

static int read_turnserver_conf(const char *path, struct buf *text)
{
	int code = command_read_file(path, text);

	if (code || !is_signalds(buf_span(text)))
		return code;
	return command_complain(
		"%s: this looks like signald's configuration, not like a "
		"turnserver.conf; turnconf generate --config %s writes the "
		"one that goes with it",
		path, path);
}

static int print_findings(const struct arguments *arguments,
			  const struct rule_subject *subject)
{
	struct rule_findings findings = {0};
	int code;

	rule_check(subject, &findings);
	code = findings.count ? EXIT_FINDINGS : EXIT_FINE;
	if (arguments->json && report_json(subject, &findings, stdout))
		findings.failed = true;
	if (!arguments->json)
		report_text(subject, &findings, stdout);
	if (findings.failed)
		code = command_complain("out of memory");
	rule_findings_clear(&findings);
	return code;
}

static int explain_subject(const struct arguments *arguments,
			   const struct rule_subject *subject)
{
	(void)arguments;
	if (report_explain(subject, stdout))
		return command_complain("out of memory");
	return EXIT_FINE;
}

static int with_subject(const struct arguments *arguments,
			int (*run)(const struct arguments *,
				   const struct rule_subject *))
{
	struct rule_subject subject = {.path = arguments->file,
				       .now_s = command_now_s(),
				       .is_patched = arguments->patched};
	struct buf text = {0};
	struct host host;
	int code;

	code = command_find_version(arguments, &subject.version);
	if (!code)
		code = command_read_host(&host);
	if (!code)
		code = read_turnserver_conf(arguments->file, &text);
	if (!code) {
		subject.text = buf_span(&text);
		subject.host = arguments->elsewhere ? NULL : &host;
		code = run(arguments, &subject);
	}
	buf_wipe(&text);
	return code;
}

static int check(const struct arguments *arguments)
{
	return with_subject(arguments, print_findings);
}

static int explain(const struct arguments *arguments)
{
	return with_subject(arguments, explain_subject);
}

static int secret(const struct arguments *arguments)
{
	char text[SECRET_CAP];

	(void)arguments;
	secret_make(text);
	(void)puts(text);
	crypto_wipe(text, sizeof(text));
	return EXIT_FINE;
}

/* clang-format off */
static const struct command commands[] = {
	{"generate", generate_usage, false,
	 {{"config", required_argument, NULL, ARG_CONFIG},
	  {"set", required_argument, NULL, ARG_SET},
	  {"coturn-version", required_argument, NULL, ARG_COTURN},
	  {"output", required_argument, NULL, ARG_OUTPUT},
	  {"tunnel", no_argument, NULL, ARG_TUNNEL},
	  {"patched", no_argument, NULL, ARG_PATCHED},
	  HELP_AND_VERSION},
	 generate},
	{"check", check_usage, true,
	 {{"coturn-version", required_argument, NULL, ARG_COTURN},
	  {"elsewhere", no_argument, NULL, ARG_ELSEWHERE},
	  {"patched", no_argument, NULL, ARG_PATCHED},
	  {"json", no_argument, NULL, ARG_JSON},
	  HELP_AND_VERSION},
	 check},
	{"explain", explain_usage, true,
	 {{"coturn-version", required_argument, NULL, ARG_COTURN},
	  HELP_AND_VERSION},
	 explain},
	{"doctor", doctor_usage, false,
	 {{"config", required_argument, NULL, ARG_CONFIG},
	  {"set", required_argument, NULL, ARG_SET},
	  {"turnserver", required_argument, NULL, ARG_TURNSERVER},
	  {"tunnel-turnserver", required_argument, NULL, ARG_TUNNEL_TURNSERVER},
	  {"stun", required_argument, NULL, ARG_STUN},
	  {"server", required_argument, NULL, ARG_SERVER},
	  {"coturn-version", required_argument, NULL, ARG_COTURN},
	  {"patched", no_argument, NULL, ARG_PATCHED},
	  {"json", no_argument, NULL, ARG_JSON},
	  HELP_AND_VERSION},
	 doctor_run},
	{"try", try_usage, true,
	 {{"json", no_argument, NULL, ARG_JSON}, HELP_AND_VERSION},
	 try_run},
	{"firewall", firewall_usage, false,
	 {{"config", required_argument, NULL, ARG_CONFIG},
	  {"set", required_argument, NULL, ARG_SET},
	  {"user", required_argument, NULL, ARG_USER},
	  HELP_AND_VERSION},
	 firewall_run},
	{"secret", secret_usage, false, {HELP_AND_VERSION}, secret},
	{"secrets", secrets_usage, false,
	 {{"config", required_argument, NULL, ARG_CONFIG},
	  {"set", required_argument, NULL, ARG_SET},
	  HELP_AND_VERSION},
	 rotate_run_secrets},
	{"rotate", rotate_usage, false,
	 {{"config", required_argument, NULL, ARG_CONFIG},
	  {"set", required_argument, NULL, ARG_SET},
	  {"now-remove", no_argument, NULL, ARG_NOW},
	  HELP_AND_VERSION},
	 rotate_run},
};
/* clang-format on */

static int print(const char *text)
{
	(void)fputs(text, stdout);
	return EXIT_FINE;
}

static int refuse_usage(const struct command *command, const char *what,
			const char *argument)
{
	return command_complain("%s: %s%s; see turnconf %s --help",
				command->name, what, argument, command->name);
}

/* What getopt does not know; "-xy" is told by its letter. */
static int refuse_option(const struct command *command, char **argv)
{
	const char letter[] = {'-', (char)optopt, '\0'};
	const char *argument = optopt > ' ' ? letter : argv[optind - 1];

	return refuse_usage(command,
			    strchr(argument, '=') ? "no such option, or none "
						    "that takes a value: "
						  : "no such option: ",
			    argument);
}

/* One option; -1 to go on, else the exit code. */
static int take_option(const struct command *command, int option, char **argv,
		       struct arguments *arguments)
{
	switch (option) {
	case ARG_CONFIG:
		arguments->config = optarg;
		return -1;
	case ARG_SET:
		if (arguments->sets_count == COMMAND_MAX_SETS)
			return command_complain("too many --set");
		arguments->sets[arguments->sets_count++] = optarg;
		return -1;
	case ARG_COTURN:
		arguments->coturn_version = optarg;
		return -1;
	case ARG_OUTPUT:
		arguments->output = optarg;
		return -1;
	case ARG_TUNNEL:
		arguments->tunnel = true;
		return -1;
	case ARG_SERVER:
		arguments->server = optarg;
		return -1;
	case ARG_STUN:
		arguments->stun = optarg;
		return -1;
	case ARG_TUNNEL_TURNSERVER:
		arguments->tunnel_turnserver = optarg;
		return -1;
	case ARG_TURNSERVER:
		arguments->turnserver = optarg;
		return -1;
	case ARG_USER:
		arguments->user = optarg;
		return -1;
	case ARG_ELSEWHERE:
		arguments->elsewhere = true;
		return -1;
	case ARG_JSON:
		arguments->json = true;
		return -1;
	case ARG_NOW:
		arguments->now = true;
		return -1;
	case ARG_PATCHED:
		arguments->patched = true;
		return -1;
	case ARG_HELP:
		return print(command->usage);
	case ARG_VERSION:
		return print("turnconf " SIGNALD_VERSION "\n");
	case ':':
		return refuse_usage(command, "a value is missing behind ",
				    argv[optind - 1]);
	default:
		return refuse_option(command, argv);
	}
}

/* FILE where there is to be one, and nothing else. */
static int take_file(const struct command *command, int argc, char **argv,
		     struct arguments *arguments)
{
	if (command->takes_file && optind < argc)
		arguments->file = argv[optind++];
	if (optind < argc)
		return refuse_usage(command,
				    command->takes_file
					    ? "only one FILE at a time, and "
					      "this is another: "
					    : "unexpected argument: ",
				    argv[optind]);
	if (command->takes_file && !arguments->file)
		return refuse_usage(command, "FILE is missing", "");
	return 0;
}

static int run_command(const struct command *command, int argc, char **argv)
{
	struct arguments arguments = {0};
	int option, code;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", command->options,
				     NULL)) != -1) {
		code = take_option(command, option, argv, &arguments);
		if (code >= 0)
			return code;
	}
	code = take_file(command, argc, argv, &arguments);
	return code ? code : command->run(&arguments);
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		(void)fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help"))
		return print(usage);
	if (!strcmp(argv[1], "--version"))
		return print("turnconf " SIGNALD_VERSION "\n");

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return run_command(&commands[i], argc - 1, argv + 1);
	}
	return command_complain(
		"unknown command \"%s\"; turnconf --help lists them", argv[1]);
}

/* The commands write to standard output without a look at what becomes of it:
 * that is seen here, once. */
static int finish_output(int code)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	return command_complain("standard output: %s",
				errno ? strerror(errno) : "cannot be written");
}

int main(int argc, char **argv)
{
	return finish_output(run(argc, argv));
}
