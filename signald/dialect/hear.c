/* hear.c: what a Socket.IO peer hears of the others in its room. */
#include <errno.h>

#include "codec/json.h"
#include "dialect/visitor.h"
#include "hub/room.h"

/* The event that stands for a message of another dialect, by its kind. */
static const struct span kind_names[] = {
	[ENVELOPE_OFFER] = SPAN_INIT("\"offer\""),
	[ENVELOPE_ANSWER] = SPAN_INIT("\"answer\""),
	[ENVELOPE_CANDIDATE] = SPAN_INIT("\"candidate\""),
	[ENVELOPE_SIGNAL] = SPAN_INIT("\"signal\""),
	[ENVELOPE_BROADCAST] = SPAN_INIT("\"broadcast\""),
};

bool visitor_is_kin(const struct visitor *visitor, const struct peer *peer)
{
	return peer->ops == &visitor->space->ops;
}

static struct rules_scope scope_of(const struct peer *about)
{
	return (struct rules_scope){
		.from = span_from(about->id),
		.name = about->name,
		.room = hub_room_name(about->room),
	};
}

/* receipt: who waits to hear that it has come, NULL for nobody. */
static int emit(struct visitor *visitor, const struct rules_template *template,
		const struct rules_scope *scope)
{
	struct span parts[RULES_MAX_PARTS];
	int count = rules_render(template, scope, parts,
				 &visitor->space->events->heard);

	if (count < 0)
		return count;
	return sio_emit(visitor->socket, &(struct sio_content){
						 .parts = parts,
						 .parts_count = (size_t)count,
					 });
}

static bool is_kin_event(const struct visitor *visitor,
			 const struct envelope *envelope)
{
	return envelope->event &&
	       envelope->event->rules == visitor->space->rules;
}

/* Nothing is remembered of one whose leaving the visitor does not hear of. */
static bool sees_sender(const struct visitor *visitor,
			const struct envelope *envelope)
{
	return room_sees(visitor->peer->role, envelope->from->role);
}

static bool is_description(const struct visitor *visitor,
			   const struct envelope *envelope)
{
	bool is_one = envelope->kind == ENVELOPE_OFFER ||
		      envelope->kind == ENVELOPE_ANSWER ||
		      (envelope->event && envelope->event->is_description);

	return is_one && sees_sender(visitor, envelope);
}

/* Every description is known for one: under [*] pages have words of their own
 * for them. */
static bool knows_descriptions(const struct visitor *visitor,
			       const struct envelope *envelope)
{
	const struct ruleset *rules = visitor->space->rules;

	if (is_kin_event(visitor, envelope) && rules_find(rules, SPAN("*")))
		return false;
	return rules_hearing(rules, ENVELOPE_OFFER) &&
	       rules_hearing(rules, ENVELOPE_ANSWER);
}

/* A candidate whose description has not passed. */
static bool is_early(const struct visitor *visitor,
		     const struct envelope *envelope)
{
	return envelope->kind == ENVELOPE_CANDIDATE && !envelope->is_for_many &&
	       sees_sender(visitor, envelope) &&
	       !early_is_described(visitor, span_from(envelope->from->id)) &&
	       knows_descriptions(visitor, envelope);
}

/* What a peer says goes to the page: candidates behind their description, and
 * behind them what is acknowledged with them. */
static int pass_on(struct visitor *visitor, const struct envelope *envelope,
		   struct sio_content content)
{
	struct span from = span_from(envelope->from->id);

	content.receipt = &envelope->receipt;
	if (is_description(visitor, envelope))
		return early_describe(visitor, from, &content);
	if (!content.attachments_count &&
	    (is_early(visitor, envelope) ||
	     (envelope->receipt.pair && early_is_waiting(visitor, from))))
		return early_hold(visitor, envelope, &content);
	return sio_emit(visitor->socket, &content);
}

/* The room's others are told of somebody: is this visitor among those meant? */
static bool is_meant(const struct visitor *visitor,
		     const struct rules_step *step)
{
	switch (step->whom) {
	case WHOM_OTHERS:
	case WHOM_ALL:
		return true;
	case WHOM_BROADCASTER:
		return visitor->peer->role == ROLE_BROADCASTER;
	case WHOM_WATCHERS:
		return visitor->peer->role == ROLE_WATCHER;
	default:
		return false;
	}
}

static void tell_joined(struct visitor *visitor, const struct peer *about)
{
	const struct rules_rule *rule =
		rules_joining(visitor->space->rules, about->role);
	struct rules_scope scope = scope_of(about);

	for (size_t i = 0; rule && i < rule->steps_count; i++)
		if (rules_tells_joining(&rule->steps[i]) &&
		    is_meant(visitor, &rule->steps[i]))
			(void)emit(visitor, rule->steps[i].emit, &scope);
}

static void tell_left(struct visitor *visitor, const struct peer *about)
{
	const struct rules_rule *rule =
		rules_on_disconnect(visitor->space->rules);
	struct rules_scope scope = scope_of(about);

	for (size_t i = 0; rule && i < rule->steps_count; i++)
		if (rule->steps[i].emit && is_meant(visitor, &rule->steps[i]))
			(void)emit(visitor, rule->steps[i].emit, &scope);
}

static bool greet_one(const struct peer *peer, void *arg)
{
	struct visitor *visitor = arg;

	if (!peer->is_leaving && !peer->is_absent &&
	    !visitor_is_kin(visitor, peer))
		tell_joined(visitor, peer);
	return true;
}

void visitor_greet(struct visitor *visitor)
{
	(void)hub_list(visitor->peer, 0, greet_one, visitor);
}

/* null is taken and not passed on: pages of such applications never send it,
 * and addIceCandidate() of theirs would throw. */
static bool is_end_of_candidates(const struct envelope *envelope)
{
	return envelope->kind == ENVELOPE_CANDIDATE &&
	       json_type_of(envelope->payload) == JSON_TYPE_NULL;
}

/* It has come when all has that was sent before it. */
static int end_candidates(struct visitor *visitor,
			  const struct envelope *envelope)
{
	if (early_is_waiting(visitor, span_from(envelope->from->id)))
		return early_hold(visitor, envelope, &(struct sio_content){0});
	return sio_await(visitor->socket, &envelope->receipt);
}

/* As the event that carries such a payload; or as any event of that name. */
static int hear_other_dialect(struct visitor *visitor,
			      const struct envelope *envelope)
{
	static const struct rules_var second = {.kind = VAR_ARG, .arg = 1};
	const struct ruleset *rules = visitor->space->rules;
	const struct rules_step *step = rules_hearing(rules, envelope->kind);
	struct rules_scope scope = scope_of(envelope->from);
	struct span parts[RULES_MAX_PARTS];
	int count;

	if (!envelope->payload.ptr)
		return -EPIPE;
	if (is_end_of_candidates(envelope))
		return end_candidates(visitor, envelope);
	scope.bound = step ? step->payload_var : &second;
	scope.bound_value = envelope->payload;
	if (!step) {
		step = rules_hearing_any(rules);
		scope.event = kind_names[envelope->kind];
	}
	if (!step)
		return -EPIPE;
	count = rules_render(step->emit, &scope, parts,
			     &visitor->space->events->heard);
	if (count < 0)
		return count;
	return pass_on(visitor, envelope,
		       (struct sio_content){.parts = parts,
					    .parts_count = (size_t)count});
}

/* The same bytes for all of a namespace, encoded at the first of them. */
static int emit_shared(struct visitor *visitor, struct envelope *envelope)
{
	const struct sio_content *content = &envelope->event->content;
	struct blob **frame = &envelope->frames[FORM_SOCKETIO];

	if (!*frame) {
		*frame = sio_encode(visitor->socket, content);
		envelope->frame_of = visitor->space;
	}
	if (!*frame || envelope->frame_of != visitor->space)
		return sio_emit(visitor->socket, content);
	return sio_emit_encoded(visitor->socket, *frame);
}

static int hear_kin(struct visitor *visitor, struct envelope *envelope)
{
	const struct events_message *message = envelope->event;
	const struct sio_content *content = &message->content;
	int err;

	if (!content->parts_count)
		return -EPIPE; /* a step for other dialects alone */
	if (message->asker)
		return visitor_ask(visitor, message);
	if (envelope->is_for_many && sio_is_shareable(visitor->socket) &&
	    !content->attachments_count) {
		err = emit_shared(visitor, envelope);
		if (!err && is_description(visitor, envelope))
			err = early_release(visitor,
					    span_from(envelope->from->id));
		return err;
	}
	return pass_on(visitor, envelope, *content);
}

/*
 * Pages know peers that are there and peers that have left. One that is away
 * for long is as good as gone for them, and comes anew when it is back.
 */
static void hear_of_peer(struct visitor *visitor,
			 const struct envelope *envelope)
{
	const struct peer *about = envelope->from;

	switch (envelope->kind) {
	case ENVELOPE_PEER_JOINED:
		early_forget(visitor, span_from(about->id));
		if (envelope->is_restart && !envelope->was_absent)
			tell_left(visitor, about);
		if (!visitor_is_kin(visitor, about))
			tell_joined(visitor, about);
		break;
	case ENVELOPE_PEER_BACK:
		if (envelope->was_absent)
			tell_joined(visitor, about);
		break;
	case ENVELOPE_PEER_ABSENT:
		tell_left(visitor, about);
		break;
	case ENVELOPE_PEER_LEFT:
		early_forget(visitor, span_from(about->id));
		if (!envelope->was_absent)
			tell_left(visitor, about);
		break;
	default:
		break;
	}
}

int visitor_hear(const struct peer *to, struct envelope *envelope)
{
	struct visitor *visitor = to->arg;

	if (envelope->kind >= ENVELOPE_PEER_JOINED) {
		hear_of_peer(visitor, envelope);
		return 0;
	}
	if (is_kin_event(visitor, envelope))
		return hear_kin(visitor, envelope);
	return hear_other_dialect(visitor, envelope);
}
