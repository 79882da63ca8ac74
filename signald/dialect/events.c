/* events.c: namespaces that speak by rules: their visitors come and go. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "codec/json.h"
#include "dialect/name.h"
#include "dialect/visitor.h"
#include "policy/metric.h"

#define DEFAULT_ROOM "default"

int events_new(struct events **eventsp, const struct events_parts *parts)
{
	struct events *events = calloc(1, sizeof(*events));

	if (!events)
		return -ENOMEM;
	events->hub = parts->hub;
	events->kicked = parts->kicked;
	events->access = parts->access;
	events->loop = parts->loop;
	events->visitors = map_new();
	if (!events->visitors) {
		free(events);
		return -ENOMEM;
	}
	*eventsp = events;
	return 0;
}

void events_free(struct events *events)
{
	if (!events)
		return;
	map_free(events->visitors);
	buf_clear(&events->said);
	buf_clear(&events->payload);
	buf_clear(&events->heard);
	free(events);
}

/* The hub takes its peer out. */
static void expel(struct peer *peer, const char *reason)
{
	struct visitor *visitor = peer->arg;

	log_info("event.expelled", log_str("id", peer->id),
		 log_str("reason", reason));
	visitor->peer = NULL;
	sio_disconnect(visitor->socket);
}

static void write_network(const struct peer *peer, struct buf *out)
{
	const struct visitor *visitor = peer->arg;
	const struct net_addr *from = sio_socket_peer(visitor->socket);
	char network[NET_ADDR_CAP];

	if (!from)
		return;
	net_addr_format_network(from, network);
	buf_append_str(out, network);
}

void events_space_init(struct events_space *space, struct events *events)
{
	space->events = events;
	space->ops.deliver = visitor_hear;
	space->ops.expel = expel;
	space->ops.dialect = "socketio";
	space->ops.write_network = write_network;
}

void events_drain(struct events *events)
{
	events->is_draining = true;
}

/* The name as rules have it: decoded; {NULL, 0} for one longer than any rule's.
 * Numbers stand as they are. */
static struct span decode_event(struct span raw, char *out, size_t cap)
{
	struct span name;

	if (raw.ptr[0] != '"')
		return raw;
	if (json_read_string(raw, out, cap, &name))
		return (struct span){NULL, 0};
	return name;
}

static void on_event(const struct sio_message *message, void *arg)
{
	struct visitor *visitor = arg;
	char name[NAME_MAX_BYTES + 1];
	const struct rules_rule *rule = rules_find(
		visitor->space->rules,
		decode_event(message->packet->name, name, sizeof(name)));

	if (rule) {
		visitor_run(visitor, rule, message);
		return;
	}
	metric_add(METRIC_REFUSED_MESSAGES, 1);
	log_debug("event.dropped",
		  log_str("id", sio_socket_id(visitor->socket)),
		  log_str("namespace", visitor->space->name),
		  log_span("event", message->packet->name),
		  log_str("reason", "no rule is for it"));
}

static void on_ack(const struct sio_message *message, void *arg)
{
	visitor_take_answer(arg, message);
}

/* --- beginning and end --- */

/* The room a client asks for: auth.room, ?room= of the namespace or of the
 * handshake, or the default one. */
static int read_home(const struct sio_connect *connect,
		     char room[NAME_MAX_BYTES + 1], size_t *len)
{
	const struct span name = SPAN("room");
	struct span home = SPAN(DEFAULT_ROOM);
	struct span raw = {NULL, 0};
	int err;

	if (connect->auth.ptr && json_pick(connect->auth, &name, 1, &raw))
		return -EINVAL;
	if (raw.ptr)
		return name_decode(raw, room, len) || !*len ? -EINVAL : 0;
	err = http_query_get(connect->query, name, room, NAME_MAX_BYTES + 1);
	if (!err)
		home = span_from(room);
	else if (err != -ENOENT)
		return -EINVAL;
	else if (connect->room.ptr)
		home = connect->room;
	*len = home.len;
	if (!home.len || !name_is_good(home))
		return -EINVAL;
	memmove(room, home.ptr, home.len);
	return 0;
}

static struct visitor *new_visitor(const struct events_space *space,
				   struct sio_socket *socket, struct span home)
{
	struct visitor *visitor = calloc(1, sizeof(*visitor) + home.len + 1);

	if (!visitor)
		return NULL;
	visitor->space = space;
	visitor->socket = socket;
	visitor->home_len = home.len;
	memcpy(visitor->home, home.ptr, home.len);
	if (!map_put(space->events->visitors, span_from(sio_socket_id(socket)),
		     visitor))
		return visitor;
	free(visitor);
	return NULL;
}

static void free_visitor(struct visitor *visitor)
{
	(void)map_remove(visitor->space->events->visitors,
			 span_from(sio_socket_id(visitor->socket)));
	visitor_forget_asks(visitor);
	early_free(visitor);
	if (visitor->claims)
		claims_clear(visitor->claims);
	free(visitor->claims);
	free(visitor);
}

/* What the client showed becomes the visitor's. Returns 0 or -ENOMEM. */
static int give_claims(struct visitor *visitor, struct access_verdict *verdict)
{
	visitor->lacks = access_lacks(verdict);
	if (verdict->is_guest)
		return 0;
	visitor->claims = malloc(sizeof(*visitor->claims));
	if (!visitor->claims)
		return -ENOMEM;
	*visitor->claims = verdict->claims;
	verdict->claims = (struct claims){0};
	return 0;
}

/* Whom the connect, or the handshake beneath, shows; auth goes first. */
static void judge(struct events *events, const struct sio_connect *connect,
		  struct span home, struct access_verdict *verdict)
{
	struct access_ask ask = {
		.dialect = "socketio",
		.room = home,
		.role = SPAN(""),
		.from = connect->from,
		.wait = connect->wait,
	};

	access_judge_told(events->access, &ask, connect->shown, connect->auth,
			  verdict);
}

static void *let_in(struct visitor *visitor, struct sio_refusal *refusal)
{
	const char *code = visitor_let_in(visitor);

	if (!code)
		return visitor;
	metric_add(METRIC_REFUSED_MESSAGES, 1);
	*refusal = (struct sio_refusal){.message = code, .code = code};
	free_visitor(visitor);
	return NULL;
}

static void *admit(struct sio_socket *socket, struct span home,
		   struct access_verdict *verdict, struct sio_refusal *refusal,
		   void *namespace_arg)
{
	const struct events_space *space = namespace_arg;
	struct visitor *visitor;

	if (verdict->code) {
		*refusal = (struct sio_refusal){
			.message = verdict->message,
			.code = verdict->code,
			.is_pending = verdict->is_pending,
			.pending = verdict->pending,
			.retry_after_s = verdict->retry_after_s};
		if (verdict->is_pending)
			return NULL;
		access_note_refusal(space->events->access, verdict);
		return NULL;
	}
	visitor = new_visitor(space, socket, home);
	if (!visitor)
		return NULL;
	if (give_claims(visitor, verdict)) {
		free_visitor(visitor);
		return NULL;
	}
	return let_in(visitor, refusal);
}

static void *on_connect(struct sio_socket *socket,
			const struct sio_connect *connect,
			struct sio_refusal *refusal, void *namespace_arg)
{
	const struct events_space *space = namespace_arg;
	struct access_verdict verdict;
	char home[NAME_MAX_BYTES + 1];
	void *visitor;
	size_t len;

	if (read_home(connect, home, &len)) {
		*refusal = (struct sio_refusal){
			.message = "room must have 1 to 128 bytes and no "
				   "control characters",
			.code = "bad-room"};
		return NULL;
	}
	judge(space->events, connect, span_of(home, len), &verdict);
	visitor = admit(socket, span_of(home, len), &verdict, refusal,
			namespace_arg);
	access_verdict_clear(&verdict);
	return visitor;
}

/* For one window after a restart; then who is absent has been said to be gone.
 */
static bool may_return(struct span id, void *namespace_arg)
{
	const struct events_space *space = namespace_arg;
	const struct events *events = space->events;

	return !hub_is_settled(events->hub) && !map_get(events->visitors, id) &&
	       !kicked_has(events->kicked, id,
			   clock_wall_s(&events->loop->clock));
}

static void on_cut(void *arg)
{
	const struct visitor *visitor = arg;

	/* It may be cut off again while it comes back. */
	if (visitor->peer && !visitor->peer->is_away)
		hub_await(visitor->space->events->hub, visitor->peer);
}

static void on_recovered(void *arg)
{
	const struct visitor *visitor = arg;

	if (visitor->peer)
		hub_back(visitor->space->events->hub, visitor->peer);
}

static void on_ready(void *arg)
{
	visitor_arrive(arg);
}

static enum hub_leave_reason leave_reason(const struct events *events,
					  enum engine_end end)
{
	switch (end) {
	case ENGINE_LEFT:
		return LEAVE_LEFT;
	case ENGINE_SLOW:
		return LEAVE_SLOW;
	case ENGINE_FAILED:
		return LEAVE_ERROR;
	case ENGINE_CLOSED:
		return events->is_draining ? LEAVE_SHUTDOWN : LEAVE_ERROR;
	default:
		return LEAVE_LOST;
	}
}

static void on_end(enum engine_end end, void *arg)
{
	struct visitor *visitor = arg;
	struct events *events = visitor->space->events;

	if (visitor->peer && end == ENGINE_GONE_AWAY)
		hub_hold(events->hub, visitor->peer);
	else
		visitor_part(visitor, leave_reason(events, end));
	free_visitor(visitor);
}

const struct sio_app events_app = {
	.on_connect = on_connect,
	.may_return = may_return,
	.on_cut = on_cut,
	.on_recovered = on_recovered,
	.on_ready = on_ready,
	.on_event = on_event,
	.on_ack = on_ack,
	.on_end = on_end,
};
