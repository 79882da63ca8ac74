/* test_pair.c: numbered messages: once, in order, and acknowledged when they
 * have come. */
#include "hub/pair.h"
#include "session_rig.h"

/* A sender's wish to hear of a message without a number. */
struct witness {
	struct waiter waiter; /* first: the waiter is the witness */
	unsigned told;
	enum delivery outcome;
};

static void settle(struct waiter *waiter, enum delivery outcome)
{
	struct witness *witness = (struct witness *)waiter;

	witness->told++;
	witness->outcome = outcome;
}

static int send_waiting(struct line *from, const char *to,
			struct witness *witness)
{
	struct envelope envelope = signal_of(0, 0);

	*witness = (struct witness){.waiter.settle = settle};
	envelope.receipt.waiter = &witness->waiter;
	return hub_send(hub, from->peer, span_from(to), &envelope);
}

static int send_to_inst(struct line *from, const char *to, uint64_t ti,
			uint64_t n)
{
	struct envelope envelope = signal_of(n, 0);

	envelope.has_ti = true;
	envelope.ti = ti;
	return hub_send(hub, from->peer, span_from(to), &envelope);
}

static size_t pairs_count(void)
{
	return map_count(hub->pairs);
}

static void join_both(void)
{
	join(&ada, "ada", 1);
	join(&bob, "bob", 1);
	forget(&ada);
}

/* --- what is taken --- */

static void a_message_brings_its_numbers_and_its_senders_inst(void **state)
{
	(void)state;
	join(&ada, "ada", 7);
	join(&bob, "bob", 1);
	assert_int_equal(send_to(&ada, "bob", 5, 0), 0);
	assert_int_equal(send_to(&ada, "bob", 9, 5), 0);
	assert_int_equal(bob.messages_count, 2);
	assert_string_equal(bob.messages[1].from, "ada");
	assert_string_equal(bob.messages[1].payload, "\"hi\"");
	assert_int_equal(bob.messages[1].fi, 7);
	assert_int_equal(bob.messages[1].n, 9);
	assert_int_equal(bob.messages[1].p, 5);
}

static void a_message_to_nobody_is_unknown(void **state)
{
	(void)state;
	join_both();
	assert_int_equal(send_to(&ada, "nobody", 1, 0), -ENOENT);
	assert_int_equal(pairs_count(), 0);
}

/* However its numbers are. */
static void a_new_memory_gets_nothing_that_was_meant_for_the_old(void **state)
{
	struct hub_resume claim = claim_of(&bob_again, "bob", 8, 1);

	(void)state;
	join(&ada, "ada", 1);
	join(&bob, "bob", 7);
	assert_int_equal(send_to_inst(&ada, "bob", 7, 1), 0);
	assert_int_equal(resume(&bob_again, &claim), RESUMED);
	assert_int_equal(send_to_inst(&ada, "bob", 7, 1), -ESTALE);
	assert_int_equal(send_to_inst(&ada, "bob", 7, 2), -ESTALE);
	assert_int_equal(send_to_inst(&ada, "bob", 0, 2), -ESTALE);
	assert_int_equal(bob_again.messages_count, 0);
	assert_int_equal(send_to_inst(&ada, "bob", 8, 3), 0);
	assert_messages(&bob_again, 3, 3);
}

static void one_that_has_no_inst_is_named_by_0(void **state)
{
	(void)state;
	join(&ada, "ada", 1);
	join(&bob, "bob", 0);
	assert_int_equal(send_to_inst(&ada, "bob", 1, 1), -ESTALE);
	assert_int_equal(send_to_inst(&ada, "bob", 0, 1), 0);
	assert_messages(&bob, 1, 1);
}

static void a_repetition_of_what_is_under_way_is_dropped_silently(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 3);
	for (uint64_t n = 1; n <= 3; n++)
		assert_int_equal(send_to(&ada, "bob", n, 0), 0);
	assert_messages(&bob, 1, 3);
	assert_not_acked(&ada);
}

/* The acknowledgement may have been lost with the socket. */
static void a_repetition_of_what_has_come_is_acknowledged_again(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 3);
	hub_ack(bob.peer, 2);
	assert_acked(&ada, "bob", 2);
	assert_int_equal(send_to(&ada, "bob", 1, 0), 0);
	assert_acked(&ada, "bob", 2);
	assert_int_equal(send_to(&ada, "bob", 2, 1), 0);
	assert_acked(&ada, "bob", 2);
	assert_int_equal(send_to(&ada, "bob", 3, 0), 0);
	assert_not_acked(&ada);
	assert_messages(&bob, 1, 3);
}

static void a_message_is_refused_while_one_before_it_is_missing(void **state)
{
	(void)state;
	join_both();
	assert_int_equal(send_to(&ada, "bob", 2, 1), -ERANGE);
	assert_int_equal(bob.messages_count, 0);
	assert_int_equal(send_to(&ada, "bob", 1, 0), 0);
	assert_int_equal(send_to(&ada, "bob", 4, 3), -ERANGE);
	assert_int_equal(send_to(&ada, "bob", 2, 1), 0);
	/* An entry before it may have been given up. */
	assert_int_equal(send_to(&ada, "bob", 4, 2), 0);
	assert_int_equal(send_to(&ada, "bob", 5, 1), 0);
	assert_int_equal(bob.messages_count, 4);
}

static void numbers_of_one_receiver_are_not_those_of_another(void **state)
{
	(void)state;
	join_both();
	join(&eve, "eve", 1);
	assert_int_equal(send_to(&ada, "bob", 5, 0), 0);
	assert_int_equal(send_to(&ada, "eve", 3, 0), 0);
	assert_int_equal(send_to(&bob, "eve", 1, 0), 0);
	assert_int_equal(send_to(&ada, "eve", 6, 3), 0);
	assert_int_equal(send_to(&ada, "bob", 6, 5), 0);
	assert_int_equal(eve.messages_count, 3);
	assert_int_equal(bob.messages_count, 2);
}

static void
a_full_log_stores_nothing_and_the_same_number_may_come_again(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, MAX_KEPT);
	assert_int_equal(send_to(&ada, "bob", MAX_KEPT + 1, MAX_KEPT),
			 -ENOBUFS);
	assert_messages(&bob, 1, MAX_KEPT);
	hub_ack(bob.peer, 1);
	assert_int_equal(send_to(&ada, "bob", MAX_KEPT + 1, MAX_KEPT), 0);
	assert_messages(&bob, 1, MAX_KEPT + 1);
	assert_acked(&ada, "bob", 1);
	/* Nothing is left of what was refused. */
	hub_ack(bob.peer, MAX_KEPT + 1);
	cut(&ada);
	assert_int_equal(pairs_count(), 0);
}

/* Else 2 would come without 1. */
static void what_follows_a_refused_message_is_refused_too(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, MAX_KEPT);
	assert_int_equal(send_to(&ada, "bob", MAX_KEPT + 1, MAX_KEPT),
			 -ENOBUFS);
	hub_ack(bob.peer, 1);
	assert_int_equal(send_to(&ada, "bob", MAX_KEPT + 2, MAX_KEPT + 1),
			 -ERANGE);
	/* until the sender has given it up */
	assert_int_equal(send_to(&ada, "bob", MAX_KEPT + 2, MAX_KEPT), 0);
	assert_int_equal(bob.messages[MAX_KEPT].n, MAX_KEPT + 2);
}

/* --- what is acknowledged --- */

static void nothing_but_the_receivers_word_is_an_acknowledgement(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 2);
	assert_not_acked(&ada);
	cut(&bob);
	assert_not_acked(&ada);
	come_back(&bob_again, "bob", 0);
	assert_messages(&bob_again, 1, 2);
	assert_not_acked(&ada);
	hub_ack(bob_again.peer, 2);
	assert_acked(&ada, "bob", 2);
}

static void acknowledgements_are_cumulative_and_told_once_a_turn(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 4);
	hub_ack(bob.peer, 1);
	hub_ack(bob.peer, 2);
	hub_ack(bob.peer, 3);
	assert_int_equal(due_count, 1);
	assert_int_equal(ada.acks_count, 0);
	assert_acked(&ada, "bob", 3);
	assert_not_acked(&ada);
	hub_ack(bob.peer, 3);
	hub_ack(bob.peer, 1);
	assert_not_acked(&ada);
	assert_int_equal(due_count, 1);
	hub_ack(bob.peer, 4);
	assert_int_equal(due_count, 2);
	assert_acked(&ada, "bob", 4);
}

static void one_turn_serves_all_senders_and_receivers(void **state)
{
	(void)state;
	join_both();
	join(&eve, "eve", 1);
	send_all(&ada, "bob", 1, 1);
	send_all(&ada, "eve", 2, 2);
	send_all(&eve, "bob", 1, 1);
	hub_ack(bob.peer, 2);
	hub_ack(eve.peer, 1);
	assert_int_equal(due_count, 1);
	hub_tell_due(hub);
	assert_int_equal(ada.acks_count, 2);
	assert_int_equal(eve.acks_count, 1);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(ada.acks[i].n,
				 !strcmp(ada.acks[i].about, "bob") ? 1 : 2);
}

static void
an_acknowledgement_rides_the_other_way_and_is_not_told_twice(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 2);
	hub_ack(bob.peer, 2);
	assert_int_equal(send_to(&bob, "ada", 1, 0), 0);
	assert_int_equal(ada.messages[0].acked, 2);
	assert_not_acked(&ada);
	assert_int_equal(send_to(&bob, "ada", 2, 1), 0);
	assert_int_equal(ada.messages[1].acked, 0);
}

static void it_rides_on_a_message_without_a_number_too(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 2);
	hub_ack(bob.peer, 1);
	assert_int_equal(send_to(&bob, "ada", 0, 0), 0);
	assert_int_equal(ada.messages[0].acked, 1);
	assert_not_acked(&ada);
}

static void it_does_not_ride_on_what_goes_to_all(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 1);
	hub_ack(bob.peer, 1);
	broadcast(&bob, "1");
	assert_int_equal(ada.messages[0].acked, 0);
	assert_acked(&ada, "bob", 1);
}

static void it_does_not_ride_on_what_goes_to_another(void **state)
{
	(void)state;
	join_both();
	join(&eve, "eve", 1);
	send_all(&ada, "bob", 1, 1);
	hub_ack(bob.peer, 1);
	assert_int_equal(send_to(&bob, "eve", 1, 0), 0);
	assert_int_equal(send_to(&eve, "ada", 1, 0), 0);
	assert_int_equal(eve.messages[0].acked, 0);
	assert_int_equal(ada.messages[0].acked, 0);
	assert_acked(&ada, "bob", 1);
}

static void
it_is_told_though_the_message_it_would_ride_on_is_refused(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 2);
	hub_ack(bob.peer, 1);
	for (uint64_t n = 1; n <= MAX_KEPT; n++)
		assert_int_equal(send_to(&bob, "ada", n, n - 1), 0);
	hub_ack(bob.peer, 2);
	assert_int_equal(send_to(&bob, "ada", MAX_KEPT + 1, 0), -ENOBUFS);
	assert_acked(&ada, "bob", 2);
}

/* Once more: it is looked for among the newest that are due. */
static void one_of_many_that_are_due_is_told_if_it_does_not_ride(void **state)
{
	static struct line crowd[8];
	char id[16];

	(void)state;
	memset(crowd, 0, sizeof(crowd));
	join(&ada, "ada", 1);
	for (int i = 0; i < 8; i++) {
		(void)snprintf(id, sizeof(id), "p%d", i);
		join(&crowd[i], id, 1);
		send_all(&ada, id, (uint64_t)i + 1, (uint64_t)i + 1);
	}
	for (int i = 0; i < 8; i++)
		hub_ack(crowd[i].peer, 1);
	forget(&ada);
	for (int i = 0; i < 8; i++)
		assert_int_equal(send_to(&crowd[i], "ada", 0, 0), 0);
	hub_tell_due(hub);
	for (uint64_t n = 1; n <= 8; n++) {
		unsigned told = ada.messages[n - 1].acked == n;

		for (size_t k = 0; k < ada.acks_count; k++)
			told += ada.acks[k].n == n;
		assert_int_equal(told, 1);
	}
	for (int i = 0; i < 8; i++)
		hub_leave(hub, crowd[i].peer, LEAVE_LEFT);
}

static void a_sender_that_is_away_gets_none_and_asks_again(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 2);
	cut(&ada);
	hub_ack(bob.peer, 2);
	hub_tell_due(hub);
	assert_int_equal(ada.acks_count, 0);
	come_back(&ada_again, "ada", 0);
	assert_not_acked(&ada_again);
	assert_int_equal(send_to(&ada_again, "bob", 1, 0), 0);
	assert_int_equal(send_to(&ada_again, "bob", 2, 1), 0);
	assert_acked(&ada_again, "bob", 2);
	assert_messages(&bob, 1, 2);
}

/* A pair is forgotten when nothing is under way, also where its
 * acknowledgement has not been told yet: the message comes again, and its
 * receiver knows its number. */
static void a_pair_that_was_forgotten_does_no_harm(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 3);
	hub_ack(bob.peer, 3);
	assert_int_equal(pairs_count(), 1);
	cut(&ada);
	assert_int_equal(pairs_count(), 0);
	hub_tell_due(hub);
	assert_int_equal(ada.acks_count, 0);
	come_back(&ada_again, "ada", 0);
	send_all(&ada_again, "bob", 3, 4);
	assert_int_equal(bob.messages_count, 5);
	assert_int_equal(bob.messages[3].n, 3);
	hub_ack(bob.peer, 5);
	assert_acked(&ada_again, "bob", 4);
}

/* It would take a repetition for a new message: only a memory with an inst
 * counts what it has had. */
static void a_receiver_that_counts_nothing_gets_no_repetition(void **state)
{
	(void)state;
	join(&ada, "ada", 1);
	join(&bob, "bob", 0);
	send_all(&ada, "bob", 1, 2);
	prove(&bob);
	cut(&ada);
	come_back(&ada_again, "ada", 0);
	send_all(&ada_again, "bob", 1, 3);
	assert_messages(&bob, 1, 3);
	assert_acked(&ada_again, "bob", 2);
}

static void a_pair_with_something_under_way_is_not_forgotten(void **state)
{
	(void)state;
	join_both();
	join(&eve, "eve", 1);
	send_all(&ada, "bob", 1, 3);
	send_all(&ada, "eve", 4, 4);
	hub_ack(bob.peer, 3);
	cut(&ada);
	assert_int_equal(pairs_count(), 1);
	come_back(&ada_again, "ada", 0);
	assert_int_equal(send_to(&ada_again, "eve", 4, 0), 0);
	assert_messages(&eve, 4, 4);
}

static void who_cannot_acknowledge_does_so_by_its_pong(void **state)
{
	(void)state;
	join(&ada, "ada", 1);
	join(&bob, "bob", 0);
	send_all(&ada, "bob", 1, 3);
	assert_not_acked(&ada);
	prove(&bob);
	assert_acked(&ada, "bob", 3);
}

/* A candidate that no description came before: for dialects that cannot take
 * one early. Its sender hears of each by its number. */
static void a_sender_hears_what_its_receiver_could_not_take(void **state)
{
	(void)state;
	join(&ada, "ada", 1);
	join(&bob, "bob", 0);
	send_all(&ada, "bob", 1, 2);
	forget(&ada);
	outlog_clear(&bob.unproved, UNDESCRIBED);
	assert_int_equal(ada.losses_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(ada.losses[i].about, "bob");
		assert_int_equal(ada.losses[i].n, i + 1);
		assert_int_equal(ada.losses[i].outcome, UNDESCRIBED);
	}
	assert_not_acked(&ada);
	assert_int_equal(send_to(&ada, "bob", 3, 0), 0);
	prove(&bob);
	assert_acked(&ada, "bob", 3);
}

/* Else it would wait for ever: a repetition is not taken again. */
static void also_when_it_was_away_and_asks_again(void **state)
{
	(void)state;
	join(&ada, "ada", 1);
	join(&bob, "bob", 0);
	send_all(&ada, "bob", 1, 2);
	cut(&ada);
	outlog_clear(&bob.unproved, UNDESCRIBED);
	come_back(&ada_again, "ada", 0);
	send_all(&ada_again, "bob", 1, 3);
	assert_int_equal(ada_again.losses_count, 2);
	assert_int_equal(ada_again.losses[0].n, 1);
	assert_int_equal(ada_again.losses[1].n, 2);
	assert_int_equal(ada_again.losses[1].outcome, UNDESCRIBED);
	assert_messages(&bob, 1, 3);
	forget(&ada_again);
	assert_int_equal(send_to(&ada_again, "bob", 3, 0), 0);
	assert_int_equal(ada_again.losses_count, 0);
}

/* What came is one thing, what was given up another, whatever came behind it.
 */
static void what_was_given_up_is_never_said_to_have_come(void **state)
{
	(void)state;
	join(&ada, "ada", 1);
	join(&bob, "bob", 0);
	send_all(&ada, "bob", 1, 1);
	prove(&bob);
	cut(&ada);
	come_back(&ada_again, "ada", 0);
	send_all(&ada_again, "bob", 2, 3);
	cut(&ada_again);
	outlog_clear(&bob.unproved, UNDESCRIBED);
	come_back(&ada, "ada", 0);
	send_all(&ada, "bob", 4, 4);
	prove(&bob);
	assert_acked(&ada, "bob", 4);
	forget(&ada);
	send_all(&ada, "bob", 1, 3);
	assert_int_equal(ada.losses_count, 2);
	assert_int_equal(ada.losses[0].n, 2);
	assert_int_equal(ada.losses[1].n, 3);
}

static void long_after_it_only_the_last_are_remembered(void **state)
{
	(void)state;
	join(&ada, "ada", 1);
	join(&bob, "bob", 0);
	send_all(&ada, "bob", 1, 1);
	outlog_clear(&bob.unproved, UNDESCRIBED);
	for (uint64_t n = 2; n <= 80; n++) {
		assert_int_equal(send_to(&ada, "bob", n, n - 1), 0);
		prove(&bob);
		forget(&bob);
		forget(&ada);
	}
	assert_int_equal(send_to(&ada, "bob", 81, 80), 0);
	outlog_clear(&bob.unproved, UNDESCRIBED);
	forget(&ada);
	assert_int_equal(send_to(&ada, "bob", 1, 0), 0);
	assert_int_equal(send_to(&ada, "bob", 80, 79), 0);
	assert_int_equal(ada.losses_count, 0);
	assert_int_equal(send_to(&ada, "bob", 81, 80), 0);
	assert_int_equal(ada.losses_count, 1);
}

/* Its messages have no numbers, and nobody is told of those. */
static void one_without_a_session_is_told_of_no_acknowledgement(void **state)
{
	(void)state;
	join(&ada, "ada", 0);
	join(&bob, "bob", 1);
	assert_int_equal(send_to(&ada, "bob", 0, 0), 0);
	hub_ack(bob.peer, 1);
	assert_not_acked(&ada);
	assert_int_equal(due_count, 0);
}

/* --- messages somebody waits for --- */

static void who_waits_for_a_message_hears_that_it_has_come(void **state)
{
	struct witness witness;

	(void)state;
	join(&ada, "ada", 0);
	join(&bob, "bob", 1);
	assert_int_equal(send_waiting(&ada, "bob", &witness), 0);
	assert_int_equal(witness.told, 0);
	hub_ack(bob.peer, 1);
	assert_int_equal(witness.told, 1);
	assert_int_equal(witness.outcome, DELIVERED);
}

static void who_waits_hears_when_the_receiver_begins_anew(void **state)
{
	struct hub_resume claim = claim_of(&bob_again, "bob", 2, 1);
	struct witness witness;

	(void)state;
	join_both();
	assert_int_equal(send_waiting(&ada, "bob", &witness), 0);
	assert_int_equal(resume(&bob_again, &claim), RESUMED);
	assert_int_equal(witness.told, 1);
	assert_int_equal(witness.outcome, RESTARTED);
}

static void who_waits_hears_when_the_receiver_does_not_come_back(void **state)
{
	struct witness witness;

	(void)state;
	join_both();
	cut(&bob);
	assert_int_equal(send_waiting(&ada, "bob", &witness), 0);
	pass_whole(WINDOW_MS);
	assert_int_equal(witness.told, 1);
	assert_int_equal(witness.outcome, GONE);
}

static void what_was_refused_is_waited_for_by_nobody(void **state)
{
	struct witness witness;

	(void)state;
	join_both();
	send_all(&ada, "bob", 1, MAX_KEPT);
	assert_int_equal(send_waiting(&ada, "bob", &witness), -ENOBUFS);
	hub_leave(hub, bob.peer, LEAVE_LEFT);
	assert_int_equal(witness.told, 0);
}

/* --- when one end goes --- */

static void
a_sender_hears_up_to_which_number_a_receiver_that_left_lacks(void **state)
{
	(void)state;
	join_both();
	join(&eve, "eve", 1);
	send_all(&ada, "bob", 1, 4);
	send_all(&eve, "bob", 1, 1);
	hub_ack(bob.peer, 2);
	assert_acked(&ada, "bob", 2);
	hub_ack(bob.peer, 5);
	hub_tell_due(hub);
	send_all(&ada, "bob", 5, 6);
	hub_leave(hub, bob.peer, LEAVE_LEFT);
	assert_only_loss(&ada, "bob", 6, GONE);
	/* who has nothing under way, nothing */
	assert_int_equal(eve.losses_count, 0);
	assert_int_equal(pairs_count(), 0);
}

static void a_sender_hears_that_its_receiver_begins_anew(void **state)
{
	struct hub_resume claim = claim_of(&bob_again, "bob", 2, 1);

	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 3);
	cut(&bob);
	assert_int_equal(resume(&bob_again, &claim), RESUMED);
	assert_only_loss(&ada, "bob", 3, RESTARTED);
	assert_not_acked(&ada);
	/* Its numbers go on, and what came before is no gap. */
	assert_int_equal(send_to(&ada, "bob", 4, 0), 0);
	assert_messages(&bob_again, 4, 4);
	hub_ack(bob_again.peer, 1);
	assert_acked(&ada, "bob", 4);
}

static void a_sender_hears_that_its_receiver_did_not_come_back(void **state)
{
	(void)state;
	join_both();
	cut(&bob);
	send_all(&ada, "bob", 1, 2);
	pass_whole(WINDOW_MS);
	assert_only_loss(&ada, "bob", 2, GONE);
	assert_int_equal(send_to(&ada, "bob", 3, 0), -ENOENT);
}

/* It sends what is pending again when it is back, and hears of it then. */
static void a_sender_that_is_away_is_not_told_of_losses(void **state)
{
	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 1);
	cut(&ada);
	hub_leave(hub, bob.peer, LEAVE_LEFT);
	assert_int_equal(ada.losses_count, 0);
	come_back(&ada_again, "ada", 0);
	assert_int_equal(send_to(&ada_again, "bob", 1, 0), -ENOENT);
}

/* A new memory has counted nothing yet: what it is told must be its own. */
static void
a_senders_new_memory_hears_nothing_of_the_old_ones_messages(void **state)
{
	struct hub_resume claim = claim_of(&ada_again, "ada", 2, 1);

	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 3);
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	hub_ack(bob.peer, 2);
	assert_not_acked(&ada_again);
	assert_int_equal(send_to(&ada_again, "bob", 1, 0), 0);
	assert_int_equal(bob.messages[3].fi, 2);
	hub_ack(bob.peer, 3);
	assert_not_acked(&ada_again);
	hub_ack(bob.peer, 4);
	assert_acked(&ada_again, "bob", 1);
}

static void nor_does_it_when_the_receiver_goes(void **state)
{
	struct hub_resume claim = claim_of(&ada_again, "ada", 2, 1);

	(void)state;
	join_both();
	send_all(&ada, "bob", 1, 3);
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	hub_leave(hub, bob.peer, LEAVE_LEFT);
	assert_int_equal(ada_again.losses_count, 0);
}

static void a_sender_that_left_is_told_nothing_any_more(void **state)
{
	(void)state;
	join_both();
	join(&eve, "eve", 0);
	send_all(&ada, "bob", 1, 2);
	send_all(&ada, "eve", 3, 3);
	hub_ack(bob.peer, 1);
	hub_leave(hub, ada.peer, LEAVE_LEFT);
	ada.is_detached = true;
	hub_tell_due(hub);
	hub_ack(bob.peer, 2);
	prove(&eve);
	hub_tell_due(hub);
	assert_int_equal(pairs_count(), 0);
}

static void a_sender_hears_of_losses_though_others_left_before(void **state)
{
	(void)state;
	join_both();
	join(&eve, "eve", 1);
	join(&bob_again, "bob2", 1);
	send_all(&ada, "bob", 1, 1);
	send_all(&eve, "bob", 1, 1);
	send_all(&bob_again, "bob", 1, 1);
	hub_leave(hub, ada.peer, LEAVE_LEFT);
	hub_leave(hub, bob_again.peer, LEAVE_LEFT);
	ada.is_detached = bob_again.is_detached = true;
	hub_leave(hub, bob.peer, LEAVE_LEFT);
	assert_only_loss(&eve, "bob", 1, GONE);
}

/* Both of them among others that are due. */
static void
who_leaves_in_the_same_turn_disturbs_no_acknowledgement(void **state)
{
	(void)state;
	join_both();
	join(&eve, "eve", 1);
	join(&bob_again, "bob2", 1);
	send_all(&ada, "bob", 1, 1);
	send_all(&ada, "bob2", 2, 2);
	send_all(&ada, "eve", 3, 3);
	send_all(&bob, "eve", 1, 1);
	send_all(&eve, "ada", 1, 1);
	hub_ack(eve.peer, 2);
	hub_ack(ada.peer, 1);
	hub_ack(bob.peer, 1);
	hub_ack(bob_again.peer, 1);
	hub_leave(hub, bob.peer, LEAVE_LEFT);
	hub_leave(hub, bob_again.peer, LEAVE_LEFT);
	bob.is_detached = bob_again.is_detached = true;
	assert_acked(&ada, "eve", 3);
	assert_int_equal(eve.acks_count, 1);
	assert_int_equal(bob.acks_count, 0);
}

static void one_may_send_to_itself(void **state)
{
	struct hub_resume claim = claim_of(&ada_again, "ada", 2, 1);

	(void)state;
	join(&ada, "ada", 1);
	send_all(&ada, "ada", 1, 2);
	hub_ack(ada.peer, 1);
	assert_acked(&ada, "ada", 1);
	hub_ack(ada.peer, 2);
	assert_int_equal(send_to(&ada, "ada", 3, 2), 0);
	assert_int_equal(ada.messages[2].acked, 2);
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	assert_int_equal(send_to(&ada_again, "ada", 1, 0), 0);
	hub_leave(hub, ada_again.peer, LEAVE_LEFT);
	assert_int_equal(pairs_count(), 0);
}

/* --- memory --- */

/* Whichever allocation fails, the number is free, and comes when it can. */
static void
a_message_without_memory_is_refused_and_changes_nothing(void **state)
{
	int err = -ENOMEM;
	long n = 0;

	(void)state;
	join_both();
	while (err) {
		fail_alloc_at(++n);
		err = send_to(&ada, "bob", 1, 0);
		(void)fail_alloc_stop();
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(bob.messages_count, 0);
		assert_int_equal(send_to(&ada, "bob", 2, 1), -ERANGE);
	}
	assert_true(n > 2);
	assert_int_equal(send_to(&ada, "bob", 2, 1), 0);
	assert_messages(&bob, 1, 2);
	hub_ack(bob.peer, 2);
	assert_acked(&ada, "bob", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_brings_its_numbers_and_its_senders_inst),
		TEST(a_message_to_nobody_is_unknown),
		TEST(a_new_memory_gets_nothing_that_was_meant_for_the_old),
		TEST(one_that_has_no_inst_is_named_by_0),
		TEST(a_repetition_of_what_is_under_way_is_dropped_silently),
		TEST(a_repetition_of_what_has_come_is_acknowledged_again),
		TEST(a_message_is_refused_while_one_before_it_is_missing),
		TEST(numbers_of_one_receiver_are_not_those_of_another),
		TEST(a_full_log_stores_nothing_and_the_same_number_may_come_again),
		TEST(what_follows_a_refused_message_is_refused_too),
		TEST(nothing_but_the_receivers_word_is_an_acknowledgement),
		TEST(acknowledgements_are_cumulative_and_told_once_a_turn),
		TEST(one_turn_serves_all_senders_and_receivers),
		TEST(an_acknowledgement_rides_the_other_way_and_is_not_told_twice),
		TEST(it_rides_on_a_message_without_a_number_too),
		TEST(it_does_not_ride_on_what_goes_to_all),
		TEST(it_does_not_ride_on_what_goes_to_another),
		TEST(it_is_told_though_the_message_it_would_ride_on_is_refused),
		TEST(one_of_many_that_are_due_is_told_if_it_does_not_ride),
		TEST(a_sender_that_is_away_gets_none_and_asks_again),
		TEST(a_pair_that_was_forgotten_does_no_harm),
		TEST(a_receiver_that_counts_nothing_gets_no_repetition),
		TEST(a_pair_with_something_under_way_is_not_forgotten),
		TEST(who_cannot_acknowledge_does_so_by_its_pong),
		TEST(a_sender_hears_what_its_receiver_could_not_take),
		TEST(also_when_it_was_away_and_asks_again),
		TEST(what_was_given_up_is_never_said_to_have_come),
		TEST(long_after_it_only_the_last_are_remembered),
		TEST(one_without_a_session_is_told_of_no_acknowledgement),
		TEST(who_waits_for_a_message_hears_that_it_has_come),
		TEST(who_waits_hears_when_the_receiver_begins_anew),
		TEST(who_waits_hears_when_the_receiver_does_not_come_back),
		TEST(what_was_refused_is_waited_for_by_nobody),
		TEST(a_sender_hears_up_to_which_number_a_receiver_that_left_lacks),
		TEST(a_sender_hears_that_its_receiver_begins_anew),
		TEST(a_sender_hears_that_its_receiver_did_not_come_back),
		TEST(a_sender_that_is_away_is_not_told_of_losses),
		TEST(a_senders_new_memory_hears_nothing_of_the_old_ones_messages),
		TEST(nor_does_it_when_the_receiver_goes),
		TEST(a_sender_that_left_is_told_nothing_any_more),
		TEST(a_sender_hears_of_losses_though_others_left_before),
		TEST(who_leaves_in_the_same_turn_disturbs_no_acknowledgement),
		TEST(one_may_send_to_itself),
		TEST(a_message_without_memory_is_refused_and_changes_nothing),
	};

	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
