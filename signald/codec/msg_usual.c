/* msg_usual.c: relayed messages in the form in which our own clients write
 * them. */
#include "codec/chars.h"
#include "codec/json_scan.h"
#include "codec/msg_usual.h"

/* They always fit into a number of the protocol, which may have 16. */
#define MAX_DIGITS 15

static const struct usual {
	struct span before_id;
	struct span before_payload;
	enum msg_type type;
	bool is_any; /* the payload may be any value, not only an object */
} forms[] = {
	{SPAN_INIT("{\"type\":\"candidate\",\"to\":\""),
	 SPAN_INIT(",\"candidate\":"), MSG_CANDIDATE, false},
	{SPAN_INIT("{\"type\":\"signal\",\"to\":\""), SPAN_INIT(",\"data\":"),
	 MSG_SIGNAL, true},
	{SPAN_INIT("{\"type\":\"offer\",\"to\":\""),
	 SPAN_INIT(",\"description\":"), MSG_OFFER, false},
	{SPAN_INIT("{\"type\":\"answer\",\"to\":\""),
	 SPAN_INIT(",\"description\":"), MSG_ANSWER, false},
};

/* Where the types' names begin: what tells the forms apart. */
#define TYPE_AT 9

/* What is left to read; NULL once the text is not in the form. */
struct cursor {
	const char *at;
	const char *end;
};

static inline bool stands_at(const struct cursor *cursor, struct span literal)
{
	return cursor->at &&
	       span_has_prefix(
		       span_of(cursor->at, (size_t)(cursor->end - cursor->at)),
		       literal);
}

static inline void take_literal(struct cursor *cursor, struct span literal)
{
	cursor->at =
		stands_at(cursor, literal) ? cursor->at + literal.len : NULL;
}

/* A whole number without a leading zero. */
static inline uint64_t take_digits(struct cursor *cursor)
{
	const char *first = cursor->at;
	const char *at = first;
	uint64_t value = 0;

	while (at < cursor->end && is_digit(*at))
		value = value * 10 + (uint64_t)(*at++ - '0');
	cursor->at = at == first || at - first > MAX_DIGITS ||
				     (*first == '0' && at - first > 1)
			     ? NULL
			     : at;
	return value;
}

/*
 * A member with a number, if it is there.
 *
 * Returns its digits, {NULL, 0} where it is not.
 */
static inline struct span take_number(struct cursor *cursor, struct span name,
				      uint64_t *value)
{
	const char *digits;

	if (!stands_at(cursor, name))
		return span_of(NULL, 0);
	cursor->at += name.len;
	digits = cursor->at;
	*value = take_digits(cursor);
	return span_of(digits, cursor->at ? (size_t)(cursor->at - digits) : 0);
}

static inline void take_numbers(struct cursor *cursor, struct msg *msg)
{
	msg->has_ti =
		take_number(cursor, SPAN(",\"ti\":"), &msg->ti).ptr != NULL;
	msg->n = take_number(cursor, SPAN(",\"n\":"), &msg->number);
	(void)take_number(cursor, SPAN(",\"p\":"), &msg->p);
	msg->has_sn =
		take_number(cursor, SPAN(",\"sn\":"), &msg->sn).ptr != NULL;
}

/* Returns it without its closing quote, which is taken as well. */
static inline struct span take_id(struct cursor *cursor)
{
	const char *id = cursor->at;

	cursor->at = json_skip_string(id, cursor->end);
	if (!cursor->at || cursor->at - id > MSG_MAX_TO + 1)
		cursor->at = NULL;
	return span_of(id, cursor->at ? (size_t)(cursor->at - id) - 1 : 0);
}

static inline struct span take_payload(struct cursor *cursor, bool is_any)
{
	const char *payload = cursor->at;
	int err;

	if (!payload || payload == cursor->end || (!is_any && *payload != '{'))
		cursor->at = NULL;
	else
		cursor->at = json_skip_value(payload, cursor->end,
					     JSON_MAX_DEPTH - 1, &err);
	return span_of(payload,
		       cursor->at ? (size_t)(cursor->at - payload) : 0);
}

static const struct usual *find_form(struct span text)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct span begin = forms[i].before_id;

		if (text.len > begin.len &&
		    text.ptr[TYPE_AT] == begin.ptr[TYPE_AT] &&
		    span_has_prefix(text, begin))
			return &forms[i];
	}
	return NULL;
}

bool msg_read_usual(struct span text, struct msg *msg)
{
	const struct usual *form = find_form(text);
	struct cursor cursor;

	if (!form)
		return false;
	cursor.at = text.ptr + form->before_id.len;
	cursor.end = text.ptr + text.len;
	msg->type = form->type;
	msg->to = take_id(&cursor);
	take_numbers(&cursor, msg);
	take_literal(&cursor, form->before_payload);
	msg->payload = take_payload(&cursor, form->is_any);
	take_literal(&cursor, SPAN("}"));
	return cursor.at == cursor.end;
}
