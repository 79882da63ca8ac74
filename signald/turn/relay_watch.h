/* relay_watch.h: one TURN server, on which those are looked for who may not
 * relay any more. */
#ifndef SIGNALD_TURN_RELAY_WATCH_H
#define SIGNALD_TURN_RELAY_WATCH_H

#include "net/loop.h"
#include "policy/kicked.h"
#include "turn/relay_admin.h"
#include "turn/relaying.h"

struct relay_watch;

/* What the watches of all servers go by; its owner keeps it. */
struct relay_duty {
	struct loop *loop;
	struct kicked *ended;	/* users who may not relay */
	uint64_t soon_until_ms; /* looks follow each other fast until then */
	/* see relay_admin_set_spare(); NULL: nobody's expiry counts */
	bool (*spare)(void *arg);
	void *spare_arg;
	void (*on_gone)(const char *server, void *arg); /* or NULL */
	void *on_gone_arg;
	relay_watcher *watcher; /* see relay_admin_set_watcher(), or NULL */
	void *watcher_arg;
	struct relay_watch *asking;		    /* while spare() runs */
	void (*on_looked)(struct relay_duty *duty); /* or cannot look */
};

/* Returns 0, -ENOMEM, or -EINVAL for an address that is none. */
int relay_watch_new(struct relay_watch **watchp, struct relay_duty *duty,
		    const struct relay_admin_server *server);

/* Takes NULL. */
void relay_watch_free(struct relay_watch *watch);

/* Somebody was added to duty->ended. */
void relay_watch_look_now(struct relay_watch *watch);

/* Unix time at which the last look began that found nobody; 0: none has. */
uint64_t relay_watch_found_none_s(const struct relay_watch *watch);

/* Who relays there; NULL while that is not known. */
const struct relaying *relay_watch_relaying(const struct relay_watch *watch);

/* Within spare(): that user is there. */
void relay_watch_spare(struct relay_watch *watch, struct span name);

#endif
