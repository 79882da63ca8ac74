/* native_deliver.c: what the hub has for clients, and whether it came. */
#include <errno.h>
#include <stdlib.h>

#include "dialect/native_client.h"
#include "dialect/native_write.h"

/* More that has not been proved to have come is refused. */
static const struct outlog_limits unproved_limits = {
	.max_bytes = SIZE_MAX,
	.max_messages = 4096,
};

/* --- requests: messages with a ref --- */

struct native_request {
	struct waiter waiter;	      /* first: the waiter is the request */
	struct native_client *client; /* NULL: it is gone */
	struct native_request *prev;
	struct native_request *next;
	size_t left; /* receivers whose answer is to come */
	bool has_failed;
	enum msg_error_code code;
	size_t ref_len;
	size_t n_len;
	size_t to_len; /* of the receiver that failed */
	char to[HUB_MAX_ID];
	char text[]; /* ref, n */
};

static void unlink_request(struct native_request *request)
{
	if (!request->client)
		return;
	if (request->prev)
		request->prev->next = request->next;
	else
		request->client->requests = request->next;
	if (request->next)
		request->next->prev = request->prev;
	request->client = NULL;
}

static void answer(const struct native_request *request)
{
	struct native_client *client = request->client;
	const struct msg msg = {
		.ref = span_of(request->text, request->ref_len),
		.n = span_of(request->n_len ? request->text + request->ref_len
					    : NULL,
			     request->n_len),
	};
	struct buf *out;

	if (request->has_failed) {
		native_send_error(client, &msg,
				  span_of(request->to_len ? request->to : NULL,
					  request->to_len),
				  request->code);
		return;
	}
	out = native_begin(client);
	msg_begin_answer(out, "ack", &msg);
	buf_append_str(out, "}");
	native_send(client);
}

static void end_one(struct native_request *request)
{
	if (--request->left)
		return;
	if (request->client)
		answer(request);
	unlink_request(request);
	free(request);
}

static enum msg_error_code code_of(enum delivery outcome)
{
	switch (outcome) {
	case RESTARTED:
		return MSG_PEER_RESTARTED;
	case UNDESCRIBED:
		return MSG_NO_DESCRIPTION;
	default:
		return MSG_UNKNOWN_PEER;
	}
}

static void settle(struct waiter *waiter, enum delivery outcome)
{
	struct native_request *request = (struct native_request *)waiter;

	if (outcome != DELIVERED && !request->has_failed) {
		request->has_failed = true;
		request->code = code_of(outcome);
	}
	end_one(request);
}

void native_request_fail(struct waiter *waiter, struct span to,
			 enum msg_error_code code)
{
	struct native_request *request = (struct native_request *)waiter;

	if (!request->has_failed) {
		request->has_failed = true;
		request->code = code;
		request->to_len = to.len < HUB_MAX_ID ? to.len : HUB_MAX_ID;
		memcpy(request->to, to.ptr, request->to_len);
	}
	end_one(request);
}

struct waiter *native_request_new(struct native_client *client,
				  const struct msg *msg, size_t receivers_count)
{
	struct native_request *request =
		calloc(1, sizeof(*request) + msg->ref.len + msg->n.len);

	if (!request)
		return NULL;
	request->waiter.settle = settle;
	request->client = client;
	request->left = receivers_count;
	request->ref_len = msg->ref.len;
	request->n_len = msg->n.len;
	memcpy(request->text, msg->ref.ptr, msg->ref.len);
	if (msg->n.len)
		memcpy(request->text + msg->ref.len, msg->n.ptr, msg->n.len);
	request->next = client->requests;
	if (client->requests)
		client->requests->prev = request;
	client->requests = request;
	return &request->waiter;
}

void native_forget_requests(struct native_client *client)
{
	while (client->requests)
		unlink_request(client->requests);
}

/* --- proofs of arrival --- */

/* A ping behind what was sent: its pong repeats how far that was. */
static void ask_for_proof(struct native_client *client)
{
	uint64_t sent = client->unproved.sent;

	client->is_proving =
		!wsconn_ping(client->ws, span_of(&sent, sizeof(sent)));
}

void native_prove(struct native_client *client, struct span payload)
{
	uint64_t sn;

	if (!client->is_proving || payload.len != sizeof(sn))
		return;
	memcpy(&sn, payload.ptr, sizeof(sn));
	client->is_proving = false;
	outlog_ack(&client->unproved, sn);
	if (!outlog_is_empty(&client->unproved))
		ask_for_proof(client);
}

/* --- what the hub has for a peer --- */

static bool is_relayed(const struct envelope *envelope)
{
	return envelope->kind < ENVELOPE_PEER_JOINED;
}

/* Events of Socket.IO, messages that have a form for it alone, and what is
 * meant for dialects that know no being away, do not. */
static bool says_something(const struct envelope *envelope)
{
	if (is_relayed(envelope))
		return envelope->kind != ENVELOPE_EVENT &&
		       envelope->payload.ptr;
	return envelope->kind != ENVELOPE_PEER_ABSENT;
}

static struct blob *encode_event(const struct envelope *envelope)
{
	struct buf event = {0};
	struct blob *frame = NULL;

	native_write_event(&event, envelope);
	if (!event.failed)
		frame = wsconn_encode(&(struct span){event.ptr, event.len}, 1);
	buf_clear(&event);
	return frame;
}

static struct blob *encode_relayed(const struct envelope *envelope)
{
	char prefix[MSG_PREFIX_CAP];
	struct span parts[3];

	native_write_relayed(envelope, prefix, parts);
	return wsconn_encode(parts, 3);
}

/* Encoded once, and the envelope's; NULL when memory ran out. */
static struct blob *shared_frame(struct envelope *envelope)
{
	struct blob **frame = &envelope->frames[FORM_NATIVE];

	if (!*frame)
		*frame = is_relayed(envelope) ? encode_relayed(envelope)
					      : encode_event(envelope);
	return *frame;
}

/* What is sent to a client that cannot acknowledge it, and waited for. */
static int send_and_await(struct native_client *client,
			  const struct span parts[3],
			  const struct receipt *receipt)
{
	struct outlog *unproved = &client->unproved;
	uint64_t sn = unproved->sent + 1;
	int err;

	if (unproved->len >= unproved_limits.max_messages)
		return -ENOBUFS;
	if (outlog_reserve(unproved))
		return -ENOMEM;
	if (client->is_proving)
		err = wsconn_send(client->ws, parts, 3);
	else
		err = wsconn_send_and_ping(client->ws, parts, 3,
					   span_of(&sn, sizeof(sn)));
	if (err)
		return err;
	client->is_proving = true;
	return outlog_add(unproved, &unproved_limits, NULL, receipt);
}

/* To a client that has no session, and takes it now or never. */
static int deliver_plain(struct native_client *client,
			 const struct envelope *envelope)
{
	char prefix[MSG_PREFIX_CAP];
	struct span parts[3];

	native_write_relayed(envelope, prefix, parts);
	if (receipt_is_empty(&envelope->receipt))
		return wsconn_send(client->ws, parts, 3);
	return send_and_await(client, parts, &envelope->receipt);
}

/* To a client with a session. A connection that takes no more is cut: what was
 * kept is sent over the next. */
static int deliver_kept(const struct peer *to, const struct envelope *envelope)
{
	const struct native_client *client = to->arg;
	char prefix[MSG_PREFIX_CAP], header[WS_MAX_SERVER_HEADER];
	struct span parts[3], all[4];
	struct share frame;
	int err;

	native_write_relayed(envelope, prefix, parts);
	wsconn_frame_parts(all, header, parts, 3);
	err = hub_keep(to, all, 4, envelope, &frame);
	if (!err && client)
		(void)wsconn_send_frame(client->ws, &frame);
	return err;
}

/* Memory ran out. What it is not told it would never learn: better it comes
 * again. */
static int fail(const struct peer *to, bool is_kept)
{
	const struct native_client *client = to->arg;

	if (is_kept)
		hub_miss(to);
	if (client)
		conn_close(wsconn_conn(client->ws), "out of memory");
	return -ENOMEM;
}

static int deliver_shared(const struct peer *to, struct envelope *envelope)
{
	const struct native_client *client = to->arg;
	bool is_kept = hub_has_session(to) && is_relayed(envelope);
	struct blob *frame = shared_frame(envelope);
	struct share whole;
	int err = -EPIPE;

	if (!frame)
		return fail(to, is_kept);
	if (is_kept)
		hub_keep_shared(to, frame);
	whole = share_of(frame);
	if (client)
		err = wsconn_send_frame(client->ws, &whole);
	return is_kept ? 0 : err;
}

static int deliver(const struct peer *to, struct envelope *envelope)
{
	/* A sender whom hub_send() tells of success may count on the client to
	 * have heard of it. */
	if (!says_something(envelope))
		return -EPIPE;
	if (envelope->is_for_many)
		return deliver_shared(to, envelope);
	return hub_has_session(to) ? deliver_kept(to, envelope)
				   : deliver_plain(to->arg, envelope);
}

/* --- what becomes of its session and its messages --- */

static void detach(struct peer *peer, enum hub_detach why)
{
	struct native_client *client = peer->arg;

	if (why == DETACH_STUCK) {
		wsconn_close(client->ws, WS_CLOSE_STUCK,
			     "nothing is acknowledged");
		return;
	}
	client->peer = NULL;
	wsconn_close(client->ws, WS_CLOSE_TAKEN_OVER, "taken over");
}

static void acked(const struct peer *peer, const struct peer *by, uint64_t n)
{
	struct native_client *client = peer->arg;

	native_write_acked(native_begin(client), by, n);
	native_send(client);
}

static void undelivered(const struct peer *peer, const struct peer *to,
			uint64_t n, enum delivery why)
{
	struct native_client *client = peer->arg;
	char digits[24];
	const struct msg msg = {
		.n = span_of(digits,
			     (size_t)snprintf(digits, sizeof(digits), "%llu",
					      (unsigned long long)n)),
	};

	native_send_error(client, &msg, span_of(to->id, to->id_len),
			  code_of(why));
}

static void expel(struct peer *peer, const char *reason)
{
	struct native_client *client = peer->arg;

	client->peer = NULL;
	native_write_kicked(native_begin(client), reason);
	native_send(client);
	wsconn_close(client->ws, WS_CLOSE_KICKED, "kicked");
}

static void write_network(const struct peer *peer, struct buf *out)
{
	const struct native_client *client = peer->arg;
	char network[NET_ADDR_CAP];

	net_addr_format_network(conn_peer(wsconn_conn(client->ws)), network);
	buf_append_str(out, network);
}

const struct peer_ops native_peer_ops = {
	.dialect = "native",
	.write_network = write_network,
	.deliver = deliver,
	.detach = detach,
	.acked = acked,
	.undelivered = undelivered,
	.expel = expel,
};
