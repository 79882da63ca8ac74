// The receiver's rules of the delivery protocol.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Inbox } from '../../web/client/inbox.js';

const ADA = 3;

function start({ epoch = 100, inView = ['ada'] } = {}) {
	const clock = { ms: 0 };
	const inbox = new Inbox(() => clock.ms);
	const had = [];
	inbox.begin(epoch);
	for (const id of inView)
		inbox.arrived(id);
	/** Whether the chain was whole. */
	const take = (n, p, more = {}) => inbox.receive({ from: 'ada', fi: ADA, n, p, ...more }, () => had.push(n));
	return { inbox, clock, take, had };
}

describe('R1: the position', () => {
	test('counts every numbered frame, delivered or not', () => {
		const { inbox, take } = start();
		take(1, 0);
		take(1, 0);
		inbox.receive({ from: 'plain' }, () => {});
		assert.equal(inbox.position, 3);
	});

	test('stays where the log is the one from before', () => {
		const { inbox, take } = start();
		take(1, 0);
		inbox.begin(100);
		assert.equal(inbox.position, 1);
	});

	test('is nothing in another log: the first message of a restarted server is new', () => {
		const { inbox, take, had } = start();
		take(1, 0);
		take(2, 1);
		inbox.begin(200);
		assert.deepEqual([inbox.epoch, inbox.position], [200, 0]);
		take(3, 2);
		assert.deepEqual([inbox.position, had], [1, [1, 2, 3]]);
	});
});

describe('R2: a message', () => {
	test('comes once: what is repeated by its sender is dropped', () => {
		const { inbox, take, had } = start();
		take(1, 0);
		take(2, 1);
		inbox.begin(200); // the sender goes back: its server has forgotten
		take(1, 0);
		take(2, 1);
		take(3, 2);
		assert.deepEqual([had, inbox.position], [[1, 2, 3], 3]);
	});

	test('whose predecessor has not come is a sign that the server is wrong, and is not had', () => {
		const { inbox, take, had } = start();
		assert.equal(take(1, 0), true);
		assert.equal(take(3, 2), false);
		assert.deepEqual([had, inbox.position], [[1], 1]);
	});

	test('may leave out numbers that were given up, or were for others', () => {
		const { take, had } = start();
		take(1, 0);
		assert.equal(take(7, 1), true);
		assert.equal(take(9, 0), true);
		assert.deepEqual(had, [1, 7, 9]);
	});

	test('of a new memory of its sender starts a new count', () => {
		const { take, had } = start();
		take(5, 0);
		assert.equal(take(1, 0, { fi: ADA + 1 }), true);
		assert.deepEqual(had, [5, 1]);
	});

	test('of an old memory is dropped, and counted', () => {
		const { inbox, take, had } = start();
		take(1, 0, { fi: ADA + 1 });
		take(9, 0);
		assert.deepEqual([had, inbox.position], [[1], 2]);
	});

	test('without a number comes as it is, but not from an old memory', () => {
		const { take, had } = start();
		take(undefined);
		take(undefined);
		take(undefined, undefined, { fi: ADA + 1 });
		take(undefined);
		assert.equal(had.length, 3);
	});

	test('of a client without a session comes as often as it was sent', () => {
		const { inbox, had } = start();
		for (let i = 0; i < 2; i++)
			inbox.receive({ from: 'plain', fi: undefined, n: undefined }, () => had.push('x'));
		assert.deepEqual(had, ['x', 'x']);
	});

	test('of one sender is not held against another', () => {
		const { inbox, take, had } = start();
		take(5, 0);
		inbox.receive({ from: 'bob', fi: ADA, n: 1, p: 0 }, () => had.push('bob'));
		assert.deepEqual(had, [5, 'bob']);
	});
});

describe('R3: an acknowledgement', () => {
	test('does not cover a message before the application has had it', () => {
		const { inbox } = start();
		const inside = [];
		inbox.receive({ from: 'ada', fi: ADA, n: 1 }, () => inside.push(inbox.takeSn(), inbox.position));
		assert.deepEqual(inside, [undefined, 0]);
		assert.equal(inbox.takeSn(), 1);
	});

	test('is said once', () => {
		const { inbox, take } = start();
		take(1, 0);
		take(2, 1);
		assert.equal(inbox.unacked, 2);
		assert.deepEqual([inbox.takeSn(), inbox.takeSn(), inbox.unacked], [2, undefined, 0]);
	});

	test('is said by the resumption itself: what was open before it is not said again', () => {
		const { inbox, take } = start();
		take(1, 0);
		inbox.begin(100);
		assert.equal(inbox.takeSn(), undefined);
		take(2, 1);
		assert.equal(inbox.takeSn(), 2);
	});
});

describe('R4: senders that have left', () => {
	test('are remembered, so that nothing of theirs comes twice after their return', () => {
		const { inbox, take, had } = start();
		take(4, 0);
		inbox.departed('ada');
		take(4, 0);
		inbox.arrived('ada');
		take(4, 0);
		take(5, 4);
		assert.deepEqual(had, [4, 5]);
	});

	test('are forgotten after ten minutes, not before', () => {
		const { inbox, clock, take, had } = start({ inView: ['ada', 'bob'] });
		take(1, 0);
		take(1, 0, { from: 'bob' });
		inbox.departed('ada');
		clock.ms += 1;
		inbox.departed('bob');
		clock.ms += 599999;
		take(1, 0, { from: 'zoe' });
		had.splice(0);
		take(1, 0, { from: 'bob' });
		assert.deepEqual(had, []);
		take(1, 0);
		assert.deepEqual(had, [1]);
	});

	test('are at most ten thousand, and those in view are none of them', () => {
		const { inbox, take, had } = start({ inView: ['ada', 'bob'] });
		inbox.arrived('zoe');
		take(1, 0, { from: 'zoe' });
		for (let i = 0; i < 10001; i++)
			take(1, 0, { from: `p${i}` });
		had.splice(0);
		take(1, 0, { from: 'zoe' });
		take(1, 0, { from: 'p1' });
		assert.deepEqual(had, []);
		take(1, 0, { from: 'p0' });
		assert.deepEqual(had, [1]);
	});

	test('that are out of view but speak are not forgotten for it', () => {
		const { clock, take, had } = start({ inView: [] });
		take(1, 0);
		clock.ms += 500000;
		take(2, 1);
		clock.ms += 500000;
		take(1, 0, { from: 'bob' });
		had.splice(0);
		take(2, 1);
		assert.deepEqual(had, []);
	});

	test('are forgotten though others that came before them still speak', () => {
		const { clock, take, had } = start({ inView: [] });
		take(1, 0);
		take(1, 0, { from: 'bob' });
		clock.ms += 500000;
		take(2, 1);
		clock.ms += 100000;
		take(1, 0, { from: 'zoe' });
		had.splice(0);
		take(1, 0, { from: 'bob' });
		assert.deepEqual(had, [1]);
	});
});

test('a new memory of ours knows nothing', () => {
	const { inbox, take, had } = start();
	take(1, 0);
	inbox.reset();
	assert.deepEqual([inbox.epoch, inbox.position, inbox.takeSn()], [0, 0, undefined]);
	inbox.begin(200);
	take(1, 0);
	assert.deepEqual(had, [1, 1]);
});
