/* load.c: load on one server, and what the server used for it. */
/*
 *   load SCENARIO name=value...
 *
 *   relay       pairs of peers pass `window` messages back and forth
 *   stream      of each pair one sends, with `window` messages under way
 *   broadcast   one broadcaster, `peers` watchers, one message at a time
 *   idle        `peers` join, after `calls` messages each fall silent: memory,
 *               and what joining costs
 *   unheard     of each pair one sends until it is refused, as the other reads
 *               everything and acknowledges nothing: memory
 *   resume      `peers` are cut off, and come back: what that costs
 *   http        `peers` connections ask for `path`, one request at a time
 *
 * One thread, one core, raw sockets, so that the generator costs less than
 * any server it drives. Prints one JSON object. Each received message is
 * compared with what must come, to the last byte; anything else ends the
 * program with a sentence and exit code 1.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "payload.h"
#include "proc.h"
#include "speak.h"
#include "wire.h"

#define CONNS_MAX 19000
#define WINDOW_MAX 64
#define AT_ONCE_MAX 64 /* handshakes under way */
#define WARMERS 20
#define EVENTS_MAX 256
#define STALL_MS 10000
#define SCRATCH_SIZE ((size_t)1024 * 1024)
#define HEAD_MAX 160
#define TAIL_MAX 4096
#define PREFIX_MAX 160
#define SUFFIX_MAX 16
#define REFUSALS 10
#define LATENCY_STEP_NS 1000
#define LATENCY_STEPS 100000

struct options {
	const char *speak;
	const char *path;
	uint64_t port;
	uint64_t pid;
	uint64_t cpu;
	uint64_t peers;
	uint64_t window;
	uint64_t warmup_ms;
	uint64_t measure_ms;
	uint64_t messages; /* end after so many instead of a time; 0: time */
	uint64_t calls;	   /* messages that a peer sends before it is idle */
	uint64_t collect;  /* ask the server to collect its garbage: SIGUSR2 */
};

/*
 * A message is a head that says whom it is for, the numbers of a session if
 * there is one, and a tail that is the same for all: the payload. Heads and
 * tails are masked beforehand.
 */
struct head {
	size_t len;
	uint8_t bytes[HEAD_MAX];
};

struct tail {
	size_t len;
	size_t digits_at;
	/* by where it begins, modulo 4: there it begins here as well */
	uint8_t bytes[WIRE_MASK_LEN][TAIL_MAX];
};

/*
 * How a payload of this kind arrives here: what the server wrote around it.
 * The first message teaches that; all others must look the same.
 */
struct arrival {
	int is_known;
	size_t prefix_len;
	size_t suffix_len;
	char prefix[PREFIX_MAX];
	char suffix[SUFFIX_MAX];
};

struct conn {
	int fd;
	enum { UPGRADING, JOINING, JOINED, LEAVING } state;
	struct speaker speaker;
	struct conn *source;  /* whose payloads arrive here */
	struct conn *replier; /* who sends on when one has */
	uint8_t *rest;	      /* what was read of a message that is not whole */
	size_t rest_len;
	struct head heads[PAYLOAD_KINDS];
	struct arrival arrivals[PAYLOAD_KINDS];
	uint64_t sent;
	uint64_t received;
	unsigned refused;
	uint64_t sent_at_ns[WINDOW_MAX];
};

struct load {
	struct options options;
	const struct speak *speak;
	int epoll;
	struct conn *conns;
	unsigned joined;
	struct tail tails[PAYLOAD_KINDS];
	uint64_t now_ns;
	uint64_t sent;
	uint64_t delivered;
	int is_ending;	/* send no more */
	int acks_alone; /* clients of sessions acknowledge what has come */
	uint64_t most;	/* messages that a connection sends; 0: no limit */
	uint64_t refused;
	uint64_t delivered_bytes;
	uint64_t body_len; /* of the first HTTP answer, so of all */
	size_t out_len;	   /* gathers in `out` while one read is handled */

	/* Take messages from buf, return the bytes used. */
	size_t (*take)(struct load *load, struct conn *conn, const uint8_t *buf,
		       size_t len);
	void (*on_payload)(struct load *load, struct conn *conn);
};

/* What the server had used at one moment. */
struct reading {
	uint64_t at_ns;
	uint64_t cpu_ns;
	uint64_t others_ns; /* CPU of everything but the server and us */
	uint64_t instructions;
	uint64_t delivered;
};

static uint8_t scratch[SCRATCH_SIZE];
static uint8_t out[SCRATCH_SIZE];
static uint32_t latencies[LATENCY_STEPS];

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static uint64_t clock_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static void *grow(void *old, size_t size)
{
	void *memory = realloc(old, size);

	if (!memory)
		die("out of memory");
	return memory;
}

static void latency_add(uint64_t ns)
{
	uint64_t step = ns / LATENCY_STEP_NS;

	latencies[step < LATENCY_STEPS ? step : LATENCY_STEPS - 1]++;
}

static double latency_us(double share)
{
	uint64_t all = 0;
	uint64_t below = 0;
	size_t step;

	for (step = 0; step < LATENCY_STEPS; step++)
		all += latencies[step];
	for (step = 0; step < LATENCY_STEPS - 1; step++) {
		below += latencies[step];
		if ((double)below >= share * (double)all)
			break;
	}
	return ((double)step + 0.5) * LATENCY_STEP_NS / 1000;
}

/* Room for one more frame in what this read will answer. */
static uint8_t *out_room(struct load *load, size_t len)
{
	if (SCRATCH_SIZE - load->out_len < len)
		die("answers of more than %zu bytes to one read", SCRATCH_SIZE);
	return out + load->out_len;
}

static void out_flush(struct load *load, struct conn *conn)
{
	if (load->out_len == 0)
		return;
	wire_send(conn->fd, out, load->out_len);
	load->out_len = 0;
}

/* What is no prepared message is rare, and goes at once. */
static void send_frame(const struct conn *conn, enum wire_opcode opcode,
		       const void *payload, size_t len)
{
	uint8_t frame[WIRE_HEAD_MAX + SPEAK_REPLY_SIZE];

	if (len > SPEAK_REPLY_SIZE)
		die("nothing to say takes %zu bytes", len);
	wire_send(conn->fd, frame, wire_put_frame(frame, opcode, payload, len));
}

static void say(const struct conn *conn, const char *text)
{
	if (*text)
		send_frame(conn, WIRE_TEXT, text, strlen(text));
}

/* Mask a text as the start of a message's payload. */
static void prepare_head(struct head *head, const char *before, const char *id,
			 const char *after)
{
	char text[HEAD_MAX];
	int len = snprintf(text, sizeof(text), "%s%s%s", before, id, after);

	if (len >= HEAD_MAX)
		die("an id of %zu bytes", strlen(id));
	head->len = (size_t)len;
	wire_patch(head->bytes, 0, text, head->len);
}

/* Mask a text for every place where it can begin, as the key is of 4 bytes. */
static void prepare_tail(struct load *load, enum payload_kind kind,
			 const char *before)
{
	struct tail *tail = &load->tails[kind];
	const struct payload *payload = payload_of(kind);
	char text[TAIL_MAX];
	int len = snprintf(text, sizeof(text), "%s%s%s", before, payload->text,
			   load->speak->end);

	tail->len = (size_t)len;
	tail->digits_at = strlen(before) + payload->digits_at;
	for (size_t turn = 0; turn < WIRE_MASK_LEN; turn++)
		wire_patch(tail->bytes[turn], turn, text, tail->len);
}

/* acks: what this connection sends carries acknowledgements along. */
static void prepare_relay(struct load *load, struct conn *conn,
			  const struct conn *to, int acks)
{
	struct session *session = &conn->speaker.session;

	if (load->speak->has_sessions) {
		session->other_inst = to->speaker.session.inst;
		session->other_id = to->speaker.id;
		session->rides = acks;
	}
	for (int kind = 0; kind < PAYLOAD_KINDS; kind++) {
		prepare_head(&conn->heads[kind],
			     load->speak->relay[kind].before_id, to->speaker.id,
			     load->speak->relay[kind].after_id);
		prepare_tail(load, (enum payload_kind)kind,
			     load->speak->relay[kind].before_payload);
	}
}

static void prepare_broadcast(struct load *load, struct conn *conn)
{
	for (int kind = 0; kind < PAYLOAD_KINDS; kind++) {
		prepare_head(&conn->heads[kind], load->speak->broadcast, "",
			     "");
		prepare_tail(load, (enum payload_kind)kind, "");
	}
}

/* Append the connection's next message to what this read will answer. */
static void send_next(struct load *load, struct conn *conn)
{
	enum payload_kind kind = payload_kind_of(conn->sent);
	const struct head *head = &conn->heads[kind];
	const struct tail *tail = &load->tails[kind];
	char numbers[SESSION_NUMBERS_MAX];
	char digits[PAYLOAD_DIGITS];
	size_t numbers_len;
	size_t tail_at;
	size_t turn;
	uint8_t *to;
	uint8_t *at;

	if (load->is_ending || (load->most && conn->sent == load->most))
		return;
	numbers_len = session_put_numbers(&conn->speaker.session, numbers);
	tail_at = head->len + numbers_len;
	turn = tail_at % WIRE_MASK_LEN;
	to = out_room(load, WIRE_HEAD_MAX + tail_at + tail->len);
	at = to + wire_put_head(to, WIRE_TEXT, tail_at + tail->len);
	memcpy(at, head->bytes, head->len);
	wire_patch(at, head->len, numbers, numbers_len);
	memcpy(at + tail_at, tail->bytes[turn] + turn, tail->len);
	payload_put_digits(digits, conn->sent);
	wire_patch(at, tail_at + tail->digits_at, digits, sizeof(digits));
	load->out_len += (size_t)(at - to) + tail_at + tail->len;

	conn->sent_at_ns[conn->sent % load->options.window] = load->now_ns;
	conn->sent++;
	load->sent++;
}

/* Learn how a server wraps a payload, from the first that arrives. */
static int arrival_learn(struct arrival *arrival, const char *text, size_t len,
			 const struct payload *payload, uint64_t number)
{
	const char *at = memmem(text, len, payload->text, payload->digits_at);

	if (!at || (size_t)(text + len - at) < payload->len ||
	    !payload_is(payload, at, number))
		return 0;

	arrival->prefix_len = (size_t)(at - text);
	arrival->suffix_len = len - arrival->prefix_len - payload->len;
	if (arrival->prefix_len > PREFIX_MAX ||
	    arrival->suffix_len > SUFFIX_MAX)
		die("a payload in a wrapping too large: %.300s", text);
	memcpy(arrival->prefix, text, arrival->prefix_len);
	memcpy(arrival->suffix, at + payload->len, arrival->suffix_len);
	arrival->is_known = 1;
	return 1;
}

/* Is this message, byte for byte, the payload that must come next? */
static int is_next_payload(const struct load *load, struct conn *conn,
			   const char *text, size_t len)
{
	enum payload_kind kind = payload_kind_of(conn->received);
	const struct payload *payload = payload_of(kind);
	struct arrival *arrival = &conn->arrivals[kind];

	if (conn->speaker.session.other_id)
		return session_take(&conn->speaker.session, text, len,
				    load->speak->relay[kind].type,
				    load->speak->relay[kind].member, payload,
				    conn->received);
	if (!arrival->is_known)
		return arrival_learn(arrival, text, len, payload,
				     conn->received);
	return len == arrival->prefix_len + payload->len +
			       arrival->suffix_len &&
	       memcmp(text, arrival->prefix, arrival->prefix_len) == 0 &&
	       payload_is(payload, text + arrival->prefix_len,
			  conn->received) &&
	       memcmp(text + len - arrival->suffix_len, arrival->suffix,
		      arrival->suffix_len) == 0;
}

/* A client of a session that has nothing to send says what it has. */
static void say_ack(struct conn *conn)
{
	struct session *session = &conn->speaker.session;
	char text[64];

	snprintf(text, sizeof(text), "{\"type\":\"ack\",\"sn\":%" PRIu64 "}",
		 session->position);
	say(conn, text);
	session->said = session->position;
}

static void on_payload_received(struct load *load, struct conn *conn)
{
	const struct conn *source = conn->source;
	size_t slot = conn->received % load->options.window;

	latency_add(load->now_ns - source->sent_at_ns[slot]);
	conn->received++;
	load->delivered++;
	session_count(&conn->speaker.session, load->now_ns);
	load->on_payload(load, conn);
	if (load->acks_alone &&
	    session_must_ack(&conn->speaker.session, load->now_ns))
		say_ack(conn);
}

static void set_joined(struct load *load, struct conn *conn)
{
	conn->state = JOINED;
	load->joined++;
}

/*
 * One step towards being joined: text is what the server said, NULL for the
 * handshake's end. Servers answer a ping behind what came before it, so a pong
 * tells what no message does: that a reply was taken.
 */
static void take_step(struct load *load, struct conn *conn, const char *text)
{
	char reply[SPEAK_REPLY_SIZE] = "";
	enum speak_step step = load->speak->step(&conn->speaker, text, reply);

	say(conn, reply);
	if (step == SPEAK_JOINED)
		set_joined(load, conn);
	else if (step == SPEAK_TAKEN)
		send_frame(conn, WIRE_PING, NULL, 0);
}

/* A refused payload may be tried again: as another message. */
static void on_refused(struct load *load, struct conn *conn)
{
	struct session *session = &conn->speaker.session;

	session->is_refused = 0;
	session_unsend(session, &conn->source->speaker.session);
	conn->sent--;
	load->sent--;
	load->refused++;
	if (++conn->refused < REFUSALS)
		send_next(load, conn);
}

static void on_other_text(struct load *load, struct conn *conn,
			  const uint8_t *payload, size_t len)
{
	char reply[SPEAK_REPLY_SIZE] = "";
	char *text = grow(NULL, len + 1);

	memcpy(text, payload, len);
	text[len] = '\0';
	if (conn->state != JOINED)
		take_step(load, conn, text);
	else if (!load->speak->is_expected(&conn->speaker, text, reply))
		die("peer %u waited for message %" PRIu64 " and got: %.300s",
		    conn->speaker.index, conn->received, text);
	say(conn, reply);
	free(text);
	if (conn->speaker.session.is_refused)
		on_refused(load, conn);
}

static void on_frame(struct load *load, struct conn *conn,
		     const struct wire_frame *frame)
{
	switch (frame->opcode) {
	case WIRE_TEXT:
		if (conn->state == JOINED && conn->source &&
		    is_next_payload(load, conn, (const char *)frame->payload,
				    frame->len)) {
			load->delivered_bytes += frame->len;
			on_payload_received(load, conn);
		} else {
			on_other_text(load, conn, frame->payload, frame->len);
		}
		return;
	case WIRE_PING:
		send_frame(conn, WIRE_PONG, frame->payload, frame->len);
		return;
	case WIRE_PONG:
		if (conn->state != JOINING)
			die("peer %u got a pong unasked", conn->speaker.index);
		set_joined(load, conn);
		return;
	case WIRE_CLOSE:
		die("the server closed peer %u: %u %.*s", conn->speaker.index,
		    frame->len < 2
			    ? 1005U
			    : frame->payload[0] * 256U + frame->payload[1],
		    frame->len < 2 ? 0 : (int)frame->len - 2,
		    (const char *)frame->payload + 2);
	default:
		die("a frame of opcode %d", frame->opcode);
	}
}

/* The key of RFC 6455, 1.3, so that the accept is known. */
static void start_handshake(struct load *load, struct conn *conn)
{
	const char *subprotocol = load->speak->subprotocol;
	char target[96];
	char head[512];
	int len;

	load->speak->target(&conn->speaker, target, sizeof(target));
	len = snprintf(head, sizeof(head),
		       "GET %s HTTP/1.1\r\n"
		       "Host: 127.0.0.1:%" PRIu64 "\r\n"
		       "Connection: Upgrade\r\n"
		       "Upgrade: websocket\r\n"
		       "Sec-WebSocket-Version: 13\r\n"
		       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		       "%s%s%s\r\n",
		       target, load->options.port,
		       subprotocol ? "Sec-WebSocket-Protocol: " : "",
		       subprotocol ? subprotocol : "",
		       subprotocol ? "\r\n" : "");
	wire_send(conn->fd, head, (size_t)len);
}

static int has(const uint8_t *buf, size_t len, const char *text)
{
	return memmem(buf, len, text, strlen(text)) != NULL;
}

/* Returns the size of the head, 0 while it is not whole. */
static size_t take_handshake(struct load *load, struct conn *conn,
			     const uint8_t *buf, size_t len)
{
	const char *subprotocol = load->speak->subprotocol;
	const uint8_t *end = memmem(buf, len, "\r\n\r\n", 4);
	size_t size;

	if (!end)
		return 0;
	size = (size_t)(end - buf) + 4;
	if (memcmp(buf, "HTTP/1.1 101 ", 13) != 0 ||
	    !has(buf, size, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") ||
	    (subprotocol && !has(buf, size, subprotocol)))
		die("the handshake failed: %.*s", (int)len, (const char *)buf);

	conn->state = JOINING;
	take_step(load, conn, NULL);
	return size;
}

static size_t take_frames(struct load *load, struct conn *conn,
			  const uint8_t *buf, size_t len)
{
	size_t used = 0;

	if (conn->state == UPGRADING) {
		used = take_handshake(load, conn, buf, len);
		if (used == 0)
			return 0;
	}
	for (;;) {
		struct wire_frame frame;
		size_t n = wire_parse(buf + used, len - used, &frame);

		if (n == 0)
			return used;
		on_frame(load, conn, &frame);
		used += n;
	}
}

static void send_request(struct load *load, struct conn *conn)
{
	uint8_t *to = out_room(load, 512);
	int len;

	if (load->is_ending)
		return;
	len = snprintf((char *)to, 512,
		       "GET %s HTTP/1.1\r\n"
		       "Host: 127.0.0.1:%" PRIu64 "\r\n"
		       "Accept: application/json\r\n"
		       "Accept-Encoding: identity\r\n"
		       "User-Agent: signald-bench\r\n\r\n",
		       load->options.path, load->options.port);

	load->out_len += (size_t)len;
	load->sent++;
	conn->sent_at_ns[0] = load->now_ns;
}

/* The length that an answer's head announces; dies if it is no 200. */
static size_t body_len(const char *head, size_t len)
{
	static const char field[] = "content-length:";

	if (memcmp(head, "HTTP/1.1 200 ", 13) != 0)
		die("answered: %.*s", (int)len, head);
	for (size_t i = 0; len - i > sizeof(field); i++)
		if (head[i] == '\n' &&
		    strncasecmp(head + i + 1, field, sizeof(field) - 1) == 0)
			return strtoul(head + i + sizeof(field), NULL, 10);
	die("an answer without Content-Length: %.*s", (int)len, head);
}

/* Both servers answer with an ICE list, and always of the same length. */
static size_t take_answer(struct load *load, struct conn *conn,
			  const uint8_t *buf, size_t len)
{
	const uint8_t *end = memmem(buf, len, "\r\n\r\n", 4);
	size_t head_len;
	size_t size;

	if (!end)
		return 0;
	head_len = (size_t)(end - buf) + 4;
	size = body_len((const char *)buf, head_len);
	if (len - head_len < size)
		return 0;
	if (load->body_len == 0)
		load->body_len = size;
	if (size != load->body_len || len != head_len + size ||
	    !has(buf + head_len, size, "\"credential\":\""))
		die("an answer unlike the others: %.*s", (int)len,
		    (const char *)buf);

	latency_add(load->now_ns - conn->sent_at_ns[0]);
	load->delivered++;
	send_request(load, conn);
	return len;
}

static void keep_rest(struct conn *conn, const uint8_t *buf, size_t len)
{
	if (len > 0) {
		conn->rest = grow(conn->rest, len);
		memcpy(conn->rest, buf, len);
	}
	conn->rest_len = len;
}

/* The server has ended the connection that was to end. */
static void set_left(struct load *load, struct conn *conn)
{
	wire_reset(conn->fd);
	conn->fd = -1;
	load->joined--;
}

static void on_readable(struct load *load, struct conn *conn)
{
	size_t len = conn->rest_len;
	size_t used;
	ssize_t n;

	if (len > 0)
		memcpy(scratch, conn->rest, len);
	n = recv(conn->fd, scratch + len, SCRATCH_SIZE - len, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (conn->state == LEAVING) {
		if (n <= 0)
			set_left(load, conn);
		return;
	}
	if (n <= 0)
		die("the server closed peer %u: %s", conn->speaker.index,
		    n < 0 ? strerror(errno) : "end of stream");

	len += (size_t)n;
	used = load->take(load, conn, scratch, len);
	if (used < len || conn->rest_len > 0)
		keep_rest(conn, scratch + used, len - used);
	out_flush(load, conn->replier);
}

/* One turn of the loop. */
static void turn(struct load *load)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(load->epoll, events, EVENTS_MAX, STALL_MS);

	if (count == 0)
		die("nothing came for %d ms: a message is lost, or the server "
		    "stalls",
		    STALL_MS);
	if (count < 0 && errno != EINTR)
		die("epoll_wait: %s", strerror(errno));
	for (int i = 0; i < count; i++) {
		load->now_ns = clock_ns();
		on_readable(load, events[i].data.ptr);
	}
}

static void conn_open(struct load *load, unsigned index)
{
	struct conn *conn = &load->conns[index];
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

	conn->fd = wire_connect((uint16_t)load->options.port);
	conn->speaker.index = index;
	conn->replier = conn;
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) < 0)
		die("epoll_ctl: %s", strerror(errno));
}

/* Without a word, as a network ends it. */
static void conn_cut(struct conn *conn)
{
	wire_reset(conn->fd);
	free(conn->rest);
	conn->rest = NULL;
	conn->rest_len = 0;
	conn->state = UPGRADING;
}

static void cut_all(struct load *load, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		conn_cut(&load->conns[i]);
	load->joined = 0;
}

/* A peer with a session says that it leaves, else it would be waited for. */
static void leave_all(struct load *load, unsigned count)
{
	static const uint8_t normal[] = {1000 >> 8, 1000 & 0xff};

	for (unsigned i = 0; i < count; i++) {
		load->conns[i].state = LEAVING;
		send_frame(&load->conns[i], WIRE_CLOSE, normal, sizeof(normal));
	}
	while (load->joined > 0)
		turn(load);
}

static void close_all(struct load *load, unsigned count)
{
	if (load->speak->has_sessions)
		leave_all(load, count);
	else
		cut_all(load, count);
	for (unsigned i = 0; i < count; i++) {
		free(load->conns[i].rest);
		memset(&load->conns[i], 0, sizeof(load->conns[i]));
	}
}

static void join_one(struct load *load, unsigned index, unsigned room,
		     enum speak_role role)
{
	conn_open(load, index);
	load->conns[index].speaker.room = room;
	load->conns[index].speaker.role = role;
	start_handshake(load, &load->conns[index]);
}

/* Two to a room: the one `first`, the other a guest. */
static void join_pairs(struct load *load, unsigned count, enum speak_role first)
{
	unsigned started = 0;

	while (load->joined < count) {
		for (; started < count && started - load->joined < AT_ONCE_MAX;
		     started++)
			join_one(load, started, started / 2,
				 started % 2 ? SPEAK_GUEST : first);
		turn(load);
	}
}

static void join_watchers(struct load *load, unsigned count)
{
	unsigned started = 1;

	join_one(load, 0, 0, SPEAK_BROADCASTER);
	while (load->joined < 1)
		turn(load);
	while (load->joined < count + 1) {
		for (; started < count + 1 &&
		       started - load->joined < AT_ONCE_MAX;
		     started++)
			join_one(load, started, 0, SPEAK_WATCHER);
		turn(load);
	}
}

/* The ball is here: play it back, or let the other play the next. */
static void on_relayed(struct load *load, struct conn *conn)
{
	send_next(load, conn->replier);
}

/* Once all watchers have one message, send the next. */
static void on_broadcast_received(struct load *load, struct conn *conn)
{
	if (load->delivered % load->options.peers != 0)
		return;
	send_next(load, conn->source);
	out_flush(load, conn->source);
}

static struct reading take_reading(const struct load *load,
				   const struct proc_counter *counter)
{
	struct reading reading = {
		.at_ns = clock_ns(),
		.cpu_ns = proc_cpu_ns((pid_t)load->options.pid),
		.instructions = proc_counter_read(counter),
		.delivered = load->delivered,
	};

	reading.others_ns = proc_machine_ns() - reading.cpu_ns -
			    read_clock(CLOCK_PROCESS_CPUTIME_ID);
	return reading;
}

static void turn_until(struct load *load, uint64_t until_ns)
{
	do
		turn(load);
	while (load->now_ns < until_ns);
}

/* What was used from one reading to the other, in all and per message. */
static void print_usage(const struct reading *from, const struct reading *to,
			const struct proc_counter *counter)
{
	double count = (double)(to->delivered - from->delivered);
	double ns = (double)(to->at_ns - from->at_ns);
	double cpu_ns = (double)(to->cpu_ns - from->cpu_ns);

	if (count == 0)
		die("nothing was delivered while it was measured: the machine "
		    "is too busy");
	printf("{\"delivered\":%.0f,\"seconds\":%.3f,\"per_second\":%.0f,"
	       "\"cpu_us\":%.4f,\"busy\":%.3f,\"others\":%.3f,"
	       "\"latency_p50_us\":%.1f,\"latency_p99_us\":%.1f,"
	       "\"instructions\":",
	       count, ns / 1e9, count / ns * 1e9, cpu_ns / 1e3 / count,
	       cpu_ns / ns,
	       (double)(int64_t)(to->others_ns - from->others_ns) / ns,
	       latency_us(0.50), latency_us(0.99));
	if (counter->fds_count > 0)
		printf("%.0f}\n",
		       (double)(to->instructions - from->instructions) / count);
	else
		printf("null}\n");
}

/*
 * Take what is still under way. A pair whose message was lost has fallen silent
 * among the others: it is missed here, if not before.
 */
static void take_rest(struct load *load, uint64_t receivers)
{
	load->is_ending = 1;
	while (load->delivered < load->sent * receivers)
		turn(load);
}

/*
 * All that was sent must also be acknowledged, else a server would be cheap by
 * losing acknowledgements. What broadcasts brought nobody is told of.
 */
static void take_acks(struct load *load, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		if (load->conns[i].speaker.session.said <
		    load->conns[i].speaker.session.position)
			say_ack(&load->conns[i]);
	for (unsigned i = from; i < to; i++)
		while (load->conns[i].speaker.session.acked <
		       load->conns[i].speaker.session.pending)
			turn(load);
}

/*
 * The loop runs already: let it, and see what the server uses.
 *
 * receivers  how many get what was sent once
 */
static void measure(struct load *load, uint64_t receivers)
{
	const struct options *options = &load->options;
	struct proc_counter counter;
	struct reading from;
	struct reading to;

	turn_until(load, clock_ns() + options->warmup_ms * 1000000);
	(void)proc_counter_open(&counter, (pid_t)options->pid);
	memset(latencies, 0, sizeof(latencies));
	from = take_reading(load, &counter);
	if (options->messages > 0)
		while (load->delivered - from.delivered < options->messages)
			turn(load);
	else
		turn_until(load, from.at_ns + options->measure_ms * 1000000);
	to = take_reading(load, &counter);
	take_rest(load, receivers);
	print_usage(&from, &to, &counter);
}

/*
 * Who has joined in pairs may talk now.
 *
 * answers  whether the other of a pair answers, or the first sends on
 */
static void pair_up(struct load *load, unsigned count, int answers)
{
	load->on_payload = on_relayed;
	for (unsigned i = 0; i < count; i++) {
		struct conn *conn = &load->conns[i];

		conn->source = &load->conns[i ^ 1];
		if (i % 2 && !answers)
			conn->replier = conn->source;
		prepare_relay(load, conn, conn->source, answers);
	}
}

/* The first messages of each pair's first. */
static void serve(struct load *load, unsigned from, unsigned to)
{
	load->now_ns = clock_ns();
	for (unsigned i = from; i < to; i += 2) {
		for (uint64_t n = 0; n < load->options.window; n++)
			send_next(load, &load->conns[i]);
		out_flush(load, &load->conns[i]);
	}
}

static void run_pairs(struct load *load, int answers)
{
	unsigned count = (unsigned)load->options.peers;

	join_pairs(load, count, SPEAK_HOST);
	pair_up(load, count, answers);
	serve(load, 0, count);
	measure(load, 1);
	take_acks(load, 0, count);
	close_all(load, count);
}

static void run_relay(struct load *load)
{
	run_pairs(load, 1);
}

static void run_stream(struct load *load)
{
	load->acks_alone = load->speak->has_sessions;
	run_pairs(load, 0);
}

static void run_broadcast(struct load *load)
{
	unsigned count = (unsigned)load->options.peers;
	struct conn *broadcaster = load->conns;

	load->on_payload = on_broadcast_received;
	load->options.window = 1;
	load->acks_alone = load->speak->has_sessions;
	join_watchers(load, count);
	for (unsigned i = 1; i <= count; i++)
		load->conns[i].source = broadcaster;
	prepare_broadcast(load, broadcaster);
	load->now_ns = clock_ns();
	send_next(load, broadcaster);
	out_flush(load, broadcaster);
	measure(load, count);
	close_all(load, count + 1);
}

/* Memory without what the server has not thrown away yet. */
static uint64_t settled_bytes(const struct options *options)
{
	if (options->collect)
		kill((pid_t)options->pid, SIGUSR2);
	proc_settle((pid_t)options->pid);
	return proc_anonymous_bytes((pid_t)options->pid);
}

/* Each pair sets a call up, and falls silent; few at once, so that what calls
 * need and give back is small beside what stays. */
static void call(struct load *load, unsigned count)
{
	load->most = load->options.calls;
	pair_up(load, count, 1);
	for (unsigned from = 0, to; from < count; from = to) {
		to = count - from < AT_ONCE_MAX ? count : from + AT_ONCE_MAX;
		serve(load, from, to);
		while (load->delivered < to * load->most)
			turn(load);
		take_acks(load, from, to);
	}
}

/* Guests alone: some servers tell everybody of each host, all others. */
static void run_idle(struct load *load)
{
	const struct options *options = &load->options;
	unsigned count = (unsigned)options->peers;
	pid_t pid = (pid_t)options->pid;
	uint64_t bytes;
	uint64_t idle_bytes;
	uint64_t cpu_ns;
	uint64_t joined_cpu_ns;
	uint64_t closed_cpu_ns;

	join_pairs(load, WARMERS, SPEAK_GUEST);
	close_all(load, WARMERS);
	bytes = settled_bytes(options);

	cpu_ns = proc_cpu_ns(pid);
	join_pairs(load, count, SPEAK_GUEST);
	joined_cpu_ns = proc_cpu_ns(pid) - cpu_ns;
	if (options->calls > 0)
		call(load, count);
	idle_bytes = settled_bytes(options);

	cpu_ns = proc_cpu_ns(pid);
	close_all(load, count);
	proc_settle(pid);
	closed_cpu_ns = proc_cpu_ns(pid) - cpu_ns;

	printf("{\"peers\":%u,\"bytes_per_peer\":%.0f,\"join_cpu_us\":%.2f,"
	       "\"close_cpu_us\":%.2f}\n",
	       count, ((double)idle_bytes - (double)bytes) / count,
	       (double)joined_cpu_ns / 1e3 / count,
	       (double)closed_cpu_ns / 1e3 / count);
}

/*
 * The first of each pair sends; the other reads everything, and says nothing.
 * What is kept for it must end where the server's configuration says.
 */
static void run_unheard(struct load *load)
{
	const struct options *options = &load->options;
	unsigned count = (unsigned)options->peers;
	double receivers = count / 2.0;
	uint64_t bytes;
	uint64_t full_bytes;
	uint64_t acked_bytes;

	if (!load->speak->has_sessions)
		die("only a session keeps what is not acknowledged");
	load->options.window = 1;
	join_pairs(load, count, SPEAK_HOST);
	pair_up(load, count, 0);
	for (unsigned i = 0; i < count; i += 2)
		load->conns[i].speaker.session.may_be_refused = 1;
	bytes = settled_bytes(options);

	serve(load, 0, count);
	while (load->refused < count / 2 * REFUSALS)
		turn(load);
	take_rest(load, 1);
	full_bytes = settled_bytes(options);
	take_acks(load, 0, count);
	acked_bytes = settled_bytes(options);
	close_all(load, count);

	printf("{\"receivers\":%.0f,\"messages\":%.0f,\"kept_bytes\":%.0f,"
	       "\"bytes_per_receiver\":%.0f,\"bytes_when_acked\":%.0f}\n",
	       receivers, (double)load->delivered / receivers,
	       (double)load->delivered_bytes / receivers,
	       ((double)full_bytes - (double)bytes) / receivers,
	       ((double)acked_bytes - (double)bytes) / receivers);
}

static void run_resume(struct load *load)
{
	unsigned count = (unsigned)load->options.peers;
	pid_t pid = (pid_t)load->options.pid;
	uint64_t cpu_ns;
	uint64_t joined_cpu_ns;
	uint64_t resumed_cpu_ns;

	if (!load->speak->has_sessions)
		die("only a session is resumed");
	proc_settle(pid);
	cpu_ns = proc_cpu_ns(pid);
	join_pairs(load, count, SPEAK_GUEST);
	proc_settle(pid);
	joined_cpu_ns = proc_cpu_ns(pid) - cpu_ns;
	cut_all(load, count);
	proc_settle(pid);

	cpu_ns = proc_cpu_ns(pid);
	join_pairs(load, count, SPEAK_GUEST);
	proc_settle(pid);
	resumed_cpu_ns = proc_cpu_ns(pid) - cpu_ns;
	close_all(load, count);

	printf("{\"peers\":%u,\"join_cpu_us\":%.2f,\"resume_cpu_us\":%.2f}\n",
	       count, (double)joined_cpu_ns / 1e3 / count,
	       (double)resumed_cpu_ns / 1e3 / count);
}

static void run_http(struct load *load)
{
	unsigned count = (unsigned)load->options.peers;

	load->take = take_answer;
	load->now_ns = clock_ns();
	for (unsigned i = 0; i < count; i++) {
		conn_open(load, i);
		send_request(load, &load->conns[i]);
		out_flush(load, &load->conns[i]);
	}
	measure(load, 1);
	close_all(load, count);
}

#define NUMBER(name, min, max)                                     \
	{                                                          \
#name, offsetof(struct options, name), 0, min, max \
	}
#define TEXT(name)                                             \
	{                                                      \
#name, offsetof(struct options, name), 1, 0, 0 \
	}

static const struct {
	const char *name;
	size_t offset;
	int is_text;
	uint64_t min;
	uint64_t max;
} keys[] = {
	TEXT(speak),
	TEXT(path),
	NUMBER(port, 1, UINT16_MAX),
	NUMBER(pid, 1, INT32_MAX),
	NUMBER(cpu, 0, CPU_SETSIZE - 1),
	NUMBER(peers, 2, CONNS_MAX),
	NUMBER(window, 1, WINDOW_MAX),
	NUMBER(warmup_ms, 0, 60000),
	NUMBER(measure_ms, 1, 60000),
	NUMBER(messages, 0, UINT32_MAX),
	NUMBER(calls, 0, 1000),
	NUMBER(collect, 0, 1),
};

static void set_option(struct options *options, const char *arg)
{
	const char *value = strchr(arg, '=');

	for (size_t i = 0; value && i < sizeof(keys) / sizeof(keys[0]); i++) {
		void *to = (char *)options + keys[i].offset;
		uint64_t number;
		char *end;

		if (strlen(keys[i].name) != (size_t)(value - arg) ||
		    strncmp(keys[i].name, arg, (size_t)(value - arg)) != 0)
			continue;
		if (keys[i].is_text) {
			*(const char **)to = value + 1;
			return;
		}
		number = strtoull(value + 1, &end, 10);
		if (*end || number < keys[i].min || number > keys[i].max)
			die("%s: from %" PRIu64 " to %" PRIu64, arg,
			    keys[i].min, keys[i].max);
		*(uint64_t *)to = number;
		return;
	}
	die("%s: not an option", arg);
}

static void pin(uint64_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("pinning to core %" PRIu64 ": %s", cpu, strerror(errno));
}

static const struct {
	const char *name;
	void (*run)(struct load *load);
} scenarios[] = {
	{"relay", run_relay},	      {"stream", run_stream},
	{"broadcast", run_broadcast}, {"idle", run_idle},
	{"unheard", run_unheard},     {"resume", run_resume},
	{"http", run_http},
};

int main(int argc, char **argv)
{
	struct load load = {
		.options = {.speak = "native",
			    .path = "/v1/ice",
			    .peers = 200,
			    .window = 1,
			    .warmup_ms = 500,
			    .measure_ms = 2000},
		.take = take_frames,
	};

	for (int i = 2; i < argc; i++)
		set_option(&load.options, argv[i]);
	load.speak = speak_find(load.options.speak);
	if (!load.speak || !load.options.port || !load.options.pid)
		die("port, pid and a known speak are needed");

	payload_init();
	pin(load.options.cpu);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.conns = calloc(CONNS_MAX + 1, sizeof(*load.conns));
	if (load.epoll < 0 || !load.conns)
		die("starting: %s", strerror(errno));

	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (argc < 2 || strcmp(argv[1], scenarios[i].name) != 0)
			continue;
		scenarios[i].run(&load);
		return 0;
	}
	die("usage: load relay|stream|broadcast|idle|unheard|resume|http "
	    "name=value...");
}
