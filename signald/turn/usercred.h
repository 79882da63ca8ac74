/* usercred.h: TURN users in Redis: one expiring key for each credential. */
#ifndef SIGNALD_TURN_USERCRED_H
#define SIGNALD_TURN_USERCRED_H

#include "codec/turncred.h"
#include "net/loop.h"

/*
 * coturn with lt-cred-mech and redis-userdb takes the user NAME for as long as
 * there is a key turn/realm/REALM/user/NAME/key, which holds what RFC 8489,
 * 9.2.2 makes of name, realm and password. So a credential is good from when
 * Redis has acknowledged its key, and is bad when that has expired or is
 * deleted; allocations that it has then go on.
 *
 * Names are those of turncred_make(); a password is made of the name with a key
 * of our own: who asks twice within a while gets the same name, and then must
 * get the same password.
 */
struct usercred;

/* Without an answer for so long Redis is out of reach. */
#define USERCRED_PATIENCE_MS 2000

/*
 * One credential on its way to Redis; inside its owner, filled with zeros but
 * for on_done.
 */
struct usercred_grant {
	/*
	 * err is 0 when it is good; else -EACCES when Redis refused the key,
	 * -ECONNRESET when it fell silent. Never in the call that began it; the
	 * grant may be freed in it.
	 */
	void (*on_done)(struct usercred_grant *grant);
	int err;
	struct turncred cred;
	struct usercred_request *request; /* private; NULL: none is made */
};

/*
 * Begin to reach for turn.redis, and go on for as long as it lives.
 *
 * key        of the passwords: where it is the same after a restart, so are
 *            those of the same names
 * on_change  told when Redis can be reached, and when not any more
 *
 * Returns 0, -ENOMEM, or -EINVAL for an address that is none.
 */
int usercred_new(struct usercred **usercredp, struct loop *loop,
		 struct span key, void (*on_change)(void *arg), void *arg);

/* Grants that are on their way must be cancelled; takes NULL. */
void usercred_free(struct usercred *usercred);

/* It takes credentials now. */
bool usercred_is_up(const struct usercred *usercred);

/* Why it does not, as a sentence; "" while it does. */
const char *usercred_trouble(const struct usercred *usercred);

/*
 * Have a credential made for a user, with the username's expiry as its end.
 *
 * ttl_s  that it lives at least, and less than twice as long
 *
 * Returns 0: on_done will be called, within USERCRED_PATIENCE_MS of the last
 * sign of life; -ENOTCONN while Redis is out of reach; -EINVAL for what is no
 * user; -ENOMEM, -ENOTSUP.
 */
int usercred_begin(struct usercred *usercred, struct usercred_grant *grant,
		   struct span user, uint64_t ttl_s);

/* The same for one of our own, whose name is made this server's: another one
 * may keep its users in the same Redis. */
int usercred_begin_own(struct usercred *usercred, struct usercred_grant *grant,
		       struct span user, uint64_t ttl_s);

/* on_done is not called any more; the credential may come about all the same.
 */
void usercred_cancel(struct usercred_grant *grant);

/*
 * Delete every key that there may be of a user, those that are on their way to
 * Redis too. Nobody is told whether it was done: what Redis refuses is logged,
 * and who called while it was out of reach calls again when it is up.
 */
void usercred_revoke(struct usercred *usercred, struct span user);

#endif
