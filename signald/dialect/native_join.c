/* native_join.c: how clients come into rooms, and back. */
#include <errno.h>

#include "base/log.h"
#include "codec/json.h"
#include "dialect/name.h"
#include "dialect/native_client.h"
#include "dialect/native_write.h"
#include "policy/metric.h"
#include "policy/token.h"

#define ROLE_CAP 16
#define LOG_EVERY_MS 1000

/* What a join or a resume says, decoded. */
struct arrival {
	struct hub_join join; /* its spans point into here */
	char room[NAME_MAX_BYTES + 1];
	char name[NAME_MAX_BYTES + 1];
	char id[TOKEN_MAX_ID + 1];
	char user[TOKEN_MAX_USER];
};

static struct native_sources sources_of(const struct native_client *client)
{
	const struct native_parts *parts = &client->native->parts;

	return (struct native_sources){
		.peer = client->peer,
		.hub = parts->hub,
		.config = parts->loop->config,
		.keyring = parts->keyring,
		.icelist = *parts->icelist,
		.from = conn_peer(wsconn_conn(client->ws)),
		.cred = native_credential(client),
		.now_s = clock_wall_s(&parts->loop->clock),
	};
}

static struct icelist_ask ask_for(const struct native_client *client)
{
	const struct peer *peer = client->peer;

	return (struct icelist_ask){
		.kind = ICELIST_PEER,
		.subject = span_from(peer->id),
		.ttl_s = client->ttl_s,
		.most_ttl_s = peer->max_ttl_s,
		.is_without_turn = peer->lacks & RIGHT_TURN,
		.from = conn_peer(wsconn_conn(client->ws)),
	};
}

/* The same for one who is about to come. */
static struct icelist_ask ask_for_arrival(const struct native_client *client,
					  const struct hub_join *join,
					  uint64_t ttl_s)
{
	return (struct icelist_ask){
		.kind = ICELIST_PEER,
		.subject = span_from(join->id),
		.ttl_s = ttl_s,
		.most_ttl_s = join->max_ttl_s,
		.is_without_turn = join->lacks & RIGHT_TURN,
		.from = conn_peer(wsconn_conn(client->ws)),
	};
}

/* An answer that one of the writers makes. */
static void send_written(struct native_client *client, const struct msg *msg,
			 void (*write)(struct buf *out, const struct msg *msg,
				       const struct native_sources *sources))
{
	struct native_sources sources = sources_of(client);

	write(native_begin(client), msg, &sources);
	native_send(client);
}

void native_send_ice(struct native_client *client, const struct msg *msg)
{
	struct msg asked = *msg;
	struct icelist_ask ask;

	if (asked.ttl_s)
		client->ttl_s = asked.ttl_s;
	asked.ttl_s = client->ttl_s;
	if (!native_is_again(client) &&
	    !native_may(client, msg, LIMIT_CREDENTIALS, native_network(client)))
		return;
	ask = ask_for(client);
	if (!native_has_credential(client, &ask))
		return;
	send_written(client, &asked, native_write_ice);
	native_restart_ice(client);
}

void native_write_renewed(struct native_client *client,
			  const struct turncred *cred)
{
	struct native_sources sources = sources_of(client);
	const struct msg unasked = {.ttl_s = client->ttl_s};

	sources.cred = cred;
	native_write_ice(native_begin(client), &unasked, &sources);
	native_send(client);
}

void native_renew_ice(struct native_client *client)
{
	const struct icelist_ask ask = ask_for(client);

	if (!native_order_renewal(client, &ask))
		native_write_renewed(client, NULL);
	native_restart_ice(client);
}

void native_send_token(struct native_client *client)
{
	static const struct msg unasked;

	send_written(client, &unasked, native_write_session);
}

void native_send_peers(struct native_client *client, const struct msg *msg)
{
	send_written(client, msg, native_write_peers);
}

/* --- what the client says of itself --- */

static int read_role(struct span raw, enum hub_role *role)
{
	char name[ROLE_CAP];
	size_t len;

	*role = ROLE_PEER;
	if (!raw.ptr)
		return 0;
	if (json_decode_string(raw, name, sizeof(name), &len))
		return -EINVAL;
	return hub_role_parse(span_of(name, len), role);
}

static int refuse(struct native_client *client, const struct msg *msg,
		  enum msg_error_code code, const char *message)
{
	native_send_refusal(client, msg, code, message);
	return -EINVAL;
}

/* Name, metadata and session; the same for both. */
static int read_about(struct native_client *client, const struct msg *msg,
		      struct arrival *arrival)
{
	const struct config *config = client->native->parts.loop->config;
	size_t len;

	arrival->join.metadata = msg->metadata;
	arrival->join.inst = msg->inst;
	arrival->join.has_session = msg->inst;
	arrival->join.attempt = msg->attempt;
	arrival->join.ops = &native_peer_ops;
	arrival->join.arg = client;
	if (msg->metadata.len > config->rooms.max_metadata_bytes)
		return refuse(client, msg, MSG_BAD_MESSAGE,
			      "metadata is longer than "
			      "limits.maxMetadataBytes");
	if (!msg->name.ptr)
		return 0;
	if (name_decode(msg->name, arrival->name, &len))
		return refuse(client, msg, MSG_BAD_MESSAGE,
			      "name must have at most 128 bytes and no control "
			      "characters");
	arrival->join.name = span_of(arrival->name, len);
	return 0;
}

static int read_join(struct native_client *client, const struct msg *msg,
		     struct arrival *arrival)
{
	size_t len;

	if (name_decode(msg->room, arrival->room, &len) || !len)
		return refuse(client, msg, MSG_BAD_ROOM,
			      "room must have 1 to 128 bytes and no control "
			      "characters");
	arrival->join.room = span_of(arrival->room, len);
	if (read_role(msg->role, &arrival->join.role))
		return refuse(client, msg, MSG_BAD_ROLE,
			      "role must be peer, broadcaster, watcher or "
			      "operator");
	return read_about(client, msg, arrival);
}

/* --- joining --- */

static enum msg_error_code join_error(int err)
{
	switch (err) {
	case -EEXIST:
		return MSG_ROLE_TAKEN;
	case -ENOSPC:
		return MSG_ROOM_FULL;
	case -ENFILE:
		return MSG_TOO_MANY_ROOMS;
	case -EUSERS:
		return MSG_TOO_MANY_WATCHERS;
	case -ENOENT:
		return MSG_NO_ROOM;
	case -EPERM:
		return MSG_NOT_ALLOWED;
	default:
		return MSG_INTERNAL;
	}
}

static void log_arrival(const struct native_client *client, const char *event)
{
	const struct peer *peer = client->peer;
	char address[NET_ADDR_CAP];

	net_addr_format(conn_peer(wsconn_conn(client->ws)), address);
	log_info(event, log_span("room", hub_room_name(peer->room)),
		 log_str("id", peer->id),
		 log_str("role", hub_role_name(peer->role)),
		 log_str("client", address));
}

static bool is_in_room(struct native_client *client, const struct msg *msg)
{
	if (!client->peer)
		return false;
	(void)refuse(client, msg, MSG_ALREADY_JOINED,
		     "this connection is in a room; leave it first");
	return true;
}

/* The id is given before the peer is there, since a credential may have to be.
 */
static void name_arrival(const struct native_client *client,
			 struct arrival *arrival)
{
	const char *id = native_ordered_id(client);

	if (id)
		(void)span_copy(span_from(id), arrival->id,
				sizeof(arrival->id));
	else
		crypto_new_id(arrival->id);
	arrival->join.id = arrival->id;
}

/* A room that nobody is in will have to be made. */
static bool makes_room(const struct native_client *client,
		       const struct arrival *arrival)
{
	return !hub_has_room(client->native->parts.hub, arrival->join.room);
}

/* Whether its address may have one more; else it was answered. */
static bool may_arrive(struct native_client *client, const struct msg *msg,
		       const struct arrival *arrival)
{
	struct span network = native_network(client);

	return native_may(client, msg, LIMIT_JOINS, network) &&
	       (!makes_room(client, arrival) ||
		native_may(client, msg, LIMIT_ROOMS, network));
}

static bool may_come(struct native_client *client, const struct msg *msg,
		     struct arrival *arrival)
{
	return (native_is_again(client) || may_arrive(client, msg, arrival)) &&
	       native_admit(client, msg, &arrival->join);
}

/* Returns 0 when it may be tried, -EINPROGRESS when it is later, or as
 * hub_join() does. */
static int prepare_join(struct native_client *client, const struct msg *msg,
			struct arrival *arrival)
{
	int err = hub_may_join(client->native->parts.hub, &arrival->join);
	struct icelist_ask ask;

	if (err)
		return err;
	name_arrival(client, arrival);
	ask = ask_for_arrival(client, &arrival->join, msg->ttl_s);
	return native_has_credential(client, &ask) ? 0 : -EINPROGRESS;
}

void native_join(struct native_client *client, const struct msg *msg)
{
	struct arrival arrival = {0};
	int err;

	if (is_in_room(client, msg) || read_join(client, msg, &arrival) ||
	    !may_come(client, msg, &arrival))
		return;
	err = prepare_join(client, msg, &arrival);
	if (err == -EINPROGRESS)
		return;
	if (!err)
		err = hub_join(client->native->parts.hub, &arrival.join,
			       &client->peer);
	native_end_admission(client);
	if (err) {
		native_send_error(client, msg, (struct span){NULL, 0},
				  join_error(err));
		return;
	}
	client->ttl_s = msg->ttl_s;
	log_arrival(client, "peer.join");
	send_written(client, msg, native_write_joined);
	native_start_refreshing(client);
}

/* --- resuming --- */

static void answer_not_resumed(struct native_client *client,
			       const struct msg *msg, const char *reason,
			       const char *message)
{
	metric_add(METRIC_RESUMES_REFUSED, 1);
	native_write_not_resumed(native_begin(client), msg, reason, message);
	native_send(client);
}

static void send_not_resumed(struct native_client *client,
			     const struct msg *msg, const char *reason,
			     const char *message)
{
	log_info("peer.not_resumed", log_str("reason", reason));
	answer_not_resumed(client, msg, reason, message);
}

/* Whoever likes can show one, as often as it likes. */
static void log_bad_token(struct native *native)
{
	uint64_t now_ms = native->parts.loop->clock.mono_ms;

	native->bad_tokens_count++;
	if (native->bad_tokens_logged_ms &&
	    now_ms - native->bad_tokens_logged_ms < LOG_EVERY_MS)
		return;
	log_info("peer.not_resumed", log_str("reason", "bad-token"),
		 log_int("times", native->bad_tokens_count));
	native->bad_tokens_logged_ms = now_ms;
	native->bad_tokens_count = 0;
}

/* Returns 0 with the token, or answers and returns -EINVAL. */
static int read_token(struct native_client *client, const struct msg *msg,
		      char space[TOKEN_CAP], struct token *token)
{
	const struct native_parts *parts = &client->native->parts;
	uint64_t now_s = clock_wall_s(&parts->loop->clock);
	int err = token_read(parts->keyring, msg->token, TOKEN_PEER, now_s,
			     space, token);

	if (err) {
		log_bad_token(client->native);
		answer_not_resumed(client, msg, "bad-token",
				   err == -ETIME
					   ? "the token has expired; join anew"
					   : "this server knows no such token; "
					     "join anew");
		return -EINVAL;
	}
	if (!kicked_has(parts->kicked, token->id, now_s))
		return 0;
	send_not_resumed(client, msg, "kicked", "this peer was sent away");
	wsconn_close(client->ws, WS_CLOSE_KICKED, "kicked");
	return -EINVAL;
}

/* What was vouched for when it came is not its own to change; and the first to
 * return after a restart makes the room again. */
static void use_flags(const struct native_client *client, uint8_t flags,
		      struct hub_join *join)
{
	join->is_vouched = flags & NATIVE_VOUCHED;
	if (join->is_vouched)
		join->metadata = (struct span){NULL, 0};
	join->makes_no_rooms = flags & NATIVE_MAKES_NO_ROOMS &&
			       hub_is_settled(client->native->parts.hub);
}

static int read_resume(struct native_client *client, const struct msg *msg,
		       struct arrival *arrival, struct hub_resume *resume)
{
	char space[TOKEN_CAP];
	struct token token;

	if (read_token(client, msg, space, &token) ||
	    read_about(client, msg, arrival))
		return -EINVAL;
	(void)span_copy(token.id, arrival->id, sizeof(arrival->id));
	memcpy(arrival->room, token.place.ptr, token.place.len);
	arrival->join.room = span_of(arrival->room, token.place.len);
	memcpy(arrival->user, token.user.ptr, token.user.len);
	arrival->join.id = arrival->id;
	arrival->join.role = (enum hub_role)token.role;
	arrival->join.lacks = token.lacks;
	arrival->join.max_ttl_s = token.max_ttl_s;
	use_flags(client, token.flags, &arrival->join);
	if (token.user.len)
		arrival->join.user = span_of(arrival->user, token.user.len);
	*resume = (struct hub_resume){
		.join = arrival->join,
		.generation = token.generation,
		.epoch = msg->epoch,
		.last = msg->last,
	};
	return 0;
}

static void send_again(const struct share *frame, void *arg)
{
	const struct native_client *client = arg;

	(void)wsconn_resend_frame(client->ws, frame);
}

static void be_resumed(struct native_client *client, const struct msg *msg)
{
	metric_add(METRIC_RESUMES_OK, 1);
	client->ttl_s = msg->ttl_s;
	log_arrival(client, "peer.resume");
	send_written(client, msg, native_write_resumed);
	hub_replay(client->peer, send_again, client);
	native_start_refreshing(client);
}

static void refuse_resume(struct native_client *client, const struct msg *msg,
			  enum hub_resumed verdict, int err)
{
	switch (verdict) {
	case RESUME_STALE:
		wsconn_close(client->ws, WS_CLOSE_STALE,
			     "a later attempt was made");
		break;
	case RESUME_TAKEN:
		send_not_resumed(client, msg, "taken",
				 "a later instance of this peer is here");
		wsconn_close(client->ws, WS_CLOSE_TAKEN_OVER, "taken");
		break;
	case RESUME_EXPIRED:
		send_not_resumed(client, msg, "expired",
				 "the window is over; resume with a later inst "
				 "and no epoch");
		break;
	case RESUME_OVERFLOW:
		send_not_resumed(client, msg, "overflow",
				 "not everything could be kept; resume with a "
				 "later inst and no epoch");
		break;
	default:
		send_not_resumed(client, msg, msg_error_name(join_error(err)),
				 native_error_message(join_error(err)));
	}
}

void native_resume(struct native_client *client, const struct msg *msg)
{
	struct arrival arrival = {0};
	struct hub_resume resume;
	struct icelist_ask ask;
	enum hub_resumed verdict;
	struct peer *peer;
	int err = 0;

	if (is_in_room(client, msg) ||
	    read_resume(client, msg, &arrival, &resume) ||
	    (!native_is_again(client) &&
	     !native_may(client, msg, LIMIT_PEER, span_from(arrival.id))))
		return;
	conn_vouch(wsconn_conn(client->ws));
	ask = ask_for_arrival(client, &arrival.join, msg->ttl_s);
	if (!native_has_credential(client, &ask))
		return;
	verdict = hub_resume(client->native->parts.hub, &resume, &peer, &err);
	if (verdict != RESUMED) {
		refuse_resume(client, msg, verdict, err);
		return;
	}
	client->peer = peer;
	be_resumed(client, msg);
}
