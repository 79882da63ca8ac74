/* turnlink.h: STUN and TURN messages to and from a server, one at a time, over
 * UDP, TCP or TLS. */
#ifndef TURNCONF_TURNLINK_H
#define TURNCONF_TURNLINK_H

#include <sys/socket.h>
#include <sys/types.h>

#include "base/span.h"

enum turnlink_transport { TURNLINK_UDP, TURNLINK_TCP, TURNLINK_TLS };

/* A message and what may stand behind it. */
#define TURNLINK_CAP 4096

struct turnlink;

/*
 * Connect to a server, and agree on TLS with it; whoever it is.
 *
 * name        told to the server in TLS, "" for none
 * timeout_ms  for all of it
 *
 * Returns 0, -ETIMEDOUT, -EPROTO when TLS could not be agreed on, or what the
 * system says (-ECONNREFUSED, -ENETUNREACH, ...).
 */
int turnlink_open(struct turnlink **linkp, const struct sockaddr_storage *addr,
		  enum turnlink_transport transport, const char *name,
		  unsigned timeout_ms);

/* Takes NULL. */
void turnlink_free(struct turnlink *link);

bool turnlink_is_stream(const struct turnlink *link);

/* Returns 0 or a negative errno. */
int turnlink_send(struct turnlink *link, struct span message);

/*
 * Wait for the next message.
 *
 * out       TURNLINK_CAP bytes
 * until_ms  of the monotonic clock (turnlink_now_ms())
 *
 * Returns its length, -ETIMEDOUT, -EPIPE when the server closed, -EPROTO when
 * what it sends is no STUN, or what the system says.
 */
ssize_t turnlink_receive(struct turnlink *link, char *out, uint64_t until_ms);

/* The same for a stream of other things: what there is of it, once there is
 * something; 0 at its end. */
ssize_t turnlink_read(struct turnlink *link, char *out, size_t cap,
		      uint64_t until_ms);

uint64_t turnlink_now_ms(void);

/*
 * The certificate that the server has shown, over TLS.
 *
 * name       that it should be made for; "" is not looked for
 * ends_at_s  Unix time
 *
 * Returns 0, or -ENOENT when there is none.
 */
int turnlink_certificate(const struct turnlink *link, const char *name,
			 uint64_t *ends_at_s, bool *is_for_name);

/* Why the authorities that this machine knows do not prove that certificate, in
 * OpenSSL's words; NULL if they do, or without TLS. */
const char *turnlink_distrust(const struct turnlink *link);

#endif
