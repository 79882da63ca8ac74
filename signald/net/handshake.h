/* handshake.h: whether a request may become a WebSocket (RFC 6455, 4.2). */
#ifndef SIGNALD_NET_HANDSHAKE_H
#define SIGNALD_NET_HANDSHAKE_H

#include "codec/ws.h"
#include "net/web.h"

enum handshake_verdict {
	HANDSHAKE_GOOD,
	HANDSHAKE_NO_UPGRADE,
	HANDSHAKE_BAD_VERSION,
	HANDSHAKE_BAD_KEY,
	HANDSHAKE_FOREIGN,	  /* a page of an origin that is not allowed */
	HANDSHAKE_NO_SUBPROTOCOL, /* ours is not among those offered */
};

/*
 * Judge an opening handshake and the page it comes from.
 *
 * subprotocol  must be among those offered, in this spelling; NULL: none is
 *              asked for
 * accept       the Sec-WebSocket-Accept value of the answer
 */
enum handshake_verdict handshake_judge(const struct web_request *request,
				       const char *subprotocol,
				       char accept[WS_ACCEPT_LEN + 1]);

/* Answer one that is not good with what is wrong: 426, 400 or 403. */
void handshake_refuse(struct web_exchange *exchange,
		      enum handshake_verdict verdict, const char *subprotocol);

/*
 * A good one is to be answered with 101 now: whose connection is it, and may
 * that address have one more?
 *
 * Returns whether; else it was answered with 429.
 */
bool handshake_admit(struct web_exchange *exchange,
		     const struct web_request *request);

/* The same for a WebSocket of a session that was counted when it began. */
bool handshake_admit_connection(struct web_exchange *exchange,
				const struct web_request *request);

/* Answer a good one with 101. Returns the connection, as
 * web_switch_protocols(). */
struct conn *handshake_accept(struct web_exchange *exchange, const char *accept,
			      const char *subprotocol);

#endif
