/* webhook_answer.c: what the operator's own server says of who wants in. */
#include <errno.h>

#include "access/webhook_answer.h"
#include "codec/json.h"
#include "codec/utf8.h"

enum member { ALLOWED, REASON, CACHE, MEMBERS_COUNT };

static const struct span names[MEMBERS_COUNT] = {
	[ALLOWED] = SPAN_INIT("allowed"),
	[REASON] = SPAN_INIT("reason"),
	[CACHE] = SPAN_INIT("cache"),
};

static int refuse(const char *text, const char **why)
{
	*why = text;
	return -EINVAL;
}

static int pick(struct span body, struct span *members, const char **why)
{
	if (!utf8_is_valid(body))
		return refuse("the answer must be UTF-8", why);
	switch (json_pick(body, names, MEMBERS_COUNT, members)) {
	case 0:
		return 0;
	case -EEXIST:
		return refuse("a member stands there twice: it must be there "
			      "once",
			      why);
	default:
		return refuse("the answer must be one JSON object, nested at "
			      "most 64 levels deep",
			      why);
	}
}

static int read_reason(struct span raw, struct webhook_answer *answer,
		       const char **why)
{
	size_t len;

	if (!raw.ptr || json_type_of(raw) == JSON_TYPE_NULL)
		return 0;
	if (json_decode_string(raw, answer->reason, sizeof(answer->reason),
			       &len))
		return refuse("reason must be a string of at most 200 bytes",
			      why);
	return 0;
}

static int read_cache(struct span raw, struct webhook_answer *answer,
		      const char **why)
{
	uint64_t cache_s;

	if (!raw.ptr)
		return 0;
	if (json_to_u64(raw, WEBHOOK_MAX_CACHE_S, &cache_s))
		return refuse("cache must be a whole number of seconds from 0 "
			      "to 3600",
			      why);
	answer->cache_s = (unsigned)cache_s;
	return 0;
}

int webhook_answer_read(struct span body, uint64_t now_s,
			struct webhook_answer *answer, const char **why)
{
	struct webhook_answer read = {.cache_s = 0};
	struct span members[MEMBERS_COUNT];
	int err = pick(body, members, why);

	if (err)
		return err;
	if (json_type_of(members[ALLOWED]) != JSON_TYPE_BOOL)
		return refuse("allowed must be there, true or false", why);
	read.is_allowed = span_equal(members[ALLOWED], SPAN("true"));
	err = read_cache(members[CACHE], &read, why);
	if (!err && !read.is_allowed)
		err = read_reason(members[REASON], &read, why);
	if (!err && read.is_allowed)
		err = claims_read_answer(body, now_s, &read.claims, why);
	if (!err)
		*answer = read;
	return err;
}
