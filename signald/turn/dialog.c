/* dialog.c: requests to a TURN server under one credential, one at a time. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/member.h"
#include "turn/dialog.h"

/* RFC 8489, 6.2.1. */
#define FIRST_RESEND_MS 500
#define MAX_SENDS 7

static const struct {
	enum turn_method method;
	const char *name;
} methods[] = {
	{TURN_ALLOCATE, "Allocate"},
	{TURN_CREATE_PERMISSION, "CreatePermission"},
	{TURN_REFRESH, "Refresh"},
};

/* What codes mean to whoever runs the server. */
static const struct {
	unsigned code;
	const char *words;
} refusals[] = {
	{STUN_TRY_ALTERNATE, "it sends clients to another server"},
	{STUN_BAD_REQUEST, "bad request"},
	{TURN_FORBIDDEN, "forbidden: is it draining?"},
	{STUN_UNKNOWN_ATTRIBUTE, "it does not know an attribute"},
	{TURN_ALLOCATION_MISMATCH, "the allocation is gone"},
	{TURN_ADDRESS_FAMILY_NOT_SUPPORTED,
	 "it has no relay address of that family"},
	{TURN_WRONG_CREDENTIALS, "another credential than before"},
	{TURN_UNSUPPORTED_TRANSPORT, "it relays no UDP"},
	{TURN_PEER_ADDRESS_FAMILY_MISMATCH, "its own address is of another "
					    "family"},
	{TURN_ALLOCATION_QUOTA_REACHED, "the quota is used up"},
	{STUN_SERVER_ERROR, "an error of the server's own"},
	{TURN_INSUFFICIENT_CAPACITY, "no relay port or bandwidth is left"},
};

static const char *words_of(unsigned code)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		if (refusals[i].code == code)
			return refusals[i].words;
	}
	return "a code that TURN does not use here";
}

static const char *name_of(enum turn_method method)
{
	size_t i = 0;

	while (methods[i].method != method)
		i++;
	return methods[i].name;
}

const char *dialog_transport_name(enum link_transport transport)
{
	static const char *const names[] = {
		[LINK_UDP] = "UDP", [LINK_TCP] = "TCP", [LINK_TLS] = "TLS"};

	return names[transport];
}

/* --- why it fails --- */

void dialog_note(struct dialog *dialog, const char *format, ...)
{
	va_list args;

	if (*dialog->reason)
		return;
	va_start(args, format);
	(void)vsnprintf(dialog->reason, sizeof(dialog->reason), format, args);
	va_end(args);
}

void dialog_note_refusal(struct dialog *dialog, unsigned code)
{
	dialog_note(dialog, "%s refused: %u, %s", dialog->doing, code,
		    words_of(code));
}

/* Errors that say nothing about the server. */
static bool is_our_lack(int err)
{
	switch (-err) {
	case ENOMEM:
	case ENOBUFS:
	case EMFILE:
	case ENFILE:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
	case ENETUNREACH: /* no way to that family */
	case ENOTSUP:
	case EACCES:
	case EPERM:
		return true;
	default:
		return false;
	}
}

void dialog_note_error(struct dialog *dialog, int err)
{
	const char *transport = dialog_transport_name(dialog->transport);

	if (!*dialog->reason)
		dialog->is_ours = is_our_lack(err);
	if (err == -ECONNREFUSED)
		dialog_note(dialog, "nothing listens there over %s",
			    dialog->transport == LINK_UDP ? "UDP" : "TCP");
	else if (err == -EPIPE)
		dialog_note(dialog,
			    "the server closed the %s connection during %s",
			    transport, dialog->doing);
	else if (err == -EKEYREJECTED)
		dialog_note(dialog, "the certificate is not good: %s",
			    link_certificate_trouble(&dialog->link));
	else if (err == -EPROTO && dialog->link.is_stream &&
		 dialog->transport == LINK_TLS && !dialog->sends)
		dialog_note(dialog, "what listens there speaks no TLS that "
				    "clients do");
	else if (err == -EPROTO || err == -EMSGSIZE)
		dialog_note(dialog,
			    "what listens there over %s is no TURN server",
			    transport);
	else if (err == -ENOTSUP)
		dialog_note(dialog, "libcrypto gives no MD5, which TURN needs");
	else
		dialog_note(dialog, "%s over %s: %s", dialog->doing, transport,
			    strerror(-err));
}

static void fail(struct dialog *dialog)
{
	dialog->is_waiting = false;
	loop_timer_stop(&dialog->resend);
	dialog->ops->on_failure(dialog->arg);
}

static int fail_with(struct dialog *dialog, int err)
{
	dialog_note_error(dialog, err);
	fail(dialog);
	return err;
}

/* --- what is sent --- */

static ssize_t write_request(struct dialog *dialog,
			     const struct dialog_request *request)
{
	struct stun_auth auth = {
		.username = span_from(dialog->cred.username),
		.realm = span_of(dialog->realm.bytes, dialog->realm.len),
		.nonce = span_of(dialog->nonce.bytes, dialog->nonce.len),
		.hmac = dialog->key,
	};
	const struct stun_auth *with = dialog->key ? &auth : NULL;
	struct turn_draft draft = {.out = dialog->out,
				   .cap = sizeof(dialog->out),
				   .id = dialog->id};

	crypto_random(dialog->id, sizeof(dialog->id));
	if (request->method == TURN_ALLOCATE)
		return turn_write_allocate(&draft, request->family, 0, with);
	if (request->method == TURN_CREATE_PERMISSION)
		return turn_write_create_permission(&draft, &dialog->peer,
						    with);
	return turn_write_refresh(&draft, request->lifetime_s, with);
}

static void await_answer(struct dialog *dialog)
{
	uint64_t wait_ms = (uint64_t)FIRST_RESEND_MS << (dialog->sends - 1);

	if (dialog->sends < MAX_SENDS)
		loop_timer_start(dialog->loop, &dialog->resend,
				 dialog->loop->clock.mono_ms + wait_ms);
}

static int send_message(struct dialog *dialog)
{
	int err =
		link_send(&dialog->link, span_of(dialog->out, dialog->out_len));

	if (err)
		return fail_with(dialog, err);
	dialog->sends++;
	/* A stream loses nothing. */
	if (!dialog->link.is_stream)
		await_answer(dialog);
	return 0;
}

static void resend_fire(struct loop_timer *timer)
{
	(void)send_message(container_of(timer, struct dialog, resend));
}

/* The request as it stands, under the credential as far as it is known. */
static void ask(struct dialog *dialog)
{
	ssize_t len;

	loop_timer_stop(&dialog->resend);
	dialog->sends = 0;
	dialog->unsigned_code = 0;
	dialog->is_waiting = true;
	if (dialog->request.method == TURN_ALLOCATE && dialog->key)
		dialog->may_hold = true;
	len = write_request(dialog, &dialog->request);
	if (len < 0) {
		(void)fail_with(dialog, (int)len);
		return;
	}
	dialog->out_len = (size_t)len;
	(void)send_message(dialog);
}

void dialog_request(struct dialog *dialog, const struct dialog_request *request)
{
	dialog->request = *request;
	if (request->peer)
		dialog->peer = *request->peer;
	dialog->doing = name_of(request->method);
	dialog->was_stale = false;
	ask(dialog);
}

int dialog_send(struct dialog *dialog, const struct sockaddr_storage *peer,
		struct span data)
{
	char out[LINK_CAP];
	uint8_t id[STUN_ID_LEN];
	struct turn_draft draft = {.out = out, .cap = sizeof(out), .id = id};
	ssize_t len;
	int err;

	crypto_random(id, sizeof(id));
	len = turn_write_send(&draft, peer, data);
	err = len < 0 ? (int)len
		      : link_send(&dialog->link, span_of(out, (size_t)len));
	return err ? fail_with(dialog, err) : 0;
}

/* --- what comes --- */

static int copy_text(struct span from, struct dialog_text *to)
{
	if (from.len > sizeof(to->bytes))
		return -EPROTO;
	memcpy(to->bytes, from.ptr, from.len);
	to->len = from.len;
	return 0;
}

static int make_key(struct dialog *dialog)
{
	uint8_t key[CRYPTO_MD5_LEN];
	int err = stun_long_term_key(
		span_from(dialog->cred.username),
		span_of(dialog->realm.bytes, dialog->realm.len),
		span_from(dialog->cred.credential), key);

	if (!err)
		err = crypto_hmac_new(&dialog->key, CRYPTO_SHA1,
				      span_of(key, sizeof(key)));
	crypto_wipe(key, sizeof(key));
	return err;
}

/* 401 to a request without a credential: what to sign the next one with. */
static void take_challenge(struct dialog *dialog,
			   const struct stun_message *message)
{
	struct span realm, nonce;
	int err;

	if (stun_find(message, STUN_REALM, &realm) ||
	    stun_find(message, STUN_NONCE, &nonce) ||
	    copy_text(realm, &dialog->realm) ||
	    copy_text(nonce, &dialog->nonce)) {
		dialog_note(dialog,
			    "%s refused: 401 without a realm and nonce "
			    "to answer with",
			    dialog->doing);
		fail(dialog);
		return;
	}
	err = make_key(dialog);
	if (err)
		(void)fail_with(dialog, err);
	else
		ask(dialog);
}

/* 438: the same again, once, with the nonce that came. */
static void take_stale_nonce(struct dialog *dialog,
			     const struct stun_message *message)
{
	struct span nonce;

	if (dialog->was_stale || stun_find(message, STUN_NONCE, &nonce) ||
	    copy_text(nonce, &dialog->nonce)) {
		dialog_note(dialog,
			    "%s refused: 438, the server does not take the "
			    "nonce it gave",
			    dialog->doing);
		fail(dialog);
		return;
	}
	dialog->was_stale = true;
	ask(dialog);
}

static void take_unauthenticated(struct dialog *dialog,
				 const struct stun_message *message)
{
	if (!dialog->key) {
		take_challenge(dialog, message);
		return;
	}
	dialog_note(dialog,
		    "the server refuses the credential (401): is turn.secret, "
		    "or turn.redis, the one of its configuration, and its "
		    "clock right?");
	if (dialog->request.method == TURN_ALLOCATE)
		dialog->may_hold = false;
	fail(dialog);
}

/* What is ours after this answer. */
static void note_holding(struct dialog *dialog,
			 const struct stun_error *refusal)
{
	enum turn_method method = dialog->request.method;

	if (method == TURN_ALLOCATE)
		dialog->may_hold = !refusal;
	if (method == TURN_REFRESH)
		dialog->may_hold = !refusal && dialog->request.lifetime_s;
}

/* 401 and 438 come unsigned (RFC 8489, 9.2.4); all else that does, or is
 * signed with something else, never came (9.2.5). */
static void take_signed(struct dialog *dialog,
			const struct stun_message *message,
			const struct stun_error *refusal)
{
	int err = dialog->key ? stun_verify(message, dialog->key) : 0;

	if (err == -ENOMEM) {
		(void)fail_with(dialog, err);
	} else if (err) {
		dialog->unsigned_code = refusal ? refusal->code : 200;
	} else {
		dialog->is_waiting = false;
		loop_timer_stop(&dialog->resend);
		note_holding(dialog, refusal);
		dialog->ops->on_answer(message, refusal, dialog->arg);
	}
}

static void take_answer(struct dialog *dialog,
			const struct stun_message *message)
{
	struct stun_error error;

	if (!dialog->is_waiting || message->method != dialog->request.method ||
	    memcmp(message->id, dialog->id, sizeof(dialog->id)) != 0)
		return;
	if (message->class == STUN_SUCCESS)
		take_signed(dialog, message, NULL);
	else if (stun_find_error(message, &error))
		return;
	else if (error.code == STUN_UNAUTHENTICATED)
		take_unauthenticated(dialog, message);
	else if (error.code == STUN_STALE_NONCE && dialog->key)
		take_stale_nonce(dialog, message);
	else
		take_signed(dialog, message, &error);
}

static void on_message(struct span bytes, void *arg)
{
	struct dialog *dialog = arg;
	struct sockaddr_storage from;
	struct stun_message message;
	struct span data;

	if (stun_parse(bytes, &message))
		return;
	if (message.class == STUN_SUCCESS || message.class == STUN_ERROR)
		take_answer(dialog, &message);
	else if (!turn_read_data(&message, &from, &data))
		dialog->ops->on_data(&from, data, dialog->arg);
}

static void on_open(void *arg)
{
	struct dialog *dialog = arg;

	dialog->ops->on_open(dialog->arg);
}

static void on_error(int err, void *arg)
{
	(void)fail_with(arg, err);
}

static const struct link_ops link_ops = {
	.on_open = on_open,
	.on_message = on_message,
	.on_error = on_error,
};

/* --- its life --- */

int dialog_open(struct dialog *dialog, struct loop *loop,
		const struct link_target *target, const struct turncred *cred,
		const struct dialog_ops *ops, void *arg)
{
	dialog->loop = loop;
	dialog->ops = ops;
	dialog->arg = arg;
	dialog->cred = *cred;
	dialog->transport = target->transport;
	dialog->resend.fire = resend_fire;
	dialog->doing = "connecting";
	return link_open(&dialog->link, loop, target, &link_ops, dialog);
}

bool dialog_is_open_relay(const struct dialog *dialog)
{
	return !dialog->key && dialog->may_hold;
}

/* Nobody waits for the answer. */
static void say_farewell(struct dialog *dialog)
{
	static const struct dialog_request end = {.method = TURN_REFRESH};
	ssize_t len;

	if (!dialog->may_hold || !dialog->link.is_open ||
	    dialog->link.is_stream)
		return;
	dialog->may_hold = false;
	len = write_request(dialog, &end);
	if (len > 0)
		(void)link_send(&dialog->link,
				span_of(dialog->out, (size_t)len));
}

void dialog_close(struct dialog *dialog)
{
	if (!dialog->loop)
		return; /* never opened */
	say_farewell(dialog);
	loop_timer_stop(&dialog->resend);
	link_close(&dialog->link);
	crypto_hmac_free(dialog->key);
	dialog->key = NULL;
	dialog->is_waiting = false;
	crypto_wipe(&dialog->cred, sizeof(dialog->cred));
}
