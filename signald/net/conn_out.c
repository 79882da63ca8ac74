/* conn_out.c: what a connection writes, at the end of a turn. */
#include <errno.h>

#include "net/conn_parts.h"
#include "policy/metric.h"

const char conn_output_full[] = "output full";

size_t conn_queued_bytes(const struct conn *conn)
{
	return conn->out.bytes + wire_unsent(&conn->wire);
}

void conn_count_queued(struct conn *conn)
{
	struct conn_set *set = conn->set;
	size_t queued =
		conn->state == CONN_CLOSED ? 0 : conn_queued_bytes(conn);

	set->queued_bytes += queued - conn->counted;
	conn->counted = queued;
	metric_set(METRIC_QUEUED_BYTES, (int64_t)set->queued_bytes);
}

/* Hand the socket what it takes; returns the bytes taken, or a negative errno
 * when it is lost. */
static ssize_t send_some(struct conn *conn)
{
	ssize_t sent = wire_send(&conn->wire, &conn->out);

	conn_count_queued(conn);
	if (conn->exempt > conn->out.held)
		conn->exempt = conn->out.held;
	return sent;
}

/* What was held back is shown now. */
static void all_is_written(struct conn *conn)
{
	bool was_held = conn->is_held && !conn->is_paused;

	conn->is_held = false;
	conn_watch_for(conn, false);
	if (conn->state == CONN_FINISHING)
		conn_linger(conn);
	else if (was_held)
		conn_show_held(conn);
}

void conn_hold_input(struct conn *conn)
{
	if (conn->state != CONN_OPEN || !conn_queued_bytes(conn))
		return;
	conn->is_held = true;
	conn_watch_for(conn, conn->is_stuck);
}

void conn_flush(struct conn *conn)
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
		conn_restart_timer(conn);
	}
	conn_watch_for(conn, true);
}

void conn_write_dirty(struct conn_set *set)
{
	while (set->dirty) {
		struct conn *conn = set->dirty;

		set->dirty = conn->next_dirty;
		conn->is_dirty = false;
		if (conn->state == CONN_OPEN || conn->state == CONN_FINISHING)
			conn_flush(conn);
	}
}

void conn_mark_dirty(struct conn *conn)
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
	conn_count_queued(conn);
	conn_mark_dirty(conn);
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
