/* probe.h: one server that is being examined, over one transport. */
#ifndef TURNCONF_PROBE_H
#define TURNCONF_PROBE_H

#include "address.h"
#include "doctor.h"
#include "turnclient.h"

/* Random bytes that are sent through a relay. */
#define PROBE_DATA_LEN 16

struct probe {
	struct doctor *doctor;
	const char *transport;
	char where[ADDRESS_CAP];
	bool is_v6;	  /* where is an address of IPv6 */
	bool is_outside;  /* the server is another machine */
	bool is_signalds; /* the TLS is signald's, with coturn behind it */
	struct turnclient *client;
	struct sockaddr_storage mapped;
	struct sockaddr_storage relayed;
};

/*
 * Whom the relay lets its clients reach, and who reaches them: what should not
 * be possible, and from outside what should. The client has an allocation.
 */
void probe_check_peers(struct probe *probe);

#endif
