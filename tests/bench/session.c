/* session.c: a client's side of a session: what it numbers, acknowledges, and
 * may not believe. */
#include "session.h"

#include <string.h>

/* What the client of a session reads of a relayed message. */
struct head {
	const char *type;
	size_t type_len;
	const char *from;
	size_t from_len;
	uint64_t fi;
	uint64_t n;
	uint64_t p;
	uint64_t acked;
	int has_acked;
	int has_payload;
};

void session_start(struct session *session, unsigned index)
{
	*session = (struct session){.inst = ((uint64_t)1 << 32) + index + 1};
}

/* Append a member and its comma. */
static char *put_member(char *at, const char *name, uint64_t number)
{
	char digits[20];
	size_t first = sizeof(digits);

	do {
		digits[--first] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	at = stpcpy(at, name);
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
	at = put_member(at, "\"ti\":", session->other_inst);
	at = put_member(at, "\"n\":", session->sent);
	at = put_member(at, "\"p\":", p);
	if (session->rides && session->position > session->said) {
		at = put_member(at, "\"sn\":", session->position);
		session->said = session->position;
	}
	return (size_t)(at - to);
}

void session_unsend(struct session *session, struct session *other)
{
	session->pending = session->pending_before;
	other->skipped++;
}

static int is_name(const char *name, size_t len, const char *wanted)
{
	return len == strlen(wanted) && memcmp(name, wanted, len) == 0;
}

static void keep_string(struct head *head, const char *name, size_t name_len,
			const char *value, size_t len)
{
	if (is_name(name, name_len, "type")) {
		head->type = value;
		head->type_len = len;
	} else if (is_name(name, name_len, "from")) {
		head->from = value;
		head->from_len = len;
	}
}

static void keep_number(struct head *head, const char *name, size_t name_len,
			uint64_t number)
{
	if (is_name(name, name_len, "fi"))
		head->fi = number;
	else if (is_name(name, name_len, "n"))
		head->n = number;
	else if (is_name(name, name_len, "p"))
		head->p = number;
	else if (is_name(name, name_len, "acked")) {
		head->acked = number;
		head->has_acked = 1;
	}
}

/* Returns what follows the string that begins at `at`, NULL if it does not end.
 * Ids and types hold no escapes. */
static const char *end_of_string(const char *at, const char *end)
{
	if (at == end || *at != '"')
		return NULL;
	at = memchr(at + 1, '"', (size_t)(end - at) - 1);
	return at ? at + 1 : NULL;
}

static const char *take_number(const char *at, const char *end,
			       uint64_t *number)
{
	const char *from = at;

	*number = 0;
	for (; at < end && *at >= '0' && *at <= '9'; at++)
		*number = *number * 10 + (uint64_t)(*at - '0');
	return at == from ? NULL : at;
}

/* Returns what follows the member's value, NULL for one that must not be. */
static const char *take_value(struct head *head, const char *name,
			      size_t name_len, const char *at, const char *end)
{
	const char *after;
	uint64_t number;

	if (at < end && *at == '"') {
		after = end_of_string(at, end);
		if (after)
			keep_string(head, name, name_len, at + 1,
				    (size_t)(after - at) - 2);
		return after;
	}
	after = take_number(at, end, &number);
	if (after)
		keep_number(head, name, name_len, number);
	return after;
}

/*
 * Take an object apart that is a relayed message without spaces, as servers
 * write them. The payload is compared and not read, since it is known.
 */
static int take_apart(const char *text, size_t len, const char *member,
		      const struct payload *payload, uint64_t number,
		      struct head *head)
{
	const char *end = text + len;
	const char *at = text;

	if (len == 0 || *at != '{')
		return 0;
	do {
		const char *name = at + 1;
		size_t name_len;

		at = end_of_string(name, end);
		if (!at || at == end || *at != ':')
			return 0;
		name_len = (size_t)(at - name) - 2;
		at++;
		if (!is_name(name + 1, name_len, member)) {
			at = take_value(head, name + 1, name_len, at, end);
		} else if ((size_t)(end - at) <= payload->len ||
			   !payload_is(payload, at, number)) {
			return 0;
		} else {
			head->has_payload = 1;
			at += payload->len;
		}
	} while (at && at < end && *at == ',');
	return at && at + 1 == end && *at == '}';
}

int session_take(struct session *session, const char *text, size_t len,
		 const char *type, const char *member,
		 const struct payload *payload, uint64_t number)
{
	struct head head = {0};

	if (!take_apart(text, len, member, payload, number, &head) ||
	    !head.has_payload || !head.type || !head.from ||
	    !is_name(head.type, head.type_len, type) ||
	    !is_name(head.from, head.from_len, session->other_id) ||
	    head.fi != session->other_inst ||
	    head.n != session->received + session->skipped + 1 ||
	    (head.p != 0 && head.p != session->received) ||
	    (head.has_acked && !session_take_acked(session, head.acked)))
		return 0;
	session->received = head.n;
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
