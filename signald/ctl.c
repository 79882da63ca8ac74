/* ctl.c: signald ctl: the admin API from the command line. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/crypto.h"
#include "base/near.h"
#include "ctl.h"
#include "ctl_http.h"
#include "ctl_print.h"

#define MAX_SETS 256
#define MAX_WHY 1024

struct ctl {
	struct ctl_target target;
	const char *file;
	const char *sets[MAX_SETS];
	size_t sets_count;
	bool as_json;
	const char *last; /* events to begin with */
	const char *words[2];
	struct buf line; /* of the event stream, not whole yet */
};

struct command {
	const char *name, *operands, *help;
	int least, most; /* operands */
	int (*run)(struct ctl *ctl, const struct command *command);
	const char *method;
	const char *path; /* with one %s where an operand goes */
	const char *done; /* what is said then */
};

static _Noreturn void usage(const char *argument, const char *what)
{
	(void)fprintf(stderr, "signald ctl: %s: %s; see signald ctl --help\n",
		      argument, what);
	exit(EX_USAGE);
}

static int fail(const char *why)
{
	(void)fprintf(stderr, "signald ctl: %s\n", why);
	return EX_UNAVAILABLE;
}

/* --- asking --- */

/* The path of a command, with its first operand. */
static void write_path(struct buf *out, const struct command *command,
		       const char *operand)
{
	const char *hole = strstr(command->path, "%s");

	buf_append_str(out, ADMIN_PREFIX);
	if (!hole) {
		buf_append_str(out, command->path);
	} else {
		buf_append(out, command->path, (size_t)(hole - command->path));
		ctl_encode(out, span_from(operand));
		buf_append_str(out, hole + 2);
	}
}

/* The "detail" of a problem, on stderr. */
static int complain(const struct ctl_answer *answer)
{
	json_t *problem =
		json_loadb(answer->body.ptr, answer->body.len, 0, NULL);
	const char *detail =
		json_string_value(json_object_get(problem, "detail"));

	(void)fprintf(stderr, "signald ctl: %s (%d)\n",
		      detail ? detail : "refused", answer->status);
	json_decref(problem);
	return EXIT_FAILURE;
}

/*
 * Ask, and read the answer: NULL of one without a body.
 *
 * Returns 0, or the exit code, after having said why.
 */
static int ask(const struct ctl *ctl, const char *method, struct buf *path,
	       struct span body, json_t **jsonp)
{
	struct ctl_answer answer = {0};
	struct ctl_request request = {.method = method, .body = body};
	char why[MAX_WHY];
	int code = 0;

	buf_append(path, "", 1);
	request.path = path->ptr;
	*jsonp = NULL;
	if (path->failed)
		code = fail("out of memory");
	else if (ctl_ask(&ctl->target, &request, &answer, why, sizeof(why)))
		code = fail(why);
	else if (answer.status >= 300)
		code = complain(&answer);
	if (!code && answer.body.len) {
		*jsonp = json_loadb(answer.body.ptr, answer.body.len, 0, NULL);
		if (!*jsonp)
			code = fail("the answer is no JSON: another program "
				    "listens there");
	}
	buf_clear(&answer.body);
	buf_clear(path);
	return code;
}

static void print_json(const json_t *json)
{
	(void)json_dumpf(json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	(void)puts("");
}

/* --- commands --- */

/* Of a list: all its pages, as one. Returns 0 or the exit code. */
static int ask_all(const struct ctl *ctl, const struct command *command,
		   const char *list, json_t **allp)
{
	json_t *all = NULL, *page;
	const char *next = "";
	int code;

	do {
		struct buf path = {0};

		write_path(&path, command, ctl->words[0]);
		buf_append_str(&path, "?limit=1000&after=");
		ctl_encode(&path, span_from(next));
		buf_append_str(&path, "&contains=");
		ctl_encode(&path,
			   span_from(ctl->words[0] ? ctl->words[0] : ""));
		code = ask(ctl, command->method, &path, SPAN(""), &page);
		if (code) {
			json_decref(all);
			return code;
		}
		if (!all)
			all = json_incref(json_object_get(page, list));
		else
			(void)json_array_extend(all,
						json_object_get(page, list));
		next = json_string_value(json_object_get(page, "next"));
		/* It lives on in the list's last row. */
		next = next ? json_string_value(json_object_get(
				      json_array_get(all,
						     json_array_size(all) - 1),
				      strcmp(list, "rooms") ? "id" : "name"))
			    : NULL;
		json_decref(page);
	} while (next);
	*allp = all;
	return 0;
}

static const struct ctl_column room_columns[] = {
	{"ROOM", "name"},
	{"PEERS", "peers"},
	{"AWAY", "away"},
	{"BROADCASTERS", "broadcasters"},
	{"WATCHERS", "watchers"},
	{"SINCE", "since"},
	{NULL, NULL},
};

static const struct ctl_column peer_columns[] = {
	{"PEER", "id"},		{"ROLE", "role"},	{"NAME", "name"},
	{"NETWORK", "network"}, {"DIALECT", "dialect"}, {"AWAY", "away"},
	{"SINCE", "since"},	{"ROOM", "room"},	{NULL, NULL},
};

static const struct ctl_column limit_columns[] = {
	{"KEY", "key"},
	{"VALUE", "value"},
	{"MEANING", "meaning"},
	{NULL, NULL},
};

static int run_list(struct ctl *ctl, const struct command *command)
{
	json_t *all;
	int code = ask_all(ctl, command, command->path, &all);

	if (code)
		return code;
	if (ctl->as_json)
		print_json(all);
	else
		ctl_print_table(all, strcmp(command->path, "rooms")
					     ? peer_columns
					     : room_columns);
	json_decref(all);
	return EXIT_SUCCESS;
}

static int run_room(struct ctl *ctl, const struct command *command)
{
	json_t *room = NULL, *page;
	json_int_t after = 0;

	do {
		struct buf path = {0};
		int code;

		write_path(&path, command, ctl->words[0]);
		buf_append_format(&path,
				  "?limit=1000&after=%" JSON_INTEGER_FORMAT,
				  after);
		code = ask(ctl, command->method, &path, SPAN(""), &page);
		if (code) {
			json_decref(room);
			return code;
		}
		after = json_integer_value(json_object_get(page, "next"));
		if (!room) {
			room = page;
			continue;
		}
		(void)json_array_extend(json_object_get(room, "members"),
					json_object_get(page, "members"));
		json_decref(page);
	} while (after);
	(void)json_object_del(room, "next");
	if (ctl->as_json)
		print_json(room);
	else
		ctl_print_table(json_object_get(room, "members"), peer_columns);
	json_decref(room);
	return EXIT_SUCCESS;
}

static int ask_once(struct ctl *ctl, const struct command *command,
		    json_t **json)
{
	struct buf path = {0};

	write_path(&path, command, ctl->words[0]);
	return ask(ctl, command->method, &path, SPAN(""), json);
}

static int run_show(struct ctl *ctl, const struct command *command)
{
	json_t *json;
	int code = ask_once(ctl, command, &json);

	if (code)
		return code;
	if (ctl->as_json)
		print_json(json);
	else if (!strcmp(command->path, "pool"))
		ctl_print_pool(json);
	else if (!strcmp(command->path, "limits"))
		ctl_print_table(json_object_get(json, "limits"), limit_columns);
	else
		ctl_print_object(json);
	json_decref(json);
	return EXIT_SUCCESS;
}

static int report(const struct ctl *ctl, const struct command *command,
		  json_t *json)
{
	json_int_t kicked = json_integer_value(json_object_get(json, "kicked"));

	if (ctl->as_json && json)
		print_json(json);
	else if (!ctl->as_json && json && json_object_get(json, "kicked"))
		(void)printf("%s: %" JSON_INTEGER_FORMAT " %s in it\n",
			     command->done, kicked,
			     kicked == 1 ? "peer was" : "peers were");
	else if (!ctl->as_json)
		(void)puts(command->done);
	json_decref(json);
	return EXIT_SUCCESS;
}

static int run_act(struct ctl *ctl, const struct command *command)
{
	json_t *json;
	int code = ask_once(ctl, command, &json);

	return code ? code : report(ctl, command, json);
}

static int run_reload(struct ctl *ctl, const struct command *command)
{
	const json_t *keys;
	json_t *json;
	int code = ask_once(ctl, command, &json);

	if (code)
		return code;
	keys = json_object_get(json, "needsRestart");
	if (!ctl->as_json)
		for (size_t i = 0; i < json_array_size(keys); i++)
			(void)printf(
				"%s needs a restart\n",
				json_string_value(json_array_get(keys, i)));
	return report(ctl, command, json);
}

static int run_mute(struct ctl *ctl, const struct command *command)
{
	const char *seconds = ctl->words[1] ? ctl->words[1] : "0";
	struct buf path = {0};
	char body[64];
	json_t *json;
	int code;

	if (!*seconds || strspn(seconds, "0123456789") != strlen(seconds) ||
	    strlen(seconds) > 9)
		usage(seconds, "the seconds are a whole number, 0 to 86400");
	(void)snprintf(body, sizeof(body), "{\"seconds\":%ld}",
		       strtol(seconds, NULL, 10));
	write_path(&path, command, ctl->words[0]);
	code = ask(ctl, command->method, &path, span_from(body), &json);
	return code ? code : report(ctl, command, json);
}

static int run_rotate(struct ctl *ctl, const struct command *command)
{
	const char *more = ctl->words[1];
	bool is_void = more && !strcmp(more, "void");
	struct buf path = {0};
	char body[64] = "";
	json_t *json;
	int code;

	if (more && !is_void &&
	    (!*more || strspn(more, "0123456789") != strlen(more) ||
	     strlen(more) > 9))
		usage(more, "behind resume-keys may stand void, behind "
			    "admin-key seconds, 0 to 86400");
	if (is_void)
		(void)snprintf(body, sizeof(body), "{\"void\":true}");
	else if (more)
		(void)snprintf(body, sizeof(body), "{\"graceSeconds\":%ld}",
			       strtol(more, NULL, 10));
	write_path(&path, command, ctl->words[0]);
	code = ask(ctl, command->method, &path, span_from(body), &json);
	if (code)
		return code;
	if (!ctl->as_json)
		(void)printf("what is out stays good for at most "
			     "%" JSON_INTEGER_FORMAT " s\n",
			     json_integer_value(
				     json_object_get(json, "graceSeconds")));
	return report(ctl, command, json);
}

/* Whole lines of the stream. */
static void take_bytes(struct span bytes, void *arg)
{
	struct ctl *ctl = arg;
	const char *end;

	buf_append_span(&ctl->line, bytes);
	while (ctl->line.len &&
	       (end = memchr(ctl->line.ptr, '\n', ctl->line.len)) != NULL) {
		struct span line =
			span_of(ctl->line.ptr, (size_t)(end - ctl->line.ptr));
		const struct span data = SPAN("data: ");

		if (span_has_prefix(line, data) && ctl->as_json) {
			line = span_skip(line, data.len);
			(void)printf("%.*s\n", (int)line.len, line.ptr);
			(void)fflush(stdout);
		} else if (span_has_prefix(line, data)) {
			ctl_print_event(span_skip(line, data.len));
		}
		buf_consume(&ctl->line, (size_t)(end - ctl->line.ptr) + 1);
	}
}

static int run_events(struct ctl *ctl, const struct command *command)
{
	struct ctl_request request = {
		.method = command->method, .on_bytes = take_bytes, .arg = ctl};
	struct ctl_answer answer = {0};
	struct buf path = {0};
	char why[MAX_WHY];
	int code = EX_UNAVAILABLE;

	buf_append_str(&path, ADMIN_PREFIX "events?last=");
	ctl_encode(&path, span_from(ctl->last ? ctl->last : "0"));
	buf_append(&path, "", 1);
	request.path = path.ptr;
	if (ctl_ask(&ctl->target, &request, &answer, why, sizeof(why)))
		(void)fail(why);
	else
		code = complain(&answer);
	buf_clear(&answer.body);
	buf_clear(&path);
	buf_clear(&ctl->line);
	return code;
}

static const struct command commands[] = {
	{"status", "", "version, uptime, how many rooms and peers", 0, 0,
	 run_show, "GET", "status", NULL},
	{"rooms", "[TEXT]", "all rooms, or those with TEXT in their names", 0,
	 1, run_list, "GET", "rooms", NULL},
	{"room", "NAME", "who is in a room", 1, 1, run_room, "GET", "rooms/%s",
	 NULL},
	{"peers", "[TEXT]", "all peers, or those with TEXT in their ids", 0, 1,
	 run_list, "GET", "peers", NULL},
	{"peer", "ID", "one peer", 1, 1, run_show, "GET", "peers/%s", NULL},
	{"kick", "ID", "send a peer away for good, and end what it relays", 1,
	 1, run_act, "DELETE", "peers/%s", "it is gone"},
	{"close", "NAME", "send everybody in a room away", 1, 1, run_act,
	 "DELETE", "rooms/%s", "the room is closed"},
	{"mute", "ID SECONDS", "pass nothing on that it says, for so long", 2,
	 2, run_mute, "POST", "peers/%s/mute", "it is muted"},
	{"unmute", "ID", "let it speak again", 1, 1, run_mute, "POST",
	 "peers/%s/mute", "it may speak again"},
	{"pool", "", "the TURN servers, and which ways to them work", 0, 0,
	 run_show, "GET", "pool", NULL},
	{"withdraw", "SERVER", "give a TURN server to no more clients", 1, 1,
	 run_act, "POST", "pool/%s/drain", "it is given to no more clients"},
	{"restore", "SERVER", "give it to clients again", 1, 1, run_act,
	 "DELETE", "pool/%s/drain", "clients are given it again"},
	{"limits", "", "the limits in force", 0, 0, run_show, "GET", "limits",
	 NULL},
	{"events", "", "what happens, line by line, until Ctrl-C", 0, 0,
	 run_events, "GET", "events", NULL},
	{"reload", "", "read the configuration again", 0, 0, run_reload, "POST",
	 "reload", "the configuration is read again"},
	{"rotate", "WHAT [HOW]",
	 "a new key: resume-keys [void], or admin-key [SECONDS]", 1, 2,
	 run_rotate, "POST", "rotate/%s", "the key is a new one"},
	{"drain", "", "send all clients to the next process, and end", 0, 0,
	 run_act, "POST", "drain", "it drains, and ends then"},
	{NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL},
};

/* --- the command line --- */

static void print_help(void)
{
	(void)fputs("signald ctl: what a running signald's operator asks for "
		    "and does\n"
		    "\n"
		    "usage: signald ctl [--config FILE] [--json] COMMAND "
		    "[OPERAND]...\n"
		    "\n",
		    stdout);
	for (const struct command *command = commands; command->name; command++)
		(void)printf("  %-9s%-11s %s\n", command->name,
			     command->operands, command->help);
	(void)fputs(
		"\n"
		"  -c, --config FILE  what signald itself reads: it says where "
		"it "
		"listens\n"
		"                     (listen.metrics), and its key "
		"(admin.key, or admin-key in\n"
		"                     state.dir); the environment counts as "
		"well\n"
		"  -s, --set S.K=V    as for signald\n"
		"      --json         print JSON; events: an object a line\n"
		"      --last N       events: begin with the last N "
		"(at most 1024)\n"
		"  -h, --help         print this\n"
		"\n"
		"exit: 0 done, 1 signald refuses and says why, 64 usage, "
		"69 it cannot be asked,\n"
		"      78 configuration\n",
		stdout);
}

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"set", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"last", required_argument, NULL, 'l'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Take the option at optind. Returns false where there is none. */
static bool parse_option(struct ctl *ctl, int argc, char **argv)
{
	switch (getopt_long(argc, argv, "+:c:s:h", options, NULL)) {
	case -1:
		return false;
	case 'c':
		ctl->file = optarg;
		return true;
	case 's':
		if (!strchr(optarg, '='))
			usage("--set", "it takes section.key=value");
		if (ctl->sets_count == MAX_SETS)
			usage(optarg, "too many --set");
		ctl->sets[ctl->sets_count++] = optarg;
		return true;
	case 'j':
		ctl->as_json = true;
		return true;
	case 'l':
		ctl->last = optarg;
		return true;
	case 'h':
		print_help();
		exit(EX_OK);
	case ':':
		usage(argv[optind - 1], "this option needs a value");
	default:
		usage(argv[optind - 1], "unknown option");
	}
}

/* Behind the command a word may begin with "-", as ids and names may. */
static bool is_option(const char *word)
{
	if (!strcmp(word, "-c") || !strcmp(word, "-s") || !strcmp(word, "-h"))
		return true;
	for (const struct option *option = options; option->name; option++) {
		size_t len = strlen(option->name);

		if (!strncmp(word, "--", 2) &&
		    !strncmp(word + 2, option->name, len) &&
		    (!word[2 + len] || word[2 + len] == '='))
			return true;
	}
	return false;
}

static _Noreturn void refuse_command(const char *name)
{
	const char *nearest = NULL;
	unsigned least = NEAR_FAR;
	char what[64];

	for (const struct command *command = commands; command->name;
	     command++) {
		unsigned edits =
			near_edits(span_from(name), span_from(command->name));

		if (edits >= least)
			continue;
		least = edits;
		nearest = command->name;
	}
	if (!nearest)
		usage(name, "unknown command");
	(void)snprintf(what, sizeof(what), "unknown command; did you mean %s?",
		       nearest);
	usage(name, what);
}

static const struct command *find_command(const char *name)
{
	const struct command *command = commands;

	while (command->name && strcmp(command->name, name) != 0)
		command++;
	if (!command->name)
		refuse_command(name);
	return command;
}

static const struct command *parse_command(struct ctl *ctl, int argc,
					   char **argv)
{
	const struct command *command;
	char form[64];
	int count = 0;

	opterr = 0;
	optind = 1;

	while (parse_option(ctl, argc, argv))
		;
	if (optind == argc)
		usage("COMMAND", "which one?");
	command = find_command(argv[optind++]);
	while (optind < argc) {
		if (is_option(argv[optind]))
			(void)parse_option(ctl, argc, argv);
		else if (count++ < 2)
			ctl->words[count - 1] = argv[optind++];
		else
			optind++;
	}
	if (count < command->least || count > command->most) {
		(void)snprintf(form, sizeof(form), "it is used so: %s%s%s",
			       command->name, *command->operands ? " " : "",
			       command->operands);
		usage(command->name, form);
	}
	return command;
}

/* Returns 0, or the exit code after having said why. */
static int find_target(struct ctl *ctl)
{
	const struct config_sources sources = {
		.file = ctl->file,
		.sets = ctl->sets,
		.sets_count = ctl->sets_count,
		.environ = (const char *const *)environ,
	};
	struct config_error error;
	struct config *config;
	char why[MAX_WHY];
	int err;

	if (config_load(&config, &sources, &error)) {
		(void)fprintf(stderr, "signald ctl: %s\n", error.text);
		return EX_CONFIG;
	}
	err = ctl_find(&ctl->target, config, why, sizeof(why));
	config_free(config);
	if (!err)
		return 0;
	(void)fprintf(stderr, "signald ctl: %s\n", why);
	return EX_CONFIG;
}

int ctl_main(int argc, char **argv)
{
	static struct ctl ctl;
	const struct command *command;
	int code;

	command = parse_command(&ctl, argc, argv);
	code = find_target(&ctl);
	if (!code)
		code = command->run(&ctl, command);
	crypto_wipe(ctl.target.key, sizeof(ctl.target.key));
	return code;
}
