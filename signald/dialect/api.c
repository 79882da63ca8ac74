/* api.c: the HTTP faces: ICE list, health, version, metrics. */
#include <errno.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "access/mint.h"
#include "base/log.h"
#include "base/member.h"
#include "codec/json.h"
#include "dialect/api.h"
#include "policy/metric.h"

#define TTL_CAP 24
#define MAX_TTL_S ((uint64_t)1 << 53)
#define MAX_TROUBLE 400

static void reply_json(struct web_exchange *exchange, int status,
		       struct span body)
{
	web_reply(exchange, &(struct web_response){
				    .status = status,
				    .content_type = "application/json",
				    .body = body,
				    .headers = "Cache-Control: no-store\r\n",
			    });
}

/* The same from a buffer, which is cleared. */
static void reply_buf(struct web_exchange *exchange, int status,
		      struct buf *body)
{
	if (body->failed)
		web_reply_problem(exchange, 503, "out of memory", NULL);
	else
		reply_json(exchange, status, buf_span(body));
	buf_clear(body);
}

/* {"ttl": N} of a POST. Returns 0, or answers the request and returns -EINVAL.
 */
static int read_posted_ttl(struct web_exchange *exchange,
			   const struct web_request *request, uint64_t *ttl_s)
{
	const struct http_header *type =
		http_find(request->head, SPAN("Content-Type"));
	const struct span name = SPAN("ttl");
	struct span parameters = type ? type->value : SPAN("");
	struct span media, value;

	if (!request->body.len)
		return 0;
	if (!span_next_item(&parameters, ';', &media) ||
	    !span_equal_nocase(media, SPAN("application/json"))) {
		web_reply_problem(exchange, 415,
				  "the body must be application/json", NULL);
		return -EINVAL;
	}
	if (json_pick(request->body, &name, 1, &value) ||
	    (value.ptr && json_to_u64(value, MAX_TTL_S, ttl_s))) {
		web_reply_problem(exchange, 400,
				  "the body must be a JSON object; its ttl a "
				  "whole number of seconds",
				  NULL);
		return -EINVAL;
	}
	return 0;
}

static int read_query_ttl(struct web_exchange *exchange,
			  const struct web_request *request, uint64_t *ttl_s)
{
	char text[TTL_CAP];
	int err = http_query_get(request->head->query, SPAN("ttl"), text,
				 sizeof(text));

	if (err == -ENOENT)
		return 0;
	if (err || span_to_u64(span_from(text), MAX_TTL_S, ttl_s)) {
		web_reply_problem(exchange, 400,
				  "ttl must be a whole number of seconds",
				  NULL);
		return -EINVAL;
	}
	return 0;
}

/* An ICE list that waits until its credential is in Redis. */
struct ice_wait {
	struct usercred_grant grant;
	const struct api *api;
	struct web_held *held;
	struct net_addr from;
	char region[PLACE_MAX_NAME + 1];
	char subject[CLAIMS_MAX_SUBJECT + 1]; /* "" for an address */
	uint64_t ttl_s;
	uint64_t most_ttl_s;
};

static void write_ice(const struct api *api, const struct icelist_ask *ask,
		      struct buf *body)
{
	buf_append_str(body, "{");
	icelist_write(*api->icelist, ask, body);
	buf_append_str(body, "}\n");
}

static void free_ice_wait(struct ice_wait *wait)
{
	crypto_wipe(&wait->grant.cred, sizeof(wait->grant.cred));
	free(wait);
}

/* As web_reply_problem() would, which is for exchanges that are not held. */
#define NO_MEMORY                                                \
	"{\"title\": \"Service Unavailable\", \"status\": 503, " \
	"\"detail\": \"out of memory\"}\n"

static void answer_held(struct web_held *held, struct buf *body)
{
	static const struct web_response no_memory = {
		.status = 503,
		.content_type = "application/problem+json",
		.body = SPAN_INIT(NO_MEMORY),
	};
	const struct web_response ok = {
		.status = 200,
		.content_type = "application/json",
		.body = buf_span(body),
		.headers = "Cache-Control: no-store\r\n",
	};

	(void)web_held_reply(held, body->failed ? &no_memory : &ok);
	buf_clear(body);
}

static void end_ice_wait(struct usercred_grant *grant)
{
	struct ice_wait *wait = container_of(grant, struct ice_wait, grant);
	const struct icelist_ask ask = {
		.kind = *wait->subject ? ICELIST_SUBJECT : ICELIST_ADDRESS,
		.subject = *wait->subject ? span_from(wait->subject)
					  : net_addr_network(&wait->from),
		.ttl_s = wait->ttl_s,
		.most_ttl_s = wait->most_ttl_s,
		.region = span_from(wait->region),
		.from = &wait->from,
		.cred = grant->err ? NULL : &grant->cred,
	};
	struct buf body = {0};

	write_ice(wait->api, &ask, &body);
	answer_held(wait->held, &body);
	free_ice_wait(wait);
}

static void forget_ice_wait(void *arg)
{
	struct ice_wait *wait = arg;

	usercred_cancel(&wait->grant);
	free_ice_wait(wait);
}

/* Returns whether the answer comes later. */
static bool wait_for_credential(struct web_exchange *exchange,
				const struct api *api,
				const struct icelist_ask *ask)
{
	struct ice_wait *wait;

	if (!icelist_wants_credential(*api->icelist))
		return false;
	wait = calloc(1, sizeof(*wait));
	if (!wait)
		return false;
	wait->grant.on_done = end_ice_wait;
	wait->api = api;
	wait->from = *ask->from;
	wait->ttl_s = ask->ttl_s;
	wait->most_ttl_s = ask->most_ttl_s;
	if (ask->kind == ICELIST_SUBJECT)
		(void)span_copy(ask->subject, wait->subject,
				sizeof(wait->subject));
	(void)span_copy(ask->region, wait->region, sizeof(wait->region));
	if (!icelist_begin(*api->icelist, ask, &wait->grant)) {
		free_ice_wait(wait);
		return false;
	}
	wait->held = web_hold(exchange, forget_ice_wait, wait);
	if (!wait->held) /* the connection is closed */
		forget_ice_wait(wait);
	return true;
}

/* Whether who asks may relay without being in a room; else it is answered. */
static bool may_relay(const struct api *api, struct web_exchange *exchange,
		      const struct web_request *request,
		      struct access_verdict *verdict)
{
	char space[TICKET_LEN + 1];
	const struct access_ask ask = {
		.credential = access_shown(request, space),
		.page = web_judge_page(request),
		.role = SPAN(""),
		.from = request->peer,
	};

	access_judge(api->access, &ask, verdict);
	if (!verdict->code && access_lacks(verdict) & RIGHT_TURN) {
		access_verdict_clear(verdict);
		verdict->code = "not-allowed";
		verdict->message = "what was shown gives no right to turn";
	}
	if (!verdict->code)
		return true;
	metric_add(METRIC_REFUSED_ACCESS, 1);
	access_reply(exchange, verdict);
	return false;
}

/* subject  where theirs is kept */
static void use_claims(struct icelist_ask *ask, const struct claims *claims,
		       char subject[CLAIMS_MAX_SUBJECT + 1])
{
	ask->most_ttl_s = claims->ttl_s;
	if (!*claims->subject)
		return;
	(void)span_copy(span_from(claims->subject), subject,
			CLAIMS_MAX_SUBJECT + 1);
	ask->kind = ICELIST_SUBJECT;
	ask->subject = span_from(subject);
}

void api_handle_ice(struct web_exchange *exchange,
		    const struct web_request *request, void *arg)
{
	const struct api *api = arg;
	char region[PLACE_MAX_NAME + 1] = "";
	char subject[CLAIMS_MAX_SUBJECT + 1];
	struct icelist_ask ask = {
		.kind = ICELIST_ADDRESS,
		.subject = net_addr_network(request->peer),
		.from = request->peer,
	};
	struct access_verdict verdict;
	struct buf body = {0};

	if (request->origin_verdict == ORIGIN_FOREIGN) {
		web_note_foreign(exchange, request);
		web_reply_problem(exchange, 403,
				  "pages of this origin get no credentials; "
				  "the operator lists them in http.origins",
				  NULL);
		return;
	}
	if (!may_relay(api, exchange, request, &verdict))
		return;
	use_claims(&ask, &verdict.claims, subject);
	access_verdict_clear(&verdict);
	if (read_query_ttl(exchange, request, &ask.ttl_s) ||
	    read_posted_ttl(exchange, request, &ask.ttl_s))
		return;
	if (!web_may(exchange, request, LIMIT_CREDENTIALS))
		return;
	/* A region that is none of ours changes nothing. */
	(void)http_query_get(request->head->query, SPAN("region"), region,
			     sizeof(region));
	ask.region = span_from(region);
	if (wait_for_credential(exchange, api, &ask))
		return;
	write_ice(api, &ask, &body);
	reply_buf(exchange, 200, &body);
}

/* Returns 0; or answers, with nothing to clear. */
static int read_ticket(struct web_exchange *exchange,
		       const struct web_request *request, uint64_t now_s,
		       struct claims *claims)
{
	const char *why;
	int err = claims_read(request->body.len ? request->body : SPAN("{}"),
			      now_s, claims, &why);

	if (!err)
		return 0;
	web_reply_problem(exchange, err == -ENOMEM ? 503 : 400, why, NULL);
	return err;
}

/* {"ticket": "tk_...", "expiresIn": 30} */
static void reply_ticket(const struct api *api, struct web_exchange *exchange,
			 struct claims *claims)
{
	char ticket[TICKET_LEN + 1];
	struct buf body = {0};

	if (tickets_make(access_tickets(api->access), claims, ticket)) {
		web_reply_problem(exchange, 503,
				  "too many tickets are out; each ends after "
				  "30 s",
				  "Retry-After: 5\r\n");
		return;
	}
	buf_append_format(&body, "{\"ticket\": \"%s\", \"expiresIn\": %d}\n",
			  ticket, TICKET_LIVES_S);
	crypto_wipe(ticket, sizeof(ticket));
	reply_buf(exchange, 201, &body);
}

/* {"token": "eyJ...", "expiresIn": 3600} */
static void reply_token(const struct api *api, struct web_exchange *exchange,
			const struct claims *claims, uint64_t now_s)
{
	uint64_t lives_s = claims->expires_at_s ? claims->expires_at_s - now_s
						: MINT_LIVES_S;
	struct buf body = {0};
	int err;

	buf_append_str(&body, "{\"token\": \"");
	err = mint_token(access_config(api->access), claims, now_s, &body);
	if (err == -ENOENT) {
		web_reply_problem(exchange, 409,
				  "tokens are signed with access.token_secret, "
				  "which is empty; a ticket needs none",
				  NULL);
		buf_clear(&body);
		return;
	}
	buf_append_str(&body, "\", \"expiresIn\": ");
	buf_append_u64(&body, lives_s);
	buf_append_str(&body, "}\n");
	reply_buf(exchange, 201, &body);
}

/* "kind" of the body. Returns 0, or -EINVAL for one that there is none of. */
static int read_kind(struct span body, bool *wants_token)
{
	const struct span name = SPAN("kind");
	struct span kind = {NULL, 0};

	if (body.len && json_pick(body, &name, 1, &kind))
		return -EINVAL;
	*wants_token = kind.ptr && span_equal(kind, SPAN("\"token\""));
	return *wants_token || !kind.ptr || span_equal(kind, SPAN("\"ticket\""))
		       ? 0
		       : -EINVAL;
}

void api_handle_tickets(struct web_exchange *exchange,
			const struct web_request *request, void *arg)
{
	const struct api *api = arg;
	uint64_t now_s = clock_wall_s(api->clock);
	char name[CONFIG_MAX_KEY_NAME + 1];
	struct access_verdict verdict;
	struct claims claims;
	bool wants_token;

	if (access_backend(api->access, request, name, &verdict)) {
		metric_add(METRIC_REFUSED_ACCESS, 1);
		access_reply(exchange, &verdict);
		return;
	}
	if (read_ticket(exchange, request, now_s, &claims))
		return;
	if (read_kind(request->body, &wants_token)) {
		web_reply_problem(exchange, 400, "kind must be ticket or token",
				  NULL);
	} else {
		log_info("ticket.made", log_str("key", name),
			 log_str("kind", wants_token ? "token" : "ticket"));
		if (wants_token)
			reply_token(api, exchange, &claims, now_s);
		else
			reply_ticket(api, exchange, &claims);
	}
	claims_clear(&claims);
}

void api_handle_healthz(struct web_exchange *exchange,
			const struct web_request *request, void *arg)
{
	(void)request;
	(void)arg;
	reply_json(exchange, 200, SPAN("{\"status\": \"ok\"}\n"));
}

void api_handle_readyz(struct web_exchange *exchange,
		       const struct web_request *request, void *arg)
{
	const struct api *api = arg;
	char trouble[MAX_TROUBLE] = "turn: ";
	const size_t at = sizeof("turn: ") - 1;
	bool has_trouble = probe_trouble(*api->probe, *api->pool, trouble + at,
					 sizeof(trouble) - at);
	struct buf body = {0};

	(void)request;
	if (!api->is_draining && !has_trouble) {
		reply_json(exchange, 200, SPAN("{\"status\": \"ready\"}\n"));
		return;
	}
	buf_append_str(&body, "{\"status\": \"not-ready\", \"reasons\": [");
	if (api->is_draining)
		buf_append_str(&body,
			       has_trouble ? "\"draining\", " : "\"draining\"");
	if (has_trouble)
		buf_append_json(&body, span_from(trouble));
	buf_append_str(&body, "]}\n");
	reply_buf(exchange, 503, &body);
}

void api_handle_version(struct web_exchange *exchange,
			const struct web_request *request, void *arg)
{
	struct buf body = {0};

	(void)request;
	(void)arg;
	buf_append_format(&body,
			  "{\"name\": \"signald\", \"version\": \"%s\", "
			  "\"libevent\": \"%s\", \"openssl\": \"%s\"}\n",
			  SIGNALD_VERSION, event_get_version(),
			  OpenSSL_version(OPENSSL_VERSION_STRING));
	reply_buf(exchange, 200, &body);
}

void api_handle_metrics(struct web_exchange *exchange,
			const struct web_request *request, void *arg)
{
	const struct api *api = arg;
	struct buf body = {0};

	(void)request;
	metric_write(&body, SIGNALD_VERSION, api->started_at_s);
	probe_write_metrics(*api->probe, &body);
	web_reply(exchange,
		  &(struct web_response){
			  .status = 200,
			  .content_type =
				  "text/plain; version=0.0.4; charset=utf-8",
			  .body = buf_span(&body),
			  .headers = "Cache-Control: no-store\r\n",
		  });
	buf_clear(&body);
}
