/* try.c: uses the servers of an ICE list as a browser would. */
#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <signal.h>

#include "address.h"
#include "doctor.h"
#include "try.h"
#include "turnlink.h"

#define MAX_HOST 255

/* One URL of a list (RFC 7064, RFC 7065). */
struct way {
	bool is_stun;
	enum turnlink_transport transport;
	char host[MAX_HOST + 1];
	unsigned port;
};

/* --- URLs --- */

static bool take(struct span *rest, const char *prefix)
{
	struct span text = span_from(prefix);

	if (!span_has_prefix(*rest, text))
		return false;
	*rest = span_skip(*rest, text.len);
	return true;
}

/* Up to the first of some characters, or to the end. */
static struct span take_until(struct span *rest, const char *ends)
{
	struct span part = *rest;
	size_t len = 0;

	while (len < rest->len && !strchr(ends, rest->ptr[len]))
		len++;
	part.len = len;
	*rest = span_skip(*rest, len);
	return part;
}

static int read_scheme(struct span *rest, struct way *way)
{
	way->is_stun = take(rest, "stun:");
	way->transport = TURNLINK_UDP;
	way->port = 3478;
	if (way->is_stun || take(rest, "turn:"))
		return 0;
	if (!take(rest, "turns:"))
		return -EINVAL;
	way->transport = TURNLINK_TLS;
	way->port = 5349;
	return 0;
}

static int read_host(struct span *rest, struct way *way)
{
	bool is_v6 = take(rest, "[");
	struct span host = take_until(rest, is_v6 ? "]" : ":?");

	if (is_v6 && !take(rest, "]"))
		return -EINVAL;
	return host.len ? span_copy(host, way->host, sizeof(way->host))
			: -EINVAL;
}

static int read_port(struct span *rest, struct way *way)
{
	uint64_t port;

	if (!take(rest, ":"))
		return 0;
	if (span_to_u64(take_until(rest, "?"), 65535, &port) || !port)
		return -EINVAL;
	way->port = (unsigned)port;
	return 0;
}

static int read_transport(struct span rest, struct way *way)
{
	if (!rest.len || span_equal(rest, SPAN("?transport=udp")))
		return 0;
	if (!span_equal(rest, SPAN("?transport=tcp")))
		return -EINVAL;
	if (way->transport == TURNLINK_UDP)
		way->transport = TURNLINK_TCP;
	return 0;
}

/* What a stranger's list holds is going to be printed. */
static bool is_plain(const char *url)
{
	for (; *url; url++) {
		if (*url <= ' ' || *url > '~')
			return false;
	}
	return true;
}

static int read_url(const char *url, struct way *way)
{
	struct span rest = span_from(url);
	int err = is_plain(url) ? read_scheme(&rest, way) : -EINVAL;

	if (!err)
		err = read_host(&rest, way);
	if (!err)
		err = read_port(&rest, way);
	return err ? err : read_transport(rest, way);
}

/* --- the list --- */

struct attempt {
	struct doctor doctor;
	struct config
		*config; /* the default one, with one host after another */
};

static void try_url(struct attempt *attempt, const char *url)
{
	struct doctor *doctor = &attempt->doctor;
	struct address_list list;
	struct way way;
	char *before;
	int err = read_url(url, &way);

	if (err) {
		doctor_say(doctor, "relay", DOCTOR_FAILED,
			   "%s is no URL of a STUN or TURN server",
			   is_plain(url) ? url : "what has odd characters");
		return;
	}
	if (!way.is_stun &&
	    (!*doctor->granted.username || !*doctor->granted.credential)) {
		doctor_say(doctor, "relay", DOCTOR_FAILED,
			   "the list has no username and credential for %s: "
			   "browsers refuse it",
			   url);
		return;
	}
	err = address_resolve(way.host, way.port, &list);
	if (err) {
		doctor_say(doctor, "addresses", DOCTOR_FAILED, "%s: %s",
			   way.host, gai_strerror(err));
		doctor_advise(doctor, "give the name an address in DNS");
		return;
	}
	before = attempt->config->turn.host;
	attempt->config->turn.host = way.host;
	for (size_t i = 0; i < list.count; i++) {
		if (way.is_stun)
			doctor_probe_stun(doctor, &list.items[i]);
		else
			doctor_probe_way(doctor, &list.items[i], way.transport);
	}
	attempt->config->turn.host = before;
}

/* username and credential of an entry; none is for STUN. */
static int take_credential(struct doctor *doctor, json_t *server)
{
	const char *username =
		json_string_value(json_object_get(server, "username"));
	const char *credential =
		json_string_value(json_object_get(server, "credential"));
	struct turncred *granted = &doctor->granted;
	int err;

	crypto_wipe(granted, sizeof(*granted));
	if (!username || !credential)
		return 0;
	err = span_copy(span_from(username), granted->username,
			sizeof(granted->username));
	if (!err)
		err = span_copy(span_from(credential), granted->credential,
				sizeof(granted->credential));
	if (err)
		doctor_say(doctor, "relay", DOCTOR_FAILED,
			   "the credential is longer than signald's are");
	return err;
}

static void try_item(struct attempt *attempt, json_t *url, size_t number)
{
	if (json_is_string(url))
		try_url(attempt, json_string_value(url));
	else
		doctor_say(&attempt->doctor, "relay", DOCTOR_FAILED,
			   "entry %zu of the list has a URL that is no text",
			   number);
}

/* number is counted from 1. */
static void try_server(struct attempt *attempt, json_t *server, size_t number)
{
	struct doctor *doctor = &attempt->doctor;
	json_t *urls = json_object_get(server, "urls");

	if (!json_is_object(server)) {
		doctor_say(doctor, "relay", DOCTOR_FAILED,
			   "entry %zu of the list is no object", number);
		return;
	}
	if (!json_is_string(urls) && !json_array_size(urls)) {
		doctor_say(doctor, "relay", DOCTOR_FAILED,
			   "entry %zu of the list has no URL in urls", number);
		return;
	}
	if (take_credential(doctor, server))
		return;
	if (json_is_string(urls))
		try_item(attempt, urls, number);
	for (size_t i = 0; i < json_array_size(urls); i++)
		try_item(attempt, json_array_get(urls, i), number);
}

static json_t *read_list(const char *file)
{
	bool is_stdin = !strcmp(file, "-");
	json_error_t error;
	json_t *list = is_stdin ? json_loadf(stdin, 0, &error)
				: json_load_file(file, 0, &error);

	if (!list) {
		(void)command_complain("%s: %s",
				       is_stdin ? "standard input" : file,
				       error.text);
		return NULL;
	}
	if (json_is_array(json_object_get(list, "iceServers")))
		return list;
	(void)command_complain("%s: there is no array iceServers, as in the "
			       "answer of /v1/ice",
			       is_stdin ? "standard input" : file);
	json_decref(list);
	return NULL;
}

static int load_default(struct config **configp)
{
	const struct config_sources none = {0};
	struct config_error error;

	if (config_load(configp, &none, &error))
		return command_complain("%s", error.text);
	return 0;
}

int try_run(const struct arguments *arguments)
{
	struct attempt attempt = {.doctor = {.arguments = arguments,
					     .now_s = command_now_s(),
					     .is_browser = true}};
	json_t *list, *servers;
	int code = load_default(&attempt.config);

	if (code)
		return code;
	list = read_list(arguments->file);
	if (!list) {
		config_free(attempt.config);
		return EXIT_USAGE;
	}
	/* A server that cuts a connection off is a finding, and no end. */
	(void)signal(SIGPIPE, SIG_IGN);
	attempt.doctor.config = attempt.config;
	servers = json_object_get(list, "iceServers");
	for (size_t i = 0; i < json_array_size(servers); i++)
		try_server(&attempt, json_array_get(servers, i), i + 1);
	if (!json_array_size(servers))
		doctor_say(&attempt.doctor, "relay", DOCTOR_WARNING,
			   "nothing was tried: the list has no servers");
	code = doctor_finish(&attempt.doctor);
	json_decref(list);
	config_free(attempt.config);
	return code;
}
