/* session.h: a client's side of a session: what it numbers, acknowledges, and
 * may not believe. */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "payload.h"

#define SESSION_TOKEN_SIZE 640
#define SESSION_NUMBERS_SIZE 128

/*
 * Digits of the numbers in a prepared message. The first number has as many, so
 * that few are filled up with spaces, which real clients do not send.
 */
#define SESSION_DIGITS 5
#define SESSION_FIRST 10000
#define SESSION_LAST 99999

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
 * Write the members of a message that number it, with room where the numbers
 * go: a number in front, spaces behind it.
 *
 * rides  with an acknowledgement (sn) of what has come
 */
void session_put_members(const struct session *session, int rides,
			 char to[SESSION_NUMBERS_SIZE]);

/* Where those numbers go, from the start of a text that holds the members; 0
 * for sn if it does not ride. */
struct session_places {
	size_t n;
	size_t p;
	size_t sn;
};
struct session_places session_find_places(const char *text);

/* Write a number as a prepared message holds it, without a NUL; dies of one too
 * large. */
void session_put_number(char to[SESSION_DIGITS], uint64_t number);

/* The next message is being sent; *p becomes the number of the one before it
 * that is still pending, or 0. Returns its number. */
uint64_t session_send(struct session *session, uint64_t *p);

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
