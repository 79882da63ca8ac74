/* conn.c: a TCP connection: bytes in, bytes out, one deadline, one end. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event_struct.h>

#include "base/member.h"
#include "net/conn.h"
#include "policy/metric.h"

#define LINGER_MS 2000

const char conn_output_full[] = "output full";
const char conn_output_stalled[] = "output stalled";
const char conn_shutdown[] = "shutdown";

enum conn_state {
	CONN_OPEN,
	CONN_FINISHING, /* writing what is queued */
	CONN_LINGERING, /* all written, reading over the rest */
	CONN_CLOSED,	/* waiting for the end of the turn */
};

/*
 *   set->all      every connection, doubly linked
 *   set->dirty    those with new output, written at the end of the turn
 *   set->closed   those to be freed at the end of the turn
 *
 * Nothing else is freed in the middle of a turn, so any code may close any
 * connection while it walks over peers.
 */
struct conn_set {
	struct loop *loop;
	struct conn *all;
	struct conn *dirty;
	struct conn *closed;
	size_t count;
	size_t queued_bytes;
	void (*on_freed)(void *arg);
	void *on_freed_arg;
};

struct conn {
	struct conn_set *set;
	struct conn *prev;
	struct conn *next;
	struct conn *next_dirty;
	struct conn *next_closed;
	struct event event; /* read, and write while output is stuck */
	struct loop_timer timer;
	const struct conn_ops *ops;
	void *arg;
	struct outq out;
	struct buf in; /* what on_bytes could not use yet */
	const char *reason;
	uint64_t deadline_ms; /* the owner's; 0 for none */
	size_t exempt;	      /* of what `out` holds: outside the limit */
	size_t counted;	      /* of its unsent bytes, in set->queued_bytes */
	uint64_t stalled_ms;  /* when stuck output ends it all; 0 for none */
	struct net_addr peer;
	struct wire wire;
	enum conn_state state;
	bool is_dirty;
	bool is_stuck;	 /* waiting for the socket to take more */
	bool is_reading; /* watched for input */
	bool is_held;	 /* shows no input until the output is written */
	bool has_eof;
};

static void event_cb(evutil_socket_t fd, short what, void *arg);
static void timer_fire(struct loop_timer *timer);
static void on_turn_end(void *arg);

int conn_set_new(struct conn_set **setp, struct loop *loop)
{
	struct conn_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	set->loop = loop;
	loop_set_turn_end(loop, on_turn_end, set);
	*setp = set;
	return 0;
}

void conn_set_free(struct conn_set *set)
{
	if (!set)
		return;
	for (struct conn *conn = set->all; conn; conn = conn->next)
		conn_close(conn, conn_shutdown);
	on_turn_end(set);
	loop_set_turn_end(set->loop, NULL, NULL);
	free(set);
}

size_t conn_set_count(const struct conn_set *set)
{
	return set->count;
}

bool conn_set_has_output(const struct conn_set *set)
{
	return set->queued_bytes;
}

struct loop *conn_set_loop(const struct conn_set *set)
{
	return set->loop;
}

void conn_set_on_freed(struct conn_set *set, void (*on_freed)(void *arg),
		       void *arg)
{
	set->on_freed = on_freed;
	set->on_freed_arg = arg;
}

struct conn *conn_new(struct conn_set *set, int fd, const struct net_addr *peer,
		      const struct conn_ops *ops, void *arg)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		goto fail;
	conn->set = set;
	conn->wire.fd = fd;
	conn->peer = *peer;
	conn->ops = ops;
	conn->arg = arg;
	conn->is_reading = true;
	conn->timer.fire = timer_fire;
	if (event_assign(&conn->event, set->loop->base, fd,
			 EV_READ | EV_PERSIST, event_cb, conn) ||
	    event_add(&conn->event, NULL))
		goto fail;
	conn->next = set->all;
	if (set->all)
		set->all->prev = conn;
	set->all = conn;
	set->count++;
	metric_add(METRIC_CONNECTIONS, 1);
	metric_add(METRIC_CONNECTIONS_TOTAL, 1);
	return conn;

fail:
	(void)close(fd);
	free(conn);
	return NULL;
}

int conn_start_tls(struct conn *conn, struct tls_server *server)
{
	return wire_start_tls(&conn->wire, server);
}

struct wire *conn_wire(struct conn *conn)
{
	return &conn->wire;
}

enum tls_protocol conn_protocol(const struct conn *conn)
{
	return conn->wire.tls ? tls_protocol(conn->wire.tls) : TLS_PROTOCOL_ANY;
}

bool conn_is_shaking(const struct conn *conn)
{
	return conn->wire.tls && !tls_is_shaken(conn->wire.tls);
}

void conn_set_ops(struct conn *conn, const struct conn_ops *ops, void *arg)
{
	conn->ops = ops;
	conn->arg = arg;
}

struct loop *conn_loop(const struct conn *conn)
{
	return conn->set->loop;
}

const struct net_addr *conn_peer(const struct conn *conn)
{
	return &conn->peer;
}

bool conn_is_open(const struct conn *conn)
{
	return conn->state == CONN_OPEN;
}

size_t conn_queued_bytes(const struct conn *conn)
{
	return conn->out.bytes + wire_unsent(&conn->wire);
}

bool conn_has_input(const struct conn *conn)
{
	return conn->in.len;
}

/* One timer serves the owner's deadline and our own for stuck output. */
static void restart_timer(struct conn *conn)
{
	uint64_t at = conn->deadline_ms;

	if (conn->stalled_ms && (!at || conn->stalled_ms < at))
		at = conn->stalled_ms;
	if (at)
		loop_timer_start(conn->set->loop, &conn->timer, at);
	else
		loop_timer_stop(&conn->timer);
}

void conn_set_deadline(struct conn *conn, uint64_t at_ms)
{
	if (conn->state != CONN_OPEN)
		return;
	conn->deadline_ms = at_ms;
	restart_timer(conn);
}

static void count_queued(struct conn *conn)
{
	struct conn_set *set = conn->set;
	size_t queued =
		conn->state == CONN_CLOSED ? 0 : conn_queued_bytes(conn);

	set->queued_bytes += queued - conn->counted;
	conn->counted = queued;
	metric_set(METRIC_QUEUED_BYTES, (int64_t)set->queued_bytes);
}

void conn_close(struct conn *conn, const char *reason)
{
	if (conn->state == CONN_CLOSED)
		return;
	if (!conn->reason)
		conn->reason = reason;
	conn->state = CONN_CLOSED;
	loop_enter(conn->set->loop);
	(void)event_del(&conn->event);
	loop_timer_stop(&conn->timer);
	count_queued(conn);
	outq_clear(&conn->out);
	conn->next_closed = conn->set->closed;
	conn->set->closed = conn;
}

static void watch(struct conn *conn, bool is_stuck);

static void linger(struct conn *conn)
{
	if (!conn->has_eof || conn->wire.tls)
		wire_end(&conn->wire);
	if (conn->has_eof) {
		conn_close(conn, conn->reason);
		return;
	}
	conn->state = CONN_LINGERING;
	conn->is_held = false;
	watch(conn, false);
	conn->deadline_ms = conn->set->loop->clock.mono_ms + LINGER_MS;
	restart_timer(conn);
}

void conn_finish(struct conn *conn, const char *reason)
{
	if (conn->state != CONN_OPEN)
		return;
	loop_enter(conn->set->loop);
	conn->state = CONN_FINISHING;
	conn->reason = reason;
	conn->deadline_ms = 0;
	restart_timer(conn);
	if (!conn_queued_bytes(conn))
		linger(conn);
}

/* What the loop is to watch for on this socket now. */
static void watch(struct conn *conn, bool is_stuck)
{
	bool is_reading = !conn->is_held &&
			  !(conn->has_eof && conn->state == CONN_FINISHING);
	short what =
		(short)((is_reading ? EV_READ : 0) | (is_stuck ? EV_WRITE : 0));

	if (conn->is_stuck == is_stuck && conn->is_reading == is_reading)
		return;
	conn->is_stuck = is_stuck;
	conn->is_reading = is_reading;
	(void)event_del(&conn->event);
	if (!what)
		return;
	(void)event_assign(&conn->event, conn->set->loop->base, conn->wire.fd,
			   (short)(what | EV_PERSIST), event_cb, conn);
	if (event_add(&conn->event, NULL))
		conn_close(conn, "out of memory");
}

void conn_watch(struct conn *conn, bool is_reading, bool is_writing)
{
	if (conn->state != CONN_OPEN)
		return;
	conn->is_held = !is_reading;
	watch(conn, is_writing);
}

/* Hand the socket what it takes; returns the bytes taken, or a negative errno
 * when it is lost. */
static ssize_t send_some(struct conn *conn)
{
	ssize_t sent = wire_send(&conn->wire, &conn->out);

	count_queued(conn);
	if (conn->exempt > conn->out.held)
		conn->exempt = conn->out.held;
	return sent;
}

static void take_bytes(struct conn *conn, char *bytes, size_t len);
static void take_end(struct conn *conn);

/* What was held back is shown now. */
static void all_is_written(struct conn *conn)
{
	bool was_held = conn->is_held;

	conn->is_held = false;
	watch(conn, false);
	if (conn->state == CONN_FINISHING)
		linger(conn);
	else if (was_held && conn->in.len && conn->state == CONN_OPEN)
		take_bytes(conn, conn->in.ptr, conn->in.len);
	else if (was_held && wire_is_over(&conn->wire))
		take_end(conn);
}

void conn_hold_input(struct conn *conn)
{
	if (conn->state != CONN_OPEN || !conn_queued_bytes(conn))
		return;
	conn->is_held = true;
	watch(conn, conn->is_stuck);
}

static void flush(struct conn *conn)
{
	const struct loop *loop = conn->set->loop;
	bool has_moved = false;

	while (conn_queued_bytes(conn)) {
		ssize_t sent = send_some(conn);

		if (sent < 0) {
			conn_close(conn, "connection lost");
			return;
		}
		if (!sent)
			break;
		has_moved = true;
	}
	if (!conn_queued_bytes(conn)) {
		conn->stalled_ms = 0;
		all_is_written(conn);
		return;
	}
	if (has_moved || !conn->stalled_ms) {
		conn->stalled_ms =
			loop->clock.mono_ms +
			(uint64_t)loop->config->output.stall_timeout_s * 1000;
		restart_timer(conn);
	}
	watch(conn, true);
}

static void mark_dirty(struct conn *conn)
{
	if (conn->is_dirty || conn->is_stuck)
		return;
	loop_enter(conn->set->loop);
	conn->is_dirty = true;
	conn->next_dirty = conn->set->dirty;
	conn->set->dirty = conn;
}

/* The end of every write: err is what the queue said. */
static int after_append(struct conn *conn, int err)
{
	if (err) {
		conn_close(conn, "out of memory");
		return -ENOBUFS;
	}
	count_queued(conn);
	mark_dirty(conn);
	return 0;
}

/* What is exempt takes none of the room. */
static bool has_room(struct conn *conn, size_t bytes)
{
	size_t max = conn->set->loop->config->output.max_queued_bytes;
	size_t held = conn->out.held - conn->exempt;

	/* One write always fits, so that no limit cuts a client that reads. */
	if (!conn->out.bytes || (held <= max && max - held >= bytes))
		return true;
	metric_add(METRIC_CLOSED_SLOW, 1);
	conn_close(conn, conn_output_full);
	return false;
}

int conn_write(struct conn *conn, const struct span *parts, size_t parts_count)
{
	size_t bytes = spans_len(parts, parts_count);
	bool is_first = !conn->out.bytes;
	int err;

	if (conn->state != CONN_OPEN)
		return -EPIPE;
	if (!has_room(conn, bytes))
		return -ENOBUFS;
	err = after_append(conn, outq_append(&conn->out, parts, parts_count));
	/* Nor is it to be cut for what follows such a write. */
	if (!err && is_first)
		conn->exempt = conn->out.held;
	return err;
}

int conn_write_share(struct conn *conn, const struct share *share)
{
	if (conn->state != CONN_OPEN)
		return -EPIPE;
	if (!has_room(conn, share->len))
		return -ENOBUFS;
	return after_append(conn, outq_append_share(&conn->out, share));
}

int conn_write_exempt(struct conn *conn, const struct share *share)
{
	size_t counted = conn->out.held - conn->exempt;
	int err;

	if (conn->state != CONN_OPEN)
		return -EPIPE;
	err = after_append(conn, outq_append_share(&conn->out, share));
	if (!err)
		conn->exempt = conn->out.held - counted;
	return err;
}

/* Show bytes to the owner, and to the next one if that changes meanwhile. */
static size_t deliver(struct conn *conn, char *bytes, size_t len)
{
	const struct conn_ops *ops;
	size_t used = 0;

	do {
		ops = conn->ops;
		used += ops->on_bytes(conn, bytes + used, len - used,
				      conn->arg);
	} while (used < len && conn->state == CONN_OPEN && conn->ops != ops);
	return used;
}

/* The client's end of file is here. */
static void take_end(struct conn *conn)
{
	conn->has_eof = true;
	if (conn->state == CONN_OPEN)
		conn_finish(conn, "closed by the client");
	else if (conn->state == CONN_LINGERING)
		conn_close(conn, "connection lost");
	/* It would be told again and again; ours is yet to come. */
	if (conn->state == CONN_FINISHING)
		watch(conn, conn->is_stuck);
}

static void take_bytes(struct conn *conn, char *bytes, size_t len)
{
	size_t used = deliver(conn, bytes, len);

	if (conn->state != CONN_OPEN)
		return;
	if (bytes == conn->in.ptr) {
		buf_consume(&conn->in, used);
	} else {
		buf_append(&conn->in, bytes + used, len - used);
		if (conn->in.failed)
			conn_close(conn, "out of memory");
	}
	/* An idle connection holds no buffer. */
	if (!conn->in.len)
		buf_clear(&conn->in);
	/* Under TLS the end may have come along; no socket tells of it then. */
	if (wire_is_over(&conn->wire) && !conn->is_held)
		take_end(conn);
}

/* Returns 0 also when the connection is over. */
static ssize_t receive(struct conn *conn, char *into, size_t cap)
{
	ssize_t len = conn->state == CONN_OPEN
			      ? wire_read(&conn->wire, into, cap)
			      : wire_skip(&conn->wire, into, cap);

	/* TLS may have had to answer. */
	if (wire_unsent(&conn->wire))
		mark_dirty(conn);
	if (len >= 0)
		return len;
	if (len == -ENODATA)
		take_end(conn);
	else
		conn_close(conn, "connection lost");
	return 0;
}

/* More of what is incomplete: it gathers in conn->in. */
static void read_more(struct conn *conn)
{
	char *scratch = conn->set->loop->scratch;
	ssize_t len = 0;

	if (conn->wire.tls) {
		len = receive(conn, scratch, LOOP_SCRATCH_BYTES);
		buf_append(&conn->in, scratch, (size_t)len);
	} else if (!buf_reserve(&conn->in, BUFSIZ)) {
		len = receive(conn, conn->in.ptr + conn->in.len,
			      conn->in.cap - conn->in.len);
		conn->in.len += (size_t)len;
	}
	if (conn->in.failed)
		conn_close(conn, "out of memory");
	else if (len)
		take_bytes(conn, conn->in.ptr, conn->in.len);
}

static void read_some(struct conn *conn)
{
	char *scratch = conn->set->loop->scratch;
	ssize_t len;

	if (conn->state == CONN_OPEN && conn->in.len) {
		read_more(conn);
		return;
	}
	len = receive(conn, scratch, LOOP_SCRATCH_BYTES);
	if (len > 0 && conn->state == CONN_OPEN)
		take_bytes(conn, scratch, (size_t)len);
}

void conn_serve(struct conn *conn, short what)
{
	if (what & EV_WRITE && conn->state != CONN_CLOSED)
		flush(conn);
	if (what & EV_READ && conn->state != CONN_CLOSED)
		read_some(conn);
}

static void event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct conn *conn = arg;

	(void)fd;
	loop_enter(conn->set->loop);
	if (conn->ops->on_ready && conn->state == CONN_OPEN)
		conn->ops->on_ready(conn, what, conn->arg);
	else
		conn_serve(conn, what);
}

static void timer_fire(struct loop_timer *timer)
{
	struct conn *conn = container_of(timer, struct conn, timer);
	uint64_t now_ms = conn->set->loop->clock.mono_ms;

	if (conn->stalled_ms && conn->stalled_ms <= now_ms) {
		metric_add(METRIC_CLOSED_SLOW, 1);
		conn_close(conn, conn_output_stalled);
		return;
	}
	if (!conn->deadline_ms || conn->deadline_ms > now_ms) {
		restart_timer(conn);
		return;
	}
	conn->deadline_ms = 0;
	if (conn->state == CONN_OPEN)
		conn->ops->on_deadline(conn, conn->arg);
	else
		conn_close(conn, conn->reason);
}

static void free_conn(struct conn *conn)
{
	struct conn_set *set = conn->set;

	if (conn->prev)
		conn->prev->next = conn->next;
	else
		set->all = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	set->count--;
	metric_add(METRIC_CONNECTIONS, -1);
	wire_close(&conn->wire);
	buf_clear(&conn->in);
	free(conn);
}

static void write_dirty(struct conn_set *set)
{
	while (set->dirty) {
		struct conn *conn = set->dirty;

		set->dirty = conn->next_dirty;
		conn->is_dirty = false;
		if (conn->state == CONN_OPEN || conn->state == CONN_FINISHING)
			flush(conn);
	}
}

/*
 * The owners' on_close may write to and close other connections: go on until
 * nothing is left. A closed one leaves the dirty list before it is freed.
 */
static void on_turn_end(void *arg)
{
	struct conn_set *set = arg;
	bool has_freed = false;

	do {
		write_dirty(set);
		while (set->closed) {
			struct conn *conn = set->closed;

			set->closed = conn->next_closed;
			if (conn->ops->on_close)
				conn->ops->on_close(conn, conn->reason,
						    conn->arg);
			write_dirty(set);
			free_conn(conn);
			has_freed = true;
		}
	} while (set->dirty);
	if (has_freed && set->on_freed)
		set->on_freed(set->on_freed_arg);
}
