/* main.c: the command line of signald, and its exit codes. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/crypto.h>

#include "access/tokens.h"
#include "base/cert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/near.h"
#include "confine.h"
#include "ctl.h"
#include "ctl_health.h"
#include "dialect/socketio.h"
#include "issue.h"
#include "net/tls_temporary.h"
#include "rules/rules.h"
#include "server.h"

#define MAX_SETS 256
#define KEPT_BYTES (4 * 1024 * 1024)

enum action { SERVE, CHECK_CONFIG, PRINT_CONFIG, CHECK_HEALTH, MAKE_TOKEN };

struct arguments {
	enum action action;
	const char *file;
	const char *claims; /* of MAKE_TOKEN */
	const char *sets[MAX_SETS];
	size_t sets_count;
};

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"set", required_argument, NULL, 's'},
	{"check-config", no_argument, NULL, 'k'},
	{"print-config", no_argument, NULL, 'p'},
	{"healthcheck", no_argument, NULL, 'y'},
	{"print-rules", required_argument, NULL, 'r'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'v'},
	{NULL, 0, NULL, 0},
};

static void print_help(void)
{
	(void)fputs(
		"signald: WebRTC signaling and TURN credentials in one daemon\n"
		"\n"
		"usage: signald [--config FILE] [--set SECTION.KEY=VALUE]...\n"
		"       signald key NAME   make an API key for a backend, and "
		"its line for access.keys\n"
		"       signald token CLAIMS [--config FILE]...   make a "
		"token: signald token '{\"room\": \"kitchen\"}'\n"
		"       signald ctl COMMAND   ask a running one, or tell it "
		"what to do: signald ctl --help\n"
		"\n"
		"  -c, --config FILE   read this configuration file\n"
		"  -s, --set S.K=V     set one key; stronger than environment "
		"and file\n"
		"      --check-config  check the configuration and exit: 0 or "
		"78\n"
		"      --print-config  print the configuration in effect, "
		"secrets masked\n"
		"      --healthcheck   ask the signald of this configuration "
		"whether it is ready: 0 or 1\n"
		"      --print-rules PRESET  print the rules of a preset of "
		"socketio.namespaces\n"
		"  -h, --help          print this\n"
		"      --version       print the version\n"
		"\n"
		"signals: TERM, INT  drain, then end; a second one ends at "
		"once\n"
		"         HUP        read the configuration again; a bad one "
		"is refused\n"
		"exit:    0 ended as asked, 1 could not start or run, 64 "
		"usage, 78 configuration\n"
		"\n"
		"Every key below can also be given in the environment as "
		"SIGNALD_SECTION_KEY,\n"
		"every secret as a file: SIGNALD_SECTION_KEY_FILE, or key_file "
		"in the file.\n"
		"\n",
		stdout);
	config_print_help(stdout);
}

static void print_version(void)
{
	(void)printf("signald %s (libevent %s, %s)\n", SIGNALD_VERSION,
		     event_get_version(), OpenSSL_version(OPENSSL_VERSION));
}

static _Noreturn void usage(const char *argument, const char *what)
{
	(void)fprintf(stderr, "signald: %s: %s; see signald --help\n", argument,
		      what);
	exit(EX_USAGE);
}

/* For those who write their own: a preset to begin with. */
static _Noreturn void print_rules(const char *preset)
{
	const char *rules = rules_preset(preset);

	if (rules) {
		(void)fputs(rules, stdout);
		exit(EX_OK);
	}
	(void)fprintf(stderr, "signald: no preset '%s'; there are", preset);
	for (size_t i = 0; rules_preset_name(i); i++)
		(void)fprintf(stderr, "%s %s", i ? "," : "",
			      rules_preset_name(i));
	(void)fputs("\n", stderr);
	exit(EX_USAGE);
}

static _Noreturn void refuse_word(const char *word)
{
	static const char *const commands[] = {"key", "token", "ctl"};
	char what[64];

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (near_edits(span_from(word), span_from(commands[i])) ==
		    NEAR_FAR)
			continue;
		(void)snprintf(what, sizeof(what),
			       "unexpected argument; did you mean %s?",
			       commands[i]);
		usage(word, what);
	}
	usage(word, "unexpected argument");
}

static void parse_arguments(int argc, char **argv, struct arguments *arguments)
{
	int option;

	opterr = 0;
	if (argc > 1 && !strcmp(argv[1], "token")) {
		if (argc == 2)
			usage(argv[1], "it takes the claims, as "
				       "'{\"room\": \"kitchen\"}'");
		if (issue_is_help(argv[2])) {
			issue_token_help();
			exit(EX_OK);
		}
		arguments->action = MAKE_TOKEN;
		arguments->claims = argv[2];
		argc -= 2;
		argv += 2;
	}
	while ((option = getopt_long(argc, argv, ":c:s:h", options, NULL)) !=
	       -1) {
		switch (option) {
		case 'c':
			arguments->file = optarg;
			break;
		case 's':
			/* Not shown: it may hold a secret. */
			if (!strchr(optarg, '='))
				usage("--set", "it takes section.key=value");
			if (arguments->sets_count == MAX_SETS)
				usage(optarg, "too many --set");
			arguments->sets[arguments->sets_count++] = optarg;
			break;
		case 'k':
			arguments->action = CHECK_CONFIG;
			break;
		case 'p':
			arguments->action = PRINT_CONFIG;
			break;
		case 'y':
			arguments->action = CHECK_HEALTH;
			break;
		case 'r':
			print_rules(optarg);
		case 'h':
			print_help();
			exit(EX_OK);
		case 'v':
			print_version();
			exit(EX_OK);
		case ':':
			usage(argv[optind - 1], "this option needs a value");
		default:
			usage(argv[optind - 1], "unknown option");
		}
	}
	if (optind < argc)
		refuse_word(argv[optind]);
}

/* As many connections as the system allows us. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * Output comes and goes with every turn of the loop. By default glibc gives the
 * end of the heap back as soon as 128 KiB of it are free, and fetches it again
 * in the next turn: a quarter of a busy relay's CPU.
 */
static void keep_freed_memory(void)
{
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

/* A folder that is to be there, and that this user may use so (as access() has
 * it); "" for none. */
static int check_folder(const char *key, const char *folder, int mode,
			struct config_error *error)
{
	int fd, err = 0;

	if (!*folder)
		return 0;
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || access(folder, mode))
		err = -errno;
	if (fd >= 0)
		(void)close(fd);
	if (err)
		(void)snprintf(error->text, sizeof(error->text),
			       "%s: %s: %s; it must be a folder%s, or empty",
			       key, folder,
			       err == -ENOENT ? "the folder does not exist"
					      : strerror(-err),
			       mode & W_OK ? " that signald may write in" : "");
	return err;
}

static int check_user(const char *name, struct config_error *error)
{
	char why[CONFINE_MAX_ERROR];
	int err = *name ? confine_check_user(name, why) : 0;

	if (err)
		(void)snprintf(error->text, sizeof(error->text),
			       "process.user: %s: %s", name, why);
	return err;
}

/* What the configuration names must be good as well, or the start would fail.
 * socketio.client_files may come later. */
static int check_named(const struct config *config, struct config_error *error)
{
	struct clock clock;
	char why[CERT_MAX_ERROR], of_tokens[TOKENS_MAX_ERROR];
	int err = socketio_check(config, error);

	if (!err)
		err = check_folder("http.root", config->http.root, F_OK, error);
	if (!err)
		err = check_folder("http.challenges", config->http.challenges,
				   R_OK | X_OK, error);
	if (!err)
		err = check_folder("state.dir", config->state.dir,
				   R_OK | W_OK | X_OK, error);
	if (!err)
		err = check_user(config->process.user, error);
	if (!err) {
		err = tokens_judge(config, of_tokens);
		if (err)
			(void)snprintf(error->text, sizeof(error->text), "%s",
				       of_tokens);
	}
	if (err || !*config->listen.tls || tls_temporary_is_wanted(config))
		return err;
	clock_update(&clock);
	err = cert_check(config->tls.cert, config->tls.key,
			 clock_wall_s(&clock), why);
	if (err)
		(void)snprintf(error->text, sizeof(error->text),
			       "listen.tls: %s", why);
	return err;
}

/* Also what was read: who forgot --config has the defaults looked at. */
static void say_good(const struct arguments *arguments)
{
	if (arguments->file)
		(void)printf("signald: the configuration is good: %s\n",
			     arguments->file);
	else
		(void)printf("signald: the configuration is good: %s alone, "
			     "as no --config was given\n",
			     arguments->sets_count
				     ? "the defaults, the environment and --set"
				     : "the defaults and the environment");
}

static void warn_of(const struct arguments *arguments,
		    const struct config *config)
{
	if (config->shows_secrets)
		(void)fprintf(stderr, "signald: warning: %s: %s\n",
			      arguments->file, CONFIG_SHOWS_SECRETS);
}

/* All is bound and opened: give up what is not needed from here on. */
static int confine(bool wants_seccomp, enum confine_processes processes)
{
	int err = confine_drop_rights();
	int without = wants_seccomp && !err ? confine_calls(processes) : 0;

	if (err) {
		log_error("process.fail", log_str("what", "rights"),
			  log_str("error", strerror(-err)));
		return err;
	}
	if (!wants_seccomp)
		log_info("process.confined", log_str("seccomp", "off"));
	else if (without)
		log_warn("process.confined", log_str("seccomp", "off"),
			 log_str("reason", strerror(-without)));
	else
		log_info("process.confined", log_str("seccomp", "on"));
	if (!geteuid())
		log_warn("process.root", log_str("key", "process.user"),
			 log_str("means", "signald runs as root; name a user "
					  "that it is to become"));
	return 0;
}

static int serve(struct config *config, const struct config_sources *sources)
{
	bool wants_seccomp = config->process.seccomp;
	enum confine_processes processes =
		config->drain.tunnels_s ? CONFINE_MAY_FORK : CONFINE_TO_ONE;
	char why[CONFINE_MAX_ERROR];
	struct server *server;
	int err = confine_become(config->process.user, why);

	if (err) {
		(void)fprintf(stderr, "signald: process.user: %s: %s\n",
			      config->process.user, why);
		config_free(config);
		return EXIT_FAILURE;
	}
	err = server_new(&server, config, sources);
	if (err)
		return EXIT_FAILURE;
	err = confine(wants_seccomp, processes);
	if (!err)
		err = server_run(server);
	server_free(server);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct config_sources sources;
	struct config_error error;
	struct config *config;
	int err;

	if (argc > 1 && !strcmp(argv[1], "ctl"))
		return ctl_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "key"))
		return issue_key(argc - 1, argv + 1);
	parse_arguments(argc, argv, &arguments);
	confine_memory();
	sources = (struct config_sources){
		.file = arguments.file,
		.sets = arguments.sets,
		.sets_count = arguments.sets_count,
		.environ = (const char *const *)environ,
	};
	if (config_load(&config, &sources, &error)) {
		(void)fprintf(stderr, "signald: %s\n", error.text);
		return EX_CONFIG;
	}
	switch (arguments.action) {
	case CHECK_CONFIG:
		err = check_named(config, &error);
		warn_of(&arguments, config);
		config_free(config);
		if (err) {
			(void)fprintf(stderr, "signald: %s\n", error.text);
			return EX_CONFIG;
		}
		say_good(&arguments);
		return EXIT_SUCCESS;
	case PRINT_CONFIG:
		config_print(config, stdout);
		config_free(config);
		return EXIT_SUCCESS;
	case CHECK_HEALTH:
		err = ctl_check_health(config);
		config_free(config);
		return err;
	case MAKE_TOKEN:
		err = issue_token(config, arguments.claims);
		config_free(config);
		return err;
	default:
		break;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	keep_freed_memory();
	return serve(config, &sources);
}
