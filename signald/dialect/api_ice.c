/* api_ice.c: ICE lists over HTTP, at once or when what they wait for is there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/member.h"
#include "codec/json.h"
#include "dialect/api.h"

#define TTL_CAP 24
#define MAX_TTL_S ((uint64_t)1 << 53)

/*
 * A request for a list. It is answered at once; or held, while it is not known
 * yet who asks, and then until the credential of the list is in Redis.
 */
struct ice_request {
	struct access_wait wait;
	struct usercred_grant grant;
	const struct api *api;
	struct web_held *held;	/* NULL: it is not */
	struct shown_kept kept; /* while it waits to be judged */
	struct net_addr from;
	char region[PLACE_MAX_NAME + 1];
	char subject[CLAIMS_MAX_SUBJECT + 1]; /* "" for an address */
	uint64_t ttl_s;
	uint64_t most_ttl_s;
};

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

/* --- answers --- */

static void free_request(struct ice_request *request)
{
	access_cancel(&request->wait);
	usercred_cancel(&request->grant);
	shown_forget(&request->kept);
	crypto_wipe(&request->grant.cred, sizeof(request->grant.cred));
	free(request);
}

static void on_gone(void *arg)
{
	free_request(arg);
}

/* exchange is NULL once the request is held. */
static void reply(const struct ice_request *request,
		  struct web_exchange *exchange,
		  const struct web_response *response)
{
	if (exchange)
		web_reply(exchange, response);
	else
		(void)web_held_reply(request->held, response);
}

static void reply_no_memory(const struct ice_request *request,
			    struct web_exchange *exchange)
{
	struct buf body = {0};

	web_write_problem(&body, 503, NULL, "out of memory");
	reply(request, exchange,
	      &(struct web_response){
		      .status = 503,
		      .content_type = "application/problem+json",
		      .body = buf_span(&body),
	      });
	buf_clear(&body);
}

static void reply_refusal(const struct ice_request *request,
			  struct web_exchange *exchange,
			  const struct access_verdict *verdict)
{
	char headers[ACCESS_HEADERS_CAP];
	struct web_response response;
	struct buf body = {0};

	access_note_refusal(request->api->access, verdict);
	access_write_refusal(verdict, &response, &body, headers);
	reply(request, exchange, &response);
	buf_clear(&body);
}

static struct icelist_ask ask_of(const struct ice_request *request)
{
	bool is_user = *request->subject;

	return (struct icelist_ask){
		.kind = is_user ? ICELIST_SUBJECT : ICELIST_ADDRESS,
		.subject = is_user ? span_from(request->subject)
				   : net_addr_network(&request->from),
		.ttl_s = request->ttl_s,
		.most_ttl_s = request->most_ttl_s,
		.region = span_from(request->region),
		.from = &request->from,
	};
}

static void reply_list(const struct ice_request *request,
		       struct web_exchange *exchange,
		       const struct turncred *cred)
{
	struct icelist_ask ask = ask_of(request);
	struct buf body = {0};

	ask.cred = cred;
	buf_append_str(&body, "{");
	icelist_write(*request->api->icelist, &ask, &body);
	buf_append_str(&body, "}\n");
	if (body.failed)
		reply_no_memory(request, exchange);
	else
		reply(request, exchange,
		      &(struct web_response){
			      .status = 200,
			      .content_type = "application/json",
			      .body = buf_span(&body),
			      .headers = "Cache-Control: no-store\r\n",
		      });
	buf_clear(&body);
}

/* --- waiting --- */

/* Returns what waits from now on, in place of *request; NULL when memory ran
 * out. */
static struct ice_request *copy(const struct ice_request *request)
{
	struct ice_request *held = malloc(sizeof(*held));

	if (held)
		*held = *request;
	return held;
}

static void on_credential(struct usercred_grant *grant)
{
	struct ice_request *request =
		container_of(grant, struct ice_request, grant);

	reply_list(request, NULL, grant->err ? NULL : &grant->cred);
	free_request(request);
}

/* Returns whether the answer comes later. */
static bool wait_for_credential(struct ice_request *held)
{
	const struct icelist_ask ask = ask_of(held);

	held->grant.on_done = on_credential;
	return icelist_begin(*held->api->icelist, &ask, &held->grant);
}

static void hold(struct ice_request *held, struct web_exchange *exchange)
{
	held->held = web_hold(exchange, on_gone, held);
	if (!held->held) /* the connection is closed */
		free_request(held);
}

/* --- who asks --- */

static void judge(const struct ice_request *request, struct access_ask *ask,
		  struct access_verdict *verdict)
{
	ask->dialect = "http";
	ask->role = SPAN("");
	ask->from = &request->from;
	access_judge(request->api->access, ask, verdict);
	if (verdict->code || !(access_lacks(verdict) & RIGHT_TURN))
		return;
	access_verdict_clear(verdict);
	verdict->code = "not-allowed";
	verdict->message = "what was shown gives no right to turn";
}

static void use_claims(struct ice_request *request, const struct claims *claims)
{
	request->most_ttl_s = claims->ttl_s;
	memcpy(request->subject, claims->subject, sizeof(request->subject));
}

/* Who asks is known now. Returns whether the answer comes later still. */
static bool go_on(struct ice_request *request)
{
	const struct icelist *icelist = *request->api->icelist;

	if (icelist_wants_credential(icelist) && wait_for_credential(request))
		return true;
	reply_list(request, NULL, NULL);
	return false;
}

static void on_judgeable(struct access_wait *wait)
{
	struct ice_request *request =
		container_of(wait, struct ice_request, wait);
	struct access_ask ask = {.wait = wait};
	struct access_verdict verdict;
	bool goes_on = false;

	shown_recall(&ask.shown, &request->kept);
	judge(request, &ask, &verdict);
	if (verdict.is_pending) {
		access_await(&verdict.pending, wait);
		return;
	}
	if (verdict.code) {
		reply_refusal(request, NULL, &verdict);
	} else {
		use_claims(request, &verdict.claims);
		goes_on = go_on(request);
	}
	access_verdict_clear(&verdict);
	if (!goes_on)
		free_request(request);
}

static void wait_for_verdict(const struct ice_request *asked,
			     struct web_exchange *exchange,
			     const struct web_request *request,
			     const struct access_verdict *verdict)
{
	struct ice_request *held = copy(asked);

	if (!held) {
		reply_refusal(asked, exchange, verdict);
		return;
	}
	shown_keep(&held->kept, access_config(held->api->access), request);
	held->wait.on_ready = on_judgeable;
	access_await(&verdict->pending, &held->wait);
	hold(held, exchange);
}

/* --- the request --- */

/* What it says, beside who asks. Returns 0, or answers it. */
static int read_request(struct ice_request *asked,
			struct web_exchange *exchange,
			const struct web_request *request)
{
	int err = read_query_ttl(exchange, request, &asked->ttl_s);

	if (!err)
		err = read_posted_ttl(exchange, request, &asked->ttl_s);
	/* A region that is none of ours changes nothing. */
	if (!err)
		(void)http_query_get(request->head->query, SPAN("region"),
				     asked->region, sizeof(asked->region));
	return err;
}

static void answer(const struct ice_request *asked,
		   struct web_exchange *exchange)
{
	struct ice_request *held = NULL;

	if (icelist_wants_credential(*asked->api->icelist))
		held = copy(asked);
	if (held && wait_for_credential(held)) {
		hold(held, exchange);
		return;
	}
	if (held)
		free_request(held);
	reply_list(asked, exchange, NULL);
}

static void judge_request(struct ice_request *asked,
			  struct web_exchange *exchange,
			  const struct web_request *request)
{
	struct access_ask ask = {.wait = NULL};
	struct access_verdict verdict;
	char space[TICKET_LEN + 1];

	shown_read(&ask.shown, request, space);
	judge(asked, &ask, &verdict);
	if (verdict.is_pending) {
		wait_for_verdict(asked, exchange, request, &verdict);
	} else if (verdict.code) {
		reply_refusal(asked, exchange, &verdict);
	} else {
		use_claims(asked, &verdict.claims);
		answer(asked, exchange);
	}
	access_verdict_clear(&verdict);
}

/* The limit comes before who asks is judged: that may use up a ticket, or ask
 * the operator's webhook, and strangers are not to choose how often. */
void api_handle_ice(struct web_exchange *exchange,
		    const struct web_request *request, void *arg)
{
	struct ice_request asked = {
		.api = arg,
		.from = *request->peer,
	};

	if (request->origin_verdict == ORIGIN_FOREIGN) {
		web_note_foreign(exchange, request);
		web_reply_problem(exchange, 403,
				  "pages of this origin get no credentials; "
				  "the operator lists them in http.origins",
				  NULL);
		return;
	}
	if (!read_request(&asked, exchange, request) &&
	    web_may(exchange, request, LIMIT_CREDENTIALS))
		judge_request(&asked, exchange, request);
}
