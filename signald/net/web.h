/* web.h: an HTTP/1.1 server: requests in, one answer each, in order. */
#ifndef SIGNALD_NET_WEB_H
#define SIGNALD_NET_WEB_H

#include "codec/http.h"
#include "net/conn.h"
#include "policy/origin.h"

struct web;
struct web_exchange;
struct web_held;

/* A request whose body is whole. Everything in it is gone after the handler. */
struct web_request {
	const struct http_request *head;
	const char *path; /* decoded, begins with "/"; "" of a raw route */
	struct span body;
	char *body_bytes;	 /* the same, which may be changed in place */
	const struct conn *conn; /* to tell one from another, no more */
	struct span origin;	 /* the Origin header, {NULL, 0} without one */
	enum origin_verdict origin_verdict;
	/* The client: who is at the other end, or whom a trusted proxy names.
	 */
	const struct net_addr *peer;
};

typedef void web_handler(struct web_exchange *exchange,
			 const struct web_request *request, void *arg);

enum web_cors {
	WEB_NO_CORS,
	WEB_CORS, /* pages of allowed origins may read the answers */
	/* also those that ask with credentials or headers of their own */
	WEB_CORS_CREDENTIALS,
};

struct web_route {
	const char *path; /* the last row has NULL: every other path */
	unsigned methods; /* of enum http_method; GET brings HEAD along */
	enum web_cors cors;
	web_handler *handler; /* NULL: 404 */
	void *arg;
	bool is_prefix; /* path and all that begins so; else exact */
	/* With is_prefix: path is compared as it was sent, and what is behind
	 * it, which is the handler's to decode, may hold anything. */
	bool is_raw;
	bool has_bare_errors; /* 408, 411 and 413 without a body */
	bool may_lack_length; /* a POST that says no length has no body */
	/* A head has come, its body is awaited; the body was refused. Both, or
	 * both NULL. */
	void (*on_body)(const struct web_request *request, void *arg);
	void (*on_body_failed)(const struct web_request *request, void *arg);
	/* The largest body; NULL: http.max_body_bytes. */
	size_t (*max_body_bytes)(const struct config *config);
};

/* routes is borrowed. Returns 0 or -ENOMEM. */
int web_new(struct web **webp, struct conn_set *set,
	    const struct web_route *routes);

/* Its connections must be gone; takes NULL. */
void web_free(struct web *web);

/* What one address may ask for is not limited here: this is for operators. */
void web_serve_operators(struct web *web);

/* From now on every answer closes its connection. */
void web_drain(struct web *web);

/* End those between two requests, of this one and of all others of its set that
 * drain: nothing says when their clients would ask again. */
void web_end_idle(struct web *web);

/* A listener_accept_fn; arg is the web. */
void web_accept(struct conn *conn, void *arg);

struct web_response {
	int status;
	const char *content_type; /* NULL where there is no body */
	struct span body;
	struct blob *file;   /* in place of body: shared, borrowed */
	const char *headers; /* further lines, each ended by CRLF; or NULL */
};

/* Answer; exactly once for each exchange, inside the handler. */
void web_reply(struct web_exchange *exchange,
	       const struct web_response *response);

/* Append "Allow: GET, HEAD, OPTIONS" and CRLF, for a path that takes these of
 * enum http_method: HEAD comes with GET, OPTIONS is answered everywhere. */
void web_write_allow(struct buf *headers, unsigned methods);

/* Answer with application/problem+json (RFC 9457); headers may be NULL. */
void web_reply_problem(struct web_exchange *exchange, int status,
		       const char *detail, const char *headers);

/* Its body alone, for an answer that comes later; code may be NULL. */
void web_write_problem(struct buf *body, int status, const char *code,
		       const char *detail);

/* The same with one word that programs can tell it by, as member `code`. */
void web_reply_problem_code(struct web_exchange *exchange, int status,
			    const char *code, const char *detail,
			    const char *headers);

/*
 * Refuse what an address, or a user, has asked for too often: 429 with
 * Retry-After, behind which the connection is closed.
 *
 * wait_ms  when it may ask again
 */
void web_reply_limited(struct web_exchange *exchange, uint64_t wait_ms);

/* Ask for one more of what the client's address may have. Returns whether it
 * may; else it was answered by web_reply_limited(). */
bool web_may(struct web_exchange *exchange, const struct web_request *request,
	     enum limit_kind kind);

/*
 * Answer later. Until then nothing more is read from this connection, but its
 * end is noticed.
 *
 * on_gone  called when the connection ended first; the hold is over then
 *
 * Returns the hold, to be ended with web_held_reply(); NULL when memory ran
 * out, then the connection is closed.
 */
struct web_held *web_hold(struct web_exchange *exchange,
			  void (*on_gone)(void *arg), void *arg);

/*
 * The answer to a held request; not inside its handler. The hold is over.
 *
 * Returns 0, or -EPIPE when the connection has ended: nothing was answered, and
 * on_gone is not called.
 */
int web_held_reply(struct web_held *held, const struct web_response *response);

/*
 * From which page a request comes, as far as its browser says so: by Origin;
 * or, as a GET of a page of the same origin has none, by Sec-Fetch-Site or
 * Referer.
 */
enum origin_verdict web_judge_page(const struct web_request *request);

/*
 * A page of a foreign origin is being refused: count it, and say so in the log
 * once a second at most. The page itself cannot read the answer.
 */
void web_note_foreign(const struct web_exchange *exchange,
		      const struct web_request *request);

/*
 * Begin an answer that goes on for as long as the connection does, and give
 * that up, as web_switch_protocols().
 */
struct conn *web_stream(struct web_exchange *exchange,
			const char *content_type);

/*
 * Answer with 101 and give the connection up: no answer may follow.
 *
 * headers  lines, each ended by CRLF
 *
 * Returns the connection; the caller sets its handlers before it returns.
 */
struct conn *web_switch_protocols(struct web_exchange *exchange,
				  const char *headers);

#endif
