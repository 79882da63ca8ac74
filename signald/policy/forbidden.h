/* forbidden.h: addresses that try out whether a relay lets clients into
 * networks that are nobody's business. */
#ifndef SIGNALD_POLICY_FORBIDDEN_H
#define SIGNALD_POLICY_FORBIDDEN_H

#include <stddef.h>

/*
 * One or two of each kind (RFC 6890): loopback, private, shared and link-local
 * networks, the clouds' metadata services, and over IPv6 also what leads to
 * their IPv4 ones: mapped, compatible, NAT64 and 6to4. Each is an address
 * without brackets, those of IPv4 first.
 */
extern const char *const forbidden_peers[];
extern const size_t forbidden_peers_count;

#endif
