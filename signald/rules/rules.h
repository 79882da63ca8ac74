/* rules.h: what an application's Socket.IO events mean, as data. */
#ifndef SIGNALD_RULES_RULES_H
#define SIGNALD_RULES_RULES_H

#include "base/buf.h"
#include "hub/peer.h"
#include "policy/config.h"

/* docs/events.md has the form of a rules file. */
struct ruleset;

/* A variable: $from, $name, $room, $event, $others, $error, $1, $1.field,
 * $2..., $1+from */
enum rules_var_kind {
	VAR_FROM,   /* the sender's id */
	VAR_NAME,   /* what it is called in its room, null without a name */
	VAR_ROOM,   /* the sender's room */
	VAR_EVENT,  /* the event's name */
	VAR_OTHERS, /* array of the ids of the others in the room */
	VAR_ERROR,  /* why it failed, null when it did not */
	VAR_ARG,    /* $1 */
	VAR_FIELD,  /* $1.field */
	VAR_REST,   /* $2...: this argument and all behind it */
	VAR_SIGNED, /* $1+from: an object with a member "from" put in */
};

struct rules_var {
	enum rules_var_kind kind;
	unsigned arg; /* from 0 */
	struct span field;
};

/* JSON with variables in it; the pieces in order. */
struct rules_template;

/* What variables stand for while one event is carried out. */
struct rules_scope {
	struct span event;	 /* raw JSON string; read under [*] alone */
	const struct span *args; /* raw JSON, args_count of them */
	size_t args_count;
	/* The text that args are slices of, from the first argument to the
	 * last, also those not in args. */
	struct span rest;
	struct span from;  /* a peer's id */
	struct span name;  /* decoded, {NULL, 0} without one */
	struct span room;  /* decoded */
	const char *error; /* "unknown-peer"; NULL without one */
	/* Appends "id","id"; NULL: nobody else is there. */
	void (*write_others)(struct buf *out, void *arg);
	void *arg;
	/* A variable that stands for this raw JSON, whatever args say: how the
	 * message of another dialect is put in an event's place. */
	const struct rules_var *bound;
	struct span bound_value;
};

/* Pieces that one rendered template can have. */
#define RULES_MAX_PARTS 24

/*
 * Render into parts: literals, arguments as they came, and what had to be
 * written, which lies in scratch (emptied first). All live as long as template,
 * scope and scratch.
 *
 * Returns the number of parts, -ENOMEM. A variable with no value renders as
 * null; $N... without arguments as nothing, with the comma before it.
 */
int rules_render(const struct rules_template *template,
		 const struct rules_scope *scope,
		 struct span parts[RULES_MAX_PARTS], struct buf *scratch);

/* The raw JSON a variable that names an argument or its field stands for;
 * {NULL, 0} when there is none. */
struct span rules_resolve(const struct rules_var *var,
			  const struct rules_scope *scope);

enum rules_whom {
	WHOM_SELF,
	WHOM_OTHERS, /* in the room, as far as they see the sender */
	WHOM_ALL,    /* those and the sender */
	WHOM_BROADCASTER,
	WHOM_WATCHERS,
	WHOM_PEER, /* whose id the variable `peer` holds */
};

enum rules_when {
	WHEN_ALWAYS,
	WHEN_ALONE,  /* nobody else is in the sender's room */
	WHEN_OTHERS, /* somebody is */
};

/* One delivery. */
struct rules_step {
	enum rules_when when;
	enum rules_whom whom;
	struct rules_var peer; /* WHOM_PEER */
	bool is_else;	       /* only when the step before meant nobody */
	bool has_in;	       /* only when `in` holds the sender's room */
	struct rules_var in;
	const struct rules_template *emit;
	/* What peers of other dialects hear; payload NULL: nothing. */
	enum envelope_kind kind; /* ENVELOPE_OFFER to ENVELOPE_BROADCAST */
	const struct rules_template *payload;
	const struct rules_var *payload_var; /* payload is just this one */
};

enum rules_ack { ACK_NONE, ACK_TEMPLATE, ACK_RELAY };

/* What one event does, in this order: join or leave, steps, ack. */
struct rules_rule {
	struct span event; /* decoded; "*" for any other */
	bool joins;
	enum hub_role role;
	bool replaces; /* an earlier broadcaster of the same rules */
	bool leaves;
	bool has_room; /* else the room of ?room= or auth, or "default" */
	struct rules_var room;
	bool has_name;
	struct rules_var name;
	unsigned most; /* peers in the room, 0: as configured */
	const struct rules_template *refused; /* to the sender; NULL: nothing */
	enum rules_ack ack;
	const struct rules_template
		*ack_template; /* $error is null on success */
	size_t steps_count;
	const struct rules_step *steps;
};

/*
 * Compile a rules file.
 *
 * text    the file's content
 * source  its name, for errors
 *
 * Returns 0, -EINVAL with *error set (source, line, what was wrong, what would
 * be right), -ENOMEM.
 */
int rules_parse(struct ruleset **rulesp, struct span text, const char *source,
		struct config_error *error);

#define RULES_MAX_FILE_BYTES 65536

/* The same for a preset's name, or a path (with a "/" in it) to a file of at
 * most RULES_MAX_FILE_BYTES. */
int rules_load(struct ruleset **rulesp, const char *name,
	       struct config_error *error);

/* Takes NULL. */
void rules_free(struct ruleset *rules);

/* The rule for an event, or that for "*", or NULL. */
const struct rules_rule *rules_find(const struct ruleset *rules,
				    struct span event);

/* The rules [connect] and [disconnect], NULL without them. */
const struct rules_rule *rules_on_connect(const struct ruleset *rules);
const struct rules_rule *rules_on_disconnect(const struct ruleset *rules);

/* The first rule that joins with this role and has a step that tells of it to
 * the room: how the coming of another dialect's peer is told, by those of its
 * steps that rules_tells_joining(). NULL without one. */
const struct rules_rule *rules_joining(const struct ruleset *rules,
				       enum hub_role role);

/* Goes to others, all or the broadcaster, and is made without an event: no
 * arguments and no unknown $event in it. */
bool rules_tells_joining(const struct rules_step *step);

/* The first step whose payload is one variable and of this kind: how another
 * dialect's message is told, with that variable bound and without scope.event.
 * NULL without one. */
const struct rules_step *rules_hearing(const struct ruleset *rules,
				       enum envelope_kind kind);

/* The first step of [*] that says the event's name and its second argument: how
 * a message is told that no step is for, as an event named after its kind, with
 * "$2" bound. NULL without one. */
const struct rules_step *rules_hearing_any(const struct ruleset *rules);

/* A preset's text, NULL for an unknown name; and the names, NULL at the end. */
const char *rules_preset(const char *name);
const char *rules_preset_name(size_t index);

#endif
