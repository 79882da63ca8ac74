/* native_write.c: the messages of the native dialect, from the hub's to JSON.
 */
#include "dialect/native_write.h"

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
	buf_append_str(out, ",");
	icelist_write(sources->icelist, ICELIST_PEER,
		      span_from(sources->peer->id), ttl_s, out);
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

void native_write_joined(struct buf *out, const struct msg *msg,
			 const struct native_sources *sources)
{
	const struct peer *peer = sources->peer;

	msg_begin_answer(out, "joined", msg);
	buf_append_format(out,
			  ",\"id\":\"%s\",\"role\":\"%s\",\"room\":", peer->id,
			  hub_role_name(peer->role));
	buf_append_json(out, hub_room_name(peer->room));
	write_page(out, 0, sources);
	buf_append_str(out, ",\"viewers\":");
	buf_append_u64(out, hub_viewers_count(peer->room));
	write_ice_members(out, msg->ttl_s, sources);
	buf_append_str(out, ",\"features\":[]");
	write_limits(out, sources->config);
	buf_append_str(out, "}");
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
	size_t len = msg_write_prefix(
		(enum msg_type)envelope->kind,
		span_of(envelope->from->id, envelope->from->id_len), prefix);

	parts[0] = span_of(prefix, len);
	parts[1] = envelope->payload;
	parts[2] = SPAN(MSG_SUFFIX);
}

void native_write_event(struct buf *out, const struct envelope *envelope)
{
	switch (envelope->kind) {
	case ENVELOPE_PEER_JOINED:
		buf_append_str(out, "{\"type\":\"peer-joined\",\"peer\":");
		write_peer(out, envelope->from);
		buf_append_str(out, "}");
		break;
	case ENVELOPE_PEER_LEFT:
		buf_append_format(out,
				  "{\"type\":\"peer-left\",\"id\":\"%s\","
				  "\"role\":\"%s\",\"reason\":\"%s\"}",
				  envelope->from->id,
				  hub_role_name(envelope->from->role),
				  hub_leave_reason_name(envelope->reason));
		break;
	default:
		buf_append_format(out, "{\"type\":\"viewers\",\"count\":%zu}",
				  envelope->viewers_count);
	}
}
