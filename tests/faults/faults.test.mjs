// The native client loses nothing, whatever fault is done: each in short. And
// what counts and judges is itself held to what it says.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judge } from './judge.mjs';
import { Ledger } from './ledger.mjs';
import { faults, mix } from './schedule.mjs';
import { runTrial } from './trial.mjs';

const MIX_SEED = 4;

describe('the ledger', () => {
	const ledgerOf = (sent) => {
		const ledger = new Ledger(1);
		for (let i = 0; i < sent; i++)
			ledger.send(0);
		return ledger;
	};

	test('counts_what_never_arrived_and_what_of_it_was_acknowledged', () => {
		const ledger = ledgerOf(3);
		ledger.deliver(0, 1);
		ledger.acknowledge(0, 1);
		ledger.acknowledge(0, 2);
		ledger.fail(0, 3, 'timeout');
		const counts = ledger.counts();
		assert.equal(counts.delivered, 1);
		assert.equal(counts.lost, 2);
		assert.equal(counts.lostAcknowledged, 1);
		assert.equal(counts.failed, 1);
		assert.equal(counts.untold, 0);
	});

	test('knows_repeated_reordered_and_unsent_messages', () => {
		const ledger = ledgerOf(3);
		for (const n of [2, 1, 2, 3, 4])
			ledger.deliver(0, n);
		const { repeated, reordered, unknown, lost } = ledger.counts();
		assert.deepEqual({ repeated, reordered, unknown, lost }, { repeated: 1, reordered: 1, unknown: 1, lost: 0 });
	});

	test('knows_an_acknowledgement_that_came_before_the_message', () => {
		const ledger = ledgerOf(2);
		ledger.acknowledge(0, 1);
		ledger.deliver(0, 1);
		ledger.deliver(0, 2);
		ledger.acknowledge(0, 2);
		assert.equal(ledger.counts().early, 1);
	});

	test('has_in_flight_what_was_sent_and_not_told_at_a_cut', () => {
		const ledger = ledgerOf(3);
		ledger.acknowledge(0, 2);
		ledger.loseConnection(0);
		ledger.loseConnection(0);
		ledger.send(0);
		assert.equal(ledger.counts().inFlight, 2);
	});

	test('waits_for_the_first_and_the_last_pair_after_a_restart', () => {
		const ledger = new Ledger(2);
		ledger.send(0);
		ledger.send(1);
		const since = performance.now();
		ledger.deliver(0, 1);
		assert.ok(ledger.resumedAfter(since - 1).firstMs >= 1);
		assert.ok(Number.isNaN(ledger.resumedAfter(since - 1).lastMs));
	});
});

describe('the judge', () => {
	const clean = { who: 'native', fault: 'kill', seconds: 1, rate: 1, pairs: 1, sent: 1, delivered: 1,
		lost: 0, lostAcknowledged: 0, early: 0, repeated: 0, reordered: 0, untold: 0, failed: 0, unknown: 0,
		newIds: 0, inFlight: 0, returns: [{ firstMs: 100, lastMs: 200 }] };

	test('finds_nothing_wrong_with_a_clean_run', () => {
		assert.deepEqual(judge(clean), []);
	});

	for (const bad of ['lost', 'lostAcknowledged', 'early', 'repeated', 'reordered', 'untold', 'failed', 'unknown', 'newIds'])
		test(`minds_one_${bad}`, () => assert.equal(judge({ ...clean, [bad]: 1 }).length, 1));

	test('minds_a_late_return_and_none', () => {
		for (const firstMs of [2001, Infinity])
			assert.equal(judge({ ...clean, returns: [{ firstMs }] }).length, 1);
	});

	test('minds_what_a_Socket.IO_server_loses_that_stood_still', () => {
		const stop = { ...clean, who: 'socketio', fault: 'stop', sent: 1000, rate: 1000, returns: [] };
		assert.deepEqual(judge({ ...stop, lost: 10 }), []);
		assert.equal(judge({ ...stop, lost: 11 }).length, 1);
	});

	test('lets_a_cut_sender_of_Socket.IO_lose_only_what_was_in_flight', () => {
		const cut = { ...clean, who: 'socketio', fault: 'sender', lost: 2, returns: [] };
		assert.deepEqual(judge({ ...cut, inFlight: 2 }), []);
		assert.equal(judge({ ...cut, inFlight: 1 }).length, 1);
		assert.equal(judge({ ...cut, inFlight: 2, retries: 5 }).length, 1);
	});
});

describe('a mix', () => {
	test('is_the_same_for_the_same_seed_and_another_for_another', () => {
		assert.deepEqual(mix(60, 7), mix(60, 7));
		assert.notDeepEqual(mix(60, 7), mix(60, 8));
	});

	test('has_every_fault_and_ends_with_all_in_working_order', () => {
		for (let seed = 0; seed < 20; seed++) {
			const steps = mix(60, seed);
			const count = (what) => steps.filter((step) => step[1] === what).length;
			for (const what of ['cut', 'refuse', 'kill', 'restart', 'stop'])
				assert.ok(count(what) > 0, `${what} of seed ${seed}`);
			for (const [begin, end] of [['refuse', 'accept'], ['kill', 'start'], ['stop', 'continue']])
				assert.equal(count(begin), count(end));
		}
	});
});

describe('native clients lose nothing', () => {
	for (const [fault, { what }] of Object.entries(faults)) {
		test(`when ${what}, in short`, async () => {
			const counts = await runTrial({ who: 'native', fault, isQuick: true, seed: MIX_SEED });
			assert.deepEqual(judge(counts), [], JSON.stringify(counts));
		});
	}
});
