/* access.h: who may come in, and as whom: the same for every dialect. */
#ifndef SIGNALD_ACCESS_ACCESS_H
#define SIGNALD_ACCESS_ACCESS_H

#include "access/ticket.h"
#include "access/tokens.h"
#include "net/web.h"
#include "policy/config.h"

struct access;

/* Of what clients show: an API key, a ticket or a token. */
#define ACCESS_MAX_CREDENTIAL 8192

struct access_ask {
	struct span credential; /* {NULL, 0} for none */
	/* The page that asks, as web_judge_page() has it. */
	enum origin_verdict page;
	struct span room;	     /* {NULL, 0}: not for a room */
	struct span role;	     /* "" for none in particular */
	const struct net_addr *from; /* who tries secrets is slowed down */
};

struct access_verdict {
	/* Why not, in one word and in a sentence; NULL when it is granted. */
	const char *code;
	const char *message;
	struct claims claims; /* when it is */
	bool is_guest;	      /* nobody vouches for them */
	/* It is refused as long as keys are being fetched: access_await(). */
	bool is_pending;
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

/* Judge; what was granted is for access_verdict_clear(). A ticket is used up
 * by it. */
void access_judge(struct access *access, const struct access_ask *ask,
		  struct access_verdict *verdict);
void access_verdict_clear(struct access_verdict *verdict);

/* Have wait's on_ready called when it is worth judging again: in the turn of a
 * verdict that is pending. tokens_cancel() ends it. */
void access_await(struct access *access, struct tokens_wait *wait);

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

/*
 * What a request shows: "Authorization: Bearer", a subprotocol of the form
 * "bearer.CREDENTIAL", or a ticket as ?ticket=.
 *
 * space  what a ticket of the query is decoded into
 *
 * Returns it; {NULL, 0} for none.
 */
struct span access_shown(const struct web_request *request,
			 char space[TICKET_LEN + 1]);

/*
 * What a message shows: a JSON string, or the member token of an object.
 *
 * auth   raw, validated JSON, or {NULL, 0}
 * space  what it is decoded into where it has escapes
 *
 * Returns it; {NULL, 0} for none, or for JSON of another form.
 */
struct span access_told(struct span auth, char *space, size_t cap);

/* The status and headers of an HTTP answer with that code: 401 where a
 * credential would help, else 403. */
void access_reply(struct web_exchange *exchange,
		  const struct access_verdict *verdict);

#endif
