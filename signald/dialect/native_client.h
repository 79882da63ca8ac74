/* native_client.h: what the files of the native dialect share: a client. */
#ifndef SIGNALD_DIALECT_NATIVE_CLIENT_H
#define SIGNALD_DIALECT_NATIVE_CLIENT_H

#include "codec/msg.h"
#include "dialect/native.h"
#include "net/wsconn.h"

struct native {
	struct native_parts parts;
	struct native_client *clients;
	size_t clients_count;
	struct buf out;	  /* the message being written; kept for the next */
	struct span text; /* the message being taken */
	uint8_t spread;	  /* of the credentials that were due last */
	bool is_draining;

	/* Resumes with a bad token: when that was logged, and how many have
	 * come since then. */
	uint64_t bad_tokens_logged_ms;
	uint64_t bad_tokens_count;

	/* native_push.c */
	uint32_t ice_state; /* counts the changes */
	uint32_t key_state; /* and those that void tokens */
	bool is_push_due;   /* when push_timer fires */
	struct loop_timer push_timer;
	struct loop_task push_chore;
	struct native_client *push_next; /* who hears next; NULL: all have */
};

/*
 * A credential on its way to Redis, where they are kept there: nothing more is
 * read of the client until what it said can be answered with it. Of one that
 * nobody asked for there is no text, and the client goes on.
 */
struct native_order {
	struct usercred_grant grant;
	struct native_client *client;
	char id[HUB_MAX_ID + 1]; /* of the peer that it is for */
	struct buf text;	 /* the message that waits for it */
};

/* A connection, and the peer it is while it is in a room. */
struct native_client {
	struct native *native;
	struct wsconn *ws;
	struct peer *peer; /* NULL outside a room */
	struct native_client *prev;
	struct native_client *next;
	struct native_request *requests; /* of its, not answered yet */
	/* Of a client that cannot acknowledge: who waits for what it was sent,
	 * until a pong shows that it came. */
	struct outlog unproved;
	uint64_t ice_due_ms;	    /* when it gets fresh credentials */
	uint64_t token_due_ms;	    /* and a fresh token; 0: it has none */
	uint64_t ttl_s;		    /* that it asked for, 0 for none */
	struct native_order *order; /* for what it said, or NULL */
	struct native_order *push;  /* unasked, or NULL */
	struct native_admission
		*admission;	 /* of its join, until that is over */
	struct shown_kept shown; /* by its handshake */
	uint32_t ice_state;	 /* of the list that it has */
	uint32_t key_state;	 /* of its token */
	uint8_t limited_count;	 /* refused by limits since the last that was
				    not */
	bool is_again;		 /* its message is taken for the second time */
	bool is_proving;	 /* a ping for `unproved` is out */
};

/* How the hub reaches a client's peer; arg is the struct native_client, NULL
 * while the peer is away. */
extern const struct peer_ops native_peer_ops;

/* native_push_ice(): at its native's beginning and end, and a client's end. */
void native_init_push(struct native *native);
void native_stop_push(struct native *native);
void native_forget_push(struct native_client *client);

/* An empty buffer to write one message into; native_send() sends it. */
struct buf *native_begin(struct native_client *client);
void native_send(struct native_client *client);

/* Answer with an error; `to` names the receiver it is about, {NULL, 0} for
 * none. */
void native_send_error(struct native_client *client, const struct msg *msg,
		       struct span to, enum msg_error_code code);
void native_send_refusal(struct native_client *client, const struct msg *msg,
			 enum msg_error_code code, const char *message);

/* The same with a code of access_judge(). */
void native_send_named(struct native_client *client, const struct msg *msg,
		       const struct msg_error *error);
/* What it said is only taken again, as it had to wait: it was counted before.
 */
bool native_is_again(const struct native_client *client);

/* Ask for one more of what an address, or a user, may have. Who may not is told
 * when it may, and who goes on and on is closed. */
bool native_may(struct native_client *client, const struct msg *msg,
		enum limit_kind kind, struct span key);

/* The network of the client. */
struct span native_network(const struct native_client *client);

/* Nothing more of it is read for so long. */
void native_tell_slowed(struct native_client *client, uint64_t wait_ms);

/* The sentence for a code that needs no more; NULL for others. */
const char *native_error_message(enum msg_error_code code);

/* The client is in a room now: from now on it gets fresh credentials, and with
 * a session fresh tokens, before the old ones end. */
void native_start_refreshing(struct native_client *client);

/* Send a newer token, unasked; its session has one. */
void native_renew_token(struct native_client *client);

/* It has got credentials just now: the next are due when these grow old. */
void native_restart_ice(struct native_client *client);

/* From now on it has websocket.join_timeout_s to be in a room. */
void native_start_join_deadline(struct native_client *client);

/* --- native_say.c --- */

/* Do what one text message of the client asks for, and answer it. */
void native_take_text(struct native_client *client, struct span text);

/* --- native_join.c --- */

void native_join(struct native_client *client, const struct msg *msg);
void native_resume(struct native_client *client, const struct msg *msg);

/* The answers to `ice` and `peers`. */
void native_send_ice(struct native_client *client, const struct msg *msg);
void native_send_peers(struct native_client *client, const struct msg *msg);

/* Send a fresh ICE list, or a fresh token, that nobody asked for. */
void native_renew_ice(struct native_client *client);
void native_write_renewed(struct native_client *client,
			  const struct turncred *cred);
void native_send_token(struct native_client *client);

/* --- native_admit.c --- */

/*
 * Ask who the client is, and whether its user may have one more join: once for
 * each join, though it may be taken again.
 *
 * join  what the client says; what is known of it is put in, and points into
 *       what native_end_admission() ends
 *
 * Returns whether it may try; else it has been answered.
 */
bool native_admit(struct native_client *client, const struct msg *msg,
		  struct hub_join *join);

/* The join has come to an end, good or bad. */
void native_end_admission(struct native_client *client);

/* --- native_order.c --- */

/*
 * Whether what the client said can be answered now; if not, it is taken again
 * when there is a credential for ask, or none can be had.
 */
bool native_has_credential(struct native_client *client,
			   const struct icelist_ask *ask);

/* Have one made for a list that nobody asked for. Returns whether
 * native_write_renewed() is going to be called with it; else it is to be sent
 * without one. */
bool native_order_renewal(struct native_client *client,
			  const struct icelist_ask *ask);

/* The credential that what is said now is answered with, and the id of the peer
 * that it was made for; NULL for none. */
const struct turncred *native_credential(const struct native_client *client);
const char *native_ordered_id(const struct native_client *client);

/* The client is gone: nothing of it is taken any more. */
void native_forget_orders(struct native_client *client);

/* --- native_deliver.c --- */

/* A pong has come. */
void native_prove(struct native_client *client, struct span payload);

/*
 * A wish of the client to hear what becomes of a message with a ref that it
 * sends to receivers_count others. native_request_fail() stands for the end of
 * one of those.
 *
 * Returns its waiter, or NULL when memory ran out.
 */
struct waiter *native_request_new(struct native_client *client,
				  const struct msg *msg,
				  size_t receivers_count);
void native_request_fail(struct waiter *waiter, struct span to,
			 enum msg_error_code code);

/* The client is gone: nobody hears of them. */
void native_forget_requests(struct native_client *client);

#endif
