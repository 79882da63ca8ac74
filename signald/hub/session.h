/* session.h: peers that are cut off, away, and back; docs/delivery.md has the
 * rules. */
#ifndef SIGNALD_HUB_SESSION_H
#define SIGNALD_HUB_SESSION_H

#include "hub/hub.h"

/* What is kept for a page must fit its output when it comes back, where a frame
 * may take twice its bytes and is not alone; for others a quarter is enough
 * too. */
static inline struct outlog_limits hub_log_limits(const struct config *config)
{
	size_t most = config->output.max_queued_bytes / 4;
	size_t bytes = config->session.max_bytes;

	return (struct outlog_limits){
		.max_bytes = bytes < most ? bytes : most,
		.max_messages = config->session.max_messages,
	};
}

struct hub_resume {
	struct hub_join join; /* id, and all to make the peer anew; inst */
	uint32_t generation;  /* of the token */
	uint64_t epoch;	      /* of the log the client knows, 0 for none */
	uint64_t last;	      /* position in it */
};

enum hub_resumed {
	RESUMED,
	RESUME_STALE,	 /* a later attempt has been made: touch nothing */
	RESUME_TAKEN,	 /* a later memory or token has it */
	RESUME_EXPIRED,	 /* its log is gone */
	RESUME_OVERFLOW, /* not all of its log was kept */
	RESUME_REFUSED,	 /* *err as hub_join() */
};

/*
 * Carry a session on over a new transport: detach() of the old one, then the
 * peer has the ops and arg of `join`. What is kept for it is the caller's to
 * send (hub_replay()) behind its answer. Without a session the peer joins anew
 * under its id.
 */
enum hub_resumed hub_resume(struct hub *hub, const struct hub_resume *resume,
			    struct peer **peerp, int *err);

/* Walk over the frames that the peer has not acknowledged, in order. */
void hub_replay(const struct peer *peer,
		void (*each)(const struct share *frame, void *arg), void *arg);

/*
 * The transport of a peer with a session was cut: those who see it are told,
 * and until it is resumed it has no arg. It leaves by itself, for that reason,
 * when the window is over; with LEAVE_LEFT, as its page went, in HUB_HOLD_MS.
 * Where too many are away already it leaves at once, and is freed.
 */
void hub_away(struct hub *hub, struct peer *peer, enum hub_leave_reason reason);

/* The same for a peer whose dialect keeps what it is sent, and ends its being
 * away itself: by hub_back() or hub_leave(). Its arg stays. */
void hub_await(struct hub *hub, struct peer *peer);
void hub_back(struct hub *hub, struct peer *peer);

/* From now on nobody is told who is away: the server goes. */
void hub_drain(struct hub *hub);

bool hub_has_session(const struct peer *peer);

/* Of the log of a peer with a session. */
uint64_t hub_epoch(const struct peer *peer);

/* The number of the next token for this peer. */
uint32_t hub_next_generation(const struct peer *peer);

/*
 * Number a frame for a peer with a session, and keep it.
 *
 * parts  of the frame
 * frame  becomes what is kept, to be sent at once
 *
 * Returns 0, -ENOBUFS when its log is full, -ENOMEM: it must not be sent then.
 */
int hub_keep(const struct peer *to, const struct span *parts,
	     size_t parts_count, const struct envelope *envelope,
	     struct share *frame);

/* The same for a frame that others get as well. Where it is not kept nobody can
 * be told: the peer's next resume is said to be incomplete. */
void hub_keep_shared(const struct peer *to, struct blob *frame);

/* A message for it and others could not be made, for want of memory: its next
 * resume is said to be incomplete. */
void hub_miss(const struct peer *to);

/* The peer's client has everything up to this position. */
void hub_ack(const struct peer *peer, uint64_t sn);

/* on_due is called once when acknowledgements are to be told: hub_tell_due()
 * does it, at the end of the turn. */
void hub_set_on_due(struct hub *hub, void (*on_due)(void *arg), void *arg);
void hub_tell_due(struct hub *hub);

/* At the start: peers of the server's life before may come back. Nobody is
 * called unknown for one window, and then ENVELOPE_SETTLED is told. */
void hub_expect_returns(struct hub *hub);
bool hub_is_settled(const struct hub *hub);

/* So long a peer whose page is going away may come back, being loaded anew. */
#define HUB_HOLD_MS 2000

/*
 * The page of a peer without a session is going away: it has no dialect any
 * more (its ops and arg are not used again, what is sent to it comes back with
 * -EPIPE) and leaves by itself in HUB_HOLD_MS, or at once when another wants to
 * be broadcaster in its place. Until then it is in its room as before, but does
 * not count against its limits.
 */
void hub_hold(struct hub *hub, struct peer *peer);

/* At the end: everybody who is away leaves. Who waits for what was sent to them
 * is told, so its owner must be there. */
void hub_end_away(struct hub *hub);

#endif
