/* conn_parts.h: a connection, for the files that it is made of. */
#ifndef SIGNALD_NET_CONN_PARTS_H
#define SIGNALD_NET_CONN_PARTS_H

#include <event2/event_struct.h>

#include "net/conn.h"

/* What a connection has of those its address may have at once. */
enum conn_seat { CONN_NO_SEAT, CONN_SEAT, CONN_RETURNED_SEAT };

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
	enum conn_seat seat;
	bool is_vouched;
	struct wire wire;
	enum conn_state state;
	bool is_dirty;
	bool is_stuck;	 /* waiting for the socket to take more */
	bool is_reading; /* watched for input */
	bool is_held;	 /* shows no input until the output is written */
	bool is_paused;	 /* nor until the owner resumes it */
	bool has_eof;
};

/* One timer serves the owner's deadline and our own for stuck output. */
void conn_restart_timer(struct conn *conn);

/* What the loop is to watch for on this socket now. */
void conn_watch_for(struct conn *conn, bool is_stuck);

/* All is written: our side ends, and what still comes is read over. */
void conn_linger(struct conn *conn);

/* Its address has one less: conn_account.c. */
void conn_leave_seat(struct conn *conn);

/* --- input: conn_in.c --- */

/* What the socket has now. */
void conn_read(struct conn *conn);

/* Show the owner bytes: new ones, or what conn->in has kept. */
void conn_take_bytes(struct conn *conn, char *bytes, size_t len);

/* What was held back. */
void conn_show_held(struct conn *conn);

/* The client's end of file is here. */
void conn_take_end(struct conn *conn);

/* --- output: conn_out.c --- */

/* The bytes queued have changed, for the set's sum. */
void conn_count_queued(struct conn *conn);

/* It is to be written at the end of the turn. */
void conn_mark_dirty(struct conn *conn);

/* Write what the socket takes. */
void conn_flush(struct conn *conn);

/* The same for all that are marked. */
void conn_write_dirty(struct conn_set *set);

#endif
