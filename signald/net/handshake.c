/* handshake.c: whether a request may become a WebSocket (RFC 6455, 4.2). */
#include <stdio.h>

#include "net/handshake.h"
#include "net/web_exchange.h"

/* When one of an address that has as many connections as it may tries again:
 * nobody can tell. */
#define SEAT_WAIT_MS 5000

/* An item of the lists in all headers of that name, which may stand several
 * times (RFC 9110, 5.3). */
static bool is_listed(const struct http_request *head, struct span name,
		      struct span wanted,
		      bool (*equal)(struct span, struct span))
{
	for (size_t i = 0; i < head->headers_count; i++) {
		struct span rest = head->headers[i].value;
		struct span item;

		if (!span_equal_nocase(head->headers[i].name, name))
			continue;
		while (span_next_item(&rest, ',', &item))
			if (equal(item, wanted))
				return true;
	}
	return false;
}

enum handshake_verdict handshake_judge(const struct web_request *request,
				       const char *subprotocol,
				       char accept[WS_ACCEPT_LEN + 1])
{
	const struct http_request *head = request->head;
	const struct http_header *key =
		http_find(head, SPAN("Sec-WebSocket-Key"));
	const struct http_header *version =
		http_find(head, SPAN("Sec-WebSocket-Version"));

	if (!head->is_upgrade ||
	    !is_listed(head, SPAN("Upgrade"), SPAN("websocket"),
		       span_equal_nocase))
		return HANDSHAKE_NO_UPGRADE;
	if (!version || !span_equal(version->value, SPAN("13")))
		return HANDSHAKE_BAD_VERSION;
	if (!key || ws_accept_key(key->value, accept))
		return HANDSHAKE_BAD_KEY;
	if (request->origin_verdict == ORIGIN_FOREIGN)
		return HANDSHAKE_FOREIGN;
	if (subprotocol && !is_listed(head, SPAN("Sec-WebSocket-Protocol"),
				      span_from(subprotocol), span_equal))
		return HANDSHAKE_NO_SUBPROTOCOL;
	return HANDSHAKE_GOOD;
}

void handshake_refuse(struct web_exchange *exchange,
		      enum handshake_verdict verdict, const char *subprotocol)
{
	char detail[80];

	switch (verdict) {
	case HANDSHAKE_NO_UPGRADE:
		web_reply_problem(exchange, 426,
				  "this path speaks WebSocket only",
				  "Upgrade: websocket\r\n"
				  "Connection: Upgrade\r\n");
		break;
	case HANDSHAKE_BAD_VERSION:
		web_reply_problem(exchange, 426,
				  "WebSocket version 13 is the one (RFC 6455)",
				  "Sec-WebSocket-Version: 13\r\n");
		break;
	case HANDSHAKE_BAD_KEY:
		web_reply_problem(
			exchange, 400,
			"Sec-WebSocket-Key must be 16 bytes in base64", NULL);
		break;
	case HANDSHAKE_FOREIGN:
		web_reply_problem(exchange, 403,
				  "pages of this origin may not connect; the "
				  "operator lists them in http.origins",
				  NULL);
		break;
	default:
		(void)snprintf(detail, sizeof(detail),
			       "offer the subprotocol %s", subprotocol);
		web_reply_problem(exchange, 400, detail, NULL);
	}
}

bool handshake_admit_connection(struct web_exchange *exchange,
				const struct web_request *request)
{
	if (!conn_be_of(exchange->conn, request->peer))
		return true;
	web_reply_limited(exchange, SEAT_WAIT_MS);
	return false;
}

bool handshake_admit(struct web_exchange *exchange,
		     const struct web_request *request)
{
	return web_may(exchange, request, LIMIT_HANDSHAKES) &&
	       handshake_admit_connection(exchange, request);
}

struct conn *handshake_accept(struct web_exchange *exchange, const char *accept,
			      const char *subprotocol)
{
	char headers[256];

	(void)snprintf(headers, sizeof(headers),
		       "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		       "Sec-WebSocket-Accept: %s\r\n%s%s%s",
		       accept, subprotocol ? "Sec-WebSocket-Protocol: " : "",
		       subprotocol ? subprotocol : "",
		       subprotocol ? "\r\n" : "");
	return web_switch_protocols(exchange, headers);
}
