/* msg.h: the native protocol's messages, as docs/protocol.md has them. */
#ifndef SIGNALD_CODEC_MSG_H
#define SIGNALD_CODEC_MSG_H

#include "base/buf.h"

#define MSG_MAX_REF 64
#define MSG_MAX_TO 96 /* bytes of the longest ids */
/* Numbers are below it, so that every client's are exact. */
#define MSG_MAX_NUMBER ((uint64_t)1 << 53)
#define MSG_MAX_TARGETS 64

enum msg_type {
	MSG_OFFER,
	MSG_ANSWER,
	MSG_CANDIDATE,
	MSG_SIGNAL,
	MSG_BROADCAST,
	MSG_JOIN,
	MSG_RESUME,
	MSG_ACK,
	MSG_ICE,
	MSG_PEERS,
	MSG_PING,
	MSG_LEAVE,
	MSG_KICK,
	MSG_TYPES_COUNT,
};

/* A client's message; every span points into its text. */
struct msg {
	enum msg_type type;
	struct span ref;     /* raw JSON, {NULL, 0} without one */
	struct span n;	     /* digits, {NULL, 0} without one */
	uint64_t number;     /* n as a number */
	struct span to;	     /* a peer id, without quotes, or a raw array */
	struct span payload; /* raw JSON: description, candidate or data */
	bool has_many;	     /* to is an array: msg_targets() */
	bool has_ti;
	bool has_sn;
	uint64_t ti;
	uint64_t p;
	uint64_t sn; /* everything up to this position has come */
	struct span ti_array, p_array; /* where has_many */

	/* MSG_JOIN, MSG_RESUME: raw JSON strings and object; {NULL, 0} where
	 * absent */
	struct span room;
	struct span role;
	struct span name;
	struct span metadata;
	uint64_t inst;	   /* 0 without one */
	uint64_t attempt;  /* `try`, 1 without one */
	struct span auth;  /* any raw JSON */
	struct span token; /* MSG_RESUME: without quotes */
	uint64_t epoch;
	uint64_t last;

	uint64_t ttl_s; /* and MSG_ICE: 0 without one */
	uint64_t after; /* MSG_PEERS */
};

/* One of those a message is for. */
struct msg_target {
	struct span to; /* without quotes */
	bool has_ti;
	uint64_t ti;
	uint64_t p;
};

enum msg_error_code {
	MSG_BAD_JSON,
	MSG_BAD_MESSAGE,
	MSG_UNKNOWN_TYPE,
	MSG_NOT_JOINED,
	MSG_ALREADY_JOINED,
	MSG_BAD_ROOM,
	MSG_BAD_ROLE,
	MSG_ROLE_TAKEN,
	MSG_ROOM_FULL,
	MSG_TOO_MANY_ROOMS,
	MSG_TOO_MANY_WATCHERS,
	MSG_NO_ROOM,
	MSG_NOT_ALLOWED,
	MSG_NOT_ADDRESSABLE,
	MSG_UNKNOWN_PEER,
	MSG_PEER_PENDING,
	MSG_PEER_RESTARTED,
	MSG_GAP,
	MSG_QUEUE_FULL,
	MSG_NO_DESCRIPTION,
	MSG_MUTED,
	MSG_RATE_LIMITED,
	MSG_INTERNAL,
};

struct msg_error {
	enum msg_error_code code;
	const char *name; /* in place of the code's, or NULL */
	const char *
		message; /* one sentence: what was wrong, what would be right */
	unsigned retry_after_s; /* when it may be right; 0: that is not known */
};

/*
 * Read one client message; text is UTF-8, as the WebSocket layer has checked.
 *
 * Returns 0, or -EINVAL with *error set. Then msg->ref and msg->n hold what the
 * message had of them, if it was JSON at all, so that the answer can repeat
 * them.
 */
int msg_parse(struct span text, struct msg *msg, struct msg_error *error);

/*
 * Whom a message is for, one or many; it has been parsed without an error.
 *
 * Returns how many.
 */
size_t msg_targets(const struct msg *msg,
		   struct msg_target targets[MSG_MAX_TARGETS]);

/* What stands before the payload of a relayed message; 0 for what is not to
 * stand there. */
struct msg_head {
	enum msg_type type;
	struct span from;
	uint64_t fi;
	bool is_numbered;
	uint64_t n;
	uint64_t p;
	uint64_t acked;
};

/*
 * The two pieces around a relayed payload:
 * {"type":"offer","from":"ID","fi":1,"n":2,"description":  PAYLOAD  }
 *
 * Returns the prefix's length; what follows the payload is MSG_SUFFIX.
 */
#define MSG_PREFIX_CAP 320
#define MSG_SUFFIX "}"
size_t msg_write_prefix(const struct msg_head *head,
			char prefix[MSG_PREFIX_CAP]);

/* Append {"type":"TYPE" and, where the message had them, its ref and n. */
void msg_begin_answer(struct buf *out, const char *type, const struct msg *msg);

/* Append a whole error message; `to` names the receiver it is about, {NULL, 0}
 * for none. */
void msg_write_error(struct buf *out, const struct msg *msg, struct span to,
		     const struct msg_error *error);

/* "unknown-peer" for MSG_UNKNOWN_PEER. */
const char *msg_error_name(enum msg_error_code code);

#endif
