/* ctl_http.h: one request to the admin API, waited for. */
#ifndef SIGNALD_CTL_HTTP_H
#define SIGNALD_CTL_HTTP_H

#include "base/buf.h"
#include "policy/config.h"

#define CTL_MAX_KEY 128

/* Where the API is, and who asks. */
struct ctl_target {
	char host[64]; /* ADDRESS, to connect to */
	char port[8];
	char name[80]; /* ADDRESS:PORT, for people and for Host */
	char key[CTL_MAX_KEY + 1];
};

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
	const char *path; /* behind /v1/admin/, encoded */
	struct span body; /* JSON; empty for none */
	/* What a stream says, as it comes; NULL: the answer is waited for. */
	void (*on_bytes)(struct span bytes, void *arg);
	void *arg;
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
