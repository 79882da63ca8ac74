/* turnclient.h: what a TURN client asks of a server, one step after the other
 * (RFC 8489, RFC 8656). */
#ifndef TURNCONF_TURNCLIENT_H
#define TURNCONF_TURNCLIENT_H

#include "turnlink.h"

#define TURNCLIENT_MAX_DATA 512

struct turnclient;

/*
 * The functions below wait for the answer. Each returns 0, the server's error
 * code (300 to 699), -ETIMEDOUT without an answer, or another negative errno as
 * turnlink.h says.
 */

/*
 * link        taken over, also when this fails
 * timeout_ms  for each step
 *
 * Returns 0 or -ENOMEM.
 */
int turnclient_new(struct turnclient **clientp, struct turnlink *link,
		   unsigned timeout_ms);

/* Gives an allocation back, without waiting for the answer; takes NULL. */
void turnclient_free(struct turnclient *client);

/* The address that the server sees us at. */
int turnclient_binding(struct turnclient *client,
		       struct sockaddr_storage *mapped);

/* Allocate without a credential: 0 is a server that relays for anybody, and 401
 * one that has told what a credential is to be signed with. */
int turnclient_knock(struct turnclient *client);

/*
 * Sign from now on, after a 401.
 *
 * secret  that the server shares
 * user    as for turncred_make()
 *
 * Returns 0 or a negative errno.
 */
int turnclient_sign(struct turnclient *client, struct span secret,
		    const char *user, uint64_t now_s, uint64_t ttl_s);

/* The same with a credential that somebody else has made. Returns also -EINVAL
 * for one that is too long. */
int turnclient_sign_as(struct turnclient *client, struct span username,
		       struct span credential);

/* family is that of the relay: AF_INET, AF_INET6, or AF_UNSPEC for the one that
 * the server gives who does not say (RFC 8656, 7.1: IPv4). */
int turnclient_allocate(struct turnclient *client, int family,
			struct sockaddr_storage *relayed);

int turnclient_permit(struct turnclient *client,
		      const struct sockaddr_storage *peer);

/* Nobody answers. */
int turnclient_send(struct turnclient *client,
		    const struct sockaddr_storage *peer, struct span data);

/*
 * Wait for what a peer sends.
 *
 * data  TURNCLIENT_MAX_DATA bytes
 *
 * Returns its length, or a negative errno.
 */
ssize_t turnclient_receive(struct turnclient *client, char *data);

#endif
