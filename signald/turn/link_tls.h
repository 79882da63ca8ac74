/* link_tls.h: the TLS of a link; for link.c alone. */
#ifndef SIGNALD_TURN_LINK_TLS_H
#define SIGNALD_TURN_LINK_TLS_H

#include "turn/link.h"

/* What is still to be waited for, beside readability. */
#define LINK_TLS_WANTS_WRITE 1

/* Prepare the client's side on the link's socket. Returns 0, -ENOMEM, -EINVAL
 * for a host that is no name and no address. */
int link_tls_start(struct link *link, const struct link_target *target);

/* Go on with the handshake. Returns 0 when it is done, -EAGAIN,
 * LINK_TLS_WANTS_WRITE, or the link's error. */
int link_tls_handshake(struct link *link);

/* As recv(): bytes, 0 at the end, -1 with errno. */
ssize_t link_tls_read(struct link *link, char *into, size_t cap);

/* As send(). */
ssize_t link_tls_write(struct link *link, const char *bytes, size_t len);

#endif
