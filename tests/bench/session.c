/* session.c: a client's side of a session: what it numbers, acknowledges, and
 * may not believe. */
#include "session.h"

#include <string.h>

/* The numbers of a relayed message; 0 for those that it lacks. */
struct numbers {
	uint64_t fi;
	uint64_t n;
	uint64_t p;
	uint64_t acked;
};

void session_start(struct session *session, unsigned index)
{
	*session = (struct session){.inst = ((uint64_t)1 << 32) + index + 1};
}

/* Append a member, its name with quotes and colon, and its comma. */
#define PUT_MEMBER(at, name, number) \
	put_member(at, name, sizeof(name) - 1, number)

static inline char *put_member(char *at, const char *name, size_t name_len,
			       uint64_t number)
{
	char digits[20];
	size_t first = sizeof(digits);

	do {
		digits[--first] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	memcpy(at, name, name_len);
	at += name_len;
	memcpy(at, digits + first, sizeof(digits) - first);
	at += sizeof(digits) - first;
	*at++ = ',';
	return at;
}

size_t session_put_numbers(struct session *session,
			   char to[SESSION_NUMBERS_MAX])
{
	uint64_t p = session->pending > session->acked ? session->pending : 0;
	char *at = to;

	if (!session->other_id)
		return 0;
	session->pending_before = session->pending;
	session->pending = ++session->sent;
	at = PUT_MEMBER(at, "\"ti\":", session->other_inst);
	at = PUT_MEMBER(at, "\"n\":", session->sent);
	at = PUT_MEMBER(at, "\"p\":", p);
	if (session->rides && session->position > session->said) {
		at = PUT_MEMBER(at, "\"sn\":", session->position);
		session->said = session->position;
	}
	return (size_t)(at - to);
}

void session_unsend(struct session *session, struct session *other)
{
	session->pending = session->pending_before;
	other->skipped++;
}

/* What is left to compare; NULL once something else stood there. */
struct cursor {
	const char *at;
	const char *end;
};

static inline int stands_at(const struct cursor *cursor, const char *text,
			    size_t len)
{
	return cursor->at && (size_t)(cursor->end - cursor->at) >= len &&
	       memcmp(cursor->at, text, len) == 0;
}

static inline void take(struct cursor *cursor, const char *text, size_t len)
{
	cursor->at = stands_at(cursor, text, len) ? cursor->at + len : NULL;
}

#define TAKE(cursor, literal) take(cursor, literal, sizeof(literal) - 1)

/* A member with a number; 0 if it is not there. */
#define TAKE_NUMBER(cursor, name) take_number(cursor, name, sizeof(name) - 1)

static inline uint64_t take_number(struct cursor *cursor, const char *name,
				   size_t name_len)
{
	uint64_t number = 0;
	const char *from;

	if (!stands_at(cursor, name, name_len))
		return 0;
	from = cursor->at += name_len;
	while (cursor->at < cursor->end && *cursor->at >= '0' &&
	       *cursor->at <= '9')
		number = number * 10 + (uint64_t)(*cursor->at++ - '0');
	if (cursor->at == from)
		cursor->at = NULL;
	return number;
}

/*
 * Take a relayed message apart, in the order in which signald writes it. The
 * payload is compared and not read, since it is known.
 */
static int take_apart(const struct session *session, struct cursor cursor,
		      const char *type, const char *member,
		      const struct payload *payload, uint64_t number,
		      struct numbers *numbers)
{
	TAKE(&cursor, "{\"type\":\"");
	take(&cursor, type, strlen(type));
	TAKE(&cursor, "\",\"from\":\"");
	take(&cursor, session->other_id, strlen(session->other_id));
	TAKE(&cursor, "\"");
	numbers->fi = TAKE_NUMBER(&cursor, ",\"fi\":");
	numbers->n = TAKE_NUMBER(&cursor, ",\"n\":");
	numbers->p = TAKE_NUMBER(&cursor, ",\"p\":");
	numbers->acked = TAKE_NUMBER(&cursor, ",\"acked\":");
	TAKE(&cursor, ",\"");
	take(&cursor, member, strlen(member));
	TAKE(&cursor, "\":");
	if (!cursor.at ||
	    (size_t)(cursor.end - cursor.at) != payload->len + 1 ||
	    !payload_is(payload, cursor.at, number))
		return 0;
	return cursor.at[payload->len] == '}';
}

int session_take(struct session *session, const char *text, size_t len,
		 const char *type, const char *member,
		 const struct payload *payload, uint64_t number)
{
	const struct cursor cursor = {text, text + len};
	struct numbers numbers;

	if (!take_apart(session, cursor, type, member, payload, number,
			&numbers) ||
	    numbers.fi != session->other_inst ||
	    numbers.n != session->received + session->skipped + 1 ||
	    (numbers.p != 0 && numbers.p != session->received) ||
	    (numbers.acked != 0 && !session_take_acked(session, numbers.acked)))
		return 0;
	session->received = numbers.n;
	session->skipped = 0;
	return 1;
}

void session_count(struct session *session, uint64_t now_ns)
{
	if (session->inst && session->position++ == session->said)
		session->unsaid_since_ns = now_ns;
}

int session_must_ack(const struct session *session, uint64_t now_ns)
{
	uint64_t unsaid = session->position - session->said;

	return unsaid >= SESSION_ACK_MESSAGES ||
	       (unsaid > 0 &&
		now_ns - session->unsaid_since_ns >= SESSION_ACK_NS);
}

int session_take_acked(struct session *session, uint64_t n)
{
	if (n < session->acked || n > session->sent)
		return 0;
	session->acked = n;
	return 1;
}
