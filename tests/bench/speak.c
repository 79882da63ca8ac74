/* speak.c: how a client of each kind of server talks. */
#include "speak.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

static const char *const role_names[] = {
	[SPEAK_HOST] = "peer",
	[SPEAK_GUEST] = "peer",
	[SPEAK_BROADCASTER] = "broadcaster",
	[SPEAK_WATCHER] = "watcher",
};

/* Return what follows `"` at its end, not fooled by escapes. */
static const char *skip_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return *at ? at + 1 : at;
}

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/*
 * Find a member of the outermost object, wherever it stands. Returns where its
 * value begins, or NULL when there is none.
 */
static const char *json_find(const char *text, const char *name)
{
	size_t name_len = strlen(name);
	int depth = 0;

	for (const char *at = text; *at;) {
		const char *end;
		const char *value;

		if (*at == '{' || *at == '[')
			depth++;
		else if ((*at == '}' || *at == ']') && --depth == 0)
			return NULL;
		if (*at != '"') {
			at++;
			continue;
		}
		end = skip_string(at);
		value = skip_space(end);
		if (depth == 1 && *value == ':' &&
		    (size_t)(end - at) == name_len + 2 &&
		    memcmp(at + 1, name, name_len) == 0)
			return skip_space(value + 1);
		at = end;
	}
	return NULL;
}

/* Copy a string member. Returns 0, or -1 when there is none that fits. */
static int json_member(const char *text, const char *name, char *to,
		       size_t size)
{
	const char *value = json_find(text, name);
	const char *end;

	if (!value || *value != '"')
		return -1;
	end = skip_string(value);
	if (end - value < 2 || (size_t)(end - value) - 2 >= size)
		return -1;
	memcpy(to, value + 1, (size_t)(end - value) - 2);
	to[end - value - 2] = '\0';
	return 0;
}

/* Returns 0 where there is no such member, or it is no number. */
static uint64_t json_number(const char *text, const char *name)
{
	const char *value = json_find(text, name);

	return value ? strtoull(value, NULL, 10) : 0;
}

static void native_target(const struct speaker *speaker, char *to, size_t size)
{
	(void)speaker;
	snprintf(to, size, "/v1/ws");
}

static int native_is_type(const char *text, const char *type)
{
	char found[32];

	return json_member(text, "type", found, sizeof(found)) == 0 &&
	       strcmp(found, type) == 0;
}

static int native_is_expected(struct speaker *speaker, const char *text,
			      char reply[SPEAK_REPLY_SIZE])
{
	(void)speaker;
	(void)reply;
	return native_is_type(text, "peer-joined") ||
	       native_is_type(text, "viewers") || native_is_type(text, "ice");
}

static enum speak_step native_step(struct speaker *speaker, const char *text,
				   char reply[SPEAK_REPLY_SIZE])
{
	if (!text) {
		snprintf(reply, SPEAK_REPLY_SIZE,
			 "{\"type\":\"join\",\"room\":\"room-%u\","
			 "\"role\":\"%s\"}",
			 speaker->room, role_names[speaker->role]);
		return SPEAK_WAIT;
	}
	if (native_is_type(text, "viewers"))
		return SPEAK_WAIT;
	if (!native_is_type(text, "joined") ||
	    json_member(text, "id", speaker->id, sizeof(speaker->id)) < 0)
		die("waited for joined, got %.300s", text);
	return SPEAK_JOINED;
}

/* Back with what is known, or there for the first time. */
static void sessions_enter(const struct speaker *speaker,
			   char reply[SPEAK_REPLY_SIZE])
{
	const struct session *session = &speaker->session;

	if (session->epoch)
		snprintf(reply, SPEAK_REPLY_SIZE,
			 "{\"type\":\"resume\",\"token\":\"%s\","
			 "\"inst\":%" PRIu64 ",\"try\":2,\"epoch\":%" PRIu64
			 ",\"last\":%" PRIu64 "}",
			 session->token, session->inst, session->epoch,
			 session->position);
	else
		snprintf(reply, SPEAK_REPLY_SIZE,
			 "{\"type\":\"join\",\"room\":\"room-%u\","
			 "\"role\":\"%s\",\"inst\":%" PRIu64 "}",
			 speaker->room, role_names[speaker->role],
			 session->inst);
}

/* The session object of joined or resumed, or of neither: then the server
 * knows no sessions, and is measured as something that it is not. */
static void sessions_learn(struct session *session, const char *text)
{
	const char *object = json_find(text, "session");
	uint64_t epoch = object ? json_number(object, "epoch") : 0;

	if (!epoch || json_member(object, "token", session->token,
				  sizeof(session->token)) < 0)
		die("the server gave no session: %.300s", text);
	if (session->epoch && session->epoch != epoch)
		die("the session was resumed without what it held: %.300s",
		    text);
	session->epoch = epoch;
}

static enum speak_step sessions_step(struct speaker *speaker, const char *text,
				     char reply[SPEAK_REPLY_SIZE])
{
	struct session *session = &speaker->session;

	if (!text) {
		if (!session->epoch)
			session_start(session, speaker->index);
		sessions_enter(speaker, reply);
		return SPEAK_WAIT;
	}
	if (native_is_type(text, "viewers"))
		return SPEAK_WAIT;
	if (!native_is_type(text, session->epoch ? "resumed" : "joined") ||
	    json_member(text, "id", speaker->id, sizeof(speaker->id)) < 0)
		die("waited to be in the room, got %.300s", text);
	sessions_learn(session, text);
	return SPEAK_JOINED;
}

/* {"type":"ack","from":"ID","ti":I,"n":9}: of the only other we talk to. */
static int sessions_take_ack(struct session *session, const char *text)
{
	char from[SPEAK_ID_SIZE];

	return session->other_id &&
	       json_member(text, "from", from, sizeof(from)) == 0 &&
	       strcmp(from, session->other_id) == 0 &&
	       json_number(text, "ti") == session->other_inst &&
	       session_take_acked(session, json_number(text, "n"));
}

/* Only who sends to somebody that acknowledges nothing may be refused. */
static int sessions_take_error(struct session *session, const char *text)
{
	char code[32];

	if (!session->may_be_refused ||
	    json_member(text, "code", code, sizeof(code)) < 0 ||
	    strcmp(code, "queue-full") != 0 ||
	    json_number(text, "n") != session->sent)
		return 0;
	session->is_refused = 1;
	return 1;
}

static int sessions_is_expected(struct speaker *speaker, const char *text,
				char reply[SPEAK_REPLY_SIZE])
{
	struct session *session = &speaker->session;

	if (native_is_type(text, "ack"))
		return sessions_take_ack(session, text);
	if (native_is_type(text, "error"))
		return sessions_take_error(session, text);
	return native_is_expected(speaker, text, reply) ||
	       native_is_type(text, "session") ||
	       native_is_type(text, "settled") ||
	       native_is_type(text, "peer-back");
}

static void socketio_target(const struct speaker *speaker, char *to,
			    size_t size)
{
	snprintf(to, size, "/socket.io/?EIO=4&transport=websocket&room=room-%u",
		 speaker->room);
}

static int starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A server without rooms tells every client what the pairs announce. */
static int socketio_is_expected(struct speaker *speaker, const char *text,
				char reply[SPEAK_REPLY_SIZE])
{
	(void)speaker;
	if (strcmp(text, "2") == 0) {
		snprintf(reply, SPEAK_REPLY_SIZE, "3"); /* ping, pong */
		return 1;
	}
	return strcmp(text, "42[\"broadcaster\"]") == 0 ||
	       starts_with(text, "42[\"watcher\",") ||
	       starts_with(text, "42[\"disconnectPeer\",");
}

/*
 * Engine.IO 4 first opens a session (0), then Socket.IO connects to a namespace
 * (40): that of the tutorial, or "/all". The tutorial's peers say what they are
 * (42), which nobody acknowledges.
 */
static enum speak_step socketio_step(struct speaker *speaker, const char *text,
				     char reply[SPEAK_REPLY_SIZE])
{
	static const char *const connects[] = {
		[SPEAK_HOST] = "40",
		[SPEAK_GUEST] = "40",
		[SPEAK_BROADCASTER] = "40/all,",
		[SPEAK_WATCHER] = "40/all,",
	};
	static const char *const announcements[] = {
		[SPEAK_HOST] = "42[\"broadcaster\"]",
		[SPEAK_GUEST] = "42[\"watcher\"]",
		[SPEAK_BROADCASTER] = NULL,
		[SPEAK_WATCHER] = NULL,
	};
	const char *announcement = announcements[speaker->role];

	if (!text || socketio_is_expected(speaker, text, reply))
		return SPEAK_WAIT;
	if (starts_with(text, "0{")) {
		snprintf(reply, SPEAK_REPLY_SIZE, "%s",
			 connects[speaker->role]);
		return SPEAK_WAIT;
	}
	if (!starts_with(text, connects[speaker->role]) ||
	    json_member(text, "sid", speaker->id, sizeof(speaker->id)) < 0)
		die("waited to be connected, got %.300s", text);
	if (!announcement)
		return SPEAK_JOINED;
	snprintf(reply, SPEAK_REPLY_SIZE, "%s", announcement);
	return SPEAK_TAKEN;
}

static void bare_target(const struct speaker *speaker, char *to, size_t size)
{
	int is_of_pair = speaker->role <= SPEAK_GUEST;

	snprintf(to, size, "/%c/%u", is_of_pair ? 'p' : 'b', speaker->index);
}

static enum speak_step bare_step(struct speaker *speaker, const char *text,
				 char reply[SPEAK_REPLY_SIZE])
{
	(void)reply;
	if (text)
		die("waited for nothing, got %.300s", text);
	snprintf(speaker->id, sizeof(speaker->id), "%022u", speaker->index);
	return SPEAK_JOINED;
}

static int bare_is_expected(struct speaker *speaker, const char *text,
			    char reply[SPEAK_REPLY_SIZE])
{
	(void)speaker;
	(void)text;
	(void)reply;
	return 0;
}

#define NATIVE_RELAY                                                          \
	{                                                                     \
		[PAYLOAD_CANDIDATE] = {"{\"type\":\"candidate\",\"to\":\"",   \
				       "\",", "\"candidate\":", "candidate",  \
				       "candidate"},                          \
		[PAYLOAD_SDP] = {"{\"type\":\"offer\",\"to\":\"", "\",",      \
				 "\"description\":", "offer", "description"}, \
	}

static const struct speak speaks[] = {
	{
		.name = "native",
		.subprotocol = "signald.v1",
		.target = native_target,
		.step = native_step,
		.is_expected = native_is_expected,
		.relay = NATIVE_RELAY,
		.broadcast = "{\"type\":\"broadcast\",\"data\":",
		.end = "}",
	},
	{
		.name = "sessions",
		.subprotocol = "signald.v1",
		.target = native_target,
		.step = sessions_step,
		.is_expected = sessions_is_expected,
		.relay = NATIVE_RELAY,
		.has_sessions = 1,
		.broadcast = "{\"type\":\"broadcast\",\"data\":",
		.end = "}",
	},
	{
		.name = "socketio",
		.target = socketio_target,
		.step = socketio_step,
		.is_expected = socketio_is_expected,
		.relay = {[PAYLOAD_CANDIDATE] = {.before_id =
							 "42[\"candidate\",\"",
						 .after_id = "\",",
						 .before_payload = ""},
			  [PAYLOAD_SDP] = {.before_id = "42[\"offer\",\"",
					   .after_id = "\",",
					   .before_payload = ""}},
		.broadcast = "42/all,[\"broadcast\",",
		.end = "]",
	},
	{
		.name = "bare",
		.target = bare_target,
		.step = bare_step,
		.is_expected = bare_is_expected,
		.relay = NATIVE_RELAY,
		.broadcast = "{\"type\":\"broadcast\",\"data\":",
		.end = "}",
	},
};

const struct speak *speak_find(const char *name)
{
	for (size_t i = 0; i < sizeof(speaks) / sizeof(speaks[0]); i++)
		if (strcmp(speaks[i].name, name) == 0)
			return &speaks[i];
	return NULL;
}
