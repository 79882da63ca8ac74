/* handshake.h: whether a request may become a WebSocket (RFC 6455, 4.2.1). */
#ifndef SIGNALD_DIALECT_HANDSHAKE_H
#define SIGNALD_DIALECT_HANDSHAKE_H

#include "codec/ws.h"
#include "net/web.h"

/*
 * Check an opening handshake and the page it comes from.
 *
 * subprotocol  must be among those offered, in this spelling
 * accept       the Sec-WebSocket-Accept value of the answer
 *
 * Returns 0, or -EINVAL when the request has been answered with what is wrong:
 * 426, 400 or 403.
 */
int handshake_check(struct web_exchange *exchange,
		    const struct web_request *request, struct span subprotocol,
		    char accept[WS_ACCEPT_LEN + 1]);

#endif
