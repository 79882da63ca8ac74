/* ctl_http.h: one request to a running signald, waited for. */
#ifndef SIGNALD_CTL_HTTP_H
#define SIGNALD_CTL_HTTP_H

#include "base/buf.h"
#include "policy/config.h"

#define CTL_MAX_KEY 128

/* Where the API is, and who asks. */
struct ctl_target {
	char host[64]; /* ADDRESS, to connect to */
	char port[8];
	char name[80];		   /* ADDRESS:PORT, for people and for Host */
	const char *from;	   /* which key says so */
	bool is_proxied;	   /* a PROXY header goes in front */
	char key[CTL_MAX_KEY + 1]; /* "": none is shown */
};

/* The first address of listen.address, where everybody is served. */
void ctl_find_public(struct ctl_target *target, const struct config *config);

/*
 * From the configuration that signald itself reads: listen.metrics, admin.key
 * or the file that it has made in state.dir.
 *
 * why  a sentence, where it returns -EINVAL
 */
int ctl_find(struct ctl_target *target, const struct config *config, char *why,
	     size_t cap);

struct ctl_request {
	const char *method;
	const char *path; /* whole, encoded */
	struct span body; /* JSON; empty for none */
	/* What a stream says, as it comes; NULL: the answer is waited for. */
	void (*on_bytes)(struct span bytes, void *arg);
	void *arg;
	unsigned wait_s; /* at most, for each step; 0: as ctl_ask() has it */
};

struct ctl_answer {
	int status;
	struct buf body; /* the caller's to clear */
};

/*
 * Ask, and wait 10 seconds at most (closing a large room takes its time: 120).
 *
 * Returns 0; or -EINVAL with why it could not be asked.
 */
int ctl_ask(const struct ctl_target *target, const struct ctl_request *request,
	    struct ctl_answer *answer, char *why, size_t cap);

/* Append text percent-encoded, to stand in a path. */
void ctl_encode(struct buf *out, struct span text);

#endif
