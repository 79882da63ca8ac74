/* native_write.c: the messages of the native dialect, from the hub's to JSON.
 */
#include "dialect/native_write.h"
#include "policy/token.h"

/* A page of peers ends here, however long their metadata is. */
#define MAX_PAGE_BYTES 262144

static void write_peer(struct buf *out, const struct peer *peer)
{
	buf_append_str(out, "{\"id\":\"");
	buf_append_str(out, peer->id);
	buf_append_str(out, "\",\"role\":\"");
	buf_append_str(out, hub_role_name(peer->role));
	buf_append_str(out, "\"");
	if (peer->name.ptr) {
		buf_append_str(out, ",\"name\":");
		buf_append_json(out, peer->name);
	}
	if (peer->metadata.ptr) {
		buf_append_str(out, ",\"metadata\":");
		buf_append_span(out, peer->metadata);
	}
	if (peer->inst) {
		buf_append_str(out, ",\"inst\":");
		buf_append_u64(out, peer->inst);
	}
	if (peer->is_away)
		buf_append_str(out, ",\"away\":true");
	buf_append_str(out, "}");
}

struct page {
	struct buf *out;
	unsigned left;
	size_t begins_at;
};

static bool write_listed(const struct peer *peer, void *arg)
{
	struct page *page = arg;

	if (!page->left || page->out->len - page->begins_at > MAX_PAGE_BYTES)
		return false;
	page->left--;
	if (page->out->len > page->begins_at)
		buf_append_str(page->out, ",");
	write_peer(page->out, peer);
	return true;
}

/* ,"peers":[...] and ,"next":N where there are more. */
static void write_page(struct buf *out, uint64_t after,
		       const struct native_sources *sources)
{
	struct page page = {
		.out = out,
		.left = sources->config->rooms.max_peers_listed,
	};
	uint64_t next;

	buf_append_str(out, ",\"peers\":[");
	page.begins_at = out->len;
	next = hub_list(sources->peer, after, write_listed, &page);
	buf_append_str(out, "]");
	if (next) {
		buf_append_str(out, ",\"next\":");
		buf_append_u64(out, next);
	}
}

static void write_ice_members(struct buf *out, uint64_t ttl_s,
			      const struct native_sources *sources)
{
	const struct icelist_ask ask = {
		.kind = ICELIST_PEER,
		.subject = span_from(sources->peer->id),
		.ttl_s = ttl_s,
		.most_ttl_s = sources->peer->max_ttl_s,
		.is_without_turn = sources->peer->lacks & RIGHT_TURN,
		.from = sources->from,
		.cred = sources->cred,
	};

	buf_append_str(out, ",");
	icelist_write(sources->icelist, &ask, out);
}

static void write_limits(struct buf *out, const struct config *config)
{
	buf_append_format(
		out,
		",\"limits\":{\"maxMessageBytes\":%u,\"maxMetadataBytes\":%u,"
		"\"pingInterval\":%u,\"silenceTimeout\":%u}",
		config->websocket.max_message_bytes,
		config->rooms.max_metadata_bytes,
		config->websocket.ping_interval_s,
		config->websocket.silence_timeout_s);
}

/* Signed by us: who has it is this peer, in this room and role. */
static void write_token(struct buf *out, const struct native_sources *sources)
{
	const struct peer *peer = sources->peer;
	const struct token token = {
		.kind = TOKEN_PEER,
		.role = (uint8_t)peer->role,
		.lacks = (uint8_t)peer->lacks,
		.flags = (uint8_t)((peer->is_vouched ? NATIVE_VOUCHED : 0) |
				   (peer->makes_no_rooms ? NATIVE_MAKES_NO_ROOMS
							 : 0)),
		.max_ttl_s = peer->max_ttl_s,
		.generation = hub_next_generation(peer),
		.expires_at_s =
			sources->now_s + sources->config->session.token_ttl_s,
		.id = span_of(peer->id, peer->id_len),
		.place = hub_room_name(peer->room),
		.user = peer->user,
	};

	buf_append_str(out, "\"token\":\"");
	if (token_write(sources->keyring, &token, out))
		out->failed = true;
	buf_append_str(out, "\"");
}

static void write_session(struct buf *out, const struct native_sources *sources)
{
	if (!hub_has_session(sources->peer))
		return;
	buf_append_str(out, ",\"session\":{");
	write_token(out, sources);
	buf_append_str(out, ",\"epoch\":");
	buf_append_u64(out, hub_epoch(sources->peer));
	buf_append_format(out, ",\"window\":%u,\"settled\":%s}",
			  sources->config->session.window_s,
			  hub_is_settled(sources->hub) ? "true" : "false");
}

static void write_arrival(struct buf *out, const char *type,
			  const struct msg *msg,
			  const struct native_sources *sources)
{
	const struct peer *peer = sources->peer;

	msg_begin_answer(out, type, msg);
	buf_append_format(out,
			  ",\"id\":\"%s\",\"role\":\"%s\",\"room\":", peer->id,
			  hub_role_name(peer->role));
	buf_append_json(out, hub_room_name(peer->room));
	write_session(out, sources);
	write_page(out, 0, sources);
	buf_append_str(out, ",\"viewers\":");
	buf_append_u64(out, hub_viewers_count(peer->room));
	write_ice_members(out, msg->ttl_s, sources);
	buf_append_str(out, ",\"features\":[\"delivered\",\"sessions\"]");
	write_limits(out, sources->config);
	buf_append_str(out, "}");
}

void native_write_joined(struct buf *out, const struct msg *msg,
			 const struct native_sources *sources)
{
	write_arrival(out, "joined", msg, sources);
}

void native_write_resumed(struct buf *out, const struct msg *msg,
			  const struct native_sources *sources)
{
	write_arrival(out, "resumed", msg, sources);
}

void native_write_session(struct buf *out, const struct msg *msg,
			  const struct native_sources *sources)
{
	msg_begin_answer(out, "session", msg);
	buf_append_str(out, ",");
	write_token(out, sources);
	buf_append_str(out, "}");
}

void native_write_not_resumed(struct buf *out, const struct msg *msg,
			      const char *reason, const char *message)
{
	msg_begin_answer(out, "not-resumed", msg);
	buf_append_format(out, ",\"reason\":\"%s\",\"message\":\"%s\"}", reason,
			  message);
}

void native_write_acked(struct buf *out, const struct peer *by, uint64_t n)
{
	buf_append_str(out, "{\"type\":\"ack\",\"from\":\"");
	buf_append_str(out, by->id);
	if (by->inst) {
		buf_append_str(out, "\",\"ti\":");
		buf_append_u64(out, by->inst);
		buf_append_str(out, ",\"n\":");
	} else {
		buf_append_str(out, "\",\"n\":");
	}
	buf_append_u64(out, n);
	buf_append_str(out, "}");
}

void native_write_kicked(struct buf *out, const char *reason)
{
	buf_append_format(out, "{\"type\":\"kicked\",\"reason\":\"%s\"}",
			  reason);
}

void native_write_peers(struct buf *out, const struct msg *msg,
			const struct native_sources *sources)
{
	msg_begin_answer(out, "peers", msg);
	write_page(out, msg->after, sources);
	buf_append_str(out, "}");
}

void native_write_ice(struct buf *out, const struct msg *msg,
		      const struct native_sources *sources)
{
	msg_begin_answer(out, "ice", msg);
	write_ice_members(out, msg->ttl_s, sources);
	buf_append_str(out, "}");
}

void native_write_go_away(struct buf *out, uint64_t reconnect_after_ms)
{
	buf_append_str(out, "{\"type\":\"go-away\",\"reason\":\"shutdown\","
			    "\"reconnectAfterMs\":");
	buf_append_u64(out, reconnect_after_ms);
	buf_append_str(out, "}");
}

void native_write_relayed(const struct envelope *envelope,
			  char prefix[MSG_PREFIX_CAP], struct span parts[3])
{
	const struct peer *from = envelope->from;
	size_t len = msg_write_prefix(
		&(struct msg_head){
			.type = (enum msg_type)envelope->kind,
			.from = span_of(from->id, from->id_len),
			.fi = from->inst,
			.is_numbered = envelope->is_numbered,
			.n = envelope->n,
			.p = envelope->is_numbered ? envelope->p : 0,
			.acked = envelope->acked,
		},
		prefix);

	parts[0] = span_of(prefix, len);
	parts[1] = envelope->payload;
	parts[2] = SPAN(MSG_SUFFIX);
}

static void write_joined_event(struct buf *out, const struct envelope *envelope)
{
	buf_append_str(out, "{\"type\":\"peer-joined\",\"peer\":");
	write_peer(out, envelope->from);
	buf_append_str(out, "}");
}

static void write_left_event(struct buf *out, const struct envelope *envelope)
{
	buf_append_format(out,
			  "{\"type\":\"peer-left\",\"id\":\"%s\","
			  "\"role\":\"%s\",\"reason\":\"%s\"}",
			  envelope->from->id,
			  hub_role_name(envelope->from->role),
			  hub_leave_reason_name(envelope->reason));
}

static void write_back_event(struct buf *out, const struct envelope *envelope)
{
	buf_append_format(out,
			  "{\"type\":\"peer-back\",\"id\":\"%s\","
			  "\"inst\":%llu}",
			  envelope->from->id,
			  (unsigned long long)envelope->from->inst);
}

void native_write_event(struct buf *out, const struct envelope *envelope)
{
	switch (envelope->kind) {
	case ENVELOPE_PEER_JOINED:
		write_joined_event(out, envelope);
		break;
	case ENVELOPE_PEER_LEFT:
		write_left_event(out, envelope);
		break;
	case ENVELOPE_PEER_AWAY:
		buf_append_format(out, "{\"type\":\"peer-away\",\"id\":\"%s\"}",
				  envelope->from->id);
		break;
	case ENVELOPE_PEER_BACK:
		write_back_event(out, envelope);
		break;
	case ENVELOPE_SETTLED:
		buf_append_str(out, "{\"type\":\"settled\"}");
		break;
	default:
		buf_append_format(out, "{\"type\":\"viewers\",\"count\":%zu}",
				  envelope->viewers_count);
	}
}
