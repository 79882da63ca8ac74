/* access.h: who may come in, and as whom: the same for every dialect. */
#ifndef SIGNALD_ACCESS_ACCESS_H
#define SIGNALD_ACCESS_ACCESS_H

#include "access/shown.h"
#include "access/tokens.h"
#include "access/webhook.h"
#include "net/web.h"
#include "policy/config.h"

struct access;

/* What a verdict waits for: one of them, or neither. */
struct access_pending {
	struct tokens *tokens;	     /* keys are being fetched */
	struct webhook_entry *asked; /* the operator's webhook decides */
};

/* Who waits to be judged again; zero-initialised but for on_ready. */
struct access_wait {
	struct tokens_wait tokens;
	struct webhook_wait webhook;
	void (*on_ready)(struct access_wait *wait);
};

struct access_ask {
	struct shown shown;
	const char *dialect;	     /* "native", "socketio" or "http" */
	struct span room;	     /* {NULL, 0}: not for a room */
	struct span role;	     /* "" for none in particular */
	const struct net_addr *from; /* who tries secrets is slowed down */
	/* Of who asked the same before, and was called; or NULL. */
	const struct access_wait *wait;
};

struct access_verdict {
	/* Why not, in one word and in a sentence, which is borrowed for the
	 * turn; NULL when it is granted. */
	const char *code;
	const char *message;
	struct claims claims; /* when it is */
	bool is_guest;	      /* nobody vouches for them */
	/* Nobody could say: that is not the fault of what was shown. */
	bool is_unsure;
	/* It is refused until that is known: access_await(). */
	bool is_pending;
	struct access_pending pending;
	unsigned retry_after_s; /* 0: that is not known */
};

/*
 * The loop is borrowed, and its configuration the one in force.
 *
 * why  a sentence, without a full stop, with -EINVAL: keys of tokens that
 *      cannot be read
 *
 * Returns 0, -EINVAL or -ENOMEM.
 */
int access_new(struct access **accessp, struct loop *loop,
	       char why[TOKENS_MAX_ERROR]);
void access_free(struct access *access); /* takes NULL */

/* The loop has another configuration. Returns as access_new(); with an error no
 * token is taken any more. */
int access_configure(struct access *access, char why[TOKENS_MAX_ERROR]);

/* Have somebody hear of everybody who is refused; NULL: nobody. */
typedef void access_refused(const char *code, void *arg);
void access_watch(struct access *access, access_refused *on_refused, void *arg);

/* Somebody was refused, and is told so: it is counted and logged. */
void access_note_refusal(const struct access *access,
			 const struct access_verdict *verdict);

/* Judge; what was granted is for access_verdict_clear(). A ticket is used up
 * by it. */
void access_judge(struct access *access, const struct access_ask *ask,
		  struct access_verdict *verdict);

/*
 * The same of who asks in a message, over a connection that began before.
 *
 * ask   its `shown` is filled in, and not to be read afterwards
 * kept  what the handshake showed
 * auth  what the message tells, as shown_tell() has it
 */
void access_judge_told(struct access *access, struct access_ask *ask,
		       const struct shown_kept *kept, struct span auth,
		       struct access_verdict *verdict);

void access_verdict_clear(struct access_verdict *verdict);

/* Have wait's on_ready called once, at the end of a turn, when it is worth
 * judging again: in the turn of a verdict that is pending. Until
 * access_cancel() the wait goes with the asker, and is part of what it asks. */
void access_await(const struct access_pending *pending,
		  struct access_wait *wait);

/* on_ready is not called any more; also for one that does not wait. */
void access_cancel(struct access_wait *wait);

/* What the claims do not allow, as the hub has it. */
unsigned access_lacks(const struct access_verdict *verdict);

/*
 * Whether a request comes from a backend with an API key.
 *
 * Returns 0 with the key's name; or why not, as access_judge() does, in
 * *verdict and -EACCES.
 */
int access_backend(struct access *access, const struct web_request *request,
		   char name[CONFIG_MAX_KEY_NAME + 1],
		   struct access_verdict *verdict);

struct tickets *access_tickets(struct access *access);
const struct config *access_config(const struct access *access);

#define ACCESS_HEADERS_CAP 128

/*
 * The answer over HTTP to who was refused: 401 where a credential would help,
 * 403 where it would not, 429 or 503 with Retry-After where it is to be tried
 * again.
 *
 * body     where the answer's lies then; to be cleared
 * headers  the same for its headers
 */
void access_write_refusal(const struct access_verdict *verdict,
			  struct web_response *response, struct buf *body,
			  char headers[ACCESS_HEADERS_CAP]);
void access_reply(struct web_exchange *exchange,
		  const struct access_verdict *verdict);

#endif
