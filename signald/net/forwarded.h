/* forwarded.h: who the client of a trusted proxy is, by its headers. */
#ifndef SIGNALD_NET_FORWARDED_H
#define SIGNALD_NET_FORWARDED_H

#include "codec/http.h"
#include "net/addr.h"
#include "policy/config.h"

/*
 * Replace the address of a trusted proxy by its client's, as the header of
 * proxy.header says. Each proxy has put down behind the others who spoke to it:
 * what the last one that is not trusted says of others counts for nothing, so
 * that one is the client. Where all are trusted, it is the first. What cannot
 * be read ends it: then it is whoever was named behind.
 */
void forwarded_client(const struct http_request *head,
		      const struct config *config, struct net_addr *client);

/* How far a chain of proxies was read, from its end; zero-initialised. */
struct forwarded_chain {
	bool has_client;
	bool is_over; /* nothing that stands before it counts */
	struct net_addr client;
};

/* One header's value, of the last header first: of X-Forwarded-For; of
 * Forwarded (RFC 7239, 4). */
void forwarded_read_list(struct forwarded_chain *chain, struct span value,
			 const char *trusted);
void forwarded_read_elements(struct forwarded_chain *chain, struct span value,
			     const char *trusted);

#endif
