/* hub_peer.h: what the hub's modules share: the hub, its peers, sessions. */
#ifndef SIGNALD_HUB_HUB_PEER_H
#define SIGNALD_HUB_HUB_PEER_H

#include "base/map.h"
#include "base/wheel.h"
#include "hub/hub.h"
#include "hub/room.h"

struct hub {
	struct map *rooms; /* name -> struct room */
	struct map *peers; /* id -> struct peer */
	struct map *pairs; /* serials of both ends -> struct pair */
	const struct config *config;
	const struct clock *clock;
	struct room *stale;  /* rooms whose number of viewers is to be told */
	struct session *due; /* senders who are to hear of acknowledgements */
	void (*on_due)(void *arg);
	void *on_due_arg;
	uint64_t last_serial;
	uint64_t settles_at_ms; /* 0: it is settled */
	size_t away_count;
	struct shelf_pool shelves; /* of the sessions' logs */
	struct wheel wheel;	   /* of the peers' timers */
	bool is_draining;
	hub_watcher *watcher; /* NULL: nobody watches */
	void *watcher_arg;
};

#define HUB_TICK_MS 100

/* A peer, and what the hub alone knows of it. */
struct hub_peer {
	struct peer peer; /* first: every struct peer is one of these */
	struct hub *hub;
	uint64_t serial;	  /* never used again; new with its memory */
	uint64_t arrival;	  /* its first serial */
	struct session *session;  /* NULL: it cannot be resumed */
	struct pair *incoming;	  /* from those who number what they send it */
	struct wheel_timer timer; /* ends its being away, or its patience */
	uint64_t away_ends_ms;	  /* 0: its dialect ends it */
	uint64_t absent_at_ms;	  /* 0: it was told, or will not be */
	char *about;		  /* its name, metadata and user */
	enum hub_leave_reason away_reason; /* when it does not come back */
	bool is_newcomer;	 /* came without a token, while unsettled */
	uint64_t since_s;	 /* Unix time of its joining */
	uint64_t muted_until_ms; /* 0: it may say what it likes */
};

/* What of a peer outlives its transport. */
struct session {
	/* What each message needs comes first: few lines of the cache. */
	struct outlog log;
	struct pair *last; /* the one used last, or NULL */
	struct pair *due;  /* those whose `acked` is to be told */
	struct hub_peer *owner;
	uint64_t stuck_ms; /* since then nothing was acknowledged */
	struct session *next_due;
	bool is_due; /* in the hub's list */
	struct pair *outgoing;
	uint64_t attempt;    /* of the transport in use: `try` */
	uint64_t epoch;	     /* of the log; a client's position is of one */
	uint32_t generation; /* of the newest token that was used */
	uint32_t issued;     /* of the newest that was given out */
};

/* All peers are the hub's own, however it shows them to others. */
static inline struct hub_peer *hub_peer_of(const struct peer *peer)
{
	return (struct hub_peer *)(uintptr_t)peer;
}

static inline uint64_t hub_window_ms(const struct hub *hub)
{
	return hub->config->session.window_s * 1000ull;
}

/* A client that has not acknowledged anything for so many windows does not work
 * any more, however lively its WebSocket is. */
#define HUB_STUCK_WINDOWS 2

/* --- what the hub's modules do for each other --- */

/* Its name, metadata, user and rights, copied. Returns 0 or -ENOMEM, nothing
 * changed then. */
int peer_describe(struct hub_peer *made, const struct hub_join *join);

/* Returns NULL when memory ran out. */
struct session *session_new(struct hub_peer *owner, uint64_t attempt);

/* What is in its log is said to be `why`; takes NULL. */
void session_free(struct session *session, enum delivery why);

/* A new log, as the client's memory is new. */
void session_renew_log(struct session *session);

/* Its client has so long to acknowledge something of what is in its log. */
void session_start_patience(struct hub_peer *owner);

/* The peer is not away any more: it is back, or about to be freed. */
void away_end(struct hub *hub, struct hub_peer *away);

/* Those who see it are told that it is back, whether or not they knew it away.
 */
void away_tell_back(struct hub *hub, struct hub_peer *back);

/* Those who were away too long leave; who acknowledges nothing is cut; and in
 * time the server is settled. */
void away_tick(struct hub *hub, uint64_t now_ms);

#endif
