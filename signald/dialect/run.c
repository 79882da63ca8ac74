/* run.c: one event carried out as its rule says. */
#include <errno.h>

#include "base/log.h"
#include "codec/json.h"
#include "dialect/name.h"
#include "dialect/visitor.h"
#include "hub/room.h"
#include "policy/metric.h"

struct run {
	struct visitor *visitor;
	const struct rules_rule *rule;
	const struct sio_message *message; /* NULL for [connect] */
	struct rules_scope scope;
	struct owed
		*owed;	  /* its acknowledgement, once somebody is waited for */
	bool has_entered; /* a room, or a role in it */
	bool is_asked;	  /* its question was passed on */
};

static struct events *events_of(const struct run *run)
{
	return run->visitor->space->events;
}

static struct span home_of(const struct visitor *visitor)
{
	return span_of(visitor->home, visitor->home_len);
}

static bool write_other(const struct peer *peer, void *arg)
{
	struct buf *out = arg;

	/* As good as gone: nobody would be told when it has. */
	if (peer->is_leaving || peer->is_absent)
		return true;
	if (out->len && out->ptr[out->len - 1] == '"')
		buf_append_str(out, ",");
	buf_append_json(out, span_from(peer->id));
	return true;
}

static void write_others(struct buf *out, void *arg)
{
	const struct visitor *visitor = arg;

	(void)hub_list(visitor->peer, 0, write_other, out);
}

/* What variables stand for; again when the peer has changed. */
static void set_scope(struct run *run)
{
	struct visitor *visitor = run->visitor;
	struct rules_scope *scope = &run->scope;
	const struct sio_packet *packet =
		run->message ? run->message->packet : NULL;

	scope->from = span_from(sio_socket_id(visitor->socket));
	scope->room = home_of(visitor);
	scope->arg = visitor;
	scope->name = (struct span){NULL, 0};
	scope->write_others = NULL;
	if (visitor->peer) {
		scope->name = visitor->peer->name;
		scope->room = hub_room_name(visitor->peer->room);
		scope->write_others = write_others;
	}
	if (packet) {
		scope->event = packet->name;
		scope->args = packet->args;
		scope->args_count = packet->args_count < SIO_MAX_SLICED
					    ? packet->args_count
					    : SIO_MAX_SLICED;
		scope->rest = sio_args_from(packet, 0);
	}
}

/* Made of a template, in `into`. Returns 0 or -ENOMEM. */
static int render(const struct run *run, const struct rules_template *template,
		  struct span parts[RULES_MAX_PARTS], struct buf *into,
		  struct sio_content *content)
{
	int count = rules_render(template, &run->scope, parts, into);

	if (count < 0)
		return count;
	*content = (struct sio_content){
		.parts = parts,
		.parts_count = (size_t)count,
	};
	if (run->message && run->message->packet->attachments) {
		content->attachments = run->message->attachments;
		content->attachments_count = run->message->packet->attachments;
	}
	return 0;
}

/* --- who enters and leaves --- */

static const char *join_error(int err)
{
	switch (err) {
	case -EEXIST:
		return "role-taken";
	case -ENOSPC:
		return "room-full";
	case -ENFILE:
		return "too-many-rooms";
	case -EUSERS:
		return "too-many-watchers";
	case -EPERM:
		return "not-allowed";
	case -ENOENT:
		return "no-room";
	case -EDQUOT:
		return "rate-limited";
	case -EINVAL:
		return "bad-room";
	default:
		return "internal";
	}
}

void visitor_part(struct visitor *visitor, enum hub_leave_reason reason)
{
	if (!visitor->peer)
		return;
	hub_leave(visitor->space->events->hub, visitor->peer, reason);
	visitor->peer = NULL;
	early_free(visitor); /* the next room begins anew */
}

/* The room a rule names, or the one the visitor is in, or its own. */
static int read_room(const struct run *run, char room[NAME_MAX_BYTES + 1],
		     size_t *len)
{
	const struct visitor *visitor = run->visitor;
	struct span known = visitor->peer ? hub_room_name(visitor->peer->room)
					  : home_of(visitor);

	if (run->rule->has_room)
		return name_decode(rules_resolve(&run->rule->room, &run->scope),
				   room, len) ||
				       !*len
			       ? -EINVAL
			       : 0;
	*len = known.len;
	return span_copy(known, room, NAME_MAX_BYTES + 1);
}

/* What of a visitor's claims is for its peer. */
static void apply_claims(const struct visitor *visitor, struct hub_join *join)
{
	const struct claims *claims = visitor->claims;
	const struct config *config = visitor->space->events->loop->config;

	join->lacks = visitor->lacks;
	join->makes_no_rooms =
		!claims && !strcmp(config->rooms.creation, "token");
	if (!claims)
		return;
	join->max_ttl_s = claims->ttl_s;
	if (*claims->subject)
		join->user = span_from(claims->subject);
	if (claims->metadata)
		join->metadata = span_from(claims->metadata);
}

/* A rule can name any room and role; claims may be for one. */
static bool claims_allow(const struct claims *claims, struct span room,
			 enum hub_role role)
{
	return !claims ||
	       (claims_has_room(claims, room) &&
		(!*claims->role || !strcmp(claims->role, hub_role_name(role))));
}

/* Of joins, those that an event asks for: who comes in with its namespace was
 * counted there. Returns 0 or -EDQUOT. */
static int take_limits(const struct run *run, const struct hub_join *join)
{
	const struct sio_socket *socket = run->visitor->socket;
	struct limits *limits = sio_socket_limits(socket);
	struct span network = sio_socket_network(socket);

	if (run->message && limit_take(limits, LIMIT_JOINS, network))
		return -EDQUOT;
	if (!hub_has_room(events_of(run)->hub, join->room) &&
	    limit_take(limits, LIMIT_ROOMS, network))
		return -EDQUOT;
	return limit_take(limits, LIMIT_USER, join->user) ? -EDQUOT : 0;
}

static int join_room(struct run *run, struct span room, struct span name)
{
	struct visitor *visitor = run->visitor;
	const struct rules_rule *rule = run->rule;
	struct hub_join join = {
		.room = room,
		.id = sio_socket_id(visitor->socket),
		.role = rule->role,
		.replaces = rule->replaces,
		.most = rule->most,
		.name = name,
		.inst = sio_socket_inst(visitor->socket),
		.ops = &visitor->space->ops,
		.arg = visitor,
	};
	char client[NET_ADDR_CAP];
	int err;

	if (!claims_allow(visitor->claims, room, rule->role))
		return -EPERM;
	apply_claims(visitor, &join);
	if (visitor->peer &&
	    !span_equal(hub_room_name(visitor->peer->room), room)) {
		err = hub_may_join(events_of(run)->hub, &join);
		if (err)
			return err;
	}
	err = take_limits(run, &join);
	if (err)
		return err;
	visitor_part(visitor, LEAVE_LEFT);
	err = hub_join(events_of(run)->hub, &join, &visitor->peer);
	if (err)
		return err;
	sio_socket_address(visitor->socket, client);
	log_info("peer.join", log_span("room", room),
		 log_str("id", visitor->peer->id),
		 log_str("role", hub_role_name(rule->role)),
		 log_str("client", client),
		 log_str("namespace", visitor->space->name));
	run->has_entered = true;
	return 0;
}

/* What the rule calls it, or what it is called already; {NULL, 0} for neither.
 */
static struct span read_name(const struct run *run,
			     char name[NAME_MAX_BYTES + 1])
{
	const struct peer *peer = run->visitor->peer;
	size_t len;

	if (run->rule->has_name &&
	    !name_decode(rules_resolve(&run->rule->name, &run->scope), name,
			 &len))
		return span_of(name, len);
	if (!peer || !peer->name.ptr ||
	    span_copy(peer->name, name, NAME_MAX_BYTES + 1))
		return (struct span){NULL, 0};
	return span_of(name, peer->name.len);
}

/* In this room, and under this name where one is given. */
static bool is_already(const struct visitor *visitor, struct span room,
		       struct span name)
{
	return visitor->peer &&
	       span_equal(hub_room_name(visitor->peer->room), room) &&
	       (!name.ptr || span_equal(visitor->peer->name, name));
}

static int enter(struct run *run)
{
	struct visitor *visitor = run->visitor;
	const struct rules_rule *rule = run->rule;
	char room[NAME_MAX_BYTES + 1], name[NAME_MAX_BYTES + 1];
	struct span name_span;
	size_t room_len;

	if (read_room(run, room, &room_len))
		return -EINVAL;
	name_span = read_name(run, name);
	if (!is_already(visitor, span_of(room, room_len), name_span))
		return join_room(run, span_of(room, room_len), name_span);
	if (!claims_allow(visitor->claims, span_of(room, room_len), rule->role))
		return -EPERM;
	run->has_entered = visitor->peer->role != rule->role;
	return hub_set_role(events_of(run)->hub, visitor->peer, rule->role,
			    rule->replaces);
}

/* --- steps --- */

static bool is_time(const struct run *run, enum rules_when when)
{
	const struct peer *peer = run->visitor->peer;
	bool is_alone = !peer || room_present_count(peer->room) == 1;

	return when == WHEN_ALWAYS || (when == WHEN_ALONE) == is_alone;
}

/* A variable's string; decoded into space where it must be. */
static int resolve_string(const struct run *run, const struct rules_var *var,
			  char *space, size_t cap, struct span *string)
{
	return json_read_string(rules_resolve(var, &run->scope), space, cap,
				string);
}

static bool is_in_room(const struct run *run, const struct rules_var *var)
{
	char room[NAME_MAX_BYTES + 1];
	struct span named;

	return run->visitor->peer &&
	       !resolve_string(run, var, room, sizeof(room), &named) &&
	       span_equal(named, hub_room_name(run->visitor->peer->room));
}

/* The step means somebody, whether they can be reached or not. */
static bool has_target(const struct run *run, const struct rules_step *step)
{
	if (!is_time(run, step->when))
		return false;
	if (step->has_in && !is_in_room(run, &step->in))
		return false;
	return step->whom != WHOM_PEER ||
	       json_type_of(rules_resolve(&step->peer, &run->scope)) ==
		       JSON_TYPE_STRING;
}

static void fail(struct run *run, const char *code)
{
	if (run->scope.error)
		return;
	metric_add(METRIC_REFUSED_MESSAGES, 1);
	run->scope.error = code;
	log_debug("event.refused", log_span("id", run->scope.from),
		  log_span("event", run->rule->event), log_str("code", code));
}

/* The event's acknowledgement is to say that this message has come. */
static void await_delivery(struct run *run, struct envelope *envelope)
{
	if (run->rule->ack != ACK_TEMPLATE || !run->message ||
	    !run->message->packet->has_id)
		return;
	if (!run->owed)
		run->owed = owed_new(run->visitor, run->message->packet->id);
	if (run->owed)
		envelope->receipt.waiter = owed_await(run->owed);
}

static const char *send_error(int err)
{
	switch (err) {
	case -EAGAIN:
		return "peer-pending";
	case -ENOBUFS:
		return "queue-full";
	case -EACCES:
		return "muted";
	case -EPERM:
		return "not-allowed";
	case -EHOSTUNREACH:
		return "not-addressable";
	default:
		return "unknown-peer";
	}
}

static void send_to_peer(struct run *run, const struct rules_step *step,
			 struct envelope *envelope)
{
	char id[HUB_MAX_ID + 1];
	struct span to;
	int err;

	if (resolve_string(run, &step->peer, id, sizeof(id), &to) ||
	    to.len > HUB_MAX_ID) {
		fail(run, "unknown-peer");
		return;
	}
	await_delivery(run, envelope);
	err = hub_send(events_of(run)->hub, run->visitor->peer, to, envelope);
	if (!err)
		return;
	if (envelope->receipt.waiter)
		owed_take_back(run->owed);
	fail(run, send_error(err));
}

/* To the sender itself; a step may be for other dialects alone. */
static void send_to_self(const struct run *run,
			 const struct sio_content *content)
{
	if (content->parts_count)
		(void)sio_emit(run->visitor->socket, content);
}

static void send_to(struct run *run, const struct rules_step *step,
		    struct envelope *envelope)
{
	struct visitor *visitor = run->visitor;
	const struct sio_content *content = &envelope->event->content;
	int err = 0;

	switch (step->whom) {
	case WHOM_ALL:
		err = hub_broadcast(visitor->peer, envelope);
		if (!err)
			send_to_self(run, content);
		break;
	case WHOM_OTHERS:
		err = hub_broadcast(visitor->peer, envelope);
		break;
	case WHOM_BROADCASTER:
		err = hub_send_role(visitor->peer, ROLE_BROADCASTER, envelope);
		break;
	case WHOM_WATCHERS:
		err = hub_send_role(visitor->peer, ROLE_WATCHER, envelope);
		break;
	case WHOM_PEER:
		send_to_peer(run, step, envelope);
		break;
	default:
		send_to_self(run, content);
	}
	if (err)
		fail(run, send_error(err));
}

/* What docs/protocol.md promises the receiver of such a message. */
static bool fits(enum envelope_kind kind, struct span payload)
{
	enum json_type type = json_type_of(payload);

	switch (kind) {
	case ENVELOPE_OFFER:
	case ENVELOPE_ANSWER:
		return type == JSON_TYPE_OBJECT;
	case ENVELOPE_CANDIDATE:
		return type == JSON_TYPE_OBJECT || type == JSON_TYPE_NULL;
	default:
		return true;
	}
}

/* A payload that is more than one variable, put together; {NULL, 0} when memory
 * ran out. */
static struct span compose_payload(const struct run *run,
				   const struct rules_template *template)
{
	struct buf *payload = &events_of(run)->payload;
	struct span parts[RULES_MAX_PARTS];
	struct buf text = {0};
	int count = rules_render(template, &run->scope, parts, &text);

	payload->len = 0;
	for (int i = 0; i < count; i++)
		buf_append_span(payload, parts[i]);
	buf_clear(&text);
	if (count > 0 && !payload->failed)
		return buf_span(payload);
	buf_clear(payload);
	return (struct span){NULL, 0};
}

/* What peers of other dialects hear of a step: a payload, or nothing. */
static void set_payload(const struct run *run, const struct rules_step *step,
			struct envelope *envelope)
{
	struct span payload;

	/* Bytes that stand beside the JSON mean nothing to others. */
	if (!step->payload || envelope->event->content.attachments_count)
		return;
	payload = step->payload_var
			  ? rules_resolve(step->payload_var, &run->scope)
			  : compose_payload(run, step->payload);
	if (!payload.ptr || !fits(step->kind, payload))
		return;
	envelope->kind = step->kind;
	envelope->payload = payload;
}

static size_t content_bytes(const struct sio_content *content)
{
	size_t bytes = 0;

	for (size_t i = 0; i < content->parts_count; i++)
		bytes += content->parts[i].len;
	for (unsigned i = 0; i < content->attachments_count; i++)
		bytes += content->attachments[i].len;
	return bytes;
}

static void take_step(struct run *run, const struct rules_step *step)
{
	const struct sio_packet *packet =
		run->message ? run->message->packet : NULL;
	struct span parts[RULES_MAX_PARTS];
	struct events_message said = {
		.rules = run->visitor->space->rules,
		.is_asked = &run->is_asked,
		.is_description =
			step->payload && (step->kind == ENVELOPE_OFFER ||
					  step->kind == ENVELOPE_ANSWER),
	};
	struct envelope envelope = {.kind = ENVELOPE_EVENT, .event = &said};

	if (!run->visitor->peer && step->whom != WHOM_SELF) {
		fail(run, "not-joined");
		return;
	}
	if (step->emit && render(run, step->emit, parts, &events_of(run)->said,
				 &said.content)) {
		fail(run, "internal");
		return;
	}
	if (run->rule->ack == ACK_RELAY && packet && packet->has_id &&
	    step->whom == WHOM_PEER) {
		said.asker = run->visitor;
		said.asker_id = packet->id;
	}
	set_payload(run, step, &envelope);
	if (envelope.kind == ENVELOPE_EVENT)
		envelope.event_bytes = content_bytes(&said.content);
	if (step->whom != WHOM_SELF &&
	    hub_muted_s(run->visitor->peer, envelope.kind)) {
		fail(run, "muted");
		return;
	}
	send_to(run, step, &envelope);
}

static void take_steps(struct run *run)
{
	bool was_taken = false;

	for (size_t i = 0; i < run->rule->steps_count; i++) {
		const struct rules_step *step = &run->rule->steps[i];

		if (step->is_else && was_taken)
			continue;
		was_taken = has_target(run, step);
		if (was_taken)
			take_step(run, step);
	}
}

/* --- acknowledgements --- */

static void answer(struct run *run, const struct sio_content *content)
{
	(void)sio_answer(run->visitor->socket, run->message->packet->id,
			 content);
}

/* The receiver was to answer, and there is none who could. */
static void answer_instead(struct run *run)
{
	const struct span nothing = SPAN("[]");
	const struct span error[] = {
		SPAN("[{\"error\":\""),
		span_from(run->scope.error ? run->scope.error : ""),
		SPAN("\"}]"),
	};

	if (run->scope.error)
		answer(run,
		       &(struct sio_content){.parts = error, .parts_count = 3});
	else
		answer(run, &(struct sio_content){.parts = &nothing,
						  .parts_count = 1});
}

static void acknowledge(struct run *run)
{
	struct span parts[RULES_MAX_PARTS];
	struct sio_content content = {0};

	if (!run->message || !run->message->packet->has_id)
		return;
	if (run->rule->ack == ACK_RELAY && !run->is_asked)
		answer_instead(run);
	if (run->rule->ack != ACK_TEMPLATE)
		return;
	if (render(run, run->rule->ack_template, parts, &events_of(run)->said,
		   &content))
		content.parts_count = 0; /* out of memory: no answer */
	content.attachments_count = 0;
	if (run->owed)
		owed_promise(run->owed, &content);
	else if (content.parts_count)
		answer(run, &content);
}

/* --- events --- */

static void refuse(struct run *run, int err)
{
	struct span parts[RULES_MAX_PARTS];
	struct sio_content content;

	fail(run, join_error(err));
	if (run->rule->refused && !render(run, run->rule->refused, parts,
					  &events_of(run)->said, &content))
		(void)sio_emit(run->visitor->socket, &content);
}

/* Returns 0, or why the visitor may not enter. */
static int change_room(struct run *run)
{
	int err = 0;

	if (run->rule->joins)
		err = enter(run);
	else if (run->rule->leaves)
		visitor_part(run->visitor, LEAVE_LEFT);
	else
		return 0;
	set_scope(run);
	return err;
}

/* The steps; and to a newcomer those who cannot tell of themselves. */
static void tell(struct run *run)
{
	take_steps(run);
	if (run->has_entered && run->visitor->peer)
		visitor_greet(run->visitor);
}

void visitor_run(struct visitor *visitor, const struct rules_rule *rule,
		 const struct sio_message *message)
{
	struct run run = {
		.visitor = visitor,
		.rule = rule,
		.message = message,
	};
	int err;

	set_scope(&run);
	err = change_room(&run);
	if (err)
		refuse(&run, err);
	else
		tell(&run);
	acknowledge(&run);
}

const char *visitor_let_in(struct visitor *visitor)
{
	struct run run = {
		.visitor = visitor,
		.rule = rules_on_connect(visitor->space->rules),
	};
	int err = 0;

	if (run.rule) {
		set_scope(&run);
		err = change_room(&run);
	}
	return err ? join_error(err) : NULL;
}

void visitor_arrive(struct visitor *visitor)
{
	struct run run = {
		.visitor = visitor,
		.rule = rules_on_connect(visitor->space->rules),
		.has_entered = visitor->peer,
	};

	if (!run.rule)
		return;
	set_scope(&run);
	tell(&run);
}
