/* render.c: fills templates in: spans side by side, hardly a byte copied. */
#include <assert.h>
#include <errno.h>

#include "codec/json.h"
#include "rules/template.h"

/*
 * Parts are collected in order. What had to be written goes to scratch, which
 * moves while it grows: until the end such a part has its length alone, and its
 * bit in written.
 */
struct renderer {
	const struct rules_scope *scope;
	struct span *parts;
	size_t count;
	struct buf *scratch;
	uint32_t written;
	bool skips_comma; /* at the start of the next literal */
};

_Static_assert(RULES_MAX_PARTS <= 32, "one bit of renderer.written per part");

static const struct span none = {NULL, 0};

static struct span resolve_arg(unsigned arg, const struct rules_scope *scope)
{
	const struct rules_var *bound = scope->bound;

	if (bound && bound->kind == VAR_ARG && bound->arg == arg)
		return scope->bound_value;
	return arg < scope->args_count ? scope->args[arg] : none;
}

static struct span resolve_field(const struct rules_var *var,
				 const struct rules_scope *scope)
{
	struct span value = {NULL, 0};
	int err;

	if (scope->bound && template_var_equal(scope->bound, var))
		return scope->bound_value;
	err = json_pick(resolve_arg(var->arg, scope), &var->field, 1, &value);
	/* Of a member that stands twice browsers take the last, as here. */
	return !err || err == -EEXIST ? value : none;
}

struct span rules_resolve(const struct rules_var *var,
			  const struct rules_scope *scope)
{
	return var->kind == VAR_FIELD ? resolve_field(var, scope)
				      : resolve_arg(var->arg, scope);
}

static struct span resolve_rest(unsigned arg, const struct rules_scope *scope)
{
	struct span first = resolve_arg(arg, scope);

	if (scope->bound || arg >= scope->args_count)
		return first;
	return span_skip(scope->rest, (size_t)(first.ptr - scope->rest.ptr));
}

static void add_part(struct renderer *r, struct span part)
{
	r->parts[r->count++] = part;
}

/* What scratch got since it had so many bytes. */
static void add_written(struct renderer *r, size_t before)
{
	r->written |= UINT32_C(1) << r->count;
	add_part(r, span_of(NULL, r->scratch->len - before));
}

static void add_value(struct renderer *r, struct span raw)
{
	add_part(r, raw.len ? raw : SPAN("null"));
}

static void add_text(struct renderer *r, struct span text)
{
	size_t before = r->scratch->len;

	if (!text.ptr) {
		add_part(r, SPAN("null"));
		return;
	}
	buf_append_json(r->scratch, text);
	add_written(r, before);
}

static void add_error(struct renderer *r)
{
	const char *error = r->scope->error;

	add_text(r, error ? span_from(error) : none);
}

static void add_others(struct renderer *r)
{
	size_t before = r->scratch->len;

	if (!r->scope->write_others) {
		add_part(r, SPAN("[]"));
		return;
	}
	buf_append_str(r->scratch, "[");
	r->scope->write_others(r->scratch, r->scope->arg);
	buf_append_str(r->scratch, "]");
	add_written(r, before);
}

/* Without arguments the comma goes that would have parted them: that before
 * them, in an array's literal, or else that behind. */
static void add_rest(struct renderer *r, unsigned arg)
{
	struct span rest = resolve_rest(arg, r->scope);
	struct span *before = &r->parts[r->count - 1];

	assert(before->ptr);
	if (rest.len)
		add_part(r, rest);
	else if (before->len && before->ptr[before->len - 1] == ',')
		before->len--;
	else
		r->skips_comma = true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* An object without its closing brace and the blanks before it. */
static struct span open_object(struct span object)
{
	do
		object.len--;
	while (is_space(object.ptr[object.len - 1]));
	return object;
}

/* "from" comes last: of two members of one name the last one counts. */
static void add_signed(struct renderer *r, unsigned arg)
{
	struct span object = resolve_arg(arg, r->scope);

	if (!object.ptr || json_type_of(object) != JSON_TYPE_OBJECT) {
		add_part(r, SPAN("null"));
		return;
	}
	object = open_object(object);
	add_part(r, object);
	add_part(r,
		 object.len == 1 ? SPAN("\"from\":\"") : SPAN(",\"from\":\""));
	add_part(r, r->scope->from);
	add_part(r, SPAN("\"}"));
}

static void add_literal(struct renderer *r, struct span literal)
{
	if (r->skips_comma && literal.len && *literal.ptr == ',')
		literal = span_skip(literal, 1);
	r->skips_comma = false;
	add_part(r, literal);
}

static void add_var(struct renderer *r, const struct rules_var *var)
{
	switch (var->kind) {
	case VAR_FROM:
		add_part(r, r->scope->from);
		break;
	case VAR_NAME:
		add_text(r, r->scope->name);
		break;
	case VAR_ROOM:
		add_text(r, r->scope->room);
		break;
	case VAR_EVENT:
		add_value(r, r->scope->event);
		break;
	case VAR_OTHERS:
		add_others(r);
		break;
	case VAR_ERROR:
		add_error(r);
		break;
	case VAR_ARG:
	case VAR_FIELD:
		add_value(r, rules_resolve(var, r->scope));
		break;
	case VAR_REST:
		add_rest(r, var->arg);
		break;
	case VAR_SIGNED:
		add_signed(r, var->arg);
		break;
	}
}

/* Scratch moves no more: say where its parts are. */
static void place_written(const struct renderer *r)
{
	const char *at = r->scratch->ptr;

	for (size_t i = 0; i < r->count; i++) {
		if (!(r->written >> i & 1))
			continue;
		r->parts[i].ptr = at;
		at += r->parts[i].len;
	}
}

int rules_render(const struct rules_template *template,
		 const struct rules_scope *scope,
		 struct span parts[RULES_MAX_PARTS], struct buf *scratch)
{
	struct renderer r = {.scope = scope, .parts = parts};

	r.scratch = scratch;
	scratch->len = 0;
	scratch->failed = false;
	for (size_t i = 0; i < template->count; i++) {
		const struct template_piece *piece = &template->pieces[i];

		if (piece->is_var)
			add_var(&r, &piece->var);
		else
			add_literal(&r, piece->literal);
	}
	if (scratch->failed)
		return -ENOMEM;
	place_written(&r);
	return (int)r.count;
}
