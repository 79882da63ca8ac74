/* fuzz_json.c: our JSON reader and jansson must agree on every input. */
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "codec/json.h"
#include "fuzz.h"

enum { TYPE, TO, N, DATA, NAMES_COUNT };

static const struct span names[NAMES_COUNT] = {
	[TYPE] = SPAN_INIT("type"),
	[TO] = SPAN_INIT("to"),
	[N] = SPAN_INIT("n"),
	[DATA] = SPAN_INIT("data"),
};

static json_t *load(struct span text, size_t flags, json_error_t *error)
{
	return json_loadb(text.ptr ? text.ptr : "", text.len,
			  JSON_DECODE_ANY | JSON_ALLOW_NUL | flags, error);
}

/* What jansson refuses and the grammar allows: our caller checks UTF-8, and
 * numbers, surrogates and names stay as they were written. */
static bool is_stricter(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_invalid_utf8:
	case json_error_numeric_overflow:
	case json_error_null_byte_in_key:
		return true;
	default:
		return !strncmp(error->text, "invalid Unicode", 15);
	}
}

static unsigned depth_of(json_t *value)
{
	unsigned deepest = 0;
	const char *name;
	json_t *inner;
	size_t i;

	json_array_foreach(value, i, inner)
	{
		unsigned depth = depth_of(inner);

		deepest = depth > deepest ? depth : deepest;
	}
	json_object_foreach(value, name, inner)
	{
		unsigned depth = depth_of(inner);

		deepest = depth > deepest ? depth : deepest;
	}
	return json_is_array(value) || json_is_object(value) ? deepest + 1 : 0;
}

/* A repeated name may have dropped the deepest value from a tree, so this one
 * has none. */
static void check_too_deep(struct span text)
{
	json_error_t error;
	json_t *tree = load(text, JSON_REJECT_DUPLICATES, &error);

	MUST(!tree || depth_of(tree) > JSON_MAX_DEPTH);
	json_decref(tree);
}

static void check_verdict(struct span text, int err, json_t *tree,
			  const json_error_t *error)
{
	if (err == -E2BIG)
		check_too_deep(text);
	else if (err)
		MUST(err == -EINVAL && !tree);
	else
		MUST(tree ? depth_of(tree) <= JSON_MAX_DEPTH
			  : is_stricter(error));
}

static void check_string(struct span raw, const json_t *value)
{
	char *out = malloc(raw.len);
	size_t len = 0;
	int err;

	MUST(out);
	err = json_decode_string(raw, out, raw.len, &len);
	if (err)
		MUST(err == -EINVAL && memchr(json_string_value(value), '\0',
					      json_string_length(value)));
	else
		MUST(len == json_string_length(value) &&
		     !memcmp(out, json_string_value(value), len + 1));
	free(out);
}

static void check_number(struct span raw, const json_t *value)
{
	uint64_t number;
	int err = json_to_u64(raw, INT64_MAX, &number);

	if (err)
		MUST(err == -EINVAL);
	else
		MUST(json_is_integer(value) &&
		     (uint64_t)json_integer_value(value) == number);
}

/* A picked slice, read on its own, is what jansson found under that name. */
static void check_value(struct span raw, json_t *value)
{
	json_error_t error;
	json_t *again = load(raw, 0, &error);

	MUST(value && again && json_equal(value, again));
	json_decref(again);
	switch (json_type_of(raw)) {
	case JSON_TYPE_STRING:
		MUST(json_is_string(value));
		check_string(raw, value);
		break;
	case JSON_TYPE_NUMBER:
		MUST(json_is_number(value));
		check_number(raw, value);
		break;
	case JSON_TYPE_OBJECT:
		MUST(json_is_object(value));
		break;
	case JSON_TYPE_ARRAY:
		MUST(json_is_array(value));
		break;
	case JSON_TYPE_BOOL:
		MUST(json_is_boolean(value));
		break;
	case JSON_TYPE_NULL:
		MUST(json_is_null(value));
		break;
	}
}

static void check_duplicate(struct span text)
{
	json_error_t error;
	json_t *tree = load(text, JSON_REJECT_DUPLICATES, &error);

	MUST(!tree);
	json_decref(tree);
}

static void check_pick(struct span text, int verdict, json_t *tree)
{
	struct span values[NAMES_COUNT];
	int err = json_pick(text, names, NAMES_COUNT, values);

	if (verdict) {
		MUST(err == verdict);
		return;
	}
	if (!tree)
		return;
	MUST((err == -ENOTSUP) == !json_is_object(tree));
	if (err == -EEXIST)
		check_duplicate(text);
	if (err)
		return;
	for (size_t i = 0; i < NAMES_COUNT; i++) {
		json_t *value = json_object_get(tree, names[i].ptr);

		if (values[i].ptr)
			check_value(values[i], value);
		else
			MUST(!value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_of(data, size);
	json_error_t error;
	json_t *tree;
	int err = json_validate(text);

	/* jansson takes a bare NUL for the end of the text. */
	if (size && memchr(data, '\0', size)) {
		MUST(err == -EINVAL || err == -E2BIG);
		return 0;
	}
	tree = load(text, 0, &error);
	check_verdict(text, err, tree, &error);
	check_pick(text, err, tree);
	json_decref(tree);
	return 0;
}
