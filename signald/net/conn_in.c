/* conn_in.c: what comes in on a connection, and its end. */
#include <errno.h>
#include <stdio.h>

#include "net/conn_parts.h"

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

void conn_take_end(struct conn *conn)
{
	conn->has_eof = true;
	if (conn->state == CONN_OPEN)
		conn_finish(conn, "closed by the client");
	else if (conn->state == CONN_LINGERING)
		conn_close(conn, "connection lost");
	/* It would be told again and again; ours is yet to come. */
	if (conn->state == CONN_FINISHING)
		conn_watch_for(conn, conn->is_stuck);
}

void conn_take_bytes(struct conn *conn, char *bytes, size_t len)
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
	if (wire_is_over(&conn->wire) && !conn->is_held && !conn->is_paused)
		conn_take_end(conn);
}

void conn_show_held(struct conn *conn)
{
	if (conn->in.len && conn->state == CONN_OPEN)
		conn_take_bytes(conn, conn->in.ptr, conn->in.len);
	else if (wire_is_over(&conn->wire))
		conn_take_end(conn);
}

void conn_pause_input(struct conn *conn)
{
	if (conn->state != CONN_OPEN)
		return;
	conn->is_paused = true;
	conn_watch_for(conn, conn->is_stuck);
}

void conn_resume_input(struct conn *conn)
{
	if (conn->state != CONN_OPEN || !conn->is_paused)
		return;
	conn->is_paused = false;
	conn_watch_for(conn, conn->is_stuck);
	if (!conn->is_held && conn->state == CONN_OPEN)
		conn_show_held(conn);
}

/* Returns 0 also when the connection is over. */
static ssize_t receive(struct conn *conn, char *into, size_t cap)
{
	ssize_t len = conn->state == CONN_OPEN
			      ? wire_read(&conn->wire, into, cap)
			      : wire_skip(&conn->wire, into, cap);

	/* TLS may have had to answer. */
	if (wire_unsent(&conn->wire))
		conn_mark_dirty(conn);
	if (len >= 0)
		return len;
	if (len == -ENODATA)
		conn_take_end(conn);
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
		conn_take_bytes(conn, conn->in.ptr, conn->in.len);
}

void conn_read(struct conn *conn)
{
	char *scratch = conn->set->loop->scratch;
	ssize_t len;

	if (conn->state == CONN_OPEN && conn->in.len) {
		read_more(conn);
		return;
	}
	len = receive(conn, scratch, LOOP_SCRATCH_BYTES);
	if (len > 0 && conn->state == CONN_OPEN)
		conn_take_bytes(conn, scratch, (size_t)len);
}
