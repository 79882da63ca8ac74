/* token.h: resume tokens: signed proof of who a peer is, and where. */
#ifndef SIGNALD_POLICY_TOKEN_H
#define SIGNALD_POLICY_TOKEN_H

#include "base/buf.h"
#include "policy/keyring.h"

/* What a token is for: one kind is never taken for another. */
enum token_kind { TOKEN_PEER = 1, TOKEN_SOCKET = 2 };

#define TOKEN_MAX_ID 96
#define TOKEN_MAX_PLACE 128
#define TOKEN_MAX_USER 64
/* Before it is written in base64url. */
#define TOKEN_CAP                                                   \
	(1 + 1 + 1 + 1 + 1 + 1 + 4 + 8 + 4 + 1 + TOKEN_MAX_ID + 1 + \
	 TOKEN_MAX_PLACE + 1 + TOKEN_MAX_USER + KEYRING_MAC_BYTES)

struct token {
	enum token_kind kind;
	uint8_t role;	     /* as the kind's owner numbers them */
	uint8_t lacks;	     /* of enum right: what its owner may not do */
	uint8_t flags;	     /* as the kind's owner numbers them */
	uint32_t generation; /* a later one ends it at its first use */
	uint64_t expires_at_s;
	uint32_t max_ttl_s; /* of TURN credentials; 0: as configured */
	struct span id;	    /* of the peer, at most TOKEN_MAX_ID bytes */
	struct span place;  /* room or namespace, at most TOKEN_MAX_PLACE */
	struct span user;   /* at most TOKEN_MAX_USER; empty for a guest */
};

/* Append it, signed, in base64url. Returns 0, -EINVAL for an id, a place or a
 * user that is too long, -ENOMEM. */
int token_write(const struct keyring *ring, const struct token *token,
		struct buf *out);

/*
 * Read and verify one.
 *
 * space  what id, place and user of *token point into
 *
 * Returns 0; -EINVAL for what is not ours, or of a key that is gone; -ETIME
 * when it has expired, with *token set.
 */
int token_read(const struct keyring *ring, struct span text,
	       enum token_kind kind, uint64_t now_s, char space[TOKEN_CAP],
	       struct token *token);

#endif
