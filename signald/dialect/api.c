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

#define MAX_TROUBLE 400
#define DAY_S 86400

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

static void reply_bad_claims(struct web_exchange *exchange, const char *why)
{
	web_reply_problem_code(exchange, 400, "bad-claims", why, NULL);
}

/* Returns 0; or answers, with nothing to clear. */
static int read_ticket(struct web_exchange *exchange,
		       const struct web_request *request, uint64_t now_s,
		       struct claims *claims)
{
	struct span body = request->body.len ? request->body : SPAN("{}");
	char unknown[CLAIMS_MAX_WHY];
	const char *why = unknown;
	int err = claims_read(body, now_s, claims, &why);

	if (!err) {
		err = claims_refuse_unknown(body, SPAN("kind"), unknown);
		if (!err)
			return 0;
		claims_clear(claims);
	}
	if (err == -ENOMEM)
		web_reply_problem_code(exchange, 503, "out-of-memory", why,
				       NULL);
	else
		reply_bad_claims(exchange, why);
	return err;
}

/* {"ticket": "tk_...", "expiresIn": 30} */
static void reply_ticket(const struct api *api, struct web_exchange *exchange,
			 struct claims *claims)
{
	char ticket[TICKET_LEN + 1];
	struct buf body = {0};

	if (tickets_make(access_tickets(api->access), claims, ticket)) {
		web_reply_problem_code(exchange, 503, "too-many-tickets",
				       "too many tickets are out; each ends "
				       "after 30 s",
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
		web_reply_problem_code(exchange, 409, "no-tokens",
				       mint_why_not(access_config(api->access)),
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
		access_note_refusal(api->access, &verdict);
		access_reply(exchange, &verdict);
		return;
	}
	if (read_ticket(exchange, request, now_s, &claims))
		return;
	if (read_kind(request->body, &wants_token)) {
		reply_bad_claims(exchange, "kind must be ticket or token");
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

/* Who is ready may still have something to tell, before it is too late: a
 * certificate that ends soon, or has ended, or that nobody vouches for. */
static void write_warnings(const struct api *api, struct buf *out)
{
	const struct tls_server *tls = *api->tls;
	long long ends_at_s, left_s;

	if (!tls)
		return;
	ends_at_s = (long long)tls_server_ends_at_s(tls);
	left_s = ends_at_s - (long long)clock_wall_s(api->clock);
	if (left_s >= (long long)TLS_SERVER_SOON_DAYS * DAY_S)
		return;
	buf_append_str(out, ", \"warnings\": [\"certificate: ");
	if (!ends_at_s)
		buf_append_str(out, "temporary, which no client trusts");
	else if (left_s <= 0)
		buf_append_str(out, "expired");
	else
		buf_append_format(out, "expires within %lld day%s",
				  left_s / DAY_S + 1,
				  left_s < DAY_S ? "" : "s");
	buf_append_str(out, "\"]");
}

static void write_reasons(const struct api *api, const char *trouble,
			  struct buf *out)
{
	buf_append_str(out, ", \"reasons\": [");
	if (api->is_draining)
		buf_append_str(out, "\"draining\"");
	if (api->is_draining && trouble)
		buf_append_str(out, ", ");
	if (trouble)
		buf_append_json(out, span_from(trouble));
	buf_append_str(out, "]");
}

void api_handle_readyz(struct web_exchange *exchange,
		       const struct web_request *request, void *arg)
{
	const struct api *api = arg;
	char trouble[MAX_TROUBLE] = "turn: ";
	const size_t at = sizeof("turn: ") - 1;
	bool has_trouble = probe_trouble(*api->probe, *api->pool, trouble + at,
					 sizeof(trouble) - at);
	bool is_ready = !api->is_draining && !has_trouble;
	struct buf body = {0};

	(void)request;
	buf_append_format(&body, "{\"status\": \"%s\"",
			  is_ready ? "ready" : "not-ready");
	if (!is_ready)
		write_reasons(api, has_trouble ? trouble : NULL, &body);
	write_warnings(api, &body);
	buf_append_str(&body, "}\n");
	reply_buf(exchange, is_ready ? 200 : 503, &body);
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

/* {"expiresAt": "...", "daysLeft": 62}, as whoever connects to listen.tls sees
 * it as well; below 0 since when it has expired. Of one that nobody vouches for
 * {"temporary": true}. */
static void write_certificate(const struct tls_server *tls, uint64_t now_s,
			      struct buf *out)
{
	uint64_t ends_at_s = tls ? tls_server_ends_at_s(tls) : 0;
	char expires_at[CLOCK_ISO_LEN + 1];
	long long left_s = (long long)ends_at_s - (long long)now_s;

	if (!ends_at_s) {
		buf_append_str(out, tls ? "{\"temporary\": true}" : "null");
		return;
	}
	clock_format_iso(ends_at_s * 1000, expires_at);
	buf_append_format(out, "{\"expiresAt\": \"%s\", \"daysLeft\": %lld}",
			  expires_at,
			  (left_s - (left_s < 0 ? DAY_S - 1 : 0)) / DAY_S);
}

/* {"udp": true, "tls": false, "tunnel": null}: of the ways that servers are to
 * be reached by, whether one of them can be just now; null while that is being
 * found out. */
static void write_ways(const struct probe *probe, const struct pool *pool,
		       struct buf *out)
{
	static const char *const names[] = {
		[POOL_UDP] = "udp",
		[POOL_TCP] = "tcp",
		[POOL_TLS] = "tls",
		[POOL_TUNNEL] = "tunnel",
	};
	const char *before = "{";

	for (int way = 0; way < POOL_TRANSPORTS; way++) {
		bool is_offered = false, is_live = false, is_tried = true;

		for (size_t i = 0; i < pool->count; i++) {
			const struct pool_server *server = &pool->servers[i];

			if (server->is_drained || !server->offers[way])
				continue;
			is_offered = true;
			is_live |= pool_can_offer(pool, server,
						  (enum pool_transport)way);
			is_tried &= !probe_is_trying(probe, i,
						     (enum pool_transport)way);
		}
		if (!is_offered)
			continue;
		buf_append_format(out, "%s\"%s\": %s", before, names[way],
				  is_live    ? "true"
				  : is_tried ? "false"
					     : "null");
		before = ", ";
	}
	buf_append_str(out, *before == '{' ? "{}" : "}");
}

void api_handle_check(struct web_exchange *exchange,
		      const struct web_request *request, void *arg)
{
	const struct api *api = arg;
	char now[CLOCK_ISO_LEN + 1];
	struct buf body = {0};

	if (!web_may(exchange, request, LIMIT_CREDENTIALS))
		return;
	clock_format_iso(api->clock->wall_ms, now);
	buf_append_format(&body, "{\"time\": \"%s\", \"certificate\": ", now);
	write_certificate(*api->tls, clock_wall_s(api->clock), &body);
	buf_append_str(&body, ", \"turn\": ");
	write_ways(*api->probe, *api->pool, &body);
	buf_append_str(&body, "}\n");
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
