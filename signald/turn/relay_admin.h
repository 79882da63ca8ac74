/* relay_admin.h: ends the allocations of those who may not relay any more. */
#ifndef SIGNALD_TURN_RELAY_ADMIN_H
#define SIGNALD_TURN_RELAY_ADMIN_H

#include "turn/usercred.h"

#define RELAY_ADMIN_FILE "kicked-users"

struct relay_admin;

/* The telnet administration of one coturn; all borrowed for the call. */
struct relay_admin_server {
	const char *name;    /* in the log */
	const char *address; /* ADDRESS:PORT */
	const char *password;
};

/*
 * coturn asks for a credential once, when an allocation begins, and lets it go
 * on for as long as it is refreshed; and a credential made with a shared secret
 * cannot be taken back. So whoever is to relay no more is looked for on every
 * server, again and again, until all their credentials have expired and the
 * servers have been found empty of them after that.
 *
 * dir  of RELAY_ADMIN_FILE, which keeps them over a restart; "" for none
 *
 * Returns 0, -ENOMEM, or as kicked_new() does.
 */
int relay_admin_new(struct relay_admin **adminp, struct loop *loop,
		    const char *dir);

/* Takes NULL. */
void relay_admin_free(struct relay_admin *admin);

/*
 * With turn.strict, users whose credentials have expired are looked for every
 * ten seconds as well: those of peers who are not there lose their allocations.
 *
 * spare  calls relay_admin_spare() for every user who is there, and returns
 *        true; or false while that is not known: nobody loses anything then
 */
void relay_admin_set_spare(struct relay_admin *admin, bool (*spare)(void *arg),
			   void *arg);
void relay_admin_spare(struct relay_admin *admin, struct span user);

/*
 * Hear of a coturn that has ended, at once: it has closed a connection to its
 * administration, which it does for no other reason.
 *
 * server  its name, as relay_admin_server has it
 */
void relay_admin_set_gone(struct relay_admin *admin,
			  void (*on_gone)(const char *server, void *arg),
			  void *arg);

/* That a user holds another number of allocations on a server than when it was
 * listed before. */
struct relay_news {
	const char *server;
	struct span user;
	uint64_t before, now;
};

typedef void relay_watcher(const struct relay_news *news, void *arg);

/* Have somebody hear of that; NULL: nobody. */
void relay_admin_set_watcher(struct relay_admin *admin, relay_watcher *watcher,
			     void *arg);

/* Where credentials are kept in Redis, those of ended users are deleted there,
 * so that there will be no more allocations; borrowed. */
void relay_admin_use_redis(struct relay_admin *admin,
			   struct usercred *usercred);

/* Redis can be reached again: delete what could not be deleted before. */
void relay_admin_revoke_all(struct relay_admin *admin);

/*
 * These servers from now on; those of before are left.
 *
 * Returns 0, -ENOMEM, -EINVAL for an address that is none; there is no server
 * then.
 */
int relay_admin_set_servers(struct relay_admin *admin,
			    const struct relay_admin_server *servers,
			    size_t count);

/* At every reload: credentials live for as long as the longest of all
 * configurations has let them. */
void relay_admin_note_ttl(struct relay_admin *admin);

/*
 * End all that user's allocations, now and whenever there are new ones: it must
 * get no more credentials, and those it has last turn.max_ttl_s at most (twice
 * that in Redis).
 *
 * user  as in the usernames of its credentials, behind the expiry
 *
 * Returns 0, -ENOMEM, -EINVAL for what is no user, or as kicked_add() does: it
 * is done then, though a restart would forgive.
 */
int relay_admin_end_user(struct relay_admin *admin, struct span user);

/*
 * Who holds allocations, as the servers' administrations listed them a few
 * seconds ago: coturn tells nobody of it by itself, so all are listed every
 * five seconds, or as seldom as 20 times what that takes. Each begin and end of
 * it is logged (turn.relay_start, turn.relay_end).
 */
struct relay_census {
	bool is_known;	      /* of every server; and there is one */
	uint64_t peers;	      /* who got their credentials as they joined */
	uint64_t others;      /* addresses and subjects who asked for them */
	uint64_t allocations; /* of all of them */
};

void relay_admin_census(const struct relay_admin *admin,
			struct relay_census *census);

/* How many that user holds, as far as it is known. */
uint64_t relay_admin_allocations(const struct relay_admin *admin,
				 struct span user);

#endif
