/* engine_error.h: Engine.IO's refusals, a status and JSON with a code. */
#ifndef SIGNALD_SOCKETIO_ENGINE_ERROR_H
#define SIGNALD_SOCKETIO_ENGINE_ERROR_H

#include "net/web.h"

/* The codes of the protocol. */
enum engine_error {
	ENGINE_TRANSPORT_UNKNOWN,
	ENGINE_SESSION_UNKNOWN,
	ENGINE_BAD_METHOD,
	ENGINE_BAD_REQUEST,
	ENGINE_FORBIDDEN,
	ENGINE_BAD_VERSION,
};

/* {"code":1,"message":"Session ID unknown"} with 400, for ENGINE_FORBIDDEN with
 * 403. */
void engine_refuse(struct web_exchange *exchange, enum engine_error error);

#endif
