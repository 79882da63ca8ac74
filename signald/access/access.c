/* access.c: who may come in, and as whom: the same for every dialect. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/access.h"
#include "access/apikey.h"
#include "base/log.h"
#include "base/member.h"
#include "policy/metric.h"

struct access {
	struct loop *loop;
	struct tickets *tickets;
	struct fetcher *fetcher;
	struct tokens *tokens;
	struct webhook *webhook;
	access_refused *on_refused; /* NULL: nobody hears of it */
	void *on_refused_arg;
};

/* What verdicts say: a series that begins with its first refusal would hide
 * that from who looks at rates. */
static const char *const verdict_codes[] = {
	"auth-required",
	"bad-credential",
	"bad-key",
	"bad-ticket",
	"not-allowed",
	"rate-limited",
	"token-bad-claims",
	"token-bad-signature",
	"token-expired",
	"token-keys-pending",
	"token-keys-unavailable",
	"token-malformed",
	"token-not-yet",
	"token-unknown-key",
	"token-wrong-algorithm",
	"token-wrong-audience",
	"token-wrong-issuer",
	"webhook-bad-answer",
	"webhook-busy",
	"webhook-pending",
	"webhook-refused",
	"webhook-unavailable",
	"wrong-role",
	"wrong-room",
};

int access_new(struct access **accessp, struct loop *loop,
	       char why[TOKENS_MAX_ERROR])
{
	struct access *access = calloc(1, sizeof(*access));
	int err;

	if (!access)
		return -ENOMEM;
	access->loop = loop;
	err = tickets_new(&access->tickets, &loop->clock);
	if (!err)
		err = fetcher_new(&access->fetcher, loop);
	if (!err)
		err = tokens_new(&access->tokens, loop, access->fetcher);
	if (!err)
		err = webhook_new(&access->webhook, loop, access->fetcher);
	if (!err)
		err = tokens_configure(access->tokens, why);
	if (err) {
		access_free(access);
		return err;
	}
	for (size_t i = 0; i < sizeof(verdict_codes) / sizeof(*verdict_codes);
	     i++)
		metric_count_refused(verdict_codes[i], 0);
	*accessp = access;
	return 0;
}

int access_configure(struct access *access, char why[TOKENS_MAX_ERROR])
{
	webhook_configure(access->webhook);
	return tokens_configure(access->tokens, why);
}

void access_free(struct access *access)
{
	if (!access)
		return;
	webhook_free(access->webhook);
	tokens_free(access->tokens);
	fetcher_free(access->fetcher);
	tickets_free(access->tickets);
	free(access);
}

static void on_tokens(struct tokens_wait *tokens)
{
	struct access_wait *wait =
		container_of(tokens, struct access_wait, tokens);

	wait->on_ready(wait);
}

static void on_webhook(struct webhook_wait *webhook)
{
	struct access_wait *wait =
		container_of(webhook, struct access_wait, webhook);

	wait->on_ready(wait);
}

void access_await(const struct access_pending *pending,
		  struct access_wait *wait)
{
	wait->tokens.on_ready = on_tokens;
	wait->webhook.on_ready = on_webhook;
	if (pending->tokens)
		tokens_wait(pending->tokens, &wait->tokens);
	if (pending->asked)
		webhook_wait(pending->asked, &wait->webhook);
}

void access_cancel(struct access_wait *wait)
{
	tokens_cancel(&wait->tokens);
	webhook_cancel(&wait->webhook);
}

void access_watch(struct access *access, access_refused *on_refused, void *arg)
{
	access->on_refused = on_refused;
	access->on_refused_arg = arg;
}

void access_note_refusal(const struct access *access,
			 const struct access_verdict *verdict)
{
	metric_count_refused(verdict->code, 1);
	log_info("access.refused", log_str("code", verdict->code));
	if (access->on_refused)
		access->on_refused(verdict->code, access->on_refused_arg);
}

const struct config *access_config(const struct access *access)
{
	return access->loop->config;
}

struct tickets *access_tickets(struct access *access)
{
	return access->tickets;
}

void access_verdict_clear(struct access_verdict *verdict)
{
	claims_clear(&verdict->claims);
	*verdict = (struct access_verdict){0};
}

unsigned access_lacks(const struct access_verdict *verdict)
{
	return RIGHTS_ALL & ~verdict->claims.rights;
}

/* --- one judgement --- */

static void refuse(struct access_verdict *verdict, const char *code,
		   const char *message)
{
	verdict->code = code;
	verdict->message = message;
}

/* Nothing that could vouch for anybody is configured. */
static bool knows_nobody(const struct access *access)
{
	return !*access->loop->config->access.keys &&
	       !tokens_are_on(access->tokens) &&
	       config_mode(access->loop->config) != MODE_WEBHOOK;
}

static void judge_guest(const struct access_ask *ask,
			struct access_verdict *verdict)
{
	if (ask->shown.page != ORIGIN_OWN &&
	    ask->shown.page != ORIGIN_ALLOWED) {
		refuse(verdict, "auth-required",
		       "guests come by the pages of this server and of "
		       "http.origins; all others need a key, a ticket or a "
		       "token");
		return;
	}
	verdict->claims.rights = RIGHTS_USUAL;
	verdict->is_guest = true;
}

/* What the operator's own server says. */
static const struct {
	const char *code, *message;
	unsigned retry_after_s;
} webhook_verdicts[] = {
	[WEBHOOK_REFUSED] = {"webhook-refused",
			     "the operator's server does not let you in", 0},
	[WEBHOOK_PENDING] = {"webhook-pending",
			     "the operator's server is being asked", 1},
	[WEBHOOK_UNAVAILABLE] = {"webhook-unavailable",
				 "the operator's server, which decides who may "
				 "come in, does not answer: try again later",
				 5},
	[WEBHOOK_BAD_ANSWER] = {"webhook-bad-answer",
				"the operator's server, which decides who may "
				"come in, gives no answer of the right form: "
				"try again later",
				5},
	[WEBHOOK_BUSY] = {"webhook-busy",
			  "too many wait to be let in: try again in a moment",
			  1},
};

static void judge_by_webhook(const struct access *access,
			     const struct access_ask *ask,
			     struct access_verdict *verdict)
{
	const struct webhook_question question = {
		.token = ask->shown.credential,
		.origin = ask->shown.origin,
		.user_agent = ask->shown.user_agent,
		.room = ask->room,
		.role = ask->role,
		.dialect = ask->dialect,
		.from = ask->from,
	};
	struct webhook_result result;

	webhook_ask(access->webhook, &question,
		    ask->wait ? &ask->wait->webhook : NULL, &result);
	if (result.verdict == WEBHOOK_ALLOWED) {
		verdict->claims = result.claims;
		return;
	}
	refuse(verdict, webhook_verdicts[result.verdict].code,
	       webhook_verdicts[result.verdict].message);
	if (result.verdict == WEBHOOK_REFUSED && *result.reason)
		verdict->message = result.reason;
	verdict->is_unsure = result.verdict != WEBHOOK_REFUSED;
	verdict->retry_after_s = webhook_verdicts[result.verdict].retry_after_s;
	verdict->is_pending = result.verdict == WEBHOOK_PENDING;
	if (verdict->is_pending)
		verdict->pending.asked = result.entry;
}

/* Whoever shows nothing. */
static void judge_nobody(const struct access *access,
			 const struct access_ask *ask,
			 struct access_verdict *verdict)
{
	switch (config_mode(access->loop->config)) {
	case MODE_OPEN:
		verdict->claims.rights = RIGHTS_ALL;
		verdict->is_guest = true;
		break;
	case MODE_GUEST:
		judge_guest(ask, verdict);
		break;
	case MODE_WEBHOOK:
		judge_by_webhook(access, ask, verdict);
		break;
	default:
		refuse(verdict, "auth-required",
		       "show a key, a ticket or a token: as auth of join or of "
		       "Socket.IO, Authorization: Bearer, or ?ticket=");
	}
}

static void refuse_key(struct access_verdict *verdict)
{
	refuse(verdict, "bad-key",
	       "no such API key; the operator lists them in access.keys");
}

static void judge_key(const struct access *access, struct span key,
		      struct access_verdict *verdict)
{
	char name[CONFIG_MAX_KEY_NAME + 1];

	if (apikey_find(access->loop->config->access.keys, key, name)) {
		refuse_key(verdict);
		return;
	}
	verdict->claims.rights = RIGHTS_ALL;
	(void)span_copy(span_from(name), verdict->claims.subject,
			sizeof(verdict->claims.subject));
}

static void judge_ticket(const struct access *access, struct span ticket,
			 struct access_verdict *verdict)
{
	struct claims *claims = &verdict->claims;

	if (!tickets_take(access->tickets, ticket, claims)) {
		if (!claims->expires_at_s ||
		    claims->expires_at_s > clock_wall_s(&access->loop->clock))
			return;
		claims_clear(claims);
	}
	refuse(verdict, "bad-ticket",
	       "the ticket was used, is older than 30 s or than its exp, or is "
	       "none of this server; ask for another one");
}

/* Each fault of a token has a code of its own. */
static const char *token_code(enum jwt_fault fault)
{
	static const char *const codes[JWT_FAULTS_COUNT] = {
		[JWT_PENDING] = "token-keys-pending",
		[JWT_UNAVAILABLE] = "token-keys-unavailable",
		[JWT_MALFORMED] = "token-malformed",
		[JWT_WRONG_ALGORITHM] = "token-wrong-algorithm",
		[JWT_UNKNOWN_KEY] = "token-unknown-key",
		[JWT_BAD_SIGNATURE] = "token-bad-signature",
		[JWT_EXPIRED] = "token-expired",
		[JWT_NOT_YET] = "token-not-yet",
		[JWT_WRONG_ISSUER] = "token-wrong-issuer",
		[JWT_WRONG_AUDIENCE] = "token-wrong-audience",
		[JWT_BAD_CLAIMS] = "token-bad-claims",
	};

	return codes[fault];
}

static void judge_token(const struct access *access, struct span token,
			struct access_verdict *verdict)
{
	const char *why = "";
	enum jwt_fault fault = tokens_check(access->tokens, token,
					    clock_wall_s(&access->loop->clock),
					    &verdict->claims, &why);

	if (fault == JWT_OK)
		return;
	refuse(verdict, token_code(fault), why);
	verdict->is_unsure = fault == JWT_PENDING || fault == JWT_UNAVAILABLE;
	verdict->is_pending = fault == JWT_PENDING;
	if (verdict->is_pending)
		verdict->pending.tokens = access->tokens;
	if (verdict->is_unsure)
		verdict->retry_after_s = verdict->is_pending ? 1 : 10;
}

/* Returns whether this address has tried too many of them. */
static bool is_slowed(const struct access *access, const struct net_addr *from,
		      struct access_verdict *verdict)
{
	uint64_t wait_ms = limit_auth_wait_ms(access->loop->limits,
					      net_addr_network(from));

	if (!wait_ms)
		return false;
	refuse(verdict, "rate-limited",
	       "too many wrong keys, tickets or tokens came from this address "
	       "(limits.auth_failures_per_minute)");
	verdict->retry_after_s = (unsigned)limit_retry_s(wait_ms);
	return true;
}

static void judge_kind(const struct access *access,
		       const struct access_ask *ask,
		       struct access_verdict *verdict)
{
	struct span credential = ask->shown.credential;
	enum config_mode mode = config_mode(access->loop->config);

	if (ask->shown.is_too_long)
		refuse(verdict, "bad-credential",
		       "what was shown is longer than 8192 bytes, which no "
		       "key, "
		       "ticket or token may be");
	else if (span_has_prefix(credential, SPAN(APIKEY_PREFIX)))
		judge_key(access, credential, verdict);
	else if (span_has_prefix(credential, SPAN(TICKET_PREFIX)))
		judge_ticket(access, credential, verdict);
	else if (mode == MODE_WEBHOOK)
		judge_by_webhook(access, ask, verdict);
	else if (tokens_are_on(access->tokens) && mode != MODE_KEY)
		judge_token(access, credential, verdict);
	else
		refuse(verdict, "bad-credential",
		       "this is no API key (sk_) and no ticket (tk_), and "
		       "tokens "
		       "are not taken here (access.mode, access.token_secret, "
		       "token_key, token_jwks)");
}

static void judge_credential(const struct access *access,
			     const struct access_ask *ask,
			     struct access_verdict *verdict)
{
	if (is_slowed(access, ask->from, verdict))
		return;
	judge_kind(access, ask, verdict);
	if (verdict->code && !verdict->is_unsure)
		limit_auth_failed(access->loop->limits,
				  net_addr_network(ask->from));
}

/* What is claimed must be of what is asked for. */
static void check_claims(const struct access_ask *ask,
			 struct access_verdict *verdict)
{
	const struct claims *claims = &verdict->claims;

	if (ask->room.ptr && !claims_has_room(claims, ask->room))
		refuse(verdict, "wrong-room",
		       "what was shown is for another room");
	else if (ask->role.len && *claims->role &&
		 !span_equal(ask->role, span_from(claims->role)))
		refuse(verdict, "wrong-role",
		       "what was shown is for another role");
	if (verdict->code)
		claims_clear(&verdict->claims);
}

static bool shows_nothing(const struct shown *shown)
{
	return !shown->credential.len && !shown->is_too_long;
}

void access_judge(struct access *access, const struct access_ask *ask,
		  struct access_verdict *verdict)
{
	*verdict = (struct access_verdict){0};
	if (shows_nothing(&ask->shown) || knows_nobody(access))
		judge_nobody(access, ask, verdict);
	else
		judge_credential(access, ask, verdict);
	if (!verdict->code)
		check_claims(ask, verdict);
}

void access_judge_told(struct access *access, struct access_ask *ask,
		       const struct shown_kept *kept, struct span auth,
		       struct access_verdict *verdict)
{
	char space[SHOWN_MAX_CREDENTIAL + 1];

	shown_recall(&ask->shown, kept);
	shown_tell(&ask->shown, auth, space);
	access_judge(access, ask, verdict);
	crypto_wipe(space, sizeof(space));
}

/* --- backends, and answers over HTTP --- */

int access_backend(struct access *access, const struct web_request *request,
		   char name[CONFIG_MAX_KEY_NAME + 1],
		   struct access_verdict *verdict)
{
	struct span key = http_bearer(request->head);

	*verdict = (struct access_verdict){0};
	if (!key.ptr) {
		refuse(verdict, "auth-required",
		       "this is for backends: Authorization: Bearer sk_..., a "
		       "key of access.keys");
	} else if (!is_slowed(access, request->peer, verdict)) {
		if (!apikey_find(access->loop->config->access.keys, key, name))
			return 0;
		refuse_key(verdict);
		limit_auth_failed(access->loop->limits,
				  net_addr_network(request->peer));
	}
	return -EACCES;
}

/* 429 for who asks too often, 503 for what is not the credential's fault. */
static int status_of(const struct access_verdict *verdict)
{
	if (verdict->retry_after_s)
		return verdict->is_unsure ? 503 : 429;
	return !strncmp(verdict->code, "wrong-", 6) ||
			       !strcmp(verdict->code, "not-allowed") ||
			       !strcmp(verdict->code, "webhook-refused")
		       ? 403
		       : 401;
}

void access_write_refusal(const struct access_verdict *verdict,
			  struct web_response *response, struct buf *body,
			  char headers[ACCESS_HEADERS_CAP])
{
	int status = status_of(verdict);

	headers[0] = '\0';
	if (verdict->retry_after_s)
		(void)snprintf(headers, ACCESS_HEADERS_CAP,
			       "Retry-After: %u\r\n"
			       "Access-Control-Expose-Headers: Retry-After\r\n",
			       verdict->retry_after_s);
	else if (status == 401)
		(void)snprintf(headers, ACCESS_HEADERS_CAP,
			       "WWW-Authenticate: Bearer "
			       "realm=\"signald\"\r\n");
	web_write_problem(body, status, verdict->code, verdict->message);
	*response = (struct web_response){
		.status = status,
		.content_type = "application/problem+json",
		.body = buf_span(body),
		.headers = headers,
	};
}

void access_reply(struct web_exchange *exchange,
		  const struct access_verdict *verdict)
{
	char headers[ACCESS_HEADERS_CAP];
	struct web_response response;
	struct buf body = {0};

	access_write_refusal(verdict, &response, &body, headers);
	web_reply(exchange, &response);
	buf_clear(&body);
}
