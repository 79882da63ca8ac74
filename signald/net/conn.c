/* conn.c: a TCP connection: bytes in, bytes out, one deadline, one end. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/member.h"
#include "net/conn_parts.h"
#include "policy/metric.h"

#define LINGER_MS 2000

const char conn_output_stalled[] = "output stalled";
const char conn_shutdown[] = "shutdown";

size_t conn_leave_bytes(struct conn *conn, char *bytes, size_t len, void *arg)
{
	(void)conn;
	(void)bytes;
	(void)len;
	(void)arg;
	return 0;
}

const struct conn_ops conn_nobody = {.on_bytes = conn_leave_bytes};

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

void conn_set_close_others(struct conn_set *set, const struct conn_ops *ops)
{
	for (struct conn *conn = set->all; conn; conn = conn->next)
		if (conn->ops != ops)
			conn_close(conn, conn_shutdown);
	on_turn_end(set);
}

void conn_set_visit(struct conn_set *set, const struct conn_ops *ops,
		    void (*visit)(struct conn *conn, void *owner))
{
	/* Who is closed stays in the list until the turn ends. */
	for (struct conn *conn = set->all; conn; conn = conn->next)
		if (conn->ops == ops)
			visit(conn, conn->arg);
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

bool conn_has_input(const struct conn *conn)
{
	return conn->in.len;
}

void conn_restart_timer(struct conn *conn)
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
	conn_restart_timer(conn);
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
	conn_count_queued(conn);
	outq_clear(&conn->out);
	conn->next_closed = conn->set->closed;
	conn->set->closed = conn;
}

void conn_linger(struct conn *conn)
{
	if (!conn->has_eof || conn->wire.tls)
		wire_end(&conn->wire);
	if (conn->has_eof) {
		conn_close(conn, conn->reason);
		return;
	}
	conn->state = CONN_LINGERING;
	conn->is_held = false;
	conn->is_paused = false;
	conn_watch_for(conn, false);
	conn->deadline_ms = conn->set->loop->clock.mono_ms + LINGER_MS;
	conn_restart_timer(conn);
}

void conn_finish(struct conn *conn, const char *reason)
{
	if (conn->state != CONN_OPEN)
		return;
	loop_enter(conn->set->loop);
	conn->state = CONN_FINISHING;
	conn->reason = reason;
	conn->deadline_ms = 0;
	conn_restart_timer(conn);
	if (!conn_queued_bytes(conn))
		conn_linger(conn);
}

void conn_watch_for(struct conn *conn, bool is_stuck)
{
	bool is_reading = !conn->is_held && !conn->is_paused &&
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
	conn_watch_for(conn, is_writing);
}

void conn_serve(struct conn *conn, short what)
{
	if (what & EV_WRITE && conn->state != CONN_CLOSED)
		conn_flush(conn);
	if (what & EV_READ && conn->state != CONN_CLOSED)
		conn_read(conn);
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
		conn_restart_timer(conn);
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
	conn_leave_seat(conn);
	wire_close(&conn->wire);
	buf_clear(&conn->in);
	free(conn);
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
		conn_write_dirty(set);
		while (set->closed) {
			struct conn *conn = set->closed;

			set->closed = conn->next_closed;
			if (conn->ops->on_close)
				conn->ops->on_close(conn, conn->reason,
						    conn->arg);
			conn_write_dirty(set);
			free_conn(conn);
			has_freed = true;
		}
	} while (set->dirty);
	if (has_freed && set->on_freed)
		set->on_freed(set->on_freed_arg);
}
