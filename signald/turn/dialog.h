/* dialog.h: requests to a TURN server under one credential, one at a time. */
#ifndef SIGNALD_TURN_DIALOG_H
#define SIGNALD_TURN_DIALOG_H

#include "codec/turn.h"
#include "codec/turncred.h"
#include "turn/link.h"

#define DIALOG_MAX_REALM 763 /* bytes of 127 characters; a nonce too (14.9) */
#define DIALOG_REASON_CAP 192

struct dialog;

/* In any of them the dialog may be closed. */
struct dialog_ops {
	/* A stream stands, requests may begin; over UDP they may at once. */
	void (*on_open)(void *arg);

	/*
	 * The answer to the last request, signed with our key: a refusal, or
	 * NULL for success. An answer that needs no signature comes before
	 * there is a key: who then gets what he asked for found an open relay
	 * (dialog_is_open_relay()).
	 */
	void (*on_answer)(const struct stun_message *message,
			  const struct stun_error *refusal, void *arg);

	/* A peer's datagram through the relay. */
	void (*on_data)(const struct sockaddr_storage *from, struct span data,
			void *arg);

	/* It cannot go on, dialog->reason says why. */
	void (*on_failure)(void *arg);
};

struct dialog_request {
	enum turn_method method; /* Allocate, CreatePermission, Refresh */
	int family;		 /* of an Allocate */
	uint32_t lifetime_s;	 /* of a Refresh */
	const struct sockaddr_storage *peer; /* of a CreatePermission */
};

struct dialog_text {
	size_t len;
	char bytes[DIALOG_MAX_REALM];
};

/* Inside its owner, filled with zeros. */
struct dialog {
	struct loop *loop;
	const struct dialog_ops *ops;
	void *arg;
	struct turncred cred;
	struct link link;
	struct loop_timer resend;
	struct crypto_hmac *key; /* NULL until the realm is known */
	struct dialog_text realm, nonce;
	enum link_transport transport;
	const char *doing; /* of which step an error tells */
	bool is_ours;	   /* the failure is a lack of this machine's */
	bool may_hold;	   /* an allocation, for all we know */
	bool was_stale;	   /* the request was refused with 438 */
	bool is_waiting;   /* for the answer to a request */
	/* An answer that must not be believed: 0 for none, 200 for success. */
	unsigned unsigned_code;
	struct dialog_request request;
	struct sockaddr_storage peer; /* of the request */
	uint8_t id[STUN_ID_LEN];
	char out[LINK_CAP]; /* what was last sent */
	size_t out_len;
	unsigned sends; /* of that */
	char reason[DIALOG_REASON_CAP];
};

/*
 * Connect.
 *
 * cred  what the requests are signed with; copied
 *
 * on_open is never called in the call itself. Returns 0; an error that
 * dialog_note_error() puts in words.
 */
int dialog_open(struct dialog *dialog, struct loop *loop,
		const struct link_target *target, const struct turncred *cred,
		const struct dialog_ops *ops, void *arg);

/*
 * Send a request, and again over UDP until its answer comes (RFC 8489, 6.2.1).
 * A challenge (401) and a nonce that is no longer good (438) are answered here.
 */
void dialog_request(struct dialog *dialog,
		    const struct dialog_request *request);

/*
 * Send a datagram to a peer, by a Send indication, which has no answer.
 *
 * Returns 0, or the error with which the dialog is over: on_failure is called.
 */
int dialog_send(struct dialog *dialog, const struct sockaddr_storage *peer,
		struct span data);

/* Note a system's error as the reason, in words; does not call back. */
void dialog_note_error(struct dialog *dialog, int err);

/* Note a reason; the first one stays. */
void dialog_note(struct dialog *dialog, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* "Allocate refused: 486, the quota is used up", as a reason. */
void dialog_note_refusal(struct dialog *dialog, unsigned code);

/* The server gave an allocation to who showed no credential. */
bool dialog_is_open_relay(const struct dialog *dialog);

/*
 * End it, at any time and again. An allocation that was not given back is given
 * up with one last message over UDP; over a stream it ends with the connection.
 */
void dialog_close(struct dialog *dialog);

/* "UDP", "TCP" or "TLS". */
const char *dialog_transport_name(enum link_transport transport);

#endif
