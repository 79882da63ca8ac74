/* handshake.c: whether a request may become a WebSocket (RFC 6455, 4.2.1). */
#include <errno.h>

#include "dialect/handshake.h"
#include "policy/metric.h"

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

static bool is_foreign(const struct web_request *request)
{
	if (request->origin_verdict != ORIGIN_FOREIGN)
		return false;
	metric_add(METRIC_REFUSED_ORIGIN, 1);
	return true;
}

int handshake_check(struct web_exchange *exchange,
		    const struct web_request *request, struct span subprotocol,
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
		web_reply_problem(exchange, 426,
				  "this path speaks WebSocket only",
				  "Upgrade: websocket\r\n"
				  "Connection: Upgrade\r\n");
	else if (!version || !span_equal(version->value, SPAN("13")))
		web_reply_problem(exchange, 426,
				  "WebSocket version 13 is the one (RFC 6455)",
				  "Sec-WebSocket-Version: 13\r\n");
	else if (!key || ws_accept_key(key->value, accept))
		web_reply_problem(
			exchange, 400,
			"Sec-WebSocket-Key must be 16 bytes in base64", NULL);
	else if (is_foreign(request))
		web_reply_problem(exchange, 403,
				  "pages of this origin may not connect; the "
				  "operator lists them in http.origins",
				  NULL);
	else if (!is_listed(head, SPAN("Sec-WebSocket-Protocol"), subprotocol,
			    span_equal))
		web_reply_problem(exchange, 400,
				  "offer the subprotocol signald.v1", NULL);
	else
		return 0;
	return -EINVAL;
}
