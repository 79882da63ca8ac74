/* rules_keys.c: what the keys of a section mean. */
#include <errno.h>

#include "codec/json.h"
#include "codec/sio.h"
#include "policy/config_error.h"
#include "rules/rules_parser.h"
#include "rules/template.h"

#define MAX_PEERS 1000000

static bool is_connect(const struct rules_parser *parser)
{
	return span_equal(parser->rule->event, SPAN("connect"));
}

static bool is_disconnect(const struct rules_parser *parser)
{
	return span_equal(parser->rule->event, SPAN("disconnect"));
}

static struct template_place place_of(const struct rules_parser *parser)
{
	return (struct template_place){
		.section = parser->rule->event,
		.is_event = !is_connect(parser) && !is_disconnect(parser),
	};
}

static struct rules_step *last_step(struct rules_parser *parser)
{
	return parser->steps_count ? &parser->steps[parser->steps_count - 1]
				   : NULL;
}

/* Cut the first word off; *rest moves behind the blanks that follow it. */
static struct span cut_word(struct span *rest)
{
	size_t n = 0;
	struct span word;

	while (n < rest->len && rest->ptr[n] != ' ' && rest->ptr[n] != '\t')
		n++;
	word = span_of(rest->ptr, n);
	*rest = span_trim(span_skip(*rest, n));
	return word;
}

static int refuse_value(const struct rules_parser *parser, const char *key,
			struct span value, const char *right)
{
	return config_refuse(parser->error, "%s = %.*s; write %s", key,
			     rules_quoted_len(value), value.ptr, right);
}

static int take_join(struct rules_parser *parser, struct span value)
{
	struct span rest = value, role = cut_word(&rest);
	struct rules_rule *rule = parser->rule;
	bool replaces = span_equal(rest, SPAN("replacing"));

	if (hub_role_parse(role, &rule->role) || (rest.len && !replaces) ||
	    (replaces && rule->role != ROLE_BROADCASTER))
		return refuse_value(parser, "join", value,
				    "peer, broadcaster, broadcaster replacing, "
				    "watcher or operator");
	if (rule->leaves)
		return config_refuse(parser->error, "an event joins or leaves, "
						    "not both");
	rule->joins = true;
	rule->replaces = replaces;
	return 0;
}

static int take_leave(struct rules_parser *parser, struct span value)
{
	if (!span_equal(value, SPAN("yes")))
		return refuse_value(parser, "leave", value,
				    "yes, or leave the line out");
	if (parser->rule->joins)
		return config_refuse(parser->error, "an event joins or leaves, "
						    "not both");
	parser->rule->leaves = true;
	return 0;
}

/* A variable whose value is known as text: $N or $N.field. */
static int take_var(struct rules_parser *parser, struct span value,
		    struct rules_var *var)
{
	struct template_place place = place_of(parser);
	int err = template_compile_var(var, parser->rules, value, &place,
				       parser->error);

	if (!err && var->kind != VAR_ARG && var->kind != VAR_FIELD)
		err = config_refuse(parser->error,
				    "%.*s names no argument; write $1 or "
				    "$1.field",
				    rules_quoted_len(value), value.ptr);
	return err;
}

static int take_room(struct rules_parser *parser, struct span value)
{
	parser->rule->has_room = true;
	return take_var(parser, value, &parser->rule->room);
}

static int take_name(struct rules_parser *parser, struct span value)
{
	parser->rule->has_name = true;
	return take_var(parser, value, &parser->rule->name);
}

static int take_most(struct rules_parser *parser, struct span value)
{
	uint64_t most;

	if (span_to_u64(value, MAX_PEERS, &most) || !most)
		return refuse_value(parser, "most", value,
				    "a whole number from 1 to 1000000");
	parser->rule->most = (unsigned)most;
	return 0;
}

static int take_when(struct rules_parser *parser, struct span value)
{
	static const struct span words[] = {
		[WHEN_ALWAYS] = SPAN_INIT("always"),
		[WHEN_ALONE] = SPAN_INIT("alone"),
		[WHEN_OTHERS] = SPAN_INIT("others"),
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (span_equal(value, words[i])) {
			parser->when = (enum rules_when)i;
			return 0;
		}
	}
	return refuse_value(parser, "when", value, "alone, others or always");
}

static int take_whom(struct rules_parser *parser, struct span word,
		     struct rules_step *step)
{
	static const struct span words[] = {
		[WHOM_SELF] = SPAN_INIT("self"),
		[WHOM_OTHERS] = SPAN_INIT("others"),
		[WHOM_ALL] = SPAN_INIT("all"),
		[WHOM_BROADCASTER] = SPAN_INIT("broadcaster"),
		[WHOM_WATCHERS] = SPAN_INIT("watchers"),
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (span_equal(word, words[i])) {
			step->whom = (enum rules_whom)i;
			return 0;
		}
	}
	if (!word.len || *word.ptr != '$')
		return refuse_value(parser, "to", word,
				    "self, others, all, broadcaster or a "
				    "peer's id as $1 or $1.field");
	step->whom = WHOM_PEER;
	return take_var(parser, word, &step->peer);
}

/* Whom a section of its kind can reach. */
static int check_whom(const struct rules_parser *parser,
		      const struct rules_step *step)
{
	if (is_disconnect(parser) &&
	    (step->whom == WHOM_SELF || step->whom == WHOM_ALL))
		return config_refuse(parser->error,
				     "who has left hears nothing; write to = "
				     "others or to = broadcaster");
	if (parser->rule->leaves && step->whom != WHOM_SELF)
		return config_refuse(parser->error,
				     "who leaves reaches itself alone: those "
				     "who stay hear [disconnect]; write to = "
				     "self");
	return 0;
}

/* WHOM [in $X] */
static int read_target(struct rules_parser *parser, struct span value,
		       struct rules_step *step)
{
	struct span rest = value, whom = cut_word(&rest);
	int err = take_whom(parser, whom, step);

	if (!err && rest.len) {
		if (!span_equal(cut_word(&rest), SPAN("in")))
			return refuse_value(parser, "to", value,
					    "nothing behind it, or in $1.room");
		step->has_in = true;
		err = take_var(parser, rest, &step->in);
	}
	return err ? err : check_whom(parser, step);
}

int rules_check_last_step(struct rules_parser *parser)
{
	const struct rules_step *step = last_step(parser);

	if (!step || step->emit || step->payload)
		return 0;
	parser->blamed = parser->step_line;
	return config_refuse(parser->error,
			     "a step that sends nothing; write emit = "
			     "[\"event\", ...] or native = KIND PAYLOAD behind "
			     "it");
}

static int add_step(struct rules_parser *parser, struct span value,
		    bool is_else)
{
	struct rules_step step = {.when = parser->when, .is_else = is_else};
	int err = rules_check_last_step(parser);

	if (!err && parser->steps_count == RULESET_MAX_STEPS)
		err = config_refuse(parser->error,
				    "more than %d steps for one event",
				    RULESET_MAX_STEPS);
	if (!err)
		err = read_target(parser, value, &step);
	if (err)
		return err;
	parser->steps[parser->steps_count++] = step;
	parser->step_line = parser->line;
	return 0;
}

static int take_to(struct rules_parser *parser, struct span value)
{
	return add_step(parser, value, false);
}

static int take_else(struct rules_parser *parser, struct span value)
{
	return add_step(parser, value, true);
}

static int check_name(const struct rules_parser *parser, struct span raw)
{
	char name[RULES_MAX_EVENT_BYTES + 1];
	size_t len;

	if (json_decode_string(raw, name, sizeof(name), &len))
		return config_refuse(parser->error,
				     "the event's name is longer than %d "
				     "bytes, or no text",
				     RULES_MAX_EVENT_BYTES);
	if (sio_is_reserved(span_of(name, len)))
		return config_refuse(parser->error,
				     "Socket.IO keeps the name %s to itself; "
				     "send another event",
				     name);
	return 0;
}

/* text  a template that is JSON: an array whose first element is a name? */
static int check_event(const struct rules_parser *parser, struct span text)
{
	if (text.ptr[0] == '[') {
		text = span_trim(span_skip(text, 1));
		if (text.ptr[0] == '"')
			return check_name(
				parser,
				span_of(text.ptr, template_string_len(text)));
		if (span_has_prefix(text, SPAN("$event")))
			return 0;
	}
	return config_refuse(parser->error,
			     "what is sent is an array, and the event's name "
			     "its first element: [\"offer\", $from, $2], or "
			     "[$event, ...]");
}

/* A template that is an event. */
static int take_event(struct rules_parser *parser, struct span value,
		      const struct template_place *place,
		      const struct rules_template **templatep)
{
	int err = template_compile(templatep, parser->rules, value, place,
				   parser->error);

	return err ? err : check_event(parser, value);
}

static int take_refused(struct rules_parser *parser, struct span value)
{
	struct template_place place = place_of(parser);

	place.has_error = true;
	return take_event(parser, value, &place, &parser->rule->refused);
}

static int refuse_second(const struct rules_parser *parser, const char *key)
{
	return config_refuse(parser->error,
			     "a second %s in one step; another step begins "
			     "with to or else",
			     key);
}

static int take_emit(struct rules_parser *parser, struct span value)
{
	struct template_place place = place_of(parser);
	struct rules_step *step = last_step(parser);

	if (step->emit)
		return refuse_second(parser, "emit");
	return take_event(parser, value, &place, &step->emit);
}

/* The envelope kinds that carry a payload of ours. */
static int read_kind(struct span word, enum envelope_kind *kind)
{
	static const struct {
		struct span name;
		enum envelope_kind kind;
	} kinds[] = {
		{SPAN_INIT("offer"), ENVELOPE_OFFER},
		{SPAN_INIT("answer"), ENVELOPE_ANSWER},
		{SPAN_INIT("candidate"), ENVELOPE_CANDIDATE},
		{SPAN_INIT("signal"), ENVELOPE_SIGNAL},
		{SPAN_INIT("broadcast"), ENVELOPE_BROADCAST},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (span_equal(word, kinds[i].name)) {
			*kind = kinds[i].kind;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_native(struct rules_parser *parser, struct span value)
{
	struct template_place place = place_of(parser);
	struct rules_step *step = last_step(parser);
	struct span rest = value;
	int err;

	if (step->payload)
		return refuse_second(parser, "native");
	if (read_kind(cut_word(&rest), &step->kind) || !rest.len)
		return refuse_value(parser, "native", value,
				    "offer, answer, candidate, signal or "
				    "broadcast, and the payload: offer $2");
	err = template_compile(&step->payload, parser->rules, rest, &place,
			       parser->error);
	if (!err)
		step->payload_var = template_only_var(step->payload);
	return err;
}

static bool has_peer_step(const struct rules_parser *parser)
{
	for (size_t i = 0; i < parser->steps_count; i++) {
		if (parser->steps[i].whom == WHOM_PEER)
			return true;
	}
	return false;
}

static int take_relay(struct rules_parser *parser)
{
	if (!has_peer_step(parser))
		return config_refuse(parser->error,
				     "ack = relay asks one receiver, and no "
				     "step goes to one; write to = $1, or the "
				     "answer itself: [$error]");
	parser->rule->ack = ACK_RELAY;
	return 0;
}

static int take_ack(struct rules_parser *parser, struct span value)
{
	struct template_place place = place_of(parser);
	struct rules_rule *rule = parser->rule;

	if (span_equal(value, SPAN("relay")))
		return take_relay(parser);
	place.has_error = true;
	if (!value.len || value.ptr[0] != '[')
		return refuse_value(parser, "ack", value,
				    "relay, or an array: [$error]");
	rule->ack = ACK_TEMPLATE;
	return template_compile(&rule->ack_template, parser->rules, value,
				&place, parser->error);
}

enum {
	KEY_JOINS = 1 << 0,   /* means nothing without join */
	KEY_STEPS = 1 << 1,   /* belongs to a step */
	KEY_REPEATS = 1 << 2, /* may come again */
	KEY_STAYS = 1 << 3,   /* not where somebody has left */
	KEY_ASKED = 1 << 4,   /* only where an event came */
};

static const struct key {
	const char *name;
	enum rules_rank rank;
	unsigned flags;
	int (*take)(struct rules_parser *parser, struct span value);
} keys[] = {
	{"join", RANK_ENTRY, KEY_STAYS, take_join},
	{"leave", RANK_ENTRY, KEY_STAYS | KEY_ASKED, take_leave},
	{"room", RANK_ENTRY, KEY_JOINS, take_room},
	{"name", RANK_ENTRY, KEY_JOINS, take_name},
	{"most", RANK_ENTRY, KEY_JOINS, take_most},
	{"refused", RANK_ENTRY, KEY_JOINS | KEY_ASKED, take_refused},
	{"when", RANK_STEPS, KEY_REPEATS | KEY_STAYS, take_when},
	{"to", RANK_STEPS, KEY_REPEATS, take_to},
	{"else", RANK_STEPS, KEY_REPEATS | KEY_STEPS | KEY_STAYS, take_else},
	{"emit", RANK_STEPS, KEY_REPEATS | KEY_STEPS, take_emit},
	{"native", RANK_STEPS, KEY_REPEATS | KEY_STEPS | KEY_STAYS,
	 take_native},
	{"ack", RANK_ACK, KEY_STAYS | KEY_ASKED, take_ack},
};

#define KEYS_COUNT (sizeof(keys) / sizeof(*keys))

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < KEYS_COUNT; i++) {
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	}
	return NULL;
}

static int refuse_key(const struct rules_parser *parser, const char *name)
{
	return config_refuse(parser->error,
			     "unknown key %.40s; there are join, leave, room, "
			     "name, most, refused, when, to, else, emit, "
			     "native, ack",
			     name);
}

/* Whether the section may have such a key at all. */
static int check_section(const struct rules_parser *parser,
			 const struct key *key)
{
	if (is_disconnect(parser) && key->flags & KEY_STAYS)
		return config_refuse(parser->error,
				     "%s means nothing in [disconnect], which "
				     "only tells the others: to and emit",
				     key->name);
	if (is_connect(parser) && key->flags & KEY_ASKED)
		return config_refuse(parser->error,
				     "%s means nothing in [connect]: no event "
				     "came, and who may not enter gets a "
				     "connect_error",
				     key->name);
	return 0;
}

static int check_order(const struct rules_parser *parser, const struct key *key)
{
	static const char *const order[] = {
		[RANK_ENTRY] = "before the first when or to",
		[RANK_STEPS] = "before ack",
	};

	if (key->rank < parser->rank)
		return config_refuse(parser->error, "%s belongs %s", key->name,
				     order[key->rank]);
	if (key->flags & KEY_JOINS && !parser->rule->joins)
		return config_refuse(parser->error,
				     "%s means nothing without join before it",
				     key->name);
	if (key->flags & KEY_STEPS && !parser->steps_count)
		return config_refuse(parser->error,
				     "%s stands before any to, which says whom "
				     "it is for",
				     key->name);
	if (!(key->flags & KEY_REPEATS) &&
	    parser->seen & 1U << (unsigned)(key - keys))
		return config_refuse(parser->error, "%s is given twice",
				     key->name);
	return 0;
}

int rules_take_key(struct rules_parser *parser, const char *name,
		   struct span value)
{
	const struct key *key = find_key(name);
	int err;

	if (!key)
		return refuse_key(parser, name);
	err = check_section(parser, key);
	if (!err)
		err = check_order(parser, key);
	if (err)
		return err;
	parser->rank = key->rank;
	parser->seen |= 1U << (unsigned)(key - keys);
	return key->take(parser, value);
}
