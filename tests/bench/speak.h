/* speak.h: how a client of each kind of server talks. */
#ifndef BENCH_SPEAK_H
#define BENCH_SPEAK_H

#include <stddef.h>

#include "payload.h"
#include "session.h"

#define SPEAK_ID_SIZE 64
#define SPEAK_REPLY_SIZE 1024

/*
 * A pair, alone in its room, is a host and a guest who relay to each other; who
 * is there to be idle is a guest. A broadcaster is heard by all watchers.
 */
enum speak_role { SPEAK_HOST, SPEAK_GUEST, SPEAK_BROADCASTER, SPEAK_WATCHER };

/* One client: which it is, where it joins, and what the server calls it. */
struct speaker {
	unsigned index;
	unsigned room;
	enum speak_role role;
	char id[SPEAK_ID_SIZE];
	struct session session;
};

/* SPEAK_TAKEN: joined once the server has taken the reply. */
enum speak_step { SPEAK_WAIT, SPEAK_TAKEN, SPEAK_JOINED };

struct speak {
	const char *name;
	const char *subprotocol; /* offered in the handshake; NULL for none */

	/* Write the handshake's target. */
	void (*target)(const struct speaker *speaker, char *to, size_t size);

	/*
	 * Go one step towards being joined. text is a message of the server,
	 * NUL-terminated, or NULL when the handshake is done; `reply` gets
	 * what to say now, or stays empty. Dies of an unexpected message.
	 */
	enum speak_step (*step)(struct speaker *speaker, const char *text,
				char reply[SPEAK_REPLY_SIZE]);

	/*
	 * Take a message that is not a payload, once joined. Returns whether
	 * it is one that the server may send now; `reply` as above.
	 */
	int (*is_expected)(struct speaker *speaker, const char *text,
			   char reply[SPEAK_REPLY_SIZE]);

	/*
	 * What stands around a payload: before the target's id, after it, where
	 * a session's numbers come between. Who has sessions also takes
	 * messages apart: by their type, and the member that the payload is.
	 */
	struct {
		const char *before_id;
		const char *after_id;
		const char *before_payload;
		const char *type;
		const char *member;
	} relay[PAYLOAD_KINDS];
	int has_sessions;
	const char *broadcast;
	const char *end;
};

/* Returns NULL when there is none of this name. */
const struct speak *speak_find(const char *name);

#endif
