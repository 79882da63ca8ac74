/* socketio.c: the Socket.IO dialect as configured: namespaces, client, route.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/log.h"
#include "dialect/events.h"
#include "dialect/socketio.h"
#include "policy/config_error.h"
#include "policy/config_namespace.h"
#include "socketio/clientfiles.h"

#define RULES_CAP 4096

/* A namespace, its name, and the rules it speaks by. */
struct space {
	struct events_space space;
	char name[CONFIG_MAX_NAMESPACE + 1];
	char *file;		  /* of its rules; NULL: a preset's */
	struct timespec modified; /* of the file, when it was read */
	bool is_recoverable;
};

struct spaces {
	struct space all[CONFIG_MAX_NAMESPACES];
	size_t count;
};

struct socketio {
	struct loop *loop;
	struct sio *sio;
	struct events *events;
	struct clientfiles *client_files;
	char *path; /* of the start; a change needs a restart */
	struct spaces spaces;
};

/* --- namespaces --- */

static void clear_spaces(struct spaces *spaces)
{
	for (size_t i = 0; i < spaces->count; i++) {
		rules_free(spaces->all[i].space.rules);
		free(spaces->all[i].file);
	}
	spaces->count = 0;
}

static int refuse(struct config_error *error, struct span name,
		  const char *what)
{
	return config_refuse(error, "socketio.namespaces: %.*s: %s",
			     (int)name.len, name.ptr, what);
}

static bool is_there(const struct spaces *spaces, struct span name)
{
	for (size_t i = 0; i < spaces->count; i++)
		if (span_equal(span_from(spaces->all[i].name), name))
			return true;
	return false;
}

/* Zero where there is none. */
static struct timespec modified(const char *file)
{
	struct stat st = {0};

	(void)stat(file, &st);
	return st.st_mtim;
}

/* Keep where the rules came from, to see at a reload whether that changed. */
static int note_file(struct space *space, const char *rules)
{
	if (!strchr(rules, '/'))
		return 0;
	space->modified = modified(rules);
	space->file = strdup(rules);
	return space->file ? 0 : -ENOMEM;
}

static int load_space(struct spaces *spaces,
		      const struct config_namespace *item,
		      struct config_error *error)
{
	struct space *space = &spaces->all[spaces->count];
	char rules[RULES_CAP];
	int err;

	if (spaces->count == CONFIG_MAX_NAMESPACES)
		return config_refuse(error, "socketio.namespaces: more than %d",
				     CONFIG_MAX_NAMESPACES);
	if (is_there(spaces, item->name))
		return refuse(error, item->name, "this namespace stands twice");
	if (span_copy(item->rules, rules, sizeof(rules)))
		return refuse(error, item->name, "the path is too long");
	(void)span_copy(item->name, space->name, sizeof(space->name));
	space->space.name = space->name;
	space->is_recoverable = item->is_recoverable;
	err = rules_load(&space->space.rules, rules, error);
	if (err) {
		config_error_place(error, "socketio.namespaces");
		return err;
	}
	spaces->count++;
	return note_file(space, rules) ? config_refuse_memory(error) : 0;
}

/* Returns 0, or an error with nothing loaded. */
static int load_spaces(struct spaces *spaces, const struct config *config,
		       struct config_error *error)
{
	struct span rest = span_from(config->socketio.namespaces);
	struct config_namespace item;
	int err = 0;

	while (!err && rest.len && config_namespace_next(&rest, &item) > 0)
		err = load_space(spaces, &item, error);
	if (err)
		clear_spaces(spaces);
	return err;
}

int socketio_check(const struct config *config, struct config_error *error)
{
	struct spaces *spaces = calloc(1, sizeof(*spaces));
	int err;

	if (!spaces)
		return config_refuse_memory(error);
	err = load_spaces(spaces, config, error);
	clear_spaces(spaces);
	free(spaces);
	return err;
}

static int add_namespaces(struct socketio *socketio)
{
	int err = 0;

	for (size_t i = 0; !err && i < socketio->spaces.count; i++) {
		struct space *space = &socketio->spaces.all[i];

		log_info("socketio.namespace", log_str("name", space->name),
			 log_str("rules", space->file ? space->file : "preset"),
			 log_str("recovery",
				 space->is_recoverable ? "yes" : "no"));
		events_space_init(&space->space, socketio->events);
		err = sio_add_namespace(
			socketio->sio,
			&(struct sio_namespace_options){
				.name = space->name,
				.is_recoverable = space->is_recoverable,
				.app = &events_app,
				.arg = &space->space,
			});
	}
	return err;
}

/* --- beginning and end --- */

static struct sio_limits limits_of(const struct config *config)
{
	return (struct sio_limits){
		.engine =
			{
				.ping_interval_ms =
					config->socketio.ping_interval_s * 1000,
				.ping_timeout_ms =
					config->socketio.ping_timeout_s * 1000,
				.upgrade_timeout_ms =
					config->socketio.upgrade_timeout_s *
					1000,
				.max_payload_bytes =
					config->socketio.max_payload_bytes,
				.max_queued_bytes =
					config->output.max_queued_bytes,
				.max_sessions = config->listen.max_connections,
				.allows_v3 = config->socketio.eio3,
			},
		.connect_timeout_ms = config->socketio.connect_timeout_s * 1000,
		.recovery_window_ms = config->session.window_s * 1000,
		.log = hub_log_limits(config),
	};
}

static int build(struct socketio *socketio, const struct socketio_parts *parts)
{
	const struct config *config = socketio->loop->config;
	struct sio_limits limits = limits_of(config);
	const struct events_parts of_events = {
		.hub = parts->hub,
		.kicked = parts->kicked,
		.access = parts->access,
		.loop = parts->loop,
	};
	int err = events_new(&socketio->events, &of_events);

	if (!err)
		err = sio_new(&socketio->sio, socketio->loop, parts->keyring,
			      &limits);
	if (!err)
		err = add_namespaces(socketio);
	if (!err)
		err = clientfiles_new(&socketio->client_files,
				      config->socketio.client_files,
				      *config->socketio.client == '2' ? 2 : 4);
	socketio->path = strdup(config->socketio.path);
	return err || socketio->path ? err : -ENOMEM;
}

int socketio_new(struct socketio **socketiop,
		 const struct socketio_parts *parts, struct config_error *error)
{
	struct loop *loop = parts->loop;
	struct socketio *socketio;
	int err;

	*socketiop = NULL;
	if (!*loop->config->socketio.namespaces)
		return 0;
	socketio = calloc(1, sizeof(*socketio));
	if (!socketio)
		return config_refuse_memory(error);
	socketio->loop = loop;
	err = load_spaces(&socketio->spaces, loop->config, error);
	if (!err && build(socketio, parts))
		err = config_refuse_memory(error);
	if (err) {
		socketio_free(socketio);
		return err;
	}
	*socketiop = socketio;
	return 0;
}

void socketio_free(struct socketio *socketio)
{
	if (!socketio)
		return;
	clientfiles_free(socketio->client_files);
	sio_free(socketio->sio);
	events_free(socketio->events);
	clear_spaces(&socketio->spaces);
	free(socketio->path);
	free(socketio);
}

/* Rules are read at the start: say that newer ones wait for the next. */
static void tell_changed_rules(const struct spaces *spaces)
{
	for (size_t i = 0; i < spaces->count; i++) {
		const struct space *space = &spaces->all[i];
		struct timespec now;

		if (!space->file)
			continue;
		now = modified(space->file);
		if (now.tv_sec != space->modified.tv_sec ||
		    now.tv_nsec != space->modified.tv_nsec)
			log_warn("config.needs_restart",
				 log_str("keys", "socketio.namespaces"),
				 log_str("file", space->file));
	}
}

void socketio_configure(struct socketio *socketio)
{
	struct sio_limits limits;

	if (!socketio)
		return;
	limits = limits_of(socketio->loop->config);
	sio_set_limits(socketio->sio, &limits);
	tell_changed_rules(&socketio->spaces);
}

void socketio_tick(struct socketio *socketio)
{
	if (socketio)
		events_tick(socketio->events);
}

size_t socketio_sessions_count(const struct socketio *socketio)
{
	return socketio ? engine_sessions_count(sio_engine(socketio->sio)) : 0;
}

void socketio_drain(struct socketio *socketio, unsigned spread_s)
{
	if (!socketio)
		return;
	events_drain(socketio->events);
	engine_drain(sio_engine(socketio->sio), spread_s);
}

/* --- requests --- */

/* The path itself is Engine.IO's, names behind it are the client's files. */
static void handle(struct web_exchange *exchange,
		   const struct web_request *request, void *arg)
{
	const struct socketio *socketio = arg;
	const char *name = request->path + strlen(socketio->path);

	if (!*name)
		engine_handle(exchange, request, sio_engine(socketio->sio));
	else if (request->head->method & (HTTP_GET | HTTP_HEAD))
		clientfiles_reply(socketio->client_files, exchange, request,
				  name);
	else
		web_reply_problem(exchange, 405, "the client's files are read",
				  "Allow: GET, HEAD, OPTIONS\r\n");
}

static void await_body(const struct web_request *request, void *arg)
{
	const struct socketio *socketio = arg;

	engine_await_body(request, sio_engine(socketio->sio));
}

static void forget_body(const struct web_request *request, void *arg)
{
	const struct socketio *socketio = arg;

	engine_forget_body(request, sio_engine(socketio->sio));
}

static size_t max_body_bytes(const struct config *config)
{
	return config->socketio.max_payload_bytes;
}

struct web_route socketio_route(struct socketio *socketio)
{
	return (struct web_route){
		.path = socketio->path,
		.is_prefix = true,
		.methods = HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_PATCH |
			   HTTP_DELETE,
		.cors = WEB_CORS_CREDENTIALS,
		.handler = handle,
		.arg = socketio,
		.has_bare_errors = true,
		.on_body = await_body,
		.on_body_failed = forget_body,
		.max_body_bytes = max_body_bytes,
	};
}
