/* native_session.h: what native.c and native_say.c share: a session. */
#ifndef SIGNALD_DIALECT_NATIVE_SESSION_H
#define SIGNALD_DIALECT_NATIVE_SESSION_H

#include "dialect/native.h"
#include "net/wsconn.h"

struct native {
	struct loop *loop;
	struct hub *hub;
	struct icelist *const *icelist;
	struct native_session *sessions;
	size_t sessions_count;
	struct buf out; /* the message being written; kept for the next */
	bool is_draining;
};

/* A connection, and the peer it is while it is in a room. */
struct native_session {
	struct native *native;
	struct wsconn *ws;
	struct peer *peer; /* NULL outside a room */
	struct native_session *prev;
	struct native_session *next;
};

/* How the hub reaches a session's peer; arg is the struct native_session. */
extern const struct peer_ops native_peer_ops;

/* An empty buffer to write one message into; native_send() sends it. */
struct buf *native_begin(struct native_session *session);
void native_send(struct native_session *session);

/* From now on it has websocket.join_timeout_s to be in a room. */
void native_start_join_deadline(struct native_session *session);

/* Do what one text message of the client asks for, and answer it. */
void native_take_text(struct native_session *session, struct span text);

/* Send a fresh ICE list that nobody asked for, if the session is in a room. */
void native_send_ice(struct native_session *session);

#endif
