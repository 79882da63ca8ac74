/* proof.c: proves once that a TURN server relays. */
#include <errno.h>
#include <stdlib.h>

#include "base/member.h"
#include "turn/dialog.h"
#include "turn/proof.h"

/* RFC 8489, 6.2.1: the datagram gets lost as requests do. */
#define FIRST_RESEND_MS 500
#define MAX_SENDS 7

#define RANDOM_LEN 16

/* The datagram: random bytes, and which of its sendings it is. */
#define DATAGRAM_LEN (RANDOM_LEN + 1)

struct proof {
	struct loop *loop;
	void (*on_done)(const struct proof_result *result, void *arg);
	void *arg;
	int relay_family;
	unsigned timeout_ms;
	struct dialog dialog;
	struct loop_timer deadline;
	struct loop_timer resend; /* of the datagram */
	struct loop_task done;
	struct proof_result result;
	enum proof_step step;
	bool has_failed; /* a reason is noted */

	struct sockaddr_storage relayed;
	uint8_t random[RANDOM_LEN];
	unsigned sends;
	uint64_t sent_ms[MAX_SENDS]; /* each sending of the datagram */
};

/* --- how it ends --- */

/* From here on nothing happens but that on_done is called. */
static void finish(struct proof *proof)
{
	proof->result.certificate_trouble =
		link_certificate_trouble(&proof->dialog.link);
	loop_timer_stop(&proof->resend);
	loop_timer_stop(&proof->deadline);
	dialog_close(&proof->dialog);
	loop_defer(proof->loop, &proof->done);
}

static void done_run(struct loop_task *task)
{
	struct proof *proof = container_of(task, struct proof, done);

	/* It may free the proof. */
	proof->on_done(&proof->result, proof->arg);
}

/* The reason is noted; what went wrong first is what is told. */
static void fail_step(struct proof *proof)
{
	if (proof->has_failed)
		return;
	proof->has_failed = true;
	proof->result.step = proof->step;
	proof->result.reason = proof->dialog.reason;
	proof->result.is_ours = proof->dialog.is_ours;
}

static void note_timeout(struct proof *proof)
{
	struct dialog *dialog = &proof->dialog;
	const char *transport = dialog_transport_name(dialog->transport);
	double timeout_s = proof->timeout_ms / 1000.0;

	if (proof->step == PROOF_CONNECT)
		dialog_note(dialog, "no %s connection within %g s", transport,
			    timeout_s);
	else if (proof->step == PROOF_RELAY)
		dialog_note(dialog,
			    "the relayed datagram did not come back within "
			    "%g s",
			    timeout_s);
	else if (dialog->unsigned_code)
		dialog_note(dialog,
			    "no rightly signed answer to %s over %s within "
			    "%g s, but an unsigned %u",
			    dialog->doing, transport, timeout_s,
			    dialog->unsigned_code);
	else
		dialog_note(dialog, "no answer to %s over %s within %g s",
			    dialog->doing, transport, timeout_s);
}

static void deadline_fire(struct loop_timer *timer)
{
	struct proof *proof = container_of(timer, struct proof, deadline);

	note_timeout(proof);
	fail_step(proof);
	finish(proof);
}

static void on_failure(void *arg)
{
	struct proof *proof = arg;

	fail_step(proof);
	finish(proof);
}

/* --- its steps --- */

static void allocate(struct proof *proof)
{
	proof->step = PROOF_ALLOCATE;
	dialog_request(&proof->dialog,
		       &(struct dialog_request){.method = TURN_ALLOCATE,
						.family = proof->relay_family});
}

static void permit(struct proof *proof)
{
	proof->step = PROOF_PERMISSION;
	dialog_request(&proof->dialog, &(struct dialog_request){
					       .method = TURN_CREATE_PERMISSION,
					       .peer = &proof->relayed});
}

static void release(struct proof *proof)
{
	loop_timer_stop(&proof->resend);
	proof->step = PROOF_RELEASE;
	dialog_request(&proof->dialog,
		       &(struct dialog_request){.method = TURN_REFRESH});
}

static void send_datagram(struct proof *proof)
{
	uint64_t now_ms = proof->loop->clock.mono_ms;
	uint8_t data[DATAGRAM_LEN];

	memcpy(data, proof->random, RANDOM_LEN);
	data[RANDOM_LEN] = (uint8_t)proof->sends;
	proof->sent_ms[proof->sends] = now_ms;
	if (dialog_send(&proof->dialog, &proof->relayed,
			span_of(data, sizeof(data))))
		return;
	proof->sends++;
	if (proof->sends < MAX_SENDS)
		loop_timer_start(proof->loop, &proof->resend,
				 now_ms + ((uint64_t)FIRST_RESEND_MS
					   << (proof->sends - 1)));
}

static void resend_fire(struct loop_timer *timer)
{
	send_datagram(container_of(timer, struct proof, resend));
}

static void relay(struct proof *proof)
{
	proof->step = PROOF_RELAY;
	proof->dialog.doing = "the relayed datagram";
	crypto_random(proof->random, sizeof(proof->random));
	send_datagram(proof);
}

static void take_allocation(struct proof *proof,
			    const struct stun_message *message)
{
	if (dialog_is_open_relay(&proof->dialog))
		dialog_note(&proof->dialog,
			    "the server asks for no credential: anybody can "
			    "relay through it");
	else if (stun_find_xor_address(message, TURN_XOR_RELAYED_ADDRESS,
				       &proof->relayed))
		dialog_note(&proof->dialog,
			    "the answer to Allocate has no relayed address");
	else
		return permit(proof);
	fail_step(proof);
	release(proof);
}

static void take_refusal(struct proof *proof, unsigned code)
{
	if (proof->step == PROOF_PERMISSION && code == TURN_FORBIDDEN)
		dialog_note(&proof->dialog,
			    "the server forbids its own relay address (403): "
			    "does denied-peer-ip cover it?");
	else
		dialog_note_refusal(&proof->dialog, code);
	fail_step(proof);
	if (proof->step == PROOF_PERMISSION)
		release(proof);
	else
		finish(proof);
}

static void on_answer(const struct stun_message *message,
		      const struct stun_error *refusal, void *arg)
{
	struct proof *proof = arg;

	bool is_gone = refusal && proof->step == PROOF_RELEASE &&
		       refusal->code == TURN_ALLOCATION_MISMATCH;

	/* RFC 8656, 8.3: an earlier sending of the Refresh has ended it. */
	if (refusal && !is_gone) {
		take_refusal(proof, refusal->code);
	} else if (proof->step == PROOF_ALLOCATE) {
		take_allocation(proof, message);
	} else if (proof->step == PROOF_PERMISSION) {
		relay(proof);
	} else {
		proof->result.is_ok = !proof->has_failed;
		finish(proof);
	}
}

static bool is_from(const struct sockaddr_storage *from,
		    const struct sockaddr_storage *expected)
{
	struct net_addr x, y;

	net_addr_from(&x, (const struct sockaddr *)from);
	net_addr_from(&y, (const struct sockaddr *)expected);
	return net_addr_is_same(&x, &y);
}

static void on_data(const struct sockaddr_storage *from, struct span data,
		    void *arg)
{
	struct proof *proof = arg;
	uint8_t number;

	if (proof->step != PROOF_RELAY || data.len != DATAGRAM_LEN ||
	    memcmp(data.ptr, proof->random, RANDOM_LEN) != 0 ||
	    !is_from(from, &proof->relayed))
		return;
	number = (uint8_t)data.ptr[RANDOM_LEN];
	if (number >= proof->sends)
		return;
	proof->result.round_trip_ms =
		(unsigned)(proof->loop->clock.mono_ms - proof->sent_ms[number]);
	release(proof);
}

static void on_open(void *arg)
{
	allocate(arg);
}

static const struct dialog_ops dialog_ops = {
	.on_open = on_open,
	.on_answer = on_answer,
	.on_data = on_data,
	.on_failure = on_failure,
};

/* --- its life --- */

static void begin(struct proof *proof, const struct link_target *target,
		  const struct turncred *cred)
{
	int err = dialog_open(&proof->dialog, proof->loop, target, cred,
			      &dialog_ops, proof);

	if (err) {
		dialog_note_error(&proof->dialog, err);
		on_failure(proof);
	} else if (proof->dialog.link.is_open) {
		allocate(proof);
	}
}

int proof_new(struct proof **proofp, struct loop *loop,
	      const struct proof_target *target, const struct turncred *cred,
	      void (*on_done)(const struct proof_result *result, void *arg),
	      void *arg)
{
	struct proof *proof = calloc(1, sizeof(*proof));

	if (!proof)
		return -ENOMEM;
	loop_enter(loop); /* for a clock that is right */
	proof->loop = loop;
	proof->on_done = on_done;
	proof->arg = arg;
	proof->relay_family = target->relay_family;
	proof->timeout_ms = target->timeout_ms;
	proof->deadline.fire = deadline_fire;
	proof->resend.fire = resend_fire;
	proof->done.run = done_run;
	loop_timer_start(loop, &proof->deadline,
			 loop->clock.mono_ms + target->timeout_ms);
	begin(proof, &target->link, cred);
	*proofp = proof;
	return 0;
}

void proof_free(struct proof *proof)
{
	if (!proof)
		return;
	loop_timer_stop(&proof->resend);
	loop_timer_stop(&proof->deadline);
	loop_cancel(proof->loop, &proof->done);
	dialog_close(&proof->dialog);
	free(proof);
}
