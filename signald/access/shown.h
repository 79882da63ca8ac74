/* shown.h: what clients show of who they are: with a request, and in messages.
 */
#ifndef SIGNALD_ACCESS_SHOWN_H
#define SIGNALD_ACCESS_SHOWN_H

#include "access/ticket.h"
#include "net/web.h"
#include "policy/config.h"

/* Of an API key, a ticket or a token. */
#define SHOWN_MAX_CREDENTIAL 8192

/*
 * All of it is borrowed. A credential that is too long is none of ours, and
 * nothing of it is there; but it was shown, and so whoever did is no guest.
 */
struct shown {
	struct span credential; /* {NULL, 0} for none */
	struct span origin;	/* the header; {NULL, 0} for none */
	struct span user_agent; /* the same */
	/* The page that asks, as web_judge_page() has it. */
	enum origin_verdict page;
	bool is_too_long; /* the credential */
};

/* The same of a handshake, or of a request that waits, for as long as that is
 * needed; zero-initialised. */
struct shown_kept {
	struct shown_bytes *bytes; /* NULL: there was nothing to keep */
	enum origin_verdict page;
	bool is_too_long;
};

/*
 * What a request shows: "Authorization: Bearer", a subprotocol of the form
 * "bearer.CREDENTIAL", or a ticket as ?ticket=.
 *
 * space  what a ticket of the query is decoded into
 */
void shown_read(struct shown *shown, const struct web_request *request,
		char space[TICKET_LEN + 1]);

/* Keep what a request shows, as far as it is asked for in this mode; without
 * memory it is as if nothing had been shown. */
void shown_keep(struct shown_kept *kept, const struct config *config,
		const struct web_request *request);

/* What was kept, if anything was, is wiped. */
void shown_forget(struct shown_kept *kept);

/* What was kept is shown again. */
void shown_recall(struct shown *shown, const struct shown_kept *kept);

/*
 * What a message tells goes before that: a JSON string, or the member token of
 * an object. JSON of another form tells nothing.
 *
 * auth   raw, validated JSON, or {NULL, 0}
 * space  what it is decoded into where it has escapes; to be wiped
 */
void shown_tell(struct shown *shown, struct span auth,
		char space[SHOWN_MAX_CREDENTIAL + 1]);

#endif
