/* fetch.h: requests to other servers, by HTTP and HTTPS, on our own loop. */
#ifndef SIGNALD_NET_FETCH_H
#define SIGNALD_NET_FETCH_H

#include "base/span.h"
#include "net/loop.h"

/* At most 64 requests to one server are made at once; the others wait. As many
 * connections are kept for the next ones. */
struct fetcher;

/* One request under way. */
struct fetch;

/*
 * Nothing of it waits: names are resolved by a thread of libcurl's, and one
 * that hangs there is left behind. No proxy is used, whatever the environment
 * says; no redirect is followed, no content encoding asked for.
 */
struct fetch_request {
	const char *url;	    /* http:// or https://, nothing else */
	struct span body;	    /* of a POST; ptr NULL: a GET */
	const char *content_type;   /* of the body */
	const char *const *headers; /* "Name: value", ended by NULL; or NULL */
	unsigned timeout_ms;	    /* for all of it, from the name on */
	size_t max_bytes;	    /* of the answer's body */
	const char *ca_file; /* PEM, who may vouch for the server; "": whom the
				system trusts */
};

/* Borrowed for the call. */
struct fetch_answer {
	/* 0 for a whole answer of a status from 200 to 299; -EBADMSG for
	 * another status; -ETIMEDOUT; -EMSGSIZE for too long an answer;
	 * -EKEYREJECTED for a server that cannot be trusted; -EHOSTUNREACH for
	 * a name that is not found; -ECONNREFUSED; -EIO for anything else */
	int err;
	unsigned status;  /* 0: there was none */
	struct span body; /* of no bytes with an error */
	const char *why;  /* a sentence, without a full stop; "" for none */
};

typedef void fetch_done(const struct fetch_answer *answer, void *arg);

/* loop  must outlive it. Returns 0 or -ENOMEM. */
int fetcher_new(struct fetcher **fetcherp, struct loop *loop);

/* Cancels what is under way; not to be called inside fetch_done. Takes NULL. */
void fetcher_free(struct fetcher *fetcher);

/*
 * Start a request; all of it is copied.
 *
 * fetchp   good until on_done is called, or fetch_cancel()
 * on_done  called once, at the end of a turn, never before this returns
 *
 * Returns 0; -ENOMEM, or -EINVAL for a URL that is none, or of another scheme:
 * on_done is not called then.
 */
int fetch_start(struct fetch **fetchp, struct fetcher *fetcher,
		const struct fetch_request *request, fetch_done *on_done,
		void *arg);

/* on_done is not called any more. Takes NULL; may be called from anywhere but
 * inside the on_done of this very request. */
void fetch_cancel(struct fetch *fetch);

#endif
