/* proof.c: proves once that a TURN server relays. */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/turn.h"
#include "codec/turncred.h"
#include "turn/proof.h"

/* RFC 8489, 6.2.1. */
#define FIRST_RESEND_MS 500
#define MAX_SENDS 7

#define MAX_REALM 763 /* bytes of 127 characters, also for a nonce (14.9) */
#define REASON_CAP 192
#define RANDOM_LEN 16

/* The datagram: random bytes, and which of its sendings it is. */
#define DATAGRAM_LEN (RANDOM_LEN + 1)

struct proof_text {
	size_t len;
	char bytes[MAX_REALM];
};

struct proof {
	struct loop *loop;
	void (*on_done)(const struct proof_result *result, void *arg);
	void *arg;
	struct proof_target target; /* its user is in the credential */
	struct turncred cred;
	struct proof_link link;
	struct loop_timer deadline;
	struct loop_timer resend;
	struct loop_task done;
	struct proof_result result;
	char reason[REASON_CAP];

	enum proof_step step;
	struct crypto_hmac *key; /* NULL until the realm is known */
	struct proof_text realm, nonce;
	bool may_hold;	     /* an allocation, for all we know */
	bool was_stale;	     /* the step's request was refused with 438 */
	bool heard_unsigned; /* an answer that we must not believe */

	uint8_t id[STUN_ID_LEN];
	char out[PROOF_LINK_CAP]; /* the request or indication last written */
	size_t out_len;
	unsigned sends;

	struct sockaddr_storage relayed;
	uint8_t random[RANDOM_LEN];
	uint64_t sent_ms[MAX_SENDS]; /* each sending of the datagram */
};

static const struct {
	uint16_t method; /* 0: no request */
	const char *name;
} steps[] = {
	[PROOF_CONNECT] = {.name = "connecting"},
	[PROOF_ALLOCATE] = {TURN_ALLOCATE, "Allocate"},
	[PROOF_PERMISSION] = {TURN_CREATE_PERMISSION, "CreatePermission"},
	[PROOF_RELAY] = {.name = "the relayed datagram"},
	[PROOF_RELEASE] = {TURN_REFRESH, "Refresh"},
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

static const char *transport_of(const struct proof *proof)
{
	return proof->target.transport == PROOF_TCP ? "TCP" : "UDP";
}

/* --- how it ends --- */

static ssize_t write_request(struct proof *proof, enum proof_step step)
{
	struct stun_auth auth = {
		.username = span_from(proof->cred.username),
		.realm = span_of(proof->realm.bytes, proof->realm.len),
		.nonce = span_of(proof->nonce.bytes, proof->nonce.len),
		.hmac = proof->key,
	};
	const struct stun_auth *with = proof->key ? &auth : NULL;
	struct turn_draft draft = {
		.out = proof->out, .cap = sizeof(proof->out), .id = proof->id};

	crypto_random(proof->id, sizeof(proof->id));
	if (step == PROOF_ALLOCATE)
		return turn_write_allocate(&draft, proof->target.relay_family,
					   0, with);
	if (step == PROOF_PERMISSION)
		return turn_write_create_permission(&draft, &proof->relayed,
						    with);
	return turn_write_refresh(&draft, 0, with);
}

/* Nobody waits for the answer. A TCP connection takes its allocation along. */
static void say_farewell(struct proof *proof)
{
	ssize_t len;

	if (!proof->may_hold || !proof->link.is_open || proof->link.is_stream)
		return;
	proof->may_hold = false;
	len = write_request(proof, PROOF_RELEASE);
	if (len > 0)
		(void)proof_link_send(&proof->link,
				      span_of(proof->out, (size_t)len));
}

/* From here on nothing happens but that on_done is called. */
static void finish(struct proof *proof)
{
	say_farewell(proof);
	loop_timer_stop(&proof->resend);
	loop_timer_stop(&proof->deadline);
	proof_link_close(&proof->link);
	loop_defer(proof->loop, &proof->done);
}

static void done_run(struct loop_task *task)
{
	struct proof *proof = container_of(task, struct proof, done);

	/* It may free the proof. */
	proof->on_done(&proof->result, proof->arg);
}

/* Note why the proof fails. What went wrong first is what is told. */
static void note(struct proof *proof, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void note(struct proof *proof, const char *format, ...)
{
	va_list args;

	if (proof->result.reason)
		return;
	proof->result.step = proof->step;
	proof->result.reason = proof->reason;
	va_start(args, format);
	(void)vsnprintf(proof->reason, sizeof(proof->reason), format, args);
	va_end(args);
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
	case ENOTSUP:
	case EACCES:
	case EPERM:
		return true;
	default:
		return false;
	}
}

static void note_error(struct proof *proof, int err)
{
	const char *transport = transport_of(proof);

	if (!proof->result.reason)
		proof->result.is_ours = is_our_lack(err);
	if (err == -ECONNREFUSED)
		note(proof, "nothing listens there over %s", transport);
	else if (err == -EPIPE)
		note(proof, "the server closed the TCP connection during %s",
		     steps[proof->step].name);
	else if (err == -EPROTO || err == -EMSGSIZE)
		note(proof, "what listens there over %s is no TURN server",
		     transport);
	else if (err == -ENOTSUP)
		note(proof, "libcrypto gives no MD5, which TURN needs");
	else
		note(proof, "%s over %s: %s", steps[proof->step].name,
		     transport, strerror(-err));
}

static void fail_with(struct proof *proof, int err)
{
	note_error(proof, err);
	finish(proof);
}

static void note_timeout(struct proof *proof)
{
	double timeout_s = proof->target.timeout_ms / 1000.0;

	if (proof->step == PROOF_CONNECT)
		note(proof, "no %s connection within %g s", transport_of(proof),
		     timeout_s);
	else if (proof->step == PROOF_RELAY)
		note(proof,
		     "the relayed datagram did not come back within %g s",
		     timeout_s);
	else
		note(proof, "no %sanswer to %s over %s within %g s",
		     proof->heard_unsigned ? "rightly signed " : "",
		     steps[proof->step].name, transport_of(proof), timeout_s);
}

static void deadline_fire(struct loop_timer *timer)
{
	struct proof *proof = container_of(timer, struct proof, deadline);

	note_timeout(proof);
	finish(proof);
}

/* --- what is sent --- */

static void await_answer(struct proof *proof)
{
	uint64_t wait_ms = (uint64_t)FIRST_RESEND_MS << (proof->sends - 1);

	if (proof->sends < MAX_SENDS)
		loop_timer_start(proof->loop, &proof->resend,
				 proof->loop->clock.mono_ms + wait_ms);
}

static void send_message(struct proof *proof)
{
	int err = proof_link_send(&proof->link,
				  span_of(proof->out, proof->out_len));

	if (err) {
		fail_with(proof, err);
		return;
	}
	proof->sends++;
	/* A stream loses nothing, but the relay behind it may. */
	if (proof->step == PROOF_RELAY || !proof->link.is_stream)
		await_answer(proof);
}

static void send_written(struct proof *proof, ssize_t len)
{
	if (len < 0) {
		fail_with(proof, (int)len);
		return;
	}
	proof->out_len = (size_t)len;
	send_message(proof);
}

static void ask(struct proof *proof)
{
	loop_timer_stop(&proof->resend);
	proof->sends = 0;
	proof->heard_unsigned = false;
	if (proof->step == PROOF_ALLOCATE && proof->key)
		proof->may_hold = true;
	send_written(proof, write_request(proof, proof->step));
}

static void send_datagram(struct proof *proof)
{
	uint8_t data[DATAGRAM_LEN];
	struct turn_draft draft = {
		.out = proof->out, .cap = sizeof(proof->out), .id = proof->id};

	crypto_random(proof->id, sizeof(proof->id));
	memcpy(data, proof->random, RANDOM_LEN);
	data[RANDOM_LEN] = (uint8_t)proof->sends;
	proof->sent_ms[proof->sends] = proof->loop->clock.mono_ms;
	send_written(proof, turn_write_send(&draft, &proof->relayed,
					    span_of(data, sizeof(data))));
}

static void resend_fire(struct loop_timer *timer)
{
	struct proof *proof = container_of(timer, struct proof, resend);

	if (proof->step == PROOF_RELAY)
		send_datagram(proof);
	else
		send_message(proof);
}

static void go_on(struct proof *proof, enum proof_step step)
{
	loop_timer_stop(&proof->resend);
	proof->step = step;
	proof->sends = 0;
	proof->was_stale = false;
	if (step == PROOF_RELAY) {
		crypto_random(proof->random, sizeof(proof->random));
		send_datagram(proof);
	} else {
		ask(proof);
	}
}

/* --- what comes --- */

static int copy_text(struct span from, struct proof_text *to)
{
	if (from.len > sizeof(to->bytes))
		return -EPROTO;
	memcpy(to->bytes, from.ptr, from.len);
	to->len = from.len;
	return 0;
}

static int make_key(struct proof *proof)
{
	uint8_t key[CRYPTO_MD5_LEN];
	int err = stun_long_term_key(
		span_from(proof->cred.username),
		span_of(proof->realm.bytes, proof->realm.len),
		span_from(proof->cred.credential), key);

	if (!err)
		err = crypto_hmac_new(&proof->key, CRYPTO_SHA1,
				      span_of(key, sizeof(key)));
	crypto_wipe(key, sizeof(key));
	return err;
}

/* 401 to a request without a credential: what to sign the next one with. */
static void take_challenge(struct proof *proof,
			   const struct stun_message *message)
{
	struct span realm, nonce;
	int err;

	if (stun_find(message, STUN_REALM, &realm) ||
	    stun_find(message, STUN_NONCE, &nonce) ||
	    copy_text(realm, &proof->realm) ||
	    copy_text(nonce, &proof->nonce)) {
		note(proof, "Allocate refused: 401 without a realm and nonce "
			    "to answer with");
		finish(proof);
		return;
	}
	err = make_key(proof);
	if (err)
		fail_with(proof, err);
	else
		ask(proof);
}

/* 438: the same again, once, with the nonce that came. */
static void take_stale_nonce(struct proof *proof,
			     const struct stun_message *message)
{
	struct span nonce;

	if (proof->was_stale || stun_find(message, STUN_NONCE, &nonce) ||
	    copy_text(nonce, &proof->nonce)) {
		note(proof,
		     "%s refused: 438, the server does not take the "
		     "nonce it gave",
		     steps[proof->step].name);
		finish(proof);
		return;
	}
	proof->was_stale = true;
	ask(proof);
}

static void take_refusal(struct proof *proof, unsigned code)
{
	if (proof->step == PROOF_PERMISSION && code == TURN_FORBIDDEN)
		note(proof, "the server forbids its own relay address (403): "
			    "does denied-peer-ip cover it?");
	else
		note(proof, "%s refused: %u, %s", steps[proof->step].name, code,
		     words_of(code));
	if (proof->step == PROOF_PERMISSION) {
		go_on(proof, PROOF_RELEASE);
		return;
	}
	proof->may_hold = false;
	finish(proof);
}

static void take_unauthenticated(struct proof *proof,
				 const struct stun_message *message)
{
	if (!proof->key && proof->step == PROOF_ALLOCATE) {
		take_challenge(proof, message);
		return;
	}
	note(proof, "the server refuses the credential (401): is turn.secret "
		    "the one of its configuration, and its clock right?");
	if (proof->step == PROOF_ALLOCATE)
		proof->may_hold = false;
	finish(proof);
}

static void take_allocation(struct proof *proof,
			    const struct stun_message *message)
{
	proof->may_hold = true;
	if (!proof->key) {
		note(proof, "the server asks for no credential: anybody can "
			    "relay through it");
		go_on(proof, PROOF_RELEASE);
	} else if (stun_find_xor_address(message, TURN_XOR_RELAYED_ADDRESS,
					 &proof->relayed)) {
		note(proof, "the answer to Allocate has no relayed address");
		go_on(proof, PROOF_RELEASE);
	} else {
		go_on(proof, PROOF_PERMISSION);
	}
}

static void take_success(struct proof *proof,
			 const struct stun_message *message)
{
	if (proof->step == PROOF_ALLOCATE) {
		take_allocation(proof, message);
	} else if (proof->step == PROOF_PERMISSION) {
		go_on(proof, PROOF_RELAY);
	} else {
		proof->may_hold = false;
		proof->result.is_ok = !proof->result.reason;
		finish(proof);
	}
}

/* 401 and 438 come unsigned (RFC 8489, 9.2.4); all else that does, or is
 * signed with something else, never came (9.2.5). */
static void take_signed(struct proof *proof, const struct stun_message *message,
			const struct stun_error *error)
{
	int err = proof->key ? stun_verify(message, proof->key) : 0;

	if (err == -ENOMEM)
		fail_with(proof, err);
	else if (err)
		proof->heard_unsigned = true;
	else if (error)
		take_refusal(proof, error->code);
	else
		take_success(proof, message);
}

static void take_answer(struct proof *proof, const struct stun_message *message)
{
	struct stun_error error;

	if (!steps[proof->step].method ||
	    message->method != steps[proof->step].method ||
	    memcmp(message->id, proof->id, sizeof(proof->id)) != 0)
		return;
	if (message->class == STUN_SUCCESS)
		take_signed(proof, message, NULL);
	else if (stun_find_error(message, &error))
		return;
	else if (error.code == STUN_UNAUTHENTICATED)
		take_unauthenticated(proof, message);
	else if (error.code == STUN_STALE_NONCE && proof->key)
		take_stale_nonce(proof, message);
	else
		take_signed(proof, message, &error);
}

static bool is_same_address(const struct sockaddr_storage *a,
			    const struct sockaddr_storage *b)
{
	struct net_addr x, y;

	net_addr_from(&x, (const struct sockaddr *)a);
	net_addr_from(&y, (const struct sockaddr *)b);
	return x.is_v6 == y.is_v6 && x.port == y.port &&
	       !memcmp(x.ip, y.ip, sizeof(x.ip));
}

static void take_datagram(struct proof *proof,
			  const struct stun_message *message)
{
	struct sockaddr_storage from;
	struct span data;
	uint8_t number;

	if (turn_read_data(message, &from, &data) || data.len != DATAGRAM_LEN ||
	    memcmp(data.ptr, proof->random, RANDOM_LEN) != 0 ||
	    !is_same_address(&from, &proof->relayed))
		return;
	number = (uint8_t)data.ptr[RANDOM_LEN];
	if (number >= proof->sends)
		return;
	proof->result.round_trip_ms =
		(unsigned)(proof->loop->clock.mono_ms - proof->sent_ms[number]);
	go_on(proof, PROOF_RELEASE);
}

static void on_message(struct span bytes, void *arg)
{
	struct proof *proof = arg;
	struct stun_message message;

	if (stun_parse(bytes, &message))
		return;
	if (message.class == STUN_SUCCESS || message.class == STUN_ERROR)
		take_answer(proof, &message);
	else if (proof->step == PROOF_RELAY)
		take_datagram(proof, &message);
}

static void on_open(void *arg)
{
	go_on(arg, PROOF_ALLOCATE);
}

static void on_error(int err, void *arg)
{
	fail_with(arg, err);
}

static const struct proof_link_ops link_ops = {
	.on_open = on_open,
	.on_message = on_message,
	.on_error = on_error,
};

/* --- its life --- */

static void begin(struct proof *proof)
{
	int err =
		proof_link_open(&proof->link, proof->loop, &proof->target.addr,
				proof->target.transport, &link_ops, proof);

	if (err)
		fail_with(proof, err);
	else if (proof->link.is_open)
		go_on(proof, PROOF_ALLOCATE);
}

int proof_new(struct proof **proofp, struct loop *loop,
	      const struct proof_target *target, struct crypto_hmac *secret,
	      void (*on_done)(const struct proof_result *result, void *arg),
	      void *arg)
{
	struct proof *proof = calloc(1, sizeof(*proof));
	int err = -ENOMEM;

	if (!proof)
		return err;
	loop_enter(loop); /* for a clock that is right */
	proof->loop = loop;
	proof->on_done = on_done;
	proof->arg = arg;
	proof->target = *target;
	proof->target.user = SPAN("");
	proof->deadline.fire = deadline_fire;
	proof->resend.fire = resend_fire;
	proof->done.run = done_run;
	proof->link.fd = -1;
	err = turncred_make(secret, target->user, clock_wall_s(&loop->clock),
			    target->ttl_s, &proof->cred);
	if (err)
		goto fail;
	loop_timer_start(loop, &proof->deadline,
			 loop->clock.mono_ms + target->timeout_ms);
	begin(proof);
	*proofp = proof;
	return 0;

fail:
	proof_free(proof);
	return err;
}

void proof_free(struct proof *proof)
{
	if (!proof)
		return;
	say_farewell(proof);
	loop_timer_stop(&proof->resend);
	loop_timer_stop(&proof->deadline);
	loop_cancel(proof->loop, &proof->done);
	proof_link_close(&proof->link);
	crypto_hmac_free(proof->key);
	crypto_wipe(&proof->cred, sizeof(proof->cred));
	free(proof);
}
