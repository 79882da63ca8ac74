/* template.c: compiles JSON with variables in it. */
#include <errno.h>

#include "codec/chars.h"
#include "codec/json.h"
#include "policy/config_error.h"
#include "rules/template.h"

/*
 * Three things are made of a text in one pass: the pieces; the bytes of all
 * literals, without the blanks between tokens; and the probe, which is the text
 * with a value in the place of every variable, to be checked as JSON.
 */
struct compiler {
	struct ruleset *rules;
	const struct template_place *place;
	struct config_error *error;
	struct template_piece pieces[RULES_MAX_PARTS];
	size_t count;
	size_t parts; /* that rendering may make of the pieces */
	struct buf literals;
	struct buf probe;
	bool has_args;
	bool has_event;
};

/* Of $1+from: the object, and the member behind it around an id. */
#define SIGNED_PARTS 4

static const struct {
	struct span name;
	enum rules_var_kind kind;
} words[] = {
	{SPAN_INIT("from"), VAR_FROM},	   {SPAN_INIT("name"), VAR_NAME},
	{SPAN_INIT("room"), VAR_ROOM},	   {SPAN_INIT("event"), VAR_EVENT},
	{SPAN_INIT("others"), VAR_OTHERS}, {SPAN_INIT("error"), VAR_ERROR},
};

static bool is_word_char(char c)
{
	return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

static size_t count_word_chars(struct span text)
{
	size_t n = 0;

	while (n < text.len && is_word_char(text.ptr[n]))
		n++;
	return n;
}

/* The longest run, behind "$", of what variables are written with. */
static struct span cut_name(struct span text)
{
	size_t n = 0;

	while (n < text.len && (is_word_char(text.ptr[n]) ||
				text.ptr[n] == '.' || text.ptr[n] == '+'))
		n++;
	return span_of(text.ptr, n);
}

size_t template_string_len(struct span text)
{
	for (size_t i = 1; i < text.len; i++) {
		if (text.ptr[i] == '"')
			return i + 1;
		if (text.ptr[i] == '\\')
			i++;
	}
	return 0;
}

bool template_var_equal(const struct rules_var *a, const struct rules_var *b)
{
	return a->kind == b->kind && a->arg == b->arg &&
	       span_equal(a->field, b->field);
}

const struct rules_var *template_only_var(const struct rules_template *whole)
{
	const struct rules_var *var = &whole->pieces[0].var;

	if (whole->count != 1 || !whole->pieces[0].is_var ||
	    (var->kind != VAR_ARG && var->kind != VAR_FIELD))
		return NULL;
	return var;
}

/* What follows the digit of $N. Returns 0 or -EINVAL. */
static int read_suffix(struct span suffix, struct rules_var *var)
{
	if (!suffix.len) {
		var->kind = VAR_ARG;
		return 0;
	}
	if (span_equal(suffix, SPAN("..."))) {
		var->kind = VAR_REST;
		return 0;
	}
	if (span_equal(suffix, SPAN("+from"))) {
		var->kind = VAR_SIGNED;
		return 0;
	}
	if (suffix.ptr[0] != '.' || suffix.len == 1)
		return -EINVAL;
	var->kind = VAR_FIELD;
	var->field = span_skip(suffix, 1);
	return count_word_chars(var->field) == var->field.len ? 0 : -EINVAL;
}

/* Returns 0 or -EINVAL for a name that is none. */
static int read_name(struct span name, struct rules_var *var)
{
	*var = (struct rules_var){0};
	if (name.len && name.ptr[0] >= '1' && name.ptr[0] <= '8') {
		var->arg = (unsigned)(name.ptr[0] - '1');
		return read_suffix(span_skip(name, 1), var);
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (span_equal(name, words[i].name)) {
			var->kind = words[i].kind;
			return 0;
		}
	}
	return -EINVAL;
}

static bool names_args(const struct rules_var *var)
{
	return var->kind >= VAR_ARG;
}

static int check_place(const struct rules_var *var, struct span name,
		       const struct template_place *place,
		       struct config_error *error)
{
	if (var->kind == VAR_ERROR && !place->has_error)
		return config_refuse(error, "$error means something in refused "
					    "and ack alone");
	if (!place->is_event && (names_args(var) || var->kind == VAR_EVENT))
		return config_refuse(error,
				     "$%.*s has no value in [%.*s], which "
				     "comes without an event; there are $from, "
				     "$name, $room, $others",
				     (int)name.len, name.ptr,
				     (int)place->section.len,
				     place->section.ptr);
	return 0;
}

/* name  without the "$" */
static int compile_name(struct rules_var *var, struct ruleset *rules,
			struct span name, const struct template_place *place,
			struct config_error *error)
{
	int err;

	if (read_name(name, var))
		return config_refuse(
			error,
			"unknown variable $%.*s; there are $from, $name, "
			"$room, "
			"$event, $others, $error, $1 to $8, $1.field, $1..., "
			"$1+from",
			(int)(name.len < 40 ? name.len : 40), name.ptr);
	err = check_place(var, name, place, error);
	if (!err && var->field.len &&
	    ruleset_copy(rules, var->field, &var->field))
		err = config_refuse_memory(error);
	return err;
}

int template_compile_var(struct rules_var *var, struct ruleset *rules,
			 struct span text, const struct template_place *place,
			 struct config_error *error)
{
	if (!text.len || text.ptr[0] != '$')
		return config_refuse(error,
				     "'%.*s' is no variable; write $1 or "
				     "$1.field",
				     (int)(text.len < 40 ? text.len : 40),
				     text.ptr);
	return compile_name(var, rules, span_skip(text, 1), place, error);
}

/* A new piece that renders as so many parts; NULL when there is no room. */
static struct template_piece *add_piece(struct compiler *c, size_t parts)
{
	struct template_piece *piece = &c->pieces[c->count];

	if (parts > RULES_MAX_PARTS - c->parts)
		return NULL;
	c->count++;
	c->parts += parts;
	*piece = (struct template_piece){0};
	return piece;
}

static int refuse_length(const struct compiler *c)
{
	return config_refuse(c->error,
			     "has more than %d pieces (variables and what "
			     "stands between them)",
			     RULES_MAX_PARTS);
}

/* Literals that meet become one; only their lengths are known for now. */
static int add_literal(struct compiler *c, struct span bytes)
{
	struct template_piece *piece =
		c->count ? &c->pieces[c->count - 1] : NULL;

	if (!piece || piece->is_var)
		piece = add_piece(c, 1);
	if (!piece)
		return refuse_length(c);
	buf_append_span(&c->literals, bytes);
	piece->literal.len += bytes.len;
	return 0;
}

static int add_var(struct compiler *c, const struct rules_var *var)
{
	struct template_piece *piece =
		add_piece(c, var->kind == VAR_SIGNED ? SIGNED_PARTS : 1);

	if (!piece)
		return refuse_length(c);
	piece->is_var = true;
	piece->var = *var;
	c->has_args |= names_args(var);
	c->has_event |= var->kind == VAR_EVENT;
	return 0;
}

/* The quotes of $from are written with the text around it. */
static int add_from(struct compiler *c, const struct rules_var *var)
{
	int err = add_literal(c, SPAN("\""));

	if (!err)
		err = add_var(c, var);
	return err ? err : add_literal(c, SPAN("\""));
}

/* The name of the section's event is known. */
static int add_event(struct compiler *c, const struct rules_var *var)
{
	struct buf json = {0};
	int err;

	if (span_equal(c->place->section, SPAN("*")))
		return add_var(c, var);
	buf_append_json(&json, c->place->section);
	err = json.failed ? config_refuse_memory(c->error)
			  : add_literal(c, buf_span(&json));
	buf_clear(&json);
	return err;
}

/* text  begins with "$"; moves behind the variable */
static int take_var(struct compiler *c, struct span *text)
{
	struct span name = cut_name(span_skip(*text, 1));
	struct rules_var var;
	int err = compile_name(&var, c->rules, name, c->place, c->error);

	if (err)
		return err;
	*text = span_skip(*text, 1 + name.len);
	/* What is spliced in must stand in an array: two values do not fit in
	 * any other place. */
	buf_append_str(&c->probe, var.kind == VAR_REST ? "null,null" : "null");
	if (var.kind == VAR_FROM)
		return add_from(c, &var);
	return var.kind == VAR_EVENT ? add_event(c, &var) : add_var(c, &var);
}

static int take_literal(struct compiler *c, struct span *text)
{
	size_t len = *text->ptr == '"' ? template_string_len(*text) : 1;
	struct span token = span_of(text->ptr, len ? len : text->len);

	*text = span_skip(*text, token.len);
	buf_append_span(&c->probe, token);
	return *token.ptr == ' ' || *token.ptr == '\t' ? 0
						       : add_literal(c, token);
}

static int check_probe(const struct compiler *c)
{
	int err;

	if (c->probe.failed || c->literals.failed)
		return config_refuse_memory(c->error);
	err = json_validate(buf_span(&c->probe));
	if (err == -E2BIG)
		return config_refuse(c->error, "nested deeper than %d levels",
				     JSON_MAX_DEPTH);
	if (err)
		return config_refuse(c->error,
				     "no JSON once its variables are filled "
				     "in: strings in double quotes, variables "
				     "outside of them, $1... in arrays only");
	return 0;
}

static int take_all(struct compiler *c, struct span text)
{
	int err = 0;

	while (text.len && !err)
		err = *text.ptr == '$' ? take_var(c, &text)
				       : take_literal(c, &text);
	return err ? err : check_probe(c);
}

/* One block: the template, its pieces, the bytes of their literals. */
static int finish(const struct compiler *c,
		  const struct rules_template **templatep)
{
	size_t pieces_len = c->count * sizeof(c->pieces[0]);
	struct rules_template *template = ruleset_alloc(
		c->rules, sizeof(*template) + pieces_len + c->literals.len);
	char *at;

	if (!template)
		return config_refuse_memory(c->error);
	template->has_args = c->has_args;
	template->has_event = c->has_event;
	template->count = c->count;
	memcpy(template->pieces, c->pieces, pieces_len);
	at = (char *)&template->pieces[c->count];
	if (c->literals.len)
		memcpy(at, c->literals.ptr, c->literals.len);
	for (size_t i = 0; i < template->count; i++) {
		template->pieces[i].literal.ptr = at;
		at += template->pieces[i].literal.len;
	}
	*templatep = template;
	return 0;
}

int template_compile(const struct rules_template **templatep,
		     struct ruleset *rules, struct span text,
		     const struct template_place *place,
		     struct config_error *error)
{
	struct compiler c = {.rules = rules, .place = place, .error = error};
	int err = take_all(&c, text);

	if (!err)
		err = finish(&c, templatep);
	buf_clear(&c.literals);
	buf_clear(&c.probe);
	return err;
}
