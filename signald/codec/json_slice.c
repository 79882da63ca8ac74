/* json_slice.c: the parts of objects and arrays, checked in the same pass. */
#include <errno.h>

#include "codec/json_scan.h"

/* What json_pick() was asked for, and what came of it. */
struct pick {
	const struct span *names;
	size_t names_count;
	struct span *values;
	size_t next; /* the name expected next */
	bool has_duplicate;
	int err; /* why a NULL was returned */
};

/* A wanted name stands at a place, with its closing quote. */
static inline bool stands_at(const char *at, size_t left, struct span name)
{
	return left > name.len && at[name.len] == '"' &&
	       (!name.len || *at == *name.ptr) &&
	       !memcmp(at, name.ptr, name.len);
}

/*
 * Find the wanted name that stands at a place, with its closing quote. Its
 * length comes from our side, so the processor need not wait for a scan of the
 * text to know where to go on. Most texts have their members in one order: the
 * search begins behind the name that was found last.
 *
 * at  behind the opening quote; moves behind the closing one when found
 */
static struct span *find_plain(struct pick *pick, const char **at,
			       const char *end)
{
	size_t left = (size_t)(end - *at);
	size_t i = pick->next;

	for (size_t tried = 0; tried < pick->names_count; tried++) {
		if (i == pick->names_count)
			i = 0;
		if (stands_at(*at, left, pick->names[i])) {
			*at += pick->names[i].len + 1;
			pick->next = i + 1;
			return &pick->values[i];
		}
		i++;
	}
	return NULL;
}

/* Find the wanted name that a validated one with escapes stands for. */
static struct span *find_escaped(const struct pick *pick, struct span inside)
{
	if (!inside.len || !memchr(inside.ptr, '\\', inside.len))
		return NULL;
	for (size_t i = 0; i < pick->names_count; i++) {
		if (json_decodes_to(inside, pick->names[i]))
			return &pick->values[i];
	}
	return NULL;
}

/*
 * A member's name and its colon.
 *
 * wanted  where to put the value, NULL for a name nobody asked for
 */
static const char *pick_name(struct pick *pick, const char *at, const char *end,
			     struct span **wanted)
{
	const char *name;

	if (at == end || *at != '"')
		return NULL;
	name = ++at;
	*wanted = find_plain(pick, &at, end);
	if (!*wanted) {
		at = json_skip_string(name, end);
		if (!at)
			return NULL;
		*wanted = find_escaped(pick,
				       span_of(name, (size_t)(at - 1 - name)));
	}
	return json_skip_colon(at, end);
}

/* One member, its value kept if it is wanted. */
static const char *pick_member(struct pick *pick, const char *at,
			       const char *end)
{
	struct span *wanted;
	const char *value = pick_name(pick, at, end, &wanted);

	if (!value)
		return NULL;
	at = json_skip_value(value, end, JSON_MAX_DEPTH - 1, &pick->err);
	if (at && wanted) {
		pick->has_duplicate |= wanted->ptr != NULL;
		*wanted = span_of(value, (size_t)(at - value));
	}
	return at;
}

/*
 * Behind a member or an element of the outermost level: its comma, or the
 * closing bracket (*has_ended).
 */
static inline const char *skip_comma(const char *at, const char *end,
				     char closing, bool *has_ended)
{
	at = json_skip_space(at, end);
	if (at == end)
		return NULL;
	*has_ended = *at == closing;
	if (*has_ended)
		return at + 1;
	return *at == ',' ? json_skip_space(at + 1, end) : NULL;
}

/* All members and the closing brace; at behind the opening one. */
static const char *pick_members(struct pick *pick, const char *at,
				const char *end)
{
	bool has_ended = false;

	at = json_skip_space(at, end);
	if (at < end && *at == '}')
		return at + 1;
	while (at && !has_ended) {
		at = pick_member(pick, at, end);
		if (at)
			at = skip_comma(at, end, '}', &has_ended);
	}
	return at;
}

/* The verdict on a text that does not begin with the bracket asked for. */
static int judge_other_type(struct span text)
{
	int err = json_validate(text);

	return err ? err : -ENOTSUP;
}

int json_pick(struct span text, const struct span *names, size_t names_count,
	      struct span *values)
{
	struct pick pick = {names, names_count, values, 0, false, -EINVAL};
	const char *at, *end;

	for (size_t i = 0; i < names_count; i++)
		values[i] = span_of(NULL, 0);
	if (!text.len)
		return -EINVAL;
	end = text.ptr + text.len;
	at = json_skip_space(text.ptr, end);
	if (at == end || *at != '{')
		return judge_other_type(text);
	at = pick_members(&pick, at + 1, end);
	if (!at || json_skip_space(at, end) != end)
		return pick.err;
	return pick.has_duplicate ? -EEXIST : 0;
}

/* What json_slice() was asked for, and what came of it. */
struct slice {
	struct span *elements;
	size_t max;
	size_t count;
	int err; /* why a NULL was returned */
};

static const char *slice_element(struct slice *slice, const char *at,
				 const char *end)
{
	const char *value = at;

	at = json_skip_value(value, end, JSON_MAX_DEPTH - 1, &slice->err);
	if (at && slice->count < slice->max)
		slice->elements[slice->count] =
			span_of(value, (size_t)(at - value));
	slice->count++;
	return at;
}

/* All elements and the closing bracket; at behind the opening one. */
static const char *slice_elements(struct slice *slice, const char *at,
				  const char *end)
{
	bool has_ended = false;

	at = json_skip_space(at, end);
	if (at < end && *at == ']')
		return at + 1;
	while (at && !has_ended) {
		at = slice_element(slice, at, end);
		if (at)
			at = skip_comma(at, end, ']', &has_ended);
	}
	return at;
}

int json_slice(struct span text, struct span *elements, size_t max,
	       size_t *count)
{
	struct slice slice = {elements, max, 0, -EINVAL};
	const char *at, *end;

	if (!text.len)
		return -EINVAL;
	end = text.ptr + text.len;
	at = json_skip_space(text.ptr, end);
	if (at == end || *at != '[')
		return judge_other_type(text);
	at = slice_elements(&slice, at + 1, end);
	if (!at || json_skip_space(at, end) != end)
		return slice.err;
	*count = slice.count;
	return 0;
}

/* Where a token of validated JSON ends. */
static const char *skip_token(const char *at, const char *end)
{
	return memchr("{}[]:,", *at, 6) ? at + 1 : json_skip_scalar(at, end);
}

struct span json_next_token(struct span *rest)
{
	const char *at, *end, *next = NULL;

	if (!rest->len)
		return span_of(NULL, 0);
	end = rest->ptr + rest->len;
	at = json_skip_space(rest->ptr, end);
	if (at < end)
		next = skip_token(at, end);
	if (!next)
		next = at = end;
	*rest = span_of(next, (size_t)(end - next));
	return span_of(at, (size_t)(next - at));
}
