/* origin.h: which pages may use this server from a browser (RFC 6454, Fetch).
 */
#ifndef SIGNALD_POLICY_ORIGIN_H
#define SIGNALD_POLICY_ORIGIN_H

#include "base/span.h"

enum origin_verdict {
	ORIGIN_ABSENT,	/* no Origin header: not a browser's cross-site request
			 */
	ORIGIN_OWN,	/* the page came from this server itself */
	ORIGIN_ALLOWED, /* a configured one */
	ORIGIN_FOREIGN,
};

/*
 * Judge a request's Origin header.
 *
 * allowed  the configured list: "*", or comma-separated scheme://host[:port]
 * origin   the header's value, {NULL, 0} when there is none
 * host     the request's Host: an http or https origin with the same host and
 *          port (80 and 443 being the schemes' defaults) is our own page
 *
 * Scheme and host compare without case; "null" is foreign unless "*" is
 * allowed.
 */
enum origin_verdict origin_judge(struct span allowed, struct span origin,
				 struct span host);

/* One configured item is well formed: scheme://host[:port], nothing behind. */
bool origin_is_valid(struct span item);

#endif
