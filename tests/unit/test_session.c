/* test_session.c: peers that outlive their transport: cut, away, resumed, gone,
 * and back after the server's own restart. */
#include "hub/session.h"
#include "session_rig.h"

static void join_both(void)
{
	join(&ada, "ada", 1);
	join(&bob, "bob", 1);
	forget(&ada);
}

/* A claim of the memory that ada has now. */
static struct hub_resume same_memory(struct line *line, uint64_t attempt,
				     uint64_t last)
{
	struct hub_resume claim = claim_of(line, "ada", 1, attempt);

	claim.epoch = hub_epoch(ada.peer);
	claim.last = last;
	return claim;
}

/* She is just as she was: on her first transport, and nobody was told. */
static void assert_untouched(void)
{
	assert_ptr_equal(ada.peer->arg, &ada);
	assert_false(ada.is_detached);
	assert_false(ada.peer->is_away);
	assert_int_equal(bob.events_count, 0);
}

/* --- whose session it is --- */

static void a_resumed_peer_keeps_its_id_and_its_room(void **state)
{
	const struct peer *peer;

	(void)state;
	join_both();
	peer = ada.peer;
	cut(&ada);
	assert_null(peer->arg);
	come_back(&ada_again, "ada", 0);
	assert_ptr_equal(ada_again.peer, peer);
	assert_false(peer->is_away);
	assert_int_equal(hub_peers_count(hub), 2);
	assert_int_equal(send_to(&bob, "ada", 1, 0), 0);
	assert_messages(&ada_again, 1, 1);
	assert_int_equal(ada.messages_count, 0);
}

static void an_older_memory_never_comes_back(void **state)
{
	struct hub_resume claim = claim_of(&ada_again, "ada", 4, 9);

	(void)state;
	join(&ada, "ada", 5);
	join(&bob, "bob", 1);
	claim.epoch = hub_epoch(ada.peer);
	assert_int_equal(resume(&ada_again, &claim), RESUME_TAKEN);
	assert_untouched();
	assert_int_equal(ada.peer->inst, 5);
}

static void an_attempt_that_is_not_later_touches_nothing(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	send_all(&bob, "ada", 1, 2);
	for (uint64_t attempt = 0; attempt <= 1; attempt++) {
		claim = same_memory(&ada_again, attempt, 2);
		assert_int_equal(resume(&ada_again, &claim), RESUME_STALE);
		assert_untouched();
	}
	assert_not_acked(&bob);
}

static void of_two_resumes_that_race_the_later_attempt_wins(void **state)
{
	struct hub_resume second, third;

	(void)state;
	join_both();
	second = same_memory(&ada_again, 2, 0);
	third = same_memory(&ada_third, 3, 0);
	assert_int_equal(resume(&ada_again, &second), RESUMED);
	assert_true(ada.is_detached);
	assert_int_equal(resume(&ada_third, &third), RESUMED);
	assert_true(ada_again.is_detached);
	assert_int_equal(ada_again.why, DETACH_TAKEN_OVER);
	assert_ptr_equal(ada.peer->arg, &ada_third);
}

static void also_when_the_later_one_comes_first(void **state)
{
	struct hub_resume second, third;

	(void)state;
	join_both();
	second = same_memory(&ada_again, 2, 0);
	third = same_memory(&ada_third, 3, 0);
	assert_int_equal(resume(&ada_third, &third), RESUMED);
	assert_int_equal(resume(&ada_again, &second), RESUME_STALE);
	assert_false(ada_third.is_detached);
	assert_ptr_equal(ada.peer->arg, &ada_third);
}

static bool was_quiet; /* when ada's transport was detached */

static void detach_quietly(struct peer *peer, enum hub_detach why)
{
	assert_ptr_equal(peer->arg, &ada);
	was_quiet = !bob.events_count && !bob.losses_count &&
		    !hub_peer_of(bob.peer)->session->due;
	detach(peer, why);
}

/* For both kinds: nothing that comes of it may pass over the old one. */
static void the_old_transport_is_detached_before_anything_else(void **state)
{
	static const struct peer_ops quiet_ops = {
		.deliver = deliver,
		.detach = detach_quietly,
		.acked = acked,
		.undelivered = undelivered,
	};

	for (uint64_t inst = 1; inst <= 2; inst++) {
		struct hub_resume claim;

		join_both();
		send_all(&bob, "ada", 1, 1);
		ada.peer->ops = &quiet_ops;
		claim = same_memory(&ada_again, 2, 1);
		claim.join.inst = inst;
		was_quiet = false;
		assert_int_equal(resume(&ada_again, &claim), RESUMED);
		assert_true(was_quiet);
		assert_true(ada.is_detached);
		assert_ptr_equal(ada.peer->ops, &ops);
		assert_int_equal(bob.events_count, 1);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
}

static void an_older_token_ends_at_the_first_use_of_a_newer(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	claim = same_memory(&ada_again, 2, 0);
	claim.generation = 3;
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	forget(&bob);
	claim = same_memory(&ada_third, 3, 0);
	claim.generation = 2;
	assert_int_equal(resume(&ada_third, &claim), RESUME_TAKEN);
	/* nor does a higher inst help */
	claim.join.inst = 2;
	assert_int_equal(resume(&ada_third, &claim), RESUME_TAKEN);
	assert_false(ada_again.is_detached);
	assert_int_equal(bob.events_count, 0);
	/* The same one may be used again: its answer may have been lost. */
	claim.join.inst = 1;
	claim.generation = 3;
	assert_int_equal(resume(&ada_third, &claim), RESUMED);
}

static void tokens_are_numbered_on_from_the_newest_known(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	assert_int_equal(hub_next_generation(ada.peer), 1);
	assert_int_equal(hub_next_generation(ada.peer), 2);
	claim = same_memory(&ada_again, 2, 0);
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	assert_int_equal(hub_next_generation(ada.peer), 3);
	claim = same_memory(&ada_third, 3, 0);
	claim.generation = 7; /* of the server's life before */
	assert_int_equal(resume(&ada_third, &claim), RESUMED);
	assert_int_equal(hub_next_generation(ada.peer), 8);
}

static void the_id_of_a_peer_without_a_session_is_taken(void **state)
{
	struct hub_resume claim = claim_of(&ada_again, "ada", 1, 2);

	(void)state;
	join(&ada, "ada", 0);
	join(&bob, "bob", 1);
	assert_int_equal(resume(&ada_again, &claim), RESUME_TAKEN);
	assert_untouched();
}

/* --- its log --- */

static void epochs_are_numbers_for_any_client_and_of_one_log_each(void **state)
{
	const uint64_t most = ((uint64_t)1 << 53) - 1;

	(void)state;
	join_both();
	assert_true(hub_epoch(ada.peer) && hub_epoch(ada.peer) <= most);
	assert_true(hub_epoch(ada.peer) != hub_epoch(bob.peer));
	assert_true(hub_has_session(ada.peer));
	join(&eve, "eve", 0);
	assert_false(hub_has_session(eve.peer));
}

static void what_was_not_acknowledged_is_sent_again_in_order(void **state)
{
	(void)state;
	join_both();
	send_all(&bob, "ada", 1, 2);
	broadcast(&bob, "[]");
	assert_int_equal(send_to(&bob, "ada", 3, 2), 0);
	hub_ack(ada.peer, 1);
	cut(&ada);
	assert_int_equal(send_to(&bob, "ada", 4, 3), 0);
	come_back(&ada_again, "ada", 1);
	assert_int_equal(send_to(&bob, "ada", 5, 4), 0);
	assert_int_equal(ada_again.messages_count, 5);
	assert_int_equal(ada_again.messages[0].n, 2);
	assert_int_equal(ada_again.messages[1].kind, ENVELOPE_BROADCAST);
	assert_string_equal(ada_again.messages[1].payload, "[]");
	for (size_t i = 2; i < 5; i++)
		assert_int_equal(ada_again.messages[i].n, i + 1);
}

/* Else a client that had them all, and was cut before it could say so, would
 * have them again, and its senders wait. */
static void the_position_of_a_resume_is_an_acknowledgement(void **state)
{
	(void)state;
	join_both();
	send_all(&bob, "ada", 1, 3);
	cut(&ada);
	come_back(&ada_again, "ada", 2);
	assert_messages(&ada_again, 3, 3);
	assert_acked(&bob, "ada", 2);
	cut(&ada_again);
	come_back(&ada_third, "ada", 3);
	assert_int_equal(ada_third.messages_count, 0);
	assert_acked(&bob, "ada", 3);
}

/* A position in a log that is gone would trim messages nobody has seen. */
static void a_position_in_another_log_acknowledges_nothing(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	send_all(&bob, "ada", 1, 3);
	claim = same_memory(&ada_again, 2, 3);
	claim.epoch ^= 1;
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	assert_messages(&ada_again, 1, 3);
	assert_not_acked(&bob);
	/* Once something of this log was acknowledged it cannot be whole. */
	hub_ack(ada.peer, 1);
	claim.join.attempt = 3;
	assert_int_equal(resume(&ada_third, &claim), RESUME_OVERFLOW);
	assert_false(ada_again.is_detached);
}

static void a_position_that_was_never_reached_is_not_resumed(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	send_all(&bob, "ada", 1, 2);
	claim = same_memory(&ada_again, 2, 3);
	assert_int_equal(resume(&ada_again, &claim), RESUME_OVERFLOW);
	assert_untouched();
	assert_not_acked(&bob);
}

/* Nor is one before what was acknowledged: it is not kept any more. */
static void a_position_before_what_was_acknowledged_is_not_resumed(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	send_all(&bob, "ada", 1, 2);
	hub_ack(ada.peer, 2);
	claim = same_memory(&ada_again, 2, 1);
	assert_int_equal(resume(&ada_again, &claim), RESUME_OVERFLOW);
	assert_untouched();
}

static void fill(struct line *from, const char *to)
{
	send_all(from, to, 1, MAX_KEPT);
	assert_int_equal(send_to(from, to, MAX_KEPT + 1, MAX_KEPT), -ENOBUFS);
}

/* Nobody could be told that a broadcast was not kept: it comes all the same,
 * and it is the next resume that is not whole. */
static void what_a_full_log_could_not_keep_is_never_resumed_over(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	fill(&bob, "ada");
	broadcast(&bob, "[1]");
	assert_int_equal(ada.messages_count, MAX_KEPT + 1);
	assert_string_equal(ada.messages[MAX_KEPT].payload, "[1]");
	claim = same_memory(&ada_again, 2, MAX_KEPT);
	assert_int_equal(resume(&ada_again, &claim), RESUME_OVERFLOW);
	assert_untouched();
	/* but over what it had: its position counts the broadcast */
	claim.last = MAX_KEPT + 1;
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	assert_int_equal(ada_again.messages_count, 0);
	assert_acked(&bob, "ada", MAX_KEPT);
}

static void one_that_is_away_lacks_it_and_is_told_so(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	cut(&ada);
	fill(&bob, "ada");
	broadcast(&bob, "[1]");
	claim = same_memory(&ada_again, 2, 0);
	assert_int_equal(resume(&ada_again, &claim), RESUME_OVERFLOW);
	assert_true(ada.peer->is_away);
	forget(&bob);
	/* It comes back with a new memory, and the sender hears of that. */
	claim = claim_of(&ada_again, "ada", 2, 3);
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	assert_int_equal(ada_again.messages_count, 0);
	assert_only_loss(&bob, "ada", MAX_KEPT, RESTARTED);
	assert_only_event(&bob, ENVELOPE_PEER_JOINED, "ada");
}

static void a_log_is_limited_in_bytes_too(void **state)
{
	(void)state;
	config.session.max_bytes = 2 * sizeof(struct heard);
	join_both();
	send_all(&bob, "ada", 1, 2);
	assert_int_equal(send_to(&bob, "ada", 3, 2), -ENOBUFS);
	config.session.max_bytes = 100000;
	assert_int_equal(send_to(&bob, "ada", 3, 2), 0);
	/* All of it must fit the output when it is sent again. */
	config.output.max_queued_bytes = 4 * 3 * sizeof(struct heard);
	assert_int_equal(send_to(&bob, "ada", 4, 3), -ENOBUFS);
	config.output.max_queued_bytes = 4 * 4 * sizeof(struct heard);
	assert_int_equal(send_to(&bob, "ada", 4, 3), 0);
}

/* --- a new memory --- */

static void a_new_memory_begins_a_new_log(void **state)
{
	struct hub_resume claim;
	uint64_t epoch;

	(void)state;
	join_both();
	send_all(&bob, "ada", 1, 2);
	epoch = hub_epoch(ada.peer);
	claim = same_memory(&ada_again, 1, 2);
	claim.join.inst = 2;
	claim.join.name = SPAN("Ada");
	claim.join.metadata = SPAN("{}");
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	assert_ptr_equal(ada_again.peer, ada.peer);
	assert_true(ada.is_detached);
	assert_true(hub_epoch(ada.peer) != epoch);
	assert_int_equal(ada_again.messages_count, 0);
	assert_int_equal(ada.peer->inst, 2);
	assert_true(span_equal(ada.peer->name, SPAN("Ada")));
	assert_true(span_equal(ada.peer->metadata, SPAN("{}")));
	assert_not_acked(&bob);
	assert_int_equal(send_to(&bob, "ada", 3, 0), 0);
	assert_true(outlog_reaches(&hub_peer_of(ada.peer)->session->log, 1));
}

static void
others_hear_that_a_peer_begins_anew_and_not_that_it_left(void **state)
{
	struct hub_resume claim = claim_of(&ada_again, "ada", 2, 1);

	(void)state;
	join_both();
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	assert_only_event(&bob, ENVELOPE_PEER_JOINED, "ada");
	assert_int_equal(bob.events[0].fi, 2);
	assert_true(bob.events[0].is_restart);
	assert_int_equal(ada_again.events_count, 0);
}

/* Attempts are counted by a memory, tokens by the peer. */
static void a_new_memory_counts_its_attempts_anew(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	claim = same_memory(&ada_again, 5, 0);
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	claim = claim_of(&ada_third, "ada", 2, 1);
	assert_int_equal(resume(&ada_third, &claim), RESUMED);
	claim = claim_of(&ada, "ada", 2, 1);
	assert_int_equal(resume(&ada, &claim), RESUME_STALE);
}

static void a_new_memory_without_memory_changes_nothing(void **state)
{
	struct hub_resume claim;
	enum hub_resumed verdict = RESUME_REFUSED;
	struct peer *peer;
	long n = 0;
	int err = 0;

	(void)state;
	join_both();
	send_all(&bob, "ada", 1, 1);
	claim = same_memory(&ada_again, 2, 0);
	claim.join.inst = 2;
	claim.join.name = SPAN("Ada");
	for (;;) {
		fail_alloc_at(++n);
		verdict = hub_resume(hub, &claim, &peer, &err);
		(void)fail_alloc_stop();
		if (verdict == RESUMED)
			break;
		assert_int_equal(verdict, RESUME_REFUSED);
		assert_int_equal(err, -ENOMEM);
		assert_untouched();
		assert_int_equal(bob.losses_count, 0);
		assert_int_equal(ada.peer->inst, 1);
	}
	assert_true(n > 1);
	assert_only_loss(&bob, "ada", 1, RESTARTED);
}

/* --- away --- */

static void
a_cut_is_told_as_such_and_as_leaving_at_the_windows_end_only(void **state)
{
	(void)state;
	join_both();
	cut(&bob);
	assert_only_event(&ada, ENVELOPE_PEER_AWAY, "bob");
	assert_true(bob.peer->is_away);
	assert_false(bob.peer->is_leaving);
	pass(WINDOW_MS - 1);
	for (size_t i = 0; i < ada.events_count; i++)
		assert_int_not_equal(ada.events[i].kind, ENVELOPE_PEER_LEFT);
	forget(&ada);
	pass_whole(1);
	assert_only_event(&ada, ENVELOPE_PEER_LEFT, "bob");
	assert_int_equal(ada.events[0].reason, LEAVE_LOST);
	assert_int_equal(hub_peers_count(hub), 1);
}

static void a_window_begins_anew_at_each_cut(void **state)
{
	(void)state;
	join_both();
	cut(&bob);
	pass(WINDOW_MS - 1000);
	come_back(&bob_again, "bob", 0);
	pass_whole(WINDOW_MS);
	assert_int_equal(hub_peers_count(hub), 2);
	cut(&bob_again);
	pass(WINDOW_MS - 1000);
	assert_int_equal(hub_peers_count(hub), 2);
	pass_whole(1000);
	assert_int_equal(hub_peers_count(hub), 1);
}

static void every_resume_is_told_to_those_who_see_the_peer(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	join_as(&eve, "eve", 1, ROLE_WATCHER);
	forget(&bob);
	cut(&ada);
	come_back(&ada_again, "ada", 0);
	assert_int_equal(bob.events_count, 2);
	assert_event(&bob, 0, ENVELOPE_PEER_AWAY, "ada");
	assert_event(&bob, 1, ENVELOPE_PEER_BACK, "ada");
	assert_int_equal(bob.events[1].fi, 1);
	forget(&bob);
	/* Also when nobody knew that it was cut. */
	claim = same_memory(&ada_third, 3, 0);
	assert_int_equal(resume(&ada_third, &claim), RESUMED);
	assert_only_event(&bob, ENVELOPE_PEER_BACK, "ada");
	assert_int_equal(eve.events_count, 0);
	assert_int_equal(ada_third.events_count, 0);
}

static void a_page_that_goes_has_two_seconds(void **state)
{
	(void)state;
	join_both();
	hub_away(hub, bob.peer, LEAVE_LEFT);
	assert_only_event(&ada, ENVELOPE_PEER_AWAY, "bob");
	assert_true(bob.peer->is_leaving);
	assert_int_equal(send_to(&ada, "bob", 1, 0), 0);
	pass(HUB_HOLD_MS - 1);
	come_back(&bob_again, "bob", 0);
	assert_false(bob.peer->is_leaving);
	assert_messages(&bob_again, 1, 1);
	hub_away(hub, bob.peer, LEAVE_LEFT);
	forget(&ada);
	pass_whole(HUB_HOLD_MS);
	assert_only_event(&ada, ENVELOPE_PEER_LEFT, "bob");
	assert_int_equal(ada.events[0].reason, LEAVE_LEFT);
}

static void who_leaves_has_left_at_once_and_for_good(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	claim = same_memory(&ada_again, 2, 0);
	hub_leave(hub, ada.peer, LEAVE_LEFT);
	assert_only_event(&bob, ENVELOPE_PEER_LEFT, "ada");
	assert_int_equal(resume(&ada_again, &claim), RESUME_EXPIRED);
}

static void who_comes_too_late_comes_anew_under_its_id(void **state)
{
	struct hub_resume claim;

	(void)state;
	join_both();
	claim = same_memory(&ada_again, 2, 0);
	cut(&ada);
	pass_whole(WINDOW_MS);
	assert_int_equal(resume(&ada_again, &claim), RESUME_EXPIRED);
	assert_int_equal(hub_peers_count(hub), 1);
	forget(&bob);
	claim.join.inst = 2;
	claim.epoch = 0;
	claim.generation = 4;
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	assert_string_equal(ada_again.peer->id, "ada");
	assert_int_equal(hub_next_generation(ada_again.peer), 5);
	assert_only_event(&bob, ENVELOPE_PEER_JOINED, "ada");
	assert_false(bob.events[0].is_restart);
}

static void a_window_may_be_shortened_while_somebody_is_away(void **state)
{
	(void)state;
	join_both();
	cut(&bob);
	config.session.window_s = 1;
	pass(2000);
	assert_int_equal(hub_peers_count(hub), 2);
	cut(&ada);
	pass_whole(1000);
	assert_int_equal(hub_peers_count(hub), 1);
	assert_true(bob.peer->is_away);
}

/* --- who is away blocks nobody --- */

static void one_that_is_away_takes_no_place_in_a_full_room(void **state)
{
	(void)state;
	config.rooms.max_peers_per_room = 2;
	join_both();
	cut(&ada);
	join(&eve, "eve", 1);
	/* and has its own when it is back */
	come_back(&ada_again, "ada", 0);
	assert_int_equal(hub_peers_count(hub), 3);
}

static void a_broadcaster_that_is_away_makes_way_and_is_told_so(void **state)
{
	struct hub_resume claim;
	int err = 0;

	(void)state;
	join_as(&ada, "ada", 1, ROLE_BROADCASTER);
	join(&bob, "bob", 1);
	claim = same_memory(&ada_again, 2, 0);
	claim.join.role = ROLE_BROADCASTER;
	send_all(&bob, "ada", 1, 1);
	cut(&ada);
	forget(&bob);
	join_as(&eve, "eve", 1, ROLE_BROADCASTER);
	assert_int_equal(bob.events_count, 2);
	assert_event(&bob, 0, ENVELOPE_PEER_LEFT, "ada");
	assert_event(&bob, 1, ENVELOPE_PEER_JOINED, "eve");
	assert_only_loss(&bob, "ada", 1, GONE);
	assert_int_equal(resume(&ada_again, &claim), RESUME_EXPIRED);
	claim.epoch = 0;
	claim.join.inst = 2;
	assert_int_equal(hub_resume(hub, &claim, &ada_again.peer, &err),
			 RESUME_REFUSED);
	assert_int_equal(err, -EEXIST);
	assert_string_equal(eve.expelled_for, "");
}

/* Its server would remember strangers without end. */
static void where_too_many_are_away_the_next_leaves_at_once(void **state)
{
	struct hub_resume claim;

	(void)state;
	config.listen.max_connections = 1;
	join_both();
	join(&eve, "eve", 1);
	forget(&ada);
	cut(&bob);
	cut(&eve);
	assert_int_equal(hub_peers_count(hub), 2);
	assert_int_equal(ada.events_count, 2);
	assert_event(&ada, 1, ENVELOPE_PEER_LEFT, "eve");
	assert_int_equal(ada.events[1].reason, LEAVE_LOST);
	come_back(&bob_again, "bob", 0);
	claim = claim_of(&eve, "eve", 1, 2);
	assert_int_equal(resume(&eve, &claim), RESUMED);
	cut(&eve);
	assert_int_equal(hub_peers_count(hub), 3);
}

/* --- absent: away for so long that others take it for gone --- */

static void
after_a_while_one_that_is_away_is_told_to_be_absent_once(void **state)
{
	(void)state;
	join_both();
	cut(&bob);
	forget(&ada);
	pass(ABSENT_MS - 1);
	assert_int_equal(ada.events_count, 0);
	assert_false(bob.peer->is_absent);
	pass_whole(1);
	assert_only_event(&ada, ENVELOPE_PEER_ABSENT, "bob");
	assert_true(bob.peer->is_absent);
	pass(WINDOW_MS - ABSENT_MS - 2000);
	assert_int_equal(ada.events_count, 1);
	come_back(&bob_again, "bob", 0);
	assert_event(&ada, 1, ENVELOPE_PEER_BACK, "bob");
	assert_true(ada.events[1].was_absent);
	assert_false(bob.peer->is_absent);
	cut(&bob_again);
	forget(&ada);
	come_back(&bob, "bob", 0);
	assert_event(&ada, 0, ENVELOPE_PEER_BACK, "bob");
	assert_false(ada.events[0].was_absent);
}

static void who_was_absent_leaves_and_begins_anew_as_such(void **state)
{
	struct hub_resume claim = claim_of(&bob_again, "bob", 2, 1);

	(void)state;
	join_both();
	cut(&bob);
	pass_whole(ABSENT_MS);
	forget(&ada);
	assert_int_equal(resume(&bob_again, &claim), RESUMED);
	assert_only_event(&ada, ENVELOPE_PEER_JOINED, "bob");
	assert_true(ada.events[0].was_absent);
	cut(&bob_again);
	pass_whole(ABSENT_MS);
	forget(&ada);
	pass_whole(WINDOW_MS);
	assert_only_event(&ada, ENVELOPE_PEER_LEFT, "bob");
	assert_true(ada.events[0].was_absent);
}

static void a_window_that_ends_first_leaves_no_time_to_be_absent(void **state)
{
	(void)state;
	config.session.window_s = 3;
	join_both();
	cut(&bob);
	forget(&ada);
	pass_whole(WINDOW_MS);
	assert_only_event(&ada, ENVELOPE_PEER_LEFT, "bob");
	assert_false(ada.events[0].was_absent);
}

static void a_page_that_goes_is_never_absent(void **state)
{
	(void)state;
	config.socketio.away_s = 1;
	join_both();
	hub_away(hub, bob.peer, LEAVE_LEFT);
	forget(&ada);
	pass_whole(1000);
	assert_int_equal(ada.events_count, 0);
}

/* --- a dialect that keeps what it sends itself --- */

static void a_dialect_may_end_being_away_itself(void **state)
{
	(void)state;
	join(&ada, "ada", 1);
	join(&bob, "bob", 0);
	forget(&ada);
	hub_await(hub, bob.peer);
	assert_only_event(&ada, ENVELOPE_PEER_AWAY, "bob");
	assert_ptr_equal(bob.peer->arg, &bob);
	assert_int_equal(send_to(&ada, "bob", 1, 0), 0);
	assert_messages(&bob, 1, 1);
	pass_whole(100 * WINDOW_MS);
	assert_int_equal(hub_peers_count(hub), 2);
	assert_int_equal(ada.events_count, 2);
	assert_event(&ada, 1, ENVELOPE_PEER_ABSENT, "bob");
	hub_back(hub, bob.peer);
	assert_event(&ada, 2, ENVELOPE_PEER_BACK, "bob");
	assert_true(ada.events[2].was_absent);
	hub_await(hub, bob.peer);
	hub_leave(hub, bob.peer, LEAVE_LOST);
	assert_event(&ada, 4, ENVELOPE_PEER_LEFT, "bob");
	assert_int_equal(hub->away_count, 0);
}

/* Who still waits for it must not be left with a peer that is gone. */
static void a_dialect_hears_that_its_broadcaster_made_way(void **state)
{
	(void)state;
	join_as(&bob, "bob", 0, ROLE_BROADCASTER);
	hub_await(hub, bob.peer);
	join_as(&eve, "eve", 1, ROLE_BROADCASTER);
	assert_string_equal(bob.expelled_for, "role-taken");
	assert_int_equal(hub_peers_count(hub), 1);
	assert_int_equal(hub->away_count, 0);
}

static void those_a_dialect_waits_for_are_its_own_to_end(void **state)
{
	(void)state;
	join_both();
	join(&eve, "eve", 0);
	hub_await(hub, eve.peer);
	cut(&ada);
	cut(&bob);
	hub_end_away(hub);
	assert_int_equal(hub_peers_count(hub), 1);
	assert_true(eve.peer->is_away);
	assert_string_equal(eve.expelled_for, "");
}

/* --- clients that work no more --- */

static void a_client_that_acknowledges_nothing_is_cut(void **state)
{
	(void)state;
	join_both();
	send_all(&bob, "ada", 1, 1);
	pass(2 * WINDOW_MS - 1);
	assert_int_equal(send_to(&bob, "ada", 2, 1), 0);
	ada.why = DETACH_TAKEN_OVER;
	assert_true(ada.peer->arg == &ada && !ada.peer->is_away);
	pass_whole(1);
	assert_int_equal(ada.why, DETACH_STUCK);
	/* The dialect closes it; its client may be better next time. */
	cut(&ada);
	come_back(&ada_again, "ada", 0);
	assert_messages(&ada_again, 1, 2);
	ada_again.why = DETACH_TAKEN_OVER;
	pass(2 * WINDOW_MS - 1);
	assert_int_equal(ada_again.why, DETACH_TAKEN_OVER);
	pass_whole(1);
	assert_int_equal(ada_again.why, DETACH_STUCK);
}

static void one_that_acknowledges_something_is_not(void **state)
{
	(void)state;
	join_both();
	ada.why = DETACH_TAKEN_OVER;
	send_all(&bob, "ada", 1, 4);
	for (uint64_t sn = 1; sn <= 3; sn++) {
		pass(2 * WINDOW_MS - 1000);
		hub_ack(ada.peer, sn);
	}
	assert_int_equal(ada.why, DETACH_TAKEN_OVER);
	/* Saying the same again is nothing. */
	for (int i = 0; i < 3; i++) {
		pass(WINDOW_MS - 1000);
		hub_ack(ada.peer, 3);
	}
	assert_int_equal(ada.why, DETACH_STUCK);
}

static void one_that_has_all_may_be_silent_for_ever(void **state)
{
	(void)state;
	join_both();
	ada.why = DETACH_TAKEN_OVER;
	send_all(&bob, "ada", 1, 2);
	hub_ack(ada.peer, 2);
	pass_whole(10 * WINDOW_MS);
	assert_int_equal(ada.why, DETACH_TAKEN_OVER);
	/* and has its time for the next */
	assert_int_equal(send_to(&bob, "ada", 3, 2), 0);
	pass(2 * WINDOW_MS - 1);
	assert_int_equal(ada.why, DETACH_TAKEN_OVER);
	pass_whole(1);
	assert_int_equal(ada.why, DETACH_STUCK);
}

/* --- the server's restart --- */

static void until_it_is_settled_nobody_is_called_unknown(void **state)
{
	(void)state;
	hub_expect_returns(hub);
	assert_false(hub_is_settled(hub));
	join_both();
	assert_int_equal(send_to(&ada, "eve", 1, 0), -EAGAIN);
	pass(WINDOW_MS - 1);
	assert_int_equal(send_to(&ada, "eve", 1, 0), -EAGAIN);
	pass(1);
	assert_true(hub_is_settled(hub));
	assert_int_equal(send_to(&ada, "eve", 1, 0), -ENOENT);
}

static void one_in_another_room_is_unknown_at_once(void **state)
{
	struct hub_join elsewhere;

	(void)state;
	hub_expect_returns(hub);
	join(&ada, "ada", 1);
	elsewhere = claim_of(&bob, "bob", 1, 1).join;
	elsewhere.room = SPAN("elsewhere");
	assert_int_equal(hub_join(hub, &elsewhere, &bob.peer), 0);
	assert_int_equal(send_to(&ada, "bob", 1, 0), -ENOENT);
}

static void it_is_told_once_to_everybody_that_it_is_settled(void **state)
{
	struct hub_join elsewhere;

	(void)state;
	hub_expect_returns(hub);
	join(&ada, "ada", 1);
	elsewhere = claim_of(&bob, "bob", 1, 1).join;
	elsewhere.room = SPAN("elsewhere");
	assert_int_equal(hub_join(hub, &elsewhere, &bob.peer), 0);
	join_as(&eve, "eve", 0, ROLE_WATCHER);
	pass(0); /* the number of viewers */
	forget(&ada);
	forget(&eve);
	pass(WINDOW_MS);
	assert_only_event(&ada, ENVELOPE_SETTLED, "");
	assert_only_event(&bob, ENVELOPE_SETTLED, "");
	assert_only_event(&eve, ENVELOPE_SETTLED, "");
	forget(&ada);
	pass(WINDOW_MS);
	for (size_t i = 0; i < ada.events_count; i++)
		assert_int_not_equal(ada.events[i].kind, ENVELOPE_SETTLED);
}

static void
a_server_that_expects_nobody_is_settled_and_says_nothing(void **state)
{
	(void)state;
	join(&ada, "ada", 1);
	assert_true(hub_is_settled(hub));
	pass_whole(2 * WINDOW_MS);
	assert_int_equal(ada.events_count, 0);
}

/* Both come back with what they had: id, room, memory; the log is a new one,
 * and nothing of it is acknowledged by a position in the old. */
static void after_a_restart_peers_return_under_their_ids(void **state)
{
	struct hub_resume claim = claim_of(&ada, "ada", 7, 4);

	(void)state;
	hub_expect_returns(hub);
	claim.epoch = 12345;
	claim.last = 9;
	claim.generation = 3;
	assert_int_equal(resume(&ada, &claim), RESUMED);
	assert_string_equal(ada.peer->id, "ada");
	assert_int_equal(ada.peer->inst, 7);
	assert_true(hub_epoch(ada.peer) != 12345);
	assert_int_equal(hub_next_generation(ada.peer), 4);
	assert_int_equal(send_to(&ada, "bob", 21, 0), -EAGAIN);
	claim = claim_of(&bob, "bob", 8, 2);
	claim.epoch = 54321;
	assert_int_equal(resume(&bob, &claim), RESUMED);
	assert_only_event(&ada, ENVELOPE_PEER_JOINED, "bob");
	assert_int_equal(ada.events[0].fi, 8);
	assert_int_equal(send_to(&ada, "bob", 21, 0), 0);
	assert_messages(&bob, 21, 21);
}

/* The second attempt of one whose first answer was lost. */
static void a_return_may_be_tried_again(void **state)
{
	struct hub_resume claim = claim_of(&ada, "ada", 7, 4);

	(void)state;
	hub_expect_returns(hub);
	join(&bob, "bob", 1);
	claim.epoch = 12345;
	claim.last = 9;
	assert_int_equal(resume(&ada, &claim), RESUMED);
	send_all(&bob, "ada", 1, 2);
	claim = claim_of(&ada_again, "ada", 7, 5);
	claim.epoch = 12345;
	claim.last = 9;
	assert_int_equal(resume(&ada_again, &claim), RESUMED);
	assert_messages(&ada_again, 1, 2);
	assert_not_acked(&bob);
}

static struct hub_resume broadcaster_claim(struct line *line, const char *id)
{
	struct hub_resume claim = claim_of(line, id, 1, 2);

	claim.join.role = ROLE_BROADCASTER;
	claim.epoch = 12345;
	return claim;
}

static void
until_it_is_settled_a_role_belongs_to_its_tokens_holder(void **state)
{
	struct hub_resume claim = broadcaster_claim(&ada, "ada");

	(void)state;
	hub_expect_returns(hub);
	join(&bob, "bob", 1);
	join_as(&eve, "eve", 0, ROLE_BROADCASTER);
	forget(&bob);
	assert_int_equal(resume(&ada, &claim), RESUMED);
	assert_string_equal(eve.expelled_for, "role-taken");
	assert_int_equal(bob.events_count, 2);
	assert_event(&bob, 0, ENVELOPE_PEER_LEFT, "eve");
	assert_int_equal(bob.events[0].reason, LEAVE_KICKED);
	assert_event(&bob, 1, ENVELOPE_PEER_JOINED, "ada");
}

/* Also when it was all there was in its room. */
static void a_newcomer_alone_in_its_room_is_expelled_too(void **state)
{
	struct hub_resume claim = broadcaster_claim(&ada, "ada");

	(void)state;
	hub_expect_returns(hub);
	join_as(&eve, "eve", 1, ROLE_BROADCASTER);
	assert_int_equal(resume(&ada, &claim), RESUMED);
	assert_string_equal(eve.expelled_for, "role-taken");
	assert_int_equal(hub_peers_count(hub), 1);
	assert_int_equal(hub_rooms_count(hub), 1);
}

static void another_tokens_holder_keeps_the_role(void **state)
{
	struct hub_resume claim = broadcaster_claim(&eve, "eve");
	int err = 0;

	(void)state;
	hub_expect_returns(hub);
	assert_int_equal(resume(&eve, &claim), RESUMED);
	claim = broadcaster_claim(&ada, "ada");
	assert_int_equal(hub_resume(hub, &claim, &ada.peer, &err),
			 RESUME_REFUSED);
	assert_int_equal(err, -EEXIST);
	assert_string_equal(eve.expelled_for, "");
}

static void once_it_is_settled_a_newcomer_keeps_the_role(void **state)
{
	struct hub_resume claim = broadcaster_claim(&ada, "ada");
	int err = 0;

	(void)state;
	hub_expect_returns(hub);
	join_as(&eve, "eve", 1, ROLE_BROADCASTER);
	pass(WINDOW_MS);
	claim.epoch = 0;
	assert_int_equal(hub_resume(hub, &claim, &ada.peer, &err),
			 RESUME_REFUSED);
	assert_int_equal(err, -EEXIST);
	assert_string_equal(eve.expelled_for, "");
}

static void a_return_without_memory_is_refused_and_leaves_nothing(void **state)
{
	struct hub_resume claim = claim_of(&ada, "ada", 7, 4);
	enum hub_resumed verdict;
	long n = 0;
	int err = 0;

	(void)state;
	hub_expect_returns(hub);
	claim.epoch = 12345;
	claim.join.name = SPAN("Ada");
	for (;;) {
		fail_alloc_at(++n);
		verdict = hub_resume(hub, &claim, &ada.peer, &err);
		(void)fail_alloc_stop();
		if (verdict == RESUMED)
			break;
		assert_int_equal(verdict, RESUME_REFUSED);
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(hub_peers_count(hub), 0);
		assert_int_equal(hub_rooms_count(hub), 0);
	}
	assert_true(n > 4);
}

/* --- kicks, and the end --- */

static void who_is_kicked_goes_at_once(void **state)
{
	(void)state;
	join_both();
	send_all(&bob, "ada", 1, 2);
	assert_int_equal(hub_kick(hub, SPAN("nobody"), "kicked"), -ENOENT);
	assert_int_equal(hub_kick(hub, SPAN("ada"), "kicked"), 0);
	assert_string_equal(ada.expelled_for, "kicked");
	assert_only_event(&bob, ENVELOPE_PEER_LEFT, "ada");
	assert_int_equal(bob.events[0].reason, LEAVE_KICKED);
	assert_only_loss(&bob, "ada", 2, GONE);
	assert_int_equal(hub_kick(hub, SPAN("ada"), "kicked"), -ENOENT);
}

static void also_while_it_is_away(void **state)
{
	(void)state;
	join_both();
	cut(&ada);
	forget(&bob);
	assert_int_equal(hub_kick(hub, SPAN("ada"), "kicked"), 0);
	assert_string_equal(ada.expelled_for, "");
	assert_only_event(&bob, ENVELOPE_PEER_LEFT, "ada");
	pass_whole(WINDOW_MS);
	assert_int_equal(bob.events_count, 1);
}

static void a_server_that_goes_tells_nobody_who_is_cut(void **state)
{
	(void)state;
	join_both();
	hub_drain(hub);
	cut(&bob);
	pass_whole(2 * WINDOW_MS);
	assert_int_equal(ada.events_count, 0);
	assert_true(bob.peer->is_away);
}

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

static void the_hub_ends_with_those_who_are_away(void **state)
{
	struct witness witness = {.waiter.settle = settle};
	struct envelope envelope = signal_of(0, 0);
	int64_t peers = metric_values[METRIC_PEERS];
	int64_t rooms = metric_values[METRIC_ROOMS];

	(void)state;
	join_both();
	join(&eve, "eve", 0);
	send_all(&ada, "bob", 1, 2);
	send_all(&bob, "ada", 1, 2);
	envelope.receipt.waiter = &witness.waiter;
	assert_int_equal(hub_send(hub, eve.peer, SPAN("bob"), &envelope), 0);
	hub_ack(ada.peer, 1);
	cut(&ada);
	cut(&bob);
	hub_await(hub, eve.peer);
	eve.is_detached = true; /* its dialect is gone */
	eve.peer->ops = &(const struct peer_ops){.deliver = deliver};
	eve.peer->arg = NULL;
	hub_end_away(hub);
	assert_int_equal(witness.told, 1);
	assert_int_equal(witness.outcome, GONE);
	assert_int_equal(hub_peers_count(hub), 0);
	assert_int_equal(hub->away_count, 0);
	assert_int_equal(metric_values[METRIC_PEERS], peers);
	assert_int_equal(metric_values[METRIC_ROOMS], rooms);
	assert_int_equal(metric_values[METRIC_PEERS_AWAY], away_before);
}

static void a_hub_without_memory_is_not_made(void **state)
{
	struct hub *other = NULL;
	int err = -ENOMEM;
	long n = 0;

	(void)state;
	while (err) {
		fail_alloc_at(++n);
		err = hub_new(&other, &config, &now);
		(void)fail_alloc_stop();
		if (err)
			assert_int_equal(err, -ENOMEM);
	}
	assert_true(n > 3);
	hub_free(other);
}

static void comings_and_goings_are_logged(void **state)
{
	struct hub_resume claim = claim_of(&ada, "ada", 2, 1);
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	join(&ada, "ada", 1);
	log_configure(LOG_INFO, LOG_TEXT, out);
	cut(&ada);
	come_back(&ada_again, "ada", 0);
	assert_int_equal(resume(&ada, &claim), RESUMED);
	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	(void)fclose(out);
	assert_non_null(strstr(text, "peer.away id=ada room=r\n"));
	assert_non_null(strstr(text, "peer.restart id=ada room=r\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_resumed_peer_keeps_its_id_and_its_room),
		TEST(an_older_memory_never_comes_back),
		TEST(an_attempt_that_is_not_later_touches_nothing),
		TEST(of_two_resumes_that_race_the_later_attempt_wins),
		TEST(also_when_the_later_one_comes_first),
		TEST(the_old_transport_is_detached_before_anything_else),
		TEST(an_older_token_ends_at_the_first_use_of_a_newer),
		TEST(tokens_are_numbered_on_from_the_newest_known),
		TEST(the_id_of_a_peer_without_a_session_is_taken),
		TEST(epochs_are_numbers_for_any_client_and_of_one_log_each),
		TEST(what_was_not_acknowledged_is_sent_again_in_order),
		TEST(the_position_of_a_resume_is_an_acknowledgement),
		TEST(a_position_in_another_log_acknowledges_nothing),
		TEST(a_position_that_was_never_reached_is_not_resumed),
		TEST(a_position_before_what_was_acknowledged_is_not_resumed),
		TEST(what_a_full_log_could_not_keep_is_never_resumed_over),
		TEST(one_that_is_away_lacks_it_and_is_told_so),
		TEST(a_log_is_limited_in_bytes_too),
		TEST(a_new_memory_begins_a_new_log),
		TEST(others_hear_that_a_peer_begins_anew_and_not_that_it_left),
		TEST(a_new_memory_counts_its_attempts_anew),
		TEST(a_new_memory_without_memory_changes_nothing),
		TEST(a_cut_is_told_as_such_and_as_leaving_at_the_windows_end_only),
		TEST(a_window_begins_anew_at_each_cut),
		TEST(every_resume_is_told_to_those_who_see_the_peer),
		TEST(a_page_that_goes_has_two_seconds),
		TEST(who_leaves_has_left_at_once_and_for_good),
		TEST(who_comes_too_late_comes_anew_under_its_id),
		TEST(a_window_may_be_shortened_while_somebody_is_away),
		TEST(one_that_is_away_takes_no_place_in_a_full_room),
		TEST(a_broadcaster_that_is_away_makes_way_and_is_told_so),
		TEST(where_too_many_are_away_the_next_leaves_at_once),
		TEST(after_a_while_one_that_is_away_is_told_to_be_absent_once),
		TEST(who_was_absent_leaves_and_begins_anew_as_such),
		TEST(a_window_that_ends_first_leaves_no_time_to_be_absent),
		TEST(a_page_that_goes_is_never_absent),
		TEST(a_dialect_may_end_being_away_itself),
		TEST(a_dialect_hears_that_its_broadcaster_made_way),
		TEST(those_a_dialect_waits_for_are_its_own_to_end),
		TEST(a_client_that_acknowledges_nothing_is_cut),
		TEST(one_that_acknowledges_something_is_not),
		TEST(one_that_has_all_may_be_silent_for_ever),
		TEST(until_it_is_settled_nobody_is_called_unknown),
		TEST(one_in_another_room_is_unknown_at_once),
		TEST(it_is_told_once_to_everybody_that_it_is_settled),
		TEST(a_server_that_expects_nobody_is_settled_and_says_nothing),
		TEST(after_a_restart_peers_return_under_their_ids),
		TEST(a_return_may_be_tried_again),
		TEST(until_it_is_settled_a_role_belongs_to_its_tokens_holder),
		TEST(a_newcomer_alone_in_its_room_is_expelled_too),
		TEST(another_tokens_holder_keeps_the_role),
		TEST(once_it_is_settled_a_newcomer_keeps_the_role),
		TEST(a_return_without_memory_is_refused_and_leaves_nothing),
		TEST(who_is_kicked_goes_at_once),
		TEST(also_while_it_is_away),
		TEST(a_server_that_goes_tells_nobody_who_is_cut),
		TEST(the_hub_ends_with_those_who_are_away),
		TEST(a_hub_without_memory_is_not_made),
		TEST(comings_and_goings_are_logged),
	};

	log_configure(LOG_ERROR, LOG_TEXT, stderr);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
