/* session.h: a client's side of a session: what it numbers, acknowledges, and
 * may not believe. */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "payload.h"

#define SESSION_TOKEN_SIZE 640
#define SESSION_NUMBERS_MAX 128

/* When an acknowledgement goes alone. */
#define SESSION_ACK_MESSAGES 32
#define SESSION_ACK_NS 50000000U

/*
 * One client's session, and its pair with the only other it talks to. All zero
 * there is none.
 */
struct session {
	uint64_t inst; /* of this client's memory */
	uint64_t other_inst;
	const char *other_id;
	char token[SESSION_TOKEN_SIZE];
	uint64_t epoch;

	int rides;		 /* what it sends carries acknowledgements */
	int may_be_refused;	 /* the other acknowledges nothing */
	int is_refused;		 /* the last message has been */
	uint64_t sent;		 /* number of the last message to the other */
	uint64_t pending;	 /* the last that was not refused */
	uint64_t pending_before; /* the last before that */
	uint64_t acked;		 /* the other has everything up to it */
	uint64_t received;	 /* number of the other's last message */
	uint64_t skipped;	 /* numbers of it since that will never come */
	uint64_t position;	 /* numbered frames that have come */
	uint64_t said;		 /* the position that the server was told */
	uint64_t unsaid_since_ns;
};

/* A new one, for the client of this index. Its inst is as a page makes it: the
 * page's count, and 32 bits that are its own. */
void session_start(struct session *session, unsigned index);

/*
 * Write the members that number the next message, each with a comma behind it,
 * and an acknowledgement (sn) of what has come, if that rides along; nothing
 * where there is no session to one other. Returns how many bytes.
 */
size_t session_put_numbers(struct session *session,
			   char to[SESSION_NUMBERS_MAX]);

/* The last message sent to `other` was refused: it will never come there. */
void session_unsend(struct session *session, struct session *other);

/*
 * Take a message of the other; text has len bytes.
 *
 * type, member  of a message with this payload, and where that stands in it
 * number        of the payload
 *
 * Returns 1 if it is the one that must come next, with the next number, the
 * right instance, the payload as it was sent, and an acknowledgement that can
 * be true; else 0.
 */
int session_take(struct session *session, const char *text, size_t len,
		 const char *type, const char *member,
		 const struct payload *payload, uint64_t number);

/* A numbered frame has come, and the client has it. Without a session nothing
 * is counted. */
void session_count(struct session *session, uint64_t now_ns);

/* It is time to acknowledge what has come, with nothing to ride on. */
int session_must_ack(const struct session *session, uint64_t now_ns);

/* The other has everything up to n. Returns 0 if that cannot be true. */
int session_take_acked(struct session *session, uint64_t n);

#endif
