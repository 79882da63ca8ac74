/* claims.h: what a token, a webhook or a ticket says of somebody. */
#ifndef SIGNALD_ACCESS_CLAIMS_H
#define SIGNALD_ACCESS_CLAIMS_H

#include "base/span.h"
#include "policy/right.h"

#define CLAIMS_MAX_SUBJECT 64
#define CLAIMS_MAX_ROOM 128
#define CLAIMS_MAX_ROLE 15
#define CLAIMS_MAX_METADATA 4096
#define CLAIMS_MAX_TTL_S 604800 /* as turn.max_ttl_s at most */
#define CLAIMS_MAX_WHY 256
#define CLAIMS_EXP_IN_MS "exp is in milliseconds; it must be seconds"

/* Texts end with a NUL and have none inside. Zero-initialised claims are
 * nobody's, and may do nothing. */
struct claims {
	char subject[CLAIMS_MAX_SUBJECT + 1]; /* of A-Z a-z 0-9 _ . -; "" for a
						 guest */
	char room[CLAIMS_MAX_ROOM + 1]; /* a name; a beginning, with "*" behind
					   it; "" for every room */
	char role[CLAIMS_MAX_ROLE + 1]; /* "" for any that the rights allow */
	unsigned rights;		/* bits of enum right */
	unsigned ttl_s; /* of TURN credentials at most; 0: as configured */
	uint64_t expires_at_s; /* Unix time; 0: never */
	char *metadata;	       /* a JSON object, or NULL; owned */
};

/*
 * Read them from the members sub, room, role, rights, ttl, metadata and exp
 * (RFC 7519, 4.1) of a JSON object; docs/access.md tells their forms. Members
 * of other names are ignored. One that is missing leaves what is zero above,
 * and rights RIGHTS_USUAL; a member that is null is of a wrong type, but for
 * metadata.
 *
 * object  any bytes
 * now_s   Unix time
 * claims  to be cleared when this returns 0; nobody's after an error, with
 *         nothing to clear
 * why     a sentence, without a full stop, that says what would be right; set
 *         with any error
 *
 * Returns 0, -EINVAL, -ENOMEM; -ETIME when exp is not after now_s.
 */
int claims_read(struct span object, uint64_t now_s, struct claims *claims,
		const char **why);

/* The same of a webhook's answer, where the subject is called so. */
int claims_read_answer(struct span object, uint64_t now_s,
		       struct claims *claims, const char **why);

/*
 * Where we make the ticket or token ourselves, a member that nobody reads is a
 * mistake: "rooms" in place of "room" would be good for all of them.
 *
 * object  one that claims_read() has taken
 * extra   one more name that may be there, of characters that need no escape;
 *         or empty
 *
 * Returns 0, or -EINVAL with why: which one, and what there is.
 */
int claims_refuse_unknown(struct span object, struct span extra,
			  char why[CLAIMS_MAX_WHY]);

/* to  for claims_clear(), when this returns 0; -ENOMEM leaves it as it was */
int claims_copy(struct claims *to, const struct claims *from);

/* Frees what they own; they are as if zero-initialised then. */
void claims_clear(struct claims *claims);

/* Whether they are good for that room. */
bool claims_has_room(const struct claims *claims, struct span room);

/*
 * Read a raw, validated JSON number as time (RFC 7519, 2: NumericDate). A
 * fraction of a second is cut off.
 *
 * Returns 0, or -EINVAL for another type, a sign, an exponent, or what lies
 * after the year 9999, as milliseconds would.
 */
int claims_read_time(struct span raw, uint64_t *time_s);

/* Whether that failed as it is a time in milliseconds, which begin to be told
 * from seconds in 1978. */
bool claims_is_milliseconds(struct span raw);

#endif
