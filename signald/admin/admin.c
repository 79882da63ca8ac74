/* admin.c: who may ask for what of /v1/admin/. */
#include <errno.h>
#include <stdlib.h>

#include "admin/parts.h"
#include "base/log.h"

#define NAME_CAP 512
#define NUMBER_CAP 24

int admin_new(struct admin **adminp, const struct admin_parts *parts)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	int err;

	if (!admin)
		return -ENOMEM;
	admin->parts = *parts;
	admin->started_at_s = clock_wall_s(&parts->loop->clock);
	err = admin_events_new(&admin->events, parts->loop);
	if (!err)
		err = admin_key_read(&admin->key, parts->loop->config);
	if (err) {
		admin_free(admin);
		return err;
	}
	*adminp = admin;
	return 0;
}

void admin_free(struct admin *admin)
{
	if (!admin)
		return;
	admin_forget_closings(admin);
	admin_events_free(admin->events);
	crypto_wipe(&admin->key, sizeof(admin->key));
	free(admin);
}

void admin_tick(struct admin *admin)
{
	admin_events_tick(admin->events);
}

void admin_configure(struct admin *admin)
{
	const struct config *config = admin->parts.loop->config;
	int err = admin_key_read(&admin->key, config);

	if (!err)
		return;
	admin->key.is_there = false;
	log_error("state.fail", log_str("what", ADMIN_KEY_FILE),
		  log_str("dir", config->state.dir),
		  log_str("error", strerror(-err)));
}

/* --- answers --- */

#define NO_STORE "Cache-Control: no-store\r\n"

void admin_reply(const struct admin_ask *ask, int status, struct buf *body)
{
	if (body->failed)
		admin_refuse(ask, 503, "out of memory");
	else
		web_reply(ask->exchange,
			  &(struct web_response){
				  .status = status,
				  .content_type = "application/json",
				  .body = buf_span(body),
				  .headers = NO_STORE,
			  });
	buf_clear(body);
}

void admin_reply_nothing(const struct admin_ask *ask)
{
	web_reply(ask->exchange,
		  &(struct web_response){.status = 204, .headers = NO_STORE});
}

void admin_refuse(const struct admin_ask *ask, int status, const char *detail)
{
	web_reply_problem(ask->exchange, status, detail, NO_STORE);
}

void admin_write_text(struct buf *out, const char *name, struct span text)
{
	buf_append_format(out, ",\"%s\":", name);
	if (text.ptr)
		buf_append_json(out, text);
	else
		buf_append_str(out, "null");
}

void admin_write_time(struct buf *out, uint64_t wall_s)
{
	char time[CLOCK_ISO_LEN + 1];

	clock_format_iso(wall_s * 1000, time);
	/* Whole seconds. */
	buf_append_format(out, "\"%.19sZ\"", time);
}

bool admin_read_number(const struct admin_ask *ask, const char *name,
		       uint64_t least, uint64_t most, uint64_t *value)
{
	char text[NUMBER_CAP], detail[80];
	uint64_t number;
	int err = http_query_get(ask->request->head->query, span_from(name),
				 text, sizeof(text));

	if (err == -ENOENT)
		return true;
	if (!err && !span_to_u64(span_from(text), most, &number) &&
	    number >= least) {
		*value = number;
		return true;
	}
	(void)snprintf(detail, sizeof(detail),
		       "%s must be a whole number from %llu to %llu", name,
		       (unsigned long long)least, (unsigned long long)most);
	admin_refuse(ask, 400, detail);
	return false;
}

/* --- routes --- */

/* part becomes what {…} stands for, or all of the path. */
static bool is_of_form(struct span path, const char *form, struct span *part)
{
	const char *open = strchr(form, '{');
	struct span before, behind;

	*part = path;
	if (!open)
		return span_equal(path, span_from(form));
	before = span_of(form, (size_t)(open - form));
	behind = span_from(strchr(open, '}') + 1);
	if (path.len <= before.len + behind.len ||
	    !span_has_prefix(path, before) ||
	    !span_equal(span_skip(path, path.len - behind.len), behind))
		return false;
	*part = span_of(path.ptr + before.len,
			path.len - before.len - behind.len);
	return true;
}

static const struct admin_route *find_form(struct span path, struct span *part)
{
	const struct admin_route *route = admin_routes;

	while (route->path && !is_of_form(path, route->path, part))
		route++;
	return route->path ? route : NULL;
}

/* The method's row among those of the same form. */
static const struct admin_route *find_method(const struct admin_route *form,
					     enum http_method method)
{
	if (method == HTTP_HEAD)
		method = HTTP_GET;
	for (const struct admin_route *route = admin_routes; route->path;
	     route++)
		if (route->method == method && !strcmp(route->path, form->path))
			return route;
	return NULL;
}

/* Those of all rows of the same form. */
static unsigned methods_of(const struct admin_route *form)
{
	unsigned methods = 0;

	for (const struct admin_route *route = admin_routes; route->path;
	     route++)
		if (!strcmp(route->path, form->path))
			methods |= route->method;
	return methods;
}

static void refuse_method(const struct admin_ask *ask,
			  const struct admin_route *form)
{
	struct buf headers = {0};

	buf_append_str(&headers, NO_STORE);
	web_write_allow(&headers, methods_of(form));
	buf_append(&headers, "", 1);
	web_reply_problem(ask->exchange, 405,
			  "this path does not take this method; Allow names "
			  "those it takes",
			  headers.ptr);
	buf_clear(&headers);
}

static void dispatch(struct admin_ask *ask)
{
	const struct http_request *head = ask->request->head;
	const struct admin_route *form, *route;
	char name[NAME_CAP];
	struct span part;

	form = find_form(span_skip(head->path, sizeof(ADMIN_PREFIX) - 1),
			 &part);
	if (!form) {
		admin_refuse(ask, 404,
			     "there is nothing here; GET "
			     "/v1/admin/openapi.json says what there is");
		return;
	}
	route = find_method(form, head->method);
	if (!route) {
		refuse_method(ask, form);
		return;
	}
	if (http_decode_name(part, name, sizeof(name))) {
		admin_refuse(ask, 400,
			     "the name in the path is not well encoded");
		return;
	}
	ask->name = span_from(name);
	route->handle(ask);
}

/* --- who may ask --- */

#define CHALLENGE "WWW-Authenticate: Bearer realm=\"signald admin\"\r\n"

static const char *where_is(const struct admin_key *key, bool is_wrong)
{
	if (is_wrong)
		return key->is_made
			       ? "the key is wrong: it is not the one in the "
				 "file admin-key in state.dir"
			       : "the key is wrong: it is not the one that "
				 "admin.key is set to";
	return key->is_made
		       ? "the key belongs here, as Authorization: Bearer KEY; "
			 "it is in the file admin-key in state.dir"
		       : "the key belongs here, as Authorization: Bearer KEY; "
			 "it is what admin.key is set to";
}

static void refuse_key(const struct admin_ask *ask,
		       enum admin_key_verdict verdict)
{
	if (verdict == ADMIN_KEY_NONE)
		admin_refuse(ask, 403,
			     "the admin API is off, as there is no key: set "
			     "state.dir, where one is made at the next start, "
			     "or admin.key");
	else if (verdict == ADMIN_KEY_LATER)
		web_reply_problem(ask->exchange, 429,
				  "too many wrong keys: no key is looked at "
				  "until the next second",
				  NO_STORE "Retry-After: 1\r\n");
	else
		web_reply_problem(
			ask->exchange, 401,
			where_is(&ask->admin->key, verdict == ADMIN_KEY_WRONG),
			NO_STORE CHALLENGE);
}

void admin_handle(struct web_exchange *exchange,
		  const struct web_request *request, void *arg)
{
	struct admin *admin = arg;
	struct admin_ask ask = {
		.admin = admin, .exchange = exchange, .request = request};
	enum admin_key_verdict verdict;

	if (request->origin_verdict != ORIGIN_ABSENT &&
	    request->origin_verdict != ORIGIN_OWN) {
		web_note_foreign(exchange, request);
		admin_refuse(&ask, 403,
			     "this is for operators, not for pages of other "
			     "origins");
		return;
	}
	verdict = admin_key_judge(&admin->key, &admin->parts.loop->clock,
				  request->head);
	if (verdict == ADMIN_KEY_WRONG)
		log_warn("admin.wrong_key");
	if (verdict != ADMIN_KEY_RIGHT)
		refuse_key(&ask, verdict);
	else
		dispatch(&ask);
}
