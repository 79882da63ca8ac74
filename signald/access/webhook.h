/* webhook.h: asking the operator's own server who may come in. */
#ifndef SIGNALD_ACCESS_WEBHOOK_H
#define SIGNALD_ACCESS_WEBHOOK_H

#include "access/webhook_answer.h"
#include "net/addr.h"
#include "net/fetch.h"

/*
 * access.webhook_url is asked by a signed POST, once for all who ask the same
 * at the same time. Its answer is kept for as long as it says, in a table that
 * is bounded (access.webhook_cache_entries); what is kept is the answer, and a
 * hash of what was asked. No answer, or one that cannot be read, lets nobody
 * in.
 */
struct webhook;

/* One question, and its answer once that is there. */
struct webhook_entry;

/* What is told of who wants in; {NULL, 0} for what is not there. Bytes that are
 * no UTF-8 are told as "?". */
struct webhook_question {
	struct span token;
	struct span origin;
	struct span user_agent;
	struct span room;
	struct span role;
	const char *dialect; /* "native", "socketio", "http" */
	const struct net_addr *from;
};

/* Who waits for an answer; zero-initialised but for on_ready. An answer that
 * may not be kept is there for those who waited, until they cancel. */
struct webhook_wait {
	struct webhook_wait *next;
	struct webhook_wait **at;    /* the link that leads here */
	struct webhook_entry *entry; /* NULL: it does not wait */
	void (*on_ready)(struct webhook_wait *wait);
};

enum webhook_verdict {
	WEBHOOK_ALLOWED,
	WEBHOOK_REFUSED,     /* that is its answer */
	WEBHOOK_PENDING,     /* it is being asked */
	WEBHOOK_UNAVAILABLE, /* it does not answer, or not with 2xx */
	WEBHOOK_BAD_ANSWER,  /* what it answers says nothing */
	WEBHOOK_BUSY,	     /* it is asked too much already */
};

struct webhook_result {
	enum webhook_verdict verdict;
	struct claims claims;	     /* WEBHOOK_ALLOWED: to be cleared */
	const char *reason;	     /* WEBHOOK_REFUSED: "" for none; borrowed,
					 for this turn */
	struct webhook_entry *entry; /* WEBHOOK_PENDING: for webhook_wait() */
};

/* loop, fetcher  must outlive it. Returns 0 or -ENOMEM. */
int webhook_new(struct webhook **webhookp, struct loop *loop,
		struct fetcher *fetcher);

/* Whoever waits hears nothing any more. Takes NULL. */
void webhook_free(struct webhook *webhook);

/* The loop has another configuration: nothing of before counts any more, but
 * for who waits for it. */
void webhook_configure(struct webhook *webhook);

/*
 * What the webhook says of a question; it is asked where that is not known.
 *
 * wait  of who asked this before and has been called, or NULL
 */
void webhook_ask(struct webhook *webhook,
		 const struct webhook_question *question,
		 const struct webhook_wait *wait,
		 struct webhook_result *result);

/* Have on_ready() called once, at the end of a turn, when an answer is there or
 * cannot be had. To be called in the turn of WEBHOOK_PENDING. */
void webhook_wait(struct webhook_entry *entry, struct webhook_wait *wait);

/* on_ready is not called any more, and the answer may go; also for one that
 * does not wait. */
void webhook_cancel(struct webhook_wait *wait);

#endif
