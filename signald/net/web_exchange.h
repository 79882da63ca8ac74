/* web_exchange.h: what web.c and web_reply.c share: a request being answered.
 */
#ifndef SIGNALD_NET_WEB_EXCHANGE_H
#define SIGNALD_NET_WEB_EXCHANGE_H

#include "net/web.h"

#define WEB_DATE_CAP 64

/* Kept from one answer to the next. Zero-initialised. */
struct web_writer {
	struct buf head;    /* of the answer being written */
	uint64_t foreign_s; /* when a foreign origin was logged */
	uint64_t date_s;    /* when date was formatted */
	char date[WEB_DATE_CAP];
};

void web_writer_clear(struct web_writer *writer);

struct web_conn;

struct web_exchange {
	struct web_conn *web_conn;
	struct conn *conn;
	struct web_writer *writer;
	enum web_cors cors;
	struct span origin; /* that may read the answer; {NULL, 0}: none */
	bool is_head;	    /* the answer has no body */
	bool is_answered;
	bool is_held;
	bool is_switched; /* to another protocol */
	bool must_close;  /* this answer is the connection's last */
};

#endif
