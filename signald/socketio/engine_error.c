/* engine_error.c: Engine.IO's refusals, a status and JSON with a code. */
#include "socketio/engine_error.h"

static const struct {
	int status;
	struct span body;
} refusals[] = {
	[ENGINE_TRANSPORT_UNKNOWN] =
		{400, SPAN_INIT("{\"code\":0,"
				"\"message\":\"Transport unknown\"}")},
	[ENGINE_SESSION_UNKNOWN] =
		{400, SPAN_INIT("{\"code\":1,"
				"\"message\":\"Session ID unknown\"}")},
	[ENGINE_BAD_METHOD] =
		{400, SPAN_INIT("{\"code\":2,"
				"\"message\":\"Bad handshake method\"}")},
	[ENGINE_BAD_REQUEST] =
		{400, SPAN_INIT("{\"code\":3,\"message\":\"Bad request\"}")},
	[ENGINE_FORBIDDEN] =
		{403, SPAN_INIT("{\"code\":4,\"message\":\"pages of this "
				"origin may not connect; the operator lists "
				"them in http.origins\"}")},
	[ENGINE_BAD_VERSION] = {400,
				SPAN_INIT("{\"code\":5,"
					  "\"message\":\"Unsupported protocol "
					  "version\"}")},
};

void engine_refuse(struct web_exchange *exchange, enum engine_error error)
{
	web_reply(exchange, &(struct web_response){
				    .status = refusals[error].status,
				    .content_type = "application/json",
				    .body = refusals[error].body,
			    });
}
