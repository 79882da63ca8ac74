/* claims.c: what a token, a webhook or a ticket says of somebody. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/claims.h"
#include "codec/json.h"
#include "codec/utf8.h"

#define LATEST_S 253402300799 /* the last second of the year 9999 */
#define MAX_RIGHTS 16	      /* in one list: more than there are */
#define RIGHT_CAP 16	      /* of a name's escapes */
#define NAME_CAP 16	      /* of a member, the same */
#define TOLD_NAME_LEN 64      /* of one that we do not know */

enum member { SUB, ROOM, ROLE, RIGHTS, TTL, METADATA, EXP, MEMBERS_COUNT };

/* In tokens and tickets, and in the answers of a webhook. */
#define NAMES(subject)                                                        \
	{                                                                     \
		[SUB] = SPAN_INIT(subject), [ROOM] = SPAN_INIT("room"),       \
		[ROLE] = SPAN_INIT("role"), [RIGHTS] = SPAN_INIT("rights"),   \
		[TTL] = SPAN_INIT("ttl"), [METADATA] = SPAN_INIT("metadata"), \
		[EXP] = SPAN_INIT("exp"),                                     \
	}
static const struct span token_names[MEMBERS_COUNT] = NAMES("sub");
static const struct span answer_names[MEMBERS_COUNT] = NAMES("subject");

static const struct span roles[] = {
	SPAN_INIT("peer"),
	SPAN_INIT("broadcaster"),
	SPAN_INIT("watcher"),
	SPAN_INIT("operator"),
};

static bool is_subject(struct span subject)
{
	for (size_t i = 0; i < subject.len; i++) {
		char c = subject.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '_' && c != '.' && c != '-')
			return false;
	}
	return true;
}

static const char *read_subject(struct span raw, struct claims *claims)
{
	size_t len;

	if (json_decode_string(raw, claims->subject, sizeof(claims->subject),
			       &len) ||
	    !is_subject(span_of(claims->subject, len)))
		return "sub must be a string of at most 64 characters of A-Z "
		       "a-z 0-9 _ . - (a webhook calls it subject)";
	return NULL;
}

static const char *read_room(struct span raw, struct claims *claims)
{
	size_t len;

	if (json_decode_string(raw, claims->room, sizeof(claims->room), &len))
		return "room must be a string of at most 128 bytes: a room's "
		       "name, or the beginning of some with * behind it";
	return NULL;
}

static bool is_role(struct span role)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
		if (span_equal(role, roles[i]))
			return true;
	return !role.len;
}

static const char *read_role(struct span raw, struct claims *claims)
{
	size_t len;

	if (json_decode_string(raw, claims->role, sizeof(claims->role), &len) ||
	    !is_role(span_of(claims->role, len)))
		return "role must be one of \"peer\", \"broadcaster\", "
		       "\"watcher\", \"operator\", or \"\"";
	return NULL;
}

static const char *read_rights(struct span raw, struct claims *claims)
{
	static const char why[] =
		"rights must be an array of \"join\", \"publish\", \"watch\", "
		"\"signal\", \"broadcast\", \"turn\", \"kick\"";
	struct span elements[MAX_RIGHTS], name;
	char space[RIGHT_CAP];
	size_t count;

	if (json_type_of(raw) != JSON_TYPE_ARRAY ||
	    json_slice(raw, elements, MAX_RIGHTS, &count) || count > MAX_RIGHTS)
		return why;
	claims->rights = 0;
	for (size_t i = 0; i < count; i++) {
		unsigned right = 0;

		if (!json_read_string(elements[i], space, sizeof(space), &name))
			right = right_parse(name);
		if (!right)
			return why;
		claims->rights |= right;
	}
	return NULL;
}

static const char *read_ttl(struct span raw, struct claims *claims)
{
	uint64_t ttl_s;

	if (json_to_u64(raw, CLAIMS_MAX_TTL_S, &ttl_s) || !ttl_s)
		return "ttl must be a whole number of seconds from 1 to 604800";
	claims->ttl_s = (unsigned)ttl_s;
	return NULL;
}

static int read_time(struct span raw, uint64_t latest_s, uint64_t *time_s)
{
	const char *dot;

	if (json_type_of(raw) != JSON_TYPE_NUMBER ||
	    memchr(raw.ptr, 'e', raw.len) || memchr(raw.ptr, 'E', raw.len))
		return -EINVAL;
	dot = memchr(raw.ptr, '.', raw.len);
	if (dot)
		raw.len = (size_t)(dot - raw.ptr);
	return json_to_u64(raw, latest_s, time_s);
}

bool claims_is_milliseconds(struct span raw)
{
	uint64_t time_s;

	return read_time(raw, LATEST_S, &time_s) == -ERANGE &&
	       !read_time(raw, (uint64_t)LATEST_S * 1000, &time_s);
}

int claims_read_time(struct span raw, uint64_t *time_s)
{
	return read_time(raw, LATEST_S, time_s) ? -EINVAL : 0;
}

static const char *read_end(struct span raw, struct claims *claims)
{
	if (claims_is_milliseconds(raw))
		return CLAIMS_EXP_IN_MS;
	if (claims_read_time(raw, &claims->expires_at_s))
		return "exp must be Unix time in seconds, a plain number";
	return NULL;
}

static const char *check_metadata(struct span raw, struct claims *claims)
{
	(void)claims;
	if (json_type_of(raw) != JSON_TYPE_OBJECT &&
	    json_type_of(raw) != JSON_TYPE_NULL)
		return "metadata must be an object";
	if (raw.len > CLAIMS_MAX_METADATA)
		return "metadata must have at most 4096 bytes";
	return NULL;
}

/* Each returns what is wrong with a member that is there, or NULL. */
static const char *(*const readers[MEMBERS_COUNT])(struct span raw,
						   struct claims *claims) = {
	[SUB] = read_subject,	[ROOM] = read_room, [ROLE] = read_role,
	[RIGHTS] = read_rights, [TTL] = read_ttl,   [METADATA] = check_metadata,
	[EXP] = read_end,
};

static const char *pick(struct span object, const struct span *names,
			struct span *members)
{
	if (!utf8_is_valid(object))
		return "the claims must be UTF-8";
	switch (json_pick(object, names, MEMBERS_COUNT, members)) {
	case 0:
		return NULL;
	case -EEXIST:
		return "a claim stands there twice: it must be there once";
	case -E2BIG:
		return "the claims are nested deeper than 64 levels";
	default:
		return "the claims must be one JSON object";
	}
}

static int copy_metadata(struct span raw, struct claims *claims,
			 const char **why)
{
	if (json_type_of(raw) != JSON_TYPE_OBJECT)
		return 0;
	claims->metadata = strndup(raw.ptr, raw.len);
	if (claims->metadata)
		return 0;
	*why = "out of memory";
	return -ENOMEM;
}

static int read_members(const struct span members[MEMBERS_COUNT],
			uint64_t now_s, struct claims *claims, const char **why)
{
	struct claims read = {.rights = RIGHTS_USUAL};
	const char *fault = NULL;

	*claims = (struct claims){.rights = 0};
	for (size_t i = 0; i < MEMBERS_COUNT && !fault; i++)
		if (members[i].ptr)
			fault = readers[i](members[i], &read);
	if (fault) {
		*why = fault;
		return -EINVAL;
	}
	/* An exp of 0 is long ago, and not what 0 means in the struct. */
	if (members[EXP].ptr && read.expires_at_s <= now_s) {
		*why = "exp is in the past";
		return -ETIME;
	}
	if (copy_metadata(members[METADATA], &read, why))
		return -ENOMEM;
	*claims = read;
	return 0;
}

static int pick_members(struct span object, const struct span *names,
			struct span *members, struct claims *claims,
			const char **why)
{
	const char *fault = pick(object, names, members);

	*claims = (struct claims){.rights = 0};
	if (!fault)
		return 0;
	*why = fault;
	return -EINVAL;
}

int claims_read(struct span object, uint64_t now_s, struct claims *claims,
		const char **why)
{
	struct span members[MEMBERS_COUNT];
	int err = pick_members(object, token_names, members, claims, why);

	return err ? err : read_members(members, now_s, claims, why);
}

int claims_read_answer(struct span object, uint64_t now_s,
		       struct claims *claims, const char **why)
{
	struct span members[MEMBERS_COUNT];
	int err = pick_members(object, answer_names, members, claims, why);

	if (err)
		return err;
	/* As the question has it: who is asked about may want no room. */
	for (size_t i = 0; i < MEMBERS_COUNT; i++)
		if (members[i].ptr &&
		    json_type_of(members[i]) == JSON_TYPE_NULL)
			members[i] = (struct span){NULL, 0};
	return read_members(members, now_s, claims, why);
}

static bool is_known(struct span raw, struct span extra)
{
	char space[NAME_CAP];
	struct span name;

	if (json_read_string(raw, space, sizeof(space), &name))
		return false;
	for (size_t i = 0; i < MEMBERS_COUNT; i++)
		if (span_equal(name, token_names[i]))
			return true;
	return extra.len && span_equal(name, extra);
}

/* The raw name of a member of the object itself that is not known; or empty. */
static struct span find_unknown(struct span object, struct span extra)
{
	struct span token = json_next_token(&object);
	bool is_name = false;
	size_t depth = 0;

	for (; token.len; token = json_next_token(&object)) {
		char c = *token.ptr;

		if (c == '"' && is_name && !is_known(token, extra))
			return token;
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		is_name = depth == 1 && (c == '{' || c == ',');
	}
	return token;
}

int claims_refuse_unknown(struct span object, struct span extra,
			  char why[CLAIMS_MAX_WHY])
{
	struct span name = find_unknown(object, extra);

	if (!name.len)
		return 0;
	if (name.len > TOLD_NAME_LEN)
		name = SPAN("a member with a long name");
	(void)snprintf(why, CLAIMS_MAX_WHY,
		       "%.*s is not known here: there are sub, room, role, "
		       "rights, ttl, metadata, exp%s%.*s",
		       (int)name.len, name.ptr, extra.len ? ", " : "",
		       (int)extra.len, extra.len ? extra.ptr : "");
	return -EINVAL;
}

int claims_copy(struct claims *to, const struct claims *from)
{
	char *metadata = NULL;

	if (from->metadata) {
		metadata = strdup(from->metadata);
		if (!metadata)
			return -ENOMEM;
	}
	*to = *from;
	to->metadata = metadata;
	return 0;
}

void claims_clear(struct claims *claims)
{
	free(claims->metadata);
	*claims = (struct claims){.rights = 0};
}

bool claims_has_room(const struct claims *claims, struct span room)
{
	struct span own = span_from(claims->room);

	if (!own.len)
		return true;
	if (own.ptr[own.len - 1] != '*')
		return span_equal(own, room);
	return span_has_prefix(room, span_of(own.ptr, own.len - 1));
}
