/* test_config.c: the configuration, from files, environment and flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail_alloc.h"
#include "policy/config.h"

#define TLS_LISTENER                                                         \
	"[listen]\ntls = 127.0.0.1:443, [::1]:443\n[tls]\ncert = /c\nkey = " \
	"/k\n"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECRET "0123456789-abcdef_XYZ"
#define BETTER "9876543210-fedcba_ZYX"

static char folder[] = "/tmp/signald-config-XXXXXX";
static char conf_path[64], secret_path[64];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(conf_path, sizeof(conf_path), "%s/conf", folder);
	(void)snprintf(secret_path, sizeof(secret_path), "%s/secret", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink(conf_path);
	(void)unlink(secret_path);
	return rmdir(folder);
}

static void write_file(const char *path, struct span bytes)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

/* All the sources of one configuration, the file by its content. */
struct given {
	const char *file;
	const char *environ[4];
	const char *sets[4];
};

static int load(const struct given *given, struct config **config,
		struct config_error *error)
{
	struct config_sources sources = {
		.environ = given->environ,
		.sets = given->sets,
	};

	if (given->file) {
		write_file(conf_path, span_from(given->file));
		sources.file = conf_path;
	}
	while (sources.sets_count < COUNT(given->sets) &&
	       given->sets[sources.sets_count])
		sources.sets_count++;
	*config = NULL;
	memset(error, 0, sizeof(*error));
	return config_load(config, &sources, error);
}

static struct config *load_good(const struct given *given)
{
	struct config_error error;
	struct config *config;

	if (load(given, &config, &error))
		fail_msg("refused: %s", error.text);
	return config;
}

static struct config *load_file(const char *text)
{
	return load_good(&(struct given){.file = text});
}

/* The sentence is begin, which may start with "@" for the file's path, and what
 * follows is not looked at. */
static void assert_refused(const struct given *given, const char *begin)
{
	struct config_error error;
	struct config *config;
	char expected[CONFIG_MAX_ERROR];

	(void)snprintf(expected, sizeof(expected), "%s%s",
		       *begin == '@' ? conf_path : "", begin + (*begin == '@'));
	if (load(given, &config, &error) != -EINVAL)
		fail_msg("not refused: %s", expected);
	assert_null(config);
	if (strncmp(error.text, expected, strlen(expected)) != 0)
		fail_msg("said: %s\nnot: %s", error.text, expected);
}

static char *printed(const struct config *config)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	config_print(config, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void without_sources_the_defaults_hold(void **state)
{
	struct config *config = load_good(&(struct given){0});

	(void)state;
	assert_string_equal(config->listen.address, "127.0.0.1:8080");
	assert_string_equal(config->http.origins, "");
	assert_int_equal(config->output.max_queued_bytes, 1048576);
	assert_true(config->turn.udp);
	assert_false(config->turn.tls);
	assert_string_equal(config->turn.secret, "");
	assert_string_equal(config->log.level, "info");
	config_free(config);
}

static void a_file_gives_values_of_every_type(void **state)
{
	struct config *config =
		load_file("\xef\xbb\xbf# a byte order mark, comments, blanks\n"
			  "; of both kinds\r\n"
			  "\n"
			  "[listen]\n"
			  "address = 0.0.0.0:80, [::]:80\r\n"
			  "\t metrics=\n"
			  "[http]\n"
			  "origins = https://a.example, http://b.example:8080\n"
			  "root = /srv/two words#1;x\n"
			  "[turn]\n"
			  "host = turn.example\n"
			  "secret = " SECRET "\n"
			  "tls = ON\n"
			  "udp: false\n"
			  "[log]\n"
			  "format=json\n"
			  "[turn]\n"
			  "ttl_s   =   0900");

	(void)state;
	assert_string_equal(config->listen.address, "0.0.0.0:80, [::]:80");
	assert_string_equal(config->listen.metrics, "");
	assert_string_equal(config->http.origins,
			    "https://a.example, http://b.example:8080");
	assert_string_equal(config->http.root, "/srv/two words#1;x");
	assert_string_equal(config->turn.secret, SECRET);
	assert_true(config->turn.tls);
	assert_false(config->turn.udp);
	assert_string_equal(config->log.format, "json");
	assert_int_equal(config->turn.ttl_s, 900);
	config_free(config);
}

static void every_form_of_a_value_is_taken(void **state)
{
	static const char *const sets[] = {
		"listen.address=127.0.0.1:0",
		"listen.address=[2001:db8::1]:65535,192.0.2.1:1",
		"turn.stun=yes",
		"turn.stun=No",
		"turn.stun=TRUE",
		"turn.stun=false",
		"turn.stun=on",
		"turn.stun=off",
		"turn.stun=1",
		"turn.stun=0",
		"coturn.listening_ip=192.0.2.1, 2001:db8::1",
		"coturn.listening_ip=",
		"coturn.deny_peers=192.0.2.1-192.0.2.1",
		"coturn.deny_peers=192.0.2.1 - 192.0.2.9, 2001:db8::-"
		"2001:db8::ffff, 198.51.100.7",
		"coturn.external_ip=192.0.2.1",
		"coturn.external_ip=192.0.2.1/10.0.0.1",
		"coturn.external_ip=2001:db8::1",
		"http.origins=*",
		"http.origins=app://localhost",
		"http.origins=http://[::1]:8080",
		"turn.realm=a",
		"turn.realm=192.0.2.1",
		"turn.realm=2001:db8::1",
		"turn.realm=1.a-b.example",
		"turn.realm=7up.3com",
		"http.max_body_bytes=0",
		"http.max_body_bytes=16777216",
		"log.level=debug",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(sets); i++)
		config_free(load_good(&(struct given){.sets = {sets[i]}}));
}

static void a_bad_value_is_refused_by_its_rule(void **state)
{
	static const struct {
		const char *set, *rule;
	} cases[] = {
		{"drain.spread_s=", "a whole number from 0 to 300"},
		{"drain.spread_s=301", "a whole number from 0 to 300"},
		{"drain.spread_s=-1", "a whole number from 0 to 300"},
		{"drain.spread_s=+1", "a whole number from 0 to 300"},
		{"drain.spread_s=5s", "a whole number from 0 to 300"},
		{"drain.spread_s=18446744073709551617", "a whole number"},
		{"websocket.silence_timeout_s=1", "a whole number from 2"},
		{"turn.stun=maybe", "yes or no"},
		{"turn.stun=", "yes or no"},
		{"log.level=loud", "one of error|warn|info|debug"},
		{"log.level=INFO", "one of error"},
		{"log.level=", "one of error"},
		{"log.level=error|warn", "one of error"},
		{"listen.address=", "ADDRESS:PORT"},
		{"listen.address=8080", "ADDRESS:PORT"},
		{"listen.address=localhost:8080", "ADDRESS:PORT"},
		{"listen.address=127.0.0.1", "ADDRESS:PORT"},
		{"listen.address=127.0.0.1:", "ADDRESS:PORT"},
		{"listen.address=127.0.0.1:65536", "ADDRESS:PORT"},
		{"listen.address=127.0.0.1:80,", "ADDRESS:PORT"},
		{"listen.address=127.0.0.1:80 127.0.0.2:80", "ADDRESS:PORT"},
		{"listen.address=::1:80", "ADDRESS:PORT"},
		{"listen.address=[::1]", "ADDRESS:PORT"},
		{"listen.address=[::1]80", "ADDRESS:PORT"},
		{"listen.address=[::1:80", "ADDRESS:PORT"},
		{"listen.address=[127.0.0.1]:80", "ADDRESS:PORT"},
		{"listen.metrics=127.0.0.1:80,127.0.0.1:81", "ADDRESS:PORT"},
		{"turn.cli=0.0.0.0:5766", "127.0.0.1:PORT or [::1]:PORT"},
		{"turn.cli=10.0.0.1:5766", "127.0.0.1:PORT or [::1]:PORT"},
		{"turn.cli=[::]:5766", "127.0.0.1:PORT or [::1]:PORT"},
		{"turn.cli=[::ffff:7f00:1]:5766", "127.0.0.1:PORT or [::1]"},
		{"turn.cli=127.0.0.1:0", "127.0.0.1:PORT or [::1]:PORT"},
		{"turn.cli=127.0.0.1", "127.0.0.1:PORT or [::1]:PORT"},
		{"turn.tunnel_cli=192.0.2.1:5767", "127.0.0.1:PORT or [::1]"},
		{"coturn.relay_ip=192.0.2", "addresses parted by commas"},
		{"coturn.relay_ip=192.0.2.1:1", "addresses parted by commas"},
		{"coturn.relay_ip=,", "addresses parted by commas"},
		{"coturn.deny_peers=10.0.0.0/8", "addresses or FIRST-LAST"},
		{"coturn.deny_peers=192.0.2.9-192.0.2.1", "addresses or FIRST"},
		{"coturn.deny_peers=192.0.2.1-::1", "addresses or FIRST-LAST"},
		{"coturn.deny_peers=192.0.2.1-", "addresses or FIRST-LAST"},
		{"coturn.external_ip=a.example", "PUBLIC or PUBLIC/PRIVATE"},
		{"coturn.external_ip=192.0.2.1/", "PUBLIC or PUBLIC/PRIVATE"},
		{"coturn.external_ip=192.0.2.1/::1", "PUBLIC or PUBLIC"},
		{"http.origins=a.example", "*, scheme://host[:port]"},
		{"http.origins=https://a.example/",
		 "*, scheme://host[:port] without a slash at the end"},
		{"http.origins=*, https://a.example", "*, scheme://"},
		{"http.origins=null", "*, scheme://host[:port]"},
		{"turn.realm=a..b", "a host name, an address, or empty"},
		{"turn.realm=-a.b", "a host name"},
		{"turn.realm=a-.b", "a host name"},
		{"turn.realm=a. b", "a host name"},
		{"turn.realm=a_b", "a host name"},
		{"turn.realm=[::1]", "a host name"},
		{"turn.realm=192.0.2.300", "a host name"},
		{"turn.realm=a.example:3478", "a host name"},
		{"http.root=\"/srv\"", "plain text, without quotes"},
		{"http.root='/srv'", "plain text, without quotes"},
		{"http.root=/srv # pages", "plain text"},
		{"http.root=/srv ; pages", "plain text"},
		{"http.root=a\nb", "plain text"},
		{"http.root=a\x7f", "plain text"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *equals = strchr(cases[i].set, '=');
		char begin[CONFIG_MAX_ERROR];

		(void)snprintf(begin, sizeof(begin),
			       "--set %s: %.*s must be %s", cases[i].set,
			       (int)(equals - cases[i].set), cases[i].set,
			       cases[i].rule);
		for (char *c = begin; *c; c++)
			*c = *c == '\n' || *c == '\x7f' ? '?' : *c;
		assert_refused(&(struct given){.sets = {cases[i].set}}, begin);
	}
}

static void a_host_name_has_limits(void **state)
{
	char set[400] = "turn.realm=";
	char *label = set + strlen(set);

	(void)state;
	memset(label, 'a', 63);
	config_free(load_good(&(struct given){.sets = {set}}));
	label[63] = 'a';
	assert_refused(&(struct given){.sets = {set}}, "--set turn.realm=aaa");
	for (size_t i = 0; i < 253; i++)
		label[i] = i % 2 ? '.' : 'a';
	config_free(load_good(&(struct given){.sets = {set}}));
	memcpy(label + 253, "a", 2);
	assert_refused(&(struct given){.sets = {set}}, "--set turn.realm=a.a");
}

static void a_bad_line_is_named_with_file_and_line(void **state)
{
	static const struct {
		const char *file, *begin;
	} cases[] = {
		{"\n# x\n[drain]\nspread_s = 400\n",
		 "@:4: drain.spread_s must be a whole number from 0 to 300, "
		 "not \"400\""},
		{"[drain]\r\n\r\nspread_s = x", "@:3: drain.spread_s must be"},
		{"[drain]\nspread_s = 5 ; seconds\n", "@:2: drain.spread_s"},
		{"[http]\norigins = \"http://x\"\n",
		 "@:2: http.origins must be *, scheme://host[:port] without a "
		 "slash at the end, more parted by commas, or empty, without "
		 "quotes, not \"http://x\""},
		{"[turn]\nttl = 5\n",
		 "@:2: unknown key turn.ttl; did you mean turn.ttl_s?"},
		{"[turn]\nsecert_file = 5\n",
		 "@:2: unknown key turn.secert_file; did you mean "
		 "turn.secret_file?"},
		/* A key of the same name elsewhere means something else. */
		{"[listen]\nport = 80\n",
		 "@:2: unknown key listen.port; signald --help lists all"},
		{"[http]\nfoo = x\n",
		 "@:2: unknown key http.foo; signald --help lists all"},
		{"[http]\nroots = x\n",
		 "@:2: unknown key http.roots; did you mean http.root?"},
		{"[log]\nverbosity = 5\n",
		 "@:2: unknown key log.verbosity; signald --help lists all"},
		{"[log]\nlevel_file = x\n",
		 "@:2: unknown key log.level_file; signald --help"},
		{"[log]\nTTL\n", "@:2: neither [section] nor name = value"},
		{"[log]\n = x\n", "@:2: unknown key log."},
		{"[log]\nLEVEL = info\n", "@:2: unknown key log.LEVEL"},
		{"[turn a b]\n",
		 "@:1: the NAME of [turn NAME] must be 1 to 24"},
		{"[turn ]\n", "@:1: the NAME of [turn NAME] must be"},
		{"[turn eu]\nttl_s = 60\n",
		 "@:2: turn.ttl_s is one for all servers: it belongs into "
		 "[turn]"},
		{"[turn eu]\nhots = a\n",
		 "@:2: unknown key turn.hots; did you mean turn.host?"},
		{"[turn eu]\nhost = a\nhost = b\n",
		 "@:3: turn.host is given twice, first in line 2"},
		{"[turn eu]\nhost = a\ncli = 192.0.2.1:5766\n",
		 "@:3: turn.cli must be 127.0.0.1:PORT or [::1]:PORT"},
		{"[turn eu]\nport = 1\n", "[turn eu] needs a host"},
		{"[turn eu]\nhost = a\n",
		 "[turn eu] needs a secret, its own or that of [turn]"},
		{"[turn main]\nhost = a\n",
		 "the server of [turn] is called main: [turn main] needs "
		 "another name"},
		{"[turn tunnel]\nhost = a\n",
		 "the coturn at turn.tunnel is called tunnel: [turn tunnel] "
		 "needs another name"},
		{"[tunr]\n",
		 "@:1: unknown section [tunr]; did you mean [turn]?"},
		{"[htpp]\n",
		 "@:1: unknown section [htpp]; did you mean [http]?"},
		{"[server]\n",
		 "@:1: unknown section [server]; there are listen, "},
		{"[ turn ]\n", "@:1: unknown section [ turn ]"},
		{"[]\n", "@:1: unknown section []"},
		{"[turn\n", "@:1: write [section], with nothing"},
		{"[turn] # TURN\n", "@:1: write [section], with nothing"},
		{"ttl_s = 5\n", "@:1: ttl_s stands before any [section]"},
		{"[turn]\nttl_s = 60\n[turn]\nttl_s = 60\n",
		 "@:4: turn.ttl_s is given twice, first in line 2"},
		{"[coturn]\ndeny_peers = 192.0.2.1,\n  192.0.2.2\n",
		 "@:2: coturn.deny_peers must be"},
		{"[http]\nroot = /a\n  /b\n",
		 "@:3: neither [section] nor name = value"},
		{"[http]\nroot = /a\rroot = /b\n",
		 "@:2: holds the control character 0x0d"},
		{"[http]\nroot = /a\x01\n",
		 "@:2: holds the control character 0x01"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_refused(&(struct given){.file = cases[i].file},
			       cases[i].begin);
}

static void a_name_of_any_length_is_refused(void **state)
{
	char variable[400] = "SIGNALD_", file[400] = "[turn]\n", *at;

	(void)state;
	at = file + strlen(file);
	memset(at, 'x', 300);
	memcpy(at + 300, "=1", 3);
	assert_refused(&(struct given){.file = file},
		       "@:2: unknown key turn.xxxx");
	memcpy(at + 85, "=1", 3);
	assert_refused(&(struct given){.file = file},
		       "@:2: unknown key turn.xxxx");
	at = variable + strlen(variable);
	memset(at, 'X', 300);
	memcpy(at + 300, "=1", 3);
	assert_refused(&(struct given){.environ = {variable}},
		       "environment SIGNALD_XXXX");
}

static void a_nul_byte_in_the_file_is_refused(void **state)
{
	static const char text[] = "[turn]\nttl_s = 60\0\n";
	struct config_sources sources = {.file = conf_path};
	struct config_error error;
	struct config *config;

	(void)state;
	write_file(conf_path, span_of(text, sizeof(text) - 1));
	assert_int_equal(config_load(&config, &sources, &error), -EINVAL);
	assert_non_null(strstr(error.text, ":2: holds the control character"));
}

/* What libinih would cut in silence. */
static void a_line_has_a_limit(void **state)
{
	char file[5000] = "[http]\nroot = ";
	size_t room = 4093 - strlen("root = ");
	char *value = file + strlen(file);
	struct config *config;

	(void)state;
	memset(value, 'a', room);
	config = load_file(file);
	assert_int_equal(strlen(config->http.root), room);
	config_free(config);

	value[room] = 'a';
	assert_refused(&(struct given){.file = file},
		       "@:2: longer than 4093 bytes");
}

static void a_huge_file_is_refused(void **state)
{
	struct config_sources sources = {.file = "/dev/zero"};
	struct config_error error;
	struct config *config;

	(void)state;
	assert_int_equal(config_load(&config, &sources, &error), -EINVAL);
	assert_string_equal(error.text, "/dev/zero: longer than 262144 bytes");
}

static void a_file_that_cannot_be_read_says_why(void **state)
{
	struct config_sources sources = {.file = "/nonexistent/conf"};
	struct config_error error;
	struct config *config;

	(void)state;
	assert_int_equal(config_load(&config, &sources, &error), -EINVAL);
	assert_string_equal(error.text,
			    "/nonexistent/conf: No such file or directory");
	sources.file = "/";
	assert_int_equal(config_load(&config, &sources, &error), -EINVAL);
	assert_string_equal(error.text, "/: Is a directory");
}

static void the_stronger_source_wins(void **state)
{
	static const char file[] = "[drain]\nspread_s = 1\n";
	struct given given = {.file = file};
	struct config *config = load_good(&given);

	(void)state;
	assert_int_equal(config->drain.spread_s, 1);
	config_free(config);

	given.environ[0] = "SIGNALD_DRAIN_SPREAD_S=2";
	config = load_good(&given);
	assert_int_equal(config->drain.spread_s, 2);
	config_free(config);

	given.sets[0] = "drain.spread_s=3";
	config = load_good(&given);
	assert_int_equal(config->drain.spread_s, 3);
	config_free(config);

	given.sets[1] = "drain.spread_s=4"; /* the last one */
	config = load_good(&given);
	assert_int_equal(config->drain.spread_s, 4);
	config_free(config);
}

static void a_weaker_source_is_checked_all_the_same(void **state)
{
	(void)state;
	assert_refused(&(struct given){.file = "[drain]\nspread_s = x\n",
				       .sets = {"drain.spread_s=3"}},
		       "@:2: drain.spread_s must be");
}

static void the_environment_is_checked_too(void **state)
{
	static const struct {
		const char *variable, *begin;
	} cases[] = {
		{"SIGNALD_TURN_TTL_S=1",
		 "environment SIGNALD_TURN_TTL_S: turn.ttl_s must be a whole "
		 "number from 10 to 86400, not \"1\""},
		{"SIGNALD_TURN_SECERT=" SECRET,
		 "environment SIGNALD_TURN_SECERT: unknown key "
		 "SIGNALD_TURN_SECERT; did you mean SIGNALD_TURN_SECRET?"},
		{"SIGNALD_LISTEN_PORT=80",
		 "environment SIGNALD_LISTEN_PORT: unknown key "
		 "SIGNALD_LISTEN_PORT: "},
		{"SIGNALD_TRUN_TTL_S=60",
		 "environment SIGNALD_TRUN_TTL_S: unknown key "
		 "SIGNALD_TRUN_TTL_S; did you mean SIGNALD_TURN_TTL_S?"},
		{"SIGNALD_=x", "environment SIGNALD_: unknown key SIGNALD_"},
		{"SIGNALD_turn_ttl_s=60", "environment SIGNALD_turn_ttl_s: "},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_refused(&(struct given){.environ = {cases[i].variable}},
			       cases[i].begin);
}

static void foreign_variables_are_none_of_ours(void **state)
{
	(void)state;
	config_free(load_good(&(struct given){
		.environ = {"PATH=/bin", "SIGNALDX=1", "NOEQUALS"}}));
	/* Of the compose file. */
	config_free(load_good(&(struct given){
		.environ = {"SIGNALD_DOMAIN=turn.example.org"}}));
	/* What Kubernetes says of a service of our name. */
	config_free(load_good(&(struct given){
		.environ = {"SIGNALD_PORT=tcp://192.0.2.1:80",
			    "SIGNALD_PORT_80_TCP_PORT=80",
			    "SIGNALD_SERVICE_HOST=192.0.2.1"}}));
}

static void a_set_is_checked_too(void **state)
{
	(void)state;
	assert_refused(&(struct given){.sets = {"turn.ttl_s"}},
		       "--set takes section.key=value");
	assert_refused(&(struct given){.sets = {"ttl_s=60"}},
		       "--set ttl_s: unknown key ttl_s; did you mean "
		       "turn.ttl_s?");
	assert_refused(&(struct given){.sets = {"=60"}},
		       "--set : unknown key ;");
}

static void keys_that_contradict_each_other_are_refused(void **state)
{
	static const struct {
		struct given given;
		const char *begin;
	} cases[] = {
		{{.file = "[coturn]\nmin_port = 50001\nmax_port = 50000\n"},
		 "@:2: coturn.min_port = 50001 must be at most "
		 "coturn.max_port = 50000"},
		{{.environ = {"SIGNALD_COTURN_MAX_PORT=2000"}},
		 "environment SIGNALD_COTURN_MAX_PORT: coturn.min_port = 49152 "
		 "must be at most coturn.max_port = 2000"},
		{{.sets = {"turn.ttl_s=59"}},
		 "--set turn.ttl_s: turn.min_ttl_s = 60 must be at most "
		 "turn.ttl_s = 59"},
		{{.sets = {"turn.ttl_s=3601"}},
		 "--set turn.ttl_s: turn.ttl_s = 3601 must be at most "
		 "turn.max_ttl_s = 3600"},
		{{.sets = {"websocket.ping_interval_s=60"}},
		 "--set websocket.ping_interval_s: websocket.ping_interval_s = "
		 "60 must be below websocket.silence_timeout_s = 60"},
		{{.sets = {"http.max_head_bytes=1024"}},
		 "--set http.max_head_bytes: http.max_target_bytes = 4096 must "
		 "be at most http.max_head_bytes = 1024"},
		{{.sets = {"output.max_queued_bytes=65536",
			   "websocket.max_message_bytes=65537"}},
		 "--set websocket.max_message_bytes: "
		 "websocket.max_message_bytes = 65537 must be at most "
		 "output.max_queued_bytes = 65536"},
		{{.file = "[session]\nmax_bytes = 9999999\n"},
		 "@:2: session.max_bytes = 9999999 must be at most 262144, a "
		 "quarter of output.max_queued_bytes = 1048576"},
		{{.sets = {"session.max_bytes=262144",
			   "output.max_queued_bytes=1048575"}},
		 "--set session.max_bytes: session.max_bytes = 262144 must be "
		 "at most 262143, a quarter of output.max_queued_bytes"},
		{{.file = "[turn]\nhost = turn.example\n"},
		 "@:2: turn.host needs turn.secret, which is empty"},
		{{.sets = {"turn.credentials=redis", "turn.redis="}},
		 "--set turn.credentials: turn.credentials = redis needs "
		 "turn.redis, which is empty"},
		{{.sets = {"turn.host=a", "turn.secret=" SECRET,
			   "turn.realm="}},
		 "--set turn.host: turn.host needs turn.realm, which is empty"},
		{{.sets = {"coturn.cert=/a"}},
		 "--set coturn.cert: coturn.cert needs coturn.key"},
		{{.sets = {"coturn.key=/a"}},
		 "--set coturn.key: coturn.key needs coturn.cert"},
		{{.sets = {"access.token_secret=" SECRET}},
		 "--set access.token_secret: access.token_secret must be 32 to "
		 "128 characters of A-Z a-z 0-9 _ -"},
		{{.sets = {"access.token_secret=" SECRET SECRET,
			   "access.token_algorithm=RS256"}},
		 "--set access.token_algorithm: access.token_algorithm = RS256 "
		 "does not go with access.token_secret: it must be one of "
		 "auto|HS256"},
		{{.file = "[access]\ntoken_algorithm = HS256\ntoken_key = "
			  "/a\n"},
		 "@:2: access.token_algorithm = HS256 does not go with "
		 "access.token_key: it must be one of auto|RS256|ES256"},
		{{.sets = {"access.token_jwks=/a",
			   "access.token_algorithm=HS256"}},
		 "--set access.token_algorithm: access.token_algorithm = HS256 "
		 "does not go with access.token_jwks"},
		{{.file = "[access]\ntoken_key = /a\ntoken_jwks = /b\n"},
		 "@:3: access.token_key and access.token_jwks: only one of "
		 "them may say which keys sign tokens"},
		{{.sets = {"access.token_jwks=http://a.example/keys"}},
		 "--set access.token_jwks: access.token_jwks must be a file, "
		 "or a URL that begins with https:// and a host"},
		{{.sets = {"access.token_jwks=https://ann:word@a.example/"}},
		 "--set access.token_jwks: access.token_jwks must be a file"},
		{{.sets = {"access.token_jwks=https://"}},
		 "--set access.token_jwks: access.token_jwks must be a file"},
		{{.file = "[access]\nmode = key\ntoken_key = /a\n"},
		 "@:2: access.mode = key needs access.keys, which is empty "
		 "(signald key NAME makes one)"},
		{{.sets = {"access.mode=token"}},
		 "--set access.mode: access.mode = token needs "
		 "access.token_secret, access.token_key or "
		 "access.token_jwks, which are empty"},
		{{.sets = {"access.mode=webhook"}},
		 "--set access.mode: access.mode = webhook needs "
		 "access.webhook_url, which is empty"},
		{{.sets = {"access.webhook_url=http://a.example/",
			   "access.webhook_secret=" SECRET SECRET}},
		 "--set access.webhook_url: access.webhook_url must be a URL "
		 "that begins with https:// and a host, or with http://"},
		{{.sets = {"access.webhook_url=https://a.example/",
			   "access.webhook_secret=" SECRET}},
		 "--set access.webhook_secret: access.webhook_secret must be "
		 "32 to 128 characters"},
		{{.sets = {"access.webhook_url=https://a.example/"}},
		 "--set access.webhook_url: access.webhook_url needs "
		 "access.webhook_secret, which is empty"},
		{{.sets = {"webhooks.url=https://a.example/",
			   "webhooks.secret=" SECRET SECRET}},
		 "--set webhooks.url: webhooks.url needs state.dir, which is "
		 "empty"},
		{{.sets = {"webhooks.url=http://8.8.8.8/",
			   "webhooks.secret=" SECRET SECRET, "state.dir=/a"}},
		 "--set webhooks.url: webhooks.url must be a URL that begins "
		 "with https://"},
		{{.sets = {"webhooks.url=https://a.example/",
			   "webhooks.secret=" SECRET, "state.dir=/a"}},
		 "--set webhooks.secret: webhooks.secret must be 32 to 128 "
		 "characters"},
		{{.sets = {"webhooks.secret=short"}},
		 "--set webhooks.secret: webhooks.secret must be 32 to 128 "
		 "characters"},
		{{.sets = {"webhooks.url=https://a.example/", "state.dir=/a"}},
		 "--set webhooks.url: webhooks.url needs webhooks.secret, "
		 "which "
		 "is empty"},
		{{.sets = {"admin.key=short"}},
		 "--set admin.key: admin.key must be 16 to 128 characters"},
		{{.sets = {"webhooks.events=room.opened, room"}},
		 "--set webhooks.events: webhooks.events must be all, or one "
		 "or more of room.opened, room.closed, "},
		{{.sets = {"listen.tls=127.0.0.1:443"}},
		 "--set listen.tls: listen.tls needs tls.cert, which is empty"},
		{{.sets = {"listen.tls=127.0.0.1:443", "tls.cert=/a"}},
		 "--set listen.tls: listen.tls needs tls.key, which is empty"},
		{{.sets = {"tls.key=/a"}},
		 "--set tls.key: tls.key needs tls.cert, which is empty"},
		{{.sets = {"listen.tls=127.0.0.1"}},
		 "--set listen.tls=127.0.0.1: listen.tls must be ADDRESS:PORT "
		 "or [IPv6]:PORT, more parted by commas, or empty"},
		{{.file = "[turn]\ntunnel = 127.0.0.1:3479\n"},
		 "@:2: turn.tunnel needs listen.tls, which is empty"},
		{{.sets = {"coturn.tunnel_min_port=49152"}},
		 "--set coturn.tunnel_min_port: coturn.tunnel_min_port = 49152 "
		 "must be at most coturn.tunnel_max_port = 49151"},
		{{.file = "[turn]\ntunnel = 127.0.0.1:3479\n" TLS_LISTENER,
		  .sets = {"coturn.tunnel_max_port=49152"}},
		 "@:2: the relay ports of the coturn at turn.tunnel, "
		 "coturn.tunnel_min_port to tunnel_max_port (45056 to 49152), "
		 "must lie outside coturn.min_port to max_port (49152 to "
		 "65535)"},
		{{.file = "[turn]\ntunnel = 127.0.0.1:3479\n" TLS_LISTENER,
		  .sets = {"coturn.min_port=2000", "coturn.max_port=45056"}},
		 "@:2: the relay ports of the coturn at turn.tunnel"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_refused(&cases[i].given, cases[i].begin);
	config_free(load_good(&(struct given){
		.sets = {"coturn.min_port=50000", "coturn.max_port=50000"}}));
	config_free(load_good(&(struct given){
		.file = "[turn]\ntunnel = [::1]:3479\n" TLS_LISTENER,
		.sets = {"coturn.min_port=2000", "coturn.max_port=45055"}}));
	/* Of what nobody has set less is kept. */
	config_free(load_good(
		&(struct given){.sets = {"output.max_queued_bytes=262144"}}));
	config_free(load_good(
		&(struct given){.sets = {"output.max_queued_bytes=4194304",
					 "session.max_bytes=1048576"}}));
	/* Whose users are in Redis needs no secret. */
	config_free(load_good(&(struct given){
		.file = "[turn]\nhost = a\n[turn b]\nhost = b\n",
		.sets = {"turn.credentials=redis"}}));
	/* Without a second coturn its ports are nobody's. */
	config_free(load_good(&(struct given){
		.sets = {"coturn.min_port=2000", "coturn.max_port=60000"}}));
}

static void keys_of_tokens_come_from_one_place(void **state)
{
	static const char *const sets[] = {
		"access.token_secret=" SECRET SECRET,
		"access.token_key=/etc/key.pem",
		"access.token_jwks=/etc/keys.json",
		"access.token_jwks=https://a.example/keys?of=@x",
		"access.token_algorithm=ES256",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(sets); i++)
		config_free(load_good(&(struct given){.sets = {sets[i]}}));
}

static void assert_secret(const struct given *given, const char *secret)
{
	struct config *config = load_good(given);

	assert_string_equal(config->turn.secret, secret);
	config_free(config);
}

static void a_secret_comes_from_a_file_less_its_newline(void **state)
{
	static const char *const contents[] = {SECRET, SECRET "\n",
					       SECRET "\r\n"};
	char conf[128], variable[128], set[128];

	(void)state;
	(void)snprintf(conf, sizeof(conf), "[turn]\nsecret_file = %s\n",
		       secret_path);
	(void)snprintf(variable, sizeof(variable),
		       "SIGNALD_TURN_SECRET_FILE=%s", secret_path);
	(void)snprintf(set, sizeof(set), "turn.secret_file=%s", secret_path);
	for (size_t i = 0; i < COUNT(contents); i++) {
		write_file(secret_path, span_from(contents[i]));
		assert_secret(&(struct given){.file = conf}, SECRET);
		assert_secret(&(struct given){.environ = {variable}}, SECRET);
		assert_secret(&(struct given){.sets = {set}}, SECRET);
	}
	/* Docker and Kubernetes mount theirs readable by all. */
	assert_int_equal(chmod(secret_path, 0444), 0);
	assert_secret(&(struct given){.file = conf}, SECRET);
	assert_secret(
		&(struct given){.file = conf, .sets = {"turn.secret=" BETTER}},
		BETTER);
	assert_secret(&(struct given){.file = "[turn]\nsecret = " BETTER "\n",
				      .environ = {variable}},
		      SECRET);
}

/* The first signs; the others are good yet. */
static void a_file_may_hold_several_secrets_in_lines(void **state)
{
	static const char *const contents[] = {
		SECRET "\n" BETTER, SECRET "\n" BETTER "\n",
		"\n\n" SECRET "\r\n\r\n" BETTER "\r\n\n",
		SECRET "," BETTER "\n"};
	char set[128], conf[160];
	struct config *config;
	struct span first;

	(void)state;
	(void)snprintf(set, sizeof(set), "turn.secret_file=%s", secret_path);
	for (size_t i = 0; i < COUNT(contents); i++) {
		write_file(secret_path, span_from(contents[i]));
		assert_secret(&(struct given){.sets = {set}},
			      SECRET "," BETTER);
	}
	config = load_good(&(struct given){.sets = {set}});
	first = config_signing_secret(config->turn.secret);
	assert_true(span_equal(first, SPAN(SECRET)));
	assert_string_equal(config->turn.secret_file, secret_path);
	config_free(config);
	(void)snprintf(conf, sizeof(conf), "[turn]\nsecret_file = %s\n",
		       secret_path);
	config = load_good(
		&(struct given){.file = conf, .sets = {"turn.secret=" BETTER}});
	assert_null(config->turn.secret_file);
	config_free(config);
}

static void a_secrets_file_is_read_again(void **state)
{
	struct config_error error;
	struct config *config;
	char set[128];

	(void)state;
	(void)snprintf(set, sizeof(set), "turn.secret_file=%s", secret_path);
	write_file(secret_path, SPAN(SECRET "\n"));
	config = load_good(&(struct given){.sets = {set}});
	assert_int_equal(config_reread_secret(config, &error), 0);
	write_file(secret_path, SPAN(BETTER "\n" SECRET "\n"));
	assert_int_equal(config_reread_secret(config, &error), 1);
	assert_string_equal(config->turn.secret, BETTER "," SECRET);
	write_file(secret_path, SPAN("short\n"));
	assert_int_equal(config_reread_secret(config, &error), -EINVAL);
	assert_memory_equal(error.text, secret_path, strlen(secret_path));
	assert_null(strstr(error.text, "short"));
	assert_string_equal(config->turn.secret, BETTER "," SECRET);
	config_free(config);
}

static void a_secret_is_given_directly_or_by_file(void **state)
{
	char conf[256], variable[128], set[128];

	(void)state;
	write_file(secret_path, span_from(SECRET));
	(void)snprintf(conf, sizeof(conf),
		       "[turn]\nsecret_file = %s\nsecret = " SECRET "\n",
		       secret_path);
	(void)snprintf(variable, sizeof(variable),
		       "SIGNALD_TURN_SECRET_FILE=%s", secret_path);
	(void)snprintf(set, sizeof(set), "turn.secret_file=%s", secret_path);
	assert_refused(&(struct given){.file = conf},
		       "@:3: both turn.secret and turn.secret_file are given; "
		       "keep one");
	assert_refused(
		&(struct given){
			.environ = {"SIGNALD_TURN_SECRET=" SECRET, variable}},
		"environment SIGNALD_TURN_SECRET_FILE: both "
		"SIGNALD_TURN_SECRET and SIGNALD_TURN_SECRET_FILE");
	assert_refused(&(struct given){.sets = {set, "turn.secret=" SECRET}},
		       "--set turn.secret: both turn.secret and "
		       "turn.secret_file are given");
}

static void a_useless_secret_file_is_refused(void **state)
{
	static const struct {
		struct span content;
		const char *why;
	} cases[] = {
		{SPAN_INIT(""), "holds nothing"},
		{SPAN_INIT("\n"), "holds nothing"},
		{SPAN_INIT(SECRET "\0" SECRET), "holds a NUL byte"},
		{SPAN_INIT("short\n"), "turn.secret must be 16 to 128"},
		{SPAN_INIT("\n\n\r\n"), "nothing in it"},
		{SPAN_INIT(SECRET "\nshort\n"),
		 "turn.secret must be 16 to 128"},
		{SPAN_INIT(SECRET ",\n"), "turn.secret must be 16 to 128"},
		{SPAN_INIT(SECRET ", " BETTER),
		 "turn.secret must be 16 to 128"},
		{SPAN_INIT(SECRET " \n"), "turn.secret must be 16 to 128"},
	};
	char set[128], begin[256];

	(void)state;
	(void)snprintf(set, sizeof(set), "turn.secret_file=%s", secret_path);
	for (size_t i = 0; i < COUNT(cases); i++) {
		write_file(secret_path, cases[i].content);
		(void)snprintf(begin, sizeof(begin),
			       "--set turn.secret_file: %s: %s", secret_path,
			       cases[i].why);
		assert_refused(&(struct given){.sets = {set}}, begin);
	}

	write_file(secret_path, span_from(SECRET));
	assert_int_equal(chmod(secret_path, 0602), 0);
	(void)snprintf(begin, sizeof(begin),
		       "--set turn.secret_file: %s: others may write this file",
		       secret_path);
	assert_refused(&(struct given){.sets = {set}}, begin);
	assert_refused(
		&(struct given){.sets = {"turn.secret_file=/nonexistent/s"}},
		"--set turn.secret_file: /nonexistent/s: No such file");
	assert_refused(&(struct given){.sets = {"turn.secret_file=/dev/zero"}},
		       "--set turn.secret_file: /dev/zero: ");
}

static void no_sentence_shows_a_secret(void **state)
{
	static const struct given cases[] = {
		{.file = "[turn]\nsecret = hush;hush;hush;hush\n"},
		{.file = "[turn]\nsecret = hush\n"},
		{.file = "[turn]\nsecert = hush\n"},
		{.file = "[tunr]\nsecret = hush\n"},
		{.file = "secret = hush\n"},
		{.file = "[turn]\nsecret hush\n"},
		{.environ = {"SIGNALD_TURN_SECRET=hush"}},
		{.environ = {"SIGNALD_TURN_SECERT=hush"}},
		{.sets = {"turn.secret=hush"}},
		{.sets = {"turn.secert=hush"}},
		{.sets = {"turn.secret:hush"}},
	};
	struct config_error error;
	struct config *config;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(load(&cases[i], &config, &error), -EINVAL);
		assert_null(strstr(error.text, "hush"));
	}
}

static void a_printed_configuration_loads_to_the_same(void **state)
{
	struct config *first = load_good(&(struct given){
		.file = "[listen]\nmetrics =\n[turn]\ntls = on\nrealm = x.y\n"
			"[coturn]\ndeny_peers = 192.0.2.1, ::1-::2\n",
		.sets = {"http.root=/srv/a b;c"}});
	char *first_text = printed(first);
	struct config *second = load_file(first_text);
	char *second_text = printed(second);

	(void)state;
	assert_string_equal(second->http.root, "/srv/a b;c");
	assert_true(second->turn.tls);
	assert_string_equal(first_text, second_text);
	free(first_text);
	free(second_text);
	config_free(first);
	config_free(second);
}

static void a_printed_secret_is_masked_and_never_read_back(void **state)
{
	struct config *config =
		load_good(&(struct given){.sets = {"turn.secret=" SECRET}});
	char *text = printed(config);

	(void)state;
	assert_null(strstr(text, SECRET));
	assert_non_null(strstr(text, "\n# secret = ********"));
	config_free(config);
	config = load_file(text);
	assert_string_equal(config->turn.secret, "");
	config_free(config);
	free(text);
}

static void help_names_every_key_in_a_hundred_columns(void **state)
{
	char *text, *line, *rest;
	size_t len, lines = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	config_print_help(out);
	assert_int_equal(fclose(out), 0);
	for (const struct config_key *key = config_keys; key->section; key++) {
		assert_non_null(strstr(text, key->name));
		assert_non_null(strstr(text, key->help));
	}
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		assert_in_range(strlen(line), 0, 100);
		lines++;
	}
	assert_true(lines > 100);
	free(text);
}

static void a_difference_that_needs_a_restart_is_named(void **state)
{
	struct config *before = load_good(&(struct given){0});
	struct config *after = load_good(&(struct given){
		.sets = {"listen.address=127.0.0.1:1", "log.level=debug",
			 "http.root=/srv", "turn.realm=x"}});
	char list[64];

	(void)state;
	config_diff_restart(before, before, list, sizeof(list));
	assert_string_equal(list, "");
	config_diff_restart(before, after, list, sizeof(list));
	assert_string_equal(list, "listen.address, http.root, turn.realm");
	/* Only whole names where not all of them have room. */
	config_diff_restart(before, after, list, 30);
	assert_string_equal(list, "listen.address, http.root");
	config_diff_restart(before, after, list, 26);
	assert_string_equal(list, "listen.address, http.root");
	config_diff_restart(before, after, list, 25);
	assert_string_equal(list, "listen.address");
	config_diff_restart(before, after, list, 1);
	assert_string_equal(list, "");
	config_free(before);
	config_free(after);
}

/* Moved to Redis by a reload, which only a restart can do. */
static void a_server_without_a_secret_waits_for_the_restart(void **state)
{
	static const char start[] =
		"[turn]\nhost = a\nrealm = r\nsecret = " SECRET "\n";
	static const char moved[] = "[turn]\nrealm = r\ncredentials = redis\n"
				    "redis = 127.0.0.1:6379\n";
	static const struct {
		const char *more;
		const char *begin; /* NULL: it is kept */
	} cases[] = {
		{"", NULL},
		{"host = a\n",
		 "turn.credentials = redis is in force after a restart; until "
		 "then [turn] needs a secret: "},
		{"[turn b]\nhost = b\nsecret = " SECRET "\n[turn c]\n"
		 "host = c\n",
		 "turn.credentials = redis is in force after a restart; until "
		 "then [turn c] needs a secret: "},
		{"host = a\nsecret = " SECRET "\n[turn c]\nhost = c\n", NULL},
	};
	struct config *before = load_file(start);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct config_error error = {.text = ""};
		struct config *after;
		char file[512];

		(void)snprintf(file, sizeof(file), "%s%s", moved,
			       cases[i].more);
		after = load_file(file);
		assert_int_equal(config_keep_restart(after, before, &error),
				 cases[i].begin ? -EINVAL : 0);
		if (cases[i].begin)
			assert_memory_equal(error.text, cases[i].begin,
					    strlen(cases[i].begin));
		config_free(after);
	}
	config_free(before);
}

static void a_failed_allocation_is_told(void **state)
{
	struct given given = {.sets = {"http.root=/srv"}};
	struct config_error error;
	struct config *config;
	char conf[128];
	long n;

	(void)state;
	write_file(secret_path, span_from(SECRET));
	(void)snprintf(conf, sizeof(conf),
		       "[turn]\nhost = a\nsecret_file = %s\n", secret_path);
	write_file(conf_path, span_from(conf));
	for (n = 1;; n++) {
		struct config_sources sources = {
			.file = conf_path,
			.sets = given.sets,
			.sets_count = 1,
		};
		int err;

		config = NULL;
		fail_alloc_at(n);
		err = config_load(&config, &sources, &error);
		if (!fail_alloc_stop()) {
			assert_int_equal(err, 0);
			break;
		}
		assert_int_equal(err, -ENOMEM);
		assert_null(config);
		assert_non_null(strstr(error.text, "out of memory"));
	}
	assert_true(n > 10);
	assert_string_equal(config->turn.secret, SECRET);
	config_free(config);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	config_free(NULL);
}

static void further_servers_have_sections_of_their_own(void **state)
{
	struct config *config = load_good(&(struct given){
		.file = "[turn]\nhost = a.example\nsecret = " SECRET "\n"
			"[turn eu]\nhost = eu.example\nregion = eu\n"
			"[turn us-1]\nhost = us.example\nsecret = " BETTER
			"\nweight = 3\ntls = yes\nudp = no\n",
		.sets = {"turn eu.port=3999", "turn new.host=192.0.2.1"},
	});

	(void)state;
	assert_int_equal(config->servers_count, 3);
	assert_string_equal(config->servers[0].name, "eu");
	assert_string_equal(config->servers[0].config->turn.secret, SECRET);
	assert_string_equal(config->servers[0].config->turn.region, "eu");
	assert_int_equal(config->servers[0].config->turn.port, 3999);
	assert_true(config->servers[0].config->turn.udp);
	assert_string_equal(config->servers[1].name, "us-1");
	assert_string_equal(config->servers[1].config->turn.secret, BETTER);
	assert_int_equal(config->servers[1].config->turn.weight, 3);
	assert_false(config->servers[1].config->turn.udp);
	assert_string_equal(config->servers[2].config->turn.host, "192.0.2.1");
	assert_int_equal(config->turn.port, 3478);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(further_servers_have_sections_of_their_own),
		cmocka_unit_test(without_sources_the_defaults_hold),
		cmocka_unit_test(a_file_gives_values_of_every_type),
		cmocka_unit_test(every_form_of_a_value_is_taken),
		cmocka_unit_test(a_bad_value_is_refused_by_its_rule),
		cmocka_unit_test(a_host_name_has_limits),
		cmocka_unit_test(a_bad_line_is_named_with_file_and_line),
		cmocka_unit_test(a_name_of_any_length_is_refused),
		cmocka_unit_test(a_nul_byte_in_the_file_is_refused),
		cmocka_unit_test(a_line_has_a_limit),
		cmocka_unit_test(a_huge_file_is_refused),
		cmocka_unit_test(a_file_that_cannot_be_read_says_why),
		cmocka_unit_test(the_stronger_source_wins),
		cmocka_unit_test(a_weaker_source_is_checked_all_the_same),
		cmocka_unit_test(the_environment_is_checked_too),
		cmocka_unit_test(foreign_variables_are_none_of_ours),
		cmocka_unit_test(a_set_is_checked_too),
		cmocka_unit_test(keys_that_contradict_each_other_are_refused),
		cmocka_unit_test(keys_of_tokens_come_from_one_place),
		cmocka_unit_test(a_secret_comes_from_a_file_less_its_newline),
		cmocka_unit_test(a_secret_is_given_directly_or_by_file),
		cmocka_unit_test(a_useless_secret_file_is_refused),
		cmocka_unit_test(a_file_may_hold_several_secrets_in_lines),
		cmocka_unit_test(a_secrets_file_is_read_again),
		cmocka_unit_test(no_sentence_shows_a_secret),
		cmocka_unit_test(a_printed_configuration_loads_to_the_same),
		cmocka_unit_test(
			a_printed_secret_is_masked_and_never_read_back),
		cmocka_unit_test(help_names_every_key_in_a_hundred_columns),
		cmocka_unit_test(a_difference_that_needs_a_restart_is_named),
		cmocka_unit_test(
			a_server_without_a_secret_waits_for_the_restart),
		cmocka_unit_test(a_failed_allocation_is_told),
		cmocka_unit_test(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests_name("config", tests, make_folder,
					   remove_folder);
}
